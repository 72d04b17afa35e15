//! What groups are after an event, and the sequence it took. An event that does not fit takes none.

use crate::model::command::{GroupRole, PersonKind};
use crate::model::event::{
    GroupCreatedV1, GroupRenamedV1, GroupStatus, MembersJoinedV1, OwnershipTransferredV1,
    RoleChangedV1,
};
use crate::model::state::{GroupIndex, PersonIndex, Tenant};
use crate::wire::{GroupId, PersonId, Sequence, Take};

use super::{Activity, Group, life};

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
    if created.group != GroupId(tenant.groups.len() as u64 + 1) {
        return None;
    }
    tenant.groups.push(Group {
        kind: created.kind,
        name: created.name.as_str().into(),
        status: GroupStatus::Active,
        creator: None,
        department: None,
        owner: Some(owner),
        admins: Vec::new(),
        members: Vec::with_capacity(created.members.len() + 1),
        head: Sequence(0),
        membership_sequence: Sequence(0),
        message_ordinal: 0,
        settings: None,
        activity: Activity::default(),
    });
    let index = tenant.find_group(created.group)?;
    let take = tenant.group_mut(index).take_membership(index);
    enter(tenant, index, owner, take.sequence);
    for person in &created.members {
        if let Some(person) = tenant.find_person(*person) {
            enter(tenant, index, person, take.sequence);
        }
    }
    Some(take)
}

pub(crate) fn join(tenant: &mut Tenant, joined: &MembersJoinedV1) -> Option<Take> {
    let index = living_group(tenant, joined.group)?;
    let take = tenant.group_mut(index).take_membership(index);
    for person in &joined.people {
        if let Some(person) = tenant.find_person(*person) {
            enter(tenant, index, person, take.sequence);
        }
    }
    Some(take)
}

pub(super) fn enter(tenant: &mut Tenant, group: GroupIndex, person: PersonIndex, joined: Sequence) {
    if tenant.person(person).has_departed() || !tenant.person_mut(person).join(group, joined) {
        return;
    }
    let members = &mut tenant.group_mut(group).members;
    let end = members.len();
    crate::model::state::insert_snug(members, end, person);
    life::forget_invitation(tenant, group, person);
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
    if let Some(successor) = successor {
        group.owner = Some(successor);
        group.admins.retain(|admin| *admin != successor);
    }
    match fate.status {
        GroupStatus::Active => {}
        GroupStatus::Disabled => group.status = GroupStatus::Disabled,
        GroupStatus::Dissolved => end(tenant, index),
    }
    life::forget_members(tenant, index, &leaving);
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

pub(crate) fn dissolve(tenant: &mut Tenant, group: GroupId) -> Option<Take> {
    let index = living_group(tenant, group)?;
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
    life::forget_group(tenant, index);
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
    group.hand_to(to);
    let take = group.take(index);
    life::list_if_orphaned(tenant, index);
    Some(take)
}

pub(crate) fn rename(tenant: &mut Tenant, renamed: &GroupRenamedV1) -> Option<Take> {
    let index = living_group(tenant, renamed.group)?;
    let group = tenant.group_mut(index);
    group.name = renamed.name.as_str().into();
    Some(group.take(index))
}

/// A group that still has an order to take a place in.
pub(super) fn living_group(tenant: &Tenant, id: GroupId) -> Option<GroupIndex> {
    let index = tenant.find_group(id)?;
    (tenant.group(index).status != GroupStatus::Dissolved).then_some(index)
}
