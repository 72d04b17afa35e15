//! The one plan every way of making a group goes through: kind, name, people, binding, cap (SPEC G1, G3).
//!
//! Who may ask is not decided here: a live code or a split makes groups for people who may not
//! themselves.

use rustc_hash::FxHashSet;

use crate::model::command::{Actor, GroupKind};
use crate::model::decision::Request;
use crate::model::department::Departments;
use crate::model::event::GroupCreatedV2;
use crate::model::group::decide::{admissible, check_distinct};
use crate::model::group::{OTHERS_MIN, cap};
use crate::model::limits::{check_count, check_name};
use crate::model::refusal::Refusal;
use crate::model::state::{DepartmentIndex, PersonIndex};
use crate::wire::{DepartmentId, GroupId, PersonId, Timestamp};

use super::notice;

/// What a group is to belong to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Belongs<'a> {
    Nowhere,
    /// Everyone in the department, and below, is a member.
    Department(DepartmentId),
    /// A project team, by name.
    Team(&'a str),
}

/// A group that is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NewGroup<'a> {
    pub(crate) kind: GroupKind,
    pub(crate) name: &'a str,
    pub(crate) owner: PersonId,
    /// Of `members`, in the order of their appointment.
    pub(crate) admins: &'a [PersonId],
    /// Without the owner.
    pub(crate) members: &'a [PersonId],
    /// Everyone in them, and below, is a member too.
    pub(crate) departments: &'a [DepartmentId],
    pub(crate) belongs: Belongs<'a>,
    pub(crate) follows_department: bool,
    /// A live code's next group begins with nobody but those who run it (SPEC G3).
    pub(crate) may_be_small: bool,
}

/// The group's creation, if it may be: as the next group of the tenant, counted for nobody.
pub(crate) fn plan(request: &Request<'_>, new: &NewGroup<'_>) -> Result<GroupCreatedV2, Refusal> {
    if new.kind != GroupKind::Direct || !new.name.is_empty() {
        check_name("name", new.name)?;
    }
    let (department, team) = binding(request, new)?;
    check_others(new, department)?;
    let limit = request.limits.people_per_command_max;
    if !new.members.is_empty() {
        check_count("members", new.members.len(), limit)?;
    }
    let (owner, mut members) = named(request, new)?;
    let cap = cap(request.tenant, request.limits, new.kind, request.now);
    let full = |count: usize| (count > cap as usize).then_some(cap);
    let group = GroupId(0);
    if let Some(cap) = full(members.len() + 1) {
        return Err(Refusal::GroupFull { group, cap });
    }
    let departments = departments(request, new, department)?;
    if !departments.is_empty() {
        let mut seen: FxHashSet<_> = members.iter().copied().chain([owner]).collect();
        for person in people_within(&request.tenant.departments, &departments) {
            if request.tenant.person(person).has_departed() || !seen.insert(person) {
                continue;
            }
            members.push(person);
            if let Some(cap) = full(members.len() + 1) {
                return Err(Refusal::GroupFull { group, cap });
            }
        }
    }
    check_admins(request, new)?;
    let creator = match request.actor {
        Actor::Person { person, .. } => person,
        Actor::Node | Actor::Enterprise | Actor::System => PersonId(0),
    };
    Ok(GroupCreatedV2 {
        group: GroupId(request.tenant.groups.len() as u64 + 1),
        kind: new.kind,
        name: new.name.to_owned(),
        owner: new.owner,
        admins: new.admins.to_vec(),
        members: members.into_iter().map(PersonIndex::id).collect(),
        creator,
        department: department.map_or(DepartmentId(0), DepartmentIndex::id),
        team: team.to_owned(),
        follows_department: new.follows_department,
        name_locked: department.is_some(),
        notice: notice::due(request.tenant, new.kind),
        watch: None,
        day_starts: Timestamp(0),
        day_ends: Timestamp(0),
    })
}

/// The department and the team it belongs to.
fn binding<'a>(
    request: &Request<'_>,
    new: &NewGroup<'a>,
) -> Result<(Option<DepartmentIndex>, &'a str), Refusal> {
    let bound = match new.belongs {
        Belongs::Nowhere => (None, ""),
        Belongs::Department(department) => (Some(known(request, department)?), ""),
        Belongs::Team(team) => {
            check_name("team", team)?;
            (None, team)
        }
    };
    let binding_off = request.tenant.creation.policy.binding_off;
    if new.belongs == Belongs::Nowhere && new.kind == GroupKind::Internal && !binding_off {
        return Err(Refusal::Invalid {
            field: "binding",
            rule: "an internal group belongs to a department or a project team",
        });
    }
    if new.follows_department && bound.0.is_none() {
        return Err(Refusal::Invalid {
            field: "follows_department",
            rule: "only a group that belongs to a department follows one",
        });
    }
    let is_direct = new.kind == GroupKind::Direct;
    if is_direct && (new.belongs != Belongs::Nowhere || !new.departments.is_empty()) {
        return Err(Refusal::Invalid {
            field: "kind",
            rule: "a direct group is of two people and belongs to nothing",
        });
    }
    Ok(bound)
}

/// At least 2 others, except in direct, department, live-code and training groups (SPEC G3).
fn check_others(new: &NewGroup<'_>, department: Option<DepartmentIndex>) -> Result<(), Refusal> {
    let of_departments = department.is_some() || !new.departments.is_empty();
    let need = match new.kind {
        GroupKind::Direct => 1,
        GroupKind::Training => 0,
        GroupKind::Internal | GroupKind::External if of_departments || new.may_be_small => 0,
        GroupKind::Internal | GroupKind::External => OTHERS_MIN,
    };
    let have = u32::try_from(new.members.len()).unwrap_or(u32::MAX);
    if have < need {
        return Err(Refusal::TooFewMembers { need, have });
    }
    Ok(())
}

/// The owner, and the members named, in the order given; nobody twice.
fn named(
    request: &Request<'_>,
    new: &NewGroup<'_>,
) -> Result<(PersonIndex, Vec<PersonIndex>), Refusal> {
    let members = admissible(request, new.kind, new.members)?;
    let owner = request.tenant.active_person(new.owner)?;
    if !request.tenant.is_employee(owner) {
        let person = new.owner;
        return Err(Refusal::NotAnEmployee { person });
    }
    let mut all = members.clone();
    all.push(owner);
    check_distinct("members", all)?;
    Ok((owner, members))
}

fn check_admins(request: &Request<'_>, new: &NewGroup<'_>) -> Result<(), Refusal> {
    for (at, admin) in new.admins.iter().enumerate() {
        if !new.members.contains(admin) || new.admins[..at].contains(admin) {
            return Err(Refusal::Invalid {
                field: "admins",
                rule: "members of the group, each once",
            });
        }
        let index = request.tenant.active_person(*admin)?;
        if !request.tenant.is_employee(index) {
            return Err(Refusal::NotAnEmployee { person: *admin });
        }
    }
    Ok(())
}

/// The departments whose people are members, the one it belongs to first.
fn departments(
    request: &Request<'_>,
    new: &NewGroup<'_>,
    bound: Option<DepartmentIndex>,
) -> Result<Vec<DepartmentIndex>, Refusal> {
    let limit = request.limits.people_per_command_max;
    if !new.departments.is_empty() {
        check_count("departments", new.departments.len(), limit)?;
    }
    let named = new.departments.iter().map(|id| known(request, *id));
    bound.map(Ok).into_iter().chain(named).collect()
}

/// A department that is in use.
pub(super) fn known(request: &Request<'_>, id: DepartmentId) -> Result<DepartmentIndex, Refusal> {
    let departments = &request.tenant.departments;
    let found = departments.find(id);
    let found = found.filter(|index| !departments.get(*index).removed);
    found.ok_or(Refusal::NoSuchDepartment { department: id })
}

/// Everyone in `tops` and below, by department and person; who is in several comes several times.
fn people_within<'a>(
    departments: &'a Departments,
    tops: &[DepartmentIndex],
) -> impl Iterator<Item = PersonIndex> + 'a {
    let tops: FxHashSet<_> = tops.iter().copied().collect();
    let ids = (1..=departments.list.len() as u64).map(DepartmentId);
    let indices = ids.filter_map(|id| departments.find(id));
    let inside = indices.filter(move |index| {
        let mut upwards = departments.upwards(*index);
        !departments.get(*index).removed && upwards.any(|above| tops.contains(&above))
    });
    inside.flat_map(|index| departments.get(index).people.iter().copied())
}
