//! The ciphers behind one small trait, and the nonces of what they seal.

use std::fmt;
use std::hint::black_box;
use std::sync::Arc;

use aes_gcm::AesGcm;
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::aes::cipher::array::typenum::U12;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// Bytes of a nonce.
pub(crate) const NONCE_LEN: usize = 12;
/// Bytes of a tag.
pub(crate) const TAG_LEN: usize = 16;

const FAR_BELOW: &str = "a part is far below the 64 GiB that one nonce is good for";

/// With which cipher parts are sealed (SPEC A4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum Algorithm {
    /// AES-256-GCM (NIST SP 800-38D).
    #[default]
    Aes256Gcm = 1,
    /// SM4-GCM (GB/T 32907, in the same mode), 国密.
    Sm4Gcm = 2,
}

/// What no cipher is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("expected `aes-256-gcm` or `sm4-gcm`")]
pub struct UnknownAlgorithm;

impl Algorithm {
    /// As a frame or an entry names it.
    pub(crate) fn of(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Aes256Gcm),
            2 => Some(Self::Sm4Gcm),
            _ => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Aes256Gcm => "aes-256-gcm",
            Self::Sm4Gcm => "sm4-gcm",
        })
    }
}

impl std::str::FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Aes256Gcm, Self::Sm4Gcm]
            .into_iter()
            .find(|algorithm| algorithm.to_string() == text)
            .ok_or(UnknownAlgorithm)
    }
}

/// A tag that does not fit: another key, or other bytes than were sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Broken;

/// An open key.
pub(crate) trait Cipher: Send + Sync {
    /// Seals `bytes` in place. The same nonce is never used twice with one key.
    fn seal(&self, nonce: &[u8; NONCE_LEN], aad: &[u8], bytes: &mut [u8]) -> [u8; TAG_LEN];

    /// Opens `bytes` in place; on an error they mean nothing.
    fn open(
        &self,
        nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        bytes: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), Broken>;
}

/// AES-256-GCM by ring, at a third of the time that the crate for SM4's mode takes; it overwrites no keys, so
/// that is done here.
struct Aes256(LessSafeKey);

impl Aes256 {
    fn new(key: &[u8; 32]) -> Self {
        Self(Self::table(key))
    }

    fn table(key: &[u8; 32]) -> LessSafeKey {
        let key = UnboundKey::new(&AES_256_GCM, key);
        LessSafeKey::new(key.expect("32 bytes are a key of it"))
    }

    /// Puts the key of nobody in its place. The table of one key is as long as that of any other.
    fn wipe(&mut self) {
        self.0 = Self::table(&[0; 32]);
        // Else nobody reads what was written, and it need not be.
        black_box(&self.0);
    }
}

impl Drop for Aes256 {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl Cipher for Aes256 {
    fn seal(&self, nonce: &[u8; NONCE_LEN], aad: &[u8], bytes: &mut [u8]) -> [u8; TAG_LEN] {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce, Aad::from(aad), bytes)
            .expect(FAR_BELOW);
        let tag: &[u8; TAG_LEN] = tag.as_ref().try_into().expect("a tag of this mode");
        *tag
    }

    fn open(
        &self,
        nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        bytes: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), Broken> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let (aad, tag) = (Aad::from(aad), (*tag).into());
        let opened = self
            .0
            .open_in_place_separate_tag(nonce, aad, tag, bytes, 0..);
        opened.map(|_| ()).map_err(|_| Broken)
    }
}

type Sm4 = AesGcm<sm4::Sm4, U12>;

impl Cipher for Sm4 {
    fn seal(&self, nonce: &[u8; NONCE_LEN], aad: &[u8], bytes: &mut [u8]) -> [u8; TAG_LEN] {
        self.encrypt_inout_detached(nonce.into(), aad, bytes.into())
            .expect(FAR_BELOW)
            .into()
    }

    fn open(
        &self,
        nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        bytes: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), Broken> {
        let tag = aes_gcm::Tag::from(*tag);
        self.decrypt_inout_detached(nonce.into(), aad, bytes.into(), &tag)
            .map_err(|_| Broken)
    }
}

/// The bytes of a data key; SM4 uses the first 16.
pub(crate) type KeyBytes = Zeroizing<[u8; 32]>;

/// Sets a key up.
pub(crate) fn cipher(algorithm: Algorithm, key: &KeyBytes) -> Arc<dyn Cipher> {
    match algorithm {
        Algorithm::Aes256Gcm => Arc::new(Aes256::new(key)),
        Algorithm::Sm4Gcm => {
            let mut half = Zeroizing::new([0; 16]);
            half.copy_from_slice(&key[..16]);
            Arc::new(Sm4::new((&*half).into()))
        }
    }
}

/// What a nonce is for: the part of a record, or a snapshot, which draws its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Part {
    /// What members receive.
    View = 0,
    /// The events.
    Private = 1,
}

/// epoch (3 bytes) ‖ part (1) ‖ record (8): never the same twice, since every open raises the epoch.
pub(crate) fn nonce(epoch: [u8; 3], part: Part, record: u64) -> [u8; NONCE_LEN] {
    let mut nonce = [0; NONCE_LEN];
    nonce[..3].copy_from_slice(&epoch);
    nonce[3] = part as u8;
    nonce[4..].copy_from_slice(&record.to_le_bytes());
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_key_that_was_dropped_nothing_is_left() {
        let sealed = |cipher: &Aes256| {
            let mut bytes = *b"the same text";
            let tag = cipher.seal(&[3; NONCE_LEN], b"", &mut bytes);
            (bytes, tag)
        };
        let mut cipher = Aes256::new(&[7; 32]);
        let before = sealed(&cipher);
        cipher.wipe();
        assert_ne!(sealed(&cipher), before);
        assert_eq!(sealed(&cipher), sealed(&Aes256::new(&[0; 32])));
    }
}
