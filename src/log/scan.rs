//! One checked pass over a segment: what stands in it, and where it is damaged.
//!
//! Used by recovery, verification and whoever rebuilds an index, so that all three mean the same by
//! "intact". Damage does not end the pass: what follows it is found again, because an intact batch
//! behind it may be the proof that the damaged bytes were durable once.

use crate::wire::{ALIGNMENT, RecordNumber, Timestamp};

use super::format::{
    BATCH_HEADER_LEN, BatchHeader, BatchKind, Damage, Defect, FOOTER_LEN, FRAME_LEN_MIN,
    FooterBody, Frame, SEGMENT_HEADER_LEN, SegmentHeader,
};
use super::storage::{File, StorageError};
use super::tree::Tree;

/// Bytes read at a time.
const CHUNK_LEN: usize = 1024 * 1024;
/// Damaged places reported per segment; there may be more.
const DAMAGE_MAX: usize = 100;

/// What is told of each intact frame.
pub(crate) trait Visit {
    /// The header of a batch whose frames come next.
    fn batch(&mut self, _: &BatchHeader) {}
    /// An intact frame; whether it stands is known at the end of its batch.
    fn frame(&mut self, offset: u64, frame: &Frame<'_>);
    /// The frames since the last call are intact as a batch, and so is everything before.
    fn batch_stands(&mut self) {}
    /// The frames since the last call are part of a damaged batch, or behind damage.
    fn batch_falls(&mut self) {}
}

impl Visit for () {
    fn frame(&mut self, _: u64, _: &Frame<'_>) {}
}

/// Part of a file, read ahead.
#[derive(Debug)]
pub(crate) struct Window<'a> {
    file: &'a dyn File,
    buffer: Vec<u8>,
    start: u64,
    chunk_len: usize,
}

impl<'a> Window<'a> {
    pub(crate) fn new(file: &'a dyn File, chunk_len: usize) -> Self {
        Self {
            file,
            buffer: Vec::new(),
            start: 0,
            chunk_len,
        }
    }

    /// `len` bytes at `offset`, fewer only where the file ends.
    pub(crate) fn bytes(&mut self, offset: u64, len: usize) -> Result<&[u8], StorageError> {
        let end = offset + len as u64;
        if offset < self.start || end > self.start + self.buffer.len() as u64 {
            let wanted = len.max(self.chunk_len);
            self.buffer.resize(wanted, 0);
            let read = self.file.read_at(&mut self.buffer, offset)?;
            self.buffer.truncate(read);
            self.start = offset;
        }
        let from = (offset - self.start) as usize;
        let to = (from + len).min(self.buffer.len());
        Ok(&self.buffer[from..to])
    }
}

/// What a pass has found.
#[derive(Debug)]
pub(crate) struct Scan {
    /// The record after the last that stands.
    pub(crate) next: u64,
    /// Where the last batch that stands ends.
    pub(crate) end: u64,
    /// Intact records, behind damage too.
    pub(crate) intact: u64,
    /// Records before this number were durable, says a batch that stands.
    pub(crate) durable: u64,
    /// The newest epoch of any intact batch.
    pub(crate) epoch: u32,
    /// The highest key that an intact frame names; 0 where none is sealed.
    pub(crate) key_max: u32,
    /// The tree of the records that stand.
    pub(crate) tree: Tree,
    /// Whether an intact footer ends it, and everything before is intact too.
    pub(crate) sealed: bool,
    /// The time of the last record that stands.
    pub(crate) last_timestamp: Option<Timestamp>,
    /// Where the last byte that is not zero ends, at most fifteen bytes too far.
    pub(crate) used_len: u64,
    /// Damaged places, the first ones.
    pub(crate) damage: Vec<Damage>,
    /// Whether a batch behind the first damage proves that it was durable.
    pub(crate) proven: bool,
    /// The batch the first damage is in, when its header is intact: the header, and how many frames
    /// and bytes of it are before the damage.
    pub(crate) broken: Option<(BatchHeader, u32, u32)>,
}

/// Reads the header of the segment called `name`, which begins with `first`.
pub(crate) fn read_header(
    file: &dyn File,
    name: &str,
    first: u64,
) -> Result<Result<SegmentHeader, Damage>, StorageError> {
    let mut bytes = [0; SEGMENT_HEADER_LEN];
    let read = file.read_at(&mut bytes, 0)?;
    let damage = |offset, defect| Damage {
        file: name.to_owned(),
        offset,
        record: RecordNumber(first),
        defect,
    };
    Ok(match SegmentHeader::decode(&bytes[..read]) {
        Err(defect) => Err(damage(0, defect)),
        Ok(header) if header.first != first => Err(damage(
            0,
            Defect::RecordNumber {
                found: RecordNumber(header.first),
                expected: RecordNumber(first),
            },
        )),
        Ok(header) => Ok(header),
    })
}

/// Passes over the segment `header` is of.
pub(crate) fn scan(
    file: &dyn File,
    name: &str,
    header: &SegmentHeader,
    visit: &mut dyn Visit,
) -> Result<Scan, StorageError> {
    let mut scanner = Scanner {
        window: Window::new(file, CHUNK_LEN),
        name,
        header,
        len: file.len()?,
        at: SEGMENT_HEADER_LEN as u64,
        next: header.first,
        durable: header.first,
        scan: Scan {
            next: header.first,
            end: SEGMENT_HEADER_LEN as u64,
            intact: 0,
            durable: header.first,
            epoch: header.epoch,
            key_max: 0,
            tree: Tree::default(),
            sealed: false,
            last_timestamp: None,
            used_len: SEGMENT_HEADER_LEN as u64,
            damage: Vec::new(),
            proven: false,
            broken: None,
        },
    };
    while let Some(batch) = scanner.find_batch()? {
        visit.batch(&batch);
        match batch.kind {
            BatchKind::Records => scanner.records(&batch, visit)?,
            BatchKind::Commit => scanner.at += BATCH_HEADER_LEN as u64,
            BatchKind::Footer => scanner.footer()?,
        }
        scanner.scan.used_len = scanner.at;
        scanner.stands();
        if batch.kind == BatchKind::Footer {
            break;
        }
    }
    // A file cut short has lost what says how much it held.
    if scanner.len < header.len {
        scanner.scan.proven = true;
        scanner.damaged(
            scanner.len,
            Defect::Truncated {
                need: header.len,
                have: scanner.len,
            },
        );
    }
    Ok(scanner.scan)
}

struct Scanner<'a> {
    window: Window<'a>,
    name: &'a str,
    header: &'a SegmentHeader,
    len: u64,
    at: u64,
    /// The record expected next; ahead of `scan.next` behind damage.
    next: u64,
    durable: u64,
    scan: Scan,
}

impl Scanner<'_> {
    fn sound(&self) -> bool {
        self.scan.damage.is_empty()
    }

    fn damaged(&mut self, offset: u64, defect: Defect) {
        if self.scan.damage.len() < DAMAGE_MAX {
            self.scan.damage.push(Damage {
                file: self.name.to_owned(),
                offset,
                record: RecordNumber(self.next),
                defect,
            });
        }
    }

    /// Everything up to here is intact, unless there was damage.
    fn stands(&mut self) {
        if self.sound() {
            self.scan.next = self.next;
            self.scan.durable = self.durable;
            self.scan.end = self.at;
        }
    }

    /// The batch that begins at `at`, or behind damage the next intact one, to which `at` moves.
    fn find_batch(&mut self) -> Result<Option<BatchHeader>, StorageError> {
        let defect = match self.batch_at(self.at)? {
            Ok(batch) if batch.first == self.next => return Ok(Some(self.accept(batch))),
            Ok(batch) => Defect::RecordNumber {
                found: RecordNumber(batch.first),
                expected: RecordNumber(self.next),
            },
            Err(defect) => defect,
        };
        let (from, mut hole) = (self.at, true);
        loop {
            self.skip_zeros()?;
            if self.at >= self.len {
                if self.scan.used_len > from {
                    self.damaged(from, if hole { Defect::Hole } else { defect });
                }
                return Ok(None);
            }
            let head = self.window.bytes(self.at, 4)?;
            if self.at > from && BatchHeader::may_begin(head) {
                match self.batch_at(self.at)? {
                    Ok(batch) if batch.first >= self.next => {
                        self.damaged(from, if hole { Defect::Hole } else { defect });
                        return Ok(Some(self.accept(batch)));
                    }
                    _ => {}
                }
            }
            hole &= self.at >= from + BATCH_HEADER_LEN as u64;
            self.at += ALIGNMENT as u64;
            self.scan.used_len = self.at.min(self.len);
        }
    }

    /// Moves `at` to the next 16 bytes that are not all zero.
    fn skip_zeros(&mut self) -> Result<(), StorageError> {
        while self.at < self.len {
            let rest = usize::try_from(self.len - self.at).unwrap_or(usize::MAX);
            let bytes = self.window.bytes(self.at, rest.min(CHUNK_LEN))?;
            let zeros = bytes
                .chunks(ALIGNMENT)
                .take_while(|unit| unit.iter().fold(0, |or, byte| or | byte) == 0)
                .count();
            let skipped = (zeros * ALIGNMENT).min(bytes.len());
            let all = skipped == bytes.len();
            self.at += skipped as u64;
            if !all || skipped == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Reads and checks the batch header at `at`, all but its first record's number.
    fn batch_at(&mut self, at: u64) -> Result<Result<BatchHeader, Defect>, StorageError> {
        let segment = self.header.segment;
        let bytes = self.window.bytes(at, BATCH_HEADER_LEN)?;
        let batch = match BatchHeader::decode(bytes, segment) {
            Ok(batch) => batch,
            Err(defect) => return Ok(Err(defect)),
        };
        if batch.epoch < self.scan.epoch {
            return Ok(Err(Defect::Epoch {
                found: batch.epoch,
                newest: self.scan.epoch,
            }));
        }
        let (found, limit) = (
            batch.body_len.into(),
            self.len - at - BATCH_HEADER_LEN as u64,
        );
        if found > limit {
            return Ok(Err(Defect::Length { found, limit }));
        }
        Ok(Ok(batch))
    }

    fn accept(&mut self, batch: BatchHeader) -> BatchHeader {
        if let Some(first) = self.scan.damage.first() {
            // It was written once everything before it was durable, the damaged place included, if it
            // directly follows the records before the damage or counts the damaged one as durable.
            let damaged = first.record.0;
            self.scan.proven |= batch.durable > damaged || batch.first == damaged;
        }
        self.durable = self.durable.max(batch.durable);
        self.scan.epoch = batch.epoch;
        self.next = batch.first;
        batch
    }

    fn records(&mut self, batch: &BatchHeader, visit: &mut dyn Visit) -> Result<(), StorageError> {
        let sound = self.sound();
        let tree = sound.then(|| self.scan.tree.clone());
        let (from, mut timestamp) = (self.at + BATCH_HEADER_LEN as u64, None);
        let end = from + u64::from(batch.body_len);
        let last = self.next + u64::from(batch.frames);
        self.at = from;
        while self.next < last {
            let (at, next) = (self.at, self.next);
            let head = self
                .window
                .bytes(at, FRAME_LEN_MIN.min((end - at) as usize))?;
            let names = Frame::names(head, self.header.segment, next);
            let len = match Frame::peek_len(head, end - at) {
                Ok(len) => len,
                Err(defect) => {
                    self.frame_damaged(batch, from, defect);
                    break;
                }
            };
            let bytes = self.window.bytes(at, len)?;
            match Frame::decode(bytes, self.header.segment, next) {
                Ok(frame) => {
                    timestamp = Some(frame.header().timestamp());
                    visit.frame(at, &frame);
                    self.scan.intact += 1;
                    if let Some(lock) = frame.lock() {
                        let named = lock.view_key.max(lock.private_key);
                        self.scan.key_max = self.scan.key_max.max(named);
                    }
                    if sound {
                        self.scan.tree.push(frame.leaf());
                    }
                }
                Err(defect) => {
                    self.frame_damaged(batch, from, defect);
                    if !names {
                        break;
                    }
                }
            }
            self.at += len as u64;
            self.next += 1;
        }
        if self.next == last && self.at != end {
            let (found, announced) = (self.at - from, batch.body_len.into());
            self.damaged(self.at, Defect::FramesLength { found, announced });
        }
        (self.at, self.next) = (end, last);
        if self.sound() {
            self.scan.last_timestamp = timestamp;
            visit.batch_stands();
        } else {
            if let Some(tree) = tree {
                self.scan.tree = tree;
            }
            visit.batch_falls();
        }
        Ok(())
    }

    fn frame_damaged(&mut self, batch: &BatchHeader, from: u64, defect: Defect) {
        if self.sound() {
            let (frames, len) = (self.next - batch.first, self.at - from);
            self.scan.broken = Some((*batch, frames as u32, len as u32));
        }
        self.damaged(self.at, defect);
    }

    fn footer(&mut self) -> Result<(), StorageError> {
        let bytes = self.window.bytes(self.at, FOOTER_LEN)?;
        let body = FooterBody::decode(bytes.get(BATCH_HEADER_LEN..).unwrap_or_default());
        match body {
            // Behind damage too: a second hit must not hide behind a first.
            Err(defect) => self.damaged(self.at + BATCH_HEADER_LEN as u64, defect),
            Ok(body) if self.sound() => {
                if body != (self.scan.tree.leaves(), self.scan.tree.root()) {
                    self.damaged(self.at, Defect::Root);
                }
            }
            // Which records it is of is not known.
            Ok(_) => {}
        }
        self.scan.sealed = self.sound();
        self.at += FOOTER_LEN as u64;
        Ok(())
    }
}
