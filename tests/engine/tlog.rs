//! The transparency log as the engine runs it: about a sync behind, whole after a close, and refused
//! when it does not agree with the log.

#![allow(clippy::unwrap_used)] // A test's own helpers may panic.

use crate::town;
use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::town::{NOON, Town};
use throng::archive::tlog::{
    Checkpoint, Edge, SigningKey, leaf_hash, read_checkpoint, read_signed,
};
use throng::archive::{self, Consent};
use throng::engine::{Engine, ManualClock, OpenError, Options, Transparency};
use throng::log::storage::{Fault, Faulty};
use throng::log::{Memory, Storage};
use throng::wire::RecordNumber;

fn key() -> SigningKey {
    SigningKey::new("engine.example", [3; 32]).unwrap()
}

fn publishing(storage: &Arc<dyn Storage>) -> Options {
    let mut options = Options::default();
    options.transparency = Some(Transparency::new(Arc::clone(storage), key()));
    options
}

fn checkpoint(storage: &Arc<dyn Storage>) -> Option<Checkpoint> {
    let signed = read_checkpoint(&**storage, &key().verifying_key());
    Some(signed.unwrap()?.checkpoint)
}

fn root(engine: &Engine, size: u64) -> [u8; 32] {
    let mut edge = Edge::default();
    let commitments = engine.reader().commitments(RecordNumber(0), size as usize);
    for commitment in commitments.unwrap() {
        edge.push(leaf_hash(&commitment), |_, _| ());
    }
    edge.root()
}

/// By the machine's clock: a record acknowledged a second ago is signed.
#[test]
fn every_acknowledged_record_is_signed_within_a_second() {
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let town = Town::on(Arc::new(Memory::new()), publishing(&storage), 3);
    let group = town.group(3);
    let began = Instant::now();
    let (mut waiting, mut signed, mut worst) = (Vec::new(), 0, Duration::ZERO);
    for id in 1.. {
        if began.elapsed() < Duration::from_secs(3) {
            let said = town.say(group, town.people[0], id, "now").unwrap();
            waiting.push((said.record.0, Instant::now()));
        }
        if id % 16 == 0 || began.elapsed() > Duration::from_secs(3) {
            signed = checkpoint(&storage).map_or(0, |checkpoint| checkpoint.size);
        }
        waiting.retain(|(record, since)| {
            worst = worst.max(since.elapsed());
            *record >= signed
        });
        if waiting.is_empty() && began.elapsed() > Duration::from_secs(3) {
            break;
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    assert!(worst < Duration::from_secs(1), "a record waited {worst:?}");
    assert!(signed > 100, "{signed} records");
    let stats = town.engine.stats();
    assert_eq!(
        (stats.tlog_size, stats.tlog_lag_us, stats.tlog_failures),
        (signed, 0, 0)
    );
    assert_eq!(
        checkpoint(&storage).unwrap().root,
        root(&town.engine, signed)
    );
}

#[test]
fn a_close_publishes_everything_and_the_next_open_goes_on_from_there() {
    let (disk, storage) = (Faulty::new(1), Arc::new(Memory::new()));
    let storage: Arc<dyn Storage> = storage;
    let town = Town::on(Arc::new(disk.clone()), publishing(&storage), 3);
    let group = town.group(3);
    for id in 1..=300 {
        town.say(group, town.people[0], id, "one").unwrap();
    }
    let durable = town.engine.durable().0;
    town.engine.clone().close().unwrap();
    let first = checkpoint(&storage).unwrap();
    assert_eq!(first.size, durable);

    let clock = Arc::new(ManualClock::at(NOON));
    let open = |options| Engine::open_on(Arc::new(disk.clone()), options, clock.clone(), [8; 32]);
    let engine = open(publishing(&storage)).unwrap();
    assert_eq!(engine.stats().tlog_size, durable);
    let town = town.reopened(engine);
    town.say(group, town.people[0], 301, "more").unwrap();
    town.engine.clone().close().unwrap();
    let second = checkpoint(&storage).unwrap();
    assert_eq!((second.size, &second.origin), (durable + 1, &first.origin));
    let engine = open(Options::default()).unwrap();
    assert_eq!(second.root, root(&engine, durable + 1));
    assert_eq!(first.root, root(&engine, durable));
    assert_eq!(
        engine.stats().tlog_lag_us,
        0,
        "nothing is published, so nothing lags"
    );
}

#[test]
fn an_engine_whose_log_contradicts_what_was_signed_does_not_open() {
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let disk = Faulty::new(2);
    let town = Town::on(Arc::new(disk.clone()), publishing(&storage), 3);
    town.engine.clone().close().unwrap();
    // The same records by number, with other salts: another history under the same name and id.
    let names = disk.names().unwrap();
    let segment = names
        .iter()
        .find(|name| name.ends_with(".segment"))
        .unwrap();
    let clock = Arc::new(ManualClock::at(NOON));
    let other = Faulty::new(2);
    let options = Options::default();
    let engine = Engine::open_on(Arc::new(other.clone()), options, clock.clone(), [7; 32]).unwrap();
    for _ in 0..6 {
        engine.create_tenant(town::tenant("Other")).unwrap();
    }
    engine.close().unwrap();
    assert!(other.names().unwrap().contains(segment));
    let opened = Engine::open_on(Arc::new(other), publishing(&storage), clock, [7; 32]);
    let error = opened.err().expect("it contradicts");
    assert!(matches!(error, OpenError::Transparency(_)), "{error}");
    assert!(
        error.to_string().contains("were signed with root"),
        "{error}"
    );
}

#[test]
fn a_disk_that_fails_under_the_tiles_holds_up_nobody_and_is_tried_again() {
    let tiles = Faulty::new(3);
    let storage: Arc<dyn Storage> = Arc::new(tiles.clone());
    let mut options = publishing(&storage);
    options.transparency.as_mut().unwrap().every = Duration::from_millis(10);
    for boundary in 0..20 {
        tiles.plan(boundary, Fault::NoSpace);
    }
    let town = Town::on(Arc::new(Memory::new()), options, 3);
    let group = town.group(3);
    let began = Instant::now();
    let mut id = 0;
    while town.engine.stats().tlog_failures == 0 || checkpoint(&storage).is_none() {
        id += 1;
        town.say(group, town.people[0], id, "still here").unwrap();
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "it is never published"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    let engine = town.engine.clone();
    let durable = engine.durable().0;
    engine.clone().close().unwrap();
    assert_eq!(checkpoint(&storage).unwrap().size, durable);
}

/// Byte for byte.
fn copy(from: &Faulty) -> Faulty {
    let to = Faulty::new(9);
    for name in from.names().unwrap() {
        let file = Storage::open(from, &name).unwrap();
        let mut bytes = vec![0; file.len().unwrap() as usize];
        file.read_at(&mut bytes, 0).unwrap();
        let copied = to.create(&name).unwrap();
        copied.write_at(&mut [IoSlice::new(&bytes)], 0).unwrap();
        copied.sync().unwrap();
    }
    to.sync().unwrap();
    to
}

#[test]
fn an_engine_on_an_older_copy_does_not_open_and_one_that_is_said_to_be_restored_does() {
    let (log, tiles, elsewhere) = (Faulty::new(6), Faulty::new(7), Faulty::new(8));
    let options = |tiles: &Faulty| {
        let tiles: Arc<dyn Storage> = Arc::new(tiles.clone());
        let mut options = publishing(&tiles);
        options.log = options.log.with_segment_bytes(1024 * 1024);
        let seen: Arc<dyn Storage> = Arc::new(elsewhere.clone());
        options.transparency.as_mut().unwrap().seen = Some(seen);
        options
    };
    let clock = Arc::new(ManualClock::at(NOON));
    let open = |log: &Faulty, options| {
        Engine::open_on(Arc::new(log.clone()), options, clock.clone(), [8; 32])
    };
    let engine = open(&log, options(&tiles)).unwrap();
    engine.create_tenant(town::tenant("One")).unwrap();
    engine.close().unwrap();
    let (older, older_tiles) = (copy(&log), copy(&tiles));
    let engine = open(&log, options(&tiles)).unwrap();
    engine.create_tenant(town::tenant("Two")).unwrap();
    engine.close().unwrap();
    let last = elsewhere.contents("checkpoint").unwrap();
    assert_eq!(Some(&last), tiles.contents("checkpoint").as_ref());

    let error = open(&older, options(&older_tiles))
        .err()
        .expect("it is older");
    assert!(
        error.to_string().contains("this is an older copy"),
        "{error}"
    );
    let consent = Consent {
        restored_copy: true,
        signed: vec![read_signed(last, &key().verifying_key()).unwrap()],
        ..Consent::default()
    };
    let repair = archive::repair(&older, &consent, [5; 32]).unwrap().unwrap();
    let engine = open(&older, options(&older_tiles)).unwrap();
    engine.close().unwrap();
    let storage: Arc<dyn Storage> = Arc::new(older_tiles.clone());
    let signed = checkpoint(&storage).unwrap();
    assert!(signed.origin.ends_with(&format!("/{}", repair.incarnation)));
    assert_eq!(
        signed.size,
        repair.at.0 + 1,
        "that it was repaired is a record"
    );
    assert_eq!(
        elsewhere.contents("checkpoint"),
        older_tiles.contents("checkpoint")
    );
}
