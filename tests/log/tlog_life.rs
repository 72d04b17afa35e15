//! Where one published tree ends and another begins: lost checkpoints, repairs, restored copies.

use std::io::IoSlice;
use std::sync::Arc;

use crate::crashes::Folder;
use crate::written::{append, open};
use throng::archive::tlog::{
    Checkpoint, OpenError, Publisher, Seen, SeenError, Signed, SigningKey, VerifyingKey,
    read_checkpoint, signed_so_far,
};
use throng::archive::{self, Cause, Consent, RepairError};
use throng::log::storage::Faulty;
use throng::log::{Log, Recovered, Storage};
use throng::wire::RecordNumber;

const SEED: u64 = 5;

fn tiles(disk: &Faulty) -> Folder {
    Folder::of(disk, "tlog/")
}

fn key() -> SigningKey {
    SigningKey::new("life.example", [9; 32]).unwrap()
}

fn public() -> VerifyingKey {
    key().verifying_key()
}

fn take_up(disk: &Faulty, (log, recovered): &(Log, Recovered)) -> Result<Publisher, OpenError> {
    let identity = (recovered.log, recovered.incarnation);
    Publisher::open(Arc::new(tiles(disk)), &key(), identity, &log.reader())
}

fn publish(publisher: &mut Publisher, log: &Log) {
    let next = RecordNumber(publisher.next());
    let commitments = log.reader().commitments(next, 10_000).unwrap();
    publisher.publish(&commitments).unwrap();
}

fn signed(disk: &Faulty) -> Signed {
    read_checkpoint(&tiles(disk), &public()).unwrap().unwrap()
}

/// A log of so many records, all of them published: the same history for any number.
fn published(disk: &Faulty, records: u64) {
    let mut opened = open(disk, SEED).unwrap();
    let mut publisher = take_up(disk, &opened).unwrap();
    for _ in 0..records / 50 {
        append(&mut opened.0, 50);
        publish(&mut publisher, &opened.0);
    }
    opened.0.close().unwrap();
}

/// Another history under the same id and incarnation.
fn other(disk: &Faulty, records: u64) {
    let (mut log, _) = open(disk, SEED).unwrap();
    append(&mut log, 1);
    append(&mut log, records - 1);
    log.close().unwrap();
}

/// Byte for byte, of the files that are chosen.
fn copy(from: &Faulty, to: &Faulty, chosen: impl Fn(&str) -> bool) {
    for name in from.names().unwrap().iter().filter(|name| chosen(name)) {
        let file = Storage::open(from, name).unwrap();
        let mut bytes = vec![0; file.len().unwrap() as usize];
        file.read_at(&mut bytes, 0).unwrap();
        let copied = to.create(name).unwrap();
        copied.write_at(&mut [IoSlice::new(&bytes)], 0).unwrap();
        copied.sync().unwrap();
    }
    to.sync().unwrap();
}

fn damage(disk: &Faulty, record: u64) {
    let place = archive::inspect(disk, RecordNumber(record)).unwrap();
    disk.damage(&place.file, |bytes| bytes[place.offset as usize + 90] ^= 1);
}

fn repair(disk: &Faulty, consent: &Consent, entropy: u8) -> archive::Repair {
    let repaired = archive::repair(disk, consent, [entropy; 32]);
    repaired.unwrap().unwrap()
}

fn restored_copy() -> Consent {
    Consent {
        restored_copy: true,
        ..Consent::default()
    }
}

#[test]
fn a_lost_checkpoint_beside_tiles_is_refused_and_nothing_begins_in_its_place() {
    let disk = Faulty::new(1);
    published(&disk, 300);
    let before = signed(&disk);
    disk.remove("tlog/checkpoint").unwrap();
    let names = disk.names().unwrap().len();
    let opened = open(&disk, 2).unwrap();
    let refused = take_up(&disk, &opened).unwrap_err();
    assert!(matches!(refused, OpenError::NoCheckpoint), "{refused}");
    assert!(refused.to_string().contains("move `tlog/` away"));
    assert_eq!(disk.names().unwrap().len(), names);
    // Without the tiles, the same tree is made again.
    for name in disk.names().unwrap() {
        if name.starts_with("tlog/") {
            disk.remove(&name).unwrap();
        }
    }
    let mut publisher = take_up(&disk, &opened).unwrap();
    // Nothing is signed yet: that is no loss, and a full disk keeps no server from starting.
    assert!(disk.contents("tlog/beginning").is_none());
    drop(take_up(&disk, &opened).unwrap());
    publish(&mut publisher, &opened.0);
    assert_eq!(signed(&disk).checkpoint, before.checkpoint);
    disk.remove("tlog/checkpoint").unwrap();
    take_up(&disk, &opened).expect_err("the beginning is over");
}

#[test]
fn a_log_with_less_than_was_signed_is_refused_and_a_repair_gives_it_another_origin() {
    let (newer, disk) = (Faulty::new(1), Faulty::new(2));
    published(&newer, 500);
    published(&disk, 300);
    copy(&newer, &disk, |name| name.starts_with("tlog/"));
    let opened = open(&disk, 3).unwrap();
    let refused = take_up(&disk, &opened).unwrap_err().to_string();
    assert!(refused.contains("500 records were published"), "{refused}");
    assert!(refused.contains("throng archive repair"), "{refused}");
    let before = opened.1.incarnation;
    opened.0.close().unwrap();

    let mut consent = Consent {
        signed: signed_so_far(&tiles(&disk), &public()).unwrap(),
        ..Consent::default()
    };
    let refused = archive::repair(&disk, &consent, [1; 32]).unwrap_err();
    let RepairError::LossNotAccepted { cause, at } = &refused else {
        panic!("{refused}");
    };
    assert_eq!(at, &RecordNumber(300));
    assert!(matches!(
        cause,
        Cause::Behind {
            signed: 500,
            held: 300,
            ..
        }
    ));
    consent.accept_loss = true;
    let repaired = repair(&disk, &consent, 1);
    assert!(repaired.incarnation > before && repaired.kept_in.is_empty());
    let opened = open(&disk, 3).unwrap();
    assert_eq!(opened.1.repaired.unwrap().at, RecordNumber(300));
    let mut publisher = take_up(&disk, &opened).unwrap();
    publish(&mut publisher, &opened.0);
    let new = signed(&disk);
    assert_eq!(
        (new.checkpoint.size, new.origin.incarnation),
        (300, repaired.incarnation)
    );
    // It agrees with what is signed now: there is nothing more to repair.
    consent.signed = signed_so_far(&tiles(&disk), &public()).unwrap();
    assert_eq!(consent.signed.len(), 2, "the old one is kept");
    drop(opened);
    assert_eq!(archive::repair(&disk, &consent, [2; 32]).unwrap(), None);
}

#[test]
fn what_a_repair_has_kept_is_compared_with_what_was_signed_before() {
    for (cut, changed) in [
        (None, false),
        (Some(220), false),
        (None, true),
        (Some(220), true),
    ] {
        let disk = Faulty::new(3);
        published(&disk, 400);
        let published = disk.contents("tlog/checkpoint");
        if changed {
            let another = Faulty::new(4);
            other(&another, 400);
            for name in disk.names().unwrap() {
                if !name.starts_with("tlog/") {
                    disk.remove(&name).unwrap();
                }
            }
            copy(&another, &disk, |_| true);
        }
        if let Some(record) = cut {
            damage(&disk, record);
            assert_eq!(repair(&disk, &Consent::to_loss(), 1).at.0, record);
        } else {
            repair(&disk, &restored_copy(), 1);
        }
        let mut opened = open(&disk, 6).unwrap();
        append(&mut opened.0, 400);
        let taken = take_up(&disk, &opened);
        if changed {
            let refused = taken.unwrap_err();
            let kept = cut.unwrap_or(400);
            assert!(
                matches!(refused, OpenError::KeptChanged { kept: at } if at == kept),
                "{refused}"
            );
            assert_eq!(disk.contents("tlog/checkpoint"), published, "set aside");
        } else {
            let mut publisher = taken.unwrap();
            publish(&mut publisher, &opened.0);
            assert_eq!(signed(&disk).checkpoint.size, opened.0.next().0);
        }
    }
}

#[test]
fn of_two_cuts_the_first_says_what_was_kept() {
    let disk = Faulty::new(5);
    published(&disk, 400);
    for (record, more) in [(150, 200), (250, 300)] {
        damage(&disk, record);
        assert_eq!(
            repair(&disk, &Consent::to_loss(), record as u8).at.0,
            record
        );
        let (mut log, _) = open(&disk, 7 + record).unwrap();
        append(&mut log, more);
        log.close().unwrap();
    }
    let opened = open(&disk, 9).unwrap();
    assert_eq!(opened.0.reader().kept(), RecordNumber(150));
    take_up(&disk, &opened).expect("records 150 to 250 were given anew by the first repair");
    // What is needed to compare is not there.
    for name in ["tlog/tile/0/000", "tlog/tile/0/001.p/144"] {
        let disk = Faulty::new(5);
        published(&disk, 400);
        damage(&disk, 150);
        repair(&disk, &Consent::to_loss(), 1);
        disk.remove(name).unwrap();
        let refused = take_up(&disk, &open(&disk, 9).unwrap()).unwrap_err();
        assert!(
            matches!(refused, OpenError::KeptUnknown { kept: 150, .. }),
            "{refused}"
        );
    }
}

#[test]
fn repairs_that_know_nothing_of_each_other_never_share_an_incarnation() {
    let disk = Faulty::new(6);
    published(&disk, 300);
    let copied = Faulty::new(7);
    copy(&disk, &copied, |_| true);
    let (first, second) = (
        repair(&disk, &restored_copy(), 1),
        repair(&copied, &restored_copy(), 2),
    );
    assert_ne!(first.incarnation, second.incarnation);
    // With the meta file lost nothing in the log knows the incarnation, as no segment was begun in it.
    let opened = open(&disk, 8).unwrap();
    let mut publisher = take_up(&disk, &opened).unwrap();
    publish(&mut publisher, &opened.0);
    drop(opened);
    disk.remove("meta").unwrap();
    let consent = Consent {
        signed: signed_so_far(&tiles(&disk), &public()).unwrap(),
        ..Consent::to_loss()
    };
    let third = repair(&disk, &consent, 3);
    assert!(third.incarnation > first.incarnation && third.digest_key_lost);
    take_up(&disk, &open(&disk, 9).unwrap()).unwrap();
}

fn see(disk: &Faulty, elsewhere: &Faulty, opened: &(Log, Recovered)) -> Result<(), OpenError> {
    let mut publisher = take_up(disk, opened)?;
    let reader = opened.0.reader();
    let elsewhere: Arc<dyn Storage> = Arc::new(elsewhere.clone());
    let mut seen = Seen::open(elsewhere, &public(), &publisher, &reader)?;
    publish(&mut publisher, &opened.0);
    Ok(seen.keep(&publisher, 0, true)?)
}

#[test]
fn an_older_copy_of_everything_is_refused_by_the_last_checkpoint_that_was_seen() {
    let (disk, older, elsewhere) = (Faulty::new(8), Faulty::new(9), Faulty::new(10));
    published(&disk, 300);
    copy(&disk, &older, |_| true);
    let mut opened = open(&disk, 10).unwrap();
    append(&mut opened.0, 100);
    see(&disk, &elsewhere, &opened).unwrap();
    let last = elsewhere.contents("checkpoint").unwrap();
    assert_eq!(disk.contents("tlog/checkpoint").as_ref(), Some(&last));

    // It has less; later, as much of something else.
    let mut opened = open(&older, 11).unwrap();
    let refused = see(&older, &elsewhere, &opened).unwrap_err();
    assert!(
        matches!(
            refused,
            OpenError::Seen(SeenError::Older {
                signed: 400,
                durable: 300,
                ..
            })
        ),
        "{refused}"
    );
    assert!(refused.to_string().contains("--restored-copy --seen"));
    append(&mut opened.0, 150);
    let refused = see(&older, &elsewhere, &opened).unwrap_err();
    assert!(
        matches!(
            refused,
            OpenError::Seen(SeenError::Contradicted { signed: 400 })
        ),
        "{refused}"
    );
    // Published meanwhile, by a server that was not told where to look: by its tiles, too.
    publish(&mut take_up(&older, &opened).unwrap(), &opened.0);
    let refused = see(&older, &elsewhere, &opened).unwrap_err();
    assert!(matches!(
        refused,
        OpenError::Seen(SeenError::Contradicted { .. })
    ));
    assert_eq!(elsewhere.contents("checkpoint"), Some(last.clone()));
    drop(opened);

    // Said to be a copy, it goes on under another origin.
    let mut consent = restored_copy();
    consent.signed = vec![archive::tlog::read_signed(last, &public()).unwrap()];
    let repaired = repair(&older, &consent, 4);
    let mut opened = open(&older, 12).unwrap();
    see(&older, &elsewhere, &opened).unwrap();
    let new = elsewhere.contents("checkpoint").unwrap();
    let text = String::from_utf8(new.clone()).unwrap();
    assert!(
        text.lines()
            .next()
            .unwrap()
            .ends_with(&repaired.incarnation.to_string())
    );
    append(&mut opened.0, 10);
    see(&older, &elsewhere, &opened).unwrap();
    assert_ne!(elsewhere.contents("checkpoint").unwrap(), new);
    // And the original is now the older one.
    let refused = see(&disk, &elsewhere, &open(&disk, 13).unwrap()).unwrap_err();
    assert!(
        matches!(refused, OpenError::Seen(SeenError::Older { .. })),
        "{refused}"
    );
}

#[test]
fn what_was_seen_of_another_log_or_by_nobody_is_refused_and_less_is_no_harm() {
    let (disk, elsewhere) = (Faulty::new(11), Faulty::new(12));
    published(&disk, 300);
    let opened = open(&disk, 10).unwrap();
    see(&disk, &elsewhere, &opened).unwrap();
    let less = elsewhere.contents("checkpoint").unwrap();
    drop(opened);
    let mut opened = open(&disk, 11).unwrap();
    append(&mut opened.0, 77);
    see(&disk, &elsewhere, &opened).unwrap();
    // A second ago: it is not kept at every checkpoint.
    elsewhere.damage("checkpoint", |bytes| *bytes = less);
    see(&disk, &elsewhere, &opened).unwrap();
    // The tiles were lost: by the log.
    for name in disk.names().unwrap() {
        if name.starts_with("tlog/") {
            disk.remove(&name).unwrap();
        }
    }
    see(&disk, &elsewhere, &opened).unwrap();
    elsewhere.damage("checkpoint", |bytes| {
        let at = bytes.windows(5).position(|it| it == b"\n377\n").unwrap();
        bytes[at + 1] = b'2';
    });
    let refused = see(&disk, &elsewhere, &opened).unwrap_err();
    assert!(
        matches!(refused, OpenError::Seen(SeenError::Stored(_))),
        "{refused}"
    );
    let foreign = Faulty::new(13);
    let (mut log, recovered) = open(&foreign, SEED + 1).unwrap();
    append(&mut log, 3);
    publish(
        &mut take_up(&foreign, &(log, recovered)).unwrap(),
        &open(&foreign, 1).unwrap().0,
    );
    let note = foreign.contents("tlog/checkpoint").unwrap();
    assert!(
        Checkpoint::parse(std::str::from_utf8(&note).unwrap()).is_err(),
        "it is a note"
    );
    elsewhere.damage("checkpoint", |bytes| *bytes = note);
    let refused = see(&disk, &elsewhere, &opened).unwrap_err();
    assert!(
        matches!(refused, OpenError::Seen(SeenError::Foreign { .. })),
        "{refused}"
    );
}
