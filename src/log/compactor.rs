//! Compaction beside a running log: sealed segments in turn, on a thread of whoever has it.
//!
//! Readers go on in the old file until they let go of it: a segment is exchanged whole.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::{Arc, RwLock};

use super::compaction::{CompactError, Compacted, compact, count};
use super::gone::Gone;
use super::keys::Keys;
use super::meta_file::MetaFile;
use super::segment::{Index, Segment, Shared};
use super::snapshot::Snapshots;
use super::storage::Storage;
use super::writer::Log;
use crate::wire::RecordNumber;

/// Compacts the segments of a log.
#[derive(Debug)]
pub struct Compactor {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) shared: Arc<Shared>,
    pub(super) meta_file: Arc<MetaFile>,
    pub(super) snapshots: Snapshots,
    keys: Keys,
    /// Segments compacted so far: each has a new id.
    done: u64,
    /// Segments that hold nothing of what is gone by the table in use.
    clean: HashSet<u64>,
    /// The open segment that was asked to be sealed.
    asked: Option<u64>,
}

impl Log {
    /// What takes the views that are gone from the segments that are sealed, and files of which nothing is
    /// kept; for a thread of its own, and one of them at a time.
    #[must_use]
    pub fn compactor(&self) -> Compactor {
        Compactor {
            storage: self.storage.clone(),
            shared: self.shared.clone(),
            meta_file: self.meta_file.clone(),
            snapshots: self.snapshots(),
            keys: self.keys,
            done: 0,
            clean: HashSet::new(),
            asked: None,
        }
    }
}

impl Compactor {
    /// More is gone than before: every segment may hold some of it.
    pub fn begin(&mut self) {
        self.clean.clear();
        self.asked = None;
    }

    /// Takes from disk what is gone of these UTC days, segment by segment until `stop` says so, and says
    /// what that gave. What is left undone by an error or a stop can be asked for again.
    pub fn compact(
        &mut self,
        gone: &Gone,
        days: &RangeInclusive<i32>,
        stop: &dyn Fn() -> bool,
    ) -> Result<Compacted, CompactError> {
        let (mut all, mut failed) = (Compacted::default(), None);
        for segment in self.shared.sealed() {
            if stop() {
                break;
            }
            // One that is damaged keeps none behind it from being compacted.
            match self.compact_one(&segment, gone, days) {
                Ok(compacted) => {
                    all.views += compacted.views;
                    all.freed_bytes += compacted.freed_bytes;
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        match failed {
            Some(error) => Err(error),
            None => Ok(all),
        }
    }

    fn compact_one(
        &mut self,
        segment: &Arc<Segment>,
        gone: &Gone,
        days: &RangeInclusive<i32>,
    ) -> Result<Compacted, CompactError> {
        let (file, name, header) = (&*segment.file, &segment.name, &segment.header);
        if self.clean.contains(&header.segment) || !self.concerns(segment, days)? {
            return Ok(Compacted::default());
        }
        if count(file, name, header, gone)? == 0 {
            self.clean.insert(header.segment);
            return Ok(Compacted::default());
        }
        self.done += 1;
        let id = self.keys.compacted(header.segment, self.done);
        let (header, compacted) = compact(&*self.storage, file, name, header, gone, id)?;
        self.shared.exchange(
            segment,
            &Arc::new(Segment {
                name: name.clone(),
                file: self.storage.open(name)?,
                header,
                index: RwLock::new(Index::Absent),
            }),
        );
        self.clean.insert(id);
        Ok(compacted)
    }

    /// Whether the open segment holds what is gone: to be compacted it must be sealed first.
    pub fn needs_sealing(&self, gone: &Gone) -> Result<bool, CompactError> {
        let Some(open) = self.shared.newest_first().into_iter().next() else {
            return Ok(false);
        };
        if self.asked == Some(open.header.segment) {
            return Ok(true);
        }
        Ok(count(&*open.file, &open.name, &open.header, gone)? > 0)
    }

    /// The log's thread seals the open segment with its next batch, or when it is idle.
    pub fn ask_to_seal(&mut self) {
        let open = self.shared.newest_first();
        self.asked = open.first().map(|open| open.header.segment);
        self.shared.ask_to_seal();
    }

    /// Whether a segment has records of some of these days, by the times of its first record and of the
    /// first behind it: time never goes back in a log.
    fn concerns(
        &self,
        segment: &Segment,
        days: &RangeInclusive<i32>,
    ) -> Result<bool, CompactError> {
        let first = segment.header.first;
        let Some((_, end)) = self.shared.segment_of(first) else {
            return Ok(false);
        };
        let from = self.day(first)?;
        let to = self.day(end)?;
        let before = from.is_none_or(|from| from <= *days.end());
        Ok(before && to.is_none_or(|to| to >= *days.start()))
    }

    fn day(&self, record: u64) -> Result<Option<i32>, CompactError> {
        let reader = super::Reader::new(self.shared.clone());
        reader.utc_day(RecordNumber(record)).map_err(Into::into)
    }
}
