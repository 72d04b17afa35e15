//! What the engine counts, for whoever looks.

use std::sync::atomic::{AtomicI64, AtomicU64};

use crate::wire::RecordNumber;

/// Counters shared by the engine's threads.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) decided: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) records: AtomicU64,
    pub(crate) batches: AtomicU64,
    pub(crate) sessions: AtomicU64,
    pub(crate) snapshot: AtomicU64,
    pub(crate) snapshots_skipped: AtomicU64,
    pub(crate) clock_held_back_us: AtomicI64,
}

/// A reading of the engine's counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Commands and queries decided since the engine was opened.
    pub decided: u64,
    /// Of these, how many a rule refused.
    pub refused: u64,
    /// Records made durable since the engine was opened.
    pub records: u64,
    /// Syncs they took.
    pub batches: u64,
    /// Requests turned away as busy.
    pub busy: u64,
    /// Sessions online.
    pub sessions: u64,
    /// The first record that is not durable.
    pub durable: RecordNumber,
    /// Bytes of commands that may still be admitted.
    pub admission_free_bytes: u64,
    /// The position of the last snapshot.
    pub snapshot: RecordNumber,
    /// Snapshots that were put off for want of memory.
    pub snapshots_skipped: u64,
    /// A jump of the wall clock that is being held back, in microseconds: look at the machine's clock.
    pub clock_held_back_us: i64,
}
