//! What a record says that can be searched for: messages, and which of them were deleted.
//!
//! By the same projection that shows them to members, so that what is found is what they saw; and history
//! that was imported, which nobody was shown.

use bytes::Bytes;

use super::words::{Unit, append_units, units};
use crate::log::Record;
use crate::log::gone::group_of;
use crate::model::event::{self, Event};
use crate::model::{changes_what_is_gone, project};
use crate::wire::{GroupId, Kind, PersonId, Sequence, Timestamp};

/// Places in one record; no record has more.
pub(super) const ITEMS_MAX: u64 = 1 << 12;

/// One message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Message {
    pub(super) group: GroupId,
    /// Its place in the group; 0 where it was imported.
    pub(super) sequence: Sequence,
    pub(super) sender: PersonId,
    /// Of an imported message what the other product called the sender.
    pub(super) sender_name: Option<String>,
    pub(super) sent_at: Timestamp,
    pub(super) kind: Kind,
    pub(super) body: Bytes,
    /// With whose messages of its record's day it is erased.
    pub(super) erased_with: GroupId,
}

/// What a record says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Said {
    /// At most [`ITEMS_MAX`], always in the same order.
    pub(super) messages: Vec<Message>,
    /// Messages that it deletes from what members see.
    pub(super) deleted: Vec<(GroupId, Sequence)>,
    /// It changes which content is gone.
    pub(super) erases: bool,
}

impl Said {
    /// Reads a record; one that no engine could have replayed says nothing.
    pub(super) fn of(record: &Record) -> Self {
        let Ok(events) = event::decode_all(&record.private) else {
            return Self::default();
        };
        let mut said = Self {
            erases: changes_what_is_gone(&events),
            ..Self::default()
        };
        let erased_with = group_of(record.envelope.header(), record.takes.iter().copied());
        let erased_with = erased_with.unwrap_or(GroupId(0));
        if !record.erased {
            let shown = project(&record.envelope, &record.takes, &events).envelopes;
            for envelope in shown {
                let header = envelope.header();
                let kind = header.kind();
                if kind.is_message() || kind == Kind::Announced {
                    said.messages.push(Message {
                        group: header.group(),
                        sequence: header.sequence(),
                        sender: header.sender(),
                        sender_name: None,
                        sent_at: header.timestamp(),
                        kind,
                        body: Bytes::copy_from_slice(envelope.body()),
                        erased_with,
                    });
                }
            }
        }
        for event in &events {
            match event {
                Event::MessageDeleted(it) => said.deleted.push((it.group, it.sequence)),
                Event::HistoryImported(it) if !record.erased => {
                    let messages = it.said(record.envelope.body());
                    said.messages.extend(messages.filter_map(|(message, body)| {
                        Some(Message {
                            group: it.group,
                            sequence: Sequence(0),
                            sender: message.sender,
                            sender_name: Some(message.sender_name.clone()),
                            sent_at: message.sent_at,
                            kind: Kind::from_u8(message.kind)?,
                            body: Bytes::copy_from_slice(body),
                            erased_with,
                        })
                    }));
                }
                _ => {}
            }
        }
        said.messages.truncate(ITEMS_MAX as usize);
        said
    }
}

impl Message {
    /// What it is found by: all of a text, the texts in a card, nothing of what is opaque.
    pub(super) fn units(&self) -> Vec<Unit> {
        let text = String::from_utf8_lossy(&self.body);
        match self.kind {
            Kind::Opaque => Vec::new(),
            Kind::Text | Kind::Markdown | Kind::System | Kind::Announced => units(&text),
            _ => match serde_json::from_slice(&self.body) {
                Ok(card) => {
                    let mut units = Vec::new();
                    append_texts(&card, &mut units);
                    units
                }
                Err(_) => units(&text),
            },
        }
    }
}

/// The texts of a card, in its order. It is at most 128 deep: that is the reader's limit.
fn append_texts(value: &serde_json::Value, to: &mut Vec<Unit>) {
    match value {
        serde_json::Value::String(text) => append_units(text, to),
        serde_json::Value::Array(values) => values.iter().for_each(|value| append_texts(value, to)),
        serde_json::Value::Object(fields) => {
            fields.values().for_each(|value| append_texts(value, to));
        }
        _ => {}
    }
}
