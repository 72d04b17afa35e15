//! From the log back to the state: the last good snapshot, then every record after it.
//!
//! The state a replay gives is the state there was (invariant 1): every record's sequences are
//! compared with those written, so that a build that would decide otherwise says so instead of
//! going on.

use std::ops::ControlFlow;

use crate::archive::{BaseError, state_before};
use crate::log::{ReadError, Reader, Snapshots, StorageError, Stored};
use crate::model::event::EventsError;
use crate::model::{self, SnapshotError, Stamp, State};
use crate::wire::{RecordNumber, Take};

/// Why the state could not be rebuilt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A record's events are of a newer build, or damaged.
    #[error(
        "the events of record {record} cannot be read: {source}; use the build that wrote them, or a newer one"
    )]
    Events {
        /// Which record.
        record: RecordNumber,
        /// Why.
        source: EventsError,
    },
    /// Applying a record gave other sequences than were written.
    #[error(
        "record {record} takes {written:?} in the log and {applied:?} when applied: this build decides otherwise than the one that wrote it"
    )]
    Diverged {
        /// Which record.
        record: RecordNumber,
        /// As written.
        written: Vec<Take>,
        /// As applied.
        applied: Vec<Take>,
    },
    /// The snapshots could not be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A snapshot that is intact cannot be understood.
    #[error("the snapshot at record {position} cannot be read: {source}")]
    Snapshot {
        /// Its position.
        position: RecordNumber,
        /// Why.
        source: SnapshotError,
    },
}

/// A state and the first record that is not in it.
pub(crate) struct Replayed {
    pub(crate) state: State,
    pub(crate) next: RecordNumber,
    /// How long the snapshot was that it started from.
    pub(crate) snapshot_len: usize,
}

/// The newest snapshot that does not reach past `limit`, or the state before the log's first record.
pub(crate) fn from_snapshot(
    snapshots: &Snapshots,
    reader: &Reader,
    limit: RecordNumber,
) -> Result<Replayed, ReplayError> {
    match snapshots.latest()? {
        Some((position, bytes)) if position <= limit => {
            let state = State::from_snapshot(&bytes)
                .map_err(|source| ReplayError::Snapshot { position, source })?;
            Ok(Replayed {
                state,
                next: position,
                snapshot_len: bytes.len(),
            })
        }
        _ => {
            let (state, next) = state_before(reader).map_err(|error| match error {
                BaseError::Read(error) => ReplayError::Read(error),
                BaseError::State { begin, source } => ReplayError::Snapshot {
                    position: begin,
                    source,
                },
            })?;
            Ok(Replayed {
                state,
                next,
                snapshot_len: 0,
            })
        }
    }
}

impl Replayed {
    /// Applies records up to `limit`, which is not included.
    pub(crate) fn advance(
        &mut self,
        reader: &Reader,
        limit: RecordNumber,
    ) -> Result<(), ReplayError> {
        let mut replayed = Ok(());
        let range = (self.next, limit);
        // Views are of no concern to the state: they are neither opened nor copied.
        let passed = reader.pass(range, u64::MAX, None, &mut |stored| {
            let private = stored.private()?;
            replayed = self.apply(stored, &private);
            Ok(match replayed {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            })
        });
        replayed?;
        match passed.failed {
            Some(error) => Err(error.into()),
            None if self.next < limit => Err(ReplayError::Read(ReadError::Removed {
                record: self.next,
                begin: reader.first(),
            })),
            None => Ok(()),
        }
    }

    fn apply(&mut self, stored: &Stored<'_>, private: &[u8]) -> Result<(), ReplayError> {
        let header = stored.header();
        let record = header.record();
        let events = model::event::decode_all(private);
        let events = events.map_err(|source| ReplayError::Events { record, source })?;
        let applied = model::apply(&mut self.state, &Stamp::of_header(header), &events).takes;
        if !stored.takes().eq(applied.iter().copied()) {
            return Err(ReplayError::Diverged {
                record,
                written: stored.takes().collect(),
                applied,
            });
        }
        self.next = record.next();
        Ok(())
    }
}
