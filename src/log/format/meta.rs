//! The meta file: what is true of the whole log. Written whole, by rename, at every open.

use std::fmt;

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{Defect, EPOCH_MAX};

/// The name of the meta file.
pub(crate) const META: &str = "meta";
/// Its bytes.
pub(crate) const META_LEN: usize = 128;

const MAGIC: [u8; 8] = *b"THRONGLG";
const VERSION: u32 = 1;
const NEVER: u64 = u64::MAX;

/// The values of the meta file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) log: [u8; 16],
    /// Raised at every open.
    pub(crate) epoch: u32,
    pub(crate) incarnation: u64,
    pub(crate) digest_key: [u8; 16],
    /// The record at which the last repair cut, if there was one.
    pub(crate) repaired_at: Option<u64>,
    /// Records before this number were durable when this file was written.
    pub(crate) durable: u64,
    /// The first record of the log: what was before it has been removed.
    pub(crate) begin: u64,
    /// Records before this number are as they were before every repair: the least one at which any has cut.
    pub(crate) kept: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    magic: [u8; 8],
    version: U32,
    epoch: U32,
    log: [u8; 16],
    incarnation: U64,
    digest_key: [u8; 16],
    repaired_at: U64,
    durable: U64,
    begin: U64,
    kept: U64,
    reserved: [u8; 36],
    checksum: U32,
}

const _: () = assert!(size_of::<Raw>() == META_LEN);

impl Meta {
    /// The bytes of the file.
    pub(crate) fn encode(&self) -> [u8; META_LEN] {
        let mut raw = Raw {
            magic: MAGIC,
            version: VERSION.into(),
            epoch: self.epoch.into(),
            log: self.log,
            incarnation: self.incarnation.into(),
            digest_key: self.digest_key,
            repaired_at: self.repaired_at.unwrap_or(NEVER).into(),
            durable: self.durable.into(),
            begin: self.begin.into(),
            kept: self.kept.into(),
            reserved: [0; 36],
            checksum: U32::ZERO,
        };
        raw.checksum = crc32c::crc32c(&raw.as_bytes()[..META_LEN - 4]).into();
        let mut bytes = [0; META_LEN];
        bytes.copy_from_slice(raw.as_bytes());
        bytes
    }

    /// Reads and checks the whole file.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Defect> {
        let raw = Raw::ref_from_bytes(bytes).map_err(|_| Defect::Truncated {
            need: META_LEN as u64,
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
        let expected = crc32c::crc32c(&bytes[..META_LEN - 4]);
        let found = raw.checksum.get();
        if found != expected {
            return Err(Defect::Checksum { found, expected });
        }
        if raw.reserved != [0; 36] || raw.epoch.get() > EPOCH_MAX {
            return Err(Defect::Reserved);
        }
        let repaired_at = raw.repaired_at.get();
        Ok(Self {
            log: raw.log,
            epoch: raw.epoch.get(),
            incarnation: raw.incarnation.get(),
            digest_key: raw.digest_key,
            repaired_at: (repaired_at != NEVER).then_some(repaired_at),
            durable: raw.durable.get(),
            begin: raw.begin.get(),
            kept: raw.kept.get(),
        })
    }
}

impl fmt::Debug for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            log,
            epoch,
            incarnation,
            digest_key: _, // A secret.
            repaired_at,
            durable,
            begin,
            kept,
        } = self;
        f.debug_struct("Meta")
            .field("log", log)
            .field("epoch", epoch)
            .field("incarnation", incarnation)
            .field("repaired_at", repaired_at)
            .field("durable", durable)
            .field("begin", begin)
            .field("kept", kept)
            .finish_non_exhaustive()
    }
}
