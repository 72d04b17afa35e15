//! Whether the tree may be changed, seen by others, and followed by a group. Refusals first.

use std::collections::BTreeSet;

use crate::model::command::{
    CreateDepartmentV1, DepartmentCreatedV1, DepartmentV1, DoneV1, FollowDepartmentV1, GroupKind,
    MoveDepartmentV1, RenameDepartmentV1, Reply, SetVisibilityV1, VisibilityV1,
};
use crate::model::decision::{Decision, Request};
use crate::model::event::{self, Event};
use crate::model::limits::check_name;
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::{DepartmentIndex, PersonIndex};
use crate::wire::DepartmentId;

use super::follow::{above, check_at_once, follow_department, followed_by};
use super::{Departments, Follow, Following, PATH_SEPARATOR, apply};

/// Departments that see another, at most.
const SEEING_DEPARTMENTS_MAX: usize = 100;
/// People who see a department, at most.
const SEEING_PEOPLE_MAX: usize = 1_000;

pub(crate) fn decide_create(
    request: &Request<'_>,
    create: &CreateDepartmentV1,
) -> Result<Decision, Refusal> {
    let departments = &request.tenant.departments;
    let parent = parent(departments, create.parent)?;
    permit_below(request, parent)?;
    check_department_name(&create.name)?;
    check_free(departments, parent, &create.name)?;
    check_levels(request, level(departments, parent) + 1)?;
    let limit = request.limits.departments_max;
    if departments.count() >= limit as usize {
        let what = "departments in a tenant";
        return Err(Refusal::DepartmentLimit { what, limit });
    }

    let department = DepartmentId(departments.list.len() as u64 + 1);
    let event = Event::DepartmentCreated(event::DepartmentCreatedV1 {
        department,
        parent: create.parent,
        name: create.name.clone(),
    });
    let reply = Reply::DepartmentCreated(DepartmentCreatedV1 { department });
    Ok(Decision::accepted(event, reply))
}

pub(crate) fn decide_rename(
    request: &Request<'_>,
    rename: &RenameDepartmentV1,
) -> Result<Decision, Refusal> {
    let departments = &request.tenant.departments;
    let index = manageable(request, rename.department)?;
    check_department_name(&rename.name)?;
    let known = departments.get(index);
    if *known.name == *rename.name {
        return Ok(done(Vec::new()));
    }
    check_free(departments, known.parent, &rename.name)?;

    let event = Event::DepartmentRenamed(event::DepartmentRenamedV1 {
        department: rename.department,
        name: rename.name.clone(),
    });
    Ok(done(vec![event]))
}

/// Needs both ends: what the department is taken from, and what it is put below.
pub(crate) fn decide_move(
    request: &Request<'_>,
    moved: &MoveDepartmentV1,
) -> Result<Decision, Refusal> {
    let tenant = request.tenant;
    let departments = &tenant.departments;
    let index = departments.known(moved.department)?;
    let parent = parent(departments, moved.parent)?;
    let known = departments.get(index);
    permit_below(request, known.parent)?;
    permit_below(request, parent)?;
    if known.parent == parent {
        return Ok(done(Vec::new()));
    }
    if parent.is_some_and(|parent| departments.is_within(parent, index)) {
        let (department, parent) = (moved.department, moved.parent);
        return Err(Refusal::DepartmentCycle { department, parent });
    }
    check_free(departments, parent, &known.name)?;
    let levels = level(departments, parent) + height(request, index)?;
    check_levels(request, levels)?;

    let mut events = vec![Event::DepartmentMoved(event::DepartmentMovedV1 {
        department: moved.department,
        parent: moved.parent,
    })];
    let chain =
        |parent: Option<DepartmentIndex>| followed_by(tenant, above(tenant, parent.as_slice()));
    if chain(known.parent) != chain(parent) {
        let mut following = Following::default();
        for person in people_below(request, index, request.limits.moved_people_max)? {
            let follow = follow_department(tenant, person, index, parent);
            following.note(person.id(), Some(person), &follow);
        }
        following.append_to(request, &mut events)?;
    }
    Ok(done(events))
}

pub(crate) fn decide_remove(
    request: &Request<'_>,
    remove: &DepartmentV1,
) -> Result<Decision, Refusal> {
    let department = remove.department;
    let index = manageable(request, department)?;
    let known = request.tenant.departments.get(index);
    let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
    let people = count(known.people.len());
    let departments = count(known.children.len());
    let groups = count(known.groups.len());
    if (people, departments, groups) != (0, 0, 0) {
        return Err(Refusal::DepartmentNotEmpty {
            department,
            people,
            departments,
            groups,
        });
    }
    let event = Event::DepartmentRemoved(event::DepartmentRemovedV1 { department });
    Ok(done(vec![event]))
}

pub(crate) fn decide_set_visibility(
    request: &Request<'_>,
    set: &SetVisibilityV1,
) -> Result<Decision, Refusal> {
    let tenant = request.tenant;
    let index = manageable(request, set.department)?;
    match &set.to {
        VisibilityV1::Everyone | VisibilityV1::ItsMembers => {}
        VisibilityV1::Departments(list) => {
            check_seeing("departments", list, SEEING_DEPARTMENTS_MAX)?;
            for department in list {
                tenant.departments.known(*department)?;
            }
        }
        VisibilityV1::People(list) => {
            check_seeing("people", list, SEEING_PEOPLE_MAX)?;
            for person in list {
                tenant.active_person(*person)?;
            }
        }
    }
    if tenant.departments.get(index).visibility == apply::visibility(tenant, &set.to) {
        return Ok(done(Vec::new()));
    }
    let event = Event::VisibilitySet(event::VisibilitySetV1 {
        department: set.department,
        to: set.to.clone(),
    });
    Ok(done(vec![event]))
}

/// Binds a group to a department and takes in who is missing, as far as there is room. Asked again
/// of a group that follows already, it takes in who found no room before.
pub(crate) fn decide_follow(
    request: &Request<'_>,
    follow: &FollowDepartmentV1,
) -> Result<Decision, Refusal> {
    let tenant = request.tenant;
    let index = tenant.known_group(follow.group)?;
    request.permit(Operation::ConfigureGroup, Subject::Group(index))?;
    let department = manageable(request, follow.department)?;
    let group = tenant.group(index);
    group.check_active(follow.group)?;
    let elsewhere = group.department.is_some_and(|other| other != department);
    // External groups are for who deals with contacts, which moving there does not make anybody.
    if elsewhere || !matches!(group.kind, GroupKind::Internal | GroupKind::Training) {
        return Err(Refusal::Invalid {
            field: "group",
            rule: "an internal or training one, and not bound to another department",
        });
    }
    let mut events = Vec::new();
    if !group.follows_department {
        events.push(Event::GroupBound(event::GroupBoundV1 {
            group: follow.group,
            department: follow.department,
        }));
    }
    let joins = Follow {
        leaves: Vec::new(),
        joins: vec![index],
    };
    let mut following = Following::default();
    for person in people_below(request, department, request.limits.people_per_command_max)? {
        if tenant.person(person).membership(index).is_none() {
            following.note(person.id(), Some(person), &joins);
        }
    }
    following.append_to(request, &mut events)?;
    Ok(done(events))
}

/// Who is in `top` or below it, each once, in order of index.
fn people_below(
    request: &Request<'_>,
    top: DepartmentIndex,
    limit: u32,
) -> Result<BTreeSet<PersonIndex>, Refusal> {
    let departments = &request.tenant.departments;
    let mut people = BTreeSet::new();
    let most = request.limits.moved_departments_max;
    for (looked_at, index) in departments.subtree(top).enumerate() {
        check_at_once("departments", looked_at + 1, most)?;
        let here = &departments.get(index).people;
        // Before they are gathered: a department alone may hold everybody.
        check_at_once("people", here.len(), limit)?;
        people.extend(here);
        check_at_once("people", people.len(), limit)?;
    }
    Ok(people)
}

/// How many levels `top` and what is below it are.
fn height(request: &Request<'_>, top: DepartmentIndex) -> Result<u32, Refusal> {
    let departments = &request.tenant.departments;
    let mut level = vec![top];
    let (mut levels, mut seen) = (0, 0);
    while !level.is_empty() {
        levels += 1;
        seen += level.len();
        check_at_once("departments", seen, request.limits.moved_departments_max)?;
        let below = level
            .iter()
            .flat_map(|index| departments.below(Some(*index)));
        level = below.copied().collect();
    }
    Ok(levels)
}

/// Of a root 1; of what is above a root 0.
fn level(departments: &Departments, department: Option<DepartmentIndex>) -> u32 {
    let above = department.map_or(0, |index| departments.upwards(index).count());
    u32::try_from(above).unwrap_or(u32::MAX)
}

fn check_levels(request: &Request<'_>, levels: u32) -> Result<(), Refusal> {
    let limit = request.limits.department_levels_max;
    if levels > limit {
        let what = "levels of departments";
        return Err(Refusal::DepartmentLimit { what, limit });
    }
    Ok(())
}

/// What `id` names as the upper end: none for 0.
fn parent(departments: &Departments, id: DepartmentId) -> Result<Option<DepartmentIndex>, Refusal> {
    match id {
        DepartmentId(0) => Ok(None),
        id => departments.known(id).map(Some),
    }
}

/// What is below a department belongs to its admins, roots to the enterprise.
fn permit_below(request: &Request<'_>, parent: Option<DepartmentIndex>) -> Result<(), Refusal> {
    let subject = parent.map_or(Subject::Tenant, Subject::Department);
    request.permit(Operation::ManageDepartment, subject)
}

fn manageable(request: &Request<'_>, id: DepartmentId) -> Result<DepartmentIndex, Refusal> {
    let index = request.tenant.departments.known(id)?;
    request.permit(Operation::ManageDepartment, Subject::Department(index))?;
    Ok(index)
}

fn check_department_name(name: &str) -> Result<(), Refusal> {
    check_name("name", name)?;
    if name.contains(PATH_SEPARATOR) {
        return Err(Refusal::Invalid {
            field: "name",
            rule: "without a /, which separates the names of a path",
        });
    }
    Ok(())
}

fn check_free(
    departments: &Departments,
    parent: Option<DepartmentIndex>,
    name: &str,
) -> Result<(), Refusal> {
    match departments.child(parent, name) {
        Some(taken) => Err(Refusal::DepartmentNameTaken {
            department: taken.id(),
        }),
        None => Ok(()),
    }
}

fn check_seeing<T>(field: &'static str, list: &[T], max: usize) -> Result<(), Refusal> {
    if list.is_empty() || list.len() > max {
        return Err(Refusal::Invalid {
            field,
            rule: "1 to 100 departments, or 1 to 1,000 people",
        });
    }
    Ok(())
}

fn done(events: Vec<Event>) -> Decision {
    Decision::new(events, Ok(Reply::Done(DoneV1 {})))
}
