//! Golden bytes, the definition of RFC 6962 word for word, and hostile text.

mod attested;

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::log::node_hash;

fn commitments(count: u64) -> Vec<Hash> {
    (0..count)
        .map(|number| Sha256::digest(number.to_le_bytes()).into())
        .collect()
}

/// RFC 6962, section 2.1.
fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node_hash(&naive_root(left), &naive_root(right))
        }
    }
}

fn naive_path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    let (mut path, other) = if index < left.len() {
        (naive_path(index, left), right)
    } else {
        (naive_path(index - left.len(), right), left)
    };
    path.push(naive_root(other));
    path
}

fn naive_subproof(old: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if whole {
            Vec::new()
        } else {
            vec![naive_root(leaves)]
        };
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    let (mut proof, other) = if old <= left.len() {
        (naive_subproof(old, left, whole), right)
    } else {
        (naive_subproof(old - left.len(), right, false), left)
    };
    proof.push(naive_root(other));
    proof
}

/// A tile by the definition of tlog-tiles: the i-th hash of tile n of level l is that of the leaves
/// from (256 n + i) 256^l on, 256^l of them.
fn naive_tile(tile: Tile, leaves: &[Hash]) -> Vec<Hash> {
    let Part::Hashes(level) = tile.part() else {
        panic!("a tile of hashes");
    };
    let span = 256_usize.pow(level.into());
    let nodes = (0..tile.width() as usize).map(|i| tile.number() as usize * 256 + i);
    nodes
        .map(|node| naive_root(&leaves[node * span..(node + 1) * span]))
        .collect()
}

fn key() -> SigningKey {
    SigningKey::new("throng.example/log", [7; 32]).unwrap()
}

#[test]
fn paths_are_those_of_the_specification() {
    let path = |part, number, size| Tile::in_tree(part, number, size).unwrap().to_string();
    assert_eq!(path(Part::Hashes(0), 0, 256), "tile/0/000");
    assert_eq!(path(Part::Hashes(0), 273, 70_000), "tile/0/273.p/112");
    assert_eq!(path(Part::Hashes(1), 1, 70_000), "tile/1/001.p/17");
    assert_eq!(path(Part::Hashes(2), 0, 70_000), "tile/2/000.p/1");
    assert_eq!(
        path(Part::Hashes(0), 1_234_067, u64::MAX),
        "tile/0/x001/x234/067"
    );
    assert_eq!(
        path(Part::Entries, 1_234, 256 * 1_234 + 5),
        "tile/entries/x001/234.p/5"
    );
    assert_eq!(Tile::in_tree(Part::Hashes(0), 274, 70_000), None);
    assert_eq!(Tile::in_tree(Part::Hashes(1), 0, 255), None);
    assert_eq!(Tile::in_tree(Part::Hashes(0), u64::MAX, u64::MAX), None);
}

#[test]
fn only_the_one_path_of_a_tile_is_read() {
    for good in [
        "tile/0/000",
        "tile/63/x001/234.p/255",
        "tile/entries/999.p/1",
    ] {
        assert_eq!(good.parse::<Tile>().unwrap().to_string(), good);
    }
    for bad in [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/+0/000",
        "tile/0/x000/001",
        "tile/0/001/234",
        "tile/0/x001",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/000/",
        "/tile/0/000",
        "tile/0/../000",
        "tile/0/x../000",
        "tile/../../etc/passwd",
        "tile/entries/..",
        "tile/0/%2e%2e",
        "tile//000",
        "tile/data/000",
        "tile/0/\u{0660}\u{0660}\u{0660}",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/x999/999",
    ] {
        assert!(bad.parse::<Tile>().is_err(), "{bad}");
    }
}

#[test]
fn the_new_tiles_of_a_tree_are_those_that_are_new_or_wider() {
    let paths = |from, to| {
        tiles_of(from, to)
            .map(|tile| tile.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(paths(0, 0), [""; 0]);
    assert_eq!(paths(5, 5), [""; 0]);
    assert_eq!(paths(0, 3), ["tile/entries/000.p/3", "tile/0/000.p/3"]);
    assert_eq!(
        paths(255, 257),
        [
            "tile/entries/000",
            "tile/entries/001.p/1",
            "tile/0/000",
            "tile/0/001.p/1",
            "tile/1/000.p/1"
        ]
    );
    assert_eq!(paths(256, 257), ["tile/entries/001.p/1", "tile/0/001.p/1"]);
}

#[test]
fn an_entry_is_its_length_and_the_commitment() {
    let bundle = encode_entries(&[[0xaa; 32], [0xbb; 32]]);
    assert_eq!(bundle.len(), 68);
    assert_eq!(bundle[..3], [0, 32, 0xaa]);
    assert_eq!(bundle[34..37], [0, 32, 0xbb]);
    assert_eq!(decode_entries(&bundle), Some(vec![[0xaa; 32], [0xbb; 32]]));
    assert_eq!(decode_entries(&bundle[..67]), None);
    assert_eq!(decode_entries(&[0; 34]), None, "an entry of another length");
}

/// Made by Go's sumdb/note from this seed (tests/interop/golden).
#[test]
fn keys_and_notes_are_byte_for_byte_those_of_the_reference() {
    let key = key();
    assert_eq!(
        key.to_text(),
        "PRIVATE+KEY+throng.example/log+e1eb963a+AQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH"
    );
    assert_eq!(
        key.verifying_key().to_string(),
        "throng.example/log+e1eb963a+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs"
    );
    let checkpoint = Checkpoint {
        origin: key.name().to_owned(),
        size: 70_000,
        root: [0x5a; 32],
    };
    assert_eq!(
        checkpoint.sign(&key),
        "throng.example/log\n70000\nWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo=\n\n\
         \u{2014} throng.example/log 4euWOtrjMaJkuGLpb6AXPiQTYYoJRlQ3wzRdPI3Io+cquuVHJBM6abRSMwrMZkiE\
         TriNuoL9wS/RN7fp0OwBgb0MKw4=\n"
    );
    let parsed = SigningKey::parse(&key.to_text()).unwrap();
    assert_eq!(parsed.verifying_key(), key.verifying_key());
    let public = key.verifying_key();
    assert_eq!(VerifyingKey::parse(&public.to_string()), Ok(public.clone()));
    assert_eq!(
        Checkpoint::verify(checkpoint.sign(&key).as_bytes(), &public),
        Ok(checkpoint)
    );
}

#[test]
fn keys_that_are_none_are_refused() {
    let (private, public) = (key().to_text(), key().verifying_key().to_string());
    assert!(matches!(
        SigningKey::parse(&public),
        Err(KeyError::Malformed)
    ));
    let other = private.replace("throng.example", "thrung.example");
    assert!(matches!(SigningKey::parse(&other), Err(KeyError::Id)));
    let other = public.replace("throng.example", "thrung.example");
    assert_eq!(VerifyingKey::parse(&other), Err(KeyError::Id));
    for name in ["", "a b", "a+b", "a\nb", "a\u{3000}b"] {
        assert!(
            matches!(SigningKey::new(name, [0; 32]), Err(KeyError::Name)),
            "{name}"
        );
    }
    assert!(!format!("{:?}", key()).contains(&private[private.len() - 20..]));
}

fn note_with(lines: &str) -> Vec<u8> {
    let signed = sign("one\n", &key());
    let (text, ours) = signed.split_once("\n\n").unwrap();
    format!("{text}\n\n{}", lines.replace("OURS\n", ours)).into_bytes()
}

#[test]
fn signatures_of_other_keys_are_passed_over_and_of_ours_checked() {
    let public = key().verifying_key();
    // Of another name, of our name with another id, and of a kind nobody here knows (SM2).
    let other = "\u{2014} witness.example AAAAAQID\n";
    let sm2 = format!("\u{2014} {} {}\n", public.name(), base64(&[0xff; 4 + 72]));
    for lines in [
        "OURS\n".to_owned(),
        format!("{other}OURS\n"),
        format!("OURS\n{sm2}{other}"),
        format!("{sm2}OURS\n"),
    ] {
        assert_eq!(verify(&note_with(&lines), &public), Ok("one\n"), "{lines}");
    }
    let key = public.to_string();
    let unsigned = note_with(&format!("{other}{sm2}"));
    assert_eq!(
        verify(&unsigned, &public),
        Err(NoteError::NotSigned { key: key.clone() })
    );
    let changed = String::from_utf8(note_with("OURS\n"))
        .unwrap()
        .replacen("one", "two", 1);
    let wrong = Err(NoteError::WrongSignature { key });
    assert_eq!(verify(changed.as_bytes(), &public), wrong);
    for malformed in [
        "",
        "OURS",
        "- a AAAAAA==\n",
        "\u{2014} a b\n",
        "\u{2014} a\n",
        "OURS\n\t\n",
    ] {
        let note = note_with(malformed);
        assert_eq!(
            verify(&note, &public),
            Err(NoteError::Malformed),
            "{malformed:?}"
        );
    }
    let found = NOTE_LEN_MAX + 1;
    assert_eq!(
        verify(&vec![b'a'; found], &public),
        Err(NoteError::TooLong { found })
    );
}

#[test]
fn a_checkpoint_is_of_its_own_origin_only_and_says_nothing_twice() {
    let (key, root) = (key(), base64(&[1; 32]));
    let checkpoint = Checkpoint {
        origin: "throng.example/other".to_owned(),
        size: 1,
        root: [1; 32],
    };
    let note = checkpoint.sign(&key);
    let refused = Checkpoint::verify(note.as_bytes(), &key.verifying_key());
    assert!(
        matches!(refused, Err(CheckpointError::Origin { .. })),
        "{refused:?}"
    );
    let extended = format!("a\n1\n{root}\nextension\n");
    assert_eq!(Checkpoint::parse(&extended).unwrap().size, 1);
    for bad in [
        String::new(),
        format!("\n1\n{root}\n"),
        format!("a\n01\n{root}\n"),
        format!("a\n-1\n{root}\n"),
        format!("a\n18446744073709551616\n{root}\n"),
        format!("a\n1\n{root}"),
        format!("a\n1\n{root}\n\nb\n"),
        "a\n1\nAAAA\n".to_owned(),
    ] {
        assert_eq!(
            Checkpoint::parse(&bad),
            Err(CheckpointError::Malformed),
            "{bad:?}"
        );
    }
}

#[test]
fn an_origin_names_log_and_incarnation() {
    let origin = Origin {
        name: "throng.example/acme".to_owned(),
        log: std::array::from_fn(|at| at as u8),
        incarnation: 42,
    };
    let text = "throng.example/acme/000102030405060708090a0b0c0d0e0f/42";
    assert_eq!(origin.to_string(), text);
    assert_eq!(Origin::parse(text), Some(origin));
    assert_eq!(Origin::parse("throng.example/acme/42"), None);
    assert_eq!(Origin::parse(&text.replace("/42", "/042")), None);
}

#[test]
fn a_proof_file_is_read_as_it_was_written_and_proves_one_record() {
    let commitments = commitments(300);
    let leaves: Vec<_> = commitments.iter().map(leaf_hash).collect();
    let key = key();
    let checkpoint = Checkpoint {
        origin: key.name().to_owned(),
        size: 300,
        root: naive_root(&leaves),
    };
    let proof = Proof {
        commitment: commitments[299],
        index: 299,
        path: naive_path(299, &leaves),
        checkpoint: checkpoint.sign(&key),
    };
    let text = proof.to_string();
    let head = "c2sp.org/tlog-proof@v1\nextra ";
    assert!(text.starts_with(head), "{text}");
    assert!(text.contains("=\nindex 299\n"), "{text}");
    assert!(text.contains("=\n\nthrong.example/log\n300\n"), "{text}");
    let read = Proof::parse(&text).unwrap();
    assert_eq!(read, proof);
    assert_eq!(read.verify(&key.verifying_key()), Ok(checkpoint));
    let other = Proof {
        commitment: commitments[298],
        ..proof.clone()
    };
    assert_eq!(other.verify(&key.verifying_key()), Err(Mismatch.into()));
    let elsewhere = Proof {
        index: 298,
        ..proof
    };
    assert_eq!(elsewhere.verify(&key.verifying_key()), Err(Mismatch.into()));
    let long = text.replace(
        "index 299\n",
        &format!(
            "index 299\n{}",
            format!("{}\n", base64(&[0; 32])).repeat(65)
        ),
    );
    assert_eq!(Proof::parse(&long), Err(ProofError::Malformed));
    assert_eq!(
        Proof::parse(&text.replace("index 299", "index 0299")),
        Err(ProofError::Malformed)
    );
}

#[test]
fn an_edge_is_taken_up_only_as_its_size_asks_for() {
    let mut edge = Edge::default();
    for commitment in commitments(70_000) {
        edge.push(leaf_hash(&commitment), |_, _| ());
    }
    let levels: Vec<Vec<Hash>> = (0..3).map(|level| edge.hashes(level).to_vec()).collect();
    assert_eq!(
        levels.iter().map(Vec::len).collect::<Vec<_>>(),
        [112, 17, 1]
    );
    assert_eq!(Edge::of(70_000, levels.clone()), Some(edge));
    assert_eq!(Edge::of(70_001, levels.clone()), None);
    assert_eq!(Edge::of(70_000, levels[..2].to_vec()), None);
    assert_eq!(Edge::of(0, Vec::new()), Some(Edge::default()));
    assert_eq!(Edge::default().root(), empty_root());
}

/// Sizes around the places where tiles and levels end, and any other.
fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![
        1_usize..20,
        250_usize..262,
        505_usize..520,
        1_usize..3_000,
        Just(65_536),
        65_530_usize..65_800
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn tiles_roots_and_proofs_are_those_of_the_definition(size in sizes(), at in any::<prop::sample::Index>(), old in any::<prop::sample::Index>()) {
        let commitments = commitments(size as u64);
        let leaves: Vec<_> = commitments.iter().map(leaf_hash).collect();
        let (mut edge, mut tiles) = (Edge::default(), HashMap::new());
        for leaf in &leaves {
            edge.push(*leaf, |tile, hashes| { tiles.insert(tile, hashes.to_vec()); });
        }
        let root = naive_root(&leaves);
        prop_assert_eq!(edge.root(), root);
        let (index, size) = (at.index(size), size as u64);
        for tile in tiles_of(0, size) {
            let Part::Hashes(level) = tile.part() else { continue };
            if !tile.is_full() {
                tiles.insert(tile, edge.hashes(level.into()).to_vec());
            }
            prop_assert_eq!(&tiles[&tile], &naive_tile(tile, &leaves), "{}", tile);
        }
        let read = |tile: Tile| tiles.get(&tile).cloned().ok_or(tile);
        let path = inclusion(index as u64, size, read).unwrap();
        prop_assert_eq!(&path, &naive_path(index, &leaves));
        prop_assert_eq!(verify_inclusion(index as u64, size, leaves[index], &path, &root), Ok(()));
        let mut other = leaves[index];
        other[0] ^= 1;
        prop_assert_eq!(verify_inclusion(index as u64, size, other, &path, &root), Err(Mismatch));
        if !path.is_empty() {
            let short = &path[1..];
            prop_assert_eq!(verify_inclusion(index as u64, size, leaves[index], short, &root), Err(Mismatch));
        }
        prop_assert_eq!(verify_inclusion(size, size, leaves[index], &path, &root), Err(Mismatch));

        let old = old.index(leaves.len()) + 1;
        let old_root = naive_root(&leaves[..old]);
        let proof = consistency(old as u64, size, read).unwrap();
        prop_assert_eq!(&proof, &naive_subproof(old, &leaves, true));
        let (was, is) = ((old as u64, &old_root), (size, &root));
        prop_assert_eq!(verify_consistency(was, is, &proof), Ok(()));
        prop_assert_eq!(verify_consistency((old as u64, &other), is, &proof), Err(Mismatch));
        prop_assert_eq!(verify_consistency(was, (size, &other), &proof), Err(Mismatch));
        if let Some((_, short)) = proof.split_last() {
            prop_assert_eq!(verify_consistency(was, is, short), Err(Mismatch));
        }
    }

    #[test]
    fn random_text_is_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), text in "\\PC{0,200}") {
        let public = key().verifying_key();
        prop_assert!(verify(&bytes, &public).is_err());
        prop_assert!(Checkpoint::verify(text.as_bytes(), &public).is_err());
        prop_assert!(Proof::parse(&text).is_err());
        prop_assert!(VerifyingKey::parse(&text).is_err());
        let _ = text.parse::<Tile>();
        let _ = decode_entries(&bytes);
    }
}
