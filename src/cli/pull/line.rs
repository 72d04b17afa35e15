//! One pulled record as a line of JSON.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use throng::client::Pulled;
use throng::model::event::{self, Event};
use throng::wire::{PulledContent, PulledHeader};

/// The record; what it says, or what whoever has the key opens.
pub(super) fn json(pulled: &Pulled, header: &PulledHeader) -> Value {
    let record = &pulled.record;
    let leaf = Sha256::new()
        .chain_update([0])
        .chain_update(record.commitment);
    let mut line = Map::new();
    line.insert("record".to_owned(), json!(record.record.0));
    line.insert("tenant".to_owned(), json!(header.tenant.0));
    if let Some(content) = &pulled.content {
        line.extend(said(content));
    }
    if let Some((encapsulated, sequence)) = pulled.sealed.filter(|_| pulled.content.is_none()) {
        let sealed = json!({
            "encapsulated": hex(&encapsulated),
            "sequence": sequence,
            "front": hex(&record.front),
            "content": STANDARD.encode(&record.content),
        });
        line.insert("sealed".to_owned(), sealed);
    }
    line.insert("erased".to_owned(), json!(record.erased));
    line.insert("commitment".to_owned(), json!(hex(&record.commitment)));
    line.insert("leaf".to_owned(), json!(hex(&leaf.finalize())));
    Value::Object(line)
}

fn said(content: &PulledContent) -> Map<String, Value> {
    let header = &content.header;
    let at = jiff::Timestamp::from_microsecond(header.timestamp().0);
    let takes = content
        .takes
        .iter()
        .map(|take| json!({ "group": take.group.0, "sequence": take.sequence.0 }));
    let said = json!({
        "time": at.map_or(Value::Null, |at| json!(at.to_string())),
        "time_us": header.timestamp().0,
        "kind": format!("{:?}", header.kind()),
        "priority": format!("{:?}", header.priority()),
        "group": header.group().0,
        "sequence": header.sequence().0,
        "sender": header.sender().0,
        "device": header.device().0,
        "client_message_id": format!("{:032x}", header.client_message_id().0),
        "takes": takes.collect::<Vec<_>>(),
    });
    let Value::Object(mut said) = said else {
        return Map::new();
    };
    let (view, events) = match event::decode_all(&content.private) {
        Ok(events) => {
            // Of imported history, message by message in the event.
            let view = match event::content_of(&events) {
                Some(_) => Value::Null,
                None => body(&content.view),
            };
            let events = events.iter().map(|it| event_json(it, &content.view));
            (view, events.collect())
        }
        // As they are where this build does not know them.
        Err(_) => (
            body(&content.view),
            json!({ "base64": STANDARD.encode(&content.private) }),
        ),
    };
    said.insert("body".to_owned(), view);
    said.insert("events".to_owned(), events);
    said
}

/// An event; messages of imported history each with what they say, where that is not gone.
fn event_json(event: &Event, view: &[u8]) -> Value {
    let mut value = serde_json::to_value(event).unwrap_or_default();
    if let Event::HistoryImported(imported) = event
        && !view.is_empty()
    {
        let messages = value.pointer_mut("/history-imported/messages");
        let messages = messages.and_then(Value::as_array_mut).into_iter().flatten();
        for (message, (_, said)) in messages.zip(imported.said(view)) {
            message["body"] = body(said);
        }
    }
    value
}

/// As text where it is text.
fn body(bytes: &[u8]) -> Value {
    match core::str::from_utf8(bytes) {
        Ok(text) => json!({ "text": text }),
        Err(_) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes everything");
        hex
    })
}

#[cfg(test)]
mod tests {
    use throng::model::event::{HistoryImportedV1, ImportedV1, PublishedV1, encode_all};
    use throng::wire::{GroupId, Header, HeaderFields, Kind, PersonId, Timestamp};

    use super::*;

    fn content(event: Event, view: &[u8]) -> PulledContent {
        let mut private = Vec::new();
        encode_all(&[event], &mut private);
        PulledContent {
            header: Header::new(&HeaderFields::default()),
            takes: Vec::new(),
            view: view.to_vec().into(),
            private: private.into(),
        }
    }

    #[test]
    fn what_imported_history_says_stands_message_by_message_in_its_event() {
        let message = |body_len| ImportedV1 {
            sender: PersonId(4),
            sender_name: "王".to_owned(),
            sent_at: Timestamp(7),
            offset_s: 0,
            kind: Kind::Text as u8,
            body_len,
        };
        let imported = || {
            Event::HistoryImported(HistoryImportedV1 {
                import: 1,
                chunk: 2,
                group: GroupId(7),
                messages: vec![message(3), message(2), message(0)],
            })
        };
        let line = said(&content(imported(), b"one\xff\xfe"));
        assert_eq!(line["body"], Value::Null);
        let messages = &line["events"][0]["history-imported"]["messages"];
        let bodies: Vec<_> = (0..3).map(|at| messages[at]["body"].clone()).collect();
        let expected = [
            json!({ "text": "one" }),
            json!({ "base64": "//4=" }),
            json!({ "text": "" }),
        ];
        assert_eq!(bodies, expected);
        assert_eq!(messages[0]["sender"], 4);

        let gone = said(&content(imported(), b""));
        let messages = &gone["events"][0]["history-imported"]["messages"];
        assert!(messages[0].get("body").is_none() && messages[0]["body_len"] == 3);
    }

    #[test]
    fn a_message_has_its_body_beside_its_events() {
        let published = Event::Published(PublishedV1 {
            group: GroupId(7),
            body_digest: 9,
        });
        let line = said(&content(published, "你好".as_bytes()));
        assert_eq!(line["body"], json!({ "text": "你好" }));
        assert_eq!(line["events"][0]["published"]["group"], 7);
    }
}
