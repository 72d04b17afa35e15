//! Sealed bytes as docs/log.md has them, and what becomes of them when any bit changes.

mod many;

use std::io::IoSlice;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::cipher::cipher;
use super::master::Draws;
use super::places::Places;
use super::*;
use crate::log::format::{
    Defect, Frame, FrameKeys, FrameSeal, KeyEntry, KeyringHeader, Purpose, Secret, Wrapped,
    encode_frame,
};
use crate::log::storage::{Memory, Storage};
use crate::log::{Entry, Record, Snapshots, Unreadable};
use crate::wire::{
    ClientMessageId, DeviceId, GroupId, Header, HeaderFields, Kind, PersonId, RecordNumber,
    Sequence, Take, Timestamp,
};

const SEGMENT: u64 = 0x1122_3344_5566_7788;
const RECORD: u64 = 42;
const VIEW_KEY: u32 = 3;
const PRIVATE_KEY: u32 = 2;

/// Data key `id` of these tests.
fn key(id: u32) -> Zeroizing<[u8; 32]> {
    Zeroizing::new([id as u8; 32])
}

fn master() -> MasterKey {
    MasterKey::new([0x4d; 32])
}

fn header(body_len: usize) -> Header {
    Header::new(&HeaderFields {
        kind: Kind::Text,
        tenant: TenantId(7),
        group: GroupId(9),
        sequence: Sequence(3),
        sender: PersonId(5),
        device: DeviceId(1),
        timestamp: Timestamp(1_700_000_000_000_000),
        record: RecordNumber(RECORD),
        membership_sequence: Sequence(1),
        message_ordinal: 2,
        client_message_id: ClientMessageId(6),
        body_len: body_len as u32,
        ..HeaderFields::default()
    })
}

fn frame(algorithm: Algorithm, view: &[u8], private: &[u8], takes: &[Take]) -> Vec<u8> {
    let ciphers = [VIEW_KEY, PRIVATE_KEY].map(|id| cipher(algorithm, &key(id)));
    let seal = FrameSeal {
        epoch: 2,
        salt: [0x5a; 16],
        keys: Some(FrameKeys {
            algorithm,
            view: (VIEW_KEY, &*ciphers[0]),
            private: (PRIVATE_KEY, &*ciphers[1]),
        }),
    };
    let header = header(view.len());
    let entry = Entry {
        header: &header,
        takes,
        view,
        private,
    };
    let mut bytes = Vec::new();
    encode_frame(&mut bytes, &entry, SEGMENT, &seal);
    bytes
}

fn entry(id: u32, algorithm: Algorithm, purpose: Purpose) -> KeyEntry {
    let mut entry = KeyEntry {
        id,
        purpose,
        algorithm: algorithm as u8,
        record: RECORD,
        settled: 1,
        epoch: 2,
        master: master().id().0,
        secret: Secret::Destroyed,
    };
    let (nonce, mut wrapped) = ([0x6e; 12], *key(id));
    let tag = master().cipher().seal(&nonce, &entry.name(), &mut wrapped);
    entry.secret = Secret::Wrapped(Wrapped {
        nonce,
        key: wrapped,
        tag,
    });
    entry
}

/// A vault with both keys, in a file of these entries.
fn vault(entries: &[KeyEntry]) -> Vault {
    let storage = Memory::new();
    let file = storage.create("keyring").expect("a file");
    for entry in entries {
        let at = KeyEntry::offset(entry.id);
        file.write_at(&mut [IoSlice::new(&entry.encode())], at)
            .expect("it is written");
    }
    Vault::new((file, Places::default()), master().cipher())
}

fn entries(algorithm: Algorithm) -> [KeyEntry; 2] {
    let (tenant, group) = (7, 9);
    let day = Timestamp(1_700_000_000_000_000).utc_day();
    [
        entry(PRIVATE_KEY, algorithm, Purpose::Tenant { tenant }),
        entry(
            VIEW_KEY,
            algorithm,
            Purpose::GroupDay { tenant, group, day },
        ),
    ]
}

fn open(bytes: &[u8], vault: &Vault) -> Result<Record, Defect> {
    let frame = Frame::decode(bytes, SEGMENT, RECORD)?;
    Record::of(&frame, Some(vault)).map_err(|why| match why {
        Unreadable::Defect(defect) => defect,
        Unreadable::Storage(error) => panic!("memory does not fail: {error}"),
    })
}

fn hex(bytes: &[u8]) -> String {
    let lines = bytes.chunks(16).map(|line| {
        let line: Vec<_> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        line.join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

const BOTH: [Algorithm; 2] = [Algorithm::Aes256Gcm, Algorithm::Sm4Gcm];

#[test]
fn sealed_bytes_are_those_of_the_documentation() {
    let document = include_str!("../../../docs/log.md");
    let sealed = |algorithm| frame(algorithm, b"hello", &[0xe0, 0xe1, 0xe2], &[]);
    let keyring = KeyringHeader {
        epoch: 2,
        log: [0x10; 16],
        master: master().id().0,
        settled: 1,
        dropped: 0,
    };
    let shrunk = KeyringHeader {
        settled: 5,
        dropped: 3,
        ..keyring
    };
    let live = entries(Algorithm::Aes256Gcm)[1];
    let destroyed = KeyEntry {
        secret: Secret::Destroyed,
        ..live
    };
    let erasure = KeyEntry {
        id: 4,
        purpose: Purpose::Erasure {
            tenant: 7,
            group: 9,
            day: 19_675,
            last_day: 19_676,
        },
        algorithm: 0,
        settled: 3,
        ..destroyed
    };
    let lost = KeyEntry {
        purpose: Purpose::Lost {
            tenant: 7,
            group: 9,
            day: 19_675,
        },
        algorithm: 0,
        record: 0,
        settled: 0,
        ..destroyed
    };
    let golden = [
        ("AES-256-GCM frame", sealed(Algorithm::Aes256Gcm)),
        ("SM4-GCM frame", sealed(Algorithm::Sm4Gcm)),
        ("keyring header", keyring.encode().to_vec()),
        (
            "header of a keyring with entries left out",
            shrunk.encode().to_vec(),
        ),
        ("key entry", live.encode().to_vec()),
        ("destroyed key entry", destroyed.encode().to_vec()),
        ("erasure entry", erasure.encode().to_vec()),
        ("lost entry", lost.encode().to_vec()),
    ];
    let undocumented: String = golden
        .iter()
        .map(|(name, bytes)| (name, hex(bytes)))
        .filter(|(_, hex)| !document.contains(hex))
        .map(|(name, hex)| format!("{name}:\n{hex}\n"))
        .collect();
    assert!(
        undocumented.is_empty(),
        "not in docs/log.md:\n{undocumented}"
    );
}

#[test]
fn a_sealed_snapshot_is_that_of_the_documentation() {
    let node = entry(1, Algorithm::Aes256Gcm, Purpose::Node);
    let keys = SnapshotKeys {
        vault: Arc::new(vault(&[node])),
        algorithm: Algorithm::Aes256Gcm,
        key: 1,
        nonces: Arc::new(Mutex::new(Draws::new(&[2; 32], b"snapshot nonces"))),
    };
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let snapshots = Snapshots::sealed(storage.clone(), Some(keys));
    let position = RecordNumber(RECORD);
    snapshots
        .write(position, b"a state")
        .expect("it is written");
    let file = storage
        .open("00000000000000000042.snapshot")
        .expect("there");
    let mut bytes = vec![0; file.len().expect("a length") as usize];
    file.read_at(&mut bytes, 0).expect("it is read");
    let shown = hex(&bytes);
    let document = include_str!("../../../docs/log.md");
    assert!(document.contains(&shown), "not in docs/log.md:\n{shown}");
    let latest = snapshots.latest().expect("readable");
    assert_eq!(latest, Some((position, b"a state".to_vec())));
}

/// Of RFC 8998, appendix A.1: SM4-GCM; and of NIST's AES-GCM test case 16, in its own nonce length.
#[test]
fn the_ciphers_are_those_of_the_standards() {
    let bytes = |hex: &str| -> Vec<u8> {
        let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
        digits
            .chunks(2)
            .map(|it| (it[0] << 4 | it[1]) as u8)
            .collect()
    };
    let array = |hex: &str| -> [u8; 12] { bytes(hex).try_into().expect("12 bytes") };

    let mut sm4 = Zeroizing::new([0; 32]);
    sm4[..16].copy_from_slice(&bytes("0123456789ABCDEFFEDCBA9876543210"));
    let mut text = bytes(
        "AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBBCCCCCCCCCCCCCCCCDDDDDDDDDDDDDDDD\
         EEEEEEEEEEEEEEEEFFFFFFFFFFFFFFFFEEEEEEEEEEEEEEEEAAAAAAAAAAAAAAAA",
    );
    let aad = bytes("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2");
    let nonce = array("00001234567800000000ABCD");
    let tag = cipher(Algorithm::Sm4Gcm, &sm4).seal(&nonce, &aad, &mut text);
    let sealed = "17F399F08C67D5EE19D0DC9969C4BB7D5FD46FD3756489069157B282BB200735\
                  D82710CA5C22F0CCFA7CBF93D496AC15A56834CBCF98C397B4024A2691233B8D";
    assert_eq!(text, bytes(sealed));
    assert_eq!(tag[..], bytes("83DE3541E4C2B58177E065A9BF7B62EC"));

    let mut aes = Zeroizing::new([0; 32]);
    let key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
    aes.copy_from_slice(&bytes(key));
    let mut text = bytes(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72\
         1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
    );
    let aad = bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    let nonce = array("cafebabefacedbaddecaf888");
    let tag = cipher(Algorithm::Aes256Gcm, &aes).seal(&nonce, &aad, &mut text);
    let sealed = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa\
                  8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662";
    assert_eq!(text, bytes(sealed));
    assert_eq!(tag[..], bytes("76fc6ece0f4e1768cddf8853bb2d551b"));
}

/// Writes a checksum over a frame's bytes as they are, so that only the seal can notice a change.
fn with_checksum(bytes: &mut [u8]) {
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&bytes[..4]), &bytes[8..]);
    bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
}

#[test]
fn any_flipped_bit_is_detected_even_under_a_fitting_checksum() {
    let take = |group| Take {
        group: GroupId(group),
        sequence: Sequence(3),
        membership_sequence: Sequence(1),
        message_ordinal: 2,
    };
    for algorithm in BOTH {
        let vault = vault(&entries(algorithm));
        let sealed = frame(
            algorithm,
            b"hello",
            &[0xe0, 0xe1, 0xe2],
            &[take(1), take(2)],
        );
        open(&sealed, &vault).expect("as it was sealed");
        for bit in 0..sealed.len() * 8 {
            let mut bytes = sealed.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            open(&bytes, &vault).expect_err("the checksum is not that of these bytes");
            // The checksum itself is written anew, and compactions give a record another segment.
            if !(4..8).contains(&(bit / 8)) && !(8..16).contains(&(bit / 8)) {
                with_checksum(&mut bytes);
                assert!(open(&bytes, &vault).is_err(), "bit {bit} of {algorithm}");
            }
        }
    }
}

#[test]
fn a_header_with_a_fitting_checksum_of_its_own_is_still_not_the_one_that_was_sealed() {
    let vault = vault(&entries(Algorithm::Aes256Gcm));
    let mut bytes = frame(Algorithm::Aes256Gcm, b"hello", &[], &[]);
    let mut fields = header(5).fields();
    fields.sender = PersonId(6);
    let at = bytes.len() - 96 - 16;
    bytes[at..at + 96].copy_from_slice(zerocopy::IntoBytes::as_bytes(&Header::new(&fields)));
    with_checksum(&mut bytes);
    assert_eq!(open(&bytes, &vault), Err(Defect::SealBroken));
}

#[test]
fn parts_do_not_pass_for_each_other() {
    // Both under one key, of one length: only the nonce tells them apart.
    let cipher = cipher(Algorithm::Aes256Gcm, &key(7));
    let one = (7, &*cipher);
    let seal = FrameSeal {
        epoch: 2,
        salt: [0; 16],
        keys: Some(FrameKeys {
            algorithm: Algorithm::Aes256Gcm,
            view: one,
            private: one,
        }),
    };
    let header = header(8);
    let entry = Entry {
        header: &header,
        takes: &[],
        view: &[1; 8],
        private: &[1; 8],
    };
    let mut bytes = Vec::new();
    encode_frame(&mut bytes, &entry, SEGMENT, &seal);
    let decoded = Frame::decode(&bytes, SEGMENT, RECORD).expect("a frame");
    assert_ne!(decoded.view(), decoded.private());
}

#[test]
fn every_bit_of_a_key_entry_is_checked() {
    let live = entries(Algorithm::Aes256Gcm)[1];
    let encoded = live.encode();
    assert_eq!(KeyEntry::decode(&encoded, VIEW_KEY), Ok(live));
    KeyEntry::decode(&encoded, VIEW_KEY + 1).expect_err("it stands in another's place");
    for bit in 0..encoded.len() * 8 {
        let mut bytes = encoded;
        bytes[bit / 8] ^= 1 << (bit % 8);
        let decoded = KeyEntry::decode(&bytes, VIEW_KEY);
        let noticed = decoded.is_err() || decoded.is_ok_and(|it| it.secret == Secret::Torn);
        assert!(noticed, "bit {bit}");
    }
    let header = KeyringHeader {
        epoch: 1,
        log: [2; 16],
        master: [3; 8],
        settled: 4,
        dropped: 3,
    };
    assert_eq!(KeyringHeader::decode(&header.encode()), Ok(header));
    for bit in 0..header.encode().len() * 8 {
        let mut bytes = header.encode();
        bytes[bit / 8] ^= 1 << (bit % 8);
        KeyringHeader::decode(&bytes).expect_err("a flipped bit");
    }
}

#[test]
fn a_key_is_wrapped_together_with_what_its_entry_says_of_it() {
    let [private, view] = entries(Algorithm::Aes256Gcm);
    let moved = KeyEntry {
        purpose: Purpose::GroupDay {
            tenant: 7,
            group: 10,
            day: 0,
        },
        ..view
    };
    let bytes = frame(Algorithm::Aes256Gcm, b"hello", &[], &[]);
    let opened = open(&bytes, &vault(&[private, moved]));
    assert_eq!(opened, Err(Defect::NoKey { key: VIEW_KEY }));
}

#[test]
fn a_frame_whose_view_key_is_destroyed_keeps_its_events_and_its_leaf() {
    let [private, view] = entries(Algorithm::Sm4Gcm);
    let bytes = frame(Algorithm::Sm4Gcm, b"hello", b"events", &[]);
    let whole = open(&bytes, &vault(&[private, view])).expect("both keys are there");
    assert_eq!(
        (whole.envelope.body(), whole.erased),
        (&b"hello"[..], false)
    );
    let destroyed = KeyEntry {
        secret: Secret::Destroyed,
        ..view
    };
    let left = open(&bytes, &vault(&[private, destroyed])).expect("erased is not damaged");
    assert_eq!((left.envelope.body(), left.erased), (&b""[..], true));
    assert_eq!(
        (&left.private[..], left.takes),
        (&b"events"[..], whole.takes)
    );
    let missing = open(&bytes, &vault(&[private]));
    assert_eq!(missing, Err(Defect::NoKey { key: VIEW_KEY }));
}

#[test]
fn a_vault_forgets_keys_that_are_destroyed() {
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let keyring = Keyring::open(&storage, None, [1; 16], 1, &master(), &[2; 32]);
    let encryption = Encryption::new(master());
    let keyring = keyring.expect("memory does not fail");
    let mut sealing = Sealing::new(encryption, keyring, 0, &[2; 32]).expect("a node key");
    let header = header(0);
    let entry = Entry {
        header: &header,
        takes: &[],
        view: &[],
        private: &[],
    };
    sealing.prepare(&[entry]).expect("keys are made");
    let ids = |keys: FrameKeys<'_>| (keys.view.0, keys.private.0);
    let before = ids(sealing.keys_of(0));
    let erasure = Erasure {
        tenant: TenantId(7),
        group: GroupId(9),
        days: 0..=i32::MAX,
    };
    let erasure = erasure.as_gone();
    let destroyed = sealing.destroy(&erasure, 1).expect("it is destroyed");
    assert_eq!((destroyed.ids.len(), destroyed.more), (1, false));
    let gone = sealing.vault().key(before.0).expect("readable");
    assert!(matches!(gone, Loaded::Destroyed));
    let again = sealing.destroy(&erasure, 1).expect("again");
    assert!(again.ids.is_empty());
    sealing.prepare(&[entry]).expect("a new key is made");
    let after = ids(sealing.keys_of(0));
    assert_ne!(before.0, after.0, "a key that is gone seals no more");
    assert_eq!(before.1, after.1);
}

#[test]
fn days_are_utc_days_before_1970_too() {
    let day_us = 86_400_000_000;
    let days = [-1, 0, day_us - 1, day_us].map(|time| Timestamp(time).utc_day());
    assert_eq!(days, [-1, 0, 0, 1]);
}

proptest! {
    #[test]
    fn what_is_sealed_opens_to_what_it_was(
        view in proptest::collection::vec(any::<u8>(), 0..300),
        private in proptest::collection::vec(any::<u8>(), 0..300),
        which in 0usize..2,
    ) {
        let vault = vault(&entries(BOTH[which]));
        let bytes = frame(BOTH[which], &view, &private, &[]);
        let record = open(&bytes, &vault).expect("as it was sealed");
        prop_assert_eq!(record.envelope.body(), &view[..]);
        prop_assert_eq!(record.private, private);
        prop_assert_eq!(record.envelope.header(), &header(view.len()));
    }

    #[test]
    fn key_entries_of_any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = KeyEntry::decode(&bytes, 1);
        let _ = KeyringHeader::decode(&bytes);
    }
}
