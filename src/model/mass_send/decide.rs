//! Whether a mass send may go out, and which of its groups still get it.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::model::command::{
    Actor, DoneV1, MassSendAcceptedV1, MassSendV1, PolicyId, PublishedV1, Reply,
};
use crate::model::decision::{Decision, Request};
use crate::model::event::{self, ChargeV1, Event, MassSendTargetV1};
use crate::model::limits::check_count;
use crate::model::message::{Key, Original, check_target};
use crate::model::permission::{Operation, Subject};
use crate::model::quota::{self, Demand};
use crate::model::refusal::Refusal;
use crate::model::state::{PersonIndex, Tenant};
use crate::wire::{BODY_LEN_MAX, GroupId, Kind, Priority, RecordNumber, Timestamp};

use super::MassSend;

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
    let mut demands = vec![Demand::mass_send(sender)];
    quota::check_frozen(request, &demands)?;
    check_message(request, sender, send)?;
    demands.extend(person_times(request.tenant, sender, &send.groups));
    let mut charges = match quota::admit(request, &demands) {
        Ok(charges) => charges,
        Err(denied) => return Ok(denied.into()),
    };
    let (window_starts, window_ends) = take_own_charge(&mut charges);

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
        window_starts,
        window_ends,
    });
    let reply = Reply::MassSendAccepted(MassSendAcceptedV1 {
        mass_send: request.record,
        targets: u32::try_from(send.groups.len()).unwrap_or(u32::MAX),
        duplicate: false,
    });
    Ok(Decision {
        events: [event].into_iter().chain(quota::charged(charges)).collect(),
        outcome: Ok(reply),
    })
}

/// The window of the charge that the event of the first version makes itself; an empty one where
/// the policy is switched off.
fn take_own_charge(charges: &mut Vec<ChargeV1>) -> (Timestamp, Timestamp) {
    let own = PolicyId::MASS_SENDS_PER_SENDER_AND_DAY;
    match charges.iter().position(|charge| charge.policy == own) {
        Some(at) => {
            let charge = charges.remove(at);
            (charge.window_starts, charge.window_ends)
        }
        None => (Timestamp(0), Timestamp(0)),
    }
}

/// How many people it reaches, where a policy counts them: everybody in each group but the sender.
fn person_times(tenant: &Tenant, sender: PersonIndex, groups: &[GroupId]) -> Option<Demand> {
    if !tenant.quotas.count_person_times_of(sender) {
        return None;
    }
    let groups = groups.iter().filter_map(|group| tenant.find_group(*group));
    let others = groups.map(|group| tenant.group(group).members.len().saturating_sub(1));
    let people = u32::try_from(others.sum::<usize>()).unwrap_or(u32::MAX);
    Some(Demand::person_times(sender, people))
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
