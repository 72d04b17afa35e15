//! Invitations (SPEC G7): whom a person adds to a large group must agree first.
//!
//! Caps hold when an invitation is accepted, since that is when somebody becomes a member. What has
//! expired is as if it had never been.

use crate::model::command::{
    Actor, AnswerInvitationV1, DoneV1, InvitationV1, InvitationsV1, InvitePolicy, InvitedV1,
    JoinSource, MembersV1, PersonV1, Reply,
};
use crate::model::decision::{Decision, Request};
use crate::model::event::{self, Event};
use crate::model::group::decide::{admissible, changed};
use crate::model::group::{Group, cap, creation};
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::{GroupIndex, PersonIndex};
use crate::wire::{PersonId, Timestamp};

use super::configure::asker;

const DAY_US: i64 = 86_400_000_000;
/// Invitations of one answer.
const PAGE_MAX: usize = 1_000;

/// Whether the group's policy lets the actor bring people in.
pub(in crate::model::group) fn check_may_invite(
    request: &Request<'_>,
    index: GroupIndex,
    group: &Group,
) -> Result<(), Refusal> {
    match group.settings().invite {
        InvitePolicy::Everyone => Ok(()),
        InvitePolicy::Admins => request.permit(Operation::AddMembersAsAdmin, Subject::Group(index)),
    }
}

/// Whether `count` people whom the actor adds must agree first. The enterprise adds directly.
pub(in crate::model::group) fn asks_first(
    request: &Request<'_>,
    group: &Group,
    count: usize,
) -> bool {
    let by_a_person = matches!(request.actor, Actor::Person { .. });
    let settings = group.settings();
    let large = group.members.len() + count > settings.confirm_above as usize;
    by_a_person && settings.confirm && large
}

/// Invites people who have been checked: who may be members, and are none.
pub(in crate::model::group) fn decide_invite(
    request: &Request<'_>,
    group: &Group,
    add: &MembersV1,
) -> Result<Decision, Refusal> {
    let cap = cap(request.tenant, request.limits, group.kind, request.now);
    if group.members.len() >= cap as usize {
        let group = add.group;
        return Err(Refusal::GroupFull { group, cap });
    }
    check_room(request, group, add)?;

    let open_us = i64::from(request.limits.invitation_open_days) * DAY_US;
    let expires = request.now.plus_micros(open_us);
    let event = Event::MembersInvited(event::MembersInvitedV1 {
        group: add.group,
        people: add.people.clone(),
        by: asker(request),
        expires,
    });
    let reply = Reply::Invited(InvitedV1 {
        group: add.group,
        people: add.people.clone(),
        expires,
    });
    Ok(Decision::accepted(event, reply))
}

/// Whether so many more invitations may be open; inviting somebody once more opens none.
fn check_room(request: &Request<'_>, group: &Group, add: &MembersV1) -> Result<(), Refusal> {
    let limit = request.limits.invitations_per_group_max;
    let invited = group.settings().invited.iter();
    let open = invited
        .filter(|(person, of)| of.expires > request.now && !add.people.contains(&person.id()));
    let count = add.people.len();
    // The first keeps the second short.
    if count > limit as usize || open.count() + count > limit as usize {
        let group = add.group;
        return Err(Refusal::TooManyInvitations { group, limit });
    }
    Ok(())
}

pub(crate) fn decide_answer(
    request: &Request<'_>,
    answer: &AnswerInvitationV1,
) -> Result<Decision, Refusal> {
    let (id, person) = (answer.group, answer.person);
    request.permit(Operation::AnswerInvitation, Subject::Person(person))?;
    let index = request.tenant.known_group(id)?;
    let group = request.tenant.group(index);
    let invited = |person| is_invited(group, person, request.now);
    if !request.tenant.find_person(person).is_some_and(invited) {
        let group = id;
        return Err(Refusal::NoInvitation { person, group });
    }
    if !answer.accept {
        let declined = event::InvitationDeclinedV1 { group: id, person };
        let event = Event::InvitationDeclined(declined);
        return Ok(Decision::accepted(event, Reply::Done(DoneV1 {})));
    }
    group.check_active(id)?;
    admissible(request, group.kind, &[person])?;
    let cap = cap(request.tenant, request.limits, group.kind, request.now);
    if group.members.len() >= cap as usize {
        return Err(Refusal::GroupFull { group: id, cap });
    }

    let how = (JoinSource::Invitation, "");
    let event = creation::joined_event(request.tenant, group.kind, id, vec![person], how);
    Ok(changed(group, id, event))
}

fn is_invited(group: &Group, person: PersonIndex, now: Timestamp) -> bool {
    let invitation = group.settings().invited.get(&person);
    invitation.is_some_and(|of| of.expires > now)
}

pub(crate) fn list(request: &Request<'_>, list: &PersonV1) -> Result<Reply, Refusal> {
    request.permit(Operation::AnswerInvitation, Subject::Person(list.person))?;
    let tenant = request.tenant;
    let person = tenant.active_person(list.person)?;
    let inviting = tenant.life.groups_inviting(person).into_iter();
    let open = inviting.filter_map(|index| {
        let group = tenant.group(index);
        let invitation = group.settings().invited.get(&person)?;
        let is_open = invitation.expires > request.now && group.check_active(index.id()).is_ok();
        is_open.then(|| InvitationV1 {
            group: index.id(),
            name: group.name.to_string(),
            by: invitation.by.map_or(PersonId(0), PersonIndex::id),
            expires: invitation.expires,
        })
    });
    let list = open.take(PAGE_MAX).collect();
    Ok(Reply::Invitations(InvitationsV1 { list }))
}
