//! Mass sends (SPEC Q4): one parent record with the charge, then one record per group.
//!
//! What is still to go out is state: the sequencer takes one slice at a time between other
//! commands, tenants in turn, and goes on after a restart where the log ends.

mod apply;
mod decide;
pub(crate) mod snapshot;
#[cfg(test)]
mod tests;

pub(crate) use apply::{accept, deliver, refuse_target};
pub(crate) use decide::{decide_mass_send, decide_next};

use std::collections::VecDeque;

use crate::model::state::{PersonIndex, State};
use crate::wire::{
    ClientMessageId, DeviceId, GroupId, Kind, PersonId, Priority, RecordNumber, TenantId, Timestamp,
};

/// How long the progress of a mass send that has gone out can be asked for, in microseconds: 7 days.
pub(crate) const FINISHED_KEPT_FOR_US: i64 = 7 * 24 * 3_600_000_000;

/// One mass send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct MassSend {
    /// The parent record.
    pub(crate) record: RecordNumber,
    pub(crate) sender: PersonIndex,
    pub(crate) device: DeviceId,
    pub(crate) kind: Kind,
    pub(crate) priority: Priority,
    pub(crate) client_message_id: ClientMessageId,
    pub(crate) accepted_at: Timestamp,
    pub(crate) targets: u32,
    pub(crate) sent: u32,
    pub(crate) refused: u32,
    /// All targets; empty once all have been tried.
    pub(crate) groups: Vec<GroupId>,
}

impl MassSend {
    /// The group that comes next.
    fn next_group(&self) -> Option<GroupId> {
        self.groups
            .get((self.sent + self.refused) as usize)
            .copied()
    }
}

/// A tenant's mass sends in the order they were accepted, which is the order they go out in.
#[derive(Default)]
pub(crate) struct MassSends {
    pub(crate) list: VecDeque<MassSend>,
    /// So many at the front of `list` have gone out.
    pub(crate) finished: usize,
}

impl MassSends {
    pub(crate) fn find(&self, record: RecordNumber) -> Option<&MassSend> {
        let at = self.list.binary_search_by_key(&record, |send| send.record);
        at.ok().map(|at| &self.list[at])
    }

    /// The one that is going out.
    pub(crate) fn current(&self) -> Option<&MassSend> {
        self.list.get(self.finished)
    }
}

/// What the next slice publishes; the body is that of the record `mass_send`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slice {
    /// Whose.
    pub tenant: TenantId,
    /// The parent record, whose view body every target's envelope has.
    pub mass_send: RecordNumber,
    /// Who sends.
    pub sender: PersonId,
    /// From which device.
    pub device: DeviceId,
    /// Where to.
    pub group: GroupId,
    /// What the message is.
    pub kind: Kind,
    /// How soon it must be seen.
    pub priority: Priority,
    /// The sender's name for the mass send.
    pub client_message_id: ClientMessageId,
}

impl State {
    /// Whether something is left to be done: then the sequencer decides `Continue`, as
    /// [`Actor::System`](crate::model::command::Actor::System), between other commands.
    #[must_use]
    pub fn has_continuation(&self) -> bool {
        !self.sending.is_empty()
    }

    /// What the next `Continue` is about, and whose stamp its record gets.
    ///
    /// Where [`record_kind`](crate::model::record_kind) then says anything but this kind, the target
    /// is refused and the record has no body.
    #[must_use]
    pub fn next_slice(&self) -> Option<Slice> {
        let tenant = *self.sending.front()?;
        let send = self.tenant(tenant).ok()?.mass_sends.current()?;
        Some(Slice {
            tenant,
            mass_send: send.record,
            sender: send.sender.id(),
            device: send.device,
            group: send.next_group()?,
            kind: send.kind,
            priority: send.priority,
            client_message_id: send.client_message_id,
        })
    }
}
