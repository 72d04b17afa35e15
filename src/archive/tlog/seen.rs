//! The last checkpoint, kept elsewhere than the log and its tiles.
//!
//! An older copy of a whole data directory is in itself as whole as it was when it was made: nothing in it can
//! say that more was signed since, and what it signs from then on contradicts that. Only something that was not
//! restored with it knows. This is the least of that: the newest checkpoint, on another disk, looked at once at
//! every start.

use std::io::IoSlice;
use std::sync::Arc;

use super::note::NOTE_LEN_MAX;
use super::stored::{CHECKPOINT, StoredError, read_signed};
use super::{OpenError, Publisher, Signed, VerifyingKey};
use crate::log::storage::{Storage, StorageError, read_whole, replace};
use crate::log::{ReadError, Reader};

/// How long a checkpoint may wait to be kept here, beside the time between two of them: each costs two syncs.
const WAIT_US: u64 = 1_000_000;

/// Why a log does not go on from the last checkpoint that was seen of it. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeenError {
    /// The disk failed.
    #[error("the last checkpoint seen: {0}")]
    Storage(#[from] StorageError),
    /// It is not by this key, or no checkpoint.
    #[error(
        "the last checkpoint seen (tlog.seen_directory): {0}; if the key was replaced on purpose, move that file away"
    )]
    Stored(#[from] StoredError),
    /// It is of another log.
    #[error(
        "the last checkpoint seen (tlog.seen_directory) is of {found}, this log is {expected}: directories were mixed up"
    )]
    Foreign {
        /// As seen.
        found: String,
        /// This log's.
        expected: String,
    },
    /// More was signed than is here.
    #[error(
        "{signed} records were signed under {origin}, and here are {durable} under {own}: this is an older copy; \
         restore the newer one, or say that this one goes on in its place with `throng archive repair \
         --restored-copy --seen FILE`, FILE being `checkpoint` of tlog.seen_directory"
    )]
    Older {
        /// Records that were signed.
        signed: u64,
        /// Under which origin.
        origin: String,
        /// Records that are here.
        durable: u64,
        /// This log's origin.
        own: String,
    },
    /// Something else was signed.
    #[error(
        "the first {signed} records were signed with another root than the log's: two histories have gone on from \
         one copy; restore the one that signed, or say that this one goes on in its place with `throng archive \
         repair --restored-copy --seen FILE`, FILE being `checkpoint` of tlog.seen_directory"
    )]
    Contradicted {
        /// Records that were signed.
        signed: u64,
    },
    /// What is published cannot be read.
    #[error("the last checkpoint seen cannot be compared: {0}")]
    Read(#[from] ReadError),
}

/// Where the last checkpoint of one log is kept.
#[derive(Debug)]
pub struct Seen {
    storage: Arc<dyn Storage>,
    /// The size that is kept, and since when; `None` before the first in this process.
    kept: Option<(u64, u64)>,
}

impl Seen {
    /// Compares what was kept in `storage` with what `publisher` has taken up: it is of the same history, or of an
    /// earlier life. Where there is nothing yet, there is nothing to compare.
    pub fn open(
        storage: Arc<dyn Storage>,
        key: &VerifyingKey,
        publisher: &Publisher,
        reader: &Reader,
    ) -> Result<Self, OpenError> {
        if let Some(seen) = read(&*storage, key)? {
            compare(&seen, publisher, reader)?;
        }
        Ok(Self {
            storage,
            kept: None,
        })
    }

    /// Keeps what `publisher` has signed: at once when told so, else at most once a second.
    pub fn keep(
        &mut self,
        publisher: &Publisher,
        now_us: u64,
        at_once: bool,
    ) -> Result<(), StorageError> {
        let signed = publisher.signed();
        let is_due = self.kept.is_none_or(|(size, since)| {
            size != signed && (at_once || now_us.saturating_sub(since) >= WAIT_US)
        });
        if is_due && let Some(note) = publisher.note()? {
            replace(&*self.storage, CHECKPOINT, &mut [IoSlice::new(&note)])?;
            self.kept = Some((signed, now_us));
        }
        Ok(())
    }
}

fn read(storage: &dyn Storage, key: &VerifyingKey) -> Result<Option<Signed>, SeenError> {
    match read_whole(storage, CHECKPOINT, NOTE_LEN_MAX as u64 + 1) {
        Err(error) if error.is_not_found() => Ok(None),
        note => Ok(Some(read_signed(note?, key)?)),
    }
}

fn compare(seen: &Signed, publisher: &Publisher, reader: &Reader) -> Result<(), OpenError> {
    let own = publisher.origin();
    let (signed, durable) = (seen.checkpoint.size, reader.durable().0);
    if seen.origin.log != own.log {
        let (found, expected) = (seen.origin.to_string(), own.to_string());
        return Err(SeenError::Foreign { found, expected }.into());
    }
    let is_same = seen.origin.incarnation == own.incarnation;
    if seen.origin.incarnation > own.incarnation || (is_same && signed > durable) {
        let (origin, own) = (seen.origin.to_string(), own.to_string());
        return Err(SeenError::Older {
            signed,
            origin,
            durable,
            own,
        }
        .into());
    }
    if is_same && !publisher.begins_with(signed, &seen.checkpoint.root, reader)? {
        return Err(SeenError::Contradicted { signed }.into());
    }
    Ok(())
}
