//! What the log thread and its readers share: the list of segments, their indexes, and how far the
//! log is durable.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::format::{Damage, Defect, SegmentHeader};
use super::gone::Gone;
use super::index::{GrowingIndex, IndexBuilder, Mark, Place, SettledIndex};
use super::scan::scan;
use super::seal::Vault;
use super::storage::{File, StorageError};
use crate::wire::{GroupId, RecordNumber, TenantId};

/// One segment.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) name: String,
    pub(crate) file: Arc<dyn File>,
    pub(crate) header: SegmentHeader,
    pub(crate) index: RwLock<Index>,
}

/// The state as of some record, as a file that can be read.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    pub(crate) position: u64,
    pub(crate) file: Arc<dyn File>,
}

/// A segment's index, as far as it is in memory.
#[derive(Debug)]
pub(crate) enum Index {
    /// The segment is open: each batch adds to it.
    Growing(GrowingIndex),
    /// The segment is sealed.
    Settled(Arc<SettledIndex>),
    /// Not in memory: rebuilt when asked for.
    Absent,
}

impl Segment {
    pub(crate) fn damage(&self, offset: u64, record: u64, defect: Defect) -> Damage {
        Damage {
            file: self.name.clone(),
            offset,
            record: RecordNumber(record),
            defect,
        }
    }

    /// Whether a place is found without reading all of it.
    pub(super) fn has_index(&self) -> bool {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        !matches!(&*index, Index::Absent)
    }

    fn settled(&self) -> Option<Arc<SettledIndex>> {
        match &*self.index.read().unwrap_or_else(PoisonError::into_inner) {
            Index::Settled(index) => Some(index.clone()),
            Index::Growing(_) | Index::Absent => None,
        }
    }
}

/// What is shared.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The first record that is not durable.
    durable: AtomicU64,
    segments: RwLock<Vec<Arc<Segment>>>,
    settled: Mutex<SettledSegments>,
    index_bytes_max: usize,
    /// What opens sealed records.
    pub(crate) vault: Option<Arc<Vault>>,
    /// The open segment is to be sealed, to be compacted.
    seal_asked: AtomicBool,
    /// What is gone, though it may be on disk still.
    gone: RwLock<Option<Gone>>,
    /// The state as of the first record, where that is not 0: its position and file.
    base: RwLock<Option<Base>>,
    /// Records before this number are as they were before every repair.
    kept: AtomicU64,
    /// Where the last read in order ended: the segment's id, which a compaction changes, and the place
    /// in it.
    pub(crate) resume: Mutex<Option<(u64, Mark)>>,
}

/// Sealed segments whose index is in memory, the oldest first.
#[derive(Debug, Default)]
struct SettledSegments {
    bytes: usize,
    segments: VecDeque<(Arc<Segment>, usize)>,
}

impl Shared {
    pub(crate) fn new(durable: u64, index_bytes_max: usize, vault: Option<Arc<Vault>>) -> Self {
        Self {
            durable: AtomicU64::new(durable),
            segments: RwLock::default(),
            settled: Mutex::default(),
            index_bytes_max,
            vault,
            seal_asked: AtomicBool::new(false),
            gone: RwLock::default(),
            base: RwLock::default(),
            kept: AtomicU64::new(u64::MAX),
            resume: Mutex::default(),
        }
    }

    pub(crate) fn kept(&self) -> u64 {
        self.kept.load(Ordering::Relaxed)
    }

    pub(crate) fn set_kept(&self, kept: u64) {
        self.kept.store(kept, Ordering::Relaxed);
    }

    pub(crate) fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    /// Called by the log thread once everything before `durable` is synced and indexed.
    pub(crate) fn set_durable(&self, durable: u64) {
        self.durable.store(durable, Ordering::Release);
    }

    pub(crate) fn ask_to_seal(&self) {
        self.seal_asked.store(true, Ordering::Release);
    }

    /// Whether the open segment is to be sealed; says so once.
    pub(crate) fn take_seal_asked(&self) -> bool {
        self.seal_asked.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn gone(&self) -> Option<Gone> {
        let gone = self.gone.read().unwrap_or_else(PoisonError::into_inner);
        gone.clone()
    }

    /// From here on nobody is handed what is gone.
    pub(crate) fn set_gone(&self, gone: Gone) {
        *self.gone.write().unwrap_or_else(PoisonError::into_inner) = Some(gone);
    }

    /// The state as of the first record; `None` where that is 0, or the file is missing.
    pub(crate) fn base(&self) -> Option<Base> {
        let base = self.base.read().unwrap_or_else(PoisonError::into_inner);
        base.clone()
    }

    pub(crate) fn set_base(&self, base: Option<Base>) {
        *self.base.write().unwrap_or_else(PoisonError::into_inner) = base;
    }

    /// Hands out no record before `begin`, which is the first of a segment, any more.
    pub(crate) fn begin_at(&self, begin: u64, base: Base) {
        let mut segments = self
            .segments
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        self.set_base(Some(base));
        let from = segments.partition_point(|segment| segment.header.first < begin);
        segments.drain(..from);
        drop(segments);
        // Whoever keeps one keeps its file, and the space it takes.
        let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        let SettledSegments { bytes, segments } = &mut *settled;
        segments.retain(|(kept, len)| {
            let stays = kept.header.first >= begin;
            *bytes -= if stays { 0 } else { *len };
            stays
        });
    }

    /// All segments that are sealed, the oldest first: all but the last.
    pub(crate) fn sealed(&self) -> Vec<Arc<Segment>> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let sealed = segments.len().saturating_sub(1);
        segments[..sealed].to_vec()
    }

    /// Puts a compacted segment in the place of the one that it was made of.
    pub(crate) fn exchange(&self, old: &Segment, new: &Arc<Segment>) {
        let mut segments = self
            .segments
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        for segment in segments.iter_mut() {
            if segment.header.segment == old.header.segment {
                *segment = Arc::clone(new);
            }
        }
        drop(segments);
        // Whoever keeps the old one keeps its file, and the space it takes.
        let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        let of_old = |kept: &Arc<Segment>| kept.header.segment == old.header.segment;
        if let Some(at) = settled.segments.iter().position(|(kept, _)| of_old(kept))
            && let Some((_, bytes)) = settled.segments.remove(at)
        {
            settled.bytes -= bytes;
        }
    }

    fn is_listed(&self, segment: &Segment) -> bool {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let mut listed = segments.iter().rev();
        listed.any(|listed| listed.header.segment == segment.header.segment)
    }

    /// Adds the segment after the last.
    pub(crate) fn push(&self, segment: Arc<Segment>) {
        let mut segments = self
            .segments
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        segments.push(segment);
    }

    /// The segment that `record` is in or would be, and the number of the first record after it.
    pub(crate) fn segment_of(&self, record: u64) -> Option<(Arc<Segment>, u64)> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let after = segments.partition_point(|segment| segment.header.first <= record);
        let end = segments
            .get(after)
            .map_or(u64::MAX, |next| next.header.first);
        Some((segments[..after].last()?.clone(), end))
    }

    /// The first record of the oldest segment; 0 where there is none.
    pub(crate) fn first(&self) -> u64 {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.first().map_or(0, |segment| segment.header.first)
    }

    /// All segments, the newest first.
    pub(crate) fn newest_first(&self) -> Vec<Arc<Segment>> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.iter().rev().cloned().collect()
    }

    /// Turns the index of a segment that was sealed into its settled form.
    pub(crate) fn settle(&self, segment: &Arc<Segment>) {
        let index = match &*segment.index.read().unwrap_or_else(PoisonError::into_inner) {
            Index::Growing(index) => Arc::new(index.settle()),
            Index::Settled(_) | Index::Absent => return,
        };
        self.keep(segment, &index);
    }

    /// Puts an index in memory and drops the oldest beyond the bound.
    fn keep(&self, segment: &Arc<Segment>, index: &Arc<SettledIndex>) {
        let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = index.bytes();
        let slot = &segment.index;
        let before = std::mem::replace(
            &mut *slot.write().unwrap_or_else(PoisonError::into_inner),
            Index::Settled(index.clone()),
        );
        if let Index::Settled(_) = before {
            return; // Two readers built it at the same time.
        }
        if self.is_listed(segment) {
            settled.segments.push_back((segment.clone(), bytes));
            settled.bytes += bytes;
        }
        while settled.bytes > self.index_bytes_max
            && let Some((oldest, bytes)) = settled.segments.pop_front()
        {
            settled.bytes -= bytes;
            *oldest.index.write().unwrap_or_else(PoisonError::into_inner) = Index::Absent;
        }
    }

    /// Runs `ask` on whichever form of a segment's index there is, rebuilding it where there is none.
    fn with_index<T>(
        &self,
        segment: &Arc<Segment>,
        growing: impl FnOnce(&GrowingIndex) -> T,
        settled: impl FnOnce(&SettledIndex) -> T,
    ) -> Result<T, StorageError> {
        if let Index::Growing(index) =
            &*segment.index.read().unwrap_or_else(PoisonError::into_inner)
        {
            return Ok(growing(index));
        }
        let index = match segment.settled() {
            Some(index) => index,
            None => {
                let mut builder = IndexBuilder::default();
                scan(&*segment.file, &segment.name, &segment.header, &mut builder)?;
                let index = Arc::new(builder.finish().settle());
                self.keep(segment, &index);
                index
            }
        };
        Ok(settled(&index))
    }

    /// The last mark at or before `record`, which is in `segment`.
    pub(crate) fn mark(
        &self,
        segment: &Arc<Segment>,
        record: u64,
    ) -> Result<Option<Mark>, StorageError> {
        self.with_index(
            segment,
            |growing| growing.mark(record),
            |settled| settled.mark(record),
        )
    }

    /// Where the frames of `segment` are that take `range` of a group's sequences, in order.
    pub(crate) fn places(
        &self,
        segment: &Arc<Segment>,
        group: (TenantId, GroupId),
        range: (u64, u64),
        limit: usize,
    ) -> Result<Vec<Place>, StorageError> {
        self.with_index(
            segment,
            |growing| growing.places(group, range, limit),
            |settled| settled.places(group, range, limit),
        )
    }
}
