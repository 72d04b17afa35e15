//! Reading a whole log that no process writes, as the engine would have it read: what is gone is not
//! handed out, though its bytes may be there until they are compacted (SPEC A4, A5).

use super::{BaseError, state_before};
use crate::log::{self, MasterKey, OpenError, ReadError, Reader, Storage};
use crate::model::event::{self, EventsError};
use crate::model::{Gone, Stamp, apply, changes_what_is_gone};
use crate::wire::{Header, RecordNumber};

/// Bytes of records read at a time.
const READ_BYTES: usize = 1024 * 1024;

/// Why a log cannot be read. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OfflineError {
    /// It is damaged, in use, or sealed under another key.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A record cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The state before its first record cannot be read.
    #[error(transparent)]
    Base(#[from] BaseError),
    /// The events of a record are not what this build knows.
    #[error("record {record} holds events that cannot be read: {why}")]
    Events {
        /// Which.
        record: RecordNumber,
        /// What is wrong.
        why: EventsError,
    },
}

/// Scans a log on so many threads and refuses damage to anything durable by name; `progress` is told of
/// bytes scanned and bytes to scan. Where anything was erased or has expired, the state is built up once
/// to know what, which takes the memory of a state.
pub fn read_offline(
    storage: &dyn Storage,
    master: Option<&MasterKey>,
    threads: usize,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Reader, OfflineError> {
    let reader = Reader::offline(storage, master, threads, progress)?;
    let mut changes = reader.first() > RecordNumber(0);
    each(&reader, |_, events| changes |= changes_what_is_gone(events))?;
    if changes {
        let (mut state, _) = state_before(&reader)?;
        each(&reader, |header, events| {
            apply(&mut state, &Stamp::of_header(header), events);
        })?;
        let gone = Gone::of(&state);
        reader.conceal(log::Gone::new(move |tenant, group, day| {
            gone.has(tenant, group, day)
        }));
    }
    Ok(reader)
}

fn each(
    reader: &Reader,
    mut look: impl FnMut(&Header, &[event::Event]),
) -> Result<(), OfflineError> {
    let mut next = reader.first();
    while next < reader.durable() {
        for record in reader.read(next, READ_BYTES)? {
            let header = record.envelope.header();
            next = header.record().next();
            let events =
                event::decode_all(&record.private).map_err(|why| OfflineError::Events {
                    record: header.record(),
                    why,
                })?;
            look(header, &events);
        }
    }
    Ok(())
}
