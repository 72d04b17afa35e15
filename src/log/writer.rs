//! The log thread's half: one batch, one write, one sync; then it is durable, and only then seen.
//!
//! Keeps invariants 2 and 3. After an error nobody knows what is on disk, so every later call fails:
//! only a new open, which reads what is there, can tell.

mod forget;

use std::io::IoSlice;
use std::sync::Arc;

use super::chunked::Chunked;
use super::commitments::Commitments;
use super::config::Config;
use super::format::{
    BATCH_HEADER_LEN, BatchHeader, BatchKind, FOOTER_LEN, FooterBody, FrameSeal, Meta,
    SEGMENT_HEADER_LEN, SegmentHeader, encode_frame, segment_name,
};
use super::gone::Gone;
use super::keys::Keys;
use super::meta_file::MetaFile;
use super::reader::Reader;
use super::seal::Sealing;
use super::segment::Shared;
use super::snapshot::Snapshots;
use super::space::Space;
use super::spare::{SPARES, Spares};
use super::storage::{Storage, StorageError};
use super::tail::{Tail, index, len_of, start};
use super::tree::leaf;
use super::{Entry, entry_len};
use crate::wire::RecordNumber;

/// Why records were not appended. Nothing of the call may be taken for durable, and every later call
/// fails: close the log and open it again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The disk failed.
    #[error("the log cannot go on: {0}")]
    Storage(#[from] StorageError),
    /// An earlier call failed.
    #[error("the log failed before and must be opened again")]
    Poisoned,
    /// The entry's header has another number than its place in the log.
    #[error("record {found} was appended where record {expected} is next")]
    RecordNumber {
        /// As in the header.
        found: RecordNumber,
        /// The next one.
        expected: RecordNumber,
    },
    /// The entry's view is not as long as its header says.
    #[error("record {record} has a view of {found} bytes, its header says {expected}")]
    ViewLength {
        /// Which.
        record: RecordNumber,
        /// Bytes given.
        found: usize,
        /// Bytes the header announces.
        expected: usize,
    },
    /// The record is longer than the configuration allows.
    #[error("record {record} takes {found} bytes, at most {limit} are allowed (record_bytes_max)")]
    RecordTooLong {
        /// Which.
        record: RecordNumber,
        /// Bytes it takes.
        found: u64,
        /// The configured limit.
        limit: u32,
    },
    /// The preallocated segments are full: more was appended than had been reserved.
    #[error("no preallocated segment is left for record {record}, which was not reserved")]
    NotReserved {
        /// The record there is no room for.
        record: RecordNumber,
    },
}

/// The log, as its one writer has it.
#[derive(Debug)]
pub struct Log {
    pub(super) storage: Arc<dyn Storage>,
    config: Config,
    meta: Meta,
    pub(super) meta_file: Arc<MetaFile>,
    pub(super) keys: Keys,
    sealing: Option<Sealing>,
    tail: Tail,
    spares: Spares,
    next: u64,
    appended_bytes: u64,
    buffer: Vec<u8>,
    /// Whoever follows the durable end, and the commitments of the batch being written.
    followed: Option<Arc<Commitments>>,
    commitments: Vec<[u8; 32]>,
    pub(super) shared: Arc<Shared>,
    space: Arc<Space>,
    /// What a full disk had no room to write down of what is to be destroyed.
    to_destroy: Option<Gone>,
    poisoned: bool,
}

/// What an open hands over to the writer.
pub(super) struct Opened {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) config: Config,
    pub(super) meta: Meta,
    pub(super) keys: Keys,
    pub(super) sealing: Option<Sealing>,
    pub(super) next: u64,
    pub(super) shared: Arc<Shared>,
    /// The open segment, or the Merkle root of the sealed one before it.
    pub(super) tail: Result<Tail, [u8; 32]>,
}

impl Log {
    pub(super) fn new(opened: Opened) -> Result<Self, StorageError> {
        let Opened {
            storage,
            config,
            meta,
            keys,
            sealing,
            next,
            shared,
            tail,
        } = opened;
        let mut spares = Spares::new(config.segment_bytes);
        spares.top_up(&*storage)?;
        let tail = match tail {
            Ok(tail) => {
                // A copy restored from elsewhere may have holes where this one has room.
                tail.segment.file.allocate(tail.segment.header.len)?;
                tail
            }
            Err(previous_root) => {
                let header = SegmentHeader {
                    log: meta.log,
                    segment: keys.segment(next),
                    incarnation: meta.incarnation,
                    first: next,
                    epoch: meta.epoch,
                    len: config.segment_bytes,
                    previous_root,
                };
                let started = start(&*storage, &mut spares, header)?;
                let tail = started.ok_or_else(|| StorageError::NoSpace {
                    operation: super::storage::Operation::Allocate,
                    file: segment_name(next),
                })?;
                shared.push(tail.segment.clone());
                spares.top_up(&*storage)?;
                tail
            }
        };
        let mut log = Self {
            meta_file: Arc::new(MetaFile::new(storage.clone(), meta)),
            storage,
            config,
            meta,
            keys,
            sealing,
            tail,
            spares,
            next,
            appended_bytes: 0,
            buffer: Vec::new(),
            followed: None,
            commitments: Vec::new(),
            shared,
            space: Arc::default(),
            to_destroy: None,
            poisoned: false,
        };
        if !log.tail.committed {
            log.commit()?;
        }
        log.account();
        Ok(log)
    }

    /// Appends records as one batch and returns when they are durable. Their numbers go on from the
    /// last. Room for them has been reserved ([`Log::space`]).
    pub fn append(&mut self, entries: &[Entry<'_>]) -> Result<(), AppendError> {
        self.guarded(|log| log.append_all(entries))?;
        self.seal_if_asked()
    }

    /// For when nothing more is to be appended for now: writes a commit frame, so that damage to the
    /// last batch cannot pass for a torn tail, and preallocates what is missing.
    pub fn idle(&mut self) -> Result<(), AppendError> {
        self.guarded(|log| {
            if !log.tail.committed {
                log.commit()?;
            }
            log.top_up()
        })?;
        self.seal_if_asked()?;
        self.forget_what_is_left()
    }

    /// Writes a commit frame and how far the log goes, so that even a missing file is noticed.
    pub fn close(mut self) -> Result<(), AppendError> {
        self.guarded(|log| {
            if !log.tail.committed {
                log.commit()?;
            }
            let next = log.next;
            Ok(log.meta_file.update(|meta| meta.durable = next)?)
        })
    }

    fn seal_if_asked(&mut self) -> Result<(), AppendError> {
        if self.shared.take_seal_asked() && !self.seal_segment()? {
            // The disk is full: what is left of the segment is for records.
            self.shared.ask_to_seal();
        }
        Ok(())
    }

    /// Seals the open segment, so that it can be compacted, unless it is empty or the disk has no room for
    /// another spare one.
    pub fn seal_segment(&mut self) -> Result<bool, AppendError> {
        let mut sealed = false;
        self.guarded(|log| {
            log.top_up()?;
            if log.tail.tree.leaves() > 0 && log.spares.ready() == SPARES {
                log.roll()?;
                log.top_up()?;
                log.account();
                sealed = true;
            }
            Ok(())
        })?;
        Ok(sealed)
    }

    /// The snapshots beside this log, sealed as it is.
    #[must_use]
    pub fn snapshots(&self) -> Snapshots {
        let keys = self.sealing.as_ref().map(Sealing::snapshot_keys);
        Snapshots::sealed(self.storage.clone(), keys)
    }

    /// Files in `storage`, not the log's own, that are sealed as the log is.
    #[must_use]
    pub fn chunked(&self, storage: Arc<dyn Storage>) -> Chunked {
        Chunked::sealed(storage, self.sealing.as_ref().map(Sealing::snapshot_keys))
    }

    /// What may still be reserved.
    #[must_use]
    pub fn space(&self) -> Arc<Space> {
        self.space.clone()
    }

    /// A handle that reads what is durable.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(self.shared.clone())
    }

    /// The commitments of the records from the next one on, as they become durable; the last `limit`
    /// of them at a time.
    pub fn follow(&mut self, limit: usize) -> Arc<Commitments> {
        let followed = Arc::new(Commitments::new(limit));
        self.followed = Some(Arc::clone(&followed));
        followed
    }

    /// The number the next record will have.
    #[must_use]
    pub fn next(&self) -> RecordNumber {
        RecordNumber(self.next)
    }

    fn guarded(
        &mut self,
        operation: impl FnOnce(&mut Self) -> Result<(), AppendError>,
    ) -> Result<(), AppendError> {
        if self.poisoned {
            return Err(AppendError::Poisoned);
        }
        let result = operation(self);
        self.poisoned = result.is_err();
        result
    }

    fn append_all(&mut self, entries: &[Entry<'_>]) -> Result<(), AppendError> {
        self.check(entries)?;
        let mut rest = entries;
        while !rest.is_empty() {
            let fitting = self.fitting(rest);
            if fitting == 0 {
                self.roll()?;
                continue;
            }
            let (batch, later) = rest.split_at(fitting);
            self.write_records(batch)?;
            rest = later;
        }
        // Half a segment is time enough to preallocate while nobody waits: see `idle`.
        if self.tail.at > self.tail.segment.header.len / 2 {
            self.top_up()?;
        }
        self.account();
        Ok(())
    }

    fn check(&self, entries: &[Entry<'_>]) -> Result<(), AppendError> {
        for (entry, expected) in entries.iter().zip(self.next..) {
            let (found, expected) = (entry.header.record(), RecordNumber(expected));
            if found != expected {
                return Err(AppendError::RecordNumber { found, expected });
            }
            if entry.view.len() != entry.header.body_len() {
                return Err(AppendError::ViewLength {
                    record: found,
                    found: entry.view.len(),
                    expected: entry.header.body_len(),
                });
            }
            let len = entry_len(entry.takes.len(), entry.view.len(), entry.private.len());
            if len > self.config.record_bytes_max.into() {
                return Err(AppendError::RecordTooLong {
                    record: found,
                    found: len,
                    limit: self.config.record_bytes_max,
                });
            }
        }
        Ok(())
    }

    /// How many of `entries` fit the open segment.
    fn fitting(&self, entries: &[Entry<'_>]) -> usize {
        let (room, mut bytes) = (self.tail.room(), 0);
        let fits = |entry: &&Entry<'_>| {
            bytes += len_of(entry) as u64;
            bytes <= room
        };
        entries.iter().take_while(fits).count()
    }

    fn write_records(&mut self, entries: &[Entry<'_>]) -> Result<(), AppendError> {
        let segment = self.tail.segment.clone();
        self.buffer.clear();
        self.buffer.resize(BATCH_HEADER_LEN, 0);
        if let Some(sealing) = &mut self.sealing {
            sealing.prepare(entries)?;
        }
        for (number, entry) in entries.iter().enumerate() {
            let seal = FrameSeal {
                epoch: self.meta.epoch,
                salt: self.keys.salt(entry.header.record().0),
                keys: self.sealing.as_ref().map(|it| it.keys_of(number)),
            };
            let id = segment.header.segment;
            let commitment = encode_frame(&mut self.buffer, entry, id, &seal);
            self.tail.tree.push(leaf(&commitment));
            if self.followed.is_some() {
                self.commitments.push(commitment);
            }
        }
        let body_len = self.buffer.len() - BATCH_HEADER_LEN;
        let header = self
            .batch(BatchKind::Records, entries.len(), body_len)
            .encode();
        self.buffer[..BATCH_HEADER_LEN].copy_from_slice(&header);
        let at = self.tail.at;
        segment
            .file
            .write_at(&mut [IoSlice::new(&self.buffer)], at)?;
        segment.file.sync()?;

        self.tail.at += self.buffer.len() as u64;
        self.tail.committed = false;
        index(&segment, entries, at + BATCH_HEADER_LEN as u64);
        self.next += entries.len() as u64;
        self.shared.set_durable(self.next);
        if let Some(followed) = &self.followed {
            followed.push(self.next, &self.commitments);
            self.commitments.clear();
        }
        self.appended_bytes += entries
            .iter()
            .map(|entry| entry_len(entry.takes.len(), entry.view.len(), entry.private.len()))
            .sum::<u64>();
        Ok(())
    }

    fn batch(&self, kind: BatchKind, frames: usize, body_len: usize) -> BatchHeader {
        BatchHeader {
            kind,
            epoch: self.meta.epoch,
            segment: self.tail.segment.header.segment,
            first: self.next,
            durable: self.next,
            // A segment, and so a batch, is at most 1 GiB.
            frames: frames as u32,
            body_len: body_len as u32,
        }
    }

    /// Writes that everything so far is durable.
    fn commit(&mut self) -> Result<(), StorageError> {
        let header = self.batch(BatchKind::Commit, 0, 0).encode();
        let file = &self.tail.segment.file;
        file.write_at(&mut [IoSlice::new(&header)], self.tail.at)?;
        file.sync()?;
        self.tail.at += BATCH_HEADER_LEN as u64;
        self.tail.committed = true;
        Ok(())
    }

    /// Seals the open segment and goes on in a spare one.
    fn roll(&mut self) -> Result<(), AppendError> {
        if self.spares.ready() == 0 {
            self.spares.top_up(&*self.storage)?;
        }
        if self.spares.ready() == 0 {
            let record = RecordNumber(self.next);
            return Err(AppendError::NotReserved { record });
        }
        let root = self.tail.tree.root();
        let footer = FooterBody::new(self.tail.tree.leaves(), root);
        let footer = zerocopy::IntoBytes::as_bytes(&footer);
        let header = self.batch(BatchKind::Footer, 0, footer.len()).encode();
        let segment = self.tail.segment.clone();
        let slices = &mut [IoSlice::new(&header), IoSlice::new(footer)];
        segment.file.write_at(slices, self.tail.at)?;
        segment.file.sync()?;
        self.shared.settle(&segment);
        let header = SegmentHeader {
            segment: self.keys.segment(self.next),
            incarnation: self.meta.incarnation,
            first: self.next,
            epoch: self.meta.epoch,
            len: self.config.segment_bytes,
            previous_root: root,
            ..segment.header
        };
        let tail = start(&*self.storage, &mut self.spares, header)?;
        self.tail = tail.expect("a spare was there before the footer was written");
        self.shared.push(self.tail.segment.clone());
        Ok(())
    }

    fn top_up(&mut self) -> Result<(), AppendError> {
        if let Some(sealing) = &mut self.sealing {
            sealing.top_up()?;
            self.account();
        }
        if self.spares.ready() < SPARES {
            self.spares.top_up(&*self.storage)?;
            self.account();
        }
        Ok(())
    }

    /// Tells [`Space`] what there is. A segment may be left with less than the longest record free,
    /// so that much of each is not counted.
    fn account(&self) {
        let longest = u64::from(self.config.record_bytes_max);
        let around = (SEGMENT_HEADER_LEN + 2 * BATCH_HEADER_LEN + FOOTER_LEN) as u64;
        let spare = self.config.segment_bytes - around - longest;
        let room = self.tail.room().saturating_sub(longest);
        let room = room + spare * self.spares.ready() as u64;
        let for_keys = self.sealing.as_ref().map_or(u64::MAX, Sealing::room);
        let (room, kept) = (room.min(for_keys), spare.min(for_keys / 2));
        self.space.account(self.appended_bytes, room, kept);
    }
}
