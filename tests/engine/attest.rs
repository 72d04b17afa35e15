//! Timestamps and cosignatures of what an engine publishes: honest and lying authorities, witnesses that refuse
//! a fork, and nobody who waits for either.

#![cfg(feature = "server")] // An authority is a command.
#![allow(clippy::unwrap_used)] // A test's own helpers may panic.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::authority::OpenSsl;
use crate::town;
use crate::witness::{TIME_S, TestWitness};
use throng::archive::tlog::{
    AddCheckpoint, Answer, Checkpoint, NoteError, SigningKey, Stamp, StampFile, TimestampError,
    TimestampRequest, Token, WitnessError, WitnessKey, audit, read_answer, read_checkpoint,
    read_cosigned, read_note, stamps,
};
use throng::engine::{
    AskError, Authority, Engine, Options, Stats, Timestamping, Transparency, Witness, Witnessing,
};
use throng::hook::AuthorityCommand;
use throng::log::{Directory, Memory, Storage};

const SOON: Duration = Duration::from_millis(20);

fn key() -> SigningKey {
    SigningKey::new("attest.example", [3; 32]).unwrap()
}

fn witness() -> TestWitness {
    TestWitness::new("witness.example/w1", 9, key().verifying_key())
}

fn publishing(storage: &Arc<dyn Storage>) -> Transparency {
    let mut transparency = Transparency::new(Arc::clone(storage), key());
    transparency.every = SOON;
    transparency
}

fn options(transparency: Transparency) -> Options {
    let mut options = Options::default();
    options.transparency = Some(transparency);
    options
}

fn timestamped(storage: &Arc<dyn Storage>, authority: Arc<dyn Authority>) -> Options {
    let mut transparency = publishing(storage);
    transparency.timestamps = Some(Timestamping {
        authority,
        every: SOON,
    });
    options(transparency)
}

fn cosigned(storage: &Arc<dyn Storage>, by: &[(WitnessKey, Arc<dyn Witness>)]) -> Options {
    let mut transparency = publishing(storage);
    transparency.witnesses = Some(Witnessing {
        witnesses: by.to_vec(),
        every: SOON,
    });
    options(transparency)
}

fn key_of(witness: &TestWitness) -> WitnessKey {
    WitnessKey::parse(&witness.vkey()).unwrap()
}

fn wait_until(engine: &Engine, what: impl Fn(&Stats) -> bool) {
    let began = Instant::now();
    while !what(&engine.stats()) {
        let waited = began.elapsed();
        assert!(waited < Duration::from_secs(30), "{:?}", engine.stats());
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn grow(engine: &Engine, by: u64) {
    for _ in 0..by {
        engine.create_tenant(town::tenant("Another")).unwrap();
    }
}

#[test]
fn a_reply_that_does_not_answer_the_request_is_refused_by_name() {
    let authority = OpenSsl::new();
    let request = TimestampRequest::of(b"a checkpoint", [0xa5; 16]);
    let ask = |command: &str| {
        let command = AuthorityCommand::new(command, Duration::from_secs(20)).unwrap();
        request.check(&command.ask(request.der()).unwrap())
    };
    let token = ask(&authority.honest()).unwrap();
    token.covers(b"a checkpoint").unwrap();
    assert_eq!(token.covers(b"another"), Err(TimestampError::Imprint));
    let now = std::time::SystemTime::now();
    let now_s = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(now_s.abs_diff(token.time_s) < 60, "{}", token.time_s);
    for (command, expected) in [
        (authority.of_something_else(), TimestampError::Imprint),
        (authority.of_another_request(""), TimestampError::Nonce),
        (
            authority.of_another_request("-no_nonce"),
            TimestampError::Nonce,
        ),
        (
            authority.rejecting(),
            TimestampError::NotGranted { status: 2 },
        ),
        (
            "echo garbage".to_owned(),
            TimestampError::Malformed {
                part: "the response",
            },
        ),
    ] {
        assert_eq!(ask(&command), Err(expected), "{command}");
    }
}

/// One whose answers are a command's, another one each time, and then an honest one's.
struct Mixed {
    lies: Mutex<Vec<String>>,
    honest: String,
}

impl Authority for Mixed {
    fn ask(&self, request: &[u8]) -> Result<Vec<u8>, AskError> {
        let command = self.lies.lock().unwrap().pop();
        let (command, limit_ms) = match &command {
            Some(lie) => (lie, 1_000),
            None => (&self.honest, 20_000),
        };
        let command = AuthorityCommand::new(command, Duration::from_millis(limit_ms)).unwrap();
        command.ask(request)
    }
}

#[test]
fn only_honest_timestamps_are_stored_and_what_they_cover_is_compared_with_the_log() {
    let authority = OpenSsl::new();
    let lies = vec![
        authority.of_something_else(),
        authority.rejecting(),
        "yes".to_owned(),
        "sleep 60".to_owned(),
        "false".to_owned(),
        "echo garbage".to_owned(),
    ];
    let failing = lies.len() as u64;
    let asked = Arc::new(Mixed {
        lies: Mutex::new(lies),
        honest: authority.honest(),
    });
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let log = place.path().join("log");
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let open = || Engine::open(&log, timestamped(&storage, asked.clone())).unwrap();
    let engine = open();
    grow(&engine, 5);
    wait_until(&engine, |stats| stats.timestamps == 1);
    assert_eq!(engine.stats().timestamp_failures, failing);
    let first = engine.stats().timestamped;
    assert!(first > 0 && stamps(&*storage).unwrap().len() == 1);
    // Nothing new, nothing to timestamp; and after a restart that is still known.
    engine.close().unwrap();
    let engine = open();
    grow(&engine, 1);
    let durable = engine.durable().0;
    wait_until(&engine, |stats| stats.timestamped == durable);
    engine.close().unwrap();

    let found = stamps(&*storage).unwrap();
    let sizes: Vec<_> = found.iter().map(|stamp| stamp.size).collect();
    assert!(sizes.is_sorted_by(|a, b| a < b), "{sizes:?}");
    assert_eq!((sizes[0], *sizes.last().unwrap()), (first, durable));
    for stamp in &found {
        let read = |file| stamp.read(&*storage, file).unwrap();
        let (reply, note) = (read(StampFile::Reply), read(StampFile::Checkpoint));
        Token::read(&reply).unwrap().covers(&note).unwrap();
        let files = [("note", &note), ("reply", &reply)].map(|(name, bytes)| {
            let path = place.path().join(name);
            fs::write(&path, bytes).unwrap();
            path
        });
        assert!(authority.verifies(&files[0], &files[1]), "{stamp}");
        fs::write(&files[0], b"another").unwrap();
        assert!(!authority.verifies(&files[0], &files[1]), "{stamp}");
    }
    let log = Directory::open(&log).unwrap();
    let look = || audit(&log, &*storage, &key().verifying_key()).unwrap();
    let sound = look();
    assert_eq!(sound.faults, []);
    assert_eq!(sound.attested.timestamps, found.len() as u64);
    assert_eq!(sound.attested.timestamped.unwrap().0, durable);

    // Swapped, renamed, and of another history under the same key.
    let says = |expected: &str| {
        let said: Vec<_> = look().faults.iter().map(ToString::to_string).collect();
        assert!(said.iter().any(|it| it.contains(expected)), "{said:?}");
    };
    let last = *found.last().unwrap();
    let (reply, note) = (
        last.read(&*storage, StampFile::Reply).unwrap(),
        last.read(&*storage, StampFile::Checkpoint).unwrap(),
    );
    let (incarnation, size) = (last.incarnation, last.size);
    let first = found[0].read(&*storage, StampFile::Checkpoint).unwrap();
    last.store(&*storage, &first, &reply).unwrap();
    says("of something else than was asked for");
    last.store(&*storage, &note, b"garbage").unwrap();
    says("the response cannot be read");
    last.store(&*storage, &note, &reply).unwrap();
    assert_eq!(look().faults, []);
    let size_was = size - 1;
    let other = Stamp {
        incarnation,
        size: size_was,
    };
    other.store(&*storage, &note, &reply).unwrap();
    says(&format!("its checkpoint has {size} records"));
    let mut signed = read_checkpoint(&*storage, &key().verifying_key())
        .unwrap()
        .unwrap();
    let signing = key().named(&signed.checkpoint.origin).unwrap();
    signed.checkpoint.size = size_was;
    let forged = signed.checkpoint.sign(&signing);
    other
        .store(&*storage, forged.as_bytes(), &stamp_of(&authority, &forged))
        .unwrap();
    says("history was changed");
    signed.checkpoint.size = size + 1;
    let forged = signed.checkpoint.sign(&signing);
    let beyond = Stamp {
        incarnation,
        size: size + 1,
    };
    beyond
        .store(&*storage, forged.as_bytes(), &stamp_of(&authority, &forged))
        .unwrap();
    says("the log was cut, or is an older copy");
}

fn stamp_of(authority: &OpenSsl, note: &str) -> Vec<u8> {
    let command = AuthorityCommand::new(&authority.honest(), Duration::from_secs(20)).unwrap();
    let request = TimestampRequest::of(note.as_bytes(), [1; 16]);
    command.ask(request.der()).unwrap()
}

/// Hangs until it is let go.
struct Hanging(AtomicBool);

impl Hanging {
    fn hang(&self) -> AskError {
        while !self.0.load(Ordering::Acquire) {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        AskError::TimedOut { limit: SOON }
    }
}

impl Authority for Hanging {
    fn ask(&self, _: &[u8]) -> Result<Vec<u8>, AskError> {
        Err(self.hang())
    }
}

impl Witness for Hanging {
    fn add_checkpoint(&self, _: &str) -> Result<(u16, Vec<u8>), AskError> {
        Err(self.hang())
    }
}

#[test]
fn who_hangs_holds_up_neither_publishing_nor_a_close() {
    let hanging = Arc::new(Hanging(AtomicBool::new(false)));
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let mut transparency = publishing(&storage);
    transparency.timestamps = Some(Timestamping {
        authority: hanging.clone(),
        every: SOON,
    });
    transparency.witnesses = Some(Witnessing {
        witnesses: vec![(key_of(&witness()), hanging.clone())],
        every: SOON,
    });
    let town = town::Town::on(Arc::new(Memory::new()), options(transparency), 3);
    let group = town.group(3);
    for id in 1..=50 {
        town.say(group, town.people[0], id, "on").unwrap();
        let durable = town.engine.durable().0;
        if id % 10 == 0 {
            wait_until(&town.engine, |stats| stats.tlog_size >= durable);
        }
    }
    let stats = town.engine.stats();
    assert_eq!((stats.timestamps, stats.cosignatures), (0, 0));
    // Neither has answered when this returns.
    town.engine.clone().close().unwrap();
    assert!(!hanging.0.swap(true, Ordering::AcqRel));
}

#[test]
fn a_witness_cosigns_what_goes_on_and_its_line_is_published() {
    let witness = Arc::new(witness());
    let key = key_of(&witness);
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let log = place.path().join("log");
    let by = [(key.clone(), Arc::clone(&witness) as Arc<dyn Witness>)];
    let open = || Engine::open(&log, cosigned(&storage, &by)).unwrap();
    let mut engine = open();
    for round in 0..2 {
        grow(&engine, 300);
        let durable = engine.durable().0;
        wait_until(&engine, |stats| stats.cosigned_size == durable);
        // The newest checkpoint gets the line a moment before or after that.
        let began = Instant::now();
        let published = loop {
            let note = read_note(&*storage).unwrap().unwrap();
            match key.cosigned(&note) {
                Ok(cosigned) => break (note, cosigned),
                Err(error) => assert!(matches!(error, NoteError::NotSigned { .. }), "{error}"),
            }
            assert!(began.elapsed() < Duration::from_secs(30), "never added");
            std::thread::sleep(Duration::from_millis(2));
        };
        assert_eq!(published.1.time_s, TIME_S);
        let kept = read_cosigned(&*storage).unwrap().unwrap();
        assert_eq!(key.cosigned(&kept).unwrap(), published.1);
        if round == 0 {
            // It begins by asking the witness where it is, and no state of ours is needed for that.
            engine.close().unwrap();
            engine = open();
        }
    }
    let durable = engine.durable().0;
    engine.close().unwrap();
    let signed = read_checkpoint(&*storage, &self::key().verifying_key());
    let signed = signed.unwrap().unwrap();
    assert_eq!(
        signed.checkpoint.size, durable,
        "ours reads what others have signed, too"
    );
    assert_eq!(witness.size(&signed.checkpoint.origin), durable);
    let log = Directory::open(&log).unwrap();
    let found = audit(&log, &*storage, &self::key().verifying_key()).unwrap();
    assert_eq!(found.faults, []);
    assert_eq!(found.attested.cosigned.unwrap().1, durable);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn a_witness_refuses_the_second_history_of_a_restored_log() {
    let witness = Arc::new(witness());
    let key = key_of(&witness);
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let [first, copied] = ["first", "copied"].map(|name| place.path().join(name));
    let open = |data: &Path| {
        let storage: Arc<dyn Storage> = Arc::new(Directory::open(&data.join("tlog")).unwrap());
        let by = [(key.clone(), Arc::clone(&witness) as Arc<dyn Witness>)];
        Engine::open(&data.join("log"), cosigned(&storage, &by)).unwrap()
    };
    let engine = open(&first);
    grow(&engine, 10);
    wait_until(&engine, |stats| stats.cosigned_size == stats.durable.0);
    engine.close().unwrap();
    copy(&first, &copied);
    let engine = open(&first);
    grow(&engine, 10);
    wait_until(&engine, |stats| stats.cosigned_size == stats.durable.0);
    let held = engine.durable().0;
    engine.close().unwrap();

    // The copy signs another history, which nobody who only has that can tell.
    let engine = open(&copied);
    wait_until(&engine, |stats| stats.cosignature_failures > 0);
    grow(&engine, 20);
    let durable = engine.durable().0;
    wait_until(&engine, |stats| stats.tlog_size == durable);
    let failures = engine.stats().cosignature_failures;
    wait_until(&engine, |stats| stats.cosignature_failures > failures + 1);
    assert_eq!(engine.stats().cosignatures, 0);
    engine.close().unwrap();
    let storage = Directory::open(&copied.join("tlog")).unwrap();
    let note = String::from_utf8(read_note(&storage).unwrap().unwrap()).unwrap();
    let none = key.cosigned(note.as_bytes());
    assert!(matches!(none, Err(NoteError::NotSigned { .. })), "{none:?}");
    let signed = read_checkpoint(&storage, &self::key().verifying_key());
    let checkpoint = signed.unwrap().unwrap().checkpoint;
    assert_eq!(checkpoint.size, durable);
    let ask = |old: u64| {
        let request = AddCheckpoint::new(&storage, &note, (old, checkpoint.size)).unwrap();
        let (status, body) = witness.answer(&request.body);
        read_answer(
            &request,
            (&note, &checkpoint),
            &key,
            (status, body.as_bytes()),
        )
    };
    assert_eq!(ask(0), Ok(Answer::Holds(held)));
    let size = checkpoint.size;
    assert_eq!(ask(held), Err(WitnessError::Forked { old: held, size }));
    assert_eq!(witness.size(&checkpoint.origin), held);
    // With its last cosigned checkpoint the copy is found out by itself.
    drop(storage);
    fs::copy(first.join("tlog/cosigned"), copied.join("tlog/cosigned")).unwrap();
    let open = |name: &str| Directory::open(&copied.join(name)).unwrap();
    let found = audit(&open("log"), &open("tlog"), &self::key().verifying_key()).unwrap();
    let said: Vec<_> = found.faults.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("cosigned: root "), "{said:?}");
}

#[test]
fn an_answer_that_is_no_cosignature_of_the_witness_is_refused_by_name() {
    let (witness, other) = (
        witness(),
        TestWitness::new("witness.example/w1", 8, key().verifying_key()),
    );
    let key = key_of(&witness);
    let checkpoint = Checkpoint {
        origin: "attest.example/0/0".to_owned(),
        size: 7,
        root: [1; 32],
    };
    let note = checkpoint.sign(&self::key().named(&checkpoint.origin).unwrap());
    let text = checkpoint.to_text();
    let asked = AddCheckpoint {
        old: 3,
        body: String::new(),
    };
    let read = |status: u16, body: &str| {
        read_answer(
            &asked,
            (&note, &checkpoint),
            &key,
            (status, body.as_bytes()),
        )
    };
    let genuine = witness.line(&text);
    match read(200, &format!("{}{genuine}", other.line(&text))) {
        Ok(Answer::Cosigned(cosigned)) => {
            assert_eq!((cosigned.time_s, &cosigned.line), (TIME_S, &genuine));
        }
        answer => panic!("{answer:?}"),
    }
    let elsewhere = witness.line("attest.example/0/0\n8\nAAAA\n");
    let wrong = read(200, &elsewhere).unwrap_err();
    assert!(
        matches!(
            wrong,
            WitnessError::Cosignature(NoteError::WrongSignature { .. })
        ),
        "{wrong}"
    );
    let unsigned = read(200, &other.line(&text)).unwrap_err();
    assert!(
        matches!(
            unsigned,
            WitnessError::Cosignature(NoteError::NotSigned { .. })
        ),
        "{unsigned}"
    );
    // A text of its own below ours, and what is no line at all.
    for body in [
        format!("{elsewhere}\n{genuine}"),
        format!("\n{genuine}"),
        "\u{2014} x".repeat(10_000),
    ] {
        assert_eq!(read(200, &body), Err(WitnessError::Malformed));
    }
    for body in ["", "garbage\n", &genuine[..genuine.len() - 1]] {
        assert!(read(200, body).is_err(), "{body}");
    }
    assert_eq!(read(409, "5\n"), Ok(Answer::Holds(5)));
    assert_eq!(read(409, "0\n"), Ok(Answer::Holds(0)));
    for body in ["5", "05\n", "-5\n", "five\n", ""] {
        assert_eq!(read(409, body), Err(WitnessError::Malformed), "{body}");
    }
    let ahead = WitnessError::Ahead { held: 8, size: 7 };
    assert_eq!(read(409, "8\n"), Err(ahead));
    let forked = WitnessError::Forked { old: 3, size: 7 };
    assert_eq!(
        read(409, "3\n"),
        Err(forked.clone()),
        "the same size, another root"
    );
    assert_eq!(read(422, ""), Err(forked));
    assert_eq!(read(404, ""), Err(WitnessError::Unknown { status: 404 }));
    assert_eq!(read(500, ""), Err(WitnessError::Status { status: 500 }));
}
