//! The engine on a disk that fails: what was acknowledged or shown survives, whatever happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::town::{NOON, Town};
use throng::engine::{Engine, ExecuteError, Item, ManualClock, Options};
use throng::log::Config;
use throng::log::storage::{Fault, Faulty, Random};
use throng::model::Refusal;
use throng::model::command::PublishedV1;
use throng::wire::{ClientMessageId, DeviceId, Envelope, GroupId};

fn small_segments() -> Options {
    let mut options = Options::default();
    options.log = Config::default().with_segment_bytes(64 * 1024);
    options
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_any_more() {
    let disk = Faulty::new(1);
    let failures = Arc::new(AtomicU32::new(0));
    let mut options = Options::default();
    let seen = Arc::clone(&failures);
    options.on_failure = Some(Box::new(move |_| {
        seen.fetch_add(1, Ordering::SeqCst);
    }));
    let town = Town::on(Arc::new(disk.clone()), options, 3);
    let group = town.group(3);
    town.say(group, town.people[0], 1, "before")
        .expect("the disk is fine");
    // One sync fails, every later one would succeed: a retry would lie.
    let from = disk.boundaries();
    disk.plan(from + 1, Fault::Io);
    for id in 2..10 {
        assert_eq!(
            town.say(group, town.people[0], id, "after"),
            Err(ExecuteError::Stopped)
        );
    }
    assert!(town.engine.has_stopped());
    assert_eq!(failures.load(Ordering::SeqCst), 1);
}

#[test]
fn a_full_disk_refuses_leaves_the_exits_open_and_recovers_without_a_restart() {
    let disk = Faulty::new(2);
    let town = Town::on(Arc::new(disk.clone()), small_segments(), 4);
    let group = town.group(4);
    disk.set_room(Some(0));
    let mut sent = Vec::new();
    let body = "x".repeat(4_000);
    let full = loop {
        match town.say(group, town.people[0], sent.len() as u128 + 1, &body) {
            Ok(published) => sent.push(published),
            Err(error) => break error,
        }
        assert!(sent.len() < 1_000, "the disk never fills");
    };
    assert_eq!(full, ExecuteError::Refused(Refusal::DiskFull));
    town.leave(group, town.people[3])
        .expect("leaving works on a full disk");
    let last = sent.last().expect("something was sent");
    let read = town
        .engine
        .reader()
        .read(last.record, 1)
        .expect("reads live on");
    assert_eq!(read[0].envelope.body(), body.as_bytes());

    disk.set_room(None);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while let Err(error) = town.say(group, town.people[0], 5_000, "room again") {
        assert_eq!(error, ExecuteError::Refused(Refusal::DiskFull));
        assert!(
            std::time::Instant::now() < deadline,
            "it does not recover by itself"
        );
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn a_disk_with_room_is_never_taken_for_full() {
    let town = Town::on(Arc::new(throng::log::Memory::new()), small_segments(), 3);
    let group = town.group(3);
    // Reserving even a few bytes too many a record would use up all segments by now.
    for id in 1..=12_000 {
        let said = town.say(group, town.people[0], id, "tick");
        assert!(said.is_ok(), "message {id}: {said:?}");
    }
}

/// What one run before a crash was told.
#[derive(Default)]
struct Told {
    acknowledged: Vec<(PublishedV1, String)>,
    shown: Vec<Envelope>,
}

/// Publishes until the disk crashes, noting everything that anyone was told.
fn run_until_crash(town: &Town, group: GroupId) -> Told {
    let mut told = Told::default();
    let mut port = town.engine.port(|| {});
    let _ = port.attach(1, town.tenant, town.people[1], DeviceId(1));
    let mut items = Vec::new();
    for id in 1..40_u128 {
        let tickets: Vec<_> = (0..3)
            .filter_map(|sender| {
                let text = format!("{id} of {sender}");
                let message = throng::engine::Message::text(
                    group,
                    town.people[sender],
                    ClientMessageId(id),
                    &text,
                );
                town.engine
                    .publish(town.tenant, &message)
                    .ok()
                    .map(|ticket| (ticket, text.clone()))
            })
            .collect();
        for (ticket, text) in tickets {
            if let Ok(throng::model::command::Reply::Published(published)) = ticket.wait() {
                told.acknowledged.push((published, text));
            }
        }
        port.poll(&mut items);
    }
    told.shown
        .extend(items.into_iter().filter_map(|item| match item {
            Item::Deliver(envelope) => Some(envelope),
            _ => None,
        }));
    told
}

fn check_seed(seed: u64) {
    let disk = Faulty::new(seed);
    let town = Town::on(Arc::new(disk.clone()), small_segments(), 3);
    let group = town.group(3);
    let crash_in = Random::new(seed ^ 0xc0ffee).below(60);
    disk.plan(disk.boundaries() + crash_in, Fault::Crash);
    let told = run_until_crash(&town, group);
    drop(town.engine);

    let disk = disk.restart();
    let reopen = || {
        let clock = Arc::new(ManualClock::at(NOON));
        match Engine::open_on(Arc::new(disk.clone()), small_segments(), clock, [3; 32]) {
            Ok(engine) => engine,
            Err(error) => panic!("seed {seed}: it does not open after a crash: {error}"),
        }
    };
    let engine = reopen();
    let reader = engine.reader();
    for (published, text) in &told.acknowledged {
        let found = reader.read(published.record, 1).expect("readable");
        assert_eq!(
            found[0].envelope.body(),
            text.as_bytes(),
            "seed {seed}: {published:?}"
        );
        assert_eq!(
            found[0].envelope.header().sequence(),
            published.sequence,
            "seed {seed}"
        );
    }
    for envelope in &told.shown {
        let found = reader
            .read(envelope.header().record(), 1)
            .expect("what was shown is durable");
        assert_eq!(
            found[0].envelope.header().fields().client_message_id,
            envelope.header().client_message_id()
        );
    }
    let hash = engine.state_hash();
    assert!(hash.is_some());
    drop(engine);
    assert_eq!(
        reopen().state_hash(),
        hash,
        "seed {seed}: opening twice gives the same state"
    );
}

#[test]
fn whatever_was_acknowledged_or_shown_survives_a_crash_at_any_boundary() {
    let seeds = std::env::var("THRONG_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    match seeds {
        Some(seed) => check_seed(seed),
        None => (0..150).for_each(check_seed),
    }
}

#[test]
fn a_second_engine_on_the_same_directory_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let first = Engine::open(directory.path(), Options::default()).expect("it opens");
    let Err(second) = Engine::open(directory.path(), Options::default()) else {
        panic!("two engines on one log")
    };
    assert!(second.to_string().contains("in use"), "{second}");
    first.close().expect("a clean close");
    Engine::open(directory.path(), Options::default())
        .expect("it opens again")
        .close()
        .expect("a clean close");
}

#[test]
fn a_repair_is_itself_a_record_and_voids_all_cursors() {
    let disk = Faulty::new(4);
    let town = Town::on(Arc::new(disk.clone()), small_segments(), 3);
    let group = town.group(3);
    let first = town.say(group, town.people[0], 1, "kept").expect("sent");
    let lost = town.say(group, town.people[0], 2, "lost").expect("sent");
    let before = town.engine.incarnation();
    town.engine.clone().close().expect("a clean close");
    let place = throng::archive::inspect(&disk, lost.record).expect("it is there");
    disk.damage(&place.file, |bytes| bytes[place.offset as usize + 90] ^= 1);

    let open = || {
        let clock = Arc::new(ManualClock::at(NOON));
        Engine::open_on(Arc::new(disk.clone()), small_segments(), clock, [3; 32])
    };
    let Err(refused) = open() else {
        panic!("a damaged log opened")
    };
    let says = refused.to_string();
    assert!(says.contains(&format!("record {}", lost.record)), "{says}");
    throng::archive::repair(&disk, &throng::archive::Consent::to_loss(), [5; 32])
        .expect("the loss is accepted");

    let town = town.reopened(open().expect("a repaired log opens"));
    assert_ne!(town.engine.incarnation(), before);
    let record = &town.engine.reader().read(lost.record, 1).expect("read")[0];
    let events = throng::model::event::decode_all(&record.private).expect("events");
    let told = throng::model::event::LogRepairedV1 { at: lost.record };
    assert_eq!(events, [throng::model::event::Event::LogRepaired(told)]);
    let next = town.say(group, town.people[0], 3, "on").expect("sent");
    assert_eq!(next.sequence, first.sequence.next());
    assert_eq!(next.record, lost.record.next());
}
