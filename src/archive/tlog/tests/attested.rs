//! Timestamps and cosignatures: bytes forever, and hostile ones.

use super::*;
use crate::log::Memory;
use crate::log::storage::{Fault, Faulty};

/// OpenSSL's reply to the request below: a millisecond in its time, the authority's certificate in it.
const REPLY: &[u8] = include_bytes!("reply.tsr");

fn request() -> TimestampRequest {
    TimestampRequest::of(b"a checkpoint", [0xa5; 16])
}

/// As `openssl ts -query -text` reads it.
#[test]
fn a_timestamp_request_is_these_bytes_and_openssls_reply_answers_it() {
    let hex: String = request()
        .der()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        hex,
        "304b0201013031300d0609608648016503040201050004208c51bcbcf387d1f00d73035db73bc8d356a5ad7b123e\
         0af1d8cecb8107c58cd7021065a5a5a5a5a5a5a5a5a5a5a5a5a5a5a50101ff"
    );
    let token = request().check(REPLY).unwrap();
    assert_eq!(token.time_s, 1_795_396_848);
    token.covers(b"a checkpoint").unwrap();
    let other = TimestampRequest::of(b"a checkpoint", [0xa4; 16]);
    assert_eq!(other.check(REPLY), Err(TimestampError::Nonce));
    let other = TimestampRequest::of(b"another", [0xa5; 16]);
    assert_eq!(other.check(REPLY), Err(TimestampError::Imprint));
}

#[test]
fn whatever_is_drawn_for_a_nonce_the_request_is_as_long() {
    for byte in [0, 1, 0x7f, 0x80, 0xff] {
        let request = TimestampRequest::of(b"a checkpoint", [byte; 16]);
        assert_eq!(request.der().len(), 77, "{byte}");
    }
}

#[test]
fn a_reply_that_is_cut_changed_or_too_long_is_refused_without_a_panic() {
    for len in 0..REPLY.len() {
        assert!(Token::read(&REPLY[..len]).is_err(), "{len}");
    }
    let mut bytes = REPLY.to_vec();
    for at in 0..bytes.len() {
        for bit in [0x01, 0x80, 0xff] {
            bytes[at] ^= bit;
            // The authority's signature is not looked at here, so some are taken: of the same bytes.
            if let Ok(token) = request().check(&bytes) {
                token.covers(b"a checkpoint").unwrap();
            }
            bytes[at] ^= bit;
        }
    }
    bytes.resize(REPLY_LEN_MAX + 1, 0);
    let found = REPLY_LEN_MAX + 1;
    assert_eq!(Token::read(&bytes), Err(TimestampError::TooLong { found }));
    // Status 2, rejection, in place of 0, granted.
    let mut bytes = REPLY.to_vec();
    let status = bytes.windows(5).position(|at| at == [0x30, 3, 2, 1, 0]);
    bytes[status.unwrap() + 4] = 2;
    let rejected = Err(TimestampError::NotGranted { status: 2 });
    assert_eq!(Token::read(&bytes), rejected);
}

#[test]
fn only_the_one_path_of_a_timestamp_is_read_and_its_files_are_these() {
    let stamp = Stamp {
        incarnation: 0,
        size: 70_000,
    };
    let storage = Memory::new();
    stamp.store(&storage, b"checkpoint", b"reply").unwrap();
    let mut names = crate::log::Storage::names(&storage).unwrap();
    names.sort_unstable();
    assert_eq!(
        names,
        ["timestamps/0/70000.checkpoint", "timestamps/0/70000.tsr"]
    );
    for name in &names {
        let (read, file) = Stamp::of_path(name).unwrap();
        assert_eq!((read, &read.path(file)), (stamp, name));
    }
    assert_eq!(stamp.read(&storage, StampFile::Reply).unwrap(), b"reply");
    assert_eq!(stamps(&storage).unwrap(), [stamp]);
    for bad in [
        "",
        "timestamps/0/70000",
        "timestamps/0/070000.tsr",
        "timestamps/00/7.tsr",
        "timestamps/0/0/7.tsr",
        "timestamps/0/../7.tsr",
        "timestamps/0/7.tsr.new",
        "timestamps//7.tsr",
        "timestamps/-1/7.tsr",
        "timestamps/0/7.txt",
        "timestamps/0/18446744073709551616.tsr",
        "/timestamps/0/7.tsr",
    ] {
        assert_eq!(Stamp::of_path(bad), None, "{bad}");
    }
}

#[test]
fn a_timestamp_is_whole_or_not_there_after_a_crash_at_any_boundary() {
    let stamp = |size| Stamp {
        incarnation: 3,
        size,
    };
    let (mut crashes, mut kept) = (0, 0);
    for at in 0.. {
        let disk = Faulty::new(at);
        stamp(7).store(&disk, b"one", b"reply one").unwrap();
        let first = disk.boundaries();
        disk.plan(first + at, Fault::Crash);
        let stored = stamp(9).store(&disk, b"two", b"reply two");
        if stored.is_ok() {
            break;
        }
        crashes += 1;
        let disk = disk.restart();
        let found = stamps(&disk).unwrap();
        assert!(found.starts_with(&[stamp(7)]), "{found:?}");
        kept += found.len() - 1;
        for stamp in found {
            let read = |file| stamp.read(&disk, file).unwrap();
            let note = read(StampFile::Checkpoint);
            let whole: &[u8] = if stamp.size == 7 { b"one" } else { b"two" };
            assert_eq!(note, whole, "{at}");
            assert_eq!(read(StampFile::Reply), [b"reply ", whole].concat(), "{at}");
        }
        // The next try makes it good.
        stamp(9).store(&disk, b"two", b"reply two").unwrap();
        assert_eq!(stamps(&disk).unwrap(), [stamp(7), stamp(9)]);
    }
    assert!(crashes > 5 && kept < crashes, "{crashes}, {kept}");
}

/// Made with Go's crypto/ed25519 from this seed (tests/interop/golden).
#[test]
fn witness_keys_and_cosignatures_are_byte_for_byte_those_of_the_specification() {
    let vkey = "witness.example/w1+24b5d9fe+BP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY";
    let line = "\u{2014} witness.example/w1 JLXZ/gAAAABkGFDL9tK4QhHz3oI0fc9WYwFoLV6R9Uk9E9zcbIrguLyMN\
                QalBoVq+2J8E4QT8SVyu7lA6ZUiRi9WGlKnUvNcXsBwDw==\n";
    let witness = WitnessKey::parse(vkey).unwrap();
    assert_eq!(witness.to_string(), vkey);
    let checkpoint = Checkpoint {
        origin: key().name().to_owned(),
        size: 70_000,
        root: [0x5a; 32],
    };
    let note = checkpoint.sign(&key());
    let cosigned = format!("{note}{line}");
    let found = witness.cosigned(cosigned.as_bytes()).unwrap();
    assert_eq!((found.time_s, found.line.as_str()), (1_679_315_147, line));
    let public = key().verifying_key();
    assert_eq!(
        Checkpoint::verify(cosigned.as_bytes(), &public),
        Ok(checkpoint),
        "a line of a witness is passed over by who asks for the log's"
    );
    let later = cosigned.replacen("70000", "70001", 1);
    let wrong = witness.cosigned(later.as_bytes());
    assert!(
        matches!(wrong, Err(NoteError::WrongSignature { .. })),
        "{wrong:?}"
    );
    let none = witness.cosigned(note.as_bytes());
    assert!(matches!(none, Err(NoteError::NotSigned { .. })), "{none:?}");
}

#[test]
fn a_logs_key_is_no_witnesss_and_the_other_way_round() {
    let vkey = "witness.example/w1+24b5d9fe+BP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY";
    assert_eq!(VerifyingKey::parse(vkey), Err(KeyError::Malformed));
    let log = key().verifying_key().to_string();
    assert_eq!(WitnessKey::parse(&log), Err(KeyError::Malformed));
    let renamed = vkey.replace("/w1", "/w2");
    assert_eq!(WitnessKey::parse(&renamed), Err(KeyError::Id));
    for text in ["", "a+b", "a b+24b5d9fe+BP0X", "w+00000000+BA=="] {
        assert!(WitnessKey::parse(text).is_err(), "{text}");
    }
}

#[test]
fn lines_are_added_to_the_checkpoint_they_are_of_and_to_no_other() {
    let storage = Memory::new();
    let checkpoint = |size| Checkpoint {
        origin: format!("x/{:032}/0", 0),
        size,
        root: [1; 32],
    };
    let write = |note: &str| {
        let mut slices = [std::io::IoSlice::new(note.as_bytes())];
        crate::log::storage::replace(&storage, CHECKPOINT, &mut slices).unwrap();
    };
    let published = || String::from_utf8(read_note(&storage).unwrap().unwrap()).unwrap();
    let kept = || String::from_utf8(read_cosigned(&storage).unwrap().unwrap()).unwrap();
    let [one, two] = ["\u{2014} one AAAAAAAA\n", "\u{2014} two AAAAAAAA\n"].map(str::to_owned);
    let (old, new) = (checkpoint(7), checkpoint(8));
    let add = |of: &Checkpoint, line: &String| {
        add_lines(&storage, &of.to_text(), std::slice::from_ref(line)).unwrap()
    };
    assert!(!add(&old, &one), "nothing is published");
    let [old_note, new_note] = [&old, &new].map(|it| it.sign(&key()));
    write(&old_note);
    assert!(add(&old, &one) && add(&old, &two) && add(&old, &one));
    assert_eq!(published(), format!("{old_note}{one}{two}"));
    write(&new_note);
    assert!(!add(&old, &one));
    assert_eq!(published(), new_note);

    keep_cosigned(&storage, &old_note, std::slice::from_ref(&one)).unwrap();
    keep_cosigned(&storage, &old_note, std::slice::from_ref(&two)).unwrap();
    assert_eq!(
        kept(),
        format!("{old_note}{one}{two}"),
        "of one checkpoint all stay"
    );
    keep_cosigned(&storage, &new_note, std::slice::from_ref(&two)).unwrap();
    assert_eq!(kept(), format!("{new_note}{two}"));
    // A repaired log is another one: what was cosigned of the one before stays evidence.
    let mut next = checkpoint(2);
    next.origin = format!("x/{:032}/1", 0);
    let next_note = next.sign(&key());
    keep_cosigned(&storage, &next_note, std::slice::from_ref(&one)).unwrap();
    let mut names = crate::log::Storage::names(&storage).unwrap();
    names.sort_unstable();
    assert_eq!(names, ["checkpoint", "cosigned", "cosigned.0"]);
    assert_eq!(kept(), format!("{next_note}{one}"));
    // No note is made longer than what is read.
    let long = format!("\u{2014} long {}\n", "A".repeat(NOTE_LEN_MAX));
    assert!(!add(&new, &long));
    assert_eq!(published(), new_note);
}

proptest! {
    #[test]
    fn random_answers_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), text in "\\PC{0,200}") {
        prop_assert!(Token::read(&bytes).is_err());
        prop_assert!(WitnessKey::parse(&text).is_err());
        prop_assert_eq!(Stamp::of_path(&text), None);
        let vkey = "witness.example/w1+24b5d9fe+BP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY";
        let witness = WitnessKey::parse(vkey).unwrap();
        prop_assert!(witness.cosigned(&bytes).is_err());
        let checkpoint = Checkpoint { origin: "o".to_owned(), size: 7, root: [1; 32] };
        let note = checkpoint.sign(&key());
        let asked = AddCheckpoint { old: 0, body: String::new() };
        for body in [&bytes, text.as_bytes()] {
            let read = read_answer(&asked, (&note, &checkpoint), &witness, (200, body));
            prop_assert!(read.is_err());
        }
    }
}
