//! Follows the durable end of a log: writes tiles, then signs a checkpoint over them.
//!
//! Keeps invariant 2 for auditors: only durable records are ever signed, and a checkpoint is visible
//! only when every tile it needs is durable. No checkpoint ever contradicts an earlier one: what was
//! signed is checked against the log at open, and a repair begins a new origin. A failed write is
//! safe to try again, because all that was not signed yet is written anew.

use std::io::IoSlice;
use std::sync::Arc;

use super::checkpoint::{Checkpoint, Origin};
use super::note::{KeyError, SigningKey, VerifyingKey};
use super::prove::{inclusion, verify_inclusion};
use super::stored::{self, CHECKPOINT, StoredError, origin_of, read_hashes};
use super::tile::{Part, TILE_WIDTH, Tile, encode_entries, tiles_of};
use super::{Edge, Hash, base64, leaf_hash};
use crate::log::storage::{Storage, StorageError, replace, unfinished};
use crate::log::{ReadError, Reader};
use crate::wire::RecordNumber;

/// Files held open between writing and syncing them.
const FILES_MAX: usize = 256;
/// Commitments read from the log at a time.
const READ_MAX: usize = 65_536;

/// Why a transparency log was not taken up. Nothing of it was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The disk failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The log could not be read back.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What is stored there does not hold.
    #[error("{0}; if the key was replaced on purpose, move `tlog/` away and a new one begins")]
    Stored(#[from] StoredError),
    /// The checkpoint is of another log, another name, or a later life of this one.
    #[error(
        "the published checkpoint is of {found}, this log is {expected}: a copy was mixed up, or the name \
         was changed; move `tlog/` away and a new one begins"
    )]
    Foreign {
        /// As published.
        found: String,
        /// This log's.
        expected: String,
    },
    /// More records were published than the log holds.
    #[error(
        "{size} records were published and signed, the log holds {durable}: it was cut or replaced by an \
         older copy; restore the newer one"
    )]
    Lost {
        /// Published.
        size: u64,
        /// Held.
        durable: u64,
    },
    /// Other records were published than the log holds.
    #[error(
        "the first {size} records were signed with root {signed}, the log's have {found}: records were \
         changed; restore a sound copy, and keep `tlog/` as evidence"
    )]
    Contradicted {
        /// Published.
        size: u64,
        /// The signed root, base64.
        signed: String,
        /// The log's.
        found: String,
    },
    /// The key's name cannot be an origin.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The one who publishes a log.
#[derive(Debug)]
pub struct Publisher {
    storage: Arc<dyn Storage>,
    origin: String,
    key: SigningKey,
    edge: Edge,
    /// Commitments of the last bundle of entries, when it is not full.
    entries: Vec<Hash>,
    /// Leaves whose tiles are written.
    written: u64,
    /// Below this size nothing is signed: that much was signed before, and its tiles are made anew.
    signed: u64,
}

impl Publisher {
    /// Takes up what was published of the log with this id and incarnation, which `reader` reads, or
    /// begins. The origin has the key's name.
    pub fn open(
        storage: Arc<dyn Storage>,
        key: &SigningKey,
        (log, incarnation): ([u8; 16], u64),
        reader: &Reader,
    ) -> Result<Self, OpenError> {
        let origin = Origin {
            name: key.name().to_owned(),
            log,
            incarnation,
        };
        let mut publisher = Self {
            key: key.named(&origin.to_string())?,
            origin: origin.to_string(),
            storage,
            edge: Edge::default(),
            entries: Vec::new(),
            written: 0,
            signed: 0,
        };
        let Some(note) = stored::read_note(&*publisher.storage)? else {
            return Ok(publisher);
        };
        let found = origin_of(&note);
        if let Some(old) = found.filter(|found| *found != origin) {
            publisher.begin_anew(&note, &old, &origin)?;
            return Ok(publisher);
        }
        let checkpoint = Checkpoint::verify(&note, &publisher.verifying_key());
        let checkpoint = checkpoint.map_err(StoredError::from)?;
        let durable = reader.durable().0;
        if checkpoint.size > durable {
            let size = checkpoint.size;
            return Err(OpenError::Lost { size, durable });
        }
        publisher.signed = checkpoint.size;
        if let Some((edge, entries)) = take_up(&*publisher.storage, &checkpoint, reader)? {
            publisher.written = edge.size();
            (publisher.edge, publisher.entries) = (edge, entries);
        } else {
            // Tiles are made of the log: if that still gives what was signed, they are made again.
            check_all(&checkpoint, reader)?;
        }
        Ok(publisher)
    }

    /// After a repair: the old checkpoint is kept under another name and says what it said.
    fn begin_anew(&self, note: &[u8], old: &Origin, own: &Origin) -> Result<(), OpenError> {
        let earlier = Origin {
            incarnation: old.incarnation,
            ..own.clone()
        };
        if *old != earlier || old.incarnation > own.incarnation {
            return Err(OpenError::Foreign {
                found: old.to_string(),
                expected: own.to_string(),
            });
        }
        let key = self.key.named(&old.to_string())?.verifying_key();
        Checkpoint::verify(note, &key).map_err(StoredError::from)?;
        let kept = format!("{CHECKPOINT}.{}", old.incarnation);
        self.storage.rename(CHECKPOINT, &kept)?;
        Ok(self.storage.sync()?)
    }

    /// The key by which checkpoints of this log are checked.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        self.key.verifying_key()
    }

    /// The record to go on from.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.written
    }

    /// Records that are signed.
    #[must_use]
    pub fn signed(&self) -> u64 {
        self.signed
    }

    /// Whether tiles that were signed before are being made again.
    #[must_use]
    pub fn is_rebuilding(&self) -> bool {
        self.written < self.signed
    }

    /// Publishes the commitments of the records from [`Publisher::next`] on, which are durable: tiles
    /// first, then the checkpoint. After an error the same are to be given again, or more.
    pub fn publish(&mut self, commitments: &[Hash]) -> Result<(), StorageError> {
        let (mut edge, mut entries) = (self.edge.clone(), self.entries.clone());
        let mut files = Vec::new();
        for commitment in commitments {
            let number = edge.size() / TILE_WIDTH;
            entries.push(*commitment);
            if entries.len() as u64 == TILE_WIDTH {
                let bundle = Tile::in_tree(Part::Entries, number, (number + 1) * TILE_WIDTH);
                let bundle = bundle.expect("a full tile of a tree that large");
                files.push((bundle, encode_entries(&entries)));
                entries.clear();
            }
            edge.push(leaf_hash(commitment), |tile, hashes| {
                files.push((tile, hashes.concat()));
            });
            if files.len() >= FILES_MAX {
                self.write(&files)?;
                files.clear();
            }
        }
        let size = edge.size();
        let sign = size > self.signed || (size == self.signed && self.is_rebuilding());
        if sign {
            let before = if self.is_rebuilding() {
                0
            } else {
                self.written
            };
            for tile in tiles_of(before, size).filter(|tile| !tile.is_full()) {
                let bytes = match tile.part() {
                    Part::Entries => encode_entries(&entries),
                    Part::Hashes(level) => edge.hashes(level.into()).concat(),
                };
                files.push((tile, bytes));
            }
        }
        self.write(&files)?;
        self.storage.sync()?;
        if sign {
            let checkpoint = Checkpoint {
                origin: self.origin.clone(),
                size,
                root: edge.root(),
            };
            let note = checkpoint.sign(&self.key);
            replace(
                &*self.storage,
                CHECKPOINT,
                &mut [IoSlice::new(note.as_bytes())],
            )?;
            self.signed = size;
        }
        let before = std::mem::replace(&mut self.written, size);
        (self.edge, self.entries) = (edge, entries);
        self.drop_partial(before)
    }

    /// Writes files so that each is whole or not there. Their names are not synced.
    fn write(&self, files: &[(Tile, Vec<u8>)]) -> Result<(), StorageError> {
        for some in files.chunks(FILES_MAX) {
            let mut written = Vec::with_capacity(some.len());
            for (tile, bytes) in some {
                let name = tile.to_string();
                let file = self.storage.create(&unfinished(&name))?;
                file.write_at(&mut [IoSlice::new(bytes)], 0)?;
                written.push((name, file));
            }
            let (names, files): (Vec<_>, Vec<_>) = written.into_iter().unzip();
            self.storage.sync_files(&files)?;
            for name in &names {
                self.storage.rename(&unfinished(name), name)?;
            }
        }
        Ok(())
    }

    /// Removes the partial tiles of those that have become full since the tree had `before` leaves.
    fn drop_partial(&self, before: u64) -> Result<(), StorageError> {
        for tile in tiles_of(before, self.written).filter(Tile::is_full) {
            let had = Tile::in_tree(tile.part(), tile.number(), before);
            if had.is_some() {
                for name in self.storage.names_in(&tile.partial_folder())? {
                    self.storage.remove(&name)?;
                }
            }
        }
        Ok(())
    }
}

/// The right edge that was published, and the commitments of its last bundle where that is not full,
/// when tiles, log and signed root agree on them; else `None`.
fn take_up(
    storage: &dyn Storage,
    checkpoint: &Checkpoint,
    reader: &Reader,
) -> Result<Option<(Edge, Vec<Hash>)>, OpenError> {
    let (size, root) = (checkpoint.size, &checkpoint.root);
    let Ok(edge) = stored::read_edge(storage, size) else {
        return Ok(None);
    };
    if edge.root() != *root {
        return Ok(None);
    }
    let Some(last) = size.checked_sub(1) else {
        return Ok(Some((edge, Vec::new())));
    };
    let from = last / TILE_WIDTH * TILE_WIDTH;
    let entries = reader.commitments(RecordNumber(from), (size - from) as usize)?;
    let leaves: Vec<Hash> = entries.iter().map(leaf_hash).collect();
    let Ok(path) = inclusion(last, size, |tile| read_hashes(storage, tile)) else {
        return Ok(None);
    };
    let ours = leaves.last().copied().unwrap_or_default();
    let partial = size % TILE_WIDTH != 0;
    if verify_inclusion(last, size, ours, &path, root).is_err()
        || (partial && leaves != edge.hashes(0))
    {
        return Ok(None);
    }
    Ok(Some((edge, if partial { entries } else { Vec::new() })))
}

/// Whether the log's own records give the signed root.
fn check_all(checkpoint: &Checkpoint, reader: &Reader) -> Result<(), OpenError> {
    let mut edge = Edge::default();
    while edge.size() < checkpoint.size {
        let left = usize::try_from(checkpoint.size - edge.size()).unwrap_or(READ_MAX);
        let next = RecordNumber(edge.size());
        for commitment in reader.commitments(next, left.min(READ_MAX))? {
            edge.push(leaf_hash(&commitment), |_, _| ());
        }
    }
    let root = edge.root();
    if root == checkpoint.root {
        return Ok(());
    }
    Err(OpenError::Contradicted {
        size: checkpoint.size,
        signed: base64(&checkpoint.root),
        found: base64(&root),
    })
}
