//! Who works there, and where.

use std::collections::HashMap;

use throng::model::command::{
    DepartmentV1, GroupStateV1, GroupV1, ListDepartmentsV1, ListMembersV1, ListPeopleV1, PersonV1,
    Reply, TaggedCommand as T,
};
use throng::wire::{DepartmentId, GroupId, PersonId};

use crate::enterprise_year::world::{World, reply};

// The platform team.
pub(crate) const WANG: &str = "王芳";
pub(crate) const LI: &str = "李娜";
pub(crate) const ZHANG: &str = "张伟";
// The front end's.
pub(crate) const LIU: &str = "刘洋";
pub(crate) const CHEN: &str = "陈静";
pub(crate) const YANG: &str = "杨帆";
// Sales; Zhao runs it.
pub(crate) const ZHAO: &str = "赵磊";
pub(crate) const HUANG: &str = "黄敏";
pub(crate) const ZHOU: &str = "周杰";
pub(crate) const WU: &str = "吴迪";
// The head office: the two super admins.
pub(crate) const SUN: &str = "孙悦";
pub(crate) const MA: &str = "马超";

pub(crate) const DEVELOPMENT: &str = "总部/研发";
pub(crate) const PLATFORM: &str = "总部/研发/平台";
pub(crate) const SALES: &str = "总部/销售";

/// The people and departments as they were in January, by name and path.
pub(crate) struct Company {
    people: HashMap<String, PersonId>,
    departments: HashMap<String, DepartmentId>,
}

impl Company {
    /// Reads it from the directory.
    pub(crate) fn read(world: &World) -> Self {
        let (after, limit) = (PersonId(0), 1_000);
        let people = T::ListPeople(ListPeopleV1 { after, limit });
        let people = reply!(world.ask(people), People).people.into_iter();
        let after = DepartmentId(0);
        let departments = T::ListDepartments(ListDepartmentsV1 { after, limit });
        let departments = reply!(world.ask(departments), Departments).departments;
        let departments = departments.into_iter().map(|state| {
            let department = state.department;
            let get = T::GetDepartment(DepartmentV1 { department });
            (reply!(world.ask(get), Department).path, department)
        });
        Self {
            people: people.map(|entry| (entry.name, entry.person)).collect(),
            departments: departments.collect(),
        }
    }

    pub(crate) fn id(&self, name: &str) -> PersonId {
        self.people[name]
    }

    pub(crate) fn ids(&self, names: &[&str]) -> Vec<PersonId> {
        names.iter().map(|name| self.id(name)).collect()
    }

    pub(crate) fn department(&self, path: &str) -> DepartmentId {
        self.departments[path]
    }

    /// Everybody, by id.
    pub(crate) fn everybody(&self) -> Vec<PersonId> {
        let mut everybody: Vec<_> = self.people.values().copied().collect();
        everybody.sort_unstable();
        everybody
    }
}

/// The groups that live through the year.
pub(crate) struct Groups {
    /// Follows 总部/研发.
    pub(crate) development: GroupId,
    /// Follows 总部/销售.
    pub(crate) sales: GroupId,
    /// With customers.
    pub(crate) external: GroupId,
}

/// What summer brought.
pub(crate) struct Summer {
    /// In the order in which they came.
    pub(crate) customers: Vec<PersonId>,
    /// A project team's group.
    pub(crate) project: GroupId,
}

impl World {
    /// What the enterprise is told of a group.
    pub(crate) fn group(&self, group: GroupId) -> GroupStateV1 {
        reply!(self.ask(T::GetGroup(GroupV1 { group })), Group)
    }

    /// Who is in a group, by id.
    pub(crate) fn members(&self, group: GroupId) -> Vec<PersonId> {
        let list = T::ListMembers(ListMembersV1 {
            group,
            after: PersonId(0),
            limit: 1_000,
        });
        let members = reply!(self.ask(list), Members).members.into_iter();
        members.map(|member| member.person).collect()
    }

    /// The groups that a person sees.
    pub(crate) fn groups_of(&self, person: PersonId) -> Vec<GroupId> {
        reply!(self.ask(T::ListGroups(PersonV1 { person })), Groups).groups
    }
}
