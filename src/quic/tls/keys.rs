//! Packet keys of QUIC that are kept as they were agreed on and expanded when they are used.
//!
//! An AES-GCM key is 16 bytes; expanded for use it is over 500, and a connection has two of them and
//! two for its headers. Of thousands of connections they are never in the cache: fetching ten lines
//! takes longer than expanding 16 bytes anew. So a connection keeps what was agreed on, and a thread
//! keeps the key of each kind that it used last, which a burst of packets to one connection uses again.
//! docs/benchmarks.md has what that gains in time and memory.
//!
//! Nothing else differs from rustls' keys of the same names: what they seal these open, and the other
//! way round (RFC 9001, sections 5.3 and 5.4).

use core::cell::RefCell;
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::LazyLock;
use std::thread::LocalKey;

use ring::aead;
use rustls::crypto::cipher::{AeadKey, Iv, NONCE_LEN, Nonce};
use rustls::crypto::ring::cipher_suite;
use rustls::quic::{self, Tag};
use rustls::{CipherSuiteCommon, Error, SupportedCipherSuite, Tls13CipherSuite};

/// The suites of TLS 1.3, cheapest first where the processor has AES instructions.
pub(super) fn suites() -> Vec<SupportedCipherSuite> {
    static SUITES: LazyLock<[Tls13CipherSuite; 3]> = LazyLock::new(|| {
        [
            with_keys_of(cipher_suite::TLS13_AES_128_GCM_SHA256, &Kind::Aes128Gcm),
            with_keys_of(cipher_suite::TLS13_AES_256_GCM_SHA384, &Kind::Aes256Gcm),
            with_keys_of(
                cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
                &Kind::ChaCha20Poly1305,
            ),
        ]
    });
    SUITES.iter().map(SupportedCipherSuite::Tls13).collect()
}

/// rustls' suite, but for the keys of QUIC's packets.
fn with_keys_of(
    suite: SupportedCipherSuite,
    keys: &'static dyn quic::Algorithm,
) -> Tls13CipherSuite {
    let suite = suite.tls13().expect("a suite of TLS 1.3");
    Tls13CipherSuite {
        common: CipherSuiteCommon {
            suite: suite.common.suite,
            hash_provider: suite.common.hash_provider,
            confidentiality_limit: suite.common.confidentiality_limit,
        },
        hkdf_provider: suite.hkdf_provider,
        aead_alg: suite.aead_alg,
        quic: Some(keys),
    }
}

/// How packets and their headers are protected, and how many may be with one key (RFC 9001, 6.6).
struct Algorithm {
    packet: &'static aead::Algorithm,
    header: &'static aead::quic::Algorithm,
    confidentiality_limit: u64,
    integrity_limit: u64,
}

static AES_128_GCM: Algorithm = Algorithm {
    packet: &aead::AES_128_GCM,
    header: &aead::quic::AES_128,
    confidentiality_limit: 1 << 23,
    integrity_limit: 1 << 52,
};
static AES_256_GCM: Algorithm = Algorithm {
    packet: &aead::AES_256_GCM,
    header: &aead::quic::AES_256,
    confidentiality_limit: 1 << 23,
    integrity_limit: 1 << 52,
};
static CHACHA20_POLY1305: Algorithm = Algorithm {
    packet: &aead::CHACHA20_POLY1305,
    header: &aead::quic::CHACHA20,
    // More than there are packet numbers.
    confidentiality_limit: u64::MAX,
    integrity_limit: 1 << 36,
};

/// An [`Algorithm`] in a byte, so that a key takes one cache line. Makes keys of it.
#[derive(Clone, Copy)]
enum Kind {
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20Poly1305,
}

impl Kind {
    fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::Aes128Gcm => &AES_128_GCM,
            Self::Aes256Gcm => &AES_256_GCM,
            Self::ChaCha20Poly1305 => &CHACHA20_POLY1305,
        }
    }
}

impl quic::Algorithm for Kind {
    fn packet_key(&self, key: AeadKey, iv: Iv) -> Box<dyn quic::PacketKey> {
        Box::new(PacketKey {
            name: Name::new(),
            kind: *self,
            key,
            iv,
        })
    }

    fn header_protection_key(&self, key: AeadKey) -> Box<dyn quic::HeaderProtectionKey> {
        Box::new(HeaderKey {
            name: Name::new(),
            kind: *self,
            key,
        })
    }

    fn aead_key_len(&self) -> usize {
        self.algorithm().packet.key_len()
    }
}

/// Tells a key from all others there ever were in this process.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Name(u64);

impl Name {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // 64 bits do not come round.
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// The expanded key of a kind that a thread used last.
type Last<T> = RefCell<Option<(Name, T)>>;

thread_local! {
    static SEALING: Last<aead::LessSafeKey> = const { RefCell::new(None) };
    static OPENING: Last<aead::LessSafeKey> = const { RefCell::new(None) };
    static MASKING: Last<aead::quic::HeaderProtectionKey> = const { RefCell::new(None) };
    static UNMASKING: Last<aead::quic::HeaderProtectionKey> = const { RefCell::new(None) };
}

/// Uses the key of that name, expanding it unless it is the one that was used last.
fn with<T, R>(
    last: &'static LocalKey<Last<T>>,
    name: Name,
    expand: impl FnOnce() -> Result<T, Error>,
    using: impl FnOnce(&T) -> R,
) -> Result<R, Error> {
    last.with_borrow_mut(|last| {
        if !last.as_ref().is_some_and(|(whose, _)| *whose == name) {
            *last = Some((name, expand()?));
        }
        let (_, key) = last.as_ref().expect("put there at the latest just now");
        Ok(using(key))
    })
}

/// Alone on a cache line, as a header's key is: both are fetched for every delivery.
#[repr(align(64))]
struct PacketKey {
    name: Name,
    kind: Kind,
    /// Wiped when it is dropped.
    key: AeadKey,
    iv: Iv,
}

const _: () = assert!(size_of::<PacketKey>() == 64 && size_of::<HeaderKey>() == 64);

impl PacketKey {
    fn expand(&self) -> Result<aead::LessSafeKey, Error> {
        // Of the algorithm's length, which rustls was told.
        let key = aead::UnboundKey::new(self.kind.algorithm().packet, self.key.as_ref());
        key.map(aead::LessSafeKey::new)
            .map_err(|_| Error::General("a packet key of a wrong length".into()))
    }

    fn seal(
        &self,
        nonce: [u8; NONCE_LEN],
        header: &[u8],
        payload: &mut [u8],
    ) -> Result<Tag, Error> {
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let header = aead::Aad::from(header);
        let tag = with(
            &SEALING,
            self.name,
            || self.expand(),
            |key| key.seal_in_place_separate_tag(nonce, header, payload),
        )?;
        let tag = tag.map_err(|_| Error::EncryptError)?;
        Ok(Tag::from(tag.as_ref()))
    }

    fn open<'a>(
        &self,
        nonce: [u8; NONCE_LEN],
        header: &[u8],
        payload: &'a mut [u8],
    ) -> Result<&'a [u8], Error> {
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let header = aead::Aad::from(header);
        let opened = with(
            &OPENING,
            self.name,
            || self.expand(),
            |key| key.open_in_place(nonce, header, payload),
        )?;
        opened
            .map(|opened| &*opened)
            .map_err(|_| Error::DecryptError)
    }
}

impl quic::PacketKey for PacketKey {
    fn encrypt_in_place(
        &self,
        packet_number: u64,
        header: &[u8],
        payload: &mut [u8],
    ) -> Result<Tag, Error> {
        self.seal(Nonce::new(&self.iv, packet_number).0, header, payload)
    }

    fn encrypt_in_place_for_path(
        &self,
        path_id: u32,
        packet_number: u64,
        header: &[u8],
        payload: &mut [u8],
    ) -> Result<Tag, Error> {
        let nonce = Nonce::for_path(path_id, &self.iv, packet_number);
        self.seal(nonce.0, header, payload)
    }

    fn decrypt_in_place<'a>(
        &self,
        packet_number: u64,
        header: &[u8],
        payload: &'a mut [u8],
    ) -> Result<&'a [u8], Error> {
        self.open(Nonce::new(&self.iv, packet_number).0, header, payload)
    }

    fn decrypt_in_place_for_path<'a>(
        &self,
        path_id: u32,
        packet_number: u64,
        header: &[u8],
        payload: &'a mut [u8],
    ) -> Result<&'a [u8], Error> {
        let nonce = Nonce::for_path(path_id, &self.iv, packet_number);
        self.open(nonce.0, header, payload)
    }

    fn tag_len(&self) -> usize {
        self.kind.algorithm().packet.tag_len()
    }

    fn confidentiality_limit(&self) -> u64 {
        self.kind.algorithm().confidentiality_limit
    }

    fn integrity_limit(&self) -> u64 {
        self.kind.algorithm().integrity_limit
    }
}

#[repr(align(64))]
struct HeaderKey {
    name: Name,
    kind: Kind,
    /// Wiped when it is dropped.
    key: AeadKey,
}

/// The first byte of a packet with a long header (RFC 9000, 17.2).
const LONG_HEADER: u8 = 0x80;

impl HeaderKey {
    fn mask(
        &self,
        last: &'static LocalKey<Last<aead::quic::HeaderProtectionKey>>,
        sample: &[u8],
    ) -> Result<[u8; 5], Error> {
        let expand = || {
            let key = aead::quic::HeaderProtectionKey::new(
                self.kind.algorithm().header,
                self.key.as_ref(),
            );
            key.map_err(|_| Error::General("a header key of a wrong length".into()))
        };
        let mask = with(last, self.name, expand, |key| key.new_mask(sample))?;
        mask.map_err(|_| Error::General("a sample of a wrong length".into()))
    }
}

/// Adds a header's protection, or takes it away: `first_plain` says which of two first bytes, before and
/// after, is the plain one, whose last two bits are the packet number's length (RFC 9001, 5.4.1).
fn apply(
    mask: [u8; 5],
    first: &mut u8,
    packet_number: &mut [u8],
    first_plain: fn(u8, u8) -> u8,
) -> Result<(), Error> {
    let [first_mask, number_mask @ ..] = mask;
    if packet_number.len() > number_mask.len() {
        return Err(Error::General("a packet number of over four bytes".into()));
    }
    let bits = if *first & LONG_HEADER == 0 {
        0x1f
    } else {
        0x0f
    };
    let before = *first;
    *first ^= first_mask & bits;
    let len = usize::from(first_plain(before, *first) & 0x03) + 1;
    for (byte, mask) in packet_number.iter_mut().zip(number_mask).take(len) {
        *byte ^= mask;
    }
    Ok(())
}

impl quic::HeaderProtectionKey for HeaderKey {
    fn encrypt_in_place(
        &self,
        sample: &[u8],
        first: &mut u8,
        packet_number: &mut [u8],
    ) -> Result<(), Error> {
        let mask = self.mask(&MASKING, sample)?;
        apply(mask, first, packet_number, |before, _| before)
    }

    fn decrypt_in_place(
        &self,
        sample: &[u8],
        first: &mut u8,
        packet_number: &mut [u8],
    ) -> Result<(), Error> {
        let mask = self.mask(&UNMASKING, sample)?;
        apply(mask, first, packet_number, |_, after| after)
    }

    fn sample_len(&self) -> usize {
        self.kind.algorithm().header.sample_len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rustls::Side;
    use rustls::quic::{DirectionalKeys, Keys, Version};

    use super::*;

    /// The keys of both sides of a connection with this id, ours and rustls' own.
    struct Both {
        ours: Keys,
        rustls: Keys,
    }

    fn both(suite: usize, id: &[u8]) -> Both {
        let keys = |suites: Vec<SupportedCipherSuite>, side| {
            let suite = suites[suite].tls13().unwrap().quic_suite().unwrap();
            suite.keys(id, side, Version::V1)
        };
        let rustls = rustls::crypto::ring::ALL_CIPHER_SUITES.iter().copied();
        let rustls = suites().into_iter().map(|ours| {
            let same = rustls.clone().find(|one| one.suite() == ours.suite());
            same.expect("a suite that rustls has")
        });
        Both {
            ours: keys(suites(), Side::Client),
            rustls: keys(rustls.collect(), Side::Server),
        }
    }

    /// A packet with a header of `header` bytes, of which the last `number_len` are its number's.
    fn protect(keys: &DirectionalKeys, number: u64, number_len: usize, text: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x40 | (number_len as u8 - 1)];
        packet.extend([7; 8]);
        packet.extend(&number.to_be_bytes()[8 - number_len..]);
        let header = packet.len();
        packet.extend(text);
        let (head, payload) = packet.split_at_mut(header);
        let tag = keys.packet.encrypt_in_place(number, head, payload).unwrap();
        packet.extend(tag.as_ref());
        // RFC 9001, 5.4.2: the sample begins where the payload would with a number of four bytes.
        let sample = packet[9 + 4..9 + 4 + keys.header.sample_len()].to_vec();
        let (first, rest) = packet.split_first_mut().unwrap();
        let number = &mut rest[8..8 + number_len];
        keys.header
            .encrypt_in_place(&sample, first, number)
            .unwrap();
        packet
    }

    fn unprotect(keys: &DirectionalKeys, number: u64, packet: &mut [u8]) -> Option<Vec<u8>> {
        let sample = packet[9 + 4..9 + 4 + keys.header.sample_len()].to_vec();
        let (first, rest) = packet.split_first_mut().unwrap();
        let number_bytes = &mut rest[8..12];
        keys.header
            .decrypt_in_place(&sample, first, number_bytes)
            .unwrap();
        let header = 9 + usize::from(packet[0] & 3) + 1;
        let (head, payload) = packet.split_at_mut(header);
        let plain = keys.packet.decrypt_in_place(number, head, payload).ok()?;
        Some(plain.to_vec())
    }

    proptest! {
        /// Several connections in turns, so that a thread's last key is now this one's, now another's.
        #[test]
        fn what_these_keys_seal_rustls_own_open_and_the_other_way_round(
            suite in 0..3_usize,
            packets in proptest::collection::vec(
                (0..3_usize, any::<bool>(), any::<u32>(), 1..=4_usize, 4..600_usize, any::<Option<u16>>()),
                1..40,
            ),
        ) {
            let connections = [both(suite, b"one"), both(suite, b"another"), both(suite, b"a third")];
            for (which, from_ours, number, number_len, len, flipped) in packets {
                let Both { ours, rustls } = &connections[which];
                let (sender, receiver) = if from_ours {
                    (&ours.local, &rustls.remote)
                } else {
                    (&rustls.local, &ours.remote)
                };
                let number = u64::from(number) << 7;
                let text: Vec<u8> = (0..len).map(|at| (at * 7) as u8).collect();
                let mut packet = protect(sender, number, number_len, &text);
                match flipped {
                    None => prop_assert_eq!(unprotect(receiver, number, &mut packet), Some(text)),
                    Some(bit) => {
                        let bit = usize::from(bit) % (8 * packet.len());
                        packet[bit / 8] ^= 1 << (bit % 8);
                        prop_assert_eq!(unprotect(receiver, number, &mut packet), None);
                    }
                }
            }
        }
    }

    #[test]
    fn limits_lengths_and_refusals_are_those_of_rustls() {
        for suite in 0..3 {
            let Both { ours, rustls } = both(suite, b"id");
            let (ours, rustls) = (&ours.local, &rustls.local);
            assert_eq!(ours.packet.tag_len(), rustls.packet.tag_len());
            assert_eq!(
                (
                    ours.packet.confidentiality_limit(),
                    ours.packet.integrity_limit()
                ),
                (
                    rustls.packet.confidentiality_limit(),
                    rustls.packet.integrity_limit()
                ),
            );
            assert_eq!(ours.header.sample_len(), rustls.header.sample_len());
            for (sample_len, number_len) in [(15, 4), (16, 5)] {
                let (mut first, mut number) = (0x43, [1, 2, 3, 4, 5]);
                let (sample, number) = (&[9; 16][..sample_len], &mut number[..number_len]);
                let wrong = ours.header.encrypt_in_place(sample, &mut first, number);
                assert!(wrong.is_err());
                assert_eq!((first, number[0]), (0x43, 1), "nothing was changed");
            }
        }
    }

    #[test]
    fn a_packet_that_is_no_packet_opens_with_nothing() {
        for suite in 0..3 {
            let Both { ours, .. } = both(suite, b"id");
            for len in 0..40 {
                let mut packet = vec![0; len];
                let opened = ours.remote.packet.decrypt_in_place(1, b"", &mut packet);
                assert!(opened.is_err(), "{len} bytes");
            }
        }
    }

    #[test]
    fn a_key_that_waits_is_a_line_or_two_of_the_cache() {
        assert!(size_of::<PacketKey>() <= 72, "{}", size_of::<PacketKey>());
        assert!(size_of::<HeaderKey>() <= 64, "{}", size_of::<HeaderKey>());
    }
}
