//! One's own view of a group, and what employees note of its members (SPEC G8, G9).
//!
//! Hiding a group changes what comes online later and nothing that is online now: the device that
//! asks stops showing it. It is no leaving; nobody else learns of it.

use std::collections::BTreeSet;

use crate::model::command::{DoneV1, MemberV1, Reply, SetDoNotDisturbV1, TagMemberV1};
use crate::model::decision::{Decision, Request};
use crate::model::event::{self, Event};
use crate::model::group::Group;
use crate::model::group::decide::{active_group, member};
use crate::model::limits::check_name;
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::wire::{GroupId, PersonId};

/// Tags of one member.
const TAGS_MAX: usize = 16;

/// The group that is in use, of which `person` is a member and arranges their view.
fn own_group<'a>(
    request: &Request<'a>,
    id: GroupId,
    person: PersonId,
) -> Result<&'a Group, Refusal> {
    request.permit(Operation::SetOwnView, Subject::Person(person))?;
    let index = request.tenant.known_group(id)?;
    let group = request.tenant.group(index);
    group.check_active(id)?;
    member(request, index, person)?;
    Ok(group)
}

fn is_hidden(request: &Request<'_>, group: &Group, person: PersonId) -> bool {
    let person = request.tenant.find_person(person);
    person.is_some_and(|person| group.is_hidden_from(person))
}

fn done(event: Event) -> Decision {
    Decision::accepted(event, Reply::Done(DoneV1 {}))
}

pub(crate) fn decide_hide(request: &Request<'_>, hide: &MemberV1) -> Result<Decision, Refusal> {
    let (group, person) = (hide.group, hide.person);
    if is_hidden(request, own_group(request, group, person)?, person) {
        return Ok(Decision::answered(Reply::Done(DoneV1 {})));
    }
    let hidden = event::GroupHiddenV1 { group, person };
    Ok(done(Event::GroupHidden(hidden)))
}

pub(crate) fn decide_restore(
    request: &Request<'_>,
    restore: &MemberV1,
) -> Result<Decision, Refusal> {
    let group = own_group(request, restore.group, restore.person)?;
    if !is_hidden(request, group, restore.person) {
        return Ok(Decision::answered(Reply::Done(DoneV1 {})));
    }
    let restored = event::GroupRestoredV1 {
        group: restore.group,
        person: restore.person,
        from: group.head.next(),
    };
    Ok(done(Event::GroupRestored(restored)))
}

pub(crate) fn decide_do_not_disturb(
    request: &Request<'_>,
    set: &SetDoNotDisturbV1,
) -> Result<Decision, Refusal> {
    own_group(request, set.group, set.person)?;
    Ok(done(Event::DoNotDisturbSet(event::DoNotDisturbSetV1 {
        group: set.group,
        person: set.person,
        on: set.on,
    })))
}

pub(crate) fn decide_tag(request: &Request<'_>, tag: &TagMemberV1) -> Result<Decision, Refusal> {
    let (index, _) = active_group(request, tag.group, Operation::ConfigureGroup)?;
    member(request, index, tag.person)?;
    let distinct: BTreeSet<_> = tag.tags.iter().collect();
    if tag.tags.len() > TAGS_MAX || distinct.len() < tag.tags.len() {
        return Err(Refusal::Invalid {
            field: "tags",
            rule: "at most 16, each once",
        });
    }
    for text in &tag.tags {
        check_name("tags", text)?;
    }
    Ok(done(Event::MemberTagged(event::MemberTaggedV1 {
        group: tag.group,
        person: tag.person,
        tags: tag.tags.clone(),
    })))
}
