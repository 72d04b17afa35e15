//! One record of a log, and where it stands.

use crate::log::format::{Frame, segment_first, segment_name};
use crate::log::scan::{Visit, read_header, scan};
use crate::log::storage::{Storage, StorageError};
use crate::log::{Damage, Record, leaf_hash};
use crate::wire::RecordNumber;

/// A record and its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inspected {
    /// The record.
    pub record: Record,
    /// The file it is in.
    pub file: String,
    /// Where in the file its frame begins.
    pub offset: u64,
    /// Its Merkle leaf hash.
    pub leaf: [u8; 32],
    /// Its commitment: the entry that is published of it.
    pub commitment: [u8; 32],
}

/// Why a record could not be shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    /// The disk failed, or the log is in use.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// No segment holds an intact record of this number.
    #[error("record {record} is not in this log: {}", match .damage {
        Some(damage) => damage.to_string(),
        None => "it ends before".to_owned(),
    })]
    NotFound {
        /// Which.
        record: RecordNumber,
        /// Damage in the segment where it should be.
        damage: Option<Damage>,
    },
}

/// Shows a record.
pub fn inspect(storage: &dyn Storage, record: RecordNumber) -> Result<Inspected, InspectError> {
    let names = storage.names()?;
    let firsts = names.iter().filter_map(|name| segment_first(name));
    let not_found = |damage| InspectError::NotFound { record, damage };
    let first = firsts.filter(|first| *first <= record.0).max();
    let first = first.ok_or_else(|| not_found(None))?;
    let name = segment_name(first);
    let file = storage.open(&name)?;
    let header = read_header(&*file, &name, first)?.map_err(|it| not_found(Some(it)))?;
    let mut search = Search {
        record,
        found: None,
    };
    let found = scan(&*file, &name, &header, &mut search)?;
    let damage = found.damage.into_iter().next();
    let (record, offset, commitment) = search.found.ok_or_else(|| not_found(damage))?;
    Ok(Inspected {
        record,
        file: name,
        offset,
        leaf: leaf_hash(&commitment),
        commitment,
    })
}

struct Search {
    record: RecordNumber,
    found: Option<(Record, u64, [u8; 32])>,
}

impl Visit for Search {
    fn frame(&mut self, offset: u64, frame: &Frame<'_>) {
        if frame.header().record() == self.record
            && let Ok(record) = Record::of(frame)
        {
            self.found = Some((record, offset, frame.commitment()));
        }
    }
}
