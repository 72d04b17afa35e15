//! Whether a record is in an export: whose it is, when it was decided, and which groups it is about.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Grant;
use crate::log::Record;
use crate::model::event::Event;
use crate::wire::{GroupId, Header, TenantId, Timestamp};

/// Fields of events that name a group, or several.
const GROUP_FIELDS: [&str; 2] = ["group", "groups"];

/// What was granted, ready to ask.
#[derive(Debug)]
pub(super) struct Scope {
    tenant: TenantId,
    from: Timestamp,
    until: Timestamp,
    groups: BTreeSet<GroupId>,
}

impl Scope {
    pub(super) fn of(grant: &Grant) -> Self {
        Self {
            tenant: grant.tenant,
            from: grant.scope.from,
            until: grant.scope.until,
            groups: grant.scope.groups.iter().copied().collect(),
        }
    }

    pub(super) fn is_of_tenant(&self, header: &Header) -> bool {
        header.tenant() == self.tenant
    }

    /// The clock of records never goes back (invariant 7), so that these are one range of them.
    pub(super) fn is_in_time(&self, header: &Header) -> bool {
        (self.from..self.until).contains(&header.timestamp())
    }

    pub(super) fn is_before(&self, header: &Header) -> bool {
        header.timestamp() < self.from
    }

    pub(super) fn has_group(&self, group: GroupId) -> bool {
        self.groups.is_empty() || self.groups.contains(&group)
    }

    /// Whether the record is exported. One that is about several groups is exported whole.
    pub(super) fn holds(&self, record: &Record, events: &[Event]) -> bool {
        let header = record.envelope.header();
        self.is_of_tenant(header)
            && self.is_in_time(header)
            && (self.groups.is_empty()
                || record.takes.iter().any(|take| self.has_group(take.group))
                || events.iter().any(|event| self.is_named_by(event)))
    }

    fn is_named_by(&self, event: &Event) -> bool {
        let text = serde_json::to_string(event).unwrap_or_default();
        // Numbers over 64 bits lose digits here; no group has one.
        serde_json::from_str(&text).is_ok_and(|value| self.is_named_in(&value, false))
    }

    fn is_named_in(&self, value: &Value, as_group: bool) -> bool {
        match value {
            Value::Number(number) => {
                as_group
                    && number
                        .as_u64()
                        .is_some_and(|id| self.groups.contains(&GroupId(id)))
            }
            Value::Array(values) => values.iter().any(|it| self.is_named_in(it, as_group)),
            Value::Object(fields) => fields
                .iter()
                .any(|(name, it)| self.is_named_in(it, GROUP_FIELDS.contains(&name.as_str()))),
            Value::Null | Value::Bool(_) | Value::String(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_that_names_a_group_is_called_so() {
        let mut named = 0;
        for form in Event::FORMS {
            for field in form.fields {
                if field.kind.contains("GroupId") {
                    named += 1;
                    assert!(
                        GROUP_FIELDS.contains(&field.name),
                        "{} of {} names a group: add it to GROUP_FIELDS",
                        field.name,
                        form.name
                    );
                }
            }
        }
        assert!(named > 20, "{named} fields");
    }
}
