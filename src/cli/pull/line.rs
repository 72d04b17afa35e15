//! One pulled record as a line of JSON.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use throng::client::Pulled;
use throng::model::event;
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
        "body": body(&content.view),
        "events": events(&content.private),
    });
    match said {
        Value::Object(said) => said,
        _ => Map::new(),
    }
}

/// As text where it is text.
fn body(bytes: &[u8]) -> Value {
    match core::str::from_utf8(bytes) {
        Ok(text) => json!({ "text": text }),
        Err(_) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}

/// As they are where this build does not know them.
fn events(private: &[u8]) -> Value {
    let known = event::decode_all(private).ok();
    let known = known.and_then(|events| serde_json::to_value(events).ok());
    known.unwrap_or_else(|| json!({ "base64": STANDARD.encode(private) }))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes everything");
        hex
    })
}
