//! Removal of whole segment files at the front of the log, once nothing in them is to be kept (SPEC A5).
//!
//! What is removed is known to nobody but the state: so the state before the new first record is kept as the
//! log's base, and one snapshot more must be there. Where the log begins is durable in the meta file before
//! the first file goes; a file before that is only left over, a file from there on that is missing is damage.

use std::ops::ControlFlow;

use super::compactor::Compactor;
use super::format::segment_first;
use super::gone::Gone;
use super::reader::{ReadError, Reader};
use super::snapshot::{base, base_position};
use super::storage::{Storage, StorageError};
use crate::wire::RecordNumber;

/// Segments at the end of the log that always stay: the open one, and one for the time of the last record
/// when that is empty.
const STAY: usize = 2;

/// Why no file was removed, or not all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoveError {
    /// The disk failed. What is left over is removed at the next open.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A record cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Something before is to be kept, or a file does not end there.
    #[error(
        "no file ends before record {before} in which nothing is to be kept: {removable} is as far as it goes"
    )]
    Kept {
        /// Asked for.
        before: RecordNumber,
        /// All before this one could be removed.
        removable: RecordNumber,
    },
    /// Not all of it is signed in the transparency log, which must prove it for ever.
    #[error("{signed} records are signed by the transparency log: record {before} waits for that")]
    NotSigned {
        /// Asked for.
        before: RecordNumber,
        /// Records signed.
        signed: RecordNumber,
    },
    /// The state before the new first record is not there twice, intact.
    #[error("no base before record {before} and a snapshot at or after it, both intact")]
    NotCovered {
        /// Asked for.
        before: RecordNumber,
    },
}

impl Compactor {
    /// As far as whole files could be removed: the first record of the first one in which anything is to be
    /// kept, by `gone`. Reads what it finds to be over; a damaged record is kept, and named.
    pub fn removable(&self, gone: &Gone) -> Result<RecordNumber, ReadError> {
        let segments = self.shared.newest_first();
        let firsts = segments.iter().rev().map(|segment| segment.header.first);
        let firsts: Vec<u64> = firsts.collect();
        let mut before = self.shared.first();
        let reader = Reader::new(self.shared.clone());
        // The last that may go ends where the first that stays begins.
        for end in firsts.iter().take((firsts.len() + 1).saturating_sub(STAY)) {
            let range = (RecordNumber(before), RecordNumber(*end));
            let passed = reader.pass(range, u64::MAX, None, &mut |stored| {
                let over = gone.is_over(stored.header(), stored.takes(), stored.has_view());
                Ok(match over {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(()),
                })
            });
            match passed.failed {
                Some(error) if before == self.shared.first() => return Err(error),
                None if passed.next.0 >= *end => before = *end,
                _ => break,
            }
        }
        Ok(RecordNumber(before))
    }

    /// Removes the files whose records are all before `before`, which must be where a file ends that is
    /// sealed. Every condition is checked here: nothing in them is to be kept by `gone`, the transparency log
    /// signs them (`signed` records; `None` where there is none), and the base of `before` and a snapshot at or
    /// after it are intact. Returns how many files went.
    ///
    /// Readers that are in one of them finish there.
    pub fn remove_before(
        &mut self,
        before: RecordNumber,
        gone: &Gone,
        signed: Option<RecordNumber>,
    ) -> Result<u64, RemoveError> {
        let firsts = self.shared.newest_first();
        let ends_there = firsts.iter().any(|it| it.header.first == before.0);
        if before.0 > self.shared.first() {
            let removable = self.removable(gone)?;
            if !ends_there || removable < before {
                return Err(RemoveError::Kept { before, removable });
            }
            if let Some(signed) = signed.filter(|signed| *signed < before) {
                return Err(RemoveError::NotSigned { before, signed });
            }
            let has_base = self.snapshots.base(before)?.is_some();
            if !has_base || self.snapshots.intact(before)?.is_empty() {
                return Err(RemoveError::NotCovered { before });
            }
            let durable = self.shared.durable();
            self.meta_file.update(|meta| {
                meta.begin = before.0;
                // A lost end is noticed even where all files are.
                meta.durable = meta.durable.max(durable);
            })?;
            let base = base(&*self.storage, before.0)?;
            self.shared
                .begin_at(before.0, base.ok_or(RemoveError::NotCovered { before })?);
        }
        Ok(sweep(&*self.storage, self.shared.first())?)
    }
}

/// Removes the segments before `begin`, which the meta file says durably, and bases of other places. Returns
/// how many segments there were.
///
/// One after the other and each durably: whatever a crash leaves follows one another up to the log.
pub(super) fn sweep(storage: &dyn Storage, begin: u64) -> Result<u64, StorageError> {
    let names = storage.names()?;
    let firsts = names
        .iter()
        .filter_map(|name| Some((segment_first(name)?, name)));
    let mut left: Vec<_> = firsts.filter(|(first, _)| *first < begin).collect();
    left.sort_unstable();
    for (_, name) in &left {
        storage.remove(name)?;
        storage.sync()?;
    }
    let bases = names
        .iter()
        .filter_map(|name| Some((base_position(name)?, name)));
    let others: Vec<_> = bases.filter(|(position, _)| *position != begin).collect();
    for (_, name) in &others {
        storage.remove(name)?;
    }
    if !others.is_empty() {
        storage.sync()?;
    }
    Ok(left.len() as u64)
}
