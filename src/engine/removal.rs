//! Whole files of the log, removed once nothing in them is kept (SPEC A5).
//!
//! What is over is the model's table, what else it takes is asked here and again by the log: the state before
//! the new first record is kept as the log's base and was read back, a snapshot at or after it is intact, and
//! the transparency log, where there is one, signs all that goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::custody::as_the_log_asks;
use super::recovery::{ReplayError, from_snapshot};
use super::snapshot::has_room;
use super::stats::Counters;
use crate::log::{Compactor, ReadError, Reader, RemoveError, Snapshots, StorageError};
use crate::model::{Gone, SnapshotError, State};
use crate::wire::RecordNumber;

#[derive(Debug, thiserror::Error)]
pub(super) enum RemovalError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error(transparent)]
    Remove(#[from] RemoveError),
    #[error("not enough memory for a second state")]
    NoRoom,
    #[error("the base before record {0} is not as it was written")]
    NotAsWritten(RecordNumber),
}

/// How far a table has been carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Due {
    /// Not looked at yet.
    Unknown,
    /// Files before this record can go; whether their base was written and read back.
    Before(RecordNumber, bool),
    /// Nothing more, by this table.
    Done,
}

/// Removes files.
pub(crate) struct Removal {
    reader: Reader,
    snapshots: Snapshots,
    /// Whether the log is published: then the counters say how far.
    publishes: bool,
    /// Asks for a snapshot now.
    wanted: Arc<AtomicBool>,
    counters: Arc<Counters>,
    due: Due,
}

impl Removal {
    pub(crate) fn new(
        reader: Reader,
        snapshots: Snapshots,
        publishes: bool,
        wanted: Arc<AtomicBool>,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            reader,
            snapshots,
            publishes,
            wanted,
            counters,
            due: Due::Unknown,
        }
    }

    /// There is a newer table.
    pub(super) fn begin(&mut self) {
        self.due = Due::Unknown;
    }

    /// Does what can be done now. What has to wait, for a snapshot or a signature, is looked at again.
    pub(super) fn step(
        &mut self,
        compactor: &mut Compactor,
        gone: &Gone,
    ) -> Result<(), RemovalError> {
        if self.due == Due::Unknown {
            self.due = self.find(compactor, gone)?;
        }
        let Due::Before(before, is_based) = self.due else {
            return Ok(());
        };
        let signed = RecordNumber(self.counters.tlog_size.load(Ordering::Acquire));
        if self.publishes && signed < before {
            return Ok(());
        }
        if !is_based {
            self.make_base(before)?;
            self.due = Due::Before(before, true);
        }
        if !self.is_covered(before)? {
            self.wanted.store(true, Ordering::Release);
            return Ok(());
        }
        let signed = self.publishes.then_some(signed);
        let files = compactor.remove_before(before, &as_the_log_asks(gone.clone()), signed)?;
        self.due = Due::Done;
        tracing::info!(
            files,
            before = before.0,
            "files were removed, of which nothing is kept: the log begins later"
        );
        Ok(())
    }

    fn find(&self, compactor: &Compactor, gone: &Gone) -> Result<Due, RemovalError> {
        if gone.trail_through().is_none() {
            return Ok(Due::Done);
        }
        let before = compactor.removable(&as_the_log_asks(gone.clone()))?;
        Ok(match before > self.reader.first() {
            true => Due::Before(before, false),
            false => Due::Done,
        })
    }

    /// Writes the state before a record and reads it back, as whoever begins there will.
    fn make_base(&self, before: RecordNumber) -> Result<(), RemovalError> {
        let mut replayed = from_snapshot(&self.snapshots, &self.reader, before)?;
        if !has_room(replayed.snapshot_len as u64) {
            return Err(RemovalError::NoRoom);
        }
        replayed.advance(&self.reader, before)?;
        let bytes = replayed.state.to_snapshot();
        drop(replayed);
        self.snapshots.write_base(before, &bytes)?;
        let back = self.snapshots.base(before)?;
        let back = back.ok_or(RemovalError::NotAsWritten(before))?;
        if back != bytes || State::from_snapshot(&back)?.to_snapshot() != bytes {
            return Err(RemovalError::NotAsWritten(before));
        }
        Ok(())
    }

    /// Whether the newest snapshot is at or after a record, and can be understood.
    fn is_covered(&self, before: RecordNumber) -> Result<bool, RemovalError> {
        if self.counters.snapshot.load(Ordering::Relaxed) < before.0 {
            return Ok(false);
        }
        let Some((position, bytes)) = self.snapshots.latest()? else {
            return Ok(false);
        };
        State::from_snapshot(&bytes)?;
        Ok(position >= before)
    }
}
