//! Records sealed to whoever pulls them: HPKE (RFC 9180) in base mode, DHKEM(X25519, HKDF-SHA256),
//! HKDF-SHA256, AES-256-GCM.
//!
//! One encapsulation a page; the page's records are sealed in their order, each bound to what stands
//! in front of it. Nobody but the holder of the private key opens them, the server neither.

use core::convert::Infallible;

use bytes::Bytes;
use hpke::aead::{AeadCtxR, AeadCtxS, AesGcm256};
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use sha2::{Digest, Sha256};

use crate::wire::PulledRecord;

/// What the sealing is for (RFC 9180, section 5.1: `info`).
const INFO: &[u8] = b"throng/1 pull";

type Private = <X25519HkdfSha256 as Kem>::PrivateKey;
type Public = <X25519HkdfSha256 as Kem>::PublicKey;
type Encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey;

/// A content that is not what was sealed, is another record's, or came out of turn; or a key that is
/// none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the seal does not open: another key, or not what was sealed")]
pub struct SealBroken;

/// Seals the records of one page.
pub struct Sealing {
    encapsulated: [u8; 32],
    context: AeadCtxS<AesGcm256, HkdfSha256, X25519HkdfSha256>,
}

impl Sealing {
    /// Seals to the holder of `public_key`. A `secret` is never used twice.
    pub fn to(public_key: &[u8], secret: [u8; 32]) -> Result<Self, SealBroken> {
        let public = Public::from_bytes(public_key).map_err(|_| SealBroken)?;
        let mut random = OfSecret { secret, blocks: 0 };
        // A key of small order has no secret with anybody, and is refused.
        let made = hpke::setup_sender_with_rng(&OpModeS::Base, &public, INFO, &mut random);
        let (encapsulated, context): (Encapsulated, _) = made.map_err(|_| SealBroken)?;
        Ok(Self {
            encapsulated: encapsulated.to_bytes().into(),
            context,
        })
    }

    /// What its records are opened with, together with the private key.
    #[must_use]
    pub fn encapsulated(&self) -> [u8; 32] {
        self.encapsulated
    }

    /// The next record's content, sealed and bound to `front`; 16 bytes longer.
    pub fn seal(&mut self, front: &[u8], content: &[u8]) -> Result<Vec<u8>, SealBroken> {
        self.context.seal(content, front).map_err(|_| SealBroken)
    }
}

/// A puller's private key.
pub struct PullKey(Private);

impl core::fmt::Debug for PullKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("PullKey")
    }
}

impl PullKey {
    /// The key of these 32 bytes, which are random.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SealBroken> {
        Private::from_bytes(bytes).map(Self).map_err(|_| SealBroken)
    }

    /// What records are sealed to.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        X25519HkdfSha256::sk_to_pk(&self.0).to_bytes().into()
    }

    /// Opens the records of the page with this encapsulated key, all of them in their order.
    pub fn opening(&self, encapsulated: &[u8; 32]) -> Result<Opening, SealBroken> {
        let encapsulated = Encapsulated::from_bytes(encapsulated).map_err(|_| SealBroken)?;
        let made = hpke::setup_receiver(&OpModeR::Base, &self.0, &encapsulated, INFO);
        Ok(Opening(made.map_err(|_| SealBroken)?))
    }
}

/// Opens the records of one page.
pub struct Opening(AeadCtxR<AesGcm256, HkdfSha256, X25519HkdfSha256>);

impl core::fmt::Debug for Opening {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Opening")
    }
}

impl Opening {
    /// The next record's content.
    pub fn open(&mut self, record: &PulledRecord) -> Result<Bytes, SealBroken> {
        let opened = self.0.open(&record.content, &record.front);
        opened.map(Bytes::from).map_err(|_| SealBroken)
    }
}

/// Random bytes from one secret: SHA-256 of it and a count.
struct OfSecret {
    secret: [u8; 32],
    blocks: u64,
}

impl TryRng for OfSecret {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for part in out.chunks_mut(32) {
            let block = Sha256::new()
                .chain_update(self.secret)
                .chain_update(self.blocks.to_le_bytes());
            part.copy_from_slice(&block.finalize()[..part.len()]);
            self.blocks += 1;
        }
        Ok(())
    }
}

impl TryCryptoRng for OfSecret {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{PULLED_FRONT_LEN, RecordNumber};

    fn record(front: u8, content: Vec<u8>) -> PulledRecord {
        PulledRecord {
            record: RecordNumber(7),
            erased: false,
            commitment: [0; 32],
            front: [front; PULLED_FRONT_LEN],
            content: content.into(),
        }
    }

    #[test]
    fn sealed_records_open_in_their_order_behind_their_own_front_and_with_the_key_only() {
        let key = PullKey::from_bytes(&[3; 32]).unwrap();
        let mut sealing = Sealing::to(&key.public(), [9; 32]).unwrap();
        let encapsulated = sealing.encapsulated();
        let fronts = [[1; PULLED_FRONT_LEN], [2; PULLED_FRONT_LEN]];
        let first = sealing.seal(&fronts[0], b"one").unwrap();
        let second = sealing.seal(&fronts[1], b"two").unwrap();
        let opening = || key.opening(&encapsulated).unwrap();

        let mut both = opening();
        assert_eq!(both.open(&record(1, first.clone())).unwrap(), &b"one"[..]);
        assert_eq!(both.open(&record(2, second.clone())).unwrap(), &b"two"[..]);
        assert_eq!(opening().open(&record(2, first.clone())), Err(SealBroken));
        assert_eq!(
            opening().open(&record(2, second)),
            Err(SealBroken),
            "out of turn"
        );
        let another = PullKey::from_bytes(&[4; 32]).unwrap();
        let mut another = another.opening(&encapsulated).unwrap();
        assert_eq!(another.open(&record(1, first)), Err(SealBroken));
    }

    #[test]
    fn a_key_that_shares_no_secret_with_anybody_is_refused() {
        let mut small_order = [0; 32];
        assert!(Sealing::to(&small_order, [9; 32]).is_err());
        small_order[0] = 1;
        assert!(Sealing::to(&small_order, [9; 32]).is_err());
        assert!(Sealing::to(&[5; 31], [9; 32]).is_err());
    }

    /// RFC 9180, A.1.1 has the same KEM and KDF with AES-128-GCM; these are the key pairs of its
    /// recipient, which say that the keys are X25519's.
    #[test]
    fn a_public_key_is_that_of_the_rfc() {
        let hex = |text: &str| -> Vec<u8> {
            let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
            (0..text.len()).step_by(2).map(byte).collect()
        };
        let private = hex("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8");
        let public = hex("3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d");
        assert_eq!(PullKey::from_bytes(&private).unwrap().public()[..], public);
    }
}
