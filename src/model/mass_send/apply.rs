//! A mass send is taken on and goes out, target by target.

use crate::model::Stamp;
use crate::model::command::PolicyId;
use crate::model::event::{
    ChargeV1, MassSendAcceptedV1, MassSendAcceptedV2, MassSendCancelledV1, MassSendReachedV1,
    MassSendTargetRefusedV2, MassSendTargetV1,
};
use crate::model::message::{Key, remember, take_place};
use crate::model::quota;
use crate::model::state::State;
use crate::model::work;
use crate::wire::{
    ClientMessageId, DeviceId, GroupId, Kind, PersonId, Priority, RecordNumber, Sequence, Take,
};

use super::{FINISHED_KEPT_FOR_US, MassSend, MassSends, Outcome, Target, To};

/// What an event of either version says of a new one.
struct New {
    sender: PersonId,
    device: DeviceId,
    kind: u8,
    priority: u8,
    client_message_id: ClientMessageId,
    body_digest: u64,
    list: Option<Vec<Target>>,
}

pub(crate) fn accept(state: &mut State, stamp: &Stamp, accepted: &MassSendAcceptedV1) {
    let groups = accepted.groups.iter().copied().map(To::Group);
    let new = New {
        sender: accepted.sender,
        device: accepted.device,
        kind: accepted.kind,
        priority: accepted.priority,
        client_message_id: accepted.client_message_id,
        body_digest: accepted.body_digest,
        list: groups.map(Target::new).collect(),
    };
    if take_on(state, stamp, new).is_none() {
        return;
    }
    let charge = ChargeV1 {
        policy: PolicyId::MASS_SENDS_PER_SENDER_AND_DAY,
        group: GroupId(0),
        person: accepted.sender,
        amount: 1,
        window_starts: accepted.window_starts,
        window_ends: accepted.window_ends,
    };
    if let Some(tenant) = state.tenant_mut(stamp.tenant) {
        quota::charge(tenant, stamp.timestamp, &charge);
    }
}

pub(crate) fn accept_v2(state: &mut State, stamp: &Stamp, accepted: &MassSendAcceptedV2) {
    let groups = accepted.groups.iter().copied().map(To::Group);
    let customers = accepted.customers.iter().copied().map(To::Customer);
    let new = New {
        sender: accepted.sender,
        device: accepted.device,
        kind: accepted.kind,
        priority: accepted.priority,
        client_message_id: accepted.client_message_id,
        body_digest: accepted.body_digest,
        list: groups.chain(customers).map(Target::new).collect(),
    };
    take_on(state, stamp, new);
}

/// None where it does not fit, and nothing was changed.
fn take_on(state: &mut State, stamp: &Stamp, new: New) -> Option<()> {
    let tenant = state.tenant_mut(stamp.tenant)?;
    let sender = tenant.find_person(new.sender)?;
    let kind = Kind::from_u8(new.kind)?;
    let priority = Priority::from_u8(new.priority)?;
    let list = new.list.filter(|list| !list.is_empty())?;
    let targets = u32::try_from(list.len()).ok()?;
    let sends = &mut tenant.mass_sends;
    let last = sends.list.back();
    if last.is_some_and(|last| last.record >= stamp.record) {
        return None;
    }
    sends.forget_finished(stamp);
    sends.list.push_back(MassSend {
        record: stamp.record,
        sender,
        device: new.device,
        kind,
        priority,
        client_message_id: new.client_message_id,
        accepted_at: stamp.timestamp,
        targets,
        sent: 0,
        refused: 0,
        cancelled: 0,
        list,
    });
    let key = Key {
        group: GroupId(0),
        client_message_id: new.client_message_id,
    };
    let place = u64::from(targets);
    remember(tenant, stamp, sender, key, new.body_digest, place);
    work::left(state, stamp.tenant);
    Some(())
}

pub(crate) fn deliver(state: &mut State, stamp: &Stamp, target: &MassSendTargetV1) -> Option<Take> {
    let to = To::Group(target.group);
    sent(state, stamp, target.mass_send, to, target.group)
}

pub(crate) fn reach(state: &mut State, stamp: &Stamp, reached: &MassSendReachedV1) -> Option<Take> {
    let to = To::Customer(reached.customer);
    sent(state, stamp, reached.mass_send, to, reached.group)
}

fn sent(
    state: &mut State,
    stamp: &Stamp,
    mass_send: RecordNumber,
    to: To,
    group: GroupId,
) -> Option<Take> {
    going_out(state, stamp, mass_send, to)?;
    let take = take_place(state.tenant_mut(stamp.tenant)?, stamp, group);
    let sequence = take.map_or(Sequence(0), |take| take.sequence);
    let outcome = Outcome::Sent { group, sequence };
    going_out(state, stamp, mass_send, to)?.note(outcome);
    settle(state, stamp);
    take
}

pub(crate) fn refuse_target(state: &mut State, stamp: &Stamp, target: &MassSendTargetV1) {
    let (code, policy) = (0, PolicyId(0));
    let to = To::Group(target.group);
    refuse(state, stamp, target.mass_send, to, code, policy);
}

pub(crate) fn refuse_target_v2(
    state: &mut State,
    stamp: &Stamp,
    refused: &MassSendTargetRefusedV2,
) {
    let to = match refused.customer {
        PersonId(0) => To::Group(refused.group),
        customer => To::Customer(customer),
    };
    let (code, policy) = (refused.code, refused.policy);
    refuse(state, stamp, refused.mass_send, to, code, policy);
}

fn refuse(
    state: &mut State,
    stamp: &Stamp,
    mass_send: RecordNumber,
    to: To,
    code: u16,
    policy: PolicyId,
) {
    if let Some(send) = going_out(state, stamp, mass_send, to) {
        send.note(Outcome::Refused { code, policy });
        settle(state, stamp);
    }
}

pub(crate) fn cancel(state: &mut State, stamp: &Stamp, cancelled: &MassSendCancelledV1) {
    let Some(tenant) = state.tenant_mut(stamp.tenant) else {
        return;
    };
    let sends = &mut tenant.mass_sends;
    let Some(at) = sends.position(cancelled.mass_send) else {
        return;
    };
    let send = &mut sends.list[at];
    if send.is_over() {
        return;
    }
    let tried = send.tried() as usize;
    for target in &mut send.list[tried..] {
        *target = target.with(Outcome::Cancelled);
    }
    send.cancelled = send.targets - send.tried();
    sends.pass_finished();
    work::withdrawn(state, stamp.tenant);
}

/// The mass send that is going out, if `to` is its next target.
fn going_out<'a>(
    state: &'a mut State,
    stamp: &Stamp,
    mass_send: RecordNumber,
    to: To,
) -> Option<&'a mut MassSend> {
    let sends = &mut state.tenant_mut(stamp.tenant)?.mass_sends;
    let send = sends.list.get_mut(sends.finished)?;
    let fits = send.record == mass_send && send.next().is_some_and(|next| next.to() == to);
    fits.then_some(send)
}

/// After a slice: a mass send that is over makes way.
fn settle(state: &mut State, stamp: &Stamp) {
    if let Some(tenant) = state.tenant_mut(stamp.tenant) {
        tenant.mass_sends.pass_finished();
    }
    work::settle(state, stamp.tenant);
}

impl MassSend {
    /// What became of the target that was next.
    fn note(&mut self, outcome: Outcome) {
        let at = self.tried() as usize;
        self.list[at] = self.list[at].with(outcome);
        match outcome {
            Outcome::Sent { .. } => self.sent += 1,
            _ => self.refused += 1,
        }
    }
}

impl MassSends {
    fn forget_finished(&mut self, stamp: &Stamp) {
        while self.finished > 0
            && let Some(oldest) = self.list.front()
            && stamp.timestamp.micros_since(oldest.accepted_at) >= FINISHED_KEPT_FOR_US
        {
            self.list.pop_front();
            self.finished -= 1;
        }
    }
}
