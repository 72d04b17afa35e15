//! What the index consists of: replaced whole, sealed, and believed only where it is of this log.

use serde::{Deserialize, Serialize};

use crate::log::{Chunked, ChunkedError, StorageError};

/// Its file.
pub(super) const MANIFEST: &str = "index";
/// A thousand parts take about 2 MiB.
const LEN_MAX: u64 = 64 << 20;
/// Raised when an index made before would answer otherwise than one made now.
const RULES: u32 = 1;

/// A log's index, as it is on disk.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    rules: u32,
    log: [u8; 16],
    incarnation: u64,
    /// Records before this number are in the parts.
    pub(super) next: u64,
    /// The older, the earlier.
    pub(super) parts: Vec<Entry>,
}

/// One part.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Its folder.
    pub(super) folder: u64,
    /// It has messages of this record and later ones, up to the next part's.
    pub(super) first: u64,
    /// How many messages it finds.
    pub(super) documents: u64,
    /// What tantivy says of it.
    pub(super) meta: String,
}

impl Manifest {
    /// Of an index with nothing in it.
    pub(super) fn new((log, incarnation): ([u8; 16], u64)) -> Self {
        Self {
            rules: RULES,
            log,
            incarnation,
            next: 0,
            parts: Vec::new(),
        }
    }

    /// Reads it; `None` where there is none, or none of this log that can be believed.
    pub(super) fn read(
        files: &Chunked,
        identity: ([u8; 16], u64),
        durable: u64,
    ) -> Result<Option<Self>, StorageError> {
        let bytes = match files.read_whole(MANIFEST, LEN_MAX) {
            Ok(bytes) => bytes,
            Err(ChunkedError::Storage(error)) if !error.is_not_found() => return Err(error),
            Err(_) => return Ok(None),
        };
        let read = serde_json::from_slice::<Self>(&bytes).ok();
        Ok(read.filter(|found| {
            let same = (found.log, found.incarnation) == identity;
            let folders = found.parts.iter().map(|part| part.folder);
            let distinct: std::collections::BTreeSet<u64> = folders.collect();
            found.rules == RULES
                && same
                && found.next <= durable
                && distinct.len() == found.parts.len()
        }))
    }

    /// The same index with other contents.
    pub(super) fn with(&self, next: u64, parts: Vec<Entry>) -> Self {
        Self {
            next,
            parts,
            ..self.clone()
        }
    }

    /// Writes it, durable on return.
    pub(super) fn write(&self, files: &Chunked) -> Result<(), StorageError> {
        let bytes = serde_json::to_vec(self).expect("numbers and texts are JSON");
        files.replace(MANIFEST, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::log::Memory;

    #[test]
    fn a_list_of_parts_is_read_as_it_was_written_and_only_for_its_own_log() {
        let files = Chunked::plain(Arc::new(Memory::new()));
        let entry = Entry {
            folder: 3,
            first: 40,
            documents: 2,
            meta: "{}".to_owned(),
        };
        let identity = ([7; 16], 9);
        let manifest = Manifest::new(identity).with(42, vec![entry]);
        manifest.write(&files).unwrap();
        let bytes = files.read_whole(MANIFEST, LEN_MAX).unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            r#"{"rules":1,"log":[7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7],"incarnation":9,"next":42,"parts":[{"folder":3,"first":40,"documents":2,"meta":"{}"}]}"#
        );
        let read = |identity, durable| Manifest::read(&files, identity, durable).unwrap();
        assert_eq!(read(identity, 42), Some(manifest.clone()));
        for (identity, durable) in [(([7; 16], 8), 42), (([8; 16], 9), 42), (identity, 41)] {
            assert_eq!(read(identity, durable), None);
        }
        let twice = manifest.with(
            42,
            [manifest.parts.clone(), manifest.parts.clone()].concat(),
        );
        twice.write(&files).unwrap();
        assert_eq!(read(identity, 42), None, "two parts in one folder");
        files.replace(MANIFEST, b"{\"rules\":1").unwrap();
        assert_eq!(read(identity, 42), None);
    }
}
