//! What an open draws from its entropy: salts and segment ids, and a new log's identity.

use std::fmt;
use std::hash::Hasher;

use sha2::{Digest, Sha256};
use siphasher::sip128::{Hasher128, SipHasher24};

/// Secrets of this open, never stored.
#[derive(Clone, Copy)]
pub(crate) struct Keys {
    salt: [u8; 16],
    segment: [u8; 32],
}

impl Keys {
    pub(crate) fn new(entropy: &[u8; 32]) -> Self {
        Self {
            salt: derive(entropy, b"salt"),
            segment: derive(entropy, b"segment"),
        }
    }

    /// The salt of a record's frame: unguessable, gone when the frame is erased.
    pub(crate) fn salt(&self, record: u64) -> [u8; 16] {
        let mut hasher = SipHasher24::new_with_key(&self.salt);
        hasher.write_u64(record);
        hasher.finish128().as_bytes()
    }

    /// The id of the segment that begins with record `first`.
    pub(crate) fn segment(&self, first: u64) -> u64 {
        let mut hasher = Sha256::new();
        hasher.update(self.segment);
        hasher.update(first.to_le_bytes());
        u64::from_le_bytes(truncated(hasher.finalize().into()))
    }

    /// The id of a segment that was made of another, in the `count`-th compaction of this open.
    pub(crate) fn compacted(&self, segment: u64, count: u64) -> u64 {
        let mut hasher = Sha256::new();
        hasher.update(b"compacted");
        hasher.update(self.segment);
        hasher.update(segment.to_le_bytes());
        hasher.update(count.to_le_bytes());
        u64::from_le_bytes(truncated(hasher.finalize().into()))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

/// Bytes for one purpose out of the entropy of one open.
pub(crate) fn derive<const N: usize>(entropy: &[u8; 32], purpose: &[u8]) -> [u8; N] {
    let mut hasher = Sha256::new();
    hasher.update(purpose);
    hasher.update(entropy);
    truncated(hasher.finalize().into())
}

fn truncated<const N: usize>(hash: [u8; 32]) -> [u8; N] {
    std::array::from_fn(|at| hash[at])
}
