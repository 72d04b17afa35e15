//! Whether groups may be disabled, put in use again and deleted, and what becomes of those that
//! lose their last employee (SPEC G8, M6).

use crate::model::command::{Actor, DoneV1, EnableGroupV1, GroupV1, Reply};
use crate::model::decision::{Decision, Request};
use crate::model::event::{self, Event, GroupStatus};
use crate::model::group::decide::{active_group, admissible, changed};
use crate::model::group::{Fate, Group, cap};
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::{GroupIndex, PersonIndex, Tenant};
use crate::wire::PersonId;

pub(crate) fn decide_disable(
    request: &Request<'_>,
    disable: &GroupV1,
) -> Result<Decision, Refusal> {
    let (_, group) = active_group(request, disable.group, Operation::DisableGroup)?;
    let members = group.members.iter().map(|member| member.id()).collect();
    let event = Event::GroupDisabled(event::GroupDisabledV1 {
        group: disable.group,
        members,
    });
    Ok(changed(group, disable.group, event))
}

pub(crate) fn decide_enable(
    request: &Request<'_>,
    enable: &EnableGroupV1,
) -> Result<Decision, Refusal> {
    let id = enable.group;
    let index = request.tenant.known_group(id)?;
    request.permit(Operation::DisableGroup, Subject::Group(index))?;
    let group = request.tenant.group(index);
    match group.status {
        GroupStatus::Disabled => {}
        GroupStatus::Dissolved => return Err(Refusal::GroupDissolved { group: id }),
        GroupStatus::Active => {
            return Err(Refusal::Invalid {
                field: "group",
                rule: "one that is disabled",
            });
        }
    }
    let joined = match enable.owner {
        PersonId(0) if group.owner.is_none() => {
            return Err(Refusal::Invalid {
                field: "owner",
                rule: "an employee, since the group has no owner",
            });
        }
        PersonId(0) => false,
        owner => check_owner(request, index, group, owner)?,
    };

    let sees_it = |member: &&PersonIndex| !group.is_hidden_from(**member);
    let members = group.members.iter().filter(sees_it);
    let event = Event::GroupEnabled(event::GroupEnabledV1 {
        group: id,
        owner: enable.owner,
        joined,
        members: members.map(|member| member.id()).collect(),
    });
    Ok(changed(group, id, event))
}

/// Whether the new owner, who may be one, has to join for it.
fn check_owner(
    request: &Request<'_>,
    index: GroupIndex,
    group: &Group,
    owner: PersonId,
) -> Result<bool, Refusal> {
    admissible(request, group.kind, &[owner])?;
    let person = request.tenant.active_person(owner)?;
    if !request.tenant.is_employee(person) {
        return Err(Refusal::NotAnEmployee { person: owner });
    }
    if request.tenant.person(person).membership(index).is_some() {
        return Ok(false);
    }
    let cap = cap(request.tenant, request.limits, group.kind, request.now);
    if group.members.len() >= cap as usize {
        let group = index.id();
        return Err(Refusal::GroupFull { group, cap });
    }
    Ok(true)
}

pub(crate) fn decide_delete(request: &Request<'_>, delete: &GroupV1) -> Result<Decision, Refusal> {
    let index = request.tenant.known_group(delete.group)?;
    request.permit(Operation::DeleteGroup, Subject::Group(index))?;
    if request.tenant.group(index).status != GroupStatus::Dissolved {
        return Err(Refusal::Invalid {
            field: "group",
            rule: "one that is dissolved",
        });
    }
    let group = delete.group;
    let event = Event::GroupDeleted(event::GroupDeletedV1 { group });
    Ok(Decision::accepted(event, Reply::Done(DoneV1 {})))
}

/// Who inherits the history of a group that the actor dissolves: a super admin does.
pub(in crate::model::group) fn heirs(request: &Request<'_>) -> Vec<PersonId> {
    match request.actor {
        Actor::Person { person, .. } => {
            let index = request.tenant.find_person(person);
            let inherits = index.is_some_and(|index| request.tenant.is_super_admin(index));
            inherits.then_some(person).into_iter().collect()
        }
        Actor::Node | Actor::Enterprise | Actor::System => Vec::new(),
    }
}

/// What else happens where `leaving`, in order of index, leave a group without an owner: super admins
/// are told, and who is still in it does not see it any more.
pub(crate) fn orphaned(
    tenant: &Tenant,
    index: GroupIndex,
    leaving: &[PersonIndex],
    fate: Fate,
) -> Option<Event> {
    let group = tenant.group(index);
    let leaves = |person: &PersonIndex| leaving.binary_search(person).is_ok();
    let loses_owner = group.owner.as_ref().is_some_and(leaves);
    if fate.status != GroupStatus::Disabled || !loses_owner || fate.successor != PersonId(0) {
        return None;
    }
    let saw_it = group.status == GroupStatus::Active;
    let staying = group
        .members
        .iter()
        .filter(|member| saw_it && !leaves(member));
    Some(Event::GroupOrphaned(event::GroupOrphanedV1 {
        group: index.id(),
        members: staying.map(|member| member.id()).collect(),
        at: group.head.next(),
    }))
}
