//! Whether a mass send may go out: sender and tenant refuse the whole of it (SPEC Q4).

use core::ops::ControlFlow;
use std::collections::BTreeSet;
use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::model::command::{
    Actor, CancelMassSendV1, DoneV1, MassSendAcceptedV1, MassSendV1, MassSendV2, PolicyId, Reply,
};
use crate::model::decision::{Decision, Request};
use crate::model::event::{self, ChargeV1, Event, MassSendCancelledV1};
use crate::model::group::matrix;
use crate::model::limits::check_count;
use crate::model::message::{Key, check_target};
use crate::model::permission::{Operation, Subject};
use crate::model::quota::{self, Demand};
use crate::model::refusal::Refusal;
use crate::model::state::{PersonIndex, Tenant};
use crate::wire::{
    BODY_LEN_MAX, ClientMessageId, DeviceId, GroupId, Kind, PersonId, Priority, Timestamp,
};

/// Between the lists that a digest is of: no id.
const SEPARATOR: u64 = 0;

/// What is to be sent, and to whom.
struct Wanted<'a> {
    kind: u8,
    priority: u8,
    body_len: usize,
    groups: &'a [GroupId],
    customers: &'a [PersonId],
}

pub(crate) fn decide_mass_send(
    request: &Request<'_>,
    send: &MassSendV1,
) -> Result<Decision, Refusal> {
    let groups = send.groups.iter().map(|group| group.0);
    let body_digest = digest_of(request.body_digest, groups);
    let sender = match begin(request, send.sender, send.client_message_id, body_digest)? {
        ControlFlow::Continue(sender) => sender,
        ControlFlow::Break(retried) => return Ok(retried),
    };
    let wanted = Wanted {
        kind: send.kind,
        priority: send.priority,
        body_len: send.body.len(),
        groups: &send.groups,
        customers: &[],
    };
    let mut charges = match admit(request, sender, &wanted)? {
        ControlFlow::Continue(charges) => charges,
        ControlFlow::Break(denied) => return Ok(denied),
    };
    let (window_starts, window_ends) = take_own_charge(&mut charges);

    let event = Event::MassSendAccepted(event::MassSendAcceptedV1 {
        sender: send.sender,
        device: device(request),
        groups: send.groups.clone(),
        kind: send.kind,
        priority: send.priority,
        client_message_id: send.client_message_id,
        body_digest,
        window_starts,
        window_ends,
    });
    Ok(accepted(request, event, charges, send.groups.len()))
}

pub(crate) fn decide_mass_send_v2(
    request: &Request<'_>,
    send: &MassSendV2,
) -> Result<Decision, Refusal> {
    let groups = send.groups.iter().map(|group| group.0);
    let matrices = send.matrices.iter().map(|matrix| matrix.0);
    let customers = send.customers.iter().map(|customer| customer.0);
    let named = groups.chain([SEPARATOR]).chain(matrices);
    let named = named.chain([SEPARATOR]).chain(customers);
    let body_digest = digest_of(request.body_digest, named);
    let sender = match begin(request, send.sender, send.client_message_id, body_digest)? {
        ControlFlow::Continue(sender) => sender,
        ControlFlow::Break(retried) => return Ok(retried),
    };
    let groups = all_groups(request, send)?;
    let wanted = Wanted {
        kind: send.kind,
        priority: send.priority,
        body_len: send.body.len(),
        groups: &groups,
        customers: &send.customers,
    };
    let charges = match admit(request, sender, &wanted)? {
        ControlFlow::Continue(charges) => charges,
        ControlFlow::Break(denied) => return Ok(denied),
    };

    let targets = groups.len() + send.customers.len();
    let event = Event::MassSendAcceptedV2(event::MassSendAcceptedV2 {
        sender: send.sender,
        device: device(request),
        groups,
        customers: send.customers.clone(),
        kind: send.kind,
        priority: send.priority,
        client_message_id: send.client_message_id,
        body_digest,
    });
    Ok(accepted(request, event, charges, targets))
}

/// The sender, who is not frozen; else what the same mass send was answered before.
fn begin(
    request: &Request<'_>,
    sender: PersonId,
    client_message_id: ClientMessageId,
    body_digest: u64,
) -> Result<ControlFlow<Decision, PersonIndex>, Refusal> {
    request.permit(Operation::MassSend, Subject::Person(sender))?;
    let sender = request.tenant.usable_person(sender)?;
    let key = Key {
        group: GroupId(0),
        client_message_id,
    };
    if let Some(first) = request.tenant.remembered.find(sender, key, request.now) {
        if first.body_digest != body_digest {
            return Err(Refusal::IdempotencyMismatch);
        }
        let reply = Reply::MassSendAccepted(MassSendAcceptedV1 {
            mass_send: first.record,
            targets: u32::try_from(first.place).unwrap_or(u32::MAX),
            duplicate: true,
        });
        return Ok(ControlFlow::Break(Decision::answered(reply)));
    }
    quota::check_frozen(request, &[Demand::mass_send(sender)])?;
    Ok(ControlFlow::Continue(sender))
}

/// The charges, if all is right; else the refusal that may freeze.
fn admit(
    request: &Request<'_>,
    sender: PersonIndex,
    wanted: &Wanted<'_>,
) -> Result<ControlFlow<Decision, Vec<ChargeV1>>, Refusal> {
    check(request, sender, wanted)?;
    let mut demands = vec![Demand::mass_send(sender)];
    demands.extend(person_times(request.tenant, sender, wanted));
    Ok(match quota::admit(request, &demands) {
        Ok(charges) => ControlFlow::Continue(charges),
        Err(denied) => ControlFlow::Break(denied.into()),
    })
}

fn accepted(
    request: &Request<'_>,
    event: Event,
    charges: Vec<ChargeV1>,
    targets: usize,
) -> Decision {
    Decision::new(
        [event].into_iter().chain(quota::charged(charges)).collect(),
        Ok(Reply::MassSendAccepted(MassSendAcceptedV1 {
            mass_send: request.record,
            targets: u32::try_from(targets).unwrap_or(u32::MAX),
            duplicate: false,
        })),
    )
}

fn device(request: &Request<'_>) -> DeviceId {
    match request.actor {
        Actor::Person { device, .. } => device,
        Actor::Node | Actor::Enterprise | Actor::System => DeviceId(0),
    }
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

/// How many people it is for, where a policy counts them: each customer, and everybody in each
/// group but the sender.
fn person_times(tenant: &Tenant, sender: PersonIndex, wanted: &Wanted<'_>) -> Option<Demand> {
    if !tenant.quotas.count_person_times_of(sender) {
        return None;
    }
    let groups = wanted.groups.iter();
    let groups = groups.filter_map(|group| tenant.find_group(*group));
    let others = groups.map(|group| tenant.group(group).members.len().saturating_sub(1));
    let people = others.sum::<usize>() + wanted.customers.len();
    let people = u32::try_from(people).unwrap_or(u32::MAX);
    Some(Demand::person_times(sender, people))
}

/// The groups named, then those of the sets that are not among them.
fn all_groups(request: &Request<'_>, send: &MassSendV2) -> Result<Vec<GroupId>, Refusal> {
    let mut groups = send.groups.clone();
    if send.matrices.is_empty() {
        return Ok(groups);
    }
    let limit = request.limits.mass_send_groups_max;
    check_count("matrices", send.matrices.len(), limit)?;
    let mut seen: BTreeSet<_> = groups.iter().copied().collect();
    for id in &send.matrices {
        let set = matrix::groups(request.tenant, *id)?;
        groups.extend(set.into_iter().filter(|group| seen.insert(*group)));
        // Before the next set: together they may name far more than one mass send has.
        check_count("groups", groups.len().max(1), limit)?;
    }
    Ok(groups)
}

/// All targets must be right when it is accepted: what changes later refuses only that target.
fn check(request: &Request<'_>, sender: PersonIndex, wanted: &Wanted<'_>) -> Result<(), Refusal> {
    let tenant = request.tenant;
    if !tenant.is_employee(sender) {
        let person = sender.id();
        return Err(Refusal::NotAnEmployee { person });
    }
    let kind = Kind::from_u8(wanted.kind).filter(|kind| kind.is_message());
    let kind = kind.ok_or(Refusal::KindNotAllowed)?;
    if kind == Kind::System {
        request.permit(Operation::PublishAsSystem, Subject::Person(sender.id()))?;
    }
    if Priority::from_u8(wanted.priority).is_none() {
        return Err(Refusal::Invalid {
            field: "priority",
            rule: "the number of a priority",
        });
    }
    if wanted.body_len > BODY_LEN_MAX {
        return Err(Refusal::Invalid {
            field: "body",
            rule: "at most 64 KiB",
        });
    }
    let limit = request.limits.mass_send_groups_max;
    let targets = wanted.groups.len() + wanted.customers.len();
    check_count("groups", targets, limit)?;
    let groups = each_once("groups", wanted.groups)?;
    let customers = each_once("customers", wanted.customers)?;
    for group in groups {
        check_target(tenant, group, sender, kind)?;
    }
    if !customers.is_empty() {
        check_reaches_customers(request, sender, kind)?;
    }
    for customer in customers {
        check_customer(tenant, sender, customer)?;
    }
    Ok(())
}

/// The list in order of id, where each is there once.
fn each_once<T: Ord + Copy>(field: &'static str, list: &[T]) -> Result<Vec<T>, Refusal> {
    let mut list = list.to_vec();
    list.sort_unstable();
    if list.windows(2).any(|pair| pair[0] == pair[1]) {
        let rule = "each once";
        return Err(Refusal::Invalid { field, rule });
    }
    Ok(list)
}

/// Customers are reached by a verified tenant's activated employees (SPEC D1, D3), and nothing goes
/// to them that the archive could not read (SPEC S1).
pub(super) fn check_reaches_customers(
    request: &Request<'_>,
    sender: PersonIndex,
    kind: Kind,
) -> Result<(), Refusal> {
    request.tenant.require_verified(request.now)?;
    request.tenant.check_deals_with_contacts(sender)?;
    if kind == Kind::Opaque {
        return Err(Refusal::KindNotAllowed);
    }
    Ok(())
}

/// The external contact, who must still be one, and the sender's own (SPEC D4).
pub(super) fn check_customer(
    tenant: &Tenant,
    sender: PersonIndex,
    customer: PersonId,
) -> Result<PersonIndex, Refusal> {
    let index = tenant.active_person(customer)?;
    if tenant.is_employee(index) {
        return Err(Refusal::Invalid {
            field: "customers",
            rule: "customers and partners",
        });
    }
    if !tenant.contacts.belongs_to(index, sender) {
        return Err(Refusal::NotTheirContact {
            contact: customer,
            person: sender.id(),
        });
    }
    Ok(index)
}

pub(crate) fn decide_cancel(
    request: &Request<'_>,
    cancel: &CancelMassSendV1,
) -> Result<Decision, Refusal> {
    let mass_send = cancel.mass_send;
    let send = request.tenant.mass_sends.find(mass_send);
    let send = send.ok_or(Refusal::NoSuchMassSend {
        mass_send: mass_send.0,
    })?;
    let subject = Subject::Person(send.sender.id());
    request.permit(Operation::CancelMassSend, subject)?;
    let reply = Reply::Done(DoneV1 {});
    if send.is_over() {
        return Ok(Decision::answered(reply));
    }

    let event = Event::MassSendCancelled(MassSendCancelledV1 { mass_send });
    Ok(Decision::accepted(event, reply))
}

/// The digest of a body and of whom it goes to, keyed by the secret that is in the body's digest.
fn digest_of(body_digest: u64, targets: impl Iterator<Item = u64>) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(body_digest, 0);
    for target in targets {
        hasher.write_u64(target);
    }
    hasher.finish()
}
