//! What departments are after an event, who is in them, and who is in a following group by hand.
//! An event that does not fit changes nothing.

use crate::model::command::{OrgRole, VisibilityV1};
use crate::model::event::{
    DepartmentCreatedV1, DepartmentMovedV1, DepartmentRemovedV1, DepartmentRenamedV1, GroupBoundV1,
    PersonMovedV1, VisibilitySetV1,
};
use crate::model::state::{DepartmentIndex, GroupIndex, PersonIndex, Tenant, insert_snug};
use crate::wire::DepartmentId;

use super::{Department, Departments, Visibility};

/// The parent an event names: none for a root. `Err` where there is no such department.
fn parent_of(departments: &Departments, id: DepartmentId) -> Result<Option<DepartmentIndex>, ()> {
    match id {
        DepartmentId(0) => Ok(None),
        id => departments.standing(id).map(Some).ok_or(()),
    }
}

pub(crate) fn create(tenant: &mut Tenant, created: &DepartmentCreatedV1) {
    let departments = &mut tenant.departments;
    let Ok(parent) = parent_of(departments, created.parent) else {
        return;
    };
    let is_next = created.department == DepartmentId(departments.list.len() as u64 + 1);
    if !is_next || departments.child(parent, &created.name).is_some() {
        return;
    }
    let department = Department::new(&created.name, parent);
    departments.list.push(department);
    departments.standing += 1;
    if let Some(index) = departments.find(created.department) {
        departments.attach(index);
    }
}

pub(crate) fn rename(tenant: &mut Tenant, renamed: &DepartmentRenamedV1) {
    let departments = &mut tenant.departments;
    let Some(index) = departments.standing(renamed.department) else {
        return;
    };
    let parent = departments.get(index).parent;
    if departments.child(parent, &renamed.name).is_some() {
        return;
    }
    departments.detach(index);
    departments.get_mut(index).name = renamed.name.as_str().into();
    departments.attach(index);
}

pub(crate) fn move_below(tenant: &mut Tenant, moved: &DepartmentMovedV1) {
    let departments = &mut tenant.departments;
    let (Some(index), Ok(parent)) = (
        departments.standing(moved.department),
        parent_of(departments, moved.parent),
    ) else {
        return;
    };
    let is_cycle = parent.is_some_and(|parent| departments.is_within(parent, index));
    let name = &departments.get(index).name;
    if is_cycle || departments.child(parent, name).is_some() {
        return;
    }
    departments.detach(index);
    departments.get_mut(index).parent = parent;
    departments.attach(index);
}

pub(crate) fn remove(tenant: &mut Tenant, removed: &DepartmentRemovedV1) {
    let departments = &mut tenant.departments;
    let Some(index) = departments.standing(removed.department) else {
        return;
    };
    let department = departments.get(index);
    if !(department.people.is_empty()
        && department.children.is_empty()
        && department.groups.is_empty())
    {
        return;
    }
    departments.detach(index);
    departments.standing -= 1;
    let department = departments.get_mut(index);
    department.removed = true;
    department.admins = Vec::new();
    department.visibility = Visibility::Everyone;
}

pub(crate) fn set_visibility(tenant: &mut Tenant, set: &VisibilitySetV1) {
    let Some(index) = tenant.departments.standing(set.department) else {
        return;
    };
    let to = visibility(tenant, &set.to);
    tenant.departments.get_mut(index).visibility = to;
}

/// As kept: lists in order, without what is not there.
pub(super) fn visibility(tenant: &Tenant, to: &VisibilityV1) -> Visibility {
    match to {
        VisibilityV1::Everyone => Visibility::Everyone,
        VisibilityV1::ItsMembers => Visibility::ItsMembers,
        VisibilityV1::Departments(list) => {
            let found = list.iter().filter_map(|id| tenant.departments.find(*id));
            Visibility::Departments(in_order(found))
        }
        VisibilityV1::People(list) => {
            let found = list.iter().filter_map(|id| tenant.find_person(*id));
            Visibility::People(in_order(found))
        }
    }
}

fn in_order<T: Ord>(list: impl Iterator<Item = T>) -> Box<[T]> {
    let mut list: Vec<T> = list.collect();
    list.sort_unstable();
    list.dedup();
    list.into()
}

/// Sets a person's departments, on both sides.
pub(crate) fn place(tenant: &mut Tenant, moved: &PersonMovedV1) {
    let Some(person) = tenant.find_person(moved.person) else {
        return;
    };
    if tenant.person(person).has_departed() || !tenant.is_employee(person) {
        return;
    }
    let found = moved.departments.iter();
    let after = in_order(found.filter_map(|id| tenant.departments.standing(*id)));
    set_departments(tenant, person, after);
}

fn set_departments(tenant: &mut Tenant, person: PersonIndex, after: Box<[DepartmentIndex]>) {
    let before = core::mem::take(&mut tenant.person_mut(person).departments);
    for department in before.iter().filter(|it| !after.contains(it)) {
        let people = &mut tenant.departments.get_mut(*department).people;
        if let Ok(at) = people.binary_search(&person) {
            people.remove(at);
        }
    }
    for department in &after {
        let people = &mut tenant.departments.get_mut(*department).people;
        if let Err(at) = people.binary_search(&person) {
            insert_snug(people, at, person);
        }
    }
    tenant.person_mut(person).departments = after;
}

/// Takes who has left the company out of every department, and from its admins.
pub(crate) fn remove_person(tenant: &mut Tenant, person: PersonIndex) {
    set_departments(tenant, person, Box::default());
    if tenant.person(person).role == OrgRole::DepartmentAdmin {
        for department in &mut tenant.departments.list {
            department.admins.retain(|admin| *admin != person);
        }
    }
}

pub(crate) fn start_following(tenant: &mut Tenant, bound: &GroupBoundV1) {
    let (Some(group), Some(department)) = (
        tenant.find_group(bound.group),
        tenant.departments.standing(bound.department),
    ) else {
        return;
    };
    let known = tenant.group_mut(group);
    if known.department.is_some_and(|other| other != department) {
        return;
    }
    known.department = Some(department);
    known.follows_department = true;
    bind(tenant, group);
}

/// Lists a group with the department it is bound to. Where it follows that, who of its members is
/// not in the department is there by hand.
pub(crate) fn bind(tenant: &mut Tenant, group: GroupIndex) {
    let known = tenant.group(group);
    let Some(department) = known.department else {
        return;
    };
    let outside: Vec<_> = if known.follows_department {
        let within = |person: &PersonIndex| {
            let mut departments = tenant.person(*person).departments.iter();
            departments.any(|it| tenant.departments.is_within(*it, department))
        };
        let members = known.members.iter().copied();
        let mut outside: Vec<_> = members.filter(|member| !within(member)).collect();
        outside.sort_unstable();
        outside
    } else {
        Vec::new()
    };
    let departments = &mut tenant.departments;
    departments.by_hand.remove(&group);
    if !outside.is_empty() {
        departments.by_hand.insert(group, outside);
    }
    let groups = &mut departments.get_mut(department).groups;
    if let Err(at) = groups.binary_search(&group) {
        insert_snug(groups, at, group);
    }
}

/// A dissolved group is bound to nothing.
pub(crate) fn group_ended(tenant: &mut Tenant, group: GroupIndex) {
    let Some(department) = tenant.group(group).department else {
        return;
    };
    let departments = &mut tenant.departments;
    let groups = &mut departments.get_mut(department).groups;
    groups.retain(|bound| *bound != group);
    departments.by_hand.remove(&group);
}

/// Somebody brought `person` into `group`, or they came by themselves.
pub(crate) fn joined_by_hand(tenant: &mut Tenant, group: GroupIndex, person: PersonIndex) {
    if !tenant.group(group).follows_department {
        return;
    }
    let people = tenant.departments.by_hand.entry(group).or_default();
    if let Err(at) = people.binary_search(&person) {
        insert_snug(people, at, person);
    }
}

/// `person` is in `group` no more.
pub(crate) fn left_group(tenant: &mut Tenant, group: GroupIndex, person: PersonIndex) {
    if !tenant.group(group).follows_department {
        return;
    }
    let by_hand = &mut tenant.departments.by_hand;
    let Some(people) = by_hand.get_mut(&group) else {
        return;
    };
    people.retain(|other| *other != person);
    if people.is_empty() {
        by_hand.remove(&group);
    }
}
