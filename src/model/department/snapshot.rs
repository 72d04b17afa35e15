//! Departments as a snapshot has them, with who is in them.

use crate::model::body::body;
use crate::model::state::Tenant;
use crate::wire::{DepartmentId, PersonId};

use super::Department;

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
    }
}

pub(crate) fn write(tenant: &Tenant) -> DepartmentsStateV1 {
    let list = tenant.departments.list.iter();
    DepartmentsStateV1 {
        list: list.map(write_department).collect(),
    }
}

fn write_department(department: &Department) -> DepartmentStateV1 {
    // Destructured, so that a new field cannot be forgotten.
    let Department {
        name,
        parent,
        removed,
        people,
        admins,
    } = department;
    DepartmentStateV1 {
        name: name.to_string(),
        parent: parent.map_or(DepartmentId(0), |parent| parent.id()),
        removed: *removed,
        people: people.iter().map(|person| person.id()).collect(),
        admins: admins.iter().map(|admin| admin.id()).collect(),
    }
}

/// After the people, who get their departments from here.
pub(crate) fn read(tenant: &mut Tenant, state: DepartmentsStateV1) -> Result<(), &'static str> {
    let mut departments_of = vec![Vec::new(); tenant.people.len()];
    let count = state.list.len();
    for v1 in state.list {
        let parent = crate::model::state::DepartmentIndex::within(v1.parent, count);
        if parent.is_none() && v1.parent != DepartmentId(0) {
            return Err("a department's parent");
        }
        let id = DepartmentId(tenant.departments.list.len() as u64 + 1);
        let index =
            crate::model::state::DepartmentIndex::within(id, count).ok_or("a department")?;
        let find = |people: &[PersonId]| {
            let found = people.iter().map(|person| tenant.find_person(*person));
            let found = found
                .collect::<Option<Vec<_>>>()
                .ok_or("a department's person")?;
            if found.is_sorted_by(|one, next| one < next) {
                Ok(found)
            } else {
                Err("the order of a department's people")
            }
        };
        let people = find(&v1.people)?;
        let admins = find(&v1.admins)?;
        for person in &people {
            departments_of[person.of()].push(index);
        }
        tenant.departments.list.push(Department {
            name: v1.name.into(),
            parent,
            removed: v1.removed,
            people,
            admins,
        });
    }
    for (person, departments) in tenant.people.iter_mut().zip(departments_of) {
        person.departments = departments.into();
    }
    Ok(())
}
