//! A keyring that has rotted: each entry loses its own key and no other, loudly, until a repair records the
//! loss; and a keyring is written anew by an idle log, a slice at a time, whatever has rotted in it.

use std::sync::Arc;

use crate::written;
use throng::archive::{self, Consent, RepairError};
use throng::log::storage::Faulty;
use throng::log::{
    Config, Encryption, Entry, Erasure, KeyringError, Log, LostKey, MasterKey, OpenError,
    Recovered, Storage,
};
use throng::wire::{
    GroupId, Header, HeaderFields, Kind, RecordNumber, Sequence, TenantId, Timestamp,
};

const DAY_US: i64 = 86_400_000_000;
const ENTRY_LEN: u64 = 128;

fn config() -> Config {
    let mut config = written::config();
    config.encryption = Some(Encryption::new(MasterKey::new([1; 32])));
    config.keyring_slice = 2;
    config
}

fn open_with(disk: &Faulty, config: Config, entropy: u8) -> Result<(Log, Recovered), OpenError> {
    Log::open(Arc::new(disk.clone()), config, [entropy; 32])
}

fn open(disk: &Faulty, entropy: u8) -> (Log, Recovered) {
    open_with(disk, config(), entropy).expect("it opens")
}

/// One message each in groups from 1 on: key 1 is the node's, 2 the tenant's, group g's is g + 2 where nothing
/// was there before.
fn append(log: &mut Log, groups: std::ops::RangeInclusive<u64>) {
    for group in groups {
        let number = log.next();
        let header = Header::new(&HeaderFields {
            kind: Kind::Text,
            tenant: TenantId(7),
            group: GroupId(group),
            sequence: Sequence(1),
            timestamp: Timestamp(10 * DAY_US),
            record: number,
            body_len: 4,
            ..HeaderFields::default()
        });
        log.append(&[Entry {
            header: &header,
            takes: &[],
            view: b"said",
            private: b"done",
        }])
        .expect("it appends");
    }
}

fn erase(log: &mut Log, group: u64) {
    let erasure = Erasure {
        tenant: TenantId(7),
        group: GroupId(group),
        days: 10..=10,
    };
    assert_eq!(log.destroy_keys(&erasure).expect("there is room"), 1);
}

/// A disk with a closed log of so many groups, and a second open behind it.
fn disk_of(groups: u64) -> Faulty {
    let disk = Faulty::new(9);
    let (mut log, _) = open(&disk, 1);
    append(&mut log, 1..=groups);
    log.close().expect("it closes");
    open(&disk, 2).0.close().expect("it closes");
    disk
}

fn copy_of(disk: &Faulty) -> Faulty {
    let copy = disk.restart();
    disk.revive();
    copy
}

/// Changes a byte of the entry at a place.
fn rot(disk: &Faulty, place: u64, at: u64) {
    let at = (ENTRY_LEN * place + at) as usize;
    disk.damage("keyring", |bytes| bytes[at] ^= 1);
}

/// How a record reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reads {
    Whole,
    Erased,
    Damaged,
}

fn reads(log: &Log) -> Vec<Reads> {
    let reader = log.reader();
    let one = |number| match reader.read(RecordNumber(number), 1) {
        Ok(records) if records[0].erased => Reads::Erased,
        Ok(records) => {
            assert_eq!(records[0].envelope.body(), b"said");
            Reads::Whole
        }
        Err(error) => {
            assert!(error.to_string().contains("key"), "{error}");
            Reads::Damaged
        }
    };
    (0..reader.durable().0).map(one).collect()
}

fn only(total: u64, of: u64, read: Reads) -> Vec<Reads> {
    let each = (1..=total).map(|group| if group == of { read } else { Reads::Whole });
    each.collect()
}

/// What verification says of the keyring: damaged places, and what is lost.
fn verified(disk: &Faulty) -> (Vec<u64>, Vec<LostKey>) {
    let report = archive::verify(disk, 1, &|_| {}).expect("it can be read");
    let damage = report.damage.iter();
    let offsets = damage.map(|damage| {
        assert_eq!(damage.file, "keyring");
        damage.offset
    });
    (offsets.collect(), report.lost_keys)
}

fn settled(log: &mut Log) {
    for _ in 0..100 {
        log.idle().expect("nothing is in its way");
        if !log.is_shrinking_keyring() {
            return;
        }
    }
    panic!("it is never done");
}

#[test]
fn a_rotten_entry_loses_its_own_key_and_everything_else_opens() {
    let disk = disk_of(4);
    for group in 1..=4_u64 {
        let place = group + 2;
        for at in [20, 70, 127] {
            let disk = copy_of(&disk);
            rot(&disk, place, at);
            let (damage, lost) = verified(&disk);
            assert_eq!(damage, [ENTRY_LEN * place], "verification names it");
            let (log, recovered) = open(&disk, 3);
            assert_eq!(recovered.lost_keys, lost);
            assert_eq!(u64::from(lost[0].key.expect("its place says it")), place);
            let of = (at >= 64).then_some((TenantId(7), GroupId(group), 10));
            assert_eq!(lost[0].of, of);
            assert_eq!(reads(&log), only(4, group, Reads::Damaged));
            log.close().expect("it closes");
        }
    }
}

#[test]
fn a_repair_that_accepts_the_loss_of_a_key_records_it_and_gives_up_no_record() {
    let disk = disk_of(4);
    for at in [20, 70] {
        let disk = copy_of(&disk);
        rot(&disk, 4, at);
        rot(&disk, 6, at);
        let before = disk.contents("keyring").expect("it is there");
        let refused = archive::record_lost_keys(&disk, false).expect_err("nobody accepted it");
        let lost_two = matches!(refused, RepairError::KeysNotAccepted { lost: 2 });
        assert!(lost_two, "{refused}");
        assert_eq!(disk.contents("keyring").expect("it is there"), before);
        assert_eq!(archive::record_lost_keys(&disk, true).expect("done"), 2);
        assert_eq!(archive::record_lost_keys(&disk, true).expect("done"), 0);
        let repaired =
            archive::repair(&disk, &Consent::default(), [5; 32]).expect("nothing to give up");
        assert_eq!(repaired, None);
        let (damage, lost) = verified(&disk);
        assert!(damage.is_empty(), "{damage:?}");
        assert_eq!(lost.len(), 2, "it is told for ever");
        assert!(lost.iter().all(|lost| lost.defect.is_none()), "{lost:?}");
        let (mut log, recovered) = open(&disk, 3);
        assert_eq!(recovered.next, RecordNumber(4));
        let expected = [Reads::Whole, Reads::Erased, Reads::Whole, Reads::Erased];
        assert_eq!(reads(&log), expected);
        // What is said there from now on has a key of its own; a rewriting keeps what was recorded.
        append(&mut log, 2..=2);
        erase(&mut log, 1);
        assert!(log.shrink_keyring().expect("there is room"));
        log.close().expect("it closes");
        assert_eq!(verified(&disk).1.len(), 2);
        let expected = [
            Reads::Erased,
            Reads::Erased,
            Reads::Whole,
            Reads::Erased,
            Reads::Whole,
        ];
        assert_eq!(reads(&open(&disk, 4).0), expected);
    }
}

#[test]
fn a_keyring_whose_last_keys_are_missing_is_refused_until_their_loss_is_accepted() {
    let disk = Faulty::new(9);
    let (mut log, _) = open(&disk, 1);
    append(&mut log, 1..=4);
    log.close().expect("it closes");
    // A copy from before the last two: what is there is whole.
    disk.damage("keyring", |bytes| {
        bytes[5 * ENTRY_LEN as usize..7 * ENTRY_LEN as usize].fill(0);
    });
    let refused = open_with(&disk, config(), 2).expect_err("two keys are missing");
    let OpenError::Keyring(KeyringError::Damaged { key: 5, .. }) = &refused else {
        panic!("{refused}");
    };
    assert_eq!(verified(&disk).0, [5 * ENTRY_LEN]);
    archive::record_lost_keys(&disk, false).expect_err("nobody accepted it");
    assert_eq!(archive::record_lost_keys(&disk, true).expect("done"), 2);
    let (log, _) = open(&disk, 2);
    let expected = [Reads::Whole, Reads::Whole, Reads::Erased, Reads::Erased];
    assert_eq!(reads(&log), expected);
}

#[test]
fn an_erasure_whose_entry_has_rotted_stays_an_erasure() {
    let disk = Faulty::new(9);
    let (mut log, _) = open(&disk, 1);
    append(&mut log, 1..=4);
    erase(&mut log, 2);
    log.close().expect("it closes");
    open(&disk, 2).0.close().expect("it closes");
    rot(&disk, 7, 20);
    let (damage, lost) = verified(&disk);
    assert_eq!((damage, lost.len()), (vec![7 * ENTRY_LEN], 1));
    let (log, _) = open(&disk, 3);
    assert_eq!(reads(&log), only(4, 2, Reads::Erased));
    log.close().expect("it closes");
    assert_eq!(archive::record_lost_keys(&disk, true).expect("done"), 1);
    assert_eq!(verified(&disk).1.len(), 1);
    assert_eq!(reads(&open(&disk, 4).0), only(4, 2, Reads::Erased));
}

#[test]
fn a_key_that_is_zeros_though_nobody_asked_for_it_is_lost_until_it_is_erased() {
    let disk = disk_of(4);
    disk.damage("keyring", |bytes| {
        bytes[5 * ENTRY_LEN as usize + 64..6 * ENTRY_LEN as usize].fill(0);
    });
    let (mut log, recovered) = open(&disk, 3);
    assert_eq!(recovered.lost_keys.len(), 1);
    assert_eq!(reads(&log), only(4, 3, Reads::Damaged));
    erase(&mut log, 1);
    assert!(log.shrink_keyring().expect("there is room"));
    assert_eq!(reads(&log)[2], Reads::Damaged, "it stays what it is");
    erase(&mut log, 3);
    assert_eq!(reads(&log)[2], Reads::Erased);
    log.close().expect("it closes");
    assert_eq!(verified(&disk), (Vec::new(), Vec::new()));
}

#[test]
fn a_rotten_entry_of_a_keyring_with_gaps_hides_no_other() {
    let groups = 40;
    let prepared = || {
        let disk = Faulty::new(9);
        let (mut log, _) = open(&disk, 1);
        append(&mut log, 1..=groups);
        for group in (1..=groups).filter(|group| group % 4 == 0) {
            erase(&mut log, group);
        }
        (disk, log)
    };
    let expected = |lost: u64| {
        let each = move |group| match group {
            _ if group == lost => Reads::Damaged,
            _ if group % 4 == 0 => Reads::Erased,
            _ => Reads::Whole,
        };
        (1..=groups).map(each)
    };
    // Erased content whose entry was left out beside the rotten one may have been that one.
    let is_expected = |log: &Log, lost: u64| {
        for (group, (read, wanted)) in (1..).zip(reads(log).into_iter().zip(expected(lost))) {
            let is_beside = group % 4 == 0 && lost.abs_diff(group) == 1;
            assert!(
                read == wanted || is_beside && read == Reads::Damaged,
                "group {group} reads {read:?}, that of {lost} has rotted"
            );
        }
    };
    for group in (1..=groups).filter(|group| group % 4 != 0) {
        // Rotten before the file is written anew, and after.
        let (disk, log) = prepared();
        log.close().expect("it closes");
        rot(&disk, group + 2, 20);
        let (mut log, _) = open(&disk, 2);
        assert!(log.shrink_keyring().expect("there is room"));
        assert!(
            !log.shrink_keyring().expect("there is room"),
            "done with what has rotted, not tried again"
        );
        is_expected(&log, group);
        log.close().expect("it closes");
        let (log, recovered) = open(&disk, 3);
        assert_eq!(recovered.lost_keys.len(), 1);
        is_expected(&log, group);

        let (disk, mut log) = prepared();
        assert!(log.shrink_keyring().expect("there is room"));
        log.close().expect("it closes");
        let gone_before = (1..group).filter(|it| it % 4 == 0).count() as u64;
        rot(&disk, group + 2 - gone_before, 20);
        is_expected(&open(&disk, 3).0, group);
    }
}

#[test]
fn an_idle_log_writes_a_keyring_anew_that_is_mostly_dead_a_slice_at_a_time() {
    let config = || {
        let mut config = config();
        config.dead_keys_min = 6;
        config
    };
    let disk = Faulty::new(9);
    let (mut log, _) = open_with(&disk, config(), 1).expect("it opens");
    append(&mut log, 1..=8);
    let dropped = || {
        let bytes = disk.contents("keyring").expect("it is there");
        bytes[44..48].to_vec()
    };
    erase(&mut log, 1);
    erase(&mut log, 2);
    settled(&mut log);
    assert_eq!(dropped(), [0; 4], "four dead entries are few");
    (3..=6).for_each(|group| erase(&mut log, group));
    log.idle().expect("it begins");
    let mut slices = 0;
    while log.is_shrinking_keyring() {
        log.idle().expect("it goes on");
        slices += 1;
        // The log goes on meanwhile: keys are made and destroyed in the middle of it.
        if slices == 2 {
            append(&mut log, 11..=12);
            erase(&mut log, 7);
        }
    }
    assert!(slices > 6, "in {slices} slices");
    assert_ne!(dropped(), [0; 4], "dead entries are left out");
    let is_left = |name: &String| name == "keyring.before" || name == "keyring.new";
    assert!(!disk.names().expect("names").iter().any(is_left));
    let mut expected = vec![Reads::Erased; 7];
    expected.extend([Reads::Whole; 3]);
    assert_eq!(reads(&log), expected);
    let boundaries = disk.boundaries();
    log.idle().expect("nothing is left to do");
    log.idle().expect("nothing is left to do");
    assert_eq!(disk.boundaries(), boundaries, "it is not done again");
    log.close().expect("it closes");
    assert_eq!(verified(&disk), (Vec::new(), Vec::new()));
    assert_eq!(reads(&open(&disk, 2).0), expected);
}
