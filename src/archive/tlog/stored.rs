//! A published log as it is stored: the checkpoint and the tiles, read and checked.

use super::checkpoint::{Checkpoint, CheckpointError, Origin};
use super::note::{NOTE_LEN_MAX, VerifyingKey};
use super::tile::{Part, TILE_WIDTH, Tile, decode_entries};
use super::{Edge, Hash};
use crate::log::storage::{Storage, StorageError, read_whole};

/// The file, beside `tile/`, that says how far the tree goes.
pub const CHECKPOINT: &str = "checkpoint";

/// Why a published log cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoredError {
    /// The disk failed, or a file is not there.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The checkpoint is not by this key, not of this log, or no checkpoint.
    #[error("the checkpoint does not hold: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// A bundle of entries that holds anything else than commitments.
    #[error("{tile} holds something else than entries of 32 bytes")]
    Entries {
        /// Which.
        tile: Tile,
    },
    /// A tile is not as long as its name says.
    #[error("{tile} has {found} bytes, not {expected}")]
    TileLength {
        /// Which.
        tile: Tile,
        /// Bytes it has.
        found: usize,
        /// Bytes it should have.
        expected: usize,
    },
}

/// The signed note as it is stored; `None` where nothing was published.
pub fn read_note(storage: &dyn Storage) -> Result<Option<Vec<u8>>, StorageError> {
    match read_whole(storage, CHECKPOINT, NOTE_LEN_MAX as u64 + 1) {
        Ok(note) => Ok(Some(note)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The origin that a note says it is of, before anything of it is believed.
pub(crate) fn origin_of(note: &[u8]) -> Option<Origin> {
    let line = note.split(|byte| *byte == b'\n').next()?;
    Origin::parse(std::str::from_utf8(line).ok()?)
}

/// How many records a note speaks of, not verified.
#[must_use]
pub fn size_of(note: &[u8]) -> Option<u64> {
    let line = note.split(|byte| *byte == b'\n').nth(1)?;
    super::decimal(std::str::from_utf8(line).ok()?)
}

/// The note and the checkpoint that are stored, and the key under the name that signed: the public half of the log's key,
/// named as the whole origin or as what it begins with.
pub fn read_checkpoint(
    storage: &dyn Storage,
    key: &VerifyingKey,
) -> Result<Option<Signed>, StoredError> {
    let Some(note) = read_note(storage)? else {
        return Ok(None);
    };
    read_signed(note, key).map(Some)
}

/// All that was signed and is kept here: the checkpoint, and those of before repairs. What does not hold is passed
/// over.
pub fn signed_so_far(
    storage: &dyn Storage,
    key: &VerifyingKey,
) -> Result<Vec<Signed>, StorageError> {
    let names = storage.names()?.into_iter();
    let kept = names.filter(|name| {
        let rest = name.strip_prefix(CHECKPOINT);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    });
    let mut signed = Vec::new();
    for name in kept {
        let note = read_whole(storage, &name, NOTE_LEN_MAX as u64 + 1)?;
        signed.extend(read_signed(note, key));
    }
    Ok(signed)
}

/// What a note says that somebody kept, as [`read_checkpoint`].
pub fn read_signed(note: Vec<u8>, key: &VerifyingKey) -> Result<Signed, StoredError> {
    let origin = origin_of(&note).ok_or(CheckpointError::Malformed)?;
    let found = origin.to_string();
    if key.name() != origin.name && key.name() != found {
        let expected = key.name().to_owned();
        return Err(CheckpointError::Origin { found, expected }.into());
    }
    let key = key.named(&found).map_err(|_| CheckpointError::Malformed)?;
    let checkpoint = Checkpoint::verify(&note, &key)?;
    let note = String::from_utf8(note).map_err(|_| CheckpointError::Malformed)?;
    Ok(Signed {
        checkpoint,
        origin,
        key,
        note,
    })
}

/// A checkpoint whose signature holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signed {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// Of which log.
    pub origin: Origin,
    /// By whom: the key under the origin's name, for auditors to keep.
    pub key: VerifyingKey,
    /// The note, as it is stored.
    pub note: String,
}

/// The bytes of a tile, as many as its name says.
pub fn read_tile(storage: &dyn Storage, tile: Tile) -> Result<Vec<u8>, StoredError> {
    let expected = tile.bytes_len();
    let bytes = read_whole(storage, &tile.to_string(), expected as u64 + 1)?;
    if bytes.len() == expected {
        return Ok(bytes);
    }
    let found = bytes.len();
    Err(StoredError::TileLength {
        tile,
        found,
        expected,
    })
}

/// The hashes of a tile of hashes.
pub fn read_hashes(storage: &dyn Storage, tile: Tile) -> Result<Vec<Hash>, StoredError> {
    Ok(read_tile(storage, tile)?.as_chunks().0.to_vec())
}

/// The commitments of the records `from..to` of a published tree of `size` records, from its bundles: those
/// of records that were removed are nowhere else. Nothing of it is checked.
pub(crate) fn read_commitments(
    storage: &dyn Storage,
    (from, to): (u64, u64),
    size: u64,
) -> Result<Vec<Hash>, StoredError> {
    let mut commitments = Vec::new();
    let mut next = from;
    while next < to.min(size) {
        let number = next / TILE_WIDTH;
        let tile = Tile::in_tree(Part::Entries, number, size);
        let tile = tile.expect("a record of the tree is in one of its bundles");
        let entries = decode_entries(&read_tile(storage, tile)?);
        let entries = entries.ok_or(StoredError::Entries { tile })?;
        let end = (number * TILE_WIDTH + tile.width()).min(to);
        let first = number * TILE_WIDTH;
        commitments.extend_from_slice(&entries[(next - first) as usize..(end - first) as usize]);
        next = end;
    }
    Ok(commitments)
}

/// The right edge of a tree of `size` leaves, from its partial tiles.
pub(crate) fn read_edge(storage: &dyn Storage, size: u64) -> Result<Edge, StoredError> {
    let mut levels = Vec::new();
    for level in 0..8_u8 {
        let nodes = size >> (8 * u32::from(level));
        if nodes == 0 {
            break;
        }
        let partial = Tile::in_tree(Part::Hashes(level), nodes / TILE_WIDTH, size);
        levels.push(match partial {
            Some(partial) => read_hashes(storage, partial)?,
            None => Vec::new(),
        });
    }
    Ok(Edge::of(size, levels).expect("as many and as wide as the size asks for"))
}
