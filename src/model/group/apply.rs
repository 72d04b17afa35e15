//! What groups are after an event, and the sequence it took. An event that does not fit takes none.

use crate::model::command::{GroupKind, GroupRole, PersonKind};
use crate::model::event::{
    GroupCreatedV1, GroupDissolvedV1, GroupRenamedV1, GroupStatus, MembersJoinedV1,
    MembersJoinedV2, OwnershipTransferredV1, RoleChangedV1,
};
use crate::model::state::{GroupIndex, PersonIndex, Tenant};
use crate::wire::{GroupId, PersonId, Sequence, Take};

use super::{Group, training};

/// What leaving does to the group that is left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Fate {
    /// Who owns it from now on; 0 where that does not change, or nobody does.
    pub(crate) successor: PersonId,
    /// What it is from now on.
    pub(crate) status: GroupStatus,
}

pub(crate) fn create(tenant: &mut Tenant, created: &GroupCreatedV1) -> Option<Take> {
    let owner = tenant.find_person(created.owner)?;
    let (name, members) = (created.name.as_str(), &created.members);
    let made = found(tenant, created.group, created.kind, name, owner, members);
    made.map(|(_, take)| take)
}

/// The group with its first members, if it is the tenant's next.
pub(super) fn found(
    tenant: &mut Tenant,
    id: GroupId,
    kind: GroupKind,
    name: &str,
    owner: PersonIndex,
    members: &[PersonId],
) -> Option<(GroupIndex, Take)> {
    if id != GroupId(tenant.groups.len() as u64 + 1) {
        return None;
    }
    tenant.groups.push(Group {
        kind,
        name: name.into(),
        status: GroupStatus::Active,
        creator: None,
        department: None,
        follows_department: false,
        team: None,
        training: None,
        owner: Some(owner),
        admins: Vec::new(),
        members: Vec::with_capacity(members.len() + 1),
        head: Sequence(0),
        membership_sequence: Sequence(0),
        message_ordinal: 0,
    });
    let index = tenant.find_group(id)?;
    let take = tenant.group_mut(index).take_membership(index);
    enter(tenant, index, owner, take.sequence);
    for person in members {
        if let Some(person) = tenant.find_person(*person) {
            enter(tenant, index, person, take.sequence);
        }
    }
    Some((index, take))
}

pub(crate) fn join(tenant: &mut Tenant, joined: &MembersJoinedV1) -> Option<Take> {
    let MembersJoinedV1 { group, people } = joined;
    enter_all(tenant, *group, people)
}

/// Which notice they were shown is for the archive.
pub(crate) fn join_with_notice(tenant: &mut Tenant, joined: &MembersJoinedV2) -> Option<Take> {
    let MembersJoinedV2 {
        group,
        people,
        notice: _,
    } = joined;
    enter_all(tenant, *group, people)
}

fn enter_all(tenant: &mut Tenant, group: GroupId, people: &[PersonId]) -> Option<Take> {
    let index = living_group(tenant, group)?;
    let take = tenant.group_mut(index).take_membership(index);
    for person in people {
        if let Some(person) = tenant.find_person(*person) {
            enter(tenant, index, person, take.sequence);
        }
    }
    Some(take)
}

fn enter(tenant: &mut Tenant, group: GroupIndex, person: PersonIndex, joined: Sequence) {
    if tenant.person(person).has_departed() || !tenant.person_mut(person).join(group, joined) {
        return;
    }
    let members = &mut tenant.group_mut(group).members;
    let end = members.len();
    crate::model::state::insert_snug(members, end, person);
    training::let_out(tenant, group, person);
}

pub(crate) fn leave(
    tenant: &mut Tenant,
    group: GroupId,
    people: &[PersonId],
    fate: Fate,
) -> Option<Take> {
    let index = living_group(tenant, group)?;
    let mut leaving = Vec::with_capacity(people.len());
    for person in people {
        if let Some(person) = tenant.find_person(*person)
            && tenant.person_mut(person).leave(index)
        {
            leaving.push(person);
        }
    }
    leaving.sort_unstable();
    let successor = tenant.find_person(fate.successor);
    let group = tenant.group_mut(index);
    let take = group.take_membership(index);
    take_out(&mut group.members, &leaving);
    take_out(&mut group.admins, &leaving);
    group.owner = group
        .owner
        .filter(|owner| leaving.binary_search(owner).is_err());
    match fate.status {
        GroupStatus::Active => {
            if let Some(successor) = successor {
                group.owner = Some(successor);
                group.admins.retain(|admin| *admin != successor);
            }
        }
        GroupStatus::Disabled => {
            group.status = GroupStatus::Disabled;
            group.owner = None;
        }
        GroupStatus::Dissolved => end(tenant, index),
    }
    Some(take)
}

/// Takes `leaving`, in order of index, out of `list`. One alone is the common case: a leaver of
/// 200 groups of 2,000.
fn take_out(list: &mut Vec<PersonIndex>, leaving: &[PersonIndex]) {
    if let [person] = leaving {
        if let Some(at) = list.iter().position(|member| member == person) {
            list.remove(at);
        }
        return;
    }
    list.retain(|member| leaving.binary_search(member).is_err());
}

pub(crate) fn dissolve(tenant: &mut Tenant, dissolved: &GroupDissolvedV1) -> Option<Take> {
    let index = living_group(tenant, dissolved.group)?;
    let take = tenant.group_mut(index).take_membership(index);
    end(tenant, index);
    Some(take)
}

/// Its members go, its records stay (SPEC G8).
fn end(tenant: &mut Tenant, index: GroupIndex) {
    let group = tenant.group_mut(index);
    group.status = GroupStatus::Dissolved;
    group.owner = None;
    group.admins = Vec::new();
    for member in core::mem::take(&mut group.members) {
        tenant.person_mut(member).leave(index);
    }
    training::close_audience(tenant, index);
}

pub(crate) fn change_role(tenant: &mut Tenant, changed: &RoleChangedV1) -> Option<Take> {
    let index = living_group(tenant, changed.group)?;
    let person = tenant.find_person(changed.person)?;
    let is_member = tenant.person(person).membership(index).is_some();
    let is_employee = tenant.person(person).kind == PersonKind::Employee;
    let group = tenant.group_mut(index);
    match changed.role {
        GroupRole::Admin if is_member && is_employee && group.role(person) == GroupRole::Member => {
            group.admins.push(person);
        }
        GroupRole::Member => group.admins.retain(|admin| *admin != person),
        // An admin already; or an owner, who is made by transfer and succession only.
        GroupRole::Admin | GroupRole::Owner => {}
    }
    Some(group.take(index))
}

pub(crate) fn transfer_ownership(
    tenant: &mut Tenant,
    transferred: &OwnershipTransferredV1,
) -> Option<Take> {
    let index = living_group(tenant, transferred.group)?;
    let to = tenant.find_person(transferred.to)?;
    tenant.person(to).membership(index)?;
    let group = tenant.group_mut(index);
    group.admins.retain(|admin| *admin != to);
    if let Some(from) = group.owner.replace(to).filter(|from| *from != to) {
        group.admins.push(from);
    }
    Some(group.take(index))
}

pub(crate) fn rename(tenant: &mut Tenant, renamed: &GroupRenamedV1) -> Option<Take> {
    let index = living_group(tenant, renamed.group)?;
    let group = tenant.group_mut(index);
    group.name = renamed.name.as_str().into();
    Some(group.take(index))
}

/// A group that still has an order to take a place in.
fn living_group(tenant: &Tenant, id: GroupId) -> Option<GroupIndex> {
    let index = tenant.find_group(id)?;
    (tenant.group(index).status != GroupStatus::Dissolved).then_some(index)
}
