//! A [`Town`]'s departments, and groups that follow them.

use crate::model::command::{
    Actor, CreateDepartmentV1, DepartmentV1, DepartmentsPageV1, FollowDepartmentV1,
    ListDepartmentsV1, MoveDepartmentV1, MovePersonV1, OrgRole, Reply, SetVisibilityV1,
    TaggedCommand as T, VisibilityV1,
};
use crate::model::refusal::Refusal;
use crate::wire::{DepartmentId, GroupId, PersonId};

use super::Town;

/// What is above a root.
pub(crate) const NO_DEPARTMENT: DepartmentId = DepartmentId(0);

impl Town {
    pub(crate) fn department(&mut self, name: &str, parent: DepartmentId) -> DepartmentId {
        self.create_department(Actor::Enterprise, name, parent)
            .unwrap()
    }

    pub(crate) fn create_department(
        &mut self,
        actor: Actor,
        name: &str,
        parent: DepartmentId,
    ) -> Result<DepartmentId, Refusal> {
        let name = name.to_owned();
        match self.ask(
            actor,
            T::CreateDepartment(CreateDepartmentV1 { name, parent }),
        )? {
            Reply::DepartmentCreated(created) => Ok(created.department),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn move_department(
        &mut self,
        actor: Actor,
        department: DepartmentId,
        parent: DepartmentId,
    ) -> Result<(), Refusal> {
        let moved = MoveDepartmentV1 { department, parent };
        self.ask(actor, T::MoveDepartment(moved)).map(drop)
    }

    pub(crate) fn remove_department(&mut self, department: DepartmentId) -> Result<(), Refusal> {
        let remove = DepartmentV1 { department };
        self.ask(Actor::Enterprise, T::RemoveDepartment(remove))
            .map(drop)
    }

    pub(crate) fn show_department(&mut self, department: DepartmentId, to: VisibilityV1) {
        let set = SetVisibilityV1 { department, to };
        self.ask(Actor::Enterprise, T::SetVisibility(set)).unwrap();
    }

    pub(crate) fn move_person(
        &mut self,
        actor: Actor,
        person: PersonId,
        departments: &[DepartmentId],
    ) -> Result<(), Refusal> {
        let departments = departments.to_vec();
        let moved = MovePersonV1 {
            person,
            departments,
        };
        self.ask(actor, T::MovePerson(moved)).map(drop)
    }

    /// Puts a person into departments.
    pub(crate) fn place(&mut self, person: PersonId, departments: &[DepartmentId]) {
        self.move_person(Actor::Enterprise, person, departments)
            .unwrap();
    }

    /// Makes a group follow a department.
    pub(crate) fn follow(&mut self, group: GroupId, department: DepartmentId) {
        let follow = FollowDepartmentV1 { group, department };
        self.ask(Actor::Enterprise, T::FollowDepartment(follow))
            .unwrap();
    }

    /// Who is in a group, by id.
    pub(crate) fn people_in(&mut self, group: GroupId) -> Vec<PersonId> {
        self.members(group).iter().map(|it| it.person).collect()
    }

    pub(crate) fn departments_page(
        &mut self,
        actor: Actor,
        after: DepartmentId,
        limit: u32,
    ) -> DepartmentsPageV1 {
        match self.ask(
            actor,
            T::ListDepartments(ListDepartmentsV1 { after, limit }),
        ) {
            Ok(Reply::Departments(page)) => page,
            other => panic!("{other:?}"),
        }
    }

    /// The departments that `actor` sees.
    pub(crate) fn departments_seen(&mut self, actor: Actor) -> Vec<DepartmentId> {
        let page = self.departments_page(actor, NO_DEPARTMENT, 1_000);
        page.departments.iter().map(|it| it.department).collect()
    }

    /// Makes a person admin of a department, and of no other.
    pub(crate) fn appoint_admin(&mut self, person: PersonId, department: DepartmentId) {
        let role = OrgRole::DepartmentAdmin;
        self.set_org_role(Actor::Enterprise, person, role, &[department])
            .unwrap();
    }
}
