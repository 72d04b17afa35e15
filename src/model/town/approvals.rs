//! Admins, departments and what waits for approval.

use super::{Town, new_person};
use crate::model::command::{
    Actor, AddPeopleV1, ApprovalDecidedV1, ApprovalIdV1, ApprovalStateV1, ConfigureGroupV1,
    DecideApprovalV1, OrgRole, PersonKind, PersonStatus, Reply, SettingsChangeV1,
    TaggedCommand as T,
};
use crate::model::department::Department;
use crate::model::refusal::Refusal;
use crate::model::state::Tenant;
use crate::wire::{ApprovalId, DepartmentId, GroupId, PersonId};

impl Town {
    pub(crate) fn with_role(&mut self, role: OrgRole) -> PersonId {
        let people = vec![new_person(PersonKind::Employee, role)];
        self.added(AddPeopleV1 { people })[0]
    }

    fn tenant_mut(&mut self) -> &mut Tenant {
        self.state.tenant_mut(self.tenant).unwrap()
    }

    /// A department below `parent`, run by `admins`; not in the log.
    pub(crate) fn lay_out_department(
        &mut self,
        parent: Option<DepartmentId>,
        admins: &[PersonId],
        people: &[PersonId],
    ) -> DepartmentId {
        let tenant = self.tenant_mut();
        let found = |people: &[PersonId]| {
            let people = people.iter().map(|person| tenant.find_person(*person));
            let mut people: Vec<_> = people.map(Option::unwrap).collect();
            people.sort_unstable();
            people
        };
        let parent = parent.map(|parent| tenant.departments.find(parent).unwrap());
        let mut department = Department::new("Department", parent);
        department.people = found(people);
        department.admins = found(admins);
        let members = department.people.clone();
        tenant.departments.list.push(department);
        let id = DepartmentId(tenant.departments.list.len() as u64);
        let index = tenant.departments.find(id).unwrap();
        for member in members {
            tenant.person_mut(member).departments = [index].into();
        }
        id
    }

    /// Binds a group to a department; not in the log.
    pub(crate) fn bind(&mut self, group: GroupId, department: DepartmentId) {
        let tenant = self.tenant_mut();
        let department = tenant.departments.find(department);
        let group = tenant.find_group(group).unwrap();
        tenant.group_mut(group).department = department;
    }

    /// Lets owner and admins of a group rename it.
    pub(crate) fn unlock_name(&mut self, group: GroupId) {
        let change = SettingsChangeV1 {
            invite: None,
            name_locked: Some(false),
            hide_contacts: None,
            confirm: None,
            confirm_above: None,
            history: None,
            welcome: None,
            receipts: None,
        };
        let configure = ConfigureGroupV1 { group, change };
        self.ask(Actor::Enterprise, T::ConfigureGroup(configure))
            .unwrap();
    }

    /// Freezes or thaws an account; not in the log.
    pub(crate) fn set_frozen(&mut self, person: PersonId, is_frozen: bool) {
        let tenant = self.tenant_mut();
        let person = tenant.find_person(person).unwrap();
        tenant.person_mut(person).status = if is_frozen {
            PersonStatus::Frozen
        } else {
            PersonStatus::Active
        };
    }

    /// Asks for what needs approval.
    pub(crate) fn request(&mut self, actor: Actor, command: T) -> Result<ApprovalId, Refusal> {
        match self.ask(actor, command)? {
            Reply::ApprovalPending(pending) => Ok(pending.approval),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn decide(
        &mut self,
        actor: Actor,
        approval: ApprovalId,
        approve: bool,
    ) -> Result<ApprovalDecidedV1, Refusal> {
        let decide = DecideApprovalV1 {
            approval,
            approve,
            reason: "因为".to_owned(),
        };
        match self.ask(actor, T::DecideApproval(decide))? {
            Reply::ApprovalDecided(decided) => Ok(decided),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn approval(&mut self, approval: ApprovalId) -> ApprovalStateV1 {
        let get = ApprovalIdV1 { approval };
        match self.ask(Actor::Enterprise, T::GetApproval(get)) {
            Ok(Reply::Approval(state)) => state,
            other => panic!("{other:?}"),
        }
    }
}
