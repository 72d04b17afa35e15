//! What is only read: answers computed from the state as it is, under the same permissions.

use crate::model::command::{
    GroupStateV1, GroupV1, GroupsV1, ListMembersV1, MemberStateV1, MembersPageV1, PersonV1, Reply,
};
use crate::model::decision::Request;
use crate::model::directory::{Membership, Person};
use crate::model::event::GroupStatus;
use crate::model::group::{self, Group};
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::{GroupIndex, PersonIndex, State, Tenant};
use crate::wire::{AttachedGroup, DeviceId, GroupId, PersonId, Sequence, TenantId, Timestamp};

/// Entries of a page, at most.
const PAGE_MAX: usize = 1_000;

pub(crate) fn get_group(request: &Request<'_>, get: &GroupV1) -> Result<Reply, Refusal> {
    let tenant = request.tenant;
    let (_, group) = group::life::readable_group(request, get.group)?;
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
    let (index, group) = group::life::readable_group(request, list.group)?;
    let (page, more) = group::life::page_of_members(request, index, list);
    let joined = |member: PersonIndex| {
        let membership = tenant.person(member).membership(index);
        membership.map_or(Sequence(0), |membership| membership.joined)
    };
    let members = page.into_iter().map(|member| MemberStateV1 {
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
    let visible = visible_memberships(request.tenant, person);
    let groups = visible.take(PAGE_MAX).map(|m| m.group.id()).collect();
    Ok(Reply::Groups(GroupsV1 { groups }))
}

/// Memberships of groups that the person sees: in use, and not deleted from their view (SPEC G8).
fn visible_memberships(tenant: &Tenant, person: PersonIndex) -> impl Iterator<Item = &Membership> {
    let memberships = tenant.person(person).memberships().iter();
    memberships.filter(move |membership| {
        let group = tenant.group(membership.group);
        group.status == GroupStatus::Active && !group.is_hidden_from(person)
    })
}

/// What an attached person may read: one entry per group that they see, in group order.
pub fn attach(
    state: &State,
    tenant: TenantId,
    person: PersonId,
) -> Result<Vec<AttachedGroup>, Refusal> {
    let tenant = state.tenant(tenant)?;
    let person = tenant.usable_person(person)?;
    let groups = visible_memberships(tenant, person).map(|membership| {
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

/// A training group as one of its viewers reads it: live, while its window is open (SPEC L1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Watched {
    /// From behind the head on: history is not a viewer's.
    pub group: AttachedGroup,
    /// What is decided then or later is not for viewers, unless the window is set anew.
    pub closes: Timestamp,
}

/// The training groups whose viewer a person is and whose window is open at `now`, in group order.
#[must_use]
pub fn watched(state: &State, tenant: TenantId, person: PersonId, now: Timestamp) -> Vec<Watched> {
    let open = seats_of(state, tenant, person).filter_map(|(index, group)| {
        let watch = &group.training.as_deref()?.watch;
        let is_open = group.status == GroupStatus::Active && watch.is_open(now);
        let (head, changed) = (group.head, group.membership_sequence);
        is_open.then(|| Watched {
            group: AttachedGroup::new(index.id(), head.next(), head, changed),
            closes: watch.closes(),
        })
    });
    open.collect()
}

/// The training groups whose viewer a person is, whatever the window: whose records may concern them.
#[must_use]
pub fn seats(state: &State, tenant: TenantId, person: PersonId) -> Vec<GroupId> {
    let seats = seats_of(state, tenant, person);
    seats.map(|(index, _)| index.id()).collect()
}

fn seats_of(
    state: &State,
    tenant: TenantId,
    person: PersonId,
) -> impl Iterator<Item = (GroupIndex, &Group)> {
    let tenant = state.tenant(tenant).ok();
    let person = tenant.and_then(|tenant| Some((tenant, tenant.find_person(person)?)));
    person.into_iter().flat_map(|(tenant, person)| {
        let groups = tenant.creation.audiences.watched_by(person).iter();
        groups.map(|index| (*index, tenant.group(*index)))
    })
}

/// Refuses a device of a person's that is locked out (SPEC D9).
pub fn check_device(
    state: &State,
    tenant: TenantId,
    person: PersonId,
    device: DeviceId,
) -> Result<(), Refusal> {
    let tenant = state.tenant(tenant)?;
    let person = tenant.usable_person(person)?;
    tenant.check_device(person, device)
}

/// The groups a person is a member of, seen or not: whose records may concern them; in group order.
#[must_use]
pub fn memberships(state: &State, tenant: TenantId, person: PersonId) -> Vec<GroupId> {
    let tenant = state.tenant(tenant).ok();
    let person = tenant.and_then(|tenant| Some(tenant.person(tenant.find_person(person)?)));
    let memberships = person.into_iter().flat_map(Person::memberships);
    memberships
        .map(|membership| membership.group.id())
        .collect()
}
