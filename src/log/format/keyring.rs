//! The keyring's bytes: a header, then one entry per data key, each wrapped under the master key.
//!
//! An entry is two halves with a checksum each: what the key is of, which stays for ever, and the
//! wrapped key, which is zeroed in place to destroy it. What is wrapped is authenticated together with
//! the first half.

use zerocopy::little_endian::{I32, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::Defect;

/// The file's name.
pub(crate) const KEYRING: &str = "keyring";
/// The name of the one before while it is replaced.
pub(crate) const KEYRING_BEFORE: &str = "keyring.before";
/// Bytes of the header.
pub(crate) const KEYRING_HEADER_LEN: usize = 128;
/// Bytes of an entry: a quarter of a sector.
pub(crate) const KEY_ENTRY_LEN: usize = 128;
/// Where the second half of an entry begins: the wrapped key.
pub(crate) const SECRET_FROM: usize = 64;
/// Bytes of that half.
pub(crate) const SECRET_LEN: usize = KEY_ENTRY_LEN - SECRET_FROM;

const MAGIC: [u8; 8] = *b"THRONGKR";
const VERSION: u32 = 1;

/// The front of a keyring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct KeyringHeader {
    /// The epoch in which the file was written.
    pub(crate) epoch: u32,
    pub(crate) log: [u8; 16],
    /// The master key that wraps every key in it.
    pub(crate) master: [u8; 8],
    /// The last entry's id when it was written.
    pub(crate) settled: u32,
    /// How many entries up to that one were left out, as their keys are destroyed.
    pub(crate) dropped: u32,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawHeader {
    magic: [u8; 8],
    version: U32,
    epoch: U32,
    log: [u8; 16],
    master: [u8; 8],
    settled: U32,
    dropped: U32,
    reserved: [u8; 76],
    checksum: U32,
}

const _: () = assert!(size_of::<RawHeader>() == KEYRING_HEADER_LEN);

impl KeyringHeader {
    pub(crate) fn encode(&self) -> [u8; KEYRING_HEADER_LEN] {
        let mut raw = RawHeader {
            magic: MAGIC,
            version: VERSION.into(),
            epoch: self.epoch.into(),
            log: self.log,
            master: self.master,
            settled: self.settled.into(),
            dropped: self.dropped.into(),
            reserved: [0; 76],
            checksum: U32::ZERO,
        };
        raw.checksum = checksum(raw.as_bytes()).into();
        zerocopy::transmute!(raw)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Defect> {
        let (raw, _) = RawHeader::ref_from_prefix(bytes).map_err(|_| Defect::Truncated {
            need: KEYRING_HEADER_LEN as u64,
            have: bytes.len() as u64,
        })?;
        if raw.magic != MAGIC {
            return Err(Defect::Magic);
        }
        let (found, expected) = (raw.checksum.get(), checksum(raw.as_bytes()));
        if found != expected {
            return Err(Defect::Checksum { found, expected });
        }
        if raw.version.get() != VERSION {
            return Err(Defect::Version {
                found: raw.version.get(),
                expected: VERSION,
            });
        }
        if raw.reserved != [0; 76] || raw.dropped.get() > raw.settled.get() {
            return Err(Defect::Reserved);
        }
        Ok(Self {
            epoch: raw.epoch.get(),
            log: raw.log,
            master: raw.master,
            settled: raw.settled.get(),
            dropped: raw.dropped.get(),
        })
    }
}

/// What an entry is of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Purpose {
    /// The node's own key: snapshots, and records of no tenant.
    Node,
    /// What a tenant keeps when messages are erased.
    Tenant { tenant: u32 },
    /// Messages of one group on one UTC day, counted from 1970-01-01.
    GroupDay { tenant: u32, group: u64, day: i32 },
    /// No key: those before it of this group and these days are to be destroyed.
    Erasure {
        tenant: u32,
        group: u64,
        day: i32,
        last_day: i32,
    },
    /// No key any more: one that had rotted, as a repair has written down. Zeros where nobody knew of what it was.
    Lost { tenant: u32, group: u64, day: i32 },
}

/// A wrapped key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Wrapped {
    pub(crate) nonce: [u8; 12],
    pub(crate) key: [u8; 32],
    pub(crate) tag: [u8; 16],
}

/// What there is of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Secret {
    Wrapped(Wrapped),
    /// Nothing any more; an erasure never had one.
    Destroyed,
    /// Neither: rot, or a destruction that was interrupted.
    Torn,
}

/// One entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct KeyEntry {
    /// From 1; its place in the file where nothing was left out.
    pub(crate) id: u32,
    pub(crate) purpose: Purpose,
    /// As in a frame; 0 in an erasure.
    pub(crate) algorithm: u8,
    /// The first record that can be sealed under it.
    pub(crate) record: u64,
    /// Entries up to this one were durable before it was written.
    pub(crate) settled: u32,
    /// The open that made it.
    pub(crate) epoch: u32,
    pub(crate) master: [u8; 8],
    pub(crate) secret: Secret,
}

/// The half that stays when a key is destroyed.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawName {
    id: U32,
    purpose: u8,
    algorithm: u8,
    reserved: [u8; 2],
    tenant: U32,
    day: I32,
    group: U64,
    record: U64,
    settled: U32,
    epoch: U32,
    master: [u8; 8],
    last_day: I32,
    reserved_too: [u8; 8],
    checksum: U32,
}

/// The half that is overwritten with zeros.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawSecret {
    nonce: [u8; 12],
    key: [u8; 32],
    tag: [u8; 16],
    checksum: U32,
}

const _: () = assert!(size_of::<RawName>() == SECRET_FROM);
const _: () = assert!(size_of::<RawSecret>() == SECRET_LEN);

impl KeyEntry {
    /// Where the entry at a place, from 1, is in the file.
    pub(crate) fn offset(place: u32) -> u64 {
        KEYRING_HEADER_LEN as u64 + u64::from(place.saturating_sub(1)) * KEY_ENTRY_LEN as u64
    }

    /// The half that stays, which is also what the key is authenticated with.
    pub(crate) fn name(&self) -> [u8; SECRET_FROM] {
        let (purpose, tenant, group, day, last_day) = match self.purpose {
            Purpose::Node => (1, 0, 0, 0, 0),
            Purpose::Tenant { tenant } => (2, tenant, 0, 0, 0),
            Purpose::GroupDay { tenant, group, day } => (3, tenant, group, day, 0),
            Purpose::Erasure {
                tenant,
                group,
                day,
                last_day,
            } => (4, tenant, group, day, last_day),
            Purpose::Lost { tenant, group, day } => (5, tenant, group, day, 0),
        };
        let mut raw = RawName {
            id: self.id.into(),
            purpose,
            algorithm: self.algorithm,
            reserved: [0; 2],
            tenant: tenant.into(),
            day: day.into(),
            group: group.into(),
            record: self.record.into(),
            settled: self.settled.into(),
            epoch: self.epoch.into(),
            master: self.master,
            last_day: last_day.into(),
            reserved_too: [0; 8],
            checksum: U32::ZERO,
        };
        raw.checksum = checksum(raw.as_bytes()).into();
        zerocopy::transmute!(raw)
    }

    pub(crate) fn encode(&self) -> [u8; KEY_ENTRY_LEN] {
        let mut bytes = [0; KEY_ENTRY_LEN];
        bytes[..SECRET_FROM].copy_from_slice(&self.name());
        if let Secret::Wrapped(wrapped) = self.secret {
            let mut raw = RawSecret {
                nonce: wrapped.nonce,
                key: wrapped.key,
                tag: wrapped.tag,
                checksum: U32::ZERO,
            };
            raw.checksum = checksum(raw.as_bytes()).into();
            bytes[SECRET_FROM..].copy_from_slice(raw.as_bytes());
        }
        bytes
    }

    /// Reads and checks the entry at the place of `id`; only its secret may be torn.
    pub(crate) fn decode(bytes: &[u8], id: u32) -> Result<Self, Defect> {
        let entry = Self::decode_any(bytes)?;
        // An entry stands in its own place.
        if entry.id == id {
            Ok(entry)
        } else {
            Err(Defect::Reserved)
        }
    }

    /// Likewise, whatever its id.
    pub(crate) fn decode_any(bytes: &[u8]) -> Result<Self, Defect> {
        let truncated = |_| Defect::Truncated {
            need: KEY_ENTRY_LEN as u64,
            have: bytes.len() as u64,
        };
        let (name, secret) = bytes.split_at_checked(SECRET_FROM).unwrap_or((bytes, &[]));
        let raw = RawName::ref_from_bytes(name).map_err(|_| truncated(()))?;
        let (secret, _) = RawSecret::ref_from_prefix(secret).map_err(|_| truncated(()))?;
        let (found, expected) = (raw.checksum.get(), checksum(raw.as_bytes()));
        if found != expected || raw.id.get() == 0 {
            return Err(Defect::Checksum { found, expected });
        }
        let (tenant, group, day) = (raw.tenant.get(), raw.group.get(), raw.day.get());
        let purpose = match raw.purpose {
            1 => Purpose::Node,
            2 => Purpose::Tenant { tenant },
            3 => Purpose::GroupDay { tenant, group, day },
            4 => Purpose::Erasure {
                tenant,
                group,
                day,
                last_day: raw.last_day.get(),
            },
            5 => Purpose::Lost { tenant, group, day },
            found => return Err(Defect::KeyPurpose { found }),
        };
        let entry = Self {
            id: raw.id.get(),
            purpose,
            algorithm: raw.algorithm,
            record: raw.record.get(),
            settled: raw.settled.get(),
            epoch: raw.epoch.get(),
            master: raw.master,
            secret: Secret::read(secret),
        };
        // Whatever has no meaning here is zero.
        if entry.name()[..] != raw.as_bytes()[..] {
            return Err(Defect::Reserved);
        }
        Ok(entry)
    }
}

impl Secret {
    fn read(raw: &RawSecret) -> Self {
        if raw.as_bytes() == [0; SECRET_LEN] {
            Self::Destroyed
        } else if raw.checksum.get() == checksum(raw.as_bytes()) {
            Self::Wrapped(Wrapped {
                nonce: raw.nonce,
                key: raw.key,
                tag: raw.tag,
            })
        } else {
            Self::Torn
        }
    }
}

/// Of all but the last four bytes, which hold it.
fn checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(&bytes[..bytes.len() - 4])
}
