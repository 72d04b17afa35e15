//! History from elsewhere (SPEC D10): archived with its original times, and delivered to nobody.
//!
//! A chunk is one record: its event says who sent what kind of message when, its view what was said, so
//! that retention, holds and erasure reach that as they reach messages (SPEC A4, A5). State holds no more
//! than how far each import has got, by which a retry is recognised.

pub(crate) mod command;
pub(crate) mod event;
pub(crate) mod snapshot;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use self::command::{
    HistoryImportedV1, ImportHistoryV1, ImportRefusal, ImportedMessageV1, RefusedMessageV1,
};
use crate::model::command::Reply;
use crate::model::decision::{Decision, Request};
use crate::model::event::Event;
use crate::model::limits::check_count;
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::Tenant;
use crate::wire::{BODY_LEN_MAX, Kind, PersonId, Timestamp};

/// How long after its last chunk an import can go on, in microseconds: 30 days.
const KEPT_FOR_US: i64 = 30 * 24 * 3_600_000_000;
/// 1990-01-01T00:00:00Z, in microseconds: nothing older was ever sent by a product to import from.
const OLDEST: Timestamp = Timestamp(631_152_000_000_000);
/// No offset from UTC is, or was, greater.
const OFFSET_MAX_S: u32 = 18 * 3_600;
/// Characters a sender's name may have.
const NAME_CHARS_MAX: usize = 64;

/// How far one import has got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Import {
    /// The last chunk that is in the archive.
    chunk: u32,
    imported_at: Timestamp,
}

impl Import {
    fn is_kept(&self, now: Timestamp) -> bool {
        now < self.imported_at.plus_micros(KEPT_FOR_US)
    }
}

/// A tenant's imports, by the caller's own numbers.
#[derive(Default)]
pub(crate) struct Imports {
    list: BTreeMap<u64, Import>,
}

/// Archives what can be, and says what was left out: a bad message never loses the good ones.
pub(crate) fn decide_import(
    request: &Request<'_>,
    import: &ImportHistoryV1,
) -> Result<Decision, Refusal> {
    let group = request.tenant.known_group(import.group)?;
    request.permit(Operation::ImportHistory, Subject::Group(group))?;
    let limits = request.limits;
    let count = import.messages.len();
    check_count("messages", count, limits.history_messages_per_command_max)?;
    let duplicate = is_duplicate(request, import)?;

    let mut refused = Vec::new();
    let mut messages = Vec::with_capacity(if duplicate { 0 } else { count });
    let mut view = Vec::new();
    let mut bytes = 0;
    for (index, message) in (0..).zip(&import.messages) {
        if let Err(why) = check_message(request, message) {
            refused.push(RefusedMessageV1 { index, why });
            continue;
        }
        bytes += message.body.len();
        // One message of the greatest length always fits.
        if bytes > BODY_LEN_MAX {
            return Err(Refusal::Invalid {
                field: "messages",
                rule: "bodies of at most 64 KiB together",
            });
        }
        if !duplicate {
            view.extend_from_slice(&message.body);
            messages.push(without_body(message));
        }
    }
    let reply = Reply::HistoryImported(HistoryImportedV1 {
        imported: u32::try_from(count - refused.len()).unwrap_or(u32::MAX),
        refused,
        duplicate,
    });
    if duplicate {
        return Ok(Decision::answered(reply));
    }
    let event = Event::HistoryImported(event::HistoryImportedV1 {
        import: import.import,
        chunk: import.chunk,
        group: import.group,
        messages,
    });
    Ok(Decision {
        view: view.into(),
        ..Decision::accepted(event, reply)
    })
}

fn without_body(message: &ImportedMessageV1) -> event::ImportedV1 {
    event::ImportedV1 {
        sender: message.sender,
        sender_name: message.sender_name.clone(),
        sent_at: message.sent_at,
        offset_s: message.offset_s,
        kind: message.kind,
        body_len: message.body.len() as u32, // At most BODY_LEN_MAX.
    }
}

/// Whether the chunk is in the archive already; else it must be the one that comes next.
fn is_duplicate(request: &Request<'_>, import: &ImportHistoryV1) -> Result<bool, Refusal> {
    let known = &request.tenant.imports.list;
    let begun = known.get(&import.import);
    let begun = begun.filter(|begun| begun.is_kept(request.now));
    let last = begun.map_or(0, |begun| begun.chunk);
    if (1..=last).contains(&import.chunk) {
        return Ok(true);
    }
    let expected = last.saturating_add(1);
    if import.chunk != expected {
        return Err(Refusal::ImportOutOfOrder { expected });
    }
    if begun.is_none() {
        let limit = request.limits.imports_max;
        let going_on = known.values().filter(|other| other.is_kept(request.now));
        if going_on.count() >= limit as usize {
            return Err(Refusal::TooManyImports { limit });
        }
    }
    Ok(false)
}

fn check_message(request: &Request<'_>, message: &ImportedMessageV1) -> Result<(), ImportRefusal> {
    if message.sent_at < OLDEST {
        return Err(ImportRefusal::TooOld);
    }
    if message.sent_at > request.now {
        return Err(ImportRefusal::InTheFuture);
    }
    if message.offset_s.unsigned_abs() > OFFSET_MAX_S {
        return Err(ImportRefusal::Offset);
    }
    if !Kind::from_u8(message.kind).is_some_and(Kind::is_message) {
        return Err(ImportRefusal::Kind);
    }
    if message.body.len() > BODY_LEN_MAX {
        return Err(ImportRefusal::TooLong);
    }
    let is_unknown = message.sender == PersonId(0);
    if !is_unknown && request.tenant.find_person(message.sender).is_none() {
        return Err(ImportRefusal::Sender);
    }
    let name = &message.sender_name;
    if name.chars().nth(NAME_CHARS_MAX).is_some() || (is_unknown && name.is_empty()) {
        return Err(ImportRefusal::SenderName);
    }
    Ok(())
}

/// An import has got as far as a chunk that is in the archive now.
pub(crate) fn import(tenant: &mut Tenant, imported: &event::HistoryImportedV1, at: Timestamp) {
    let list = &mut tenant.imports.list;
    if !list.contains_key(&imported.import) {
        list.retain(|_, other| other.is_kept(at));
    }
    let chunk = imported.chunk;
    let imported_at = at;
    list.insert(imported.import, Import { chunk, imported_at });
}
