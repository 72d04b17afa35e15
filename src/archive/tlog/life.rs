//! Where one tree ends and another begins: at the first start, and after a repair.
//!
//! Before anything is signed under an origin a file says so, and it goes once there is a checkpoint. So tiles
//! without either are of a tree whose checkpoint was lost, and nothing silently begins in its place.

use std::io::IoSlice;

use super::checkpoint::{Checkpoint, Origin};
use super::prove::{consistency, verify_consistency};
use super::publisher::OpenError;
use super::stored::read_hashes;
use super::take_up::root_of;
use crate::log::Reader;
use crate::log::storage::{Storage, StorageError, read_whole, replace};

/// The file, beside `tile/`, that is there while nothing is signed: one line, the origin.
const BEGINNING: &str = "beginning";
/// An origin and the end of its line are shorter.
const BEGINNING_LEN_MAX: u64 = 1024;

/// Whether a tree may begin, or go on to begin, where there is no checkpoint.
pub(super) fn may_begin(storage: &dyn Storage, own: &Origin) -> Result<(), OpenError> {
    let begun = match read_whole(storage, BEGINNING, BEGINNING_LEN_MAX) {
        Ok(bytes) => origin_in(&bytes),
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(error.into()),
    };
    // By an earlier life of this log, which has signed nothing: a repair came first.
    let is_ours = begun.is_some_and(|it| {
        (it.name, it.log) == (own.name.clone(), own.log) && it.incarnation <= own.incarnation
    });
    if !is_ours && !storage.names_in("tile/")?.is_empty() {
        return Err(OpenError::NoCheckpoint);
    }
    Ok(())
}

fn origin_in(bytes: &[u8]) -> Option<Origin> {
    Origin::parse(std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?)
}

/// Says that nothing is signed under this origin; durable on return.
pub(super) fn begin(storage: &dyn Storage, own: &Origin) -> Result<(), StorageError> {
    let line = format!("{own}\n");
    replace(storage, BEGINNING, &mut [IoSlice::new(line.as_bytes())])
}

/// Whether it is said that nothing is signed.
fn begins(storage: &dyn Storage) -> Result<bool, StorageError> {
    match storage.open(BEGINNING) {
        Ok(_) => Ok(true),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether there are tiles of a tree that was signed, where there is no checkpoint.
pub(super) fn is_lost(storage: &dyn Storage) -> Result<bool, StorageError> {
    Ok(!begins(storage)? && !storage.names_in("tile/")?.is_empty())
}

/// There is a checkpoint. The name is gone for good with the next sync; until then both may be there.
pub(super) fn has_begun(storage: &dyn Storage) -> Result<(), StorageError> {
    match storage.remove(BEGINNING) {
        Err(error) if error.is_not_found() => Ok(()),
        removed => removed,
    }
}

/// Whether the records that no repair has touched are those that were signed before it, under `old`. Its tiles
/// are still there.
pub(super) fn compare_kept(
    storage: &dyn Storage,
    old: &Checkpoint,
    reader: &Reader,
) -> Result<(), OpenError> {
    let held = reader.kept().min(reader.durable()).0;
    let kept = held.min(old.size);
    let unknown = |source| OpenError::KeptUnknown { kept, source };
    let root = match root_of(storage, (kept, old.size), Some(reader)) {
        Err(OpenError::Stored(source)) => return Err(unknown(source)),
        root => root?,
    };
    let steps = consistency(kept, old.size, |tile| read_hashes(storage, tile)).map_err(unknown)?;
    verify_consistency((kept, &root), (old.size, &old.root), &steps)
        .map_err(|_| OpenError::KeptChanged { kept })
}
