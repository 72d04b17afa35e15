//! What has been sent, acknowledged and delivered so far, shared by senders and receivers.
//!
//! Counters are atomics, one a copy: receivers on different threads count the same message down, and
//! whoever counts the first or the last recipient notes how long that took.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use hdrhistogram::Histogram;
use throng::wire::{GroupId, PersonId, RecordNumber, Sequence};
use tokio::sync::Semaphore;

use crate::plan::Plan;

/// Latencies up to ten minutes, to three digits.
pub(crate) fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 600_000_000, 3).expect("the bounds are in order")
}

/// Where an acknowledged copy went, as the server said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Acknowledged {
    /// Its place in its group; 0 where the answer names none (mass sends).
    pub(crate) sequence: Sequence,
    /// Its record; none where the answer names another's (mass sends).
    pub(crate) record: Option<RecordNumber>,
}

#[derive(Debug, Default)]
struct Copy {
    /// Everybody it is for.
    recipients: u32,
    /// Recipients who have not had it.
    remaining: AtomicU32,
    /// Its place in its group, once anybody has seen it.
    sequence: AtomicU64,
}

/// The books of one run.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// What was meant.
    pub(crate) plan: Plan,
    /// The groups' ids, by number.
    pub(crate) group_ids: Vec<GroupId>,
    /// The members' ids, by number.
    pub(crate) person_ids: Vec<PersonId>,
    /// Room for messages that are not with everybody yet.
    pub(crate) window: Arc<Semaphore>,
    base: Instant,
    copies: Vec<Copy>,
    sent_us: Vec<AtomicU64>,
    acknowledged: Mutex<BTreeMap<usize, Acknowledged>>,
    refused: Mutex<BTreeMap<usize, &'static str>>,
    completed: AtomicUsize,
    answered: AtomicUsize,
    delivered: AtomicUsize,
    finished_us: AtomicU64,
    first_recipient: Mutex<Histogram<u64>>,
    last_recipient: Mutex<Histogram<u64>>,
    /// The same, of urgent messages.
    urgent_last_recipient: Mutex<Histogram<u64>>,
}

impl Ledger {
    /// Empty books; times count from `base`.
    pub(crate) fn new(
        plan: Plan,
        group_ids: Vec<GroupId>,
        person_ids: Vec<PersonId>,
        window: usize,
        base: Instant,
    ) -> Self {
        let copies = (0..plan.messages.len()).flat_map(|number| {
            plan.copies_of(number).map(|(_, group)| {
                let recipients = plan.recipients(group) as u32;
                Copy {
                    recipients,
                    remaining: AtomicU32::new(recipients),
                    sequence: AtomicU64::new(0),
                }
            })
        });
        Self {
            copies: copies.collect(),
            sent_us: plan.messages.iter().map(|_| AtomicU64::new(0)).collect(),
            group_ids,
            person_ids,
            window: Arc::new(Semaphore::new(window)),
            base,
            acknowledged: Mutex::default(),
            refused: Mutex::default(),
            completed: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
            delivered: AtomicUsize::new(0),
            finished_us: AtomicU64::new(0),
            first_recipient: Mutex::new(latencies()),
            last_recipient: Mutex::new(latencies()),
            urgent_last_recipient: Mutex::new(latencies()),
            plan,
        }
    }

    /// Microseconds from the books' beginning to `now`.
    pub(crate) fn micros(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.base).as_micros() as u64
    }

    /// Message `number` is handed to the protocol, having been due at `due_us`: its latencies count
    /// from then, so that a sender that is held up does not look fast.
    pub(crate) fn sent(&self, number: usize, due_us: u64) {
        self.sent_us[number].store(due_us.max(1), Ordering::Release);
    }

    /// Copy `copy` is acknowledged. Once each: retries of an acknowledged message are not made.
    pub(crate) fn acknowledged(&self, copy: usize, acknowledged: Acknowledged) {
        lock(&self.acknowledged).insert(copy, acknowledged);
    }

    /// Message `number` has its final answer.
    pub(crate) fn answered(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    /// Message `number` was refused by `rule` and goes to nobody.
    pub(crate) fn refused(&self, number: usize, rule: &'static str) {
        lock(&self.refused).insert(number, rule);
        for (copy, _) in self.plan.copies_of(number) {
            self.copies[copy].remaining.store(0, Ordering::Relaxed);
            self.completed.fetch_add(1, Ordering::Relaxed);
        }
        self.window.add_permits(1);
        self.answered();
    }

    /// Notes where `copy` was seen; false when it has been seen elsewhere in its group.
    pub(crate) fn place(&self, copy: usize, sequence: Sequence) -> bool {
        let place = &self.copies[copy].sequence;
        let seen = place.compare_exchange(0, sequence.0, Ordering::AcqRel, Ordering::Acquire);
        seen.is_ok() || seen == Err(sequence.0)
    }

    /// One recipient more has `copy` of message `number`; returns the delivery's latency.
    pub(crate) fn delivered(&self, number: usize, copy: usize, now_us: u64) -> u64 {
        self.delivered_to(1, number, copy, now_us)
    }

    /// So many recipients more have `copy` of message `number`; returns the deliveries' latency.
    pub(crate) fn delivered_to(
        &self,
        recipients: u32,
        number: usize,
        copy: usize,
        now_us: u64,
    ) -> u64 {
        let latency = now_us.saturating_sub(self.sent_us[number].load(Ordering::Acquire));
        self.delivered
            .fetch_add(recipients as usize, Ordering::Relaxed);
        let remaining = &self.copies[copy].remaining;
        let before = remaining.fetch_sub(recipients, Ordering::AcqRel);
        if before == self.copies[copy].recipients {
            lock(&self.first_recipient).saturating_record(latency);
        }
        if before == recipients {
            lock(&self.last_recipient).saturating_record(latency);
            if self.plan.messages[number].is_urgent {
                lock(&self.urgent_last_recipient).saturating_record(latency);
            }
            self.finished_us.fetch_max(now_us, Ordering::AcqRel);
            self.completed.fetch_add(1, Ordering::AcqRel);
            self.window.add_permits(1);
        }
        latency
    }

    /// Whether everything is answered and everybody has everything.
    pub(crate) fn is_complete(&self) -> bool {
        self.answered.load(Ordering::Relaxed) == self.plan.messages.len()
            && self.completed.load(Ordering::Acquire) == self.copies.len()
    }

    /// Whether everybody has everything that was sent before `before_us`.
    pub(crate) fn is_complete_before(&self, before_us: u64) -> bool {
        (0..self.plan.messages.len()).all(|number| {
            let sent_us = self.sent_us[number].load(Ordering::Acquire);
            let counts = (1..before_us).contains(&sent_us);
            let mut copies = self.plan.copies_of(number);
            !counts
                || copies.all(|(copy, _)| self.copies[copy].remaining.load(Ordering::Acquire) == 0)
        })
    }

    /// Deliveries so far.
    pub(crate) fn deliveries(&self) -> usize {
        self.delivered.load(Ordering::Relaxed)
    }

    /// Final answers so far.
    pub(crate) fn answers(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// Deliveries there will be.
    pub(crate) fn deliveries_expected(&self) -> usize {
        let per_message = |number| {
            let copies = self.plan.copies_of(number);
            copies
                .map(|(_, group)| self.plan.recipients(group))
                .sum::<usize>()
        };
        (0..self.plan.messages.len()).map(per_message).sum()
    }

    /// When the last copy was with its last recipient.
    pub(crate) fn finished_us(&self) -> u64 {
        self.finished_us.load(Ordering::Acquire)
    }

    /// Deliveries of acknowledged copies that never came.
    pub(crate) fn lost(&self) -> u64 {
        let acknowledged = lock(&self.acknowledged);
        let missing = |copy: &usize| self.copies[*copy].remaining.load(Ordering::Acquire);
        acknowledged
            .keys()
            .map(|copy| u64::from(missing(copy)))
            .sum()
    }

    /// Messages that never got an answer.
    pub(crate) fn unanswered(&self) -> usize {
        self.plan.messages.len() - self.answers()
    }

    /// Acknowledged copies and where the server said they went.
    pub(crate) fn all_acknowledged(&self) -> BTreeMap<usize, Acknowledged> {
        lock(&self.acknowledged).clone()
    }

    /// Refusals by rule.
    pub(crate) fn refusals(&self) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        for rule in lock(&self.refused).values() {
            *counts.entry(*rule).or_default() += 1;
        }
        counts
    }

    /// Whether message `number` was refused.
    pub(crate) fn was_refused(&self, number: usize) -> bool {
        lock(&self.refused).contains_key(&number)
    }

    /// Latencies of each copy's first recipient.
    pub(crate) fn first_recipient(&self) -> Histogram<u64> {
        lock(&self.first_recipient).clone()
    }

    /// Latencies of each copy's last recipient.
    pub(crate) fn last_recipient(&self) -> Histogram<u64> {
        lock(&self.last_recipient).clone()
    }

    /// The same of urgent messages, where there were any.
    pub(crate) fn urgent_last_recipient(&self) -> Option<Histogram<u64>> {
        let times = lock(&self.urgent_last_recipient).clone();
        (!times.is_empty()).then_some(times)
    }
}

/// A panic elsewhere ends the run; until then the books stay readable.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
