//! The log's bytes on disk (docs/log.md): segment headers, batches, frames, footers and the meta file.
//!
//! Everything is little endian, without alignment of its own and carries a checksum; what a length
//! says is bounded by what is there before anything is allocated for it (invariant 8).

mod batch;
mod frame;
mod keyring;
mod meta;
mod segment;
#[cfg(test)]
mod tests;

pub(crate) use batch::{BATCH_HEADER_LEN, BatchHeader, BatchKind, FOOTER_LEN, FooterBody};
pub(crate) use frame::{
    FRAME_LEN_MIN, Frame, FrameKeys, FrameLock, FrameSeal, encode as encode_frame, frame_len,
    listed as listed_takes,
};
pub(crate) use keyring::{
    KEY_ENTRY_LEN, KEYRING, KEYRING_BEFORE, KEYRING_HEADER_LEN, KeyEntry, KeyringHeader, Purpose,
    SECRET_FROM, SECRET_LEN, Secret, Wrapped,
};
pub(crate) use meta::{META, META_LEN, Meta};
pub(crate) use segment::{SEGMENT_HEADER_LEN, SegmentHeader, segment_first, segment_name};

use crate::wire::{EnvelopeError, HeaderError, RecordNumber};

/// The longest frame any build writes or reads, in bytes.
pub const FRAME_LEN_MAX: u32 = 16 * 1024 * 1024;

/// Epochs are 24 bits wide: they are part of a nonce.
pub(crate) const EPOCH_MAX: u32 = (1 << 24) - 1;

pub(crate) fn epoch_bytes(epoch: u32) -> [u8; 3] {
    let [low, middle, high, _] = epoch.to_le_bytes();
    [low, middle, high]
}

pub(crate) fn epoch_number([low, middle, high]: [u8; 3]) -> u32 {
    u32::from_le_bytes([low, middle, high, 0])
}

/// What is wrong with bytes that should be the log's.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Defect {
    /// The bytes end too early.
    #[error("{need} bytes should be there, {have} are")]
    Truncated {
        /// Bytes there should be.
        need: u64,
        /// Bytes there are.
        have: u64,
    },
    /// The mark at its front is not there.
    #[error("it does not begin with its mark")]
    Magic,
    /// Another build's format.
    #[error("format version {found} is not {expected}: it was written by another release")]
    Version {
        /// As read.
        found: u32,
        /// What this build reads.
        expected: u32,
    },
    /// The bytes changed.
    #[error("checksum {found:#010x} should be {expected:#010x}")]
    Checksum {
        /// As read.
        found: u32,
        /// As computed.
        expected: u32,
    },
    /// Bits that must be zero are not.
    #[error("reserved bits are set")]
    Reserved,
    /// A kind of batch this build does not know.
    #[error("batch kind {found} is unknown")]
    BatchKind {
        /// As read.
        found: u8,
    },
    /// A segment of another log.
    #[error("it belongs to another log")]
    ForeignLog,
    /// Bytes of another segment.
    #[error("it belongs to another segment")]
    ForeignSegment,
    /// A record out of order.
    #[error("record {found} stands where record {expected} should")]
    RecordNumber {
        /// As read.
        found: RecordNumber,
        /// The one that should be there.
        expected: RecordNumber,
    },
    /// Bytes of an earlier life of the log, past what was kept of it.
    #[error("epoch {found} is older than {newest} before it")]
    Epoch {
        /// As read.
        found: u32,
        /// The newest before it.
        newest: u32,
    },
    /// A batch that says more is durable than came before it.
    #[error("it says that record {durable} was durable before record {first} was written")]
    Durable {
        /// Records said to be durable.
        durable: u64,
        /// The first record of the batch.
        first: u64,
    },
    /// A length that cannot be.
    #[error("a length of {found} bytes is not possible here, at most {limit} are")]
    Length {
        /// As read.
        found: u64,
        /// The most there can be.
        limit: u64,
    },
    /// Parts of a frame that do not add up to its length.
    #[error("the parts of the frame do not add up to its {len} bytes")]
    Parts {
        /// The frame's length.
        len: u32,
    },
    /// A batch whose frames are not those it announces.
    #[error("its frames take {found} bytes of the {announced} announced")]
    FramesLength {
        /// As counted.
        found: u64,
        /// As announced.
        announced: u64,
    },
    /// A frame sealed in a way this build does not know.
    #[error("seal algorithm {found} is unknown")]
    Seal {
        /// As read.
        found: u8,
    },
    /// Sealed bytes, or what is authenticated with them, are not those that were sealed.
    #[error("its seal does not fit: these are not the bytes that were sealed")]
    SealBroken,
    /// A key that the keyring does not have, or not in a shape that can be used.
    #[error("its key {key} is not in the keyring")]
    NoKey {
        /// Which.
        key: u32,
    },
    /// A kind of key this build does not know.
    #[error("key purpose {found} is unknown")]
    KeyPurpose {
        /// As read.
        found: u8,
    },
    /// The message header inside a frame.
    #[error("its message header: {0}")]
    Header(#[from] HeaderError),
    /// The message inside a frame.
    #[error("its message: {0}")]
    Envelope(#[from] EnvelopeError),
    /// Nothing but zeros where a batch should be.
    #[error("a batch is missing")]
    Hole,
    /// The footer's count or root is not that of the records before it.
    #[error("the footer's count or Merkle root is not that of the records before it")]
    Root,
    /// A segment other than the last has no footer.
    #[error("the segment has no footer, though another follows")]
    Unsealed,
    /// A state that is not as it was written, or whose key is not to be had.
    #[error("the state in it is not as it was written, or its key is not to be had")]
    State,
    /// A file that should be there is not.
    #[error("the file is missing")]
    Missing,
}

/// Where something is damaged.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{file} is damaged at byte {offset} (record {record}): {defect}")]
pub struct Damage {
    /// The file's name.
    pub file: String,
    /// Where in the file.
    pub offset: u64,
    /// The record that stands there or should, or the next one.
    pub record: RecordNumber,
    /// What is wrong.
    pub defect: Defect,
}
