//! What was published, compared with the log that it is of.

use super::checkpoint::Checkpoint;
use super::prove::{inclusion, verify_inclusion};
use super::publisher::{OpenError, READ_MAX};
use super::stored::{self, read_commitments, read_hashes};
use super::tile::TILE_WIDTH;
use super::{Edge, Hash, base64, leaf_hash};
use crate::log::Reader;
use crate::log::storage::Storage;
use crate::wire::RecordNumber;

/// The right edge that was published, and the commitments of its last bundle where that is not full,
/// when tiles, log and signed root agree on them; else `None`.
pub(super) fn take_up(
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
    // The first ones of the last bundle may have been removed.
    let first = reader.first().0.clamp(from, size);
    let Ok(mut entries) = read_commitments(storage, (from, first), size) else {
        return Ok(None);
    };
    entries.extend(reader.commitments(RecordNumber(first), (size - first) as usize)?);
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

/// Whether the log's own records, and the published entries of those that were removed, give the signed root.
pub(super) fn check_all(
    storage: &dyn Storage,
    checkpoint: &Checkpoint,
    reader: &Reader,
) -> Result<(), OpenError> {
    let size = checkpoint.size;
    let root = root_of(storage, (size, size), Some(reader))?;
    if root == checkpoint.root {
        return Ok(());
    }
    Err(contradicted(checkpoint, &root))
}

/// The root over the records before `end`: by the log, and what it has no more by the entries of a published
/// tree of `size`.
pub(super) fn root_of(
    storage: &dyn Storage,
    (end, size): (u64, u64),
    reader: Option<&Reader>,
) -> Result<Hash, OpenError> {
    let mut edge = Edge::default();
    while edge.size() < end {
        let next = edge.size();
        let to = end.min(next + READ_MAX as u64);
        let first = reader.map_or(end, |reader| reader.first().0);
        let some = match reader {
            Some(reader) if next >= first => {
                reader.commitments(RecordNumber(next), (to - next) as usize)?
            }
            _ => read_commitments(storage, (next, to.min(first)), size)?,
        };
        for commitment in &some {
            edge.push(leaf_hash(commitment), |_, _| ());
        }
    }
    Ok(edge.root())
}

pub(super) fn contradicted(checkpoint: &Checkpoint, found: &Hash) -> OpenError {
    OpenError::Contradicted {
        size: checkpoint.size,
        signed: base64(&checkpoint.root),
        found: base64(found),
    }
}
