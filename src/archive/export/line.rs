//! A record as one line of JSON.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::deletions::Deletion;
use crate::archive::tlog::base64;
use crate::log::Record;
use crate::model::command::TaggedCommand;
use crate::model::event::{self, DeletedBy, Event, ImportedV1};
use crate::wire::{Kind, Priority, Timestamp};

/// What the record itself does not say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks {
    pub(super) deletion: Option<Deletion>,
    pub(super) sender_left: bool,
    pub(super) erased: bool,
}

impl Marks {
    /// The words for them, always in this order.
    pub(super) fn words(&self) -> Vec<&'static str> {
        let deletion = self.deletion.map(|deletion| match deletion.by {
            DeletedBy::Author => "recalled",
            DeletedBy::Leader | DeletedBy::Enterprise => "deleted",
        });
        let left = self.sender_left.then_some("sender_left");
        let erased = self.erased.then_some("erased");
        [deletion, left, erased].into_iter().flatten().collect()
    }
}

/// RFC 3339 in UTC with six digits of the second; the bare number where no calendar reaches.
pub(super) fn time(at: Timestamp) -> String {
    match jiff::Timestamp::from_microsecond(at.0) {
        Ok(time) => format!("{time:.6}"),
        Err(_) => at.0.to_string(),
    }
}

/// A kind's name: `news-card` for `NewsCard`.
pub(super) fn kind_name(kind: Kind) -> String {
    kebab(&format!("{kind:?}"))
}

pub(super) fn priority_name(priority: Priority) -> String {
    kebab(&format!("{priority:?}"))
}

fn kebab(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.extend(letter.to_lowercase());
    }
    out
}

/// As text where it is text.
fn body(bytes: &[u8]) -> Value {
    match (bytes, std::str::from_utf8(bytes)) {
        ([], _) => Value::Null,
        (_, Ok(text)) => json!({ "text": text }),
        (_, Err(_)) => json!({ "base64": base64(bytes) }),
    }
}

#[derive(Serialize)]
struct Place {
    group: u64,
    sequence: u64,
    membership_sequence: u64,
    message_ordinal: u64,
}

#[derive(Serialize)]
struct Line<'a> {
    record: u64,
    time: String,
    time_us: i64,
    tenant: u32,
    group: Option<u64>,
    sequence: Option<u64>,
    takes: Vec<Place>,
    kind: String,
    priority: String,
    sender: u64,
    sender_name: Option<&'a str>,
    device: u32,
    client_message_id: Option<String>,
    body: Value,
    events: Vec<Box<RawValue>>,
    commands: Vec<Box<RawValue>>,
    marks: Vec<&'static str>,
    deleted_in: Option<u64>,
}

/// The line of a record, its end included.
pub(super) fn line(
    record: &Record,
    events: &[Event],
    sender_name: Option<&str>,
    marks: &Marks,
) -> Vec<u8> {
    let header = record.envelope.header();
    let id = header.client_message_id().0;
    let place = match record.takes.as_slice() {
        [take] => Some((take.group.0, take.sequence.0)),
        _ => None,
    };
    let takes = record.takes.iter().map(|take| Place {
        group: take.group.0,
        sequence: take.sequence.0,
        membership_sequence: take.membership_sequence.0,
        message_ordinal: take.message_ordinal,
    });
    let line = Line {
        record: header.record().0,
        time: time(header.timestamp()),
        time_us: header.timestamp().0,
        tenant: header.tenant().0,
        group: place.map(|(group, _)| group),
        sequence: place.map(|(_, sequence)| sequence),
        takes: takes.collect(),
        kind: kind_name(header.kind()),
        priority: priority_name(header.priority()),
        sender: header.sender().0,
        sender_name,
        device: header.device().0,
        client_message_id: (id != 0).then(|| format!("{id:032x}")),
        body: match event::content_of(events) {
            // In the event, message by message.
            Some(_) => Value::Null,
            None => body(record.envelope.body()),
        },
        events: events.iter().map(|it| event_json(it, record)).collect(),
        commands: events.iter().filter_map(command_json).collect(),
        marks: marks.words(),
        deleted_in: marks.deletion.map(|deletion| deletion.record.0),
    };
    let mut out = serde_json::to_vec(&line).expect("plain values into memory");
    out.push(b'\n');
    out
}

/// An event, its name as the key. Straight to text: numbers of 128 bits pass through no other form.
fn event_json(event: &Event, record: &Record) -> Box<RawValue> {
    let raw = match event {
        Event::HistoryImported(imported) => {
            let said = imported.said(record.envelope.body());
            let messages: Vec<_> = said.map(imported_json).collect();
            serde_json::value::to_raw_value(&json!({ "history-imported": {
                "import": imported.import,
                "chunk": imported.chunk,
                "group": imported.group,
                "messages": messages,
            }}))
        }
        event => serde_json::value::to_raw_value(event),
    };
    raw.expect("plain values into memory")
}

/// With what it says, as text where it is.
fn imported_json((message, said): (&ImportedV1, &[u8])) -> Value {
    json!({
        "sender": message.sender,
        "sender_name": message.sender_name,
        "sent_at": message.sent_at,
        "offset_s": message.offset_s,
        "kind": message.kind,
        "body_len": message.body_len,
        "body": body(said),
    })
}

/// What a request for approval asks for, whose event has it as bytes.
fn command_json(event: &Event) -> Option<Box<RawValue>> {
    let Event::ApprovalRequested(requested) = event else {
        return None;
    };
    let command = TaggedCommand::decode(requested.command_tag, &requested.command).ok()?;
    serde_json::value::to_raw_value(&command).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::PublishedV1;
    use crate::wire::{
        ClientMessageId, DeviceId, Envelope, GroupId, HeaderFields, PersonId, RecordNumber,
        Sequence, Take, TenantId,
    };

    fn record(body: &[u8]) -> Record {
        let fields = HeaderFields {
            kind: Kind::NewsCard,
            priority: Priority::Urgent,
            tenant: TenantId(3),
            group: GroupId(7),
            sequence: Sequence(5),
            sender: PersonId(9),
            device: DeviceId(2),
            timestamp: Timestamp(1_772_424_000_000_001),
            record: RecordNumber(42),
            membership_sequence: Sequence(1),
            message_ordinal: 4,
            client_message_id: ClientMessageId(0xff),
            ..HeaderFields::default()
        };
        let envelope = Envelope::new(&fields, body).unwrap();
        Record {
            takes: Take::of_header(envelope.header()).into_iter().collect(),
            envelope,
            private: Vec::new(),
            erased: false,
        }
    }

    #[test]
    fn a_line_is_these_bytes_forever() {
        let events = [Event::Published(PublishedV1 {
            group: GroupId(7),
            body_digest: u64::MAX,
        })];
        let marks = Marks {
            deletion: Some(Deletion {
                group: GroupId(7),
                sequence: Sequence(5),
                record: RecordNumber(50),
                by: DeletedBy::Author,
            }),
            sender_left: true,
            erased: false,
        };
        let line = line(
            &record("新\"闻\n".as_bytes()),
            &events,
            Some("王小明"),
            &marks,
        );
        let expected = concat!(
            r#"{"record":42,"time":"2026-03-02T04:00:00.000001Z","time_us":1772424000000001,"tenant":3,"#,
            r#""group":7,"sequence":5,"takes":[{"group":7,"sequence":5,"membership_sequence":1,"message_ordinal":4}],"#,
            r#""kind":"news-card","priority":"urgent","sender":9,"sender_name":"王小明","device":2,"#,
            r#""client_message_id":"000000000000000000000000000000ff","body":{"text":"新\"闻\n"},"#,
            r#""events":[{"published":{"group":7,"body_digest":18446744073709551615}}],"commands":[],"#,
            r#""marks":["recalled","sender_left"],"deleted_in":50}"#,
            "\n"
        );
        assert_eq!(String::from_utf8(line).unwrap(), expected);
    }

    #[test]
    fn a_body_that_is_no_text_is_base64_and_none_is_null() {
        let binary = line(&record(&[0xff, 0]), &[], None, &Marks::default());
        let binary = String::from_utf8(binary).unwrap();
        assert!(binary.contains(r#""body":{"base64":"/wA="}"#), "{binary}");
        let marks = Marks {
            erased: true,
            ..Marks::default()
        };
        let erased = String::from_utf8(line(&record(&[]), &[], None, &marks)).unwrap();
        assert!(
            erased.contains(r#""body":null,"events":[]"#)
                && erased.contains(r#""marks":["erased"]"#)
        );
    }
}
