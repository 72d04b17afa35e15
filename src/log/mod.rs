//! Segmented append-only log: the recovery log and the compliance archive in one (docs/log.md).
//!
//! One thread appends ([`Log`]), any number read ([`Reader`]), one counter says what may still be
//! promised ([`Space`]). Keeps invariant 2 (nothing is seen before it is durable), invariant 3 (record
//! number, group sequence and Merkle leaf agree) and invariant 8 (disk bytes are checked and bounded).
//! What is acknowledged survives kill -9, power loss and a full disk (SPEC A2).
//!
//! [`storage`] is the seam to the disk, `format` the bytes, `scan` one checked pass over a segment,
//! `survey` all segments together, `recovery` the opening, `writer` and `reader` the two halves, `seal`
//! encryption at rest, `removal` of old files, `chunked` the files of an index.

mod chunked;
mod commitments;
mod compaction;
mod compactor;
mod config;
pub(crate) mod format;
pub(crate) mod gone;
mod index;
mod keys;
mod meta_file;
mod offline;
mod pass;
mod reader;
mod recovery;
mod removal;
pub(crate) mod scan;
pub(crate) mod seal;
mod segment;
mod snapshot;
mod space;
mod spare;
pub mod storage;
pub(crate) mod survey;
mod tail;
mod tree;
mod writer;

pub use chunked::{Chunked, ChunkedError, ChunkedFile, ChunkedWriter};
pub use commitments::Commitments;
pub use compaction::{CompactError, Compacted};
pub use compactor::Compactor;
pub use config::{Config, ConfigError};
pub use format::{Damage, Defect, FRAME_LEN_MAX};
pub use gone::{Changed, Gone};
pub(crate) use pass::{Resume, Stored};
pub(crate) use reader::Unreadable;
pub use reader::{ReadError, Reader, Record};
pub use recovery::{Cut, OpenError, Recovered, Repaired};
pub(crate) use recovery::{cut, meta_damage, new_meta, raised_incarnation, write_meta};
pub use removal::RemoveError;
pub use seal::{
    Algorithm, Encryption, Erasure, KeyringError, LostKey, MasterKey, MasterKeyId, NoMasterKey,
    UnknownAlgorithm, rewrap,
};
pub use snapshot::Snapshots;
pub(crate) use snapshot::{base_is_intact, base_name, snapshot_position};
pub use space::{Class, NoSpace, Space};
pub use storage::{Directory, Memory, Storage, StorageError};
pub(crate) use tree::{leaf as leaf_hash, parent as node_hash};
pub use writer::{AppendError, Log};

use crate::wire::{Header, Take};

/// One record to append. The log copies the bytes once, into the batch it writes.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The header; its record number is the next one, its body length that of `view`.
    pub header: &'a Header,
    /// The sequences taken; empty where the header says it all.
    pub takes: &'a [Take],
    /// The body: exactly what members receive, or what else belongs to the group that the header names.
    pub view: &'a [u8],
    /// What members never receive: the encoded events.
    pub private: &'a [u8],
}

/// Bytes to reserve for a record with so many takes, a view and a private part of these lengths: its
/// frame, a batch of its own, and the commit frame behind it.
#[must_use]
pub const fn entry_len(takes: usize, view: usize, private: usize) -> u64 {
    (format::frame_len(takes, view, private) + 2 * format::BATCH_HEADER_LEN) as u64
}
