//! Mass sends (SPEC Q4): one parent record with the charge, then one record per group.
//!
//! What is still to go out is state, worked off one target at a time (`model::work`).

mod apply;
mod decide;
pub(crate) mod snapshot;
#[cfg(test)]
mod tests;

pub(crate) use apply::{accept, deliver, refuse_target};
pub(crate) use decide::{decide_mass_send, decide_target};

use std::collections::VecDeque;

use crate::model::state::PersonIndex;
use crate::wire::{ClientMessageId, DeviceId, GroupId, Kind, Priority, RecordNumber, Timestamp};

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
