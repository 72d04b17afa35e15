//! Roles in the whole enterprise (SPEC D5).
//!
//! The last super admin cannot step down, freeze themself or leave by their own hand: nobody inside
//! could then give anybody a role. The enterprise's systems may do it to them, for they can appoint
//! the next one.

use crate::model::command::{Actor, DoneV1, OrgRole, PersonStatus, Reply, SetOrgRoleV1};
use crate::model::decision::{Decision, Request};
use crate::model::event::{self, Event};
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::{DepartmentIndex, PersonIndex, Tenant};

use super::people::check_departments;

pub(crate) fn decide_set_org_role(
    request: &Request<'_>,
    set: &SetOrgRoleV1,
) -> Result<Decision, Refusal> {
    request.permit(Operation::SetOrgRole, Subject::Person(set.person))?;
    let index = request.tenant.active_employee(set.person)?;
    let departments = check_departments(request.tenant, &set.departments)?;
    let is_department_admin = set.role == OrgRole::DepartmentAdmin;
    if is_department_admin == departments.is_empty() {
        return Err(Refusal::Invalid {
            field: "departments",
            rule: "at least one for a department admin, none for any other role",
        });
    }
    match set.role {
        OrgRole::SuperAdmin => check_super_admins(request, [set.role], Some(index))?,
        _ => check_not_last_super_admin(request, index)?,
    }

    let event = Event::OrgRoleSet(event::OrgRoleSetV1 {
        person: set.person,
        role: set.role,
        departments: departments.into_iter().map(DepartmentIndex::id).collect(),
    });
    Ok(Decision::accepted(event, Reply::Done(DoneV1 {})))
}

/// Whether the tenant may have the super admins among `new` beside those it has, `but` one, and by who asks:
/// somebody who could appoint who approves what they ask for would approve it themself (SPEC P1).
pub(crate) fn check_super_admins(
    request: &Request<'_>,
    new: impl IntoIterator<Item = OrgRole>,
    but: Option<PersonIndex>,
) -> Result<(), Refusal> {
    let new = new.into_iter().filter(|role| *role == OrgRole::SuperAdmin);
    let new = new.count();
    if new == 0 {
        return Ok(());
    }
    request.permit(Operation::AppointSuperAdmin, Subject::Tenant)?;
    let limit = request.limits.super_admins_max;
    let known = super_admins(request.tenant).filter(|index| Some(*index) != but);
    if known.count() + new > limit as usize {
        return Err(Refusal::TooManySuperAdmins { limit });
    }
    Ok(())
}

/// Refuses super admins who would leave the tenant without one.
pub(crate) fn check_not_last_super_admin(
    request: &Request<'_>,
    index: PersonIndex,
) -> Result<(), Refusal> {
    let tenant = request.tenant;
    let by_themself = matches!(request.actor, Actor::Person { person, .. } if person == index.id());
    if !by_themself || !tenant.is_super_admin(index) {
        return Ok(());
    }
    let is_usable = |index: &PersonIndex| tenant.person(*index).status != PersonStatus::Frozen;
    let mut others = super_admins(tenant).filter(|other| *other != index);
    if others.any(|other| is_usable(&other)) {
        return Ok(());
    }
    let person = index.id();
    Err(Refusal::LastSuperAdmin { person })
}

fn super_admins(tenant: &Tenant) -> impl Iterator<Item = PersonIndex> + '_ {
    let employees = tenant.employees.iter().copied();
    employees.filter(|index| tenant.is_super_admin(*index) && !tenant.person(*index).has_departed())
}

pub(crate) fn set_org_role(tenant: &mut Tenant, set: &event::OrgRoleSetV1) {
    let Ok(index) = tenant.active_employee(set.person) else {
        return;
    };
    run_nothing(tenant, index);
    tenant.person_mut(index).role = set.role;
    if set.role != OrgRole::DepartmentAdmin {
        return;
    }
    for department in &set.departments {
        if let Some(department) = tenant.departments.find(*department) {
            let admins = &mut tenant.departments.get_mut(department).admins;
            if let Err(at) = admins.binary_search(&index) {
                admins.insert(at, index);
            }
        }
    }
}

/// Takes the departments away that the person ran.
pub(super) fn run_nothing(tenant: &mut Tenant, index: PersonIndex) {
    if tenant.person(index).role != OrgRole::DepartmentAdmin {
        return;
    }
    for department in &mut tenant.departments.list {
        if let Ok(at) = department.admins.binary_search(&index) {
            department.admins.remove(at);
        }
    }
}
