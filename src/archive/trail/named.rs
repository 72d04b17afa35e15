//! Whom and what an event is about, by its declared fields: whatever has the type of a person or a group.

use serde::Serialize;
use serde_json::Value;

use crate::model::command::TaggedCommand;
use crate::model::event::{Event, SubjectKind};
use crate::wire::tagged::Form;
use crate::wire::{GroupId, PersonId};

/// Fields of the bodies in events that name people. In other bodies `from`, `first`, `left` and `joined` are
/// something else, and so are believed of events' own fields only, by their type.
const PERSON_FIELDS: [&str; 18] = [
    "person",
    "people",
    "contact",
    "members",
    "sender",
    "to",
    "successor",
    "requester",
    "owner",
    "employee",
    "viewer",
    "approver",
    "customer",
    "creator",
    "by",
    "admins",
    "customers",
    "heirs",
];
const GROUP_FIELDS: [&str; 2] = ["group", "groups"];

/// Whether an event is about a person.
pub(super) fn names_person(event: &Event, person: PersonId) -> bool {
    names(event, "PersonId", &PERSON_FIELDS, person.0)
        || is_newcomer(event, person)
        || was_denied(event, SubjectKind::Person, person.0)
}

/// Whether an event is about a group.
pub(super) fn names_group(event: &Event, group: GroupId) -> bool {
    names(event, "GroupId", &GROUP_FIELDS, group.0)
        || was_denied(event, SubjectKind::Group, group.0)
}

/// What a denial was about is a number beside its kind.
fn was_denied(event: &Event, kind: SubjectKind, id: u64) -> bool {
    matches!(event, Event::OperationDenied(denied) if denied.subject_kind == kind && denied.subject == id)
}

/// People are added with the first one's id.
pub(super) fn is_newcomer(event: &Event, person: PersonId) -> bool {
    let (first, count) = match event {
        Event::PeopleAdded(added) => (added.first.0, added.people.len()),
        Event::PeopleAddedV2(added) => (added.first.0, added.people.len()),
        _ => return false,
    };
    (first..first + count as u64).contains(&person.0)
}

fn names(event: &Event, kind: &str, nested: &[&str], id: u64) -> bool {
    let forms = Event::FORMS;
    let named = names_in(forms, (event.tag(), event), kind, nested, id);
    named || {
        // What is asked for is about whom and what its command is about.
        let Event::ApprovalRequested(requested) = event else {
            return false;
        };
        let command = TaggedCommand::decode(requested.command_tag, &requested.command);
        command.is_ok_and(|command| {
            let forms = TaggedCommand::FORMS;
            names_in(forms, (command.tag(), &command), kind, nested, id)
        })
    }
}

fn names_in(
    forms: &[Form],
    (tag, tagged): (u16, &impl Serialize),
    kind: &str,
    nested: &[&str],
    id: u64,
) -> bool {
    let Some(form) = forms.iter().find(|form| form.tag == tag) else {
        return false;
    };
    let text = serde_json::to_string(tagged).unwrap_or_default();
    // Numbers over 64 bits lose digits here; no person and no group has one.
    let value: Value = serde_json::from_str(&text).unwrap_or_default();
    let body = value.as_object().and_then(|body| body.values().next());
    form.fields.iter().any(|field| {
        let value = body.and_then(|body| body.get(field.name));
        value.is_some_and(|value| has(value, field.kind.contains(kind), nested, id))
    })
}

/// Whether `id` may be named in encoded events: its bytes, as an id is written, are somewhere in them.
pub(super) fn may_name(encoded: &[u8], id: u64) -> bool {
    let id = id.to_le_bytes();
    encoded.windows(id.len()).any(|bytes| bytes == id)
}

fn has(value: &Value, is_id: bool, nested: &[&str], id: u64) -> bool {
    match value {
        Value::Number(number) => is_id && number.as_u64() == Some(id),
        Value::Array(values) => values.iter().any(|it| has(it, is_id, nested, id)),
        Value::Object(fields) => fields
            .iter()
            .any(|(name, it)| has(it, nested.contains(&name.as_str()), nested, id)),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}
