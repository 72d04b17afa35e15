//! The storage double against a model: at every boundary of a run a crash may come, and whatever was
//! acknowledged is there afterwards, byte for byte and in order.

use crate::crashes::{self, Work};
use crate::written::{LONGEST, Written, open, read_all, segments};
use throng::log::storage::{Fault, Faulty, Random};
use throng::log::{Class, Entry, Log, Record, Recovered};
use throng::wire::{GroupId, Sequence, TenantId};

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

impl Work for Model {
    const SEEDS: u64 = 4_000;
    const EXHAUSTIVE_SEEDS: u64 = 40;
    const BOUNDARIES: u64 = 90;

    fn new(_: u64) -> Self {
        Self::default()
    }

    fn work(&mut self, disk: &Faulty, seed: u64) {
        run(disk, seed, self);
    }

    fn recover(&self, disk: &Faulty, seed: u64) {
        drop(open(disk, seed));
    }

    fn check(&mut self, disk: &Faulty, seed: u64) {
        let (_, recovered) = check(disk, seed, self);
        self.acknowledged = recovered.next.0 as usize;
    }

    fn settle(&mut self, disk: &Faulty, seed: u64) {
        let once = segments(disk);
        let (_, again) = check(disk, seed, self);
        assert_eq!(self.acknowledged, again.next.0 as usize);
        assert_eq!(again.cut, None, "a second recovery finds nothing to cut");
        let twice = segments(disk);
        assert!(once == twice, "recovery twice gives the same bytes");
    }
}

#[test]
fn a_crash_at_a_boundary_of_any_seed_loses_nothing_acknowledged() {
    crashes::at_a_boundary_of_each_seed::<Model>();
}

#[test]
fn a_crash_at_every_boundary_of_some_seeds_loses_nothing_acknowledged() {
    crashes::at_every_boundary_of_some_seeds::<Model>();
}

#[test]
fn an_error_at_every_boundary_acknowledges_nothing_that_is_lost() {
    crashes::errors_at_every_boundary::<Model>(10);
}

#[test]
fn what_is_reported_after_a_kill_survives_the_power_cut_that_follows() {
    crashes::each(0..1000, |seed| {
        let disk = Faulty::new(seed);
        let mut model = Model::default();
        disk.plan(Random::new(seed).below(90), Fault::Crash);
        run(&disk, seed, &mut model);
        disk.revive();
        model.check(&disk, seed);
        model.check(&disk.restart(), seed);
    });
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
