//! Content that is gone, on the storage double: with a crash or an error at any boundary of appending,
//! erasing and compacting, nothing that stays is lost, nothing that is gone comes back, every leaf is
//! what it was, and once a compaction has been acknowledged no file holds what it took away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::crashes::{self, Work};
use crate::written::{self, Written, open_with, read_all};
use throng::archive;
use throng::log::storage::{Faulty, Random};
use throng::log::{Config, Encryption, Entry, Gone, Log, MasterKey, OpenError, Recovered, Storage};
use throng::wire::{GroupId, Header, HeaderFields, RecordNumber, TenantId, Timestamp};

const BATCHES: u64 = 10;
const DAY_US: i64 = 86_400_000_000;

/// What a run has told the world.
#[derive(Default)]
struct Model {
    is_sealed: bool,
    attempted: Vec<Written>,
    acknowledged: usize,
    /// Leaves that readers have seen.
    commitments: BTreeMap<u64, [u8; 32]>,
    /// Of these (group, day)s the content is being erased.
    erasing: BTreeSet<(u64, i32)>,
    erased: BTreeSet<(u64, i32)>,
    /// Records of which no file holds the view any more.
    compacted: BTreeSet<u64>,
}

impl Model {
    fn gone(&self) -> Gone {
        let gone: Arc<BTreeSet<_>> = Arc::new(&self.erasing | &self.erased);
        Gone::new(move |tenant, group, day| tenant == TenantId(1) && gone.contains(&(group.0, day)))
    }
}

fn config(sealed: bool) -> Config {
    let mut config = written::config();
    config.encryption = sealed.then(|| Encryption::new(MasterKey::new([9; 32])));
    config
}

impl Model {
    fn open(&self, disk: &Faulty, seed: u64) -> Result<(Log, Recovered), OpenError> {
        open_with(disk, seed, config(self.is_sealed))
    }
}

/// Two records a day.
fn message(number: u64, random: &mut Random) -> Written {
    let mut written = Written::new(number, random);
    written.header = Header::new(&HeaderFields {
        timestamp: Timestamp(number as i64 * DAY_US / 2),
        ..written.header.fields()
    });
    written
}

/// The group and day that a message's view is of.
fn unit_of(written: &Written) -> (u64, i32) {
    let day = written.header.timestamp().utc_day();
    let mut groups = written.takes.iter().map(|take| take.group.0);
    let of_takes = match (groups.next(), groups.next()) {
        (Some(only), None) => only,
        _ => 0,
    };
    let group = written.header.group();
    (
        if group == GroupId(0) {
            of_takes
        } else {
            group.0
        },
        day,
    )
}

/// Opens the log, appends, erases and compacts, until done or the power is gone.
fn run(disk: &Faulty, seed: u64, model: &mut Model) {
    let mut random = Random::new(seed ^ 0xabcd);
    let Ok((mut log, recovered)) = model.open(disk, seed) else {
        return;
    };
    model.attempted.truncate(recovered.next.0 as usize);
    if log.forget(model.gone()).is_err() {
        return;
    }
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
        let Ok(leaves) = log.reader().commitments(RecordNumber(from as u64), 100) else {
            return;
        };
        model.commitments.extend((from as u64..).zip(leaves));
        if random.below(3) == 0 && !erase(&mut log, model, &mut random) {
            return;
        }
        if random.below(3) == 0 && log.idle().is_err() {
            return;
        }
    }
    let _ = log.close();
}

/// Erases some day that is over, and takes it from the disk.
fn erase(log: &mut Log, model: &mut Model, random: &mut Random) -> bool {
    let some = random.below(model.attempted.len() as u64) as usize;
    let (group, day) = unit_of(&model.attempted[some]);
    let today = model.attempted.last().map_or(0, |it| unit_of(it).1);
    if day == today {
        return true;
    }
    model.erasing.insert((group, day));
    if log.forget(model.gone()).is_err() {
        return false;
    }
    model.erasing.remove(&(group, day));
    model.erased.insert((group, day));
    compact(log, model)
}

fn compact(log: &mut Log, model: &mut Model) -> bool {
    let mut compactor = log.compactor();
    let gone = model.gone();
    let sealed = match compactor.needs_sealing(&gone) {
        Ok(true) => log.seal_segment().is_ok(),
        Ok(false) => true,
        Err(_) => false,
    };
    let all = i32::MIN..=i32::MAX;
    if !sealed || compactor.compact(&gone, &all, &|| false).is_err() {
        return false;
    }
    if !compactor.needs_sealing(&gone).unwrap_or(true) {
        let records = model.attempted[..model.acknowledged].iter();
        let gone = records.filter(|it| model.erased.contains(&unit_of(it)));
        model.compacted.extend(gone.map(|it| it.header.record().0));
    }
    true
}

/// What must hold of a disk after a crash; leaves the log open.
fn check(disk: &Faulty, seed: u64, model: &Model) -> Log {
    let (mut log, recovered) = model
        .open(disk, seed ^ 1)
        .expect("a crash never keeps a log closed");
    log.forget(model.gone()).expect("nothing is in its way");
    let records = read_all(&log);
    assert_eq!(recovered.next.0 as usize, records.len());
    assert!(records.len() >= model.acknowledged, "records are lost");
    let leaves = log.reader().commitments(RecordNumber(0), 10_000);
    let leaves = leaves.expect("it reads");
    for (written, record) in model.attempted.iter().zip(&records) {
        let number = written.header.record().0;
        let unit = unit_of(written);
        if model.erased.contains(&unit) || model.erasing.contains(&unit) {
            assert!(record.envelope.body().is_empty(), "record {number} is back");
            assert!(record.erased || written.view.is_empty());
            assert_eq!(record.private, written.private, "events outlive erasure");
        } else {
            assert!(!record.erased, "record {number} is lost");
            assert!(written.is(record), "record {number} is another");
        }
        if let Some(leaf) = model.commitments.get(&number) {
            assert_eq!(&leaves[number as usize], leaf, "leaf {number} changed");
        }
    }
    let report = archive::verify(disk, 1, &|_| {}).expect("it can be read");
    assert!(report.is_sound(), "{report:?}");
    assert_not_on_disk(disk, model);
    log
}

fn all_files(disk: &Faulty) -> Vec<(String, Vec<u8>)> {
    let names = disk.names().expect("the disk lists its names").into_iter();
    let read = |name: String| (name.clone(), disk.contents(&name).expect("a listed file"));
    names.map(read).collect()
}

/// The views of records that were compacted are in no file.
fn assert_not_on_disk(disk: &Faulty, model: &Model) {
    let files: Vec<(String, Vec<u8>)> = all_files(disk);
    for number in &model.compacted {
        let view = &model.attempted[*number as usize].view;
        // Shorter ones are found anywhere.
        if view.len() < 8 {
            continue;
        }
        for (name, bytes) in &files {
            let found = bytes.windows(view.len()).any(|window| window == view);
            assert!(!found, "the view of record {number} is in {name}");
        }
    }
}

impl Work for Model {
    const SEEDS: u64 = 1_000;
    const EXHAUSTIVE_SEEDS: u64 = 6;
    const BOUNDARIES: u64 = 200;

    /// Of an encrypted log, or a plain one.
    fn new(seed: u64) -> Self {
        Self {
            is_sealed: seed.is_multiple_of(2),
            ..Self::default()
        }
    }

    fn work(&mut self, disk: &Faulty, seed: u64) {
        run(disk, seed, self);
    }

    fn recover(&self, disk: &Faulty, seed: u64) {
        drop(self.open(disk, seed));
    }

    fn check(&mut self, disk: &Faulty, seed: u64) {
        self.acknowledged = check(disk, seed, self).next().0 as usize;
        self.attempted.truncate(self.acknowledged);
    }

    /// What was begun is finished.
    fn settle(&mut self, disk: &Faulty, seed: u64) {
        let mut log = check(disk, seed, self);
        self.erased.append(&mut self.erasing);
        assert!(compact(&mut log, self));
        drop(log);
        self.check(disk, seed);
    }
}

#[test]
fn a_crash_at_a_boundary_of_any_seed_brings_nothing_back_and_loses_nothing() {
    crashes::at_a_boundary_of_each_seed::<Model>();
}

#[test]
fn a_crash_at_every_boundary_of_some_seeds_brings_nothing_back_and_loses_nothing() {
    crashes::at_every_boundary_of_some_seeds::<Model>();
}

#[test]
fn an_error_at_every_boundary_brings_nothing_back_and_loses_nothing() {
    crashes::errors_at_every_boundary::<Model>(6);
}

#[test]
fn a_run_compacts_segments_and_frees_what_they_held() {
    let mut compacted = 0;
    for seed in 0..40 {
        let disk = Faulty::new(seed);
        let mut model = Model::new(seed);
        run(&disk, seed, &mut model);
        compacted += model.compacted.len();
        let log = check(&disk.restart(), seed, &model);
        let erased = read_all(&log).iter().filter(|record| record.erased).count();
        assert!(erased > 0 || model.compacted.is_empty());
    }
    assert!(compacted > 100, "{compacted}: the runs test nothing");
}

/// A log of some segments whose first two days, all of group 1, are gone and compacted as far as can be.
fn compacted(storage: Arc<dyn Storage>, spoil: impl FnOnce()) -> (Log, Result<u64, String>) {
    let config = Config::default().with_segment_bytes(4096);
    let (mut log, _) = Log::open(storage, config, [3; 32]).expect("a new log opens");
    let mut random = Random::new(7);
    for number in 0..60 {
        let mut written = Written::with_body(number, 40, &mut random);
        written.takes.clear();
        written.header = Header::new(&HeaderFields {
            group: GroupId(1),
            timestamp: Timestamp(number as i64 * DAY_US / 25),
            ..written.header.fields()
        });
        log.append(&[written.entry()]).expect("it appends");
    }
    log.idle().expect("it is committed");
    let gone = Gone::new(|_, _, day| day < 2);
    log.forget(gone.clone()).expect("nothing is in its way");
    spoil();
    let mut compactor = log.compactor();
    let compacted = compactor.compact(&gone, &(0..=1), &|| false);
    let views = compacted.map(|compacted| compacted.views);
    (log, views.map_err(|error| error.to_string()))
}

#[test]
fn a_damaged_segment_keeps_none_behind_it_from_being_compacted() {
    let disk = Faulty::new(9);
    let first = "00000000000000000000.segment";
    let spoil = || disk.damage(first, |bytes| bytes[600] ^= 1);
    let (log, compacted) = compacted(Arc::new(disk.clone()), spoil);
    let error = compacted.expect_err("the first is damaged");
    assert!(error.contains(first), "{error}");
    let stubs = read_from(&log, 30);
    assert!(stubs.iter().any(|record| record.erased));
    let names = disk.names().expect("names").into_iter();
    let lens = names.filter(|name| name.ends_with(".segment")).map(|name| {
        let len = disk
            .open(&name)
            .and_then(|file| file.len())
            .expect("a listed file");
        (name, len)
    });
    let mut lens: Vec<_> = lens.collect();
    lens.sort();
    assert_eq!(lens[0].1, 4096, "as it was");
    assert!(lens[1].1 < 4096, "{lens:?}: compacted");
}

fn read_from(log: &Log, from: u64) -> Vec<throng::log::Record> {
    let read = log.reader().read(RecordNumber(from), 1 << 20);
    read.expect("behind the damage")
}

#[test]
#[cfg(target_os = "linux")]
fn a_compacted_segment_lets_go_of_its_old_file() {
    let place = tempfile::TempDir::new().expect("a temporary directory");
    let storage = throng::log::Directory::open(place.path()).expect("nobody has it");
    let (log, compacted) = compacted(Arc::new(storage), || ());
    assert!(compacted.expect("nothing is in its way") > 30);
    assert_eq!(read_all(&log).len(), 60);
    let open = std::fs::read_dir("/proc/self/fd").expect("this process has files");
    let open = open.filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok());
    let kept: Vec<_> = open
        .filter(|path| path.starts_with(place.path()))
        .filter(|path| path.to_string_lossy().ends_with("(deleted)"))
        .collect();
    assert!(kept.is_empty(), "their blocks are not free: {kept:?}");
}
