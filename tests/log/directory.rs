//! The log on a real directory: one process at a time, and what is read is what was written.

use crate::written;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use crate::written::{Written, append, config, read_all};
use tempfile::TempDir;
use throng::archive;
use throng::log::storage::{Faulty, Random};
use throng::log::{
    AppendError, Config, Directory, Entry, Log, Memory, OpenError, Record, Recovered, Snapshots,
    Storage, StorageError,
};
use throng::wire::{GroupId, RecordNumber, Sequence, TenantId};

/// Set for the process that the lock test starts.
const LOCKED: &str = "THRONG_TEST_LOCKED_DIRECTORY";

fn open(path: &Path, entropy: u8) -> Result<(Log, Recovered), OpenError> {
    let storage: Arc<dyn Storage> = Arc::new(Directory::open(path)?);
    Log::open(storage, config(), [entropy; 32])
}

#[test]
fn what_was_appended_is_read_after_any_number_of_opens() {
    let directory = TempDir::new().expect("a temporary directory");
    for round in 0..5 {
        let (mut log, recovered) = open(directory.path(), round).expect("it opens");
        assert_eq!(recovered.next.0, u64::from(round) * 20);
        assert_eq!(recovered.cut, None);
        append(&mut log, 20);
        let records = read_all(&log);
        assert_eq!(records.len(), (usize::from(round) + 1) * 20);
        for (from, appended) in (0..).step_by(20).zip(records.chunks(20)) {
            let mut random = Random::new(from);
            for (number, record) in (from..).zip(appended) {
                assert!(Written::new(number, &mut random).is(record));
            }
        }
        if round % 2 == 0 {
            log.close().expect("it closes");
        }
    }
    let directory = Directory::open_existing(directory.path()).expect("nobody has it");
    let report = archive::verify(&directory, 2, &|_| {}).expect("it can be read");
    assert!(report.is_sound() && report.torn.is_none(), "{report:?}");
    assert_eq!((report.records, report.residue_bytes), (100, 0));
}

#[test]
fn a_second_open_of_a_directory_is_refused_in_this_and_any_other_process() {
    if let Some(path) = std::env::var_os(LOCKED) {
        let refused = Directory::open(Path::new(&path)).expect_err("its parent has it");
        assert!(matches!(refused, StorageError::InUse { .. }));
        return;
    }
    let directory = TempDir::new().expect("a temporary directory");
    let (log, _) = open(directory.path(), 0).expect("it opens");
    let refused = Directory::open(directory.path()).expect_err("this process has it");
    assert!(
        refused
            .to_string()
            .contains("already in use by another process")
    );

    let child = Command::new(std::env::current_exe().expect("this test"))
        .args([
            "--exact",
            "directory::a_second_open_of_a_directory_is_refused_in_this_and_any_other_process",
        ])
        .env(LOCKED, directory.path())
        .output()
        .expect("it runs");
    assert!(child.status.success());
    assert!(String::from_utf8_lossy(&child.stdout).contains("1 passed"));
    drop(log);
    open(directory.path(), 1).expect("whoever had it is gone");
}

#[test]
fn files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let directory = TempDir::new().expect("a temporary directory");
    let (log, _) = open(directory.path(), 0).expect("it opens");
    log.close().expect("it closes");
    for entry in std::fs::read_dir(directory.path()).expect("it lists") {
        let entry = entry.expect("an entry");
        let mode = entry.metadata().expect("its mode").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?}", entry.file_name());
    }
}

#[test]
fn readers_see_only_what_is_durable_and_on_any_thread() {
    let (mut log, _) = Log::open(Arc::new(Memory::new()), config(), [1; 32]).expect("it opens");
    let reader = log.reader();
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let reader = reader.clone();
                scope.spawn(move || {
                    let mut next = RecordNumber(0);
                    while next.0 < 300 {
                        let before = reader.durable();
                        let records = reader.read(next, 2000).expect("durable records read");
                        assert!(!records.is_empty() || before == next);
                        for record in records {
                            assert_eq!(record.envelope.header().record(), next);
                            next = next.next();
                        }
                        std::thread::yield_now();
                    }
                })
            })
            .collect();
        for _ in 0..100 {
            append(&mut log, 3);
        }
        for reader in readers {
            reader.join().expect("a reader");
        }
    });
}

#[test]
fn a_read_keeps_to_its_budget_but_makes_progress() {
    let (mut log, _) = Log::open(Arc::new(Memory::new()), config(), [1; 32]).expect("it opens");
    append(&mut log, 50);
    let reader = log.reader();
    assert_eq!(reader.read(RecordNumber(0), 0).expect("it reads").len(), 1);
    let some = reader.read(RecordNumber(0), 2000).expect("it reads");
    assert!(some.len() > 1 && some.len() < 30);
    assert_eq!(reader.read(RecordNumber(50), 2000).expect("it reads"), []);
    assert_eq!(
        reader.read(RecordNumber(u64::MAX), 2000).expect("it reads"),
        []
    );
}

#[test]
fn a_group_is_read_across_segments_and_dropped_indexes() {
    let mut config = config();
    config.index_bytes_max = 0;
    let (mut log, _) = Log::open(Arc::new(Memory::new()), config, [1; 32]).expect("it opens");
    append(&mut log, 200);
    let read = |tenant, from, to, bytes_max| {
        let reader = log.reader();
        let records = reader.read_group(TenantId(tenant), GroupId(1), from, to, bytes_max);
        records.expect("a group can be read")
    };
    let (first, last) = (Sequence(0), Sequence(u64::MAX));
    let of_group = |record: &Record| record.takes.iter().any(|it| it.group == GroupId(1));
    let mut expected = read_all(&log);
    expected.retain(of_group);
    let all = read(1, first, last, 1 << 20);
    assert_eq!(all, expected);
    let some = read(1, first, last, 1000);
    assert!(
        !some.is_empty() && some.len() < all.len(),
        "as much as was asked for"
    );
    assert_eq!(some[..], all[..some.len()]);
    expected.retain(|it| (60..=120).contains(&it.takes[0].sequence.0));
    assert_eq!(read(1, Sequence(60), Sequence(120), 1 << 20), expected);
    assert_eq!(read(2, first, last, 1 << 20), [], "another tenant's group");
}

#[test]
fn entries_that_do_not_follow_are_refused_and_nothing_is_written_after() {
    let (mut log, _) = Log::open(Arc::new(Memory::new()), config(), [1; 32]).expect("it opens");
    append(&mut log, 2);
    let mut random = Random::new(0);
    let wrong = Written::new(7, &mut random);
    let refused = log.append(&[wrong.entry()]).expect_err("record 2 is next");
    assert!(matches!(refused, AppendError::RecordNumber { .. }));
    let right = Written::new(2, &mut random);
    let refused = log.append(&[right.entry()]).expect_err("it failed before");
    assert!(matches!(refused, AppendError::Poisoned));
    assert_eq!(log.reader().durable(), RecordNumber(2));
}

#[test]
fn a_record_over_the_limit_is_refused() {
    let (mut log, _) = Log::open(Arc::new(Memory::new()), config(), [1; 32]).expect("it opens");
    let written = Written::new(0, &mut Random::new(0));
    let entry = Entry {
        private: &[0; 1000],
        ..written.entry()
    };
    let refused = log
        .append(&[entry])
        .expect_err("records are at most 1 KiB here");
    assert!(matches!(refused, AppendError::RecordTooLong { .. }));
}

#[test]
fn knobs_out_of_range_are_refused() {
    let storage = Arc::new(Memory::new());
    let mut config = Config::default();
    config.segment_bytes = 1 << 40;
    let error = Log::open(storage, config, [1; 32]).expect_err("a segment is at most 1 GiB");
    assert!(
        error
            .to_string()
            .starts_with("segment_bytes is 1099511627776"),
        "{error}"
    );
}

#[test]
fn a_damaged_snapshot_is_passed_over_and_two_are_kept() {
    let storage = Arc::new(Faulty::new(1));
    let snapshots = Snapshots::new(storage.clone());
    assert_eq!(snapshots.latest().expect("readable"), None);
    for position in [5, 9, 12] {
        let state = vec![position as u8; 3000];
        snapshots
            .write(RecordNumber(position), &state)
            .expect("it writes");
    }
    let names = storage.names().expect("names");
    assert_eq!(
        names,
        [
            "00000000000000000009.snapshot",
            "00000000000000000012.snapshot"
        ]
    );
    let latest = snapshots.latest().expect("readable").expect("two");
    assert_eq!(latest, (RecordNumber(12), vec![12; 3000]));
    storage.damage(&names[1], |bytes| bytes[2000] ^= 4);
    let latest = snapshots.latest().expect("readable").expect("one");
    assert_eq!(latest, (RecordNumber(9), vec![9; 3000]));
    storage.damage(&names[0], |bytes| bytes.truncate(2999));
    assert_eq!(snapshots.latest().expect("readable"), None);
}

#[test]
fn only_what_a_snapshot_does_not_cover_is_checked_at_open() {
    let disk = Faulty::new(1);
    let (mut log, _) = written::open(&disk, 0).expect("it opens");
    append(&mut log, 100);
    log.close().expect("it closes");
    let first = written::segments(&disk)[0].0.clone();
    disk.damage(&first, |bytes| bytes[1000] ^= 1);
    let mut config = config();
    config.check_from = 90;
    let (log, _) = Log::open(Arc::new(disk), config, [1; 32]).expect("record 0 is not checked");
    log.reader()
        .read(RecordNumber(0), 1 << 20)
        .expect_err("but it is when it is read");
    assert_eq!(
        log.reader()
            .read(RecordNumber(90), 1)
            .expect("intact")
            .len(),
        1
    );
}

#[test]
fn names_with_slashes_are_files_in_folders_that_come_and_go_with_them() {
    let place = TempDir::new().expect("a temporary directory");
    let directory = Directory::open(place.path()).expect("it opens");
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    for storage in [&directory as &dyn Storage, &Memory::new(), &Faulty::new(1)] {
        for name in ["top", "a/b/one.new", "a/two", "ab/three"] {
            let file = storage.create(name).expect("its folders are made");
            let bytes = &mut [std::io::IoSlice::new(name.as_bytes())];
            file.write_at(bytes, 0).expect("it is written");
        }
        storage
            .rename("a/b/one.new", "a/c/one")
            .expect("its new folder is made");
        storage.sync().expect("names are made durable");
        let names = sorted(storage.names().expect("a list"));
        assert_eq!(names, ["a/c/one", "a/two", "ab/three", "top"]);
        let names = sorted(storage.names_in("a/").expect("a list"));
        assert_eq!(names, ["a/c/one", "a/two"]);
        assert!(storage.names_in("none/").expect("a list").is_empty());
        let mut found = [0; 20];
        let read = storage
            .open("a/c/one")
            .and_then(|file| file.read_at(&mut found, 0));
        assert_eq!(&found[..read.expect("readable")], b"a/b/one.new");
        storage.remove("a/c/one").expect("it is there");
        storage.sync().expect("a folder that went is no error");
        let gone = storage.open("a/c/one").expect_err("it is gone");
        assert!(gone.is_not_found(), "{gone}");
    }
    assert!(!place.path().join("a/c").exists());
    assert!(place.path().join("a").is_dir());
}
