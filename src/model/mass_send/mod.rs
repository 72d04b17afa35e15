//! Mass sends (SPEC Q4): one parent record with the sender's charge, then one record per target.
//!
//! A customer's charge is in the record that reaches them (invariant 10), so that what is cancelled
//! or refused costs no customer anything. What is still to go out is state, worked off one target
//! at a time (`model::work`).

mod apply;
pub(crate) mod command;
mod decide;
pub(crate) mod event;
mod next;
mod query;
pub(crate) mod snapshot;
mod target;
#[cfg(test)]
mod tests;

pub(crate) use apply::{
    accept, accept_v2, cancel, deliver, reach, refuse_target, refuse_target_v2,
};
pub(crate) use decide::{decide_cancel, decide_mass_send, decide_mass_send_v2};
pub(crate) use next::decide_target;
pub(crate) use query::{get_mass_send, get_mass_send_v2, list_targets};
pub(crate) use target::{Outcome, Target, To};

use std::collections::VecDeque;

use crate::model::state::PersonIndex;
use crate::wire::{ClientMessageId, DeviceId, Kind, Priority, RecordNumber, Timestamp};

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
    /// How many targets there are.
    pub(crate) targets: u32,
    pub(crate) sent: u32,
    pub(crate) refused: u32,
    pub(crate) cancelled: u32,
    /// Each target, in the order they go out; none of one that was over before results were kept.
    pub(crate) list: Vec<Target>,
}

impl MassSend {
    /// How many targets have been tried.
    fn tried(&self) -> u32 {
        self.sent.saturating_add(self.refused)
    }

    fn is_over(&self) -> bool {
        self.cancelled > 0 || self.tried() >= self.targets
    }

    /// The target that comes next.
    fn next(&self) -> Option<Target> {
        let next = self.list.get(self.tried() as usize).copied();
        next.filter(|_| !self.is_over())
    }

    /// Whether the target that comes next is a customer's, whose group may have to be made.
    pub(crate) fn reaches_a_customer_next(&self) -> bool {
        let next = self.next();
        next.is_some_and(|target| matches!(target.to(), To::Customer(_)))
    }
}

/// A tenant's mass sends in the order they were accepted, which is the order they go out in.
#[derive(Default)]
pub(crate) struct MassSends {
    pub(crate) list: VecDeque<MassSend>,
    /// So many at the front of `list` are over.
    pub(crate) finished: usize,
}

impl MassSends {
    fn position(&self, record: RecordNumber) -> Option<usize> {
        self.list
            .binary_search_by_key(&record, |send| send.record)
            .ok()
    }

    pub(crate) fn find(&self, record: RecordNumber) -> Option<&MassSend> {
        self.position(record).map(|at| &self.list[at])
    }

    /// The one that is going out.
    pub(crate) fn current(&self) -> Option<&MassSend> {
        self.list.get(self.finished)
    }

    /// Passes over those that are over, cancelled ones among them.
    pub(crate) fn pass_finished(&mut self) {
        while self.current().is_some_and(MassSend::is_over) {
            self.finished += 1;
        }
    }
}
