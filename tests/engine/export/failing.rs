//! What is not whole fails by name; what is gone is listed.

use std::sync::Arc;

use serde_json::json;
use throng::archive::export::ExportError;
use throng::archive::read_offline;
use throng::engine::Options;
use throng::log::storage::Faulty;
use throng::log::{Config, Memory, ReadError};
use throng::model::command::{EraseContentV1, TaggedCommand};
use throng::wire::{ExportId, GroupId, HeaderFields, Kind, RecordNumber, Sequence};

use crate::export::every_kind::{OURS, Written};
use crate::export::world::{World, everything, files, find, memory, read, run};
use crate::town::NOON;

fn segment(disk: &Faulty) -> String {
    let names = throng::log::Storage::names(disk).unwrap();
    let mut segments = names.into_iter().filter(|name| name.ends_with(".segment"));
    segments.next().unwrap()
}

/// Flips a bit of the first place where `needle` is.
fn damage(disk: &Faulty, needle: &[u8]) {
    disk.damage(&segment(disk), |bytes| {
        let at = bytes.windows(needle.len()).position(|it| it == needle);
        bytes[at.unwrap()] ^= 1;
    });
}

#[test]
fn a_damaged_record_fails_the_export_and_is_named() {
    let disk = Faulty::new(1);
    let mut log = Written::on(Arc::new(disk.clone()), Config::default());
    for sequence in 1..=20 {
        let body = format!("message number {sequence} of them");
        log.message(Kind::Text, sequence, body.as_bytes());
    }
    let grant = log.grant(1, 2).unwrap();
    run(&log.log.reader(), &grant, &*memory()).unwrap();

    damage(&disk, b"message number 7 of them");
    let out = memory();
    let failed = run(&log.log.reader(), &grant, &*out).unwrap_err();
    let ExportError::Read(ReadError::Damaged(damage)) = &failed else {
        panic!("{failed}");
    };
    assert_eq!(damage.record, RecordNumber(6));
    assert!(failed.to_string().contains("record 6"), "{failed}");
    assert!(
        !out.names()
            .unwrap()
            .iter()
            .any(|it| it.contains("manifest")),
        "what is not whole has no manifest"
    );

    log.log.close().unwrap();
    let offline = read_offline(&disk, None, 2, &|_, _| {}).unwrap_err();
    assert!(offline.to_string().contains("record 6"), "{offline}");
}

#[test]
fn a_missing_sequence_fails_the_export_and_is_named() {
    let mut log = Written::on(Arc::new(Memory::new()), Config::default());
    for sequence in [1, 2, 3, 5, 6] {
        log.message(Kind::Text, sequence, b"said");
    }
    let grant = log.grant(1, 2).unwrap();
    let failed = run(&log.log.reader(), &grant, &*memory()).unwrap_err();
    assert!(
        matches!(
            failed,
            ExportError::MissingSequence {
                group: GroupId(9),
                expected: Sequence(4),
                found: Sequence(5),
                record: RecordNumber(3)
            }
        ),
        "{failed}"
    );
}

#[test]
fn a_group_that_counts_more_messages_than_there_are_fails_the_export() {
    let mut log = Written::on(Arc::new(Memory::new()), Config::default());
    log.message(Kind::Text, 1, b"said");
    let fields = HeaderFields {
        kind: Kind::Text,
        tenant: OURS,
        group: GroupId(9),
        sequence: Sequence(2),
        message_ordinal: 3,
        ..HeaderFields::default()
    };
    log.write(fields, &[], b"lost its event");
    let grant = log.grant(1, 2).unwrap();
    let failed = run(&log.log.reader(), &grant, &*memory()).unwrap_err();
    let counts = matches!(
        failed,
        ExportError::Counts {
            what: "messages",
            expected: 3,
            actual: 1
        }
    );
    assert!(counts, "{failed}");
}

#[test]
fn a_grant_that_is_not_in_the_log_is_refused() {
    let mut log = Written::on(Arc::new(Memory::new()), Config::default());
    log.message(Kind::Text, 1, b"said");
    let refused = find(&log.log.reader(), Some(OURS), ExportId(1)).unwrap_err();
    assert!(matches!(refused, ExportError::NotGranted { .. }));
    assert!(refused.to_string().contains("another approves"));
}

#[test]
fn what_was_erased_is_not_exported_though_its_bytes_are_there() {
    let disk = Faulty::new(3);
    let world = World::on(Arc::new(disk.clone()), Options::default());
    let (town, [group, _]) = (&world.town, world.groups);
    town.say(group, town.people[0], 1, "a secret").unwrap();
    town.clock.advance(2 * 86_400_000_000);
    let day = NOON.utc_day();
    let erase = EraseContentV1 {
        group,
        first_day: day,
        last_day: day,
        reason: "asked for".into(),
    };
    town.call(TaggedCommand::EraseContent(erase)).unwrap();
    town.say(group, town.people[0], 2, "not one").unwrap();
    let grant = world.granted(everything());
    town.engine.clone().close().unwrap();

    let log = disk.contents(&segment(&disk)).unwrap();
    assert!(log.windows(8).any(|window| window == b"a secret"));
    let reader = read_offline(&disk, None, 1, &|_, _| {}).unwrap();
    let out = memory();
    run(&reader, &grant, &*out).unwrap();
    let files = files(&*out);
    let gaps = read(&files).gaps;
    assert_eq!(
        (&gaps[0]["why"], &gaps[0]["records"]),
        (&json!("erased"), &json!(1))
    );
    let records = &files["records.jsonl"];
    assert!(records.windows(7).any(|window| window == b"not one"));
    assert!(!records.windows(8).any(|window| window == b"a secret"));
}
