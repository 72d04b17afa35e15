//! What the engine counts, for whoever looks.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use super::Clock;
use crate::model::OpenCall;
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
    pub(crate) calls_failed: AtomicU64,
    pub(crate) calls_dropped: AtomicU64,
    /// Records the published checkpoint signs, and when the log was last looked at and all of it published.
    pub(crate) tlog_size: AtomicU64,
    pub(crate) tlog_seen_us: AtomicU64,
    pub(crate) tlog_failures: AtomicU64,
    /// Timestamps stored, records that the last one covers, and tries that failed.
    pub(crate) timestamps: AtomicU64,
    pub(crate) timestamped: AtomicU64,
    pub(crate) timestamp_failures: AtomicU64,
    /// Cosignatures got, records of the last checkpoint that has one, and tries that failed.
    pub(crate) cosignatures: AtomicU64,
    pub(crate) cosigned_size: AtomicU64,
    pub(crate) cosignature_failures: AtomicU64,
    /// Views that were taken from the disk, whether more are to be, and tries that failed.
    pub(crate) custody_views: AtomicU64,
    pub(crate) custody_pending: AtomicU64,
    pub(crate) custody_failures: AtomicU64,
    pub(crate) exports_waiting: AtomicU64,
    pub(crate) exports_finished: AtomicU64,
    pub(crate) export_failures: AtomicU64,
    pub(crate) export_permille: AtomicU64,
    /// Records that can be searched.
    pub(crate) searched: AtomicU64,
    pub(crate) search_failures: AtomicU64,
    pub(crate) search_documents: AtomicU64,
    /// Searches made, and how long they took together.
    pub(crate) searches: AtomicU64,
    pub(crate) search_us: AtomicU64,
}

impl Counters {
    /// How long the oldest durable record that is not published can have waited.
    pub(crate) fn tlog_lag_us(&self, durable: u64, clock: &dyn Clock) -> u64 {
        if durable <= self.tlog_size.load(Ordering::Acquire) {
            return 0;
        }
        let seen_us = self.tlog_seen_us.load(Ordering::Acquire);
        clock.monotonic_us().saturating_sub(seen_us)
    }

    /// A call that will not be made, for want of room.
    pub(crate) fn count_dropped(&self, call: &OpenCall) {
        self.calls_dropped.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(
            tenant = call.tenant.0,
            call = call.call.0,
            "too many outward calls wait: this one is not made and will expire"
        );
    }
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
    /// Outward calls that brought no answer.
    pub calls_failed: u64,
    /// Outward calls that were not made, because too many waited.
    pub calls_dropped: u64,
    /// Records that the published checkpoint signs; 0 where the log is not published.
    pub tlog_size: u64,
    /// How long, at most, the oldest durable record that is not published has waited, in microseconds.
    pub tlog_lag_us: u64,
    /// Tries to publish that failed.
    pub tlog_failures: u64,
    /// Timestamps stored since the engine was opened.
    pub timestamps: u64,
    /// Records that the last timestamp covers; 0 where there is none.
    pub timestamped: u64,
    /// Tries to have the checkpoint timestamped that failed.
    pub timestamp_failures: u64,
    /// Cosignatures that witnesses have given since the engine was opened.
    pub cosignatures: u64,
    /// Records of the last checkpoint that a witness has cosigned since then; 0 where none has.
    pub cosigned_size: u64,
    /// Tries to have it cosigned that failed, one for each witness.
    pub cosignature_failures: u64,
    /// Records whose content was taken from the disk, being gone.
    pub custody_views: u64,
    /// Content that is gone is on disk still; nobody is handed it any more.
    pub custody_is_pending: bool,
    /// Tries to take it from there that failed.
    pub custody_failures: u64,
    /// Exports that are granted and not complete, the one that is carried out among them.
    pub exports_waiting: u64,
    /// Exports completed since the engine was opened.
    pub exports_finished: u64,
    /// Tries to export that failed.
    pub export_failures: u64,
    /// How far the export is that is carried out, in thousandths; 0 where none is.
    pub export_permille: u64,
    /// Records before this number are in the search index; 0 where there is none.
    pub searched: RecordNumber,
    /// Tries to index that failed.
    pub search_failures: u64,
    /// Durable records that are not in the search index yet; 0 where there is none.
    pub search_lag: u64,
    /// Messages and deletions in the search index.
    pub search_documents: u64,
    /// Searches made since the engine was opened; each is a page.
    pub searches: u64,
    /// How long they took together, in microseconds, from when their record was durable.
    pub search_us: u64,
}
