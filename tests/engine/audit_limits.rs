//! What a page of the audit trail may cost, and what it says of damage and of a failing disk (SPEC A1, P).

#![allow(clippy::unwrap_used)] // A test's own helpers may panic.

use std::sync::Arc;

use throng::engine::{ExecuteError, Options};
use throng::log::Memory;
use throng::log::storage::Faulty;
use throng::model::command::{Actor, ReadAuditV1, TaggedCommand as T};
use throng::model::event::decode_all;
use throng::model::{NotSearched, Refusal};
use throng::wire::RecordNumber;

use crate::audit::{everything, naive, pages, read, told};
use crate::town::Town;

#[test]
fn a_page_looks_through_a_bounded_part_of_the_log_and_the_next_goes_on() {
    let mut options = Options::default();
    options.pull_pass_bytes = 256 * 1024;
    let town = Town::on(Arc::new(Memory::new()), options, 3);
    let group = town.group(3);
    let text = "x".repeat(20_000);
    for id in 1..=300 {
        town.say(group, town.people[0], id, &text).unwrap();
    }
    let end = town.engine.durable();
    let expected = naive(&town, &everything(), end);
    let (entries, count) = pages(&town, &everything());
    assert_eq!(told(&entries), expected);
    assert!(
        (10..100).contains(&count),
        "{count} pages of 6 MB, 256 KiB at a time"
    );
    // Nothing is on most of them, and they go on all the same.
    let page = read(&town, &everything());
    assert!(page.entries.len() < 100 && page.before > RecordNumber(0));
}

#[test]
fn a_page_takes_a_bounded_number_of_bytes_and_a_long_entry_says_how_long_it_is() {
    let town = Town::in_memory(2);
    let people = |count| (0..count).map(crate::town::employee).collect::<Vec<_>>();
    let mut named = people(400);
    named.iter_mut().enumerate().for_each(|(number, person)| {
        person.external_id = format!("{number:0>60}");
        person.name = "名".repeat(60);
    });
    town.engine.add_people(town.tenant, named).unwrap();
    for round in 0..6 {
        let mut some = people(120);
        some.iter_mut().enumerate().for_each(|(number, person)| {
            person.external_id = format!("{round} {number:0>50}");
            person.name = "名".repeat(60);
        });
        town.engine.add_people(town.tenant, some).unwrap();
    }
    let end = town.engine.durable();
    let expected = naive(&town, &everything(), end);
    let page = read(&town, &everything());
    let bytes: usize = page.entries.iter().map(|it| it.events.len()).sum();
    assert!(
        bytes <= 96 * 1024 && page.before != RecordNumber(0),
        "{bytes}"
    );
    let (entries, _) = pages(&town, &everything());
    // But for that the first page was read.
    let entries = &entries[1..];
    assert_eq!(entries.len(), expected.len());
    let mut long = 0;
    for (entry, (record, events)) in entries.iter().zip(&expected) {
        assert_eq!(entry.record, *record);
        if entry.events.len() == entry.events_len as usize {
            assert_eq!(decode_all(&entry.events).unwrap(), *events);
        } else {
            assert!(entry.events.is_empty() && entry.events_len > 64 * 1024);
            long += 1;
        }
    }
    assert_eq!(long, 1);
}

#[test]
fn a_damaged_record_is_named_and_what_is_before_it_is_read() {
    let disk = Faulty::new(1);
    let mut options = Options::default();
    options.log = options.log.with_segment_bytes(1 << 20);
    let town = Town::on(Arc::new(disk.clone()), options, 3);
    let group = town.group(3);
    for name in ["one", "merger", "three"] {
        let rename = throng::model::command::RenameGroupV1 {
            group,
            name: name.to_owned(),
        };
        town.call(T::RenameGroup(rename)).unwrap();
    }
    let (whole, _) = pages(&town, &everything());
    throng::log::Storage::names(&disk)
        .unwrap()
        .iter()
        .for_each(|name| {
            disk.damage(name, |bytes| {
                let at = bytes.windows(6).position(|window| window == b"merger");
                if let Some(at) = at {
                    bytes[at] ^= 1;
                }
            });
        });
    let first = read(&town, &everything());
    assert!(first.damaged);
    let damaged = first.before;
    let rest = read(
        &town,
        &ReadAuditV1 {
            before: damaged,
            ..everything()
        },
    );
    assert!(!rest.damaged && rest.before == RecordNumber(0));
    let shown: Vec<_> = first.entries.iter().chain(&rest.entries).collect();
    let shown: Vec<_> = shown.iter().map(|entry| entry.record).collect();
    let mut expected: Vec<_> = whole.iter().map(|entry| entry.record).collect();
    assert!(expected.contains(&damaged));
    expected.retain(|record| *record != damaged);
    assert_eq!(shown[1..], expected, "but for that it was read before");
}

#[test]
fn a_damaged_first_record_is_told_as_record_0_on_the_last_page() {
    let disk = Faulty::new(1);
    let town = Town::on(Arc::new(disk.clone()), Options::default(), 3);
    town.group(3);
    let (whole, _) = pages(&town, &everything());
    let names = throng::log::Storage::names(&disk).unwrap();
    let first = names.iter().find(|name| name.ends_with("0.segment"));
    // Behind the headers of the segment and its first batch.
    disk.damage(first.unwrap(), |bytes| bytes[192 + 100] ^= 1);
    let page = read(&town, &everything());
    assert!(page.damaged, "it is told before the end is");
    assert_eq!(page.before, RecordNumber(0));
    let shown: Vec<_> = page.entries.iter().map(|entry| entry.record).collect();
    let mut expected: Vec<_> = whole.iter().map(|entry| entry.record).collect();
    expected.retain(|record| *record != RecordNumber(0));
    assert_eq!(shown[1..], expected, "but for that it was read before");
}

#[test]
fn a_disk_that_fails_fails_the_page_at_once_and_is_not_called_damage() {
    let disk = Faulty::new(1);
    let town = Town::on(Arc::new(disk.clone()), Options::default(), 3);
    let group = town.group(3);
    for number in 0..40 {
        let rename = throng::model::command::RenameGroupV1 {
            group,
            name: format!("群 {number}"),
        };
        town.call(T::RenameGroup(rename)).unwrap();
    }
    let (whole, _) = pages(&town, &everything());
    let before = disk.reads();
    disk.fail_reads(before..u64::MAX);
    let asked = everything();
    let refused = town
        .engine
        .audit(town.tenant, Actor::Enterprise, false, asked);
    let tried = disk.reads() - before;
    disk.fail_reads(0..0);
    let is_refused = matches!(
        refused,
        Err(ExecuteError::Refused(Refusal::NotSearched(
            NotSearched::Unreadable { .. }
        )))
    );
    assert!(is_refused, "{refused:?}");
    assert!((1..10).contains(&tried), "tried {tried} times");
    let (again, _) = pages(&town, &everything());
    assert!(again.len() > whole.len(), "nothing is damaged");
}

#[test]
fn what_a_page_reads_to_find_its_place_is_counted_as_looked_through() {
    let pages_of = |index_bytes_max| {
        let mut options = Options::default();
        options.log = options.log.with_segment_bytes(64 << 10);
        options.log.index_bytes_max = index_bytes_max;
        options.pull_pass_bytes = 100 << 10;
        let town = Town::on(Arc::new(Faulty::new(1)), options, 3);
        let group = town.group(3);
        for number in 0..1_500 {
            let rename = throng::model::command::RenameGroupV1 {
                group,
                name: format!("{number:064}"),
            };
            town.call(T::RenameGroup(rename)).unwrap();
        }
        let nothing = ReadAuditV1 {
            actor: town.people[2],
            ..everything()
        };
        pages(&town, &nothing).1
    };
    let (kept, rebuilt) = (pages_of(64 << 20), pages_of(0));
    assert!(rebuilt > kept, "{rebuilt} pages, {kept} with indexes");
}
