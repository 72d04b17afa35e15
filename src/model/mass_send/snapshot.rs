//! Mass sends as a snapshot has them.

use crate::model::body::body;
use crate::model::state::Tenant;
use crate::wire::{ClientMessageId, DeviceId, Kind, PersonId, Priority, RecordNumber, Timestamp};

use super::{MassSend, MassSends, Outcome, Target};

body! {
    /// A tenant's mass sends in the order they go out.
    MassSendsStateV1 {
        list: Vec<MassSendStateV1>,
    }
}
body! {
    /// One mass send.
    MassSendStateV1 {
        record: RecordNumber,
        sender: PersonId,
        device: DeviceId,
        kind: u8,
        priority: u8,
        client_message_id: ClientMessageId,
        accepted_at: Timestamp,
        targets: u32,
        sent: u32,
        refused: u32,
        cancelled: u32,
        list: Vec<TargetStateV1>,
    }
}

body! {
    /// One target and what became of it, packed.
    TargetStateV1 {
        to: u32,
        group: u32,
        what: u64,
    }
}

pub(crate) fn write(tenant: &Tenant) -> MassSendsStateV1 {
    MassSendsStateV1 {
        list: tenant.mass_sends.list.iter().map(write_one).collect(),
    }
}

fn write_one(send: &MassSend) -> MassSendStateV1 {
    // Destructured, so that a new field cannot be forgotten.
    let MassSend {
        record,
        sender,
        device,
        kind,
        priority,
        client_message_id,
        accepted_at,
        targets,
        sent,
        refused,
        cancelled,
        list,
    } = send;
    let list = list.iter().map(|target| {
        let (to, group, what) = target.packed();
        TargetStateV1 { to, group, what }
    });
    MassSendStateV1 {
        record: *record,
        sender: sender.id(),
        device: *device,
        kind: *kind as u8,
        priority: *priority as u8,
        client_message_id: *client_message_id,
        accepted_at: *accepted_at,
        targets: *targets,
        sent: *sent,
        refused: *refused,
        cancelled: *cancelled,
        list: list.collect(),
    }
}

pub(crate) fn read(tenant: &mut Tenant, state: MassSendsStateV1) -> Result<(), &'static str> {
    let mut sends = MassSends::default();
    for v1 in state.list {
        let what = "a mass send";
        let unpacked = |v1: &TargetStateV1| Target::unpacked(v1.to, v1.group, v1.what);
        let list = v1.list.iter().map(unpacked);
        let send = MassSend {
            record: v1.record,
            sender: tenant.find_person(v1.sender).ok_or(what)?,
            device: v1.device,
            kind: Kind::from_u8(v1.kind).ok_or(what)?,
            priority: Priority::from_u8(v1.priority).ok_or(what)?,
            client_message_id: v1.client_message_id,
            accepted_at: v1.accepted_at,
            targets: v1.targets,
            sent: v1.sent,
            refused: v1.refused,
            cancelled: v1.cancelled,
            list: list.collect::<Option<_>>().ok_or(what)?,
        };
        let last = sends.list.back();
        if !send.adds_up() || last.is_some_and(|last| last.record >= send.record) {
            return Err(what);
        }
        sends.list.push_back(send);
    }
    sends.pass_finished();
    tenant.mass_sends = sends;
    Ok(())
}

impl MassSend {
    /// Whether the counts are those of the list: results first, then what is pending or cancelled.
    pub(crate) fn adds_up(&self) -> bool {
        let Some(tried) = self.sent.checked_add(self.refused) else {
            return false;
        };
        let Some(rest) = self.targets.checked_sub(tried) else {
            return false;
        };
        if self.targets == 0 || (self.cancelled != 0 && self.cancelled != rest) {
            return false;
        }
        if self.list.is_empty() {
            // Over before results were kept.
            return rest == 0;
        }
        let rest_is = if self.cancelled > 0 {
            Outcome::Cancelled
        } else {
            Outcome::Pending
        };
        let fits = |(at, target): (usize, &Target)| {
            let untried = [Outcome::Pending, Outcome::Cancelled].contains(&target.outcome());
            if at < tried as usize {
                !untried
            } else {
                target.outcome() == rest_is
            }
        };
        self.list.len() == self.targets as usize && self.list.iter().enumerate().all(fits)
    }
}
