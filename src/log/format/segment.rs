//! Segment headers and names.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::Defect;

/// Bytes of a segment header; the first batch follows.
pub(crate) const SEGMENT_HEADER_LEN: usize = 128;

const MAGIC: [u8; 8] = *b"THRONGSG";
const VERSION: u32 = 1;
const SUFFIX: &str = ".segment";

/// The name of the segment that begins with record `first`.
pub(crate) fn segment_name(first: u64) -> String {
    format!("{first:020}{SUFFIX}")
}

/// The first record of the segment called `name`; `None` for other files.
pub(crate) fn segment_first(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let all_digits = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if all_digits {
        digits.parse().ok()
    } else {
        None
    }
}

/// The values of a segment header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SegmentHeader {
    pub(crate) log: [u8; 16],
    /// Random: who cannot read the disk cannot forge bytes that pass for a batch of this segment.
    pub(crate) segment: u64,
    pub(crate) incarnation: u64,
    pub(crate) first: u64,
    pub(crate) epoch: u32,
    /// Bytes of the file; a shorter one has been truncated.
    pub(crate) len: u64,
    /// The Merkle root of the segment before; zeros in the first.
    pub(crate) previous_root: [u8; 32],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    magic: [u8; 8],
    version: U32,
    epoch: U32,
    log: [u8; 16],
    segment: U64,
    incarnation: U64,
    first: U64,
    len: U64,
    previous_root: [u8; 32],
    reserved: [u8; 28],
    checksum: U32,
}

const _: () = assert!(size_of::<Raw>() == SEGMENT_HEADER_LEN);

impl SegmentHeader {
    /// The bytes of this header.
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER_LEN] {
        let mut raw = Raw {
            magic: MAGIC,
            version: VERSION.into(),
            epoch: self.epoch.into(),
            log: self.log,
            segment: self.segment.into(),
            incarnation: self.incarnation.into(),
            first: self.first.into(),
            len: self.len.into(),
            previous_root: self.previous_root,
            reserved: [0; 28],
            checksum: U32::ZERO,
        };
        raw.checksum = crc32c::crc32c(&raw.as_bytes()[..SEGMENT_HEADER_LEN - 4]).into();
        let mut bytes = [0; SEGMENT_HEADER_LEN];
        bytes.copy_from_slice(raw.as_bytes());
        bytes
    }

    /// Reads and checks the header at the front of `bytes`.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Defect> {
        let (raw, _) = Raw::ref_from_prefix(bytes).map_err(|_| Defect::Truncated {
            need: SEGMENT_HEADER_LEN as u64,
            have: bytes.len() as u64,
        })?;
        if raw.magic != MAGIC {
            return Err(Defect::Magic);
        }
        if raw.version.get() != VERSION {
            return Err(Defect::Version {
                found: raw.version.get(),
                expected: VERSION,
            });
        }
        let expected = crc32c::crc32c(&raw.as_bytes()[..SEGMENT_HEADER_LEN - 4]);
        let found = raw.checksum.get();
        if found != expected {
            return Err(Defect::Checksum { found, expected });
        }
        if raw.reserved != [0; 28] {
            return Err(Defect::Reserved);
        }
        Ok(Self {
            log: raw.log,
            segment: raw.segment.get(),
            incarnation: raw.incarnation.get(),
            first: raw.first.get(),
            epoch: raw.epoch.get(),
            len: raw.len.get(),
            previous_root: raw.previous_root,
        })
    }
}
