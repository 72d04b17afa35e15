//! Whether a person may be moved (SPEC D8): the move and what follows from it are one record.

use crate::model::command::{DoneV1, MovePersonV1, Reply};
use crate::model::decision::{Decision, Request};
use crate::model::event::{Event, PersonMovedV1};
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::DepartmentIndex;

use super::{Following, follow};

/// An admin of departments moves people of theirs between theirs: each one left or entered counts.
pub(crate) fn decide_move_person(
    request: &Request<'_>,
    moved: &MovePersonV1,
) -> Result<Decision, Refusal> {
    let tenant = request.tenant;
    let index = tenant.active_person(moved.person)?;
    request.permit(Operation::UpdatePerson, Subject::Person(moved.person))?;
    if !tenant.is_employee(index) {
        let person = moved.person;
        return Err(Refusal::NotAnEmployee { person });
    }
    let before = &tenant.person(index).departments;
    let after = departments_of(request, moved)?;
    let only_in = |one: &[DepartmentIndex], other: &[DepartmentIndex]| {
        let all = one.iter().copied();
        all.filter(|index| other.binary_search(index).is_err())
            .collect::<Vec<_>>()
    };
    let changed = [only_in(before, &after), only_in(&after, before)].concat();
    for department in &changed {
        let subject = Subject::Department(*department);
        request.permit(Operation::ManageDepartment, subject)?;
    }
    let reply = Reply::Done(DoneV1 {});
    if changed.is_empty() {
        return Ok(Decision::answered(reply));
    }

    let mut events = vec![Event::PersonMoved(PersonMovedV1 {
        person: moved.person,
        departments: after.iter().map(|index| index.id()).collect(),
    })];
    let mut following = Following::default();
    let change = follow(tenant, Some(index), before, &after);
    following.note(moved.person, Some(index), &change);
    following.append_to(request, &mut events)?;
    Ok(Decision::new(events, Ok(reply)))
}

/// In order of index.
fn departments_of(
    request: &Request<'_>,
    moved: &MovePersonV1,
) -> Result<Vec<DepartmentIndex>, Refusal> {
    let limit = request.limits.departments_per_person_max;
    if moved.departments.len() > limit as usize {
        let what = "departments of a person";
        return Err(Refusal::DepartmentLimit { what, limit });
    }
    let named = moved.departments.iter();
    let named = named.map(|id| request.tenant.departments.known(*id));
    let mut departments = named.collect::<Result<Vec<_>, _>>()?;
    departments.sort_unstable();
    if departments.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Refusal::Invalid {
            field: "departments",
            rule: "each department once",
        });
    }
    Ok(departments)
}
