//! Whether a message may be published, and whether it was before.

use crate::model::command::{GroupKind, Publish, PublishedV1, Reply};
use crate::model::decision::{Decision, Request};
use crate::model::event::{self, Event};
use crate::model::group::Group;
use crate::model::permission::{Operation, Subject};
use crate::model::quota::{self, Demand};
use crate::model::refusal::Refusal;
use crate::model::state::{PersonIndex, Tenant};
use crate::wire::{GroupId, Kind};

use super::Key;

pub(crate) fn decide_publish(
    request: &Request<'_>,
    publish: &Publish,
) -> Result<Decision, Refusal> {
    let subject = Subject::Person(publish.sender);
    request.permit(Operation::Publish, subject)?;
    let sender = request.tenant.usable_person(publish.sender)?;
    request.tenant.check_device(sender, publish.device)?;
    let index = request.tenant.known_group(publish.group)?;
    let key = Key {
        group: publish.group,
        client_message_id: publish.client_message_id,
    };
    // A retry is answered by what happened, whatever has changed since.
    if let Some(first) = request.tenant.remembered.find(sender, key, request.now) {
        if first.body_digest != publish.body_digest {
            return Err(Refusal::IdempotencyMismatch);
        }
        return Ok(Decision::answered(Reply::Published(PublishedV1 {
            group: publish.group,
            sequence: crate::wire::Sequence(first.place),
            record: first.record,
            timestamp: first.timestamp,
            duplicate: true,
        })));
    }
    if publish.kind == Kind::System {
        request.permit(Operation::PublishAsSystem, subject)?;
    }
    let group = check_target(request.tenant, publish.group, sender, publish.kind)?;
    group.check_speech(publish.group, sender, publish.kind, request.now)?;

    let mut events = vec![Event::Published(event::PublishedV1 {
        group: publish.group,
        body_digest: publish.body_digest,
    })];
    if request.tenant.quotas.count_messages() {
        match quota::admit(request, &[Demand::message(sender, index)]) {
            Ok(charges) => events.extend(quota::charged(charges)),
            Err(denied) => return Ok(denied.into()),
        }
    }
    let reply = Reply::Published(PublishedV1 {
        group: publish.group,
        sequence: group.head.next(),
        record: request.record,
        timestamp: request.now,
        duplicate: false,
    });
    Ok(Decision::new(events, Ok(reply)))
}

/// The group, if `sender` may say something of `kind` in it, silence and slow mode apart.
pub(crate) fn check_target(
    tenant: &Tenant,
    id: GroupId,
    sender: PersonIndex,
    kind: Kind,
) -> Result<&Group, Refusal> {
    let index = tenant.known_group(id)?;
    let group = tenant.group(index);
    group.check_active(id)?;
    if tenant.person(sender).membership(index).is_none() {
        return Err(Refusal::NotAMember {
            person: sender.id(),
            group: id,
        });
    }
    let sealed_from_the_archive = kind == Kind::Opaque && group.kind == GroupKind::External;
    if !kind.is_message() || sealed_from_the_archive {
        return Err(Refusal::KindNotAllowed);
    }
    Ok(group)
}
