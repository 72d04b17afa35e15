//! A sealed segment without the views that are gone: each such record becomes a stub that keeps its
//! leaf (docs/log.md).
//!
//! The new file is written whole, read back and found to have the same root before it takes the old
//! one's name, so that a crash at any moment leaves one of the two, and no proof breaks.

use std::io::IoSlice;

use super::format::{
    BATCH_HEADER_LEN, BatchHeader, BatchKind, Damage, FooterBody, Frame, SEGMENT_HEADER_LEN,
    SegmentHeader,
};
use super::gone::Gone;
use super::reader::ReadError;
use super::scan::{Scan, Visit, scan};
use super::storage::{File, Operation, Storage, StorageError, unfinished};

/// Why a segment was not compacted. It is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompactError {
    /// The disk failed or is full.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The segment is damaged.
    #[error("{0}; nothing was compacted: stop the server and run `throng archive verify`")]
    Damaged(#[from] Damage),
    /// A record cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What was written is not what was to be written.
    #[error("the compacted {file} does not hold the same records: it was not used")]
    NotTheSame {
        /// Which.
        file: String,
    },
}

/// What one segment gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Compacted {
    /// Views that are gone from the disk.
    pub views: u64,
    /// Bytes that the file is shorter.
    pub freed_bytes: u64,
}

/// How many views of a segment are gone and on disk still.
pub(super) fn count(
    file: &dyn File,
    name: &str,
    header: &SegmentHeader,
    gone: &Gone,
) -> Result<u64, StorageError> {
    struct Count<'a>(&'a Gone, u64);
    impl Visit for Count<'_> {
        fn frame(&mut self, _: u64, frame: &Frame<'_>) {
            self.1 += u64::from(is_due(frame, self.0));
        }
    }
    let mut count = Count(gone, 0);
    scan(file, name, header, &mut count)?;
    Ok(count.1)
}

fn is_due(frame: &Frame<'_>, gone: &Gone) -> bool {
    !frame.view().is_empty() && gone.has_record(frame.header(), frame.takes())
}

/// Rewrites the sealed segment `header` is of without the views that are gone; its id becomes
/// `segment`. Returns its new header, under its old name and durable.
pub(super) fn compact(
    storage: &dyn Storage,
    file: &dyn File,
    name: &str,
    header: &SegmentHeader,
    gone: &Gone,
    segment: u64,
) -> Result<(SegmentHeader, Compacted), CompactError> {
    let new_name = unfinished(name);
    let new = storage.create(&new_name)?;
    let written = write(&*new, file, name, header, gone, segment);
    let result = written.and_then(|(written, before, compacted)| {
        new.sync()?;
        let after = scan(&*new, name, &written, &mut ())?;
        let is_the_same = after.sealed
            && after.damage.is_empty()
            && (after.next, after.tree.root()) == (before.next, before.tree.root());
        if !is_the_same {
            let file = name.to_owned();
            return Err(CompactError::NotTheSame { file });
        }
        Ok((written, compacted))
    });
    match result {
        Ok(done) => {
            storage.rename(&new_name, name)?;
            storage.sync()?;
            Ok(done)
        }
        Err(error) => {
            // A full disk most likely: what was written is of no use.
            storage.remove(&new_name)?;
            Err(error)
        }
    }
}

fn write(
    new: &dyn File,
    file: &dyn File,
    name: &str,
    header: &SegmentHeader,
    gone: &Gone,
    segment: u64,
) -> Result<(SegmentHeader, Scan, Compacted), CompactError> {
    let mut rewrite = Rewrite {
        new,
        gone,
        segment,
        at: SEGMENT_HEADER_LEN as u64,
        batch: None,
        body: Vec::new(),
        views: 0,
        failed: None,
    };
    let before = scan(file, name, header, &mut rewrite)?;
    if let Some(damage) = before.damage.first() {
        return Err(damage.clone().into());
    }
    rewrite.flush();
    if let Some(error) = rewrite.failed {
        return Err(error.into());
    }
    let (views, mut at) = (rewrite.views, rewrite.at);
    let footer = FooterBody::new(before.tree.leaves(), before.tree.root());
    let footer = zerocopy::IntoBytes::as_bytes(&footer);
    let batch = BatchHeader {
        kind: BatchKind::Footer,
        epoch: before.epoch,
        segment,
        first: before.next,
        durable: before.durable,
        frames: 0,
        body_len: footer.len() as u32,
    };
    new.write_at(
        &mut [IoSlice::new(&batch.encode()), IoSlice::new(footer)],
        at,
    )?;
    at += (BATCH_HEADER_LEN + footer.len()) as u64;
    let written = SegmentHeader {
        segment,
        len: at,
        ..*header
    };
    // Last, so that a file that was not finished is none.
    new.write_at(&mut [IoSlice::new(&written.encode())], 0)?;
    let freed_bytes = header.len.saturating_sub(at);
    Ok((written, before, Compacted { views, freed_bytes }))
}

/// Writes each batch again once all its frames are seen.
struct Rewrite<'a> {
    new: &'a dyn File,
    gone: &'a Gone,
    segment: u64,
    at: u64,
    batch: Option<BatchHeader>,
    body: Vec<u8>,
    views: u64,
    failed: Option<StorageError>,
}

impl Rewrite<'_> {
    fn flush(&mut self) {
        let Some(batch) = self.batch.take() else {
            return;
        };
        let Ok(body_len) = u32::try_from(self.body.len()) else {
            let why = std::io::Error::other("a batch of more than 4 GiB");
            let error = StorageError::new(Operation::Write, "a compacted segment", why);
            self.failed.get_or_insert(error);
            return;
        };
        let header = BatchHeader {
            segment: self.segment,
            body_len,
            ..batch
        };
        let encoded = header.encode();
        let slices = &mut [IoSlice::new(&encoded), IoSlice::new(&self.body)];
        if self.failed.is_none()
            && let Err(error) = self.new.write_at(slices, self.at)
        {
            self.failed = Some(error);
        }
        self.at += (BATCH_HEADER_LEN + self.body.len()) as u64;
        self.body.clear();
    }
}

impl Visit for Rewrite<'_> {
    fn batch(&mut self, batch: &BatchHeader) {
        self.flush();
        // The footer is written at the end.
        self.batch = (batch.kind != BatchKind::Footer).then_some(*batch);
    }

    fn frame(&mut self, _: u64, frame: &Frame<'_>) {
        let is_due = is_due(frame, self.gone);
        self.views += u64::from(is_due);
        frame.copy_to(&mut self.body, self.segment, is_due);
    }
}
