//! Follows the durable end of a log: writes tiles, then signs a checkpoint over them.
//!
//! Keeps invariant 2 for auditors: only durable records are ever signed, and a checkpoint is visible
//! only when every tile it needs is durable. No checkpoint ever contradicts an earlier one: what was
//! signed is checked against the log at open, and a repair begins a new origin. A failed write is
//! safe to try again, because all that was not signed yet is written anew.

use std::io::IoSlice;
use std::sync::Arc;

use super::checkpoint::{Checkpoint, Origin};
use super::note::{KeyError, NOTE_LEN_MAX, SigningKey, VerifyingKey};
use super::prove::{consistency, verify_consistency};
use super::stored::{self, CHECKPOINT, StoredError, origin_of, read_commitments, read_hashes};
use super::take_up::{check_all, contradicted, root_of, take_up};
use super::tile::{Part, TILE_WIDTH, Tile, encode_entries, tiles_of};
use super::{Edge, Hash, leaf_hash, life};
use crate::log::storage::{Storage, StorageError, read_whole, replace, unfinished};
use crate::log::{ReadError, Reader};
use crate::wire::RecordNumber;

/// Files held open between writing and syncing them.
const FILES_MAX: usize = 256;
/// Commitments read from the log at a time.
pub(super) const READ_MAX: usize = 65_536;

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
    /// The checkpoint is of a later life of this log.
    #[error(
        "the published checkpoint is of {found}, a later life of this log, which is {expected}: it was replaced by an \
         older copy; restore the newer one, or go on without what is lost with `throng archive repair \
         --accept-loss`"
    )]
    LaterLife {
        /// As published.
        found: String,
        /// This log's.
        expected: String,
    },
    /// The checkpoint is of another log or another name.
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
         older copy; restore the newer one, or go on without what is lost with `throng archive repair \
         --accept-loss`"
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
    /// Records were removed that were not published, or whose tiles are no more.
    #[error(
        "the log begins with record {begin}, and of those before it {size} were published: bring `tlog/` back \
         as it was, or go on without (`tlog.publish`)"
    )]
    Removed {
        /// Where the log begins.
        begin: u64,
        /// Records that were published.
        size: u64,
    },
    /// The key's name cannot be an origin.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// There are tiles, and nothing says how many records were signed.
    #[error(
        "there are tiles and no `{CHECKPOINT}`, which says how many records were signed: bring it back, or move \
         `tlog/` away and the same tree is made again from the log"
    )]
    NoCheckpoint,
    /// A repair has kept other records than were signed before it.
    #[error(
        "the first {kept} records, which were there before the log was repaired, are not those that were \
         signed then: records were changed; restore a sound copy, and keep `tlog/` as evidence"
    )]
    KeptChanged {
        /// How many records no repair has touched.
        kept: u64,
    },
    /// What was signed before a repair cannot be read.
    #[error(
        "the first {kept} records, which were there before the log was repaired, cannot be compared with what \
         was signed then: {source}; bring `tlog/` back as it was, or move it away and a new one begins"
    )]
    KeptUnknown {
        /// How many records no repair has touched.
        kept: u64,
        /// What cannot be read.
        source: StoredError,
    },
    /// The last checkpoint that was seen elsewhere is not of this history.
    #[error(transparent)]
    Seen(#[from] super::SeenError),
}

/// The one who publishes a log.
#[derive(Debug)]
pub struct Publisher {
    storage: Arc<dyn Storage>,
    origin: Origin,
    key: SigningKey,
    edge: Edge,
    /// Commitments of the last bundle of entries, when it is not full.
    entries: Vec<Hash>,
    /// Leaves whose tiles are written.
    written: u64,
    /// Below this size nothing is signed: that much was signed before, and its tiles are made anew.
    signed: u64,
    /// The file that says that nothing is signed yet is to be written, before anything else is.
    to_begin: bool,
    /// Whether a checkpoint of more may be there: writing it has failed.
    is_unsure: bool,
    /// It is there.
    begins: bool,
    /// Full tiles that may have partial ones beside them.
    to_sweep: Vec<Tile>,
    /// Up to this size every full tile may: of what was written when a crash came, nothing is known.
    unknown_until: u64,
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
            origin: origin.clone(),
            storage,
            edge: Edge::default(),
            entries: Vec::new(),
            written: 0,
            signed: 0,
            to_begin: false,
            is_unsure: false,
            begins: false,
            to_sweep: Vec::new(),
            unknown_until: READ_MAX as u64,
        };
        let begin = reader.first().0;
        let Some(note) = stored::read_note(&*publisher.storage)? else {
            life::may_begin(&*publisher.storage, &origin)?;
            publisher.to_begin = true;
            publisher.begin_at(begin, &origin)?;
            return Ok(publisher);
        };
        let found = origin_of(&note);
        if let Some(old) = found.filter(|found| *found != origin) {
            publisher.begin_anew(&note, &old, &origin, reader)?;
            publisher.begin_at(begin, &origin)?;
            return Ok(publisher);
        }
        let checkpoint = Checkpoint::verify(&note, &publisher.verifying_key());
        let checkpoint = checkpoint.map_err(StoredError::from)?;
        let durable = reader.durable().0;
        if checkpoint.size > durable {
            let size = checkpoint.size;
            return Err(OpenError::Lost { size, durable });
        }
        if checkpoint.size < begin {
            let size = checkpoint.size;
            return Err(OpenError::Removed { begin, size });
        }
        life::has_begun(&*publisher.storage)?;
        publisher.signed = checkpoint.size;
        publisher.unknown_until += checkpoint.size;
        if let Some((edge, entries)) = take_up(&*publisher.storage, &checkpoint, reader)? {
            publisher.written = edge.size();
            // A crash may have come between the last checkpoint and their removal.
            let before = checkpoint.size.saturating_sub(READ_MAX as u64);
            publisher.to_sweep = tiles_of(before, checkpoint.size)
                .filter(Tile::is_full)
                .collect();
            (publisher.edge, publisher.entries) = (edge, entries);
        } else {
            // Tiles are made of the log: if that still gives what was signed, they are made again.
            check_all(&*publisher.storage, &checkpoint, reader)?;
            publisher.publish_removed(begin, checkpoint.size)?;
        }
        Ok(publisher)
    }

    /// Begins with what a log that begins with record `begin` has no more: as it was published before a
    /// repair, under the newest checkpoint that was kept then.
    fn begin_at(&mut self, begin: u64, own: &Origin) -> Result<(), OpenError> {
        if begin == 0 {
            return Ok(());
        }
        let names = self.storage.names()?.into_iter();
        let kept = names.filter_map(|name| {
            let incarnation = name.strip_prefix(CHECKPOINT)?.strip_prefix('.')?;
            incarnation.parse::<u64>().ok()
        });
        let before = kept.filter(|incarnation| *incarnation < own.incarnation);
        let removed = |size| OpenError::Removed { begin, size };
        let incarnation = before.max().ok_or_else(|| removed(0))?;
        let old = Origin {
            incarnation,
            ..own.clone()
        };
        let name = format!("{CHECKPOINT}.{incarnation}");
        let note = read_whole(&*self.storage, &name, NOTE_LEN_MAX as u64 + 1)?;
        let key = self.key.named(&old.to_string())?.verifying_key();
        let checkpoint = Checkpoint::verify(&note, &key).map_err(StoredError::from)?;
        if checkpoint.size < begin {
            return Err(removed(checkpoint.size));
        }
        // Those that were signed, or none.
        let root = root_of(&*self.storage, (begin, checkpoint.size), None)?;
        let read = |tile| read_hashes(&*self.storage, tile);
        let steps = consistency(begin, checkpoint.size, read)?;
        let (was, is) = ((begin, &root), (checkpoint.size, &checkpoint.root));
        if verify_consistency(was, is, &steps).is_err() {
            return Err(contradicted(&checkpoint, &root));
        }
        self.publish_removed(begin, checkpoint.size)
    }

    /// Makes the tiles anew of the records before `begin`, by the entries of a published tree of `size`.
    fn publish_removed(&mut self, begin: u64, size: u64) -> Result<(), OpenError> {
        // Not before all of them.
        self.signed = self.signed.max(begin);
        while self.written < begin {
            let to = begin.min(self.written + READ_MAX as u64);
            let some = read_commitments(&*self.storage, (self.written, to), size)?;
            self.publish(&some)?;
        }
        Ok(())
    }

    /// After a repair: the old checkpoint is kept under another name and says what it said.
    fn begin_anew(
        &mut self,
        note: &[u8],
        old: &Origin,
        own: &Origin,
        reader: &Reader,
    ) -> Result<(), OpenError> {
        let earlier = Origin {
            incarnation: old.incarnation,
            ..own.clone()
        };
        if *old == earlier && old.incarnation > own.incarnation {
            return Err(OpenError::LaterLife {
                found: old.to_string(),
                expected: own.to_string(),
            });
        }
        if *old != earlier {
            return Err(OpenError::Foreign {
                found: old.to_string(),
                expected: own.to_string(),
            });
        }
        let key = self.key.named(&old.to_string())?.verifying_key();
        let checkpoint = Checkpoint::verify(note, &key).map_err(StoredError::from)?;
        life::compare_kept(&*self.storage, &checkpoint, reader)?;
        life::begin(&*self.storage, own)?;
        self.begins = true;
        let kept = format!("{CHECKPOINT}.{}", old.incarnation);
        self.storage.rename(CHECKPOINT, &kept)?;
        Ok(self.storage.sync()?)
    }

    /// Which tree this is.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
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

    /// Whether `root` is that of this tree's first `size` records, which the log has: by its tiles where they
    /// are signed, else by the log.
    pub(super) fn begins_with(
        &self,
        size: u64,
        root: &Hash,
        reader: &Reader,
    ) -> Result<bool, OpenError> {
        if self.is_rebuilding() && size < self.written {
            return Ok(root_of(&*self.storage, (size, self.signed), Some(reader))? == *root);
        }
        if size > self.written {
            let mut edge = self.edge.clone();
            while edge.size() < size {
                let count = (size - edge.size()).min(READ_MAX as u64) as usize;
                for commitment in reader.commitments(RecordNumber(edge.size()), count)? {
                    edge.push(leaf_hash(&commitment), |_, _| ());
                }
            }
            return Ok(edge.root() == *root);
        }
        let steps = consistency(size, self.written, |tile| read_hashes(&*self.storage, tile))?;
        let is = self.edge.root();
        Ok(verify_consistency((size, root), (self.written, &is), &steps).is_ok())
    }

    /// The signed note as it is stored.
    pub fn note(&self) -> Result<Option<Vec<u8>>, StorageError> {
        stored::read_note(&*self.storage)
    }

    /// Whether tiles that were signed before are being made again.
    #[must_use]
    pub fn is_rebuilding(&self) -> bool {
        self.written < self.signed
    }

    /// Publishes the commitments of the records from [`Publisher::next`] on, which are durable: tiles
    /// first, then the checkpoint. After an error the same are to be given again, or more.
    pub fn publish(&mut self, commitments: &[Hash]) -> Result<(), StorageError> {
        if self.to_begin {
            life::begin(&*self.storage, &self.origin)?;
            (self.to_begin, self.begins) = (false, true);
        }
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
                origin: self.origin.to_string(),
                size,
                root: edge.root(),
            };
            let note = checkpoint.sign(&self.key);
            self.is_unsure = true;
            replace(
                &*self.storage,
                CHECKPOINT,
                &mut [IoSlice::new(note.as_bytes())],
            )?;
            self.signed = size;
        }
        self.is_unsure = false;
        let before = std::mem::replace(&mut self.written, size);
        (self.edge, self.entries) = (edge, entries);
        if self.begins && sign {
            life::has_begun(&*self.storage)?;
            self.begins = false;
        }
        let is_known = before >= self.unknown_until;
        let was_narrower =
            |tile: &Tile| !is_known || Tile::in_tree(tile.part(), tile.number(), before).is_some();
        let full = tiles_of(before, size).filter(Tile::is_full);
        self.to_sweep.extend(full.filter(was_narrower));
        self.drop_partial()
    }

    /// Writes and syncs files. Those made again, which a checkpoint already speaks of, are whole or not there;
    /// others have their name at once, half the work of a file so small: nobody asks for them before the
    /// checkpoint does, and after a crash they are written anew. Their names are not synced.
    fn write(&self, files: &[(Tile, Vec<u8>)]) -> Result<(), StorageError> {
        let again = self.is_rebuilding() || self.is_unsure;
        for some in files.chunks(FILES_MAX) {
            let mut written = Vec::with_capacity(some.len());
            let mut names = Vec::new();
            for (tile, bytes) in some {
                let name = tile.to_string();
                let file = match again {
                    true => self.storage.create(&unfinished(&name))?,
                    false => self.storage.create(&name)?,
                };
                file.write_at(&mut [IoSlice::new(bytes)], 0)?;
                written.push(file);
                if again {
                    names.push(name);
                }
            }
            self.storage.sync_files(&written)?;
            for name in &names {
                self.storage.rename(&unfinished(name), name)?;
            }
        }
        Ok(())
    }

    /// Removes the partial tiles beside full ones.
    fn drop_partial(&mut self) -> Result<(), StorageError> {
        while let Some(tile) = self.to_sweep.last() {
            for name in self.storage.names_in(&tile.partial_folder())? {
                self.storage.remove(&name)?;
            }
            self.to_sweep.pop();
        }
        Ok(())
    }
}
