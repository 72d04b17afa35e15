//! Batch headers, and the footer that seals a segment.
//!
//! A batch is what one write carried. Its header says how many frames follow and which records were
//! durable before it: the evidence by which recovery tells a torn tail from damage.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{Defect, epoch_bytes, epoch_number};

/// Bytes of a batch header.
pub(crate) const BATCH_HEADER_LEN: usize = 64;
/// Bytes of a footer: a batch header and what follows it.
pub(crate) const FOOTER_LEN: usize = BATCH_HEADER_LEN + size_of::<FooterBody>();

/// Far above the longest frame, so that it cannot be taken for a frame's length.
const MAGIC: [u8; 4] = *b"TBAT";

/// What follows a batch header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum BatchKind {
    /// Frames.
    Records = 1,
    /// Nothing: it only says what is durable.
    Commit = 2,
    /// A [`FooterBody`], and nothing more in this segment.
    Footer = 3,
}

/// The values of a batch header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BatchHeader {
    pub(crate) kind: BatchKind,
    pub(crate) epoch: u32,
    pub(crate) segment: u64,
    /// The first record that follows, or the next one where none does.
    pub(crate) first: u64,
    /// Records before this number were durable before this batch was written.
    pub(crate) durable: u64,
    pub(crate) frames: u32,
    /// Bytes that follow the header.
    pub(crate) body_len: u32,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    magic: [u8; 4],
    kind: u8,
    epoch: [u8; 3],
    segment: U64,
    first: U64,
    durable: U64,
    frames: U32,
    body_len: U32,
    reserved: [u8; 20],
    checksum: U32,
}

const _: () = assert!(size_of::<Raw>() == BATCH_HEADER_LEN);

impl BatchHeader {
    /// Whether a header might begin here: cheap enough to ask of every 16 bytes of a segment.
    pub(crate) fn may_begin(bytes: &[u8]) -> bool {
        bytes.starts_with(&MAGIC)
    }

    /// The bytes of this header.
    pub(crate) fn encode(&self) -> [u8; BATCH_HEADER_LEN] {
        let mut raw = Raw {
            magic: MAGIC,
            kind: self.kind as u8,
            epoch: epoch_bytes(self.epoch),
            segment: self.segment.into(),
            first: self.first.into(),
            durable: self.durable.into(),
            frames: self.frames.into(),
            body_len: self.body_len.into(),
            reserved: [0; 20],
            checksum: U32::ZERO,
        };
        raw.checksum = checksum(raw.as_bytes()).into();
        let mut bytes = [0; BATCH_HEADER_LEN];
        bytes.copy_from_slice(raw.as_bytes());
        bytes
    }

    /// Reads and checks the header at the front of `bytes`, which must be of `segment`.
    pub(crate) fn decode(bytes: &[u8], segment: u64) -> Result<Self, Defect> {
        let (raw, _) = Raw::ref_from_prefix(bytes).map_err(|_| Defect::Truncated {
            need: BATCH_HEADER_LEN as u64,
            have: bytes.len() as u64,
        })?;
        if raw.magic != MAGIC {
            return Err(Defect::Magic);
        }
        let (found, expected) = (raw.checksum.get(), checksum(raw.as_bytes()));
        if found != expected {
            return Err(Defect::Checksum { found, expected });
        }
        if raw.segment.get() != segment {
            return Err(Defect::ForeignSegment);
        }
        if raw.reserved != [0; 20] {
            return Err(Defect::Reserved);
        }
        let kind = match raw.kind {
            1 => BatchKind::Records,
            2 => BatchKind::Commit,
            3 => BatchKind::Footer,
            found => return Err(Defect::BatchKind { found }),
        };
        let header = Self {
            kind,
            epoch: epoch_number(raw.epoch),
            segment,
            first: raw.first.get(),
            durable: raw.durable.get(),
            frames: raw.frames.get(),
            body_len: raw.body_len.get(),
        };
        if header.durable > header.first {
            return Err(Defect::Durable {
                durable: header.durable,
                first: header.first,
            });
        }
        let follows = match kind {
            BatchKind::Records => header.frames > 0,
            BatchKind::Commit => header.frames == 0 && header.body_len == 0,
            BatchKind::Footer => {
                header.frames == 0 && header.body_len as usize == size_of::<FooterBody>()
            }
        };
        if !follows {
            return Err(Defect::Parts {
                len: header.body_len,
            });
        }
        Ok(header)
    }
}

/// What a segment ends with.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct FooterBody {
    records: U64,
    root: [u8; 32],
    reserved: [u8; 4],
    checksum: U32,
}

impl FooterBody {
    /// A footer of so many records with this Merkle root.
    pub(crate) fn new(records: u64, root: [u8; 32]) -> Self {
        let mut body = Self {
            records: records.into(),
            root,
            reserved: [0; 4],
            checksum: U32::ZERO,
        };
        body.checksum = checksum(body.as_bytes()).into();
        body
    }

    /// Reads and checks the body at the front of `bytes`: the number of records, and their root.
    pub(crate) fn decode(bytes: &[u8]) -> Result<(u64, [u8; 32]), Defect> {
        let (body, _) = Self::ref_from_prefix(bytes).map_err(|_| Defect::Truncated {
            need: size_of::<Self>() as u64,
            have: bytes.len() as u64,
        })?;
        let (found, expected) = (body.checksum.get(), checksum(body.as_bytes()));
        if found != expected {
            return Err(Defect::Checksum { found, expected });
        }
        if body.reserved != [0; 4] {
            return Err(Defect::Reserved);
        }
        Ok((body.records.get(), body.root))
    }
}

/// Of all but the last four bytes, which hold it.
fn checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(&bytes[..bytes.len() - 4])
}
