//! Whether a mass send may go out, and which of its groups still get it.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::model::command::{
    Actor, DoneV1, MassSendAcceptedV1, MassSendV1, PublishedV1, QuotaPolicy, Reply,
};
use crate::model::decision::{Decision, Request};
use crate::model::event::{self, Event, MassSendTargetV1};
use crate::model::limits::check_count;
use crate::model::message::{Key, Original, check_target};
use crate::model::permission::{Operation, Subject};
use crate::model::quota::{Balance, mass_sends_of};
use crate::model::refusal::Refusal;
use crate::model::state::{PersonIndex, Tenant};
use crate::wire::{BODY_LEN_MAX, GroupId, Kind, Priority, RecordNumber, Timestamp};

use super::MassSend;

const POLICY: QuotaPolicy = QuotaPolicy::MassSendsPerSenderPerDay;

pub(crate) fn decide_mass_send(
    request: &Request<'_>,
    send: &MassSendV1,
) -> Result<Decision, Refusal> {
    let subject = Subject::Person(send.sender);
    request.permit(Operation::MassSend, subject)?;
    let sender = request.tenant.active_person(send.sender)?;
    let key = Key {
        group: GroupId(0),
        client_message_id: send.client_message_id,
    };
    let body_digest = digest_of(request.body_digest, &send.groups);
    if let Some(first) = request.tenant.remembered.find(sender, key, request.now) {
        return retried(first, body_digest);
    }
    let balance = mass_sends_of(request, sender);
    if let Some(since) = balance.frozen_since {
        return Err(Refusal::Frozen {
            person: send.sender,
            policy: POLICY,
            since,
        });
    }
    check_message(request, sender, send)?;
    if balance.used >= balance.limit {
        return Ok(refused_and_frozen(send, &balance));
    }

    let event = Event::MassSendAccepted(event::MassSendAcceptedV1 {
        sender: send.sender,
        device: match request.actor {
            Actor::Person { device, .. } => device,
            Actor::Node | Actor::Enterprise | Actor::System => crate::wire::DeviceId(0),
        },
        groups: send.groups.clone(),
        kind: send.kind,
        priority: send.priority,
        client_message_id: send.client_message_id,
        body_digest,
        window_starts: balance.window.starts,
        window_ends: balance.window.ends,
    });
    let reply = Reply::MassSendAccepted(MassSendAcceptedV1 {
        mass_send: request.record,
        targets: u32::try_from(send.groups.len()).unwrap_or(u32::MAX),
        duplicate: false,
    });
    Ok(Decision::accepted(event, reply))
}

fn retried(first: &Original, body_digest: u64) -> Result<Decision, Refusal> {
    if first.body_digest != body_digest {
        return Err(Refusal::IdempotencyMismatch);
    }
    let reply = Reply::MassSendAccepted(MassSendAcceptedV1 {
        mass_send: first.record,
        targets: u32::try_from(first.place).unwrap_or(u32::MAX),
        duplicate: true,
    });
    Ok(Decision::answered(reply))
}

/// All targets must be right when it is accepted: what changes later refuses only that target.
fn check_message(
    request: &Request<'_>,
    sender: PersonIndex,
    send: &MassSendV1,
) -> Result<(), Refusal> {
    if !request.tenant.is_employee(sender) {
        let person = send.sender;
        return Err(Refusal::NotAnEmployee { person });
    }
    let kind = Kind::from_u8(send.kind).filter(|kind| kind.is_message());
    let kind = kind.ok_or(Refusal::KindNotAllowed)?;
    if kind == Kind::System {
        request.permit(Operation::PublishAsSystem, Subject::Person(send.sender))?;
    }
    if Priority::from_u8(send.priority).is_none() {
        return Err(Refusal::Invalid {
            field: "priority",
            rule: "the number of a priority",
        });
    }
    if send.body.len() > BODY_LEN_MAX {
        return Err(Refusal::Invalid {
            field: "body",
            rule: "at most 64 KiB",
        });
    }
    let limit = request.limits.mass_send_groups_max;
    check_count("groups", send.groups.len(), limit)?;
    let mut groups = send.groups.clone();
    groups.sort_unstable();
    if groups.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Refusal::Invalid {
            field: "groups",
            rule: "each group once",
        });
    }
    for group in groups {
        check_target(request.tenant, group, sender, kind)?;
    }
    Ok(())
}

/// The first refusal of a day freezes; while frozen nothing more happens, however often one tries.
fn refused_and_frozen(send: &MassSendV1, balance: &Balance) -> Decision {
    let event = Event::FeatureFrozen(event::FeatureV1 {
        person: send.sender,
        policy: POLICY,
    });
    let refusal = Refusal::QuotaExceeded {
        policy: POLICY,
        used: balance.used,
        limit: balance.limit,
        retry_at: balance.window.ends,
        frozen: true,
    };
    Decision {
        events: vec![event],
        outcome: Err(refusal),
    }
}

/// The next target of what is going out; `Done` where it refuses.
pub(crate) fn decide_target(
    tenant: &Tenant,
    send: &MassSend,
    record: RecordNumber,
    timestamp: Timestamp,
) -> Decision {
    let nothing = Reply::Done(DoneV1 {});
    let Some(group) = send.next_group() else {
        return Decision::answered(nothing);
    };
    let target = MassSendTargetV1 {
        mass_send: send.record,
        group,
    };
    let sender = tenant.active_person(send.sender.id());
    let sequence = sender
        .and_then(|sender| check_target(tenant, group, sender, send.kind))
        .map(|group| group.head.next());
    let Ok(sequence) = sequence else {
        return Decision::accepted(Event::MassSendTargetRefused(target), nothing);
    };
    let reply = Reply::Published(PublishedV1 {
        group,
        sequence,
        record,
        timestamp,
        duplicate: false,
    });
    Decision::accepted(Event::MassSendDelivered(target), reply)
}

/// The digest of a body and the groups it goes to, keyed by the secret that is in the body's digest.
fn digest_of(body_digest: u64, groups: &[GroupId]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(body_digest, 0);
    for group in groups {
        hasher.write_u64(group.0);
    }
    hasher.finish()
}
