//! Departments as they are read: only what the asker sees, and what they do not see does not exist.

use crate::model::command::{
    Actor, DepartmentDetailV1, DepartmentStateV1, DepartmentV1, DepartmentsPageV1,
    ListDepartmentsV1, Reply,
};
use crate::model::decision::Request;
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::DepartmentIndex;
use crate::wire::DepartmentId;

use super::{Department, Sight, Visibility};

/// Departments a page looks at, at most, seen or not.
const PAGE_MAX: usize = 1_000;

pub(crate) fn get(request: &Request<'_>, get: &DepartmentV1) -> Result<Reply, Refusal> {
    request.permit(Operation::ReadDepartments, Subject::Tenant)?;
    let department = get.department;
    let index = request.tenant.departments.known(department)?;
    if sight(request)?.is_some_and(|mut sight| !sight.sees(index)) {
        return Err(Refusal::NoSuchDepartment { department });
    }
    let departments = &request.tenant.departments;
    let known = departments.get(index);
    let subject = Subject::Department(index);
    let may_change = request.permit(Operation::ManageDepartment, subject).is_ok();
    Ok(Reply::Department(DepartmentDetailV1 {
        state: state_of(department, known),
        path: departments.path(index),
        visibility: may_change.then(|| known.visibility.to_v1()),
        admins: known.admins.iter().map(|admin| admin.id()).collect(),
    }))
}

pub(crate) fn list(request: &Request<'_>, list: &ListDepartmentsV1) -> Result<Reply, Refusal> {
    request.permit(Operation::ReadDepartments, Subject::Tenant)?;
    let mut sight = sight(request)?;
    let all = &request.tenant.departments.list;
    let page = PAGE_MAX.min(list.limit as usize);
    let first = usize::try_from(list.after.0).unwrap_or(usize::MAX);
    let mut last = list.after;
    let mut departments = Vec::new();
    for at in (first..all.len()).take(PAGE_MAX) {
        if departments.len() == page {
            break;
        }
        last = DepartmentId(at as u64 + 1);
        let standing = request.tenant.departments.known(last).ok();
        let is_seen =
            |index: &DepartmentIndex| sight.as_mut().is_none_or(|sight| sight.sees(*index));
        if standing.filter(is_seen).is_some() {
            departments.push(state_of(last, &all[at]));
        }
    }
    Ok(Reply::Departments(DepartmentsPageV1 {
        departments,
        last,
        more: last.0 < all.len() as u64,
    }))
}

/// What the asker sees; none for who acts for the enterprise, and sees all.
fn sight<'a>(request: &Request<'a>) -> Result<Option<Sight<'a>>, Refusal> {
    let Actor::Person { person, .. } = request.actor else {
        return Ok(None);
    };
    let viewer = request.tenant.active_person(person)?;
    Ok(Some(Sight::of(request.tenant, viewer)))
}

fn state_of(id: DepartmentId, department: &Department) -> DepartmentStateV1 {
    let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
    DepartmentStateV1 {
        department: id,
        name: department.name.to_string(),
        parent: department
            .parent
            .map_or(DepartmentId(0), DepartmentIndex::id),
        people: count(department.people.len()),
        departments: count(department.children.len()),
        restricted: department.visibility != Visibility::Everyone,
    }
}
