//! Whether groups may be made, changed, entered and left. Refusals first; lists are all or none.

use crate::model::command::Actor;
use crate::model::command::{
    GroupChangedV1, GroupKind, GroupRole, GroupV1, JoinSource, MemberV1, MembersV1, RenameGroupV1,
    Reply, SetRoleV1,
};
use crate::model::decision::{Decision, Request};
use crate::model::event::{self, Event, LeaveCause};
use crate::model::limits::{check_count, check_name};
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::{GroupIndex, PersonIndex};
use crate::wire::{GroupId, PersonId};

use super::{Group, cap, creation, fate_without, life};

pub(crate) fn decide_add_members(
    request: &Request<'_>,
    add: &MembersV1,
) -> Result<Decision, Refusal> {
    let (index, group) = active_group(request, add.group, Operation::AddMembers)?;
    check_not_direct(group)?;
    life::check_may_invite(request, index, group)?;
    let limit = request.limits.people_per_command_max;
    check_count("people", add.people.len(), limit)?;
    let people = admissible(request, group.kind, &add.people)?;
    for person in &people {
        if request.tenant.person(*person).membership(index).is_some() {
            let person = person.id();
            let group = add.group;
            return Err(Refusal::AlreadyAMember { person, group });
        }
    }
    check_distinct("people", people)?;
    if life::asks_first(request, group, add.people.len()) {
        return life::decide_invite(request, group, add);
    }
    let cap = cap(request.tenant, request.limits, group.kind, request.now);
    if group.members.len() + add.people.len() > cap as usize {
        let group = add.group;
        return Err(Refusal::GroupFull { group, cap });
    }
    creation::check_selected(request, &add.people)?;

    let people = add.people.clone();
    let how = (JoinSource::Added, "");
    let event = creation::joined_event(request.tenant, group.kind, add.group, people, how);
    Ok(changed(group, add.group, event))
}

pub(crate) fn decide_leave(request: &Request<'_>, leave: &GroupV1) -> Result<Decision, Refusal> {
    let index = request.tenant.known_group(leave.group)?;
    request.permit(Operation::LeaveGroup, Subject::Group(index))?;
    let Actor::Person { person, .. } = request.actor else {
        // Who is no person has no membership to give up.
        let person = PersonId(0);
        return Err(Refusal::NoSuchPerson { person });
    };
    let people = [person];
    decide_left(request, index, leave.group, &people, LeaveCause::Left)
}

pub(crate) fn decide_remove_members(
    request: &Request<'_>,
    remove: &MembersV1,
) -> Result<Decision, Refusal> {
    let index = request.tenant.known_group(remove.group)?;
    let subject = Subject::Group(index);
    request.permit(Operation::RemoveMembers, subject)?;
    let owner = request.tenant.group(index).owner.map(PersonIndex::id);
    if owner.is_some_and(|owner| remove.people.contains(&owner)) {
        request.permit(Operation::RemoveOwner, subject)?;
    }
    let limit = request.limits.people_per_command_max;
    check_count("people", remove.people.len(), limit)?;
    let cause = LeaveCause::Removed;
    decide_left(request, index, remove.group, &remove.people, cause)
}

/// Leaving works in a disabled group too (SPEC G8).
fn decide_left(
    request: &Request<'_>,
    index: GroupIndex,
    id: GroupId,
    people: &[PersonId],
    cause: LeaveCause,
) -> Result<Decision, Refusal> {
    let group = request.tenant.group(index);
    if group.status == event::GroupStatus::Dissolved {
        return Err(Refusal::GroupDissolved { group: id });
    }
    check_not_direct(group)?;
    let leaving = people.iter().map(|person| member(request, index, *person));
    let leaving = leaving.collect::<Result<Vec<_>, _>>()?;
    let leaving = check_distinct("people", leaving)?;

    let fate = fate_without(request.tenant, group, &leaving);
    let event = Event::MembersLeft(event::MembersLeftV1 {
        group: id,
        people: people.to_vec(),
        cause,
        successor: fate.successor,
        status: fate.status,
    });
    let mut decision = changed(group, id, event);
    let orphaned = life::orphaned(request.tenant, index, &leaving, fate);
    decision.events.extend(orphaned);
    Ok(decision)
}

pub(crate) fn decide_dissolve(
    request: &Request<'_>,
    dissolve: &GroupV1,
) -> Result<Decision, Refusal> {
    let id = dissolve.group;
    let index = request.tenant.known_group(id)?;
    request.permit(Operation::DissolveGroup, Subject::Group(index))?;
    let group = request.tenant.group(index);
    if group.status == event::GroupStatus::Dissolved {
        return Err(Refusal::GroupDissolved { group: id });
    }

    let members = group.members.iter().map(|member| member.id()).collect();
    let event = Event::GroupDissolvedV2(event::GroupDissolvedV2 {
        group: id,
        members,
        heirs: life::heirs(request),
    });
    Ok(changed(group, id, event))
}

pub(crate) fn decide_set_role(request: &Request<'_>, set: &SetRoleV1) -> Result<Decision, Refusal> {
    let (index, group) = active_group(request, set.group, Operation::SetRole)?;
    if set.role == GroupRole::Owner {
        return Err(Refusal::Invalid {
            field: "role",
            rule: "admin or member; a group changes hands by transfer",
        });
    }
    let person = member(request, index, set.person)?;
    if group.owner == Some(person) {
        return Err(Refusal::Invalid {
            field: "person",
            rule: "not the owner; a group changes hands by transfer",
        });
    }
    if set.role == GroupRole::Admin && !request.tenant.is_employee(person) {
        let person = set.person;
        return Err(Refusal::NotAnEmployee { person });
    }

    let event = Event::RoleChanged(event::RoleChangedV1 {
        group: set.group,
        person: set.person,
        role: set.role,
    });
    Ok(changed(group, set.group, event))
}

pub(crate) fn decide_transfer(
    request: &Request<'_>,
    transfer: &MemberV1,
) -> Result<Decision, Refusal> {
    let id = transfer.group;
    let (index, group) = active_group(request, id, Operation::TransferOwnership)?;
    let to = member(request, index, transfer.person)?;
    let not_an_admin = Refusal::Invalid {
        field: "person",
        rule: "an admin of the group",
    };
    if group.role(to) != GroupRole::Admin {
        return Err(not_an_admin);
    }
    let from = group.owner.ok_or(not_an_admin)?;

    let event = Event::OwnershipTransferred(event::OwnershipTransferredV1 {
        group: id,
        from: from.id(),
        to: transfer.person,
    });
    Ok(changed(group, id, event))
}

pub(crate) fn decide_rename(
    request: &Request<'_>,
    rename: &RenameGroupV1,
) -> Result<Decision, Refusal> {
    let (index, group) = active_group(request, rename.group, Operation::RenameGroup)?;
    if group.is_name_locked() {
        request.permit(Operation::RenameLockedGroup, Subject::Group(index))?;
    }
    check_name("name", &rename.name)?;

    let event = Event::GroupRenamed(event::GroupRenamedV1 {
        group: rename.group,
        name: rename.name.clone(),
    });
    Ok(changed(group, rename.group, event))
}

/// The group, which the actor may do `operation` to, and which is in use.
pub(super) fn active_group<'a>(
    request: &Request<'a>,
    id: GroupId,
    operation: Operation,
) -> Result<(GroupIndex, &'a Group), Refusal> {
    let index = request.tenant.known_group(id)?;
    request.permit(operation, Subject::Group(index))?;
    let group = request.tenant.group(index);
    group.check_active(id)?;
    Ok((index, group))
}

/// A direct group is of its two people for as long as they are with the company (SPEC G1).
fn check_not_direct(group: &Group) -> Result<(), Refusal> {
    if group.kind == GroupKind::Direct {
        return Err(Refusal::Invalid {
            field: "group",
            rule: "not a direct group, which keeps its two people",
        });
    }
    Ok(())
}

/// People who may be in a group of `kind`, in the order given.
pub(crate) fn admissible(
    request: &Request<'_>,
    kind: GroupKind,
    people: &[PersonId],
) -> Result<Vec<PersonIndex>, Refusal> {
    let check = |person: &PersonId| {
        let index = request.tenant.active_person(*person)?;
        let for_employees = matches!(kind, GroupKind::Internal | GroupKind::Training);
        if for_employees && !request.tenant.is_employee(index) {
            let person = *person;
            return Err(Refusal::NotAnEmployee { person });
        }
        if kind == GroupKind::External {
            request.tenant.check_deals_with_contacts(index)?;
        }
        Ok(index)
    };
    people.iter().map(check).collect()
}

/// The people in order of index, where each is there once.
pub(super) fn check_distinct(
    field: &'static str,
    mut people: Vec<PersonIndex>,
) -> Result<Vec<PersonIndex>, Refusal> {
    people.sort_unstable();
    if people.windows(2).any(|pair| pair[0] == pair[1]) {
        let rule = "each person once";
        return Err(Refusal::Invalid { field, rule });
    }
    Ok(people)
}

pub(super) fn member(
    request: &Request<'_>,
    group: GroupIndex,
    person: PersonId,
) -> Result<PersonIndex, Refusal> {
    let index = request.tenant.active_person(person)?;
    match request.tenant.person(index).membership(group) {
        Some(_) => Ok(index),
        None => {
            let group = group.id();
            Err(Refusal::NotAMember { person, group })
        }
    }
}

pub(super) fn changed(group: &Group, id: GroupId, event: Event) -> Decision {
    let sequence = group.head.next();
    let reply = Reply::GroupChanged(GroupChangedV1 {
        group: id,
        sequence,
    });
    Decision::accepted(event, reply)
}
