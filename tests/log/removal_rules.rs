//! What it takes to remove files at the front of the log, and what a log that begins later is without some
//! of its files.

use crate::removal::read_from;
use crate::written::{self, open_with};
use throng::archive::{self, Consent};
use throng::log::storage::{Fault, Faulty};
use throng::log::{Gone, Log, OpenError, ReadError, RemoveError, Storage};
use throng::wire::{RecordNumber, TenantId};

/// A log of several segments, all of tenant 1.
fn several_segments(disk: &Faulty) -> Log {
    let (mut log, _) = open_with(disk, 1, written::config()).expect("a new log opens");
    written::append(&mut log, 80);
    log.idle().expect("it is committed");
    log
}

fn all_over() -> Gone {
    Gone::new(|_, _, _| true).with_trail(|_, _| true)
}

/// The first records of the segments, in order.
fn firsts(disk: &Faulty) -> Vec<u64> {
    let names = disk.names().expect("names").into_iter();
    let firsts = names.filter_map(|name| name.strip_suffix(".segment")?.parse().ok());
    let mut firsts: Vec<u64> = firsts.collect();
    firsts.sort_unstable();
    firsts
}

/// A log that begins later, closed; and where it begins.
fn begun_later(disk: &Faulty) -> u64 {
    let log = several_segments(disk);
    let (mut compactor, snapshots) = (log.compactor(), log.snapshots());
    let before = RecordNumber(firsts(disk)[2]);
    snapshots.write_base(before, b"state").expect("it writes");
    snapshots.write(log.next(), b"later").expect("it writes");
    let files = compactor.remove_before(before, &all_over(), None);
    assert_eq!(files.expect("nothing is in its way"), 2);
    log.close().expect("it closes");
    before.0
}

#[test]
fn no_file_is_removed_without_each_of_its_conditions() {
    let disk = Faulty::new(1);
    let log = several_segments(&disk);
    let (mut compactor, snapshots) = (log.compactor(), log.snapshots());
    let firsts = firsts(&disk);
    assert!(firsts.len() > 4, "{firsts:?}");
    let before = RecordNumber(firsts[2]);
    let everything = all_over();

    // The trail, of each tenant, and the content.
    for kept in [
        Gone::new(|_, _, _| true),
        Gone::new(|_, _, _| true).with_trail(|tenant, _| tenant != TenantId(1)),
        Gone::new(|_, _, _| false).with_trail(|_, _| true),
    ] {
        assert_eq!(compactor.removable(&kept).expect("it reads").0, 0);
        let refused = compactor.remove_before(before, &kept, None);
        assert!(matches!(refused, Err(RemoveError::Kept { .. })));
    }
    // Where a file ends, and neither of the last two.
    let removable = compactor.removable(&everything).expect("it reads");
    assert_eq!(removable.0, firsts[firsts.len() - 2]);
    for wrong in [before.0 + 1, firsts[firsts.len() - 1], log.next().0] {
        let refused = compactor.remove_before(RecordNumber(wrong), &everything, None);
        assert!(matches!(refused, Err(RemoveError::Kept { .. })), "{wrong}");
    }
    // What is signed.
    let signed = Some(RecordNumber(before.0 - 1));
    let refused = compactor.remove_before(before, &everything, signed);
    assert!(matches!(refused, Err(RemoveError::NotSigned { .. })));
    // Two states, both intact.
    let mut not_covered = || {
        let refused = compactor.remove_before(before, &everything, Some(before));
        assert!(matches!(refused, Err(RemoveError::NotCovered { .. })));
    };
    not_covered();
    snapshots.write_base(before, b"state").expect("it writes");
    not_covered();
    let early = RecordNumber(before.0 - 1);
    snapshots.write(early, b"too early").expect("it writes");
    not_covered();
    snapshots.write(before, b"damaged").expect("it writes");
    let (snapshot, base) = (
        format!("{before:020}.snapshot"),
        format!("{before:020}.base"),
    );
    disk.damage(&snapshot, |bytes| bytes[66] ^= 1);
    not_covered();
    snapshots.write(before, b"covers it").expect("it writes");
    disk.damage(&base, |bytes| bytes[66] ^= 1);
    not_covered();
    assert_eq!(self::firsts(&disk), firsts, "nothing went");

    snapshots.write_base(before, b"state").expect("it writes");
    let files = compactor.remove_before(before, &everything, Some(before));
    assert_eq!(files.expect("nothing is in its way"), 2);
    assert_eq!(self::firsts(&disk), firsts[2..]);
    assert_eq!(log.reader().first(), before);
    assert_eq!(
        log.reader().base().expect("it reads").expect("there").1,
        b"state"
    );
    let again = compactor.remove_before(before, &everything, Some(before));
    assert_eq!(again.expect("nothing to do"), 0);
}

#[test]
fn a_missing_file_where_the_log_begins_or_later_refuses_the_open() {
    let count = {
        let disk = Faulty::new(2);
        begun_later(&disk);
        firsts(&disk).len()
    };
    for missing in 0..count {
        let disk = Faulty::new(2);
        let begin = begun_later(&disk);
        let first = firsts(&disk)[missing];
        assert!(first >= begin);
        disk.remove(&format!("{first:020}.segment"))
            .expect("removed");
        let Err(OpenError::Damaged(damage)) = open_with(&disk, 2, written::config()) else {
            panic!("record {first} is missing");
        };
        assert_eq!(damage.record.0, first, "{damage}");
    }
}

#[test]
fn a_missing_or_damaged_base_is_named_and_loses_no_record() {
    for spoil in [0, 1] {
        let disk = Faulty::new(3);
        let begin = begun_later(&disk);
        let base = format!("{begin:020}.base");
        match spoil {
            0 => disk.remove(&base).expect("removed"),
            _ => disk.damage(&base, |bytes| bytes[66] ^= 1),
        }
        let report = archive::verify(&disk, 1, &|_| {}).expect("it can be read");
        assert_eq!(report.damage.len(), 1);
        assert_eq!(report.damage[0].file, base);
        let (log, _) = open_with(&disk, 2, written::config()).expect("it opens");
        assert!(matches!(log.reader().base(), Err(ReadError::Damaged(_))));
        assert_eq!(read_from(&log, begin).len() as u64, 80 - begin);
    }
}

#[test]
fn a_lost_meta_file_of_a_log_that_begins_later_is_made_anew() {
    let disk = Faulty::new(4);
    let begin = begun_later(&disk);
    disk.remove("meta").expect("removed");
    let refused = open_with(&disk, 2, written::config());
    assert!(matches!(refused, Err(OpenError::Damaged(_))));
    let repaired =
        archive::repair(&disk, &Consent::to_loss(), [1; 32]).expect("it can be repaired");
    assert_eq!(
        repaired.expect("meta was missing").at.0,
        80,
        "nothing else is lost"
    );
    let (log, _) = open_with(&disk, 2, written::config()).expect("it opens");
    assert_eq!(log.reader().first().0, begin);
    assert_eq!(read_from(&log, begin).len() as u64, 80 - begin);
    assert_eq!(
        log.reader().base().expect("it reads").expect("there").1,
        b"state"
    );
}

#[test]
fn a_repair_of_a_log_that_begins_later_goes_on_from_there() {
    for damaged in [0, 1] {
        let disk = Faulty::new(5);
        let begin = begun_later(&disk);
        let first = firsts(&disk)[damaged];
        disk.damage(&format!("{first:020}.segment"), |bytes| bytes[20] ^= 1);
        let repaired =
            archive::repair(&disk, &Consent::to_loss(), [1; 32]).expect("it can be repaired");
        assert_eq!(repaired.expect("it was damaged").at.0, first);
        let (mut log, recovered) = open_with(&disk, 2, written::config()).expect("it opens");
        assert_eq!((log.reader().first().0, recovered.next.0), (begin, first));
        assert!(log.snapshots().latest().expect("it reads").is_none());
        assert!(log.reader().base().expect("it reads").is_some());
        written::append(&mut log, 3);
        log.close().expect("it closes");
        let (log, _) = open_with(&disk, 3, written::config()).expect("it opens");
        assert_eq!(read_from(&log, begin).len() as u64, first + 3 - begin);
    }
}

#[test]
fn who_reads_a_file_that_is_removed_finishes_there() {
    let disk = Faulty::new(6);
    let log = several_segments(&disk);
    let reader = log.reader();
    let read = reader.read(RecordNumber(1), 1).expect("it is there");
    let before = RecordNumber(firsts(&disk)[1]);
    log.snapshots()
        .write_base(before, b"state")
        .expect("it writes");
    log.snapshots().write(before, b"state").expect("it writes");
    let removed = log.compactor().remove_before(before, &all_over(), None);
    assert_eq!(removed.expect("nothing is in its way"), 1);
    assert_eq!(read[0].envelope.header().record().0, 1);
    let refused = reader.read(RecordNumber(1), 1);
    let Err(ReadError::Removed { record, begin }) = refused else {
        panic!("it is gone");
    };
    assert_eq!((record.0, begin), (1, before));
    let refused = reader.commitments(RecordNumber(0), 5);
    assert!(matches!(refused, Err(ReadError::Removed { .. })));
}

/// The power goes at each step of a removal: the log begins later only with two states on the disk that cover
/// what goes, whichever of them was written last.
#[test]
fn a_log_that_begins_later_after_a_crash_has_the_two_states_that_cover_what_went() {
    for seed in 0..24 {
        for base_is_last in [false, true] {
            let mut boundary = 0;
            loop {
                let disk = Faulty::new(seed);
                let log = several_segments(&disk);
                let (mut compactor, snapshots) = (log.compactor(), log.snapshots());
                let before = RecordNumber(firsts(&disk)[2]);
                if base_is_last {
                    snapshots.write(before, b"state").expect("it writes");
                    snapshots.write_base(before, b"state").expect("it writes");
                } else {
                    snapshots.write_base(before, b"state").expect("it writes");
                    snapshots.write(before, b"state").expect("it writes");
                }
                disk.plan(disk.boundaries() + boundary, Fault::Crash);
                let removed = compactor.remove_before(before, &all_over(), None);
                drop((log, compactor));
                let disk = disk.restart();
                let report = archive::verify(&disk, 1, &|_| {}).expect("it can be read");
                assert!(report.is_sound(), "{seed}:{boundary}: {report:?}");
                let names = disk.names().expect("names");
                let has = |kind: &str| names.contains(&format!("{:020}.{kind}", before.0));
                let is_covered = has("base") && has("snapshot");
                assert!(
                    report.begin == RecordNumber(0) || is_covered,
                    "{seed}:{boundary}, the base last {base_is_last}: {names:?}"
                );
                if removed.is_ok() {
                    break;
                }
                boundary += 1;
            }
        }
    }
}
