//! A mass send is charged and goes out, group by group.

use crate::model::Stamp;
use crate::model::command::PolicyId;
use crate::model::event::{ChargeV1, MassSendAcceptedV1, MassSendTargetV1};
use crate::model::message::{Key, remember, take_place};
use crate::model::quota;
use crate::model::state::State;
use crate::model::work;
use crate::wire::{GroupId, Kind, Priority, Take};

use super::{FINISHED_KEPT_FOR_US, MassSend, MassSends};

pub(crate) fn accept(
    state: &mut State,
    stamp: &Stamp,
    accepted: &MassSendAcceptedV1,
) -> Option<()> {
    let tenant = state.tenant_mut(stamp.tenant)?;
    let sender = tenant.find_person(accepted.sender)?;
    let kind = Kind::from_u8(accepted.kind)?;
    let priority = Priority::from_u8(accepted.priority)?;
    let targets = u32::try_from(accepted.groups.len()).ok()?;
    let sends = &mut tenant.mass_sends;
    if sends
        .list
        .back()
        .is_some_and(|last| last.record >= stamp.record)
        || targets == 0
    {
        return None;
    }
    sends.forget_finished(stamp);
    sends.list.push_back(MassSend {
        record: stamp.record,
        sender,
        device: accepted.device,
        kind,
        priority,
        client_message_id: accepted.client_message_id,
        accepted_at: stamp.timestamp,
        targets,
        sent: 0,
        refused: 0,
        groups: accepted.groups.clone(),
    });
    let charge = ChargeV1 {
        policy: PolicyId::MASS_SENDS_PER_SENDER_AND_DAY,
        group: GroupId(0),
        person: accepted.sender,
        amount: 1,
        window_starts: accepted.window_starts,
        window_ends: accepted.window_ends,
    };
    quota::charge(tenant, stamp.timestamp, &charge);
    let key = Key {
        group: GroupId(0),
        client_message_id: accepted.client_message_id,
    };
    let place = u64::from(targets);
    remember(tenant, stamp, sender, key, accepted.body_digest, place);
    work::left(state, stamp.tenant);
    Some(())
}

pub(crate) fn deliver(state: &mut State, stamp: &Stamp, target: &MassSendTargetV1) -> Option<Take> {
    let send = advance(state, stamp, target)?;
    send.sent += 1;
    settle(state, stamp);
    take_place(state.tenant_mut(stamp.tenant)?, target.group)
}

pub(crate) fn refuse_target(
    state: &mut State,
    stamp: &Stamp,
    target: &MassSendTargetV1,
) -> Option<()> {
    let send = advance(state, stamp, target)?;
    send.refused += 1;
    settle(state, stamp);
    Some(())
}

/// The mass send that is going out, if `target` is its next.
fn advance<'a>(
    state: &'a mut State,
    stamp: &Stamp,
    target: &MassSendTargetV1,
) -> Option<&'a mut MassSend> {
    let sends = &mut state.tenant_mut(stamp.tenant)?.mass_sends;
    let send = sends.list.get_mut(sends.finished)?;
    (send.record == target.mass_send && send.next_group() == Some(target.group)).then_some(send)
}

/// After a slice: a mass send with no next group is over.
fn settle(state: &mut State, stamp: &Stamp) {
    if let Some(tenant) = state.tenant_mut(stamp.tenant) {
        let sends = &mut tenant.mass_sends;
        if let Some(send) = sends.list.get_mut(sends.finished)
            && send.next_group().is_none()
        {
            send.groups = Vec::new();
            sends.finished += 1;
        }
    }
    work::settle(state, stamp.tenant);
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
