//! What is only read: answers computed from the state as it is, under the same permissions.

use crate::model::command::{
    GroupStateV1, GroupV1, GroupsV1, ListMembersV1, MemberStateV1, MembersPageV1, PersonV1, Reply,
};
use crate::model::decision::Request;
use crate::model::event::GroupStatus;
use crate::model::group;
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::{PersonIndex, State};
use crate::wire::{AttachedGroup, PersonId, Sequence, TenantId};

/// Entries of a page, at most.
const PAGE_MAX: usize = 1_000;

pub(crate) fn get_group(request: &Request<'_>, get: &GroupV1) -> Result<Reply, Refusal> {
    let tenant = request.tenant;
    let index = tenant.known_group(get.group)?;
    request.permit(Operation::ReadGroup, Subject::Group(index))?;
    let group = tenant.group(index);
    Ok(Reply::Group(GroupStateV1 {
        group: get.group,
        kind: group.kind,
        name: group.name.to_string(),
        owner: group.owner.map_or(PersonId(0), PersonIndex::id),
        members: u32::try_from(group.members.len()).unwrap_or(u32::MAX),
        cap: group::cap(tenant, request.limits, group.kind, request.now),
        head: group.head,
        dissolved: group.status == GroupStatus::Dissolved,
    }))
}

pub(crate) fn list_members(request: &Request<'_>, list: &ListMembersV1) -> Result<Reply, Refusal> {
    let tenant = request.tenant;
    let index = tenant.known_group(list.group)?;
    request.permit(Operation::ReadGroup, Subject::Group(index))?;
    let group = tenant.group(index);
    let page = PAGE_MAX.min(list.limit as usize);
    let mut after = group.members.clone();
    after.retain(|member| member.id() > list.after);
    after.sort_unstable();
    let more = after.len() > page;
    after.truncate(page);
    let joined = |member: PersonIndex| {
        let membership = tenant.person(member).membership(index);
        membership.map_or(Sequence(0), |membership| membership.joined)
    };
    let members = after.into_iter().map(|member| MemberStateV1 {
        person: member.id(),
        role: group.role(member),
        joined: joined(member),
    });
    Ok(Reply::Members(MembersPageV1 {
        members: members.collect(),
        more,
    }))
}

pub(crate) fn list_groups(request: &Request<'_>, list: &PersonV1) -> Result<Reply, Refusal> {
    request.permit(Operation::ReadPerson, Subject::Person(list.person))?;
    let person = request.tenant.active_person(list.person)?;
    let memberships = request.tenant.person(person).memberships().iter();
    let groups = memberships.take(PAGE_MAX).map(|m| m.group.id()).collect();
    Ok(Reply::Groups(GroupsV1 { groups }))
}

/// What an attached person may read: one entry per group, in group order.
pub fn attach(
    state: &State,
    tenant: TenantId,
    person: PersonId,
) -> Result<Vec<AttachedGroup>, Refusal> {
    let tenant = state.tenant(tenant)?;
    let person = tenant.active_person(person)?;
    let memberships = tenant.person(person).memberships().iter();
    let groups = memberships.map(|membership| {
        let group = tenant.group(membership.group);
        AttachedGroup::new(
            membership.group.id(),
            membership.joined,
            group.head,
            group.membership_sequence,
        )
    });
    Ok(groups.collect())
}
