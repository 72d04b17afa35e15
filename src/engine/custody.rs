//! Custody carried out: what is due expires, and what is gone leaves the disk.
//!
//! The model says what is gone, in the order of records. When such a record is durable the log hands
//! that content to nobody any more and destroys its keys before anybody is answered; this thread then
//! takes it from the segments, in the background, and removes whole files of which nothing is kept.
//! Whatever a crash leaves undone is done at open.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::removal::Removal;
use super::sequencer::{Origin, Sequencer};
use super::stats::Counters;
use crate::log::{self, CompactError, Compactor};
use crate::model::command::{Actor, Command, ExpireContentV1, TaggedCommand};
use crate::model::event::Event;
use crate::model::{self, Changed, Gone};
use crate::wire::{TenantId, Timestamp};

/// How often there is a look at what is left to be done.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After an error it is tried again after this many looks.
const LOOKS_AFTER_ERROR: u32 = 30;

const DAY_US: i64 = 86_400_000_000;

/// The newest table of what is gone, from the log's thread to this one.
#[derive(Debug, Default)]
pub(crate) struct Newest(Mutex<Option<Gone>>);

impl Newest {
    pub(crate) fn put(&self, gone: Gone) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(gone);
    }

    fn take(&self) -> Option<Gone> {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        newest.take()
    }
}

/// The model's table as the log asks it, after one in which these are not gone yet.
pub(crate) fn as_the_log_asks_next(gone: Gone, changed: Vec<Changed>) -> log::Gone {
    let changed = changed.into_iter().map(|it| log::Changed {
        tenant: it.tenant,
        group: it.group,
        days: it.days,
    });
    as_the_log_asks(gone).with_changed(changed.collect())
}

/// The model's table as the log asks it.
pub(crate) fn as_the_log_asks(gone: Gone) -> log::Gone {
    let trail = gone.clone();
    log::Gone::new(move |tenant, group, day| gone.has(tenant, group, day))
        .with_trail(move |tenant, day| trail.trail_is_over(tenant, day))
}

/// Takes what is gone from the disk.
pub(crate) struct Custodian {
    pub(crate) compactor: Compactor,
    pub(crate) removal: Removal,
    pub(crate) newest: Arc<Newest>,
    pub(crate) gone: Gone,
    /// Days of which something may be on disk still.
    pub(crate) days: Option<RangeInclusive<i32>>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) stop: Arc<AtomicBool>,
}

impl Custodian {
    /// Runs until it is told to stop (and unparked); a segment that is being compacted is finished.
    pub(crate) fn run(mut self) {
        let mut pause = 0;
        while !self.stop.load(Ordering::Acquire) {
            self.look(&mut pause);
            std::thread::park_timeout(LOOK_EVERY);
        }
    }

    /// Does what is left to be done, unless so many looks are to pass before.
    pub(super) fn look(&mut self, pause: &mut u32) {
        if let Some(gone) = self.newest.take() {
            let days = gone.changed_days(&self.gone);
            self.days = union(self.days.take(), days);
            self.gone = gone;
            self.compactor.begin();
            self.removal.begin();
            *pause = 0;
        }
        if *pause > 0 {
            *pause -= 1;
        } else {
            if let Some(days) = self.days.clone()
                && let Err(error) = self.compact(&days)
            {
                self.count_failure();
                tracing::error!(%error, "content that is gone could not be taken from the disk: it is tried again");
                *pause = LOOKS_AFTER_ERROR;
            }
            if let Err(error) = self.removal.step(&mut self.compactor, &self.gone) {
                self.count_failure();
                tracing::error!(%error, "files of which nothing is kept could not be removed: it is tried again");
                *pause = LOOKS_AFTER_ERROR;
            }
        }
        let left = u64::from(self.days.is_some());
        self.counters.custody_pending.store(left, Ordering::Release);
    }

    fn count_failure(&self) {
        self.counters
            .custody_failures
            .fetch_add(1, Ordering::Relaxed);
    }

    fn compact(&mut self, days: &RangeInclusive<i32>) -> Result<(), CompactError> {
        let gone = as_the_log_asks(self.gone.clone());
        let stop = &self.stop;
        let stopped = || stop.load(Ordering::Acquire);
        let compacted = self.compactor.compact(&gone, days, &stopped);
        // Also beside a segment that cannot be compacted.
        let needs_sealing = !stopped() && self.compactor.needs_sealing(&gone)?;
        if needs_sealing {
            self.compactor.ask_to_seal();
        }
        let compacted = compacted?;
        self.counters
            .custody_views
            .fetch_add(compacted.views, Ordering::Relaxed);
        if compacted.views > 0 {
            tracing::info!(
                views = compacted.views,
                freed_bytes = compacted.freed_bytes,
                "content that is gone was taken from the disk"
            );
        }
        if !stopped() && !needs_sealing {
            self.days = None;
        }
        Ok(())
    }
}

fn union(
    one: Option<RangeInclusive<i32>>,
    other: Option<RangeInclusive<i32>>,
) -> Option<RangeInclusive<i32>> {
    match (one, other) {
        (Some(one), Some(other)) => {
            Some(*one.start().min(other.start())..=*one.end().max(other.end()))
        }
        (one, other) => one.or(other),
    }
}

/// A look through the tenants for what is due.
#[derive(Debug)]
pub(crate) struct Expiry {
    /// As of when.
    now: Timestamp,
    /// When that UTC day ends.
    day_ends: Timestamp,
    /// The tenant that is looked at next; `None` once all have been.
    next: Option<TenantId>,
}

impl Expiry {
    /// All tenants are to be looked at.
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            now,
            day_ends: now.utc_day_starts().plus_micros(DAY_US),
            next: Some(TenantId(1)),
        }
    }

    /// The rules have changed, or time has gone by.
    pub(crate) fn look_again(&mut self, now: Timestamp) {
        *self = Self::new(now);
    }

    /// Notices a change of the rules.
    pub(crate) fn follow(&mut self, events: &[Event], now: Timestamp) {
        if model::changes_what_is_due(events) {
            self.look_again(now);
        }
    }

    /// Notices the end of a day.
    pub(crate) fn notice(&mut self, now: Timestamp) {
        if now >= self.day_ends {
            self.look_again(now);
        }
    }

    /// Whether nothing more is due, as far as is known.
    pub(crate) fn is_done(&self) -> bool {
        self.next.is_none()
    }
}

impl Sequencer {
    /// Lets what is due of the next tenant expire, after a look through some. What finds no room on the disk is looked at again.
    pub(super) fn expire_next(&mut self) {
        let Expiry { now, next, .. } = self.expiry;
        let Some(next) = next else { return };
        let looked = model::due_to_expire(&self.state, next, now);
        self.expiry.next = looked.next;
        let Some(tenant) = looked.due else { return };
        let command = Command {
            tenant,
            actor: Actor::System,
            second_factor: false,
            body: TaggedCommand::ExpireContent(ExpireContentV1 {}).into(),
        };
        let decision = self.decision(&command, 0);
        let nobody = Origin {
            asker: None,
            permit: None,
        };
        self.commit(&command, decision, None, nobody);
    }
}
