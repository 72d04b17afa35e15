//! Removal of whole files at the front of the log, on the storage double: with a crash or an error at any
//! boundary of appending, taking snapshots and removing, nothing at or after where the log begins is lost,
//! nothing that is kept is before it, and the state is what all records together give.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::crashes::{self, Work};
use crate::written::{self, Written, open_with};
use throng::archive;
use throng::log::storage::{Faulty, Random};
use throng::log::{
    Compactor, Config, Encryption, Entry, Gone, Log, MasterKey, OpenError, ReadError, Record,
    Recovered, RemoveError, Storage,
};
use throng::wire::{Header, HeaderFields, RecordNumber, TenantId, Timestamp};

const BATCHES: u64 = 24;
const DAY_US: i64 = 86_400_000_000;

/// What a run has told the world.
#[derive(Default)]
struct Model {
    is_sealed: bool,
    attempted: Vec<Written>,
    acknowledged: usize,
    /// Where the log begins, and where it may.
    begin: u64,
    removing: u64,
    /// Content, and the audit trail of tenant 1 and 2, are over through these days.
    content: i32,
    trails: [i32; 2],
    held: BTreeSet<i32>,
}

impl Model {
    fn open(&self, disk: &Faulty, seed: u64) -> Result<(Log, Recovered), OpenError> {
        open_with(disk, seed, config(self.is_sealed))
    }

    fn gone(&self) -> Gone {
        let (content, trails, held) = (self.content, self.trails, self.held.clone());
        Gone::new(move |_, _, day| day <= content).with_trail(move |tenant, day| {
            day <= trails[tenant.0 as usize - 1] && !held.contains(&day)
        })
    }

    fn is_over(&self, written: &Written) -> bool {
        let day = written.header.timestamp().utc_day();
        let trail = self.trails[written.header.tenant().0 as usize - 1];
        day <= trail
            && !self.held.contains(&day)
            && (written.view.is_empty() || day <= self.content)
    }

    /// The state before record `next`.
    fn state(&self, next: u64) -> u64 {
        let records = self.attempted[..next as usize].iter();
        records.fold(0, |state, it| fold(state, &it.header, &it.private))
    }
}

fn fold(state: u64, header: &Header, private: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (state, header.record().0, private).hash(&mut hasher);
    hasher.finish()
}

fn config(sealed: bool) -> Config {
    let mut config = written::config();
    config.encryption = sealed.then(|| Encryption::new(MasterKey::new([9; 32])));
    config
}

/// Four records a day, most of tenant 1.
fn message(number: u64, random: &mut Random) -> Written {
    let mut written = Written::new(number, random);
    written.header = Header::new(&HeaderFields {
        timestamp: Timestamp(number as i64 * DAY_US / 4),
        tenant: TenantId(1 + u32::from(random.below(8) == 0)),
        ..written.header.fields()
    });
    written
}

pub(crate) fn read_from(log: &Log, from: u64) -> Vec<Record> {
    let (reader, mut records, mut next) = (log.reader(), Vec::new(), from);
    while next < reader.durable().0 {
        let some = reader.read(RecordNumber(next), 700);
        records.extend(some.expect("durable records can be read"));
        next = from + records.len() as u64;
    }
    records
}

/// Opens the log, appends, takes snapshots and removes, until done or the power is gone.
fn run(disk: &Faulty, seed: u64, model: &mut Model) {
    let mut random = Random::new(seed ^ 0xabcd);
    let Ok((mut log, recovered)) = model.open(disk, seed) else {
        return;
    };
    model.attempted.truncate(recovered.next.0 as usize);
    let mut compactor = log.compactor();
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
        if random.below(4) == 0 {
            let next = log.next();
            let state = model.state(next.0).to_le_bytes();
            if log.snapshots().write(next, &state).is_err() {
                return;
            }
        }
        if random.below(3) == 0 && !remove(&log, &mut compactor, model, &mut random) {
            return;
        }
        if random.below(3) == 0 && log.idle().is_err() {
            return;
        }
    }
    let _ = log.close();
}

/// Days end, some are held, and what can go goes.
fn remove(log: &Log, compactor: &mut Compactor, model: &mut Model, random: &mut Random) -> bool {
    let today = model.attempted.len() as i32 / 4;
    let over = |random: &mut Random| today - 2 - random.below(3) as i32;
    if random.below(3) == 0 {
        model.held.insert(today + random.below(4) as i32);
    }
    model.content = model.content.max(over(random));
    for trail in &mut model.trails {
        *trail = (*trail).max(over(random));
    }
    let gone = model.gone();
    let Ok(before) = compactor.removable(&gone) else {
        return false;
    };
    if before.0 > model.begin {
        let state = model.state(before.0).to_le_bytes();
        if log.snapshots().write_base(before, &state).is_err() {
            return false;
        }
    }
    model.removing = before.0;
    let signed = random.below(4) == 0;
    let signed = signed.then(|| RecordNumber(random.below(model.attempted.len() as u64 + 1)));
    match compactor.remove_before(before, &gone, signed) {
        Ok(_) => model.begin = before.0,
        Err(RemoveError::NotSigned { signed, .. }) => assert!(signed < before),
        Err(RemoveError::NotCovered { .. }) => {}
        Err(RemoveError::Kept { .. }) => panic!("it said that these can go"),
        Err(_) => return false,
    }
    true
}

/// What must hold of a disk after a crash; leaves the log open.
fn check(disk: &Faulty, seed: u64, model: &mut Model) -> Log {
    let (log, recovered) = model
        .open(disk, seed ^ 1)
        .expect("a crash never keeps a log closed");
    let begin = log.reader().first().0;
    assert!(
        begin == model.begin || begin == model.removing,
        "it begins at {begin}, not at {} or {}",
        model.begin,
        model.removing
    );
    let kept = model.attempted.iter().position(|it| !model.is_over(it));
    assert!(
        begin <= kept.unwrap_or(usize::MAX) as u64,
        "{kept:?} was kept"
    );
    (model.begin, model.removing) = (begin, begin);
    let records = read_from(&log, begin);
    assert_eq!(recovered.next.0, begin + records.len() as u64);
    assert!(
        recovered.next.0 >= model.acknowledged as u64,
        "records are lost"
    );
    for (written, record) in model.attempted[begin as usize..].iter().zip(&records) {
        let number = written.header.record();
        assert!(written.is(record), "record {number} is another");
    }
    if begin > 0 {
        let before = log.reader().read(RecordNumber(begin - 1), 1);
        assert!(matches!(before, Err(ReadError::Removed { .. })));
    }
    // The state is that of all records, by the newest snapshot and by the base.
    let latest = log.snapshots().latest().expect("it reads");
    let base = log.reader().base().expect("it is there");
    assert_eq!(base.is_some(), begin > 0);
    for (position, state) in [latest, base].into_iter().flatten() {
        let state = u64::from_le_bytes(state.try_into().expect("eight bytes"));
        assert_eq!(state, model.state(position.0));
        let later = &records[(position.0 - begin) as usize..];
        let state = later.iter().fold(state, |state, it| {
            fold(state, it.envelope.header(), &it.private)
        });
        assert_eq!(state, model.state(recovered.next.0));
    }
    let report = archive::verify(disk, 1, &|_| {}).expect("it can be read");
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.begin.0, begin);
    // What was before is nowhere any more.
    for name in disk.names().expect("names") {
        let number = name.split('.').next().and_then(|it| it.parse::<u64>().ok());
        let stays = match number {
            Some(number) if name.ends_with(".segment") => number >= begin,
            Some(number) if name.ends_with(".base") => number == begin,
            _ => true,
        };
        assert!(stays, "{name} is left over");
    }
    log
}

impl Work for Model {
    const SEEDS: u64 = 500;
    const EXHAUSTIVE_SEEDS: u64 = 4;
    const BOUNDARIES: u64 = 480;

    /// Of an encrypted log, or a plain one.
    fn new(seed: u64) -> Self {
        Self {
            is_sealed: seed.is_multiple_of(2),
            content: -1,
            trails: [-1; 2],
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
}

#[test]
fn a_crash_at_a_boundary_of_any_seed_removes_nothing_that_is_kept() {
    crashes::at_a_boundary_of_each_seed::<Model>();
}

#[test]
fn a_crash_at_every_boundary_of_some_seeds_removes_nothing_that_is_kept() {
    crashes::at_every_boundary_of_some_seeds::<Model>();
}

#[test]
fn an_error_at_every_boundary_removes_nothing_that_is_kept() {
    crashes::errors_at_every_boundary::<Model>(3);
}

#[test]
fn a_run_removes_files_and_frees_what_they_held() {
    let mut removed = 0;
    for seed in 0..40 {
        let disk = Faulty::new(seed);
        let mut model = Model::new(seed);
        run(&disk, seed, &mut model);
        removed += u64::from(model.begin > 0);
        check(&disk.restart(), seed, &mut model);
    }
    assert!(removed > 20, "{removed}: the runs test nothing");
}
