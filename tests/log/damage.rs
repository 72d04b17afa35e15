//! Rot, truncation and operators' mistakes: what was durable is never lost in silence.

use crate::written::{Written, append, open, read_all, segments};
use throng::archive::{self, Consent};
use throng::log::storage::{Faulty, Random};
use throng::log::{Damage, Defect, Entry, Log, OpenError, Storage};
use throng::wire::RecordNumber;

/// A disk with a closed log of `records` records in batches of three.
fn disk(records: u64) -> Faulty {
    let disk = Faulty::new(records);
    let (mut log, _) = open(&disk, 0).expect("a new log opens");
    append(&mut log, records);
    log.close().expect("it closes");
    disk
}

fn damage_of(result: Result<(Log, throng::log::Recovered), OpenError>) -> Damage {
    match result {
        Err(OpenError::Damaged(damage)) => damage,
        Err(error) => panic!("another error: {error}"),
        Ok((_, recovered)) => panic!("it opened: {recovered:?}"),
    }
}

fn flip(disk: &Faulty, name: &str, bit: u64) {
    disk.damage(name, |bytes| bytes[bit as usize / 8] ^= 1 << (bit % 8));
}

#[test]
fn a_flipped_bit_anywhere_in_durable_bytes_is_found_and_named() {
    let whole = disk(60);
    let names: Vec<(String, Vec<u8>)> = segments(&whole);
    assert!(names.len() > 2, "several segments");
    let mut random = Random::new(1);
    for (name, contents) in &names {
        for _ in 0..150 {
            let bit = random.below(contents.len() as u64 * 8);
            let disk = disk(60);
            flip(&disk, name, bit);
            let last = *name == names[names.len() - 1].0;
            let report = archive::verify(&disk, 2, &|_| {}).expect("it can be read");
            if last && report.is_sound() {
                // Only the commit frame at the very end has nothing behind it to prove it.
                let torn = report.torn.expect("a flipped bit is seen");
                assert!(
                    bit / 8 >= contents.len() as u64 - 64,
                    "{torn} after a flip of bit {bit}"
                );
                continue;
            }
            let found = &report.damage[0];
            assert_eq!(found.file, *name, "bit {bit}");
            assert!(
                found.offset <= bit / 8 && bit / 8 < found.offset + 1024,
                "{found}, bit {bit}"
            );
            let refused = damage_of(open(&disk, 1));
            assert_eq!(refused, *found, "open and verify agree");
        }
    }
}

#[test]
fn damage_names_the_record_it_hits() {
    let disk = disk(60);
    let inspected = archive::inspect(&disk, RecordNumber(31)).expect("record 31 is there");
    flip(&disk, &inspected.file, (inspected.offset + 100) * 8);
    let damage = damage_of(open(&disk, 1));
    assert_eq!(damage.record, RecordNumber(31));
    assert_eq!(damage.offset, inspected.offset);
    let error = archive::inspect(&disk, RecordNumber(31)).expect_err("it is damaged");
    assert!(error.to_string().contains("is damaged at byte"), "{error}");
    archive::inspect(&disk, RecordNumber(32)).expect("the next one is intact");
}

#[test]
fn a_torn_tail_is_cut_and_its_bytes_are_kept() {
    for seed in 0..20 {
        let disk = Faulty::new(seed);
        let (mut log, _) = open(&disk, 0).expect("a new log opens");
        append(&mut log, 3);
        drop(log);
        let (name, before) = segments(&disk).remove(0);
        let end = before.len().next_multiple_of(16);
        disk.damage(&name, |bytes| bytes[end..end + 200].fill(0xaa));
        let (log, recovered) = open(&disk, 1).expect("nothing durable is damaged");
        let cut = recovered.cut.expect("a torn tail");
        assert_eq!(cut.damage.record, RecordNumber(3));
        assert_eq!(read_all(&log).len(), 3);
        let disk = disk.restart();
        let kept = disk.contents(&cut.kept_in);
        assert_eq!(
            kept,
            Some(vec![0xaa; 200]),
            "a power cut does not lose them"
        );
    }
}

#[test]
fn rot_in_the_last_acknowledged_batch_is_not_taken_for_a_torn_tail_once_committed() {
    for committed in [false, true] {
        let disk = Faulty::new(1);
        let (mut log, _) = open(&disk, 0).expect("a new log opens");
        append(&mut log, 3);
        let (name, contents) = segments(&disk).remove(0);
        if committed {
            log.idle().expect("a commit frame");
        }
        drop(log);
        flip(&disk, &name, contents.len() as u64 * 8 - 400);
        match open(&disk, 1) {
            Ok((_, recovered)) => assert!(!committed && recovered.cut.is_some()),
            Err(error) => assert!(committed, "{error}"),
        }
    }
}

#[test]
fn rot_is_recognised_by_what_an_earlier_open_found_durable() {
    let disk = disk(3);
    drop(open(&disk, 1).expect("it opens"));
    let (name, contents) = segments(&disk).remove(0);
    disk.damage(&name, |bytes| bytes[128..contents.len()].fill(0));
    let damage = damage_of(open(&disk, 2));
    assert_eq!(
        (damage.record, damage.defect),
        (RecordNumber(0), Defect::Hole)
    );
}

#[test]
fn rot_in_a_commit_frame_costs_no_record_behind_it() {
    let disk = Faulty::new(1);
    let (mut log, _) = open(&disk, 0).expect("a new log opens");
    append(&mut log, 3);
    let (name, before) = segments(&disk).remove(0);
    log.idle().expect("a commit frame");
    append(&mut log, 3);
    drop(log);
    let commit = before.len().next_multiple_of(16) as u64;
    flip(&disk, &name, commit * 8 + 100);
    let damage = damage_of(open(&disk, 1));
    assert_eq!((damage.offset, damage.record), (commit, RecordNumber(3)));
}

#[test]
fn what_an_earlier_open_reported_is_never_cut() {
    let disk = Faulty::new(1);
    let (mut log, _) = open(&disk, 0).expect("a new log opens");
    append(&mut log, 3);
    drop(log);
    let (name, before) = segments(&disk).remove(0);
    drop(open(&disk, 1).expect("it opens, and reports three records"));
    disk.damage(&name, |bytes| bytes[before.len() - 100..].fill(0));
    assert!(damage_of(open(&disk, 2)).record < RecordNumber(3));
}

#[test]
fn a_batch_of_an_older_epoch_is_residue() {
    let disk = Faulty::new(1);
    let (mut log, _) = open(&disk, 0).expect("a new log opens");
    append(&mut log, 3);
    let end = segments(&disk)[0].1.len().next_multiple_of(16);
    append(&mut log, 3);
    drop(log);
    let (name, both) = segments(&disk).remove(0);
    disk.damage(&name, |bytes| bytes[end..].fill(0));
    drop(open(&disk, 1).expect("the second batch never reached the disk"));
    let end_now = segments(&disk)[0].1.len().next_multiple_of(16);
    disk.damage(&name, |bytes| {
        bytes[end_now..end_now + both.len() - end].copy_from_slice(&both[end..]);
    });
    let (log, recovered) = open(&disk, 2).expect("residue is no damage");
    assert_eq!(recovered.next, RecordNumber(3));
    let cut = recovered.cut.expect("it is cut");
    assert!(matches!(
        cut.damage.defect,
        Defect::Epoch {
            found: 1,
            newest: 2
        }
    ));
    assert_eq!(read_all(&log).len(), 3);
}

#[test]
fn a_segment_that_was_replaced_by_a_sound_one_is_noticed() {
    let log = |private: u8| {
        let disk = Faulty::new(1);
        let (mut log, _) = open(&disk, 0).expect("a new log opens");
        let mut random = Random::new(0);
        for number in 0..60 {
            let written = Written::new(number, &mut random);
            let private = vec![private; written.private.len()];
            let entry = Entry {
                private: &private,
                ..written.entry()
            };
            log.append(&[entry]).expect("it appends");
        }
        log.close().expect("it closes");
        disk
    };
    let (ours, theirs) = (log(1), log(2));
    let (name, contents) = segments(&theirs).remove(0);
    ours.damage(&name, |bytes| {
        bytes[..contents.len()].copy_from_slice(&contents);
    });
    let damage = damage_of(open(&ours, 1));
    assert_eq!(damage.defect, Defect::Root);
    assert_eq!(
        damage.file,
        segments(&ours)[1].0,
        "its successor names another root"
    );
}

#[test]
fn a_truncated_file_is_refused_wherever_it_ends() {
    let whole = disk(60);
    for (name, contents) in segments(&whole) {
        for len in [0, 1, 127, 128, 129, 1000, contents.len(), 4095] {
            let disk = disk(60);
            disk.damage(&name, |bytes| bytes.truncate(len));
            let damage = damage_of(open(&disk, 1));
            assert_eq!(damage.file, name, "truncated to {len}");
        }
    }
}

#[test]
fn a_missing_segment_is_named() {
    let names = segments(&disk(60));
    let [first, middle, .., last] = &names[..] else {
        panic!("several segments");
    };
    for (name, _) in [first, middle, last] {
        let disk = disk(60);
        disk.remove(name).expect("it is there");
        disk.sync().expect("and gone");
        drop(open(&disk, 1).map(|_| panic!("{name} is missing")));
        let report = archive::verify(&disk, 1, &|_| {}).expect("it can be read");
        if name != &last.0 {
            assert_eq!(
                (&report.damage[0].file, &report.damage[0].defect),
                (name, &Defect::Missing)
            );
        }
    }
}

#[test]
fn damage_to_the_meta_file_is_refused() {
    for bit in [0, 70, 200, 300, 500, 520, 1000, 1023] {
        let disk = disk(5);
        flip(&disk, "meta", bit);
        assert_eq!(damage_of(open(&disk, 1)).file, "meta");
    }
    let disk = disk(5);
    disk.remove("meta").expect("it is there");
    assert_eq!(damage_of(open(&disk, 1)).defect, Defect::Missing);
}

#[test]
fn a_segment_of_another_log_is_refused() {
    let ours = disk(60);
    let other = Faulty::new(9);
    let (mut log, _) = open(&other, 99).expect("a new log opens");
    append(&mut log, 60);
    log.close().expect("it closes");
    let (name, contents) = segments(&other).remove(0);
    ours.damage(&name, |bytes| {
        bytes[..contents.len()].copy_from_slice(&contents);
    });
    assert_eq!(damage_of(open(&ours, 1)).defect, Defect::ForeignLog);
}

#[test]
fn a_read_that_meets_damage_says_where() {
    let disk = disk(60);
    let (log, _) = open(&disk, 1).expect("it opens");
    let inspected = archive::inspect(&disk, RecordNumber(7)).expect("record 7 is there");
    flip(&disk, &inspected.file, (inspected.offset + 150) * 8);
    let error = log
        .reader()
        .read(RecordNumber(6), 1 << 20)
        .expect_err("record 7 is damaged");
    assert!(error.to_string().contains("record 7"), "{error}");
    assert_eq!(
        log.reader()
            .read(RecordNumber(8), 1)
            .expect("record 8 is intact")
            .len(),
        1
    );
}

#[test]
fn random_bytes_in_every_file_never_panic() {
    for seed in 0..400 {
        let mut random = Random::new(seed);
        let disk = disk(40);
        let names = disk.names().expect("names");
        for _ in 0..1 + random.below(4) {
            let name = &names[random.below(names.len() as u64) as usize];
            disk.damage(name, |bytes| {
                let from = random.below(bytes.len() as u64) as usize;
                let len = (random.below(300) as usize).min(bytes.len() - from);
                bytes[from..from + len].fill_with(|| random.number() as u8);
                if random.below(5) == 0 {
                    bytes.truncate(from);
                }
            });
        }
        let _ = archive::verify(&disk, 1, &|_| {});
        let _ = archive::inspect(&disk, RecordNumber(random.below(40)));
        let refused = open(&disk, 1).is_err();
        let repaired =
            archive::repair(&disk, &Consent::to_loss(), [3; 32]).expect("it can be repaired");
        assert_eq!(
            refused,
            repaired.is_some(),
            "what is refused can be repaired"
        );
        let (mut log, recovered) = open(&disk, 2).expect("a repaired log opens");
        let records = read_all(&log);
        assert_eq!(records.len() as u64, recovered.next.0);
        let mut original = Random::new(0);
        for (number, record) in records.iter().enumerate() {
            assert!(Written::new(number as u64, &mut original).is(record));
        }
        append(&mut log, 3);
    }
}
