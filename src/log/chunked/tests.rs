//! Bytes as docs/log.md has them, and what becomes of them when they change.

use std::sync::Mutex;

use proptest::prelude::*;

use super::*;
use crate::log::seal::{Draws, MasterKey, Vault};
use crate::log::storage::{Memory, read_whole};

/// Sealed under node key 7, which is 32 bytes `07`.
fn sealed() -> Chunked {
    let storage = Arc::new(Memory::new());
    let keyring = storage.create("keyring").unwrap();
    let vault = Vault::new(
        (keyring, Default::default()),
        MasterKey::new([1; 32]).cipher(),
    );
    let algorithm = Algorithm::Aes256Gcm;
    vault.keep(7, cipher(algorithm, &Zeroizing::new([7; 32])));
    let keys = SnapshotKeys {
        vault: Arc::new(vault),
        algorithm,
        key: 7,
        nonces: Arc::new(Mutex::new(Draws::new(&[9; 32], b"test"))),
    };
    Chunked::sealed(storage, Some(keys))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn files_are_byte_for_byte_as_documented() {
    let plain = Chunked::plain(Arc::new(Memory::new()));
    for (files, heading) in [(&plain, "In plain"), (&sealed(), "Sealed")] {
        files.replace("part/words", "群聊".as_bytes()).unwrap();
        let bytes = read_whole(&*files.storage, "part/words", u64::MAX).unwrap();
        assert_eq!(hex(&bytes), documented(heading), "{heading}");
    }
}

/// The bytes that docs/log.md shows under a heading of the section on these files.
fn documented(heading: &str) -> String {
    let document = include_str!("../../../docs/log.md");
    let (_, section) = document.split_once("## Files in pieces").unwrap();
    let (_, shown) = section.split_once(&format!("{heading}:")).unwrap();
    shown
        .split("```")
        .nth(1)
        .unwrap()
        .split_whitespace()
        .collect()
}

#[test]
fn every_changed_bit_every_cut_and_every_other_name_is_damage() {
    for files in [Chunked::plain(Arc::new(Memory::new())), sealed()] {
        let content: Vec<u8> = (0..PIECE_LEN + 100).map(|at| at as u8).collect();
        files.replace("a", &content).unwrap();
        let bytes = read_whole(&*files.storage, "a", u64::MAX).unwrap();
        let read = |name: &str, bytes: &[u8]| {
            let file = files.storage.create(name).unwrap();
            file.write_at(&mut [IoSlice::new(bytes)], 0).unwrap();
            files.read_whole(name, u64::MAX)
        };
        let is_damaged = |read: Result<_, _>| matches!(read, Err(ChunkedError::Damaged { .. }));
        assert_eq!(read("a", &bytes).unwrap(), content);
        for at in (0..HEAD_LEN).chain((HEAD_LEN..bytes.len()).step_by(97)) {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            assert!(is_damaged(read("a", &changed)), "byte {at}");
        }
        for len in (0..bytes.len()).step_by(61) {
            assert!(is_damaged(read("a", &bytes[..len])), "cut to {len}");
        }
        assert!(is_damaged(read("b", &bytes)), "under another name");
        // A file that ends with a whole piece, which was not the last.
        assert!(is_damaged(read("a", &bytes[..HEAD_LEN + SEALED_PIECE_LEN])));
        assert!(is_damaged(files.read_whole("b", 3)));
    }
}

#[test]
fn nothing_plain_is_believed_beside_an_encrypted_log_and_nothing_can_be_read_without_its_key() {
    let files = sealed();
    files.replace("a", b"some secret words").unwrap();
    let bytes = read_whole(&*files.storage, "a", u64::MAX).unwrap();
    assert!(!bytes.windows(6).any(|some| some == b"secret"));
    let plain = Chunked::plain(files.storage.clone());
    assert!(plain.open("a").is_err());
    plain.replace("b", b"not ours").unwrap();
    assert!(files.open("b").is_err());
}

#[test]
fn a_removed_file_has_lost_its_key_first() {
    let files = sealed();
    files.replace("a", b"some secret words").unwrap();
    let kept = files.storage.open("a").unwrap();
    files.remove("a").unwrap();
    let mut head = [1; HEAD_LEN];
    kept.read_at(&mut head, 0).unwrap();
    assert_eq!(head, [0; HEAD_LEN]);
}

proptest! {
    #[test]
    fn what_is_written_in_parts_is_read_in_parts(
        parts in prop::collection::vec(0_usize..40_000, 0..4),
        is_sealed: bool,
        ranges in prop::collection::vec((0_u64..100_000, 0_u64..100_000), 1..8),
    ) {
        let plain = Chunked::plain(Arc::new(Memory::new()));
        let files = if is_sealed { sealed() } else { plain };
        let mut writer = files.create("a").unwrap();
        let mut content = Vec::new();
        for (number, len) in parts.iter().enumerate() {
            let part: Vec<u8> = (0..*len).map(|at| (at + number) as u8).collect();
            writer.write(&part).unwrap();
            content.extend(part);
        }
        writer.finish().unwrap();
        let file = files.open("a").unwrap();
        prop_assert_eq!(file.len(), content.len() as u64);
        prop_assert_eq!(&file.read(0..file.len()).unwrap(), &content);
        for (from, to) in ranges {
            let expected = content.get(from as usize..to as usize);
            prop_assert_eq!(file.read(from..to).ok(), expected.map(<[u8]>::to_vec));
        }
    }
}
