//! The log at rest (SPEC A4): what is written is read, nobody else reads it, and a destroyed key
//! takes its messages along and nothing else.

use crate::written;
use std::sync::Arc;

use crate::written::read_all;
use throng::archive;
use throng::log::storage::{Fault, Faulty};
use throng::log::{
    Algorithm, Config, Encryption, Entry, Erasure, KeyringError, Log, MasterKey, OpenError, Record,
    Recovered, Snapshots, Storage, rewrap,
};
use throng::wire::{
    GroupId, Header, HeaderFields, Kind, RecordNumber, Sequence, Take, TenantId, Timestamp,
};

const TENANT: TenantId = TenantId(7);
const SM4_TENANT: TenantId = TenantId(8);
const DAY_US: i64 = 86_400_000_000;
const SECRET: &[u8] = b"the merger is on Friday";
const EVENT: &[u8] = b"events nobody else reads";
pub(crate) const STATE: &[u8] = b"a state full of names";

pub(crate) fn master(seed: u8) -> MasterKey {
    MasterKey::new([seed; 32])
}

pub(crate) fn sealed(master: MasterKey) -> Config {
    let mut encryption = Encryption::new(master);
    encryption.tenants.insert(SM4_TENANT, Algorithm::Sm4Gcm);
    let mut config = written::config();
    config.encryption = Some(encryption);
    config
}

pub(crate) fn open(
    disk: &Faulty,
    config: Config,
    entropy: u8,
) -> Result<(Log, Recovered), OpenError> {
    Log::open(Arc::new(disk.clone()), config, [entropy; 32])
}

/// One message of a tenant's group on a day.
#[derive(Clone, Copy)]
pub(crate) struct Said {
    tenant: TenantId,
    group: u64,
    day: i32,
}

pub(crate) fn said(group: u64, day: i32) -> Said {
    Said {
        tenant: TENANT,
        group,
        day,
    }
}

/// Appends messages, one batch each.
pub(crate) fn append(log: &mut Log, messages: &[Said]) {
    for said in messages {
        let number = log.next();
        let header = Header::new(&HeaderFields {
            kind: Kind::Text,
            tenant: said.tenant,
            group: GroupId(said.group),
            sequence: Sequence(number.0 + 1),
            timestamp: Timestamp(i64::from(said.day) * DAY_US + 5),
            record: number,
            body_len: SECRET.len() as u32,
            ..HeaderFields::default()
        });
        log.append(&[Entry {
            header: &header,
            takes: &[],
            view: SECRET,
            private: EVENT,
        }])
        .expect("it appends");
    }
}

/// What members receive of a record, its events, and whether it is erased.
type Read<'a> = (&'a [u8], &'a [u8], bool);

fn read(record: &Record) -> Read<'_> {
    (record.envelope.body(), &record.private, record.erased)
}

fn bodies(records: &[Record]) -> Vec<Read<'_>> {
    records.iter().map(read).collect()
}

const WHOLE: Read<'static> = (SECRET, EVENT, false);
const ERASED: Read<'static> = (b"", EVENT, true);

fn erasure(group: u64, days: std::ops::RangeInclusive<i32>) -> Erasure {
    Erasure {
        tenant: TENANT,
        group: GroupId(group),
        days,
    }
}

/// Another disk with the same files.
fn copy_of(disk: &Faulty) -> Faulty {
    let copy = disk.restart();
    disk.revive();
    copy
}

/// Whether any file of the disk holds these bytes.
fn is_somewhere(disk: &Faulty, needle: &[u8]) -> bool {
    let names = disk.names().expect("names");
    names.iter().any(|name| {
        let bytes = disk.contents(name).expect("a listed file");
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

fn sound_root(disk: &Faulty) -> u64 {
    let report = archive::verify(disk, 1, &|_| {}).expect("it can be read");
    assert!(report.is_sound() && report.torn.is_none(), "{report:?}");
    report.records
}

#[test]
fn what_was_sealed_is_read_after_any_number_of_opens_by_order_and_by_group() {
    let disk = Faulty::new(1);
    let mut expected = 0;
    for round in 0..4 {
        let (mut log, recovered) = open(&disk, sealed(master(1)), round).expect("it opens");
        assert_eq!(recovered.next.0, expected);
        let sm4 = Said {
            tenant: SM4_TENANT,
            ..said(1, 20_000)
        };
        let nobody = Said {
            tenant: TenantId(0),
            ..said(0, 20_000)
        };
        append(&mut log, &[said(1, 20_000), said(2, 20_001), sm4, nobody]);
        expected += 4;
        assert_eq!(bodies(&read_all(&log)), vec![WHOLE; expected as usize]);
        let reader = log.reader();
        let all = (Sequence(1), Sequence(u64::MAX));
        for (tenant, group) in [(TENANT, 1), (TENANT, 2), (SM4_TENANT, 1)] {
            let records = reader.read_group(tenant, GroupId(group), all.0, all.1, 1 << 20);
            let records = records.expect("it can be read");
            assert_eq!(bodies(&records), vec![WHOLE; usize::from(round) + 1]);
        }
        if round % 2 == 0 {
            log.close().expect("it closes");
        }
    }
    assert_eq!(sound_root(&disk), expected, "without any key");
}

#[test]
fn no_file_ever_holds_a_message_an_event_a_state_or_a_key() {
    let disk = Faulty::new(2);
    let (mut log, _) = open(&disk, sealed(master(0xa7)), 1).expect("it opens");
    for day in 20_000..20_020 {
        append(&mut log, &[said(1, day), said(2, day)]);
    }
    let snapshots = log.snapshots();
    snapshots.write(RecordNumber(3), STATE).expect("written");
    snapshots.write(RecordNumber(9), STATE).expect("written");
    log.destroy_keys(&erasure(1, 20_003..=20_005))
        .expect("destroyed");
    log.close().expect("it closes");
    for needle in [SECRET, EVENT, STATE, &[0xa7; 32]] {
        assert!(!is_somewhere(&disk, needle), "{needle:?}");
    }
    let (_, bytes) = snapshots
        .latest()
        .expect("readable")
        .expect("two are there");
    assert_eq!(bytes, STATE);

    // The search itself finds what is there: the same in plain.
    let plain = Faulty::new(2);
    let (mut log, _) = open(&plain, written::config(), 1).expect("it opens");
    append(&mut log, &[said(1, 20_000)]);
    log.snapshots()
        .write(RecordNumber(1), STATE)
        .expect("written");
    for needle in [SECRET, EVENT, STATE] {
        assert!(is_somewhere(&plain, needle), "{needle:?}");
    }
}

#[test]
fn a_log_that_is_encrypted_opens_with_its_own_master_key_only_and_says_so() {
    let disk = Faulty::new(3);
    let (mut log, _) = open(&disk, sealed(master(1)), 1).expect("it opens");
    append(&mut log, &[said(1, 20_000)]);
    log.close().expect("it closes");
    let files = |disk: &Faulty| {
        let names = disk.names().expect("names").into_iter();
        let mut files: Vec<_> = names.map(|name| (disk.contents(&name), name)).collect();
        files.sort();
        files
    };
    let before = files(&disk);
    let without = open(&disk, written::config(), 2).expect_err("no key");
    let OpenError::Keyring(KeyringError::NoKey { master: named }) = &without else {
        panic!("{without}");
    };
    assert_eq!(*named, master(1).id());
    assert!(
        without.to_string().contains("encryption.key_file"),
        "{without}"
    );
    let wrong = open(&disk, sealed(master(2)), 2).expect_err("another key");
    let (expected, found) = (master(1).id(), master(2).id());
    assert!(
        matches!(&wrong, OpenError::Keyring(KeyringError::WrongKey { expected: e, found: f })
            if (*e, *f) == (expected, found)),
        "{wrong}"
    );
    assert!(before == files(&disk), "a refusal changes nothing");
    let (log, _) = open(&disk, sealed(master(1)), 2).expect("its own key");
    assert_eq!(bodies(&read_all(&log)), [WHOLE]);
}

#[test]
fn one_record_is_shown_with_the_key_and_refused_without() {
    let disk = Faulty::new(4);
    let (mut log, _) = open(&disk, sealed(master(1)), 1).expect("it opens");
    append(&mut log, &[said(1, 20_000)]);
    log.close().expect("it closes");
    let shown = archive::inspect_sealed(&disk, RecordNumber(0), &master(1)).expect("its key");
    assert_eq!(bodies(&[shown.record]), [WHOLE]);
    let refused = archive::inspect(&disk, RecordNumber(0)).expect_err("it is sealed");
    assert!(
        refused.to_string().contains("give the master key"),
        "{refused}"
    );
    let refused = archive::inspect_sealed(&disk, RecordNumber(0), &master(2));
    refused.expect_err("another key");
}

#[test]
fn a_log_begun_in_plain_goes_on_sealed() {
    let disk = Faulty::new(5);
    let (mut log, _) = open(&disk, written::config(), 1).expect("it opens");
    append(&mut log, &[said(1, 20_000); 2]);
    log.snapshots()
        .write(RecordNumber(1), STATE)
        .expect("written");
    log.close().expect("it closes");
    let (mut log, _) = open(&disk, sealed(master(1)), 2).expect("it opens");
    append(&mut log, &[said(1, 20_000)]);
    assert_eq!(bodies(&read_all(&log)), [WHOLE; 3]);
    let latest = log.snapshots().latest().expect("readable");
    assert_eq!(latest, Some((RecordNumber(1), STATE.to_vec())));
    assert_eq!(sound_root(&disk), 3);
}

#[test]
fn a_destroyed_key_takes_the_messages_of_its_group_and_day_and_nothing_else() {
    let disk = Faulty::new(6);
    let (mut log, _) = open(&disk, sealed(master(1)), 1).expect("it opens");
    let messages = [
        said(1, 10),
        said(1, 11),
        said(2, 11),
        said(1, 12),
        said(1, 11),
    ];
    append(&mut log, &messages);
    let leaf = |record| {
        let inspected = archive::inspect_sealed(&disk, RecordNumber(record), &master(1));
        inspected.expect("it is there").leaf
    };
    let leaves: Vec<_> = (0..5).map(leaf).collect();
    // The clock went back for the last one, which has a key of its own for it.
    let destroyed = log.destroy_keys(&erasure(1, 11..=11)).expect("destroyed");
    assert_eq!(destroyed, 2);
    assert_eq!(log.destroy_keys(&erasure(1, 11..=11)).expect("again"), 0);
    let expected = [WHOLE, ERASED, WHOLE, WHOLE, ERASED];
    assert_eq!(bodies(&read_all(&log)), expected);
    let all = (Sequence(1), Sequence(u64::MAX));
    let read = log
        .reader()
        .read_group(TENANT, GroupId(1), all.0, all.1, 1 << 20)
        .expect("erased is not damaged");
    assert_eq!(bodies(&read), [WHOLE, ERASED, WHOLE, ERASED]);
    assert_eq!(read[1].envelope.header().sequence(), Sequence(2));

    // What is said there later has a new key.
    append(&mut log, &[said(1, 11)]);
    assert_eq!(bodies(&read_all(&log))[5], WHOLE);
    log.close().expect("it closes");
    assert_eq!(sound_root(&disk), 6);
    let after: Vec<_> = (0..5).map(leaf).collect();
    assert_eq!(after, leaves, "every leaf stays provable");
    let (log, _) = open(&disk, sealed(master(1)), 2).expect("it opens");
    assert_eq!(bodies(&read_all(&log))[..5], expected);
}

#[test]
fn a_record_of_many_groups_is_the_tenants_and_outlives_erasure() {
    let disk = Faulty::new(7);
    let (mut log, _) = open(&disk, sealed(master(1)), 1).expect("it opens");
    let take = |group| Take {
        group: GroupId(group),
        sequence: Sequence(1),
        membership_sequence: Sequence(1),
        message_ordinal: 0,
    };
    for (number, takes) in [(0, vec![take(1)]), (1, vec![take(1), take(2)])] {
        let header = Header::new(&HeaderFields {
            tenant: TENANT,
            record: RecordNumber(number),
            timestamp: Timestamp(11 * DAY_US),
            body_len: SECRET.len() as u32,
            ..HeaderFields::default()
        });
        let entry = Entry {
            header: &header,
            takes: &takes,
            view: SECRET,
            private: EVENT,
        };
        log.append(&[entry]).expect("it appends");
    }
    log.destroy_keys(&erasure(1, 11..=11)).expect("destroyed");
    assert_eq!(bodies(&read_all(&log)), [ERASED, WHOLE]);
    log.destroy_keys(&erasure(0, 11..=11)).expect("destroyed");
    assert_eq!(bodies(&read_all(&log)), [ERASED, ERASED]);
}

#[test]
fn another_master_key_wraps_the_same_keys_and_the_records_stay_as_they_are() {
    let disk = Faulty::new(8);
    let (mut log, _) = open(&disk, sealed(master(1)), 1).expect("it opens");
    append(&mut log, &[said(1, 10), said(2, 10), said(1, 11)]);
    log.destroy_keys(&erasure(1, 10..=10)).expect("destroyed");
    log.close().expect("it closes");
    let plain = rewrap(&Faulty::new(8), &master(1), &master(2), [5; 32]);
    assert!(
        matches!(plain, Err(KeyringError::NotEncrypted)),
        "{plain:?}"
    );
    let segments = written::segments(&disk);
    let wrong = rewrap(&disk, &master(3), &master(2), [5; 32]);
    wrong.expect_err("not the key it is under");
    for _ in 0..2 {
        rewrap(&disk, &master(1), &master(2), [5; 32]).expect("rewrapped, and again");
    }
    assert!(
        segments == written::segments(&disk),
        "records are untouched"
    );
    open(&disk, sealed(master(1)), 2).expect_err("the old key opens nothing");
    let (mut log, _) = open(&disk, sealed(master(2)), 2).expect("the new key does");
    append(&mut log, &[said(1, 11)]);
    assert_eq!(bodies(&read_all(&log)), [ERASED, WHOLE, WHOLE, WHOLE]);
}

#[test]
fn rewrapping_is_all_or_nothing_at_every_boundary() {
    let prepared = |seed| {
        let disk = Faulty::new(seed);
        let (mut log, _) = open(&disk, sealed(master(1)), 1).expect("it opens");
        append(&mut log, &[said(1, 10), said(2, 10)]);
        log.close().expect("it closes");
        let from = disk.boundaries();
        (disk, from)
    };
    let (disk, from) = prepared(0);
    rewrap(&disk, &master(1), &master(2), [5; 32]).expect("nothing goes wrong");
    let boundaries = disk.boundaries() - from;
    for seed in 0..20 {
        for boundary in 0..boundaries {
            let (disk, from) = prepared(seed);
            disk.plan(from + boundary, Fault::Crash);
            rewrap(&disk, &master(1), &master(2), [5; 32]).expect_err("the power goes");
            let disk = disk.restart();
            let new = open(&disk, sealed(master(2)), 3);
            let (log, _) = new
                .or_else(|_| open(&disk, sealed(master(1)), 3))
                .expect("one of both keys opens it");
            assert_eq!(bodies(&read_all(&log)), [WHOLE; 2]);
        }
    }
}

#[test]
fn a_keyring_that_is_cut_short_gone_or_damaged_in_its_header_refuses_the_open() {
    let disk = Faulty::new(9);
    let (mut log, _) = open(&disk, sealed(master(1)), 1).expect("it opens");
    append(&mut log, &[said(1, 10), said(2, 10)]);
    log.close().expect("it closes");
    let copy = copy_of(&disk);
    copy.damage("keyring", |bytes| bytes.truncate(128 * 4));
    open(&copy, sealed(master(1)), 2).expect_err("the last key is gone");
    let copy = copy_of(&disk);
    copy.damage("keyring", |bytes| bytes[20] ^= 1);
    open(&copy, sealed(master(1)), 2).expect_err("the header is damaged");
    let copy = copy_of(&disk);
    copy.remove("keyring").expect("it is there");
    for config in [sealed(master(1)), written::config()] {
        let refused = open(&copy, config, 2).expect_err("the keyring is gone");
        assert!(
            matches!(
                refused,
                OpenError::Keyring(KeyringError::Missing { key: 4 })
            ),
            "{refused}"
        );
    }
}

#[test]
fn a_damaged_or_foreign_sealed_snapshot_is_passed_over() {
    let disk = Faulty::new(10);
    let (log, _) = open(&disk, sealed(master(1)), 1).expect("it opens");
    let snapshots = log.snapshots();
    for position in [3, 9] {
        snapshots
            .write(RecordNumber(position), STATE)
            .expect("written");
    }
    let newest = "00000000000000000009.snapshot";
    let len = disk.contents(newest).expect("it is there").len();
    let plain = Snapshots::new(Arc::new(disk.clone()));
    assert_eq!(plain.latest().expect("readable"), None, "no key");
    for at in 0..len {
        disk.damage(newest, |bytes| bytes[at] ^= 0x10);
        let latest = snapshots
            .latest()
            .expect("readable")
            .expect("the older one");
        assert_eq!(latest, (RecordNumber(3), STATE.to_vec()), "byte {at}");
        disk.damage(newest, |bytes| bytes[at] ^= 0x10);
    }
    let latest = snapshots.latest().expect("readable").expect("both");
    assert_eq!(latest.0, RecordNumber(9));
}

#[test]
fn two_copies_that_go_different_ways_never_share_a_key() {
    let disk = Faulty::new(11);
    let (mut log, _) = open(&disk, sealed(master(1)), 1).expect("it opens");
    append(&mut log, &[said(1, 10)]);
    log.close().expect("it closes");
    let copy = copy_of(&disk);
    let last_segment = |disk: &Faulty, entropy| {
        let (mut log, _) = open(disk, sealed(master(1)), entropy).expect("it opens");
        append(&mut log, &[said(1, 10)]);
        drop(log);
        let (_, bytes) = written::segments(disk).pop().expect("a segment");
        bytes
    };
    let (one, two) = (last_segment(&disk, 2), last_segment(&copy, 3));
    let parts_len = SECRET.len() + EVENT.len();
    let body = |bytes: &[u8]| bytes[bytes.len() - parts_len..].to_vec();
    assert_ne!(body(&one), body(&two), "the same record of the same epoch");
}

#[test]
fn the_day_of_a_message_is_its_headers() {
    assert_eq!(Timestamp(11 * DAY_US - 1).utc_day(), 10);
}
