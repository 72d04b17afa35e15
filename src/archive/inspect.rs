//! One record of a log, and where it stands.

use crate::log::format::{Frame, META, META_LEN, Meta, segment_first, segment_name};
use crate::log::scan::{Visit, read_header, scan};
use crate::log::seal::Vault;
use crate::log::storage::{Storage, StorageError, read_whole};
use crate::log::survey::begin_of;
use crate::log::{Damage, KeyringError, MasterKey, Record, Unreadable, leaf_hash};
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
    /// Its master key cannot be used.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The record is sealed and no key was given.
    #[error(
        "record {record} is sealed: give the master key by --encryption-key-file or --encryption-key-command"
    )]
    Sealed {
        /// Which.
        record: RecordNumber,
    },
    /// It was removed, when the retention of all that it is of was over.
    #[error("record {record} was removed by retention: the log begins with record {begin}")]
    Removed {
        /// Which.
        record: RecordNumber,
        /// The first that there is.
        begin: RecordNumber,
    },
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

/// Shows a record of a log that is not encrypted.
pub fn inspect(storage: &dyn Storage, record: RecordNumber) -> Result<Inspected, InspectError> {
    search(storage, record, None)
}

/// Shows a record of a log that is encrypted under this master key, or partly.
pub fn inspect_sealed(
    storage: &dyn Storage,
    record: RecordNumber,
    master: &MasterKey,
) -> Result<Inspected, InspectError> {
    let vault = Vault::of_storage(storage, master)?;
    search(storage, record, vault.as_ref())
}

/// The commitment of a record, which is of its bytes as they are there: no key is needed.
pub(super) fn commitment(
    storage: &dyn Storage,
    record: RecordNumber,
) -> Result<[u8; 32], InspectError> {
    Ok(find(storage, record, None)?.commitment)
}

/// A record, whether or not it can be read.
struct FoundRecord {
    record: Result<Record, Unreadable>,
    file: String,
    offset: u64,
    commitment: [u8; 32],
}

fn search(
    storage: &dyn Storage,
    record: RecordNumber,
    vault: Option<&Vault>,
) -> Result<Inspected, InspectError> {
    let found = find(storage, record, vault)?;
    let (file, offset, commitment) = (found.file, found.offset, found.commitment);
    let shown = found.record.map_err(|why| match why {
        Unreadable::Storage(error) => error.into(),
        Unreadable::Defect(_) if vault.is_none() => InspectError::Sealed { record },
        Unreadable::Defect(defect) => {
            let file = file.clone();
            let damage = Damage {
                file,
                offset,
                record,
                defect,
            };
            let damage = Some(damage);
            InspectError::NotFound { record, damage }
        }
    })?;
    Ok(Inspected {
        record: shown,
        file,
        offset,
        leaf: leaf_hash(&commitment),
        commitment,
    })
}

fn find(
    storage: &dyn Storage,
    record: RecordNumber,
    vault: Option<&Vault>,
) -> Result<FoundRecord, InspectError> {
    let names = storage.names()?;
    let begin = begin_of(read_meta(storage)?.as_ref(), &names);
    if record.0 < begin {
        let begin = RecordNumber(begin);
        return Err(InspectError::Removed { record, begin });
    }
    let firsts = names.iter().filter_map(|name| segment_first(name));
    let not_found = |damage| InspectError::NotFound { record, damage };
    let first = firsts.filter(|first| *first <= record.0).max();
    let first = first.ok_or_else(|| not_found(None))?;
    let name = segment_name(first);
    let file = storage.open(&name)?;
    let header = read_header(&*file, &name, first)?.map_err(|it| not_found(Some(it)))?;
    let mut search = Search {
        record,
        vault,
        found: None,
    };
    let found = scan(&*file, &name, &header, &mut search)?;
    let damage = found.damage.into_iter().next();
    let (record, offset, commitment) = search.found.ok_or_else(|| not_found(damage))?;
    Ok(FoundRecord {
        record,
        file: name,
        offset,
        commitment,
    })
}

/// The meta file, where there is one that can be read.
fn read_meta(storage: &dyn Storage) -> Result<Option<Meta>, StorageError> {
    match read_whole(storage, META, META_LEN as u64 + 1) {
        Err(error) if error.is_not_found() => Ok(None),
        bytes => Ok(Meta::decode(&bytes?).ok()),
    }
}

struct Search<'a> {
    record: RecordNumber,
    vault: Option<&'a Vault>,
    found: Option<(Result<Record, Unreadable>, u64, [u8; 32])>,
}

impl Visit for Search<'_> {
    fn frame(&mut self, offset: u64, frame: &Frame<'_>) {
        if frame.header().record() == self.record {
            let record = Record::of(frame, self.vault);
            self.found = Some((record, offset, frame.commitment()));
        }
    }
}
