//! The storage double against a model, with encryption on: at every boundary of a run a crash may
//! come, between a key and its first record and in the middle of a destruction, or of a keyring that is written
//! anew, too. Nothing that was acknowledged becomes unreadable, and what was destroyed stays so.

use std::collections::BTreeSet;

use crate::crashes::{self, Work};
use crate::written::{self, Written, open_with, read_all};
use throng::log::storage::{Fault, Faulty, Random};
use throng::log::{
    AppendError, Class, Config, Encryption, Entry, Erasure, Log, MasterKey, OpenError, Recovered,
};
use throng::wire::{GroupId, Header, HeaderFields, TenantId, Timestamp};

const BATCHES: u64 = 10;
const DAY_US: i64 = 86_400_000_000;

/// What a run has told the world.
#[derive(Default)]
struct Model {
    attempted: Vec<Written>,
    acknowledged: usize,
    /// Of these (group, day)s the keys are being destroyed.
    erasing: BTreeSet<(u64, i32)>,
    /// Records that were written before a destruction that was acknowledged.
    erased: BTreeSet<u64>,
}

fn encrypted() -> Config {
    let mut config = written::config();
    config.encryption = Some(Encryption::new(MasterKey::new([9; 32])));
    config
}

fn open(disk: &Faulty, seed: u64) -> Result<(Log, Recovered), OpenError> {
    let mut config = encrypted();
    if seed.is_multiple_of(8) {
        // When idle it begins to write the keyring anew after a few destructions, and batches come in between.
        config.dead_keys_min = 4;
        config.keyring_slice = 10;
    }
    open_with(disk, seed, config)
}

/// Two records a day, so that most batches need new keys.
fn message(number: u64, random: &mut Random) -> Written {
    let mut written = Written::new(number, random);
    written.header = Header::new(&HeaderFields {
        timestamp: Timestamp(number as i64 * DAY_US / 2),
        ..written.header.fields()
    });
    written
}

/// The group and day whose key a message's view is under; `None` for the tenant's.
fn key_of(written: &Written) -> Option<(u64, i32)> {
    let group = written.header.group().0;
    (group != 0).then(|| (group, written.header.timestamp().utc_day()))
}

fn destroy(log: &mut Log, (group, day): (u64, i32)) -> bool {
    let erasure = Erasure {
        tenant: TenantId(1),
        group: GroupId(group),
        days: day..=day,
    };
    log.destroy_keys(&erasure).is_ok()
}

/// Opens the log and appends, now and then destroying, until done or the power is gone.
fn run(disk: &Faulty, seed: u64, model: &mut Model) {
    let mut random = Random::new(seed ^ 0xabcd);
    let Ok((mut log, recovered)) = open(disk, seed) else {
        return;
    };
    model.attempted.truncate(recovered.next.0 as usize);
    for _ in 0..BATCHES {
        let from = model.attempted.len();
        for number in from as u64..from as u64 + 1 + random.below(4) {
            model.attempted.push(message(number, &mut random));
        }
        let entries: Vec<Entry<'_>> = model.attempted[from..].iter().map(Written::entry).collect();
        if log.append(&entries).is_err() {
            return;
        }
        model.acknowledged = model.attempted.len();
        let some = random.below(model.attempted.len() as u64) as usize;
        if random.below(3) == 0
            && let Some(key) = key_of(&model.attempted[some])
        {
            model.erasing.insert(key);
            if !destroy(&mut log, key) {
                return;
            }
            settle(model, key);
        }
        if random.below(12) == 0 && log.shrink_keyring().is_err() {
            return;
        }
        if random.below(3) == 0 && log.idle().is_err() {
            return;
        }
    }
    let _ = log.close();
}

/// The destruction of `key` was acknowledged.
fn settle(model: &mut Model, key: (u64, i32)) {
    model.erasing.remove(&key);
    let gone = model.attempted.iter().filter(|it| key_of(it) == Some(key));
    model.erased.extend(gone.map(|it| it.header.record().0));
}

/// What must hold of a disk after a crash; leaves the log open.
fn check(disk: &Faulty, seed: u64, model: &Model) -> Log {
    let (log, recovered) = open(disk, seed ^ 1).expect("a crash never keeps a log from opening");
    let records = read_all(&log);
    assert_eq!(recovered.next.0 as usize, records.len());
    assert!(records.len() >= model.acknowledged, "records are lost");
    for (written, record) in model.attempted.iter().zip(&records) {
        let number = written.header.record().0;
        let may_be = key_of(written).is_some_and(|key| model.erasing.contains(&key));
        let must_be = model.erased.contains(&number);
        if record.erased {
            assert!(must_be || may_be, "record {number} became unreadable");
            assert_eq!(record.private, written.private, "events outlive erasure");
        } else {
            assert!(!must_be, "record {number} was erased");
            assert!(written.is(record), "record {number} is another");
        }
    }
    let report = throng::archive::verify(disk, 1, &|_| {}).expect("it can be read");
    assert!(report.is_sound(), "{report:?}");
    log
}

impl Work for Model {
    const SEEDS: u64 = 2_000;
    const EXHAUSTIVE_SEEDS: u64 = 12;
    const BOUNDARIES: u64 = 110;

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
        self.acknowledged = check(disk, seed, self).next().0 as usize;
        self.attempted.truncate(self.acknowledged);
    }

    /// An interrupted destruction is redone, as a replay does.
    fn settle(&mut self, disk: &Faulty, seed: u64) {
        let mut log = check(disk, seed, self);
        for key in self.erasing.clone() {
            assert!(destroy(&mut log, key), "nothing is in its way");
            settle(self, key);
        }
        drop(log);
        self.check(disk, seed);
    }
}

#[test]
fn a_crash_at_a_boundary_of_any_seed_leaves_everything_acknowledged_readable() {
    crashes::at_a_boundary_of_each_seed::<Model>();
}

#[test]
fn a_crash_at_every_boundary_of_some_seeds_leaves_everything_acknowledged_readable() {
    crashes::at_every_boundary_of_some_seeds::<Model>();
}

#[test]
fn an_error_at_every_boundary_leaves_everything_acknowledged_readable() {
    crashes::errors_at_every_boundary::<Model>(6);
}

#[test]
fn destroying_at_every_boundary_is_done_again_until_nothing_is_left() {
    for seed in 0..40 {
        let prepared = || {
            let disk = Faulty::new(seed);
            let (mut log, _) = open(&disk, seed).expect("it opens");
            let mut random = Random::new(seed);
            let mut model = Model {
                attempted: (0..20).map(|number| message(number, &mut random)).collect(),
                ..Model::default()
            };
            let entries: Vec<_> = model.attempted.iter().map(Written::entry).collect();
            log.append(&entries).expect("it appends");
            model.acknowledged = 20;
            (disk, log, model)
        };
        let all_of = |group| Erasure {
            tenant: TenantId(1),
            group: GroupId(group),
            days: 0..=20,
        };
        for boundary in 0..12 {
            let (disk, mut log, mut model) = prepared();
            let keys: Vec<_> = model.attempted.iter().filter_map(key_of).collect();
            let of_one = keys.into_iter().filter(|(group, _)| *group == 1);
            model.erasing.extend(of_one);
            disk.plan(disk.boundaries() + boundary, Fault::Crash);
            let first = log.destroy_keys(&all_of(1));
            drop(log);
            let disk = disk.restart();
            let mut log = check(&disk, seed, &model);
            let gone = read_all(&log).iter().filter(|record| record.erased).count();
            let of_one = model.attempted.iter().filter_map(key_of);
            let all = of_one.filter(|(group, _)| *group == 1).count();
            assert!(gone == 0 || gone == all, "{gone} of {all}: half erased");
            let again = log.destroy_keys(&all_of(1)).expect("it is done again");
            assert!(first.is_err() || again == 0, "what was destroyed stays so");
            for key in model.erasing.clone() {
                settle(&mut model, key);
            }
            drop(log);
            check(&disk.restart(), seed ^ 5, &model);
        }
    }
}

/// Records of one group a day each, of which all but every tenth are destroyed: what is left of the keyring,
/// and how long it was.
fn shrinkable(seed: u64) -> (Faulty, Log, Model) {
    let disk = Faulty::new(seed);
    let (mut log, _) = open(&disk, seed).expect("it opens");
    let mut random = Random::new(seed);
    let mut model = Model {
        attempted: (0..40).map(|number| message(number, &mut random)).collect(),
        ..Model::default()
    };
    let entries: Vec<_> = model.attempted.iter().map(Written::entry).collect();
    log.append(&entries).expect("it appends");
    model.acknowledged = 40;
    let mut keys: Vec<_> = model.attempted.iter().filter_map(key_of).collect();
    keys.retain(|(_, day)| day % 10 != 0);
    for key in keys {
        assert!(destroy(&mut log, key), "nothing is in its way");
        settle(&mut model, key);
    }
    (disk, log, model)
}

#[test]
fn a_keyring_without_destroyed_keys_opens_all_that_stays_and_goes_on() {
    for seed in 0..40 {
        let (disk, mut log, mut model) = shrinkable(seed);
        let reader = log.reader();
        assert!(log.shrink_keyring().expect("there is room"));
        assert!(
            !log.shrink_keyring().expect("there is room"),
            "none is dead"
        );
        let read = reader.read(throng::wire::RecordNumber(0), usize::MAX);
        let read = read.expect("readers go on with the new file");
        let erased = read.iter().filter(|record| record.erased).count();
        assert_eq!(erased, model.erased.len());
        drop(log);
        let mut log = check(&disk, seed, &model);

        // What comes later stands behind the gaps, is destroyed among them, and is left out in its turn.
        let from = model.attempted.len();
        let mut random = Random::new(seed ^ 9);
        let later = (40..50).map(|number| message(number, &mut random));
        model.attempted.extend(later);
        let entries: Vec<_> = model.attempted[from..].iter().map(Written::entry).collect();
        log.append(&entries).expect("it appends");
        model.acknowledged = 50;
        let all: BTreeSet<_> = model.attempted.iter().filter_map(key_of).collect();
        for (number, key) in all.into_iter().enumerate() {
            if number % 2 == 0 {
                assert!(destroy(&mut log, key), "nothing is in its way");
                settle(&mut model, key);
            }
        }
        drop(log);
        let mut log = check(&disk, seed ^ 7, &model);
        assert!(log.shrink_keyring().expect("there is room"));
        drop(log);
        drop(check(&disk, seed ^ 8, &model));
        let master = MasterKey::new([9; 32]);
        throng::log::rewrap(&disk, &master, &MasterKey::new([8; 32]), [1; 32]).expect("other keys");
        throng::log::rewrap(&disk, &MasterKey::new([8; 32]), &master, [2; 32]).expect("and back");
        drop(check(&disk, seed ^ 10, &model));
    }
}

#[test]
fn shrinking_at_every_boundary_loses_no_key_and_brings_none_back() {
    for seed in 0..20 {
        let mut boundary = 0;
        loop {
            let (disk, mut log, model) = shrinkable(seed);
            let last = disk.boundaries();
            disk.plan(last + boundary, Fault::Crash);
            let shrunk = log.shrink_keyring().is_ok();
            let boundaries = disk.boundaries() - last;
            drop(log);
            let disk = disk.restart();
            drop(check(&disk, seed, &model));
            let names = throng::log::Storage::names(&disk).expect("names");
            let is_left = names
                .iter()
                .any(|name| name == "keyring.before" || name == "keyring.new");
            assert!(!is_left, "{names:?}");
            if shrunk {
                assert!(boundaries > 5, "{boundaries}: nothing was written");
                break;
            }
            boundary += 1;
        }
    }
}

#[test]
fn on_a_full_disk_no_more_is_promised_than_there_is_room_for_keys() {
    let disk = Faulty::new(1);
    let config = encrypted().with_segment_bytes(16 << 20);
    let (mut log, _) = open_with(&disk, 1, config).expect("it opens");
    disk.set_room(Some(0));
    let space = log.space();
    // Every record is of another group, and needs a key of its own.
    let record = |number: u64| {
        let mut written = Written::new(number, &mut Random::new(number));
        written.takes.clear();
        written.header = Header::new(&HeaderFields {
            group: GroupId(number + 1),
            ..written.header.fields()
        });
        written
    };
    let mut number = 0;
    while space.reserve(record(number).len(), Class::Normal).is_ok() {
        log.append(&[record(number).entry()])
            .expect("what was reserved can be appended");
        number += 1;
        assert!(number < 8192, "keys are made without room for them");
    }
    assert!(number > 4096, "{number}: what is preallocated is used");
    log.idle().expect("a full disk is no error");
    let refused = space.reserve(record(number).len(), Class::Normal);
    refused.expect_err("the disk is still full");
    // Room is kept for erasures; when that is used up, the log goes on without them.
    let erase = |log: &mut Log, group| {
        log.destroy_keys(&Erasure {
            tenant: TenantId(1),
            group: GroupId(group),
            days: 0..=20,
        })
    };
    let erased = (1..=number).take_while(|group| match erase(&mut log, *group) {
        Ok(destroyed) => destroyed > 0,
        Err(AppendError::Storage(error)) => !error.is_no_space(),
        Err(error) => panic!("{error}"),
    });
    let erased = erased.count() as u64;
    assert!((64..number).contains(&erased), "{erased} of {number}");
    disk.set_room(None);
    log.idle().expect("nothing is wrong with the log");
    space
        .reserve(record(number).len(), Class::Normal)
        .expect("space came back without a restart");
    assert!(erase(&mut log, erased + 1).expect("there is room again") > 0);
    assert_eq!(read_all(&log).len() as u64, number);
}
