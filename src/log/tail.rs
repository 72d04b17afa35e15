//! The segment that is being written: its beginning, its room, and the index that grows with it.

use std::io::IoSlice;
use std::sync::{Arc, PoisonError, RwLock};

use super::Entry;
use super::format::{
    BATCH_HEADER_LEN, FOOTER_LEN, SEGMENT_HEADER_LEN, SegmentHeader, frame_len, listed_takes,
    segment_name,
};
use super::index::GrowingIndex;
use super::segment::{Index, Segment};
use super::spare::Spares;
use super::storage::{Storage, StorageError};
use super::tree::Tree;
use crate::wire::Take;

/// The segment being written, as its writer has it.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) segment: Arc<Segment>,
    /// Where the next batch goes.
    pub(super) at: u64,
    pub(super) tree: Tree,
    /// Whether an intact batch says that everything before `at` is durable.
    pub(super) committed: bool,
}

impl Tail {
    /// Bytes for frames of one batch, if a commit and the footer are to fit behind it.
    pub(super) fn room(&self) -> u64 {
        let around = 2 * BATCH_HEADER_LEN + FOOTER_LEN;
        let left = self.segment.header.len.saturating_sub(self.at);
        left.saturating_sub(around as u64)
    }
}

/// Makes a spare file the segment of `header`; `None` where there is no spare.
pub(super) fn start(
    storage: &dyn Storage,
    spares: &mut Spares,
    header: SegmentHeader,
) -> Result<Option<Tail>, StorageError> {
    let Some((spare, file)) = spares.take() else {
        return Ok(None);
    };
    let name = segment_name(header.first);
    file.write_at(&mut [IoSlice::new(&header.encode())], 0)?;
    file.sync()?;
    storage.rename(&spare, &name)?;
    storage.sync()?;
    Ok(Some(Tail {
        segment: Arc::new(Segment {
            name,
            file,
            header,
            index: RwLock::new(Index::Growing(GrowingIndex::default())),
        }),
        at: SEGMENT_HEADER_LEN as u64,
        tree: Tree::default(),
        committed: true,
    }))
}

/// Adds a batch that became durable to the index of the open segment.
pub(super) fn index(segment: &Segment, entries: &[Entry<'_>], at: u64) {
    let mut at = at as u32; // A segment is at most 1 GiB.
    let mut index = segment
        .index
        .write()
        .unwrap_or_else(PoisonError::into_inner);
    let Index::Growing(index) = &mut *index else {
        return;
    };
    for entry in entries {
        let header = entry.header;
        index.record(header.record().0, at);
        let own = Take::of_header(header);
        let own = own.as_ref().filter(|_| entry.takes.is_empty());
        for take in entry.takes.iter().chain(own) {
            index.take(header.tenant(), take.group, take.sequence, at);
        }
        at += len_of(entry) as u32;
    }
}

/// Bytes of an entry's frame.
pub(super) fn len_of(entry: &Entry<'_>) -> usize {
    frame_len(
        listed_takes(entry).len(),
        entry.view.len(),
        entry.private.len(),
    )
}
