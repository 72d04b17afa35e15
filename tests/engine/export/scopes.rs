//! Whatever is granted: the export is what a naive reading of the log gives.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use serde_json::{Value, json};
use throng::archive::export::Grant;
use throng::engine::Options;
use throng::log::{Memory, Record};
use throng::model::command::ExportScopeV1;
use throng::model::event::{self, DeletedBy, Event};
use throng::model::project;
use throng::wire::{GroupId, PersonId, Timestamp};

use crate::export::world::{
    MINUTE_US, Read, World, everything, files, memory, of_tenant, read, records_to, run,
};

/// What the export of `grant` should be, from all records up to it.
struct Oracle {
    records: Vec<(Record, Vec<Event>)>,
    grant: Grant,
    marks: BTreeMap<(GroupId, u64), (u64, DeletedBy)>,
    departed: BTreeSet<PersonId>,
}

impl Oracle {
    fn of(world: &World, grant: &Grant) -> Self {
        let records = records_to(&world.reader(), grant.record);
        let own = || records.iter().filter(of_tenant(grant.tenant));
        let (mut marks, mut departed) = (BTreeMap::new(), BTreeSet::new());
        for (record, events) in own() {
            for event in events {
                match event {
                    Event::MessageDeleted(it) => {
                        let number = record.envelope.header().record().0;
                        marks
                            .entry((it.group, it.sequence.0))
                            .or_insert((number, it.by));
                    }
                    Event::PersonDeparted(it) => drop(departed.insert(it.person)),
                    Event::PersonDepartedV2(it) => drop(departed.insert(it.person)),
                    _ => {}
                }
            }
        }
        Self {
            records,
            grant: grant.clone(),
            marks,
            departed,
        }
    }

    fn has_group(&self, group: GroupId) -> bool {
        let groups = &self.grant.scope.groups;
        groups.is_empty() || groups.contains(&group)
    }

    fn in_scope(&self) -> impl Iterator<Item = &(Record, Vec<Event>)> {
        let scope = &self.grant.scope;
        self.records
            .iter()
            .filter(of_tenant(self.grant.tenant))
            .filter(move |(record, events)| {
                let header = record.envelope.header();
                // Written as Rust shows it, which is another way than the one that is tested.
                let shown = format!("{events:?}");
                let named = |group: &GroupId| shown.contains(&format!("GroupId({group})"));
                (scope.from..scope.until).contains(&header.timestamp())
                    && (scope.groups.is_empty() || scope.groups.iter().any(named))
            })
    }

    fn marks(&self, record: &Record) -> (Vec<&str>, Option<u64>) {
        let header = record.envelope.header();
        let deleted = record
            .takes
            .iter()
            .filter(|_| header.kind().is_message())
            .find_map(|take| self.marks.get(&(take.group, take.sequence.0)));
        let mut marks = Vec::new();
        marks.extend(deleted.map(|(_, by)| match by {
            DeletedBy::Author => "recalled",
            _ => "deleted",
        }));
        if self.departed.contains(&header.sender()) {
            marks.push("sender_left");
        }
        (marks, deleted.map(|(record, _)| *record))
    }
}

fn body(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok("") => Value::Null,
        Ok(text) => json!({ "text": text }),
        Err(_) => json!({ "base64": base64::prelude::BASE64_STANDARD.encode(bytes) }),
    }
}

fn check_records(export: &Read, oracle: &Oracle) {
    let expected: Vec<_> = oracle.in_scope().collect();
    let numbers: Vec<_> = expected
        .iter()
        .map(|(record, _)| json!(record.envelope.header().record()))
        .collect();
    let found: Vec<_> = export
        .records
        .iter()
        .map(|line| line["record"].clone())
        .collect();
    assert_eq!(found, numbers);
    for ((line, raw), (record, events)) in export.records.iter().zip(&export.lines).zip(expected) {
        let header = record.envelope.header();
        assert_eq!(line["tenant"], json!(oracle.grant.tenant));
        assert_eq!(line["time_us"], header.timestamp().0);
        assert_eq!(line["sender"], header.sender().0);
        assert_eq!(line["device"], header.device().0);
        match event::content_of(events) {
            None => assert_eq!(line["body"], body(record.envelope.body())),
            Some(_) => assert_eq!(line["body"], Value::Null, "it is in the event"),
        }
        let takes: Vec<_> = record
            .takes
            .iter()
            .map(|take| {
                json!({
                    "group": take.group, "sequence": take.sequence,
                    "membership_sequence": take.membership_sequence,
                    "message_ordinal": take.message_ordinal,
                })
            })
            .collect();
        assert_eq!(line["takes"], json!(takes));
        for event in events {
            // To the digit, also where no other JSON reader keeps them.
            let text = serde_json::to_string(event).unwrap();
            if !matches!(event, Event::HistoryImported(_)) {
                assert!(raw.contains(&text), "{raw} should hold {text}");
            }
        }
        assert_eq!(line["events"].as_array().unwrap().len(), events.len());
        let (marks, deleted_in) = oracle.marks(record);
        assert_eq!(line["marks"], json!(marks), "{raw}");
        assert_eq!(line["deleted_in"], json!(deleted_in));
        let id = header.client_message_id().0;
        let id = (id != 0).then(|| format!("{id:032x}"));
        assert_eq!(line["client_message_id"], json!(id));
    }
}

/// Name in its archive, and what it should say.
fn mails_of(oracle: &Oracle) -> BTreeMap<String, (Vec<u8>, i64)> {
    let mut mails = BTreeMap::new();
    for (record, events) in oracle.in_scope() {
        let number = record.envelope.header().record();
        let shown = project(&record.envelope, &record.takes, events).envelopes;
        let shown = shown
            .iter()
            .filter(|it| oracle.has_group(it.header().group()));
        for envelope in shown.filter(|it| it.header().kind().is_message()) {
            let name = format!("{number}-group-{}.eml", envelope.header().group());
            let sent = envelope.header().timestamp().0;
            mails.insert(name, (envelope.body().to_vec(), sent));
        }
        for event in events {
            if let Event::HistoryImported(it) = event {
                let said = it.said(record.envelope.body());
                for (item, (message, body)) in said.enumerate() {
                    let name = format!("{number}-{item}-group-{}.eml", it.group);
                    mails.insert(name, (body.to_vec(), message.sent_at.0));
                }
            }
        }
    }
    mails
}

fn check_mails(export: &Read, oracle: &Oracle) {
    let expected = mails_of(oracle);
    let names: Vec<_> = export.mails.keys().collect();
    assert_eq!(names, expected.keys().collect::<Vec<_>>());
    for (name, (body, sent)) in expected {
        let raw = &export.mails[&name];
        let mail = mail_parser::MessageParser::default().parse(raw).unwrap();
        assert_eq!(mail.date().unwrap().to_timestamp(), sent / 1_000_000);
        let part = mail.parts.first().unwrap();
        assert_eq!(part.contents(), body, "{name}");
        let record = mail.header_raw("X-Throng-Record").unwrap().trim();
        assert!(name.starts_with(record), "{name}: {record}");
        assert!(mail.message_id().unwrap().contains(record));
    }
}

fn check_manifest(export: &Read, oracle: &Oracle) {
    let mut sequences: BTreeMap<GroupId, Vec<u64>> = BTreeMap::new();
    for (record, _) in oracle.in_scope() {
        for take in &record.takes {
            if oracle.has_group(take.group) {
                sequences
                    .entry(take.group)
                    .or_default()
                    .push(take.sequence.0);
            }
        }
    }
    let counts = json!({
        "records": export.lines.len(),
        "messages": export.mails.len(),
        "sequences": sequences.values().map(Vec::len).sum::<usize>(),
    });
    assert_eq!(export.manifest["expected"], counts);
    assert_eq!(export.manifest["actual"], counts);
    assert_eq!(export.groups.len(), sequences.len());
    for (line, (group, sequences)) in export.groups.iter().zip(sequences) {
        assert_eq!(line["group"], json!(group));
        assert_eq!(line["first_sequence"], sequences[0]);
        assert_eq!(line["last_sequence"], sequences[sequences.len() - 1]);
        assert_eq!(line["sequences"], sequences.len());
    }
    let record = |at: Option<&Value>| at.map_or(Value::Null, |line| line["record"].clone());
    assert_eq!(
        export.manifest["first_record"],
        record(export.records.first())
    );
    assert_eq!(
        export.manifest["last_record"],
        record(export.records.last())
    );
    let grant = &export.manifest["grant"];
    assert_eq!(grant["requester"], json!(oracle.grant.requester));
    assert_eq!(grant["approver"], json!(oracle.grant.approver));
    assert_eq!(grant["record"], json!(oracle.grant.record));
    assert_eq!(export.manifest["transparency"], Value::Null);
}

fn check(world: &World, scope: ExportScopeV1) -> Read {
    let grant = world.granted(scope);
    let out = memory();
    let exported = run(&world.reader(), &grant, &*out).unwrap();
    let export = read(&files(&*out));
    assert_eq!(exported.records, export.lines.len() as u64);
    let oracle = Oracle::of(world, &grant);
    check_records(&export, &oracle);
    check_mails(&export, &oracle);
    check_manifest(&export, &oracle);
    for line in &export.lines {
        assert!(!line.contains("Rival"), "another tenant's: {line}");
    }
    export
}

fn lived() -> World {
    let world = World::on(std::sync::Arc::new(Memory::new()), Options::default());
    world.live();
    world
}

#[test]
fn an_export_of_everything_is_what_a_naive_reading_of_the_log_gives() {
    let world = lived();
    let export = check(&world, everything());
    let marked = |mark: &str| {
        let has = |line: &&Value| line["marks"].as_array().unwrap().contains(&json!(mark));
        export.records.iter().filter(has).count()
    };
    assert_eq!((marked("recalled"), marked("deleted")), (1, 1));
    assert!(marked("sender_left") >= 1);
    assert!(export.mails.len() > 14, "{}", export.mails.len());
    let kinds: BTreeSet<_> = export
        .records
        .iter()
        .map(|line| line["kind"].as_str().unwrap())
        .collect();
    for kind in ["text", "opaque", "mini-program", "joined", "left", "recall"] {
        assert!(kinds.contains(kind), "{kind} of {kinds:?}");
    }
    let last = export.lines.last().unwrap();
    assert!(
        last.contains("export-granted"),
        "the grant is the last record of it: {last}"
    );
    let asked = export
        .records
        .iter()
        .find(|line| line["commands"] != json!([]));
    assert!(asked.unwrap()["commands"][0]["request-export"].is_object());
}

#[test]
fn an_export_of_a_group_or_a_time_has_that_and_nothing_else() {
    let world = lived();
    let [first, second] = world.groups;
    let of = |groups: &[GroupId], from: i64, until: i64| ExportScopeV1 {
        groups: groups.to_vec(),
        from: Timestamp(crate::town::NOON.0 + from),
        until: Timestamp(crate::town::NOON.0 + until),
    };
    let year = 366 * 24 * 60 * MINUTE_US;
    let whole = check(&world, everything());
    for scope in [
        of(&[first], -year, year),
        of(&[second], -year, year),
        of(&[second, first], -year, year),
        of(&[], 3 * MINUTE_US, 7 * MINUTE_US),
        of(&[first], 2 * MINUTE_US, 5 * MINUTE_US + 1),
        of(&[second], 0, MINUTE_US),
    ] {
        let export = check(&world, scope);
        assert!(!export.lines.is_empty());
        assert!(export.lines.len() < whole.lines.len());
    }
    let nothing = check(&world, of(&[], -2 * MINUTE_US, -MINUTE_US));
    assert_eq!((nothing.lines.len(), nothing.mails.len()), (0, 0));
}

#[test]
fn mails_name_people_and_groups_as_they_were_called_then() {
    let world = lived();
    let export = check(&world, everything());
    let mut texts = BTreeMap::new();
    for raw in export.mails.values() {
        let mail = mail_parser::MessageParser::default().parse(raw).unwrap();
        let name = |address: Option<&mail_parser::Address<'_>>| {
            let first = address.unwrap().first().unwrap();
            first.name().unwrap().to_owned()
        };
        let text = String::from_utf8_lossy(mail.parts[0].contents()).into_owned();
        let subject = mail.subject().unwrap().to_owned();
        texts.insert(text, (name(mail.from()), name(mail.to()), subject));
    }
    let expected = |from: &str, to: &str, subject: &str| {
        Some((from.to_owned(), to.to_owned(), subject.to_owned()))
    };
    let of = |text: &str| texts.get(text).cloned();
    let before = of("from one who leaves");
    assert_eq!(before, expected("Person 3", "Team", "Team #2"));
    let after = of("under the new name").unwrap();
    assert_eq!((&*after.0, &*after.1), ("Person 1", "新名\"字"));
    let stranger = of("older");
    assert_eq!(
        stranger,
        expected("外人", "新名\"字", "新名\"字 (imported)")
    );
    assert_eq!(of("旧消息").unwrap().0, "Person 3");
}
