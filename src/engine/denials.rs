//! Denied admin operations that are counted instead of recorded (SPEC P3).
//!
//! Beside the state and bounded: a window's counts are one record a tenant, and lost in a crash or
//! where the disk is full; the first denial of each is a record of its own.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, after};

use super::clock::Clock;
use crate::model::RepeatedDenial;
use crate::model::command::{Actor, Command, CountDenialsV1, DenialCountV1, TaggedCommand};
use crate::wire::{PersonId, TenantId, Timestamp};

/// Persons and operations that are told apart in a tenant's window: about 64 bytes each.
const COUNTS_MAX: usize = 200;

/// The counts of a window, by tenant.
#[derive(Default)]
pub(crate) struct Denials {
    tallies: BTreeMap<TenantId, Tally>,
    /// When the window ends, by the monotonic clock.
    due_us: u64,
}

#[derive(Default)]
struct Tally {
    counts: BTreeMap<(PersonId, u16), Count>,
    others: u64,
}

struct Count {
    count: u64,
    first: Timestamp,
    last: Timestamp,
}

impl Denials {
    /// Counts one more. The first begins a window of `window_us`.
    pub(crate) fn note(
        &mut self,
        denial: RepeatedDenial,
        at: Timestamp,
        clock: &dyn Clock,
        window_us: i64,
    ) {
        if self.tallies.is_empty() {
            let window_us = u64::try_from(window_us).unwrap_or(0);
            self.due_us = clock.monotonic_us().saturating_add(window_us);
        }
        let tally = self.tallies.entry(denial.tenant).or_default();
        let key = (denial.person, denial.operation);
        let has_room = tally.counts.len() < COUNTS_MAX;
        if !has_room && !tally.counts.contains_key(&key) {
            tally.others += 1;
            return;
        }
        let count = tally.counts.entry(key).or_insert(Count {
            count: 0,
            first: at,
            last: at,
        });
        count.count += 1;
        count.last = at;
    }

    /// Fires when the window ends; `None` where nothing is counted.
    pub(crate) fn timer(&self, clock: &dyn Clock) -> Option<Receiver<Instant>> {
        if self.tallies.is_empty() {
            return None;
        }
        let left_us = self.due_us.saturating_sub(clock.monotonic_us());
        Some(after(Duration::from_micros(left_us)))
    }

    /// The end of the window, now.
    pub(crate) fn end(&mut self) {
        self.due_us = 0;
    }

    /// What is to be logged of one tenant, once the window has ended.
    pub(crate) fn next_due(&mut self, clock: &dyn Clock) -> Option<Command> {
        if self.tallies.is_empty() || clock.monotonic_us() < self.due_us {
            return None;
        }
        let (tenant, tally) = self.tallies.pop_first()?;
        let counts = tally.counts.into_iter();
        let counts = counts.map(|((person, operation), count)| DenialCountV1 {
            person,
            operation,
            count: count.count,
            first: count.first,
            last: count.last,
        });
        let count = CountDenialsV1 {
            counts: counts.collect(),
            others: tally.others,
        };
        Some(Command {
            tenant,
            actor: Actor::System,
            second_factor: false,
            body: TaggedCommand::CountDenials(count).into(),
        })
    }
}
