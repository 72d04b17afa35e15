//! The master key, and what one open draws from its randomness.

use std::fmt;

use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::log::keys::derive;

use super::cipher::{Algorithm, Cipher, KeyBytes, NONCE_LEN, cipher};

/// The key that wraps all data keys of a log: 32 bytes that are kept elsewhere.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// What a master key is called by: a hash that gives nothing of it away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MasterKeyId(pub(crate) [u8; 8]);

/// Bytes that are no master key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a master key is 32 bytes, or 64 hexadecimal digits: {found} bytes are neither")]
pub struct NoMasterKey {
    /// Bytes there were.
    pub found: usize,
}

impl MasterKey {
    /// A key of these bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads what a file or a command gives: 32 raw bytes, or 64 hexadecimal digits and white space
    /// around them.
    pub fn read(bytes: &[u8]) -> Result<Self, NoMasterKey> {
        let digits = bytes.trim_ascii();
        let mut key = Zeroizing::new([0; 32]);
        if bytes.len() == 32 {
            key.copy_from_slice(bytes);
            return Ok(Self(key));
        }
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let pairs = digits.chunks(2).map(|pair| match *pair {
            [high, low] => Some((digit(high)? << 4 | digit(low)?) as u8),
            _ => None,
        });
        if digits.len() != 64 {
            return Err(NoMasterKey { found: bytes.len() });
        }
        for (byte, pair) in key.iter_mut().zip(pairs) {
            *byte = pair.ok_or(NoMasterKey { found: bytes.len() })?;
        }
        Ok(Self(key))
    }

    /// What it is called by in a keyring.
    #[must_use]
    pub fn id(&self) -> MasterKeyId {
        let hash = Sha256::new()
            .chain_update(b"throng master key")
            .chain_update(*self.0)
            .finalize();
        MasterKeyId(std::array::from_fn(|at| hash[at]))
    }

    /// The cipher that wraps: AES-256-GCM, whatever the records are sealed with.
    pub(crate) fn cipher(&self) -> std::sync::Arc<dyn Cipher> {
        cipher(Algorithm::Aes256Gcm, &self.0)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id())
    }
}

impl fmt::Display for MasterKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Keys and nonces of one open, from its randomness. What was drawn cannot be drawn again from what
/// is left, so that a destroyed key is not hidden in the memory of the process that made it.
pub(crate) struct Draws(Zeroizing<[u8; 32]>);

impl Draws {
    /// Draws for one purpose out of the randomness of one open.
    pub(crate) fn new(entropy: &[u8; 32], purpose: &[u8]) -> Self {
        Self(Zeroizing::new(derive(entropy, purpose)))
    }

    fn draw(&mut self) -> KeyBytes {
        let hash = |purpose: &[u8]| Sha256::new().chain_update(purpose).chain_update(*self.0);
        let (mut drawn, mut next) = (hash(b"draw").finalize(), hash(b"next").finalize());
        let key = Zeroizing::new(std::array::from_fn(|at| drawn[at]));
        self.0.copy_from_slice(&next);
        drawn.as_mut_slice().zeroize();
        next.as_mut_slice().zeroize();
        key
    }

    pub(crate) fn key(&mut self) -> KeyBytes {
        self.draw()
    }

    pub(crate) fn nonce(&mut self) -> [u8; NONCE_LEN] {
        let drawn = self.draw();
        std::array::from_fn(|at| drawn[at])
    }
}

impl fmt::Debug for Draws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Draws")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_master_key_is_read_raw_or_as_digits_and_nothing_else_is_taken() {
        let key = MasterKey::new([0xa5; 32]);
        assert_eq!(MasterKey::read(&[0xa5; 32]), Ok(key.clone()));
        let digits = "a5".repeat(32);
        assert_eq!(MasterKey::read(digits.as_bytes()), Ok(key.clone()));
        let spaced = format!(" {}\n", "A5".repeat(32));
        assert_eq!(MasterKey::read(spaced.as_bytes()), Ok(key));
        for wrong in [&b""[..], &[7; 31], &[7; 33], "zz".repeat(32).as_bytes()] {
            let found = wrong.len();
            assert_eq!(MasterKey::read(wrong), Err(NoMasterKey { found }));
        }
    }

    #[test]
    fn a_master_key_shows_its_name_only() {
        let key = MasterKey::new([7; 32]);
        assert_eq!(format!("{key:?}"), format!("MasterKey({})", key.id()));
        assert_ne!(key.id(), MasterKey::new([8; 32]).id());
    }

    #[test]
    fn what_is_drawn_follows_from_the_randomness_and_never_repeats() {
        let (mut one, mut two) = (Draws::new(&[1; 32], b"a"), Draws::new(&[1; 32], b"a"));
        let drawn: Vec<_> = (0..100).map(|_| *one.key()).collect();
        assert!(drawn.iter().all(|key| *key == *two.key()));
        let different: std::collections::HashSet<_> = drawn.iter().collect();
        assert_eq!(different.len(), 100);
        assert_ne!(*Draws::new(&[2; 32], b"a").key(), drawn[0]);
        assert_ne!(*Draws::new(&[1; 32], b"b").key(), drawn[0]);
    }
}
