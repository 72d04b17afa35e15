//! Departments as a snapshot has them, with who is in them; and, after the groups, who is in
//! which of them by hand.

use crate::model::body::body;
use crate::model::command::VisibilityV1;
use crate::model::event::GroupStatus;
use crate::model::state::{DepartmentIndex, GroupIndex, PersonIndex, Tenant};
use crate::wire::{DepartmentId, GroupId, PersonId};

use super::{Department, Departments, Visibility};

body! {
    /// Departments by id.
    DepartmentsStateV1 {
        list: Vec<DepartmentStateV1>,
    }
}
body! {
    /// One department.
    DepartmentStateV1 {
        name: String,
        /// 0 for a root.
        parent: DepartmentId,
        removed: bool,
        people: Vec<PersonId>,
        admins: Vec<PersonId>,
        visibility: VisibilityV1,
    }
}
body! {
    /// Who is in following groups by hand, by group.
    FollowingStateV1 {
        by_hand: Vec<ByHandV1>,
    }
}
body! {
    /// Who is in one following group by hand.
    ByHandV1 {
        group: GroupId,
        people: Vec<PersonId>,
    }
}

pub(crate) fn write(tenant: &Tenant) -> DepartmentsStateV1 {
    // Destructured, so that a new field cannot be forgotten.
    let Departments {
        list,
        roots: _,
        standing: _,
        by_hand: _,
    } = &tenant.departments;
    DepartmentsStateV1 {
        list: list.iter().map(write_department).collect(),
    }
}

fn write_department(department: &Department) -> DepartmentStateV1 {
    let Department {
        name,
        parent,
        removed,
        people,
        admins,
        visibility,
        children: _,
        groups: _,
    } = department;
    DepartmentStateV1 {
        name: name.to_string(),
        parent: parent.map_or(DepartmentId(0), DepartmentIndex::id),
        removed: *removed,
        people: people.iter().map(|person| person.id()).collect(),
        admins: admins.iter().map(|admin| admin.id()).collect(),
        visibility: visibility.to_v1(),
    }
}

/// After the people, who get their departments from here.
pub(crate) fn read(tenant: &mut Tenant, state: DepartmentsStateV1) -> Result<(), &'static str> {
    let count = state.list.len();
    let mut departments_of = vec![Vec::new(); tenant.people.len()];
    for (id, v1) in (1..).map(DepartmentId).zip(state.list) {
        let index = DepartmentIndex::within(id, count).ok_or("a department")?;
        let department = read_department(tenant, v1, count)?;
        for person in &department.people {
            departments_of[person.of()].push(index);
        }
        tenant.departments.list.push(department);
    }
    for (person, departments) in tenant.people.iter_mut().zip(departments_of) {
        if person.has_departed() && !departments.is_empty() {
            return Err("a department's person");
        }
        person.departments = departments.into();
    }
    grow_tree(&mut tenant.departments)
}

fn read_department(
    tenant: &Tenant,
    state: DepartmentStateV1,
    count: usize,
) -> Result<Department, &'static str> {
    let parent = DepartmentIndex::within(state.parent, count);
    if parent.is_none() && state.parent != DepartmentId(0) {
        return Err("a department's parent");
    }
    let mut department = Department::new(&state.name, parent);
    department.removed = state.removed;
    department.people = read_people(tenant, &state.people)?;
    department.admins = read_people(tenant, &state.admins)?;
    department.visibility = match state.visibility {
        VisibilityV1::Everyone => Visibility::Everyone,
        VisibilityV1::ItsMembers => Visibility::ItsMembers,
        VisibilityV1::People(list) => Visibility::People(read_people(tenant, &list)?.into()),
        VisibilityV1::Departments(list) => {
            let found = list.iter().map(|id| DepartmentIndex::within(*id, count));
            let found = found.collect::<Option<Vec<_>>>();
            let found = found.filter(|found| found.is_sorted_by(|one, next| one < next));
            Visibility::Departments(found.ok_or("who sees a department")?.into())
        }
    };
    if department.removed && !department.people.is_empty() {
        return Err("a removed department's people");
    }
    Ok(department)
}

fn read_people(tenant: &Tenant, people: &[PersonId]) -> Result<Vec<PersonIndex>, &'static str> {
    let found = people.iter().map(|person| tenant.find_person(*person));
    let found = found.collect::<Option<Vec<_>>>();
    found
        .filter(|found| found.is_sorted_by(|one, next| one < next))
        .ok_or("a department's people")
}

/// What is below what: every department that stands hangs on a root, and its name names it.
fn grow_tree(departments: &mut Departments) -> Result<(), &'static str> {
    let count = departments.list.len();
    let all = (1..=count as u64).map(DepartmentId);
    let all: Vec<_> = all.filter_map(|id| departments.find(id)).collect();
    for index in all {
        let department = departments.get(index);
        if department.removed {
            continue;
        }
        let below_removed = department
            .parent
            .is_some_and(|parent| departments.get(parent).removed);
        if below_removed || !departments.attach(index) {
            return Err("a department's place");
        }
        departments.standing += 1;
    }
    let roots = departments.roots.iter();
    let reached = roots.map(|root| departments.subtree(*root).count());
    if reached.sum::<usize>() != departments.standing {
        return Err("a department's parent");
    }
    Ok(())
}

pub(crate) fn write_following(tenant: &Tenant) -> FollowingStateV1 {
    let by_hand = tenant.departments.by_hand.iter();
    let by_hand = by_hand.map(|(group, people)| ByHandV1 {
        group: group.id(),
        people: people.iter().map(|person| person.id()).collect(),
    });
    FollowingStateV1 {
        by_hand: by_hand.collect(),
    }
}

/// After the groups, which are listed with their departments here.
pub(crate) fn read_following(
    tenant: &mut Tenant,
    state: FollowingStateV1,
) -> Result<(), &'static str> {
    let what = "a group's department";
    for id in (1..=tenant.groups.len() as u64).map(GroupId) {
        let index = tenant.find_group(id).ok_or(what)?;
        let group = tenant.group(index);
        let Some(department) = group.department else {
            if group.follows_department {
                return Err(what);
            }
            continue;
        };
        if group.status == GroupStatus::Dissolved {
            continue;
        }
        let department = tenant.departments.get_mut(department);
        if department.removed {
            return Err(what);
        }
        department.groups.push(index);
    }
    let mut last = None;
    for entry in state.by_hand {
        let (group, people) = read_by_hand(tenant, &entry)?;
        if last.replace(group).is_some_and(|last| last >= group) {
            return Err("who is in a group by hand");
        }
        tenant.departments.by_hand.insert(group, people);
    }
    Ok(())
}

fn read_by_hand(
    tenant: &Tenant,
    entry: &ByHandV1,
) -> Result<(GroupIndex, Vec<PersonIndex>), &'static str> {
    let what = "who is in a group by hand";
    let group = tenant.find_group(entry.group).ok_or(what)?;
    let people = read_people(tenant, &entry.people)?;
    let is_member = |person: &PersonIndex| tenant.person(*person).membership(group).is_some();
    if !tenant.group(group).follows_department || people.is_empty() || !people.iter().all(is_member)
    {
        return Err(what);
    }
    Ok((group, people))
}
