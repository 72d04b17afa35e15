//! What is gone is a gap where the log says why, and fails the export where it does not.

use std::ops::ControlFlow;
use std::sync::Arc;

use serde_json::{Value, json};
use throng::archive::export::{ExportError, Grant};
use throng::archive::read_offline;
use throng::engine::Options;
use throng::log::storage::Faulty;
use throng::log::{Encryption, Erasure, Log, MasterKey};
use throng::model::command::{
    Binding, ContentClass, CreateTrainingGroupV1, EraseContentV1, GroupKind, NewGroupV1, Reply,
    SetRetentionV1, TaggedCommand as T, WatchV1,
};
use throng::model::event::Event;
use throng::wire::{DepartmentId, GroupId, RecordNumber};

use crate::export::world::{
    Files, MINUTE_US, Read, World, everything, files, job, memory, read, records_to, run,
};
use crate::town::{NOON, Town};

const DAY_US: u64 = 86_400_000_000;

fn master() -> MasterKey {
    MasterKey::new([7; 32])
}

fn sealed() -> Options {
    let mut options = Options::default();
    options.log.encryption = Some(Encryption::new(master()));
    options
}

fn erase(town: &Town, group: GroupId) {
    let day = NOON.utc_day();
    let erase = EraseContentV1 {
        group,
        first_day: day,
        last_day: day,
        reason: "asked for".into(),
    };
    town.call(T::EraseContent(erase)).unwrap();
}

/// The record that holds the only event like this.
fn record_of(world: &World, is: impl Fn(&Event) -> bool) -> RecordNumber {
    let last = RecordNumber(world.town.engine.durable().0 - 1);
    let mut found = records_to(&world.reader(), last)
        .into_iter()
        .filter(|(_, events)| events.iter().any(&is))
        .map(|(record, _)| record.envelope.header().record());
    let one = found.next().unwrap();
    assert_eq!(found.next(), None);
    one
}

/// A sealed log with messages in its first group on its first day, and a grant two days later.
fn said(disk: &Faulty) -> (World, Grant) {
    let world = World::on(Arc::new(disk.clone()), sealed());
    let (town, [group, _]) = (&world.town, world.groups);
    for id in 1..=5 {
        town.say(group, town.people[0], id, "secret").unwrap();
    }
    town.clock.advance(2 * DAY_US);
    town.say(group, town.people[0], 6, "after").unwrap();
    let grant = world.granted(everything());
    (world, grant)
}

fn erased_lines(records: &[Value]) -> u64 {
    let erased = |it: &&Value| it["marks"] == json!(["erased"]);
    records.iter().filter(erased).count() as u64
}

#[test]
fn erased_messages_are_gaps_and_everything_else_is_there() {
    let disk = Faulty::new(2);
    let (world, grant) = said(&disk);
    // After the grant: content that is gone is not exported all the same.
    erase(&world.town, world.groups[0]);
    let since = record_of(&world, |event| matches!(event, Event::ContentErased(_)));
    assert!(since > grant.record);
    world.town.engine.clone().close().unwrap();

    let reader = read_offline(&disk, Some(&master()), 1, &|_, _| {}).unwrap();
    let out = memory();
    run(&reader, &grant, &*out).unwrap();
    let files = files(&*out);
    let export = read(&files);
    let mut records = 0;
    for gap in &export.gaps {
        assert_eq!(gap["group"], json!(world.groups[0]));
        assert_eq!(
            (&gap["why"], &gap["gone_since"]),
            (&json!("erased"), &json!(since))
        );
        records += gap["records"].as_u64().unwrap();
    }
    assert!(records >= 5, "{:?}", export.gaps);
    assert_eq!(erased_lines(&export.records), records);
    let ranges = export.gaps.len();
    let gaps = json!({ "file": "gaps.jsonl", "records": records, "ranges": ranges });
    assert_eq!(export.manifest["gaps"], gaps);
    assert_eq!(export.manifest["actual"]["messages"], 6);
    let has = |text: &str| {
        let found = |line: &&String| line.contains(text);
        export.lines.iter().filter(found).count()
    };
    assert_eq!((has("secret"), has("after")), (0, 1));
    for (name, bytes) in &files {
        let leaked = bytes.windows(6).any(|window| window == b"secret");
        assert!(!leaked, "{name} has what was erased");
    }

    let sealed = read_offline(&disk, None, 1, &|_, _| {}).unwrap_err();
    assert!(
        sealed.to_string().contains("encrypted under master key"),
        "{sealed}"
    );
}

#[test]
fn erased_history_is_a_gap_and_its_mails_say_nothing() {
    let disk = Faulty::new(3);
    let world = World::on(Arc::new(disk.clone()), sealed());
    let (town, [_, group]) = (&world.town, world.groups);
    world.live();
    town.clock.advance(2 * DAY_US);
    let grant = world.granted(everything());
    let exported = || {
        let out = memory();
        run(&world.reader(), &grant, &*out).unwrap();
        files(&*out)
    };
    let is_in = |files: &Files, text: &str| {
        let mut bytes = files.values();
        bytes.any(|bytes| bytes.windows(text.len()).any(|it| it == text.as_bytes()))
    };
    let before = exported();
    // As a line has it, and as a mail does; and an announcement.
    let said = ["旧消息", "b2xkZXI=", "公告"];
    assert!(said.iter().all(|text| is_in(&before, text)));
    let before = read(&before);

    erase(town, group);
    let imported = record_of(&world, |event| matches!(event, Event::HistoryImported(_)));
    let after = exported();
    assert!(!said.iter().any(|text| is_in(&after, text)));
    let after = read(&after);
    let gap = after.gaps.iter().find(|gap| {
        let (from, to) = (gap["from"].as_u64(), gap["to"].as_u64());
        from <= Some(imported.0) && Some(imported.0) <= to
    });
    assert_eq!(gap.unwrap()["group"], json!(group));
    assert_eq!(after.manifest["actual"], before.manifest["actual"]);
    let line = |export: &Read| {
        let mut lines = export.records.iter();
        let line = lines.find(|line| line["record"] == json!(imported));
        line.unwrap()["events"][0]["history-imported"]["messages"].clone()
    };
    let (was, is) = (line(&before), line(&after));
    assert_eq!(was[1]["body"], json!({ "text": "older" }));
    for (was, is) in was.as_array().unwrap().iter().zip(is.as_array().unwrap()) {
        let mut without = was.clone();
        without["body"] = Value::Null;
        assert_eq!(*is, without, "who sent it when stays");
    }
    let mail = &after.mails[&format!("{imported}-0-group-{group}.eml")];
    let mail = mail_parser::MessageParser::default().parse(mail).unwrap();
    assert_eq!(
        mail.header_raw("X-Throng-Marks").unwrap().trim(),
        "sender_left, erased"
    );
    assert_eq!(mail.parts[0].contents(), b"");
}

#[test]
fn content_that_is_gone_though_no_record_says_so_fails_the_export_by_name() {
    for another_is_erased in [false, true] {
        let disk = Faulty::new(4);
        let (world, grant) = said(&disk);
        if another_is_erased {
            erase(&world.town, world.groups[1]);
        }
        let group = world.groups[0];
        let last = RecordNumber(world.town.engine.durable().0 - 1);
        let first = records_to(&world.reader(), last)
            .iter()
            .map(|(record, _)| record.envelope.header())
            .find(|header| header.group() == group && header.kind().is_message())
            .unwrap()
            .record();
        world.town.engine.clone().close().unwrap();
        let (mut log, _) = Log::open(Arc::new(disk.clone()), sealed().log, [5; 32]).unwrap();
        let day = NOON.utc_day();
        let erasure = Erasure {
            tenant: grant.tenant,
            group,
            days: day..=day,
        };
        assert_eq!(log.destroy_keys(&erasure).unwrap(), 1);
        log.close().unwrap();

        let reader = read_offline(&disk, Some(&master()), 1, &|_, _| {}).unwrap();
        let out = memory();
        let failed = run(&reader, &grant, &*out).unwrap_err();
        let ExportError::Unexplained { record } = failed else {
            panic!("{failed}");
        };
        // The record that made the group may have something to show too.
        assert!(record <= first, "{record}, not {first}");
        let begins = format!("record {record} is erased, and nothing in the log says by whom");
        assert!(failed.to_string().starts_with(&begins), "{failed}");
        let names = out.names().unwrap();
        let is_said = |name: &String| name.contains("manifest") || name.contains("gaps");
        assert!(!names.iter().any(is_said), "{names:?}");
    }
}

#[test]
fn what_is_erased_while_an_export_is_written_is_a_gap_of_it() {
    let disk = Faulty::new(5);
    let (world, grant) = said(&disk);
    let out = memory();
    let mut is_erased = false;
    let reader = world.reader();
    let done = job(&reader, &grant, &*out).run(&mut |progress| {
        if progress.phase == throng::archive::export::Phase::Writing && !is_erased {
            is_erased = true;
            erase(&world.town, world.groups[0]);
        }
        ControlFlow::Continue(())
    });
    done.unwrap();
    let export = read(&files(&*out));
    assert!(erased_lines(&export.records) >= 5, "{:?}", export.gaps);
    assert!(export.gaps.iter().all(|gap| gap["why"] == "erased"));
}

fn training_group(town: &Town) -> GroupId {
    let group = NewGroupV1 {
        kind: GroupKind::Training,
        name: "induction".into(),
        owner: town.people[0],
        members: Vec::new(),
        departments: Vec::new(),
        binding: Binding::None,
        department: DepartmentId(0),
        team: String::new(),
        follows_department: false,
    };
    let watch = WatchV1 {
        password: "sesame".into(),
        opens: NOON,
        closes: NOON.plus_micros(60 * MINUTE_US),
    };
    let create = CreateTrainingGroupV1 { group, watch };
    match town.call(T::CreateTrainingGroup(create)).unwrap() {
        Reply::GroupCreated(created) => created.group,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_group_that_is_kept_for_ever_does_not_expire_with_others() {
    let disk = Faulty::new(6);
    let world = World::on(Arc::new(disk.clone()), Options::default());
    let town = &world.town;
    let (expiring, kept) = (world.groups[0], training_group(town));
    for group in [expiring, kept] {
        let id = u128::from(group.0);
        town.say(group, town.people[0], id, "secret").unwrap();
    }
    let retain = SetRetentionV1 {
        class: ContentClass::Internal,
        days: 1,
        reason: "the rule".into(),
    };
    town.call(T::SetRetention(retain)).unwrap();
    town.clock.advance(4 * DAY_US);
    // A day has ended, which the next command has noticed; what is due is decided behind it.
    let expires = |event: &Event| match event {
        // What was older than the group expired by another record, at once.
        Event::ContentExpired(it) => it.classes[0].through_day >= NOON.utc_day(),
        _ => false,
    };
    let is_expired = || {
        let last = RecordNumber(town.engine.durable().0 - 1);
        let records = records_to(&world.reader(), last);
        records.iter().any(|(_, events)| events.iter().any(expires))
    };
    let mut id = 1_000;
    while !is_expired() {
        id += 1;
        town.say(kept, town.people[0], id, "today").unwrap();
    }
    erase(town, kept);
    let expired = record_of(&world, expires);
    let erased = record_of(&world, |event| matches!(event, Event::ContentErased(_)));
    assert!(expired < erased);
    let grant = world.granted(everything());
    town.engine.clone().close().unwrap();

    let reader = read_offline(&disk, None, 1, &|_, _| {}).unwrap();
    let out = memory();
    run(&reader, &grant, &*out).unwrap();
    let gaps = read(&files(&*out)).gaps;
    let of = |group: GroupId| {
        let of_group = move |gap: &&Value| gap["group"] == json!(group);
        let mut said: Vec<_> = gaps
            .iter()
            .filter(of_group)
            .map(|gap| (gap["why"].clone(), gap["gone_since"].clone()))
            .collect();
        said.dedup();
        said
    };
    assert_eq!(of(expiring), [(json!("expired"), json!(expired))]);
    assert_eq!(of(kept), [(json!("erased"), json!(erased))]);
}
