//! The storage double against a model: at every boundary of a run a crash may come, and whatever was
//! acknowledged is there afterwards, byte for byte and in order.
//!
//! `THRONG_SEEDS=n` sets how many seeds run, `THRONG_SEED=s` replays one.

use crate::written::{LONGEST, Written, open, read_all, segments};
use throng::log::storage::{Fault, Faulty, Random};
use throng::log::{Class, Entry, Log, Record, Recovered};
use throng::wire::{GroupId, Sequence, TenantId};

/// Seeds of the sampled test unless `THRONG_SEEDS` says otherwise.
const SEEDS: u64 = 10_000;
/// Seeds of the test that crashes at every boundary there is.
const EXHAUSTIVE_SEEDS: u64 = 40;
/// Batches a run appends.
const BATCHES: u64 = 12;

/// What a run has told the world.
#[derive(Default)]
struct Model {
    /// Everything that was ever handed to the log, at its place.
    attempted: Vec<Written>,
    acknowledged: usize,
}

/// Opens the log and appends until done or the power is gone.
fn run(disk: &Faulty, seed: u64, model: &mut Model) {
    let mut random = Random::new(seed ^ 0xabcd);
    let Ok((mut log, recovered)) = open(disk, seed) else {
        return;
    };
    model.attempted.truncate(recovered.next.0 as usize);
    for _ in 0..BATCHES {
        let from = model.attempted.len();
        for number in from as u64..from as u64 + 1 + random.below(6) {
            model.attempted.push(Written::new(number, &mut random));
        }
        let entries: Vec<Entry<'_>> = model.attempted[from..].iter().map(Written::entry).collect();
        if log.append(&entries).is_err() {
            log.append(&[])
                .expect_err("a log that failed once fails for ever");
            return;
        }
        model.acknowledged = model.attempted.len();
        assert_eq!(log.reader().durable().0 as usize, model.acknowledged);
        if random.below(3) == 0 && log.idle().is_err() {
            return;
        }
    }
    let _ = log.close();
}

/// What must hold of a disk after a crash; leaves the log open.
fn check(disk: &Faulty, seed: u64, model: &Model) -> (Log, Recovered) {
    let (log, recovered) = open(disk, seed ^ 1).expect("a crash never keeps a log from opening");
    let records = read_all(&log);
    assert_eq!(recovered.next.0 as usize, records.len());
    assert!(
        records.len() >= model.acknowledged,
        "{} records were acknowledged, {} are there",
        model.acknowledged,
        records.len()
    );
    assert!(
        records.len() <= model.attempted.len(),
        "records nobody wrote"
    );
    for (written, record) in model.attempted.iter().zip(&records) {
        assert!(
            written.is(record),
            "{written:?} was written, {record:?} read"
        );
    }
    let last = records
        .last()
        .map(|record| record.envelope.header().timestamp());
    assert_eq!(recovered.last_timestamp, last.unwrap_or_default());
    check_groups(&log, &records);
    (log, recovered)
}

/// Every group reads back exactly the records that take its sequences.
fn check_groups(log: &Log, records: &[Record]) {
    for group in [0, 1, 2, 10, 12].map(GroupId) {
        let of_group = |record: &&Record| record.takes.iter().any(|take| take.group == group);
        let expected: Vec<&Record> = records.iter().filter(of_group).collect();
        let (from, to) = (Sequence(0), Sequence(u64::MAX));
        let read = log
            .reader()
            .read_group(TenantId(1), group, from, to, usize::MAX / 4);
        let read = read.expect("a group can be read");
        assert_eq!(read.iter().collect::<Vec<_>>(), expected, "{group:?}");
    }
}

/// One run, one crash, and everything that must hold afterwards.
fn crash_at(seed: u64, boundary: u64) {
    let disk = Faulty::new(seed);
    let mut model = Model::default();
    disk.plan(boundary, Fault::Crash);
    run(&disk, seed, &mut model);
    let disk = disk.restart();

    // Recovery itself may be interrupted, anywhere.
    let mut random = Random::new(seed ^ boundary);
    disk.plan(random.below(12), Fault::Crash);
    let disk = match open(&disk, seed ^ 2) {
        Ok(_) => disk,
        Err(_) => disk.restart(),
    };

    let (log, first) = check(&disk, seed, &model);
    drop(log);
    let once = segments(&disk);
    let (log, second) = check(&disk, seed, &model);
    assert_eq!(first.next, second.next);
    assert_eq!(second.cut, None, "a second recovery finds nothing to cut");
    assert!(
        once == segments(&disk),
        "recovery twice gives the same bytes"
    );
    drop(log);

    // Life goes on, through another crash.
    model.acknowledged = second.next.0 as usize;
    disk.plan(disk.boundaries() + random.below(40), Fault::Crash);
    run(&disk, seed ^ 3, &mut model);
    check(&disk.restart(), seed, &model);
}

/// Boundaries of a run in which nothing goes wrong.
fn boundaries(seed: u64) -> u64 {
    let disk = Faulty::new(seed);
    run(&disk, seed, &mut Model::default());
    disk.boundaries()
}

fn replayable(seed: u64, boundary: u64) {
    let result = std::panic::catch_unwind(|| crash_at(seed, boundary));
    if let Err(panic) = result {
        eprintln!("seed {seed} fails at boundary {boundary}: THRONG_SEED={seed} replays it");
        std::panic::resume_unwind(panic);
    }
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn a_crash_at_a_boundary_of_any_seed_loses_nothing_acknowledged() {
    if let Some(seed) = from_environment("THRONG_SEED") {
        for boundary in 0..boundaries(seed) {
            replayable(seed, boundary);
        }
        return;
    }
    let seeds = from_environment("THRONG_SEEDS").unwrap_or(SEEDS);
    std::thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || {
                for seed in (half..seeds).step_by(2) {
                    // Runs have 60 boundaries and more; a later one is a crash after the run.
                    replayable(seed, Random::new(seed).below(90));
                }
            });
        }
    });
}

#[test]
fn a_crash_at_every_boundary_of_some_seeds_loses_nothing_acknowledged() {
    for seed in 1_000_000..1_000_000 + EXHAUSTIVE_SEEDS {
        for boundary in 0..=boundaries(seed) {
            replayable(seed, boundary);
        }
    }
}

#[test]
fn what_is_reported_after_a_kill_survives_the_power_cut_that_follows() {
    for seed in 0..1000 {
        let disk = Faulty::new(seed);
        let mut model = Model::default();
        disk.plan(Random::new(seed).below(90), Fault::Crash);
        run(&disk, seed, &mut model);
        disk.revive();
        let (log, recovered) = check(&disk, seed, &model);
        model.acknowledged = recovered.next.0 as usize;
        drop(log);
        check(&disk.restart(), seed, &model);
    }
}

#[test]
fn an_error_at_every_boundary_acknowledges_nothing_that_is_lost() {
    for fault in [Fault::Io, Fault::NoSpace, Fault::Short] {
        for seed in 0..10 {
            for boundary in 0..boundaries(seed) {
                let disk = Faulty::new(seed);
                let mut model = Model::default();
                disk.plan(boundary, fault);
                run(&disk, seed, &mut model);
                check(&disk.restart(), seed, &model);
            }
        }
    }
}

fn flush(log: &mut Log, queue: &mut Vec<Written>) {
    let entries: Vec<_> = queue.iter().map(Written::entry).collect();
    let result = log.append(&entries);
    result.expect("what was reserved can be appended");
    queue.clear();
}

#[test]
fn what_was_reserved_is_appended_on_a_full_disk_and_the_rest_is_refused() {
    for seed in 0..50 {
        let mut random = Random::new(seed);
        let disk = Faulty::new(seed);
        let (mut log, _) = open(&disk, seed).expect("a new log opens");
        let space = log.space();
        disk.set_room(Some(random.below(3) * 4096));
        let mut queue = Vec::new();
        let full_at = (0..)
            .find(|number| {
                let written = Written::new(*number, &mut random);
                let len = written.len();
                if random.below(4) == 0 || space.reserve(len, Class::Normal).is_err() {
                    flush(&mut log, &mut queue);
                    log.idle().expect("a full disk is no error");
                    if space.reserve(len, Class::Normal).is_err() {
                        return true;
                    }
                }
                queue.push(written);
                false
            })
            .expect("every disk is full at last");
        let essential = Written::new(full_at, &mut random);
        space
            .reserve(LONGEST, Class::Essential)
            .expect("a segment is kept for essential records");
        log.append(&[essential.entry()]).expect("it was reserved");
        space
            .reserve(2 * LONGEST, Class::Normal)
            .expect_err("normal records cannot use it");

        disk.set_room(None);
        log.idle().expect("nothing is wrong with the log");
        space
            .reserve(2 * LONGEST, Class::Normal)
            .expect("space came back without a restart");
    }
}
