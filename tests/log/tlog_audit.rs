//! What an auditor is told: every published byte against the log, and proofs of single records.

#![allow(clippy::unwrap_used)] // A test's own helpers may panic.

use std::sync::Arc;

use crate::written::{append, open};
use throng::archive;
use throng::archive::tlog::{
    Audit, AuditError, Fault, Proof, Publisher, SigningKey, VerifyingKey, audit, lookup, mend,
    prove,
};
use throng::log::Storage;
use throng::log::storage::Faulty;
use throng::wire::RecordNumber;

const RECORDS: u64 = 600;

fn key() -> SigningKey {
    SigningKey::new("audit.example", [4; 32]).unwrap()
}

fn public() -> VerifyingKey {
    key().verifying_key()
}

/// A log of 610 records, the first 600 of them published.
fn published() -> (Faulty, Faulty) {
    let (log_disk, tiles) = (Faulty::new(1), Faulty::new(2));
    let (mut log, recovered) = open(&log_disk, 3).unwrap();
    append(&mut log, RECORDS);
    let identity = (recovered.log, recovered.incarnation);
    let storage = Arc::new(tiles.clone());
    let mut publisher = Publisher::open(storage, &key(), identity, &log.reader()).unwrap();
    let all = log.reader().commitments(RecordNumber(0), RECORDS as usize);
    publisher.publish(&all.unwrap()).unwrap();
    append(&mut log, 10);
    log.close().unwrap();
    (log_disk, tiles)
}

fn faults(log: &Faulty, tiles: &Faulty) -> Vec<String> {
    let Audit { faults, .. } = audit(log, tiles, &public()).unwrap();
    faults.iter().map(Fault::to_string).collect()
}

#[test]
fn a_sound_log_agrees_with_all_that_was_published_of_it() {
    let (log, tiles) = published();
    let found = audit(&log, &tiles, &public()).unwrap();
    assert_eq!(
        (found.signed.checkpoint.size, found.unsigned),
        (RECORDS, 10)
    );
    assert_eq!(found.faults, []);
    let (signed, held) = lookup(&log, &tiles, &public()).unwrap();
    assert_eq!((signed, held), (found.signed, RECORDS + 10));
}

#[test]
fn every_changed_byte_of_every_tile_is_named() {
    let (log, tiles) = published();
    let names = tiles.names().unwrap();
    let mut tiles_seen = 0;
    for name in names.iter().filter(|name| name.starts_with("tile/")) {
        tiles_seen += 1;
        let mut good = Vec::new();
        tiles.damage(name, |bytes| good = bytes.clone());
        for at in [0, good.len() / 2, good.len() - 1] {
            tiles.damage(name, |bytes| bytes[at] ^= 0x40);
            let found = faults(&log, &tiles);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(
                found[0].starts_with(&format!("{name} is not what the log's")),
                "{found:?}"
            );
            tiles.damage(name, |bytes| bytes[at] ^= 0x40);
        }
        tiles.damage(name, |bytes| bytes.truncate(bytes.len() - 1));
        assert!(faults(&log, &tiles)[0].contains("cannot be read"), "{name}");
        tiles.damage(name, |bytes| *bytes = good.clone());
        tiles.rename(name, "aside").unwrap();
        assert!(faults(&log, &tiles)[0].contains("cannot be read"), "{name}");
        tiles.rename("aside", name).unwrap();
    }
    assert_eq!(tiles_seen, 7);
    assert_eq!(faults(&log, &tiles), [""; 0]);
}

#[test]
fn another_history_under_the_same_name_is_found() {
    let (_, tiles) = published();
    let other = Faulty::new(5);
    let (mut log, _) = open(&other, 3).unwrap();
    append(&mut log, 1);
    append(&mut log, RECORDS);
    log.close().unwrap();
    let found = faults(&other, &tiles).join("\n");
    assert!(
        found.contains("was signed for 600 records, the log's have"),
        "{found}"
    );
    let shorter = Faulty::new(5);
    let (mut log, _) = open(&shorter, 3).unwrap();
    append(&mut log, 599);
    log.close().unwrap();
    let found = faults(&shorter, &tiles).join("\n");
    assert!(
        found.contains("600 records were signed, the log holds 599"),
        "{found}"
    );
    let foreign = Faulty::new(5);
    let (mut log, _) = open(&foreign, 4).unwrap();
    append(&mut log, RECORDS);
    log.close().unwrap();
    let found = faults(&foreign, &tiles).join("\n");
    assert!(
        found.contains("not this log's id and incarnation"),
        "{found}"
    );
}

#[test]
fn every_signed_record_is_proved_to_whoever_has_the_key_and_no_other_is() {
    let (log, tiles) = published();
    for record in [0, 1, 255, 256, 511, 512, 598, 599] {
        let proof = prove(&log, &tiles, &public(), RecordNumber(record)).unwrap();
        let file = proof.to_string();
        let read = Proof::parse(&file).unwrap();
        let (signed, _) = lookup(&log, &tiles, &public()).unwrap();
        let key = VerifyingKey::parse(&signed.key.to_string()).unwrap();
        assert_eq!(read.verify(&key).unwrap().size, RECORDS);
    }
    let of = |record| prove(&log, &tiles, &public(), RecordNumber(record));
    assert!(matches!(
        of(600),
        Err(AuditError::NotSigned { size: 600, .. })
    ));
    assert!(matches!(of(610), Err(AuditError::Record(_))));
    tiles.damage("tile/0/001", |bytes| bytes[7] ^= 1);
    assert!(
        matches!(of(300), Err(AuditError::NotProved { .. })),
        "checked before it is handed out"
    );
    let other = SigningKey::new("audit.example", [5; 32])
        .unwrap()
        .verifying_key();
    let refused = prove(&log, &tiles, &other, RecordNumber(0));
    assert!(matches!(refused, Err(AuditError::Stored(_))), "{refused:?}");
    let nothing = prove(&log, &Faulty::new(1), &public(), RecordNumber(0));
    assert!(
        matches!(nothing, Err(AuditError::NotPublished)),
        "{nothing:?}"
    );
}

#[test]
fn tiles_that_were_lost_are_made_again_where_the_log_gives_the_signed_root() {
    let (log, tiles) = published();
    let names = tiles.names().unwrap();
    let names: Vec<_> = names.iter().filter(|it| it.starts_with("tile/")).collect();
    let before: Vec<_> = names.iter().map(|it| tiles.contents(it)).collect();
    assert_eq!(mend(&log, &tiles, &public()).unwrap(), 0);
    for name in &names {
        tiles.remove(name).unwrap();
    }
    tiles.create(names[0]).unwrap();
    assert_eq!(mend(&log, &tiles, &public()).unwrap(), names.len() as u64);
    let after: Vec<_> = names.iter().map(|it| tiles.contents(it)).collect();
    assert!(before == after);
    assert_eq!(faults(&log, &tiles), [""; 0]);
    // Of another history none is made, and what it lacks stays so.
    let other = Faulty::new(5);
    let (mut another, _) = open(&other, 3).unwrap();
    append(&mut another, 1);
    append(&mut another, RECORDS);
    another.close().unwrap();
    tiles.remove(names[0]).unwrap();
    let refused = mend(&other, &tiles, &public());
    assert!(
        matches!(refused, Err(AuditError::NotMended(_))),
        "{refused:?}"
    );
    assert_eq!(tiles.contents(names[0]), None);
    // Nothing says any more how much was signed.
    tiles.remove("checkpoint").unwrap();
    let refused = audit(&log, &tiles, &public());
    assert!(
        matches!(refused, Err(AuditError::NoCheckpoint)),
        "{refused:?}"
    );
}

#[test]
fn however_many_tiles_are_lost_a_root_that_is_wrong_is_named() {
    let other = Faulty::new(5);
    let (mut log, recovered) = open(&other, 3).unwrap();
    append(&mut log, 14_000);
    let identity = (recovered.log, recovered.incarnation);
    let (none, storage) = (Faulty::new(6), Faulty::new(7));
    let mut publisher =
        Publisher::open(Arc::new(storage.clone()), &key(), identity, &log.reader()).unwrap();
    let all = log.reader().commitments(RecordNumber(0), 14_000).unwrap();
    publisher.publish(&all).unwrap();
    log.close().unwrap();
    let note = storage.contents("checkpoint").unwrap();
    let file = none.create("checkpoint").unwrap();
    file.write_at(&mut [std::io::IoSlice::new(&note)], 0)
        .unwrap();
    let another = Faulty::new(8);
    let (mut log, _) = open(&another, 3).unwrap();
    append(&mut log, 1);
    append(&mut log, 14_000);
    log.close().unwrap();
    let found = faults(&another, &none);
    assert!(found.len() > 100 && found.last().unwrap().contains("records were changed"));
    let refused = mend(&another, &none, &public());
    assert!(
        matches!(refused, Err(AuditError::NotMended(_))),
        "{refused:?}"
    );
    assert_eq!(none.names().unwrap(), ["checkpoint"]);
}

#[test]
fn a_log_and_what_was_published_of_it_are_verified_in_one_pass() {
    let (log, tiles) = published();
    for damaged in [false, true] {
        if damaged {
            tiles.damage("tile/0/001", |bytes| bytes[7] ^= 1);
        }
        let apart = audit(&log, &tiles, &public()).unwrap();
        assert_eq!(apart.faults.len(), usize::from(damaged));
        for threads in [1, 2, 7] {
            let both = (&log as &dyn Storage, &tiles as &dyn Storage);
            let (report, together) =
                archive::verify_published(both, &public(), threads, &|_| {}).unwrap();
            assert_eq!(report, archive::verify(&log, 1, &|_| {}).unwrap());
            assert_eq!(together.unwrap(), apart);
            assert!(report.segments > 20);
        }
    }
}
