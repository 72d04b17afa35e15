//! `archive::repair` gives up what is damaged, says so, and loses nothing else.

use std::sync::Arc;

use crate::written::{Written, append, open, read_all, segments};
use throng::archive::{self, Consent, RepairError};
use throng::log::storage::{Fault, Faulty, Random};
use throng::log::{Snapshots, Storage};
use throng::wire::RecordNumber;

const RECORDS: u64 = 60;

fn disk() -> Faulty {
    let disk = Faulty::new(1);
    let (mut log, _) = open(&disk, 0).expect("a new log opens");
    append(&mut log, RECORDS);
    log.close().expect("it closes");
    disk
}

/// Damages the frame of a record.
fn damage(disk: &Faulty, record: u64) {
    let place = archive::inspect(disk, RecordNumber(record)).expect("it is there");
    disk.damage(&place.file, |bytes| bytes[place.offset as usize + 90] ^= 1);
}

#[test]
fn a_sound_log_is_left_alone() {
    let disk = disk();
    let before = segments(&disk);
    assert_eq!(
        archive::repair(&disk, &Consent::to_loss(), [1; 32]).expect("it can be read"),
        None
    );
    assert!(before == segments(&disk));
}

#[test]
fn nothing_is_given_up_unless_the_loss_is_accepted() {
    let disk = disk();
    damage(&disk, 31);
    let before = segments(&disk);
    let refused = archive::repair(&disk, &Consent::default(), [1; 32])
        .expect_err("the loss was not accepted");
    let RepairError::LossNotAccepted { at, .. } = refused else {
        panic!("{refused}");
    };
    assert_eq!(at, RecordNumber(31));
    assert!(before == segments(&disk));
}

#[test]
fn every_record_before_the_damage_survives_and_the_incarnation_rises() {
    for record in 0..RECORDS {
        let disk = disk();
        let before = open(&disk, 1).expect("it opens").1.incarnation;
        damage(&disk, record);
        let repair =
            archive::repair(&disk, &Consent::to_loss(), [1; 32]).expect("it can be repaired");
        let repair = repair.expect("it was damaged");
        assert_eq!(repair.at, RecordNumber(record));
        assert!(repair.incarnation > before && !repair.digest_key_lost);
        for kept in &repair.kept_in {
            disk.contents(kept).expect("what was cut is kept");
        }

        let (mut log, recovered) = open(&disk, 2).expect("a repaired log opens");
        assert_eq!(recovered.incarnation, repair.incarnation);
        assert_eq!(
            recovered.repaired.expect("the engine is told").at,
            repair.at
        );
        let records = read_all(&log);
        assert_eq!(records.len() as u64, record);
        let mut random = Random::new(0);
        for (number, record) in (0..).zip(&records) {
            assert!(Written::new(number, &mut random).is(record));
        }
        append(&mut log, 5);
        log.close().expect("it closes");
        let (_, recovered) = open(&disk, 3).expect("it opens again");
        assert_eq!(recovered.repaired, None, "told once, the engine knows");
        assert_eq!(recovered.incarnation, repair.incarnation);
        assert!(
            archive::verify(&disk, 1, &|_| {})
                .expect("readable")
                .is_sound()
        );
    }
}

#[test]
fn a_lost_meta_file_is_made_anew_and_nothing_else_is_lost() {
    let disk = disk();
    let before = open(&disk, 1).expect("it opens").1;
    disk.remove("meta").expect("it is there");
    let repair = archive::repair(&disk, &Consent::to_loss(), [1; 32]).expect("it can be repaired");
    let repair = repair.expect("meta was missing");
    assert!(repair.digest_key_lost && repair.incarnation > before.incarnation);
    let (log, recovered) = open(&disk, 2).expect("it opens");
    assert_ne!(recovered.digest_key, before.digest_key);
    assert_eq!(read_all(&log).len() as u64, RECORDS);
}

#[test]
fn snapshots_of_what_was_lost_are_set_aside() {
    let disk = disk();
    let snapshots = Snapshots::new(Arc::new(disk.clone()));
    snapshots
        .write(RecordNumber(20), b"early")
        .expect("it writes");
    snapshots
        .write(RecordNumber(50), b"late")
        .expect("it writes");
    damage(&disk, 31);
    archive::repair(&disk, &Consent::to_loss(), [1; 32]).expect("it can be repaired");
    let latest = snapshots.latest().expect("readable").expect("one is left");
    assert_eq!(latest, (RecordNumber(20), b"early".to_vec()));
}

#[test]
fn an_interrupted_repair_never_passes_for_a_log_that_lost_nothing() {
    let count = {
        let disk = disk();
        damage(&disk, 31);
        let before = disk.boundaries();
        archive::repair(&disk, &Consent::to_loss(), [1; 32]).expect("it can be repaired");
        disk.boundaries() - before
    };
    for boundary in 0..count {
        let disk = disk();
        let incarnation = open(&disk, 1).expect("it opens").1.incarnation;
        damage(&disk, 31);
        disk.plan(disk.boundaries() + boundary, Fault::Crash);
        archive::repair(&disk, &Consent::to_loss(), [1; 32]).expect_err("the power went");
        let disk = disk.restart();
        archive::repair(&disk, &Consent::to_loss(), [2; 32]).expect("it goes on");
        let (log, recovered) = open(&disk, 2).expect("it opens");
        assert!(recovered.incarnation > incarnation);
        assert!(
            recovered.next.0 <= 31 && recovered.next.0 >= 28,
            "{recovered:?}"
        );
        read_all(&log);
    }
}
