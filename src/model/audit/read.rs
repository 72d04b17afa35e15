//! Reading the audit trail: who may, and that they did (SPEC A1, P1).

use super::command::{AuditGrantedV1, ReadAuditV1};
use super::event::AuditReadV1;
use crate::model::command::Reply;
use crate::model::decision::{Decision, Request};
use crate::model::event::Event;
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::wire::{GroupId, PersonId, TenantId};

/// Kinds of one query.
const KINDS_MAX: usize = 32;
/// Entries of a page.
const ENTRIES_MAX: u32 = 100;

/// Records a query of the trail before it is answered: each page is one.
pub(crate) fn decide_read(
    request: &Request<'_>,
    tenant: TenantId,
    asked: &ReadAuditV1,
) -> Result<Decision, Refusal> {
    request.permit(Operation::ReadAudit, Subject::Tenant)?;
    let invalid = |field, rule| Err(Refusal::Invalid { field, rule });
    if asked.entries == 0 || asked.entries > ENTRIES_MAX {
        return invalid("entries", "from 1 to 100 a page");
    }
    if asked.from >= asked.until {
        return invalid("until", "later than from");
    }
    if asked.kinds.len() > KINDS_MAX {
        let (what, limit) = ("kinds", KINDS_MAX as u32);
        return Err(Refusal::TooMuchAtOnce { what, limit });
    }
    if !asked.kinds.iter().all(|kind| Event::TAGS.contains(kind)) {
        return invalid("kinds", "tags of events");
    }
    // Records outlive their group, and whoever is in them.
    let group = asked.group;
    if group != GroupId(0) && request.tenant.find_group(group).is_none() {
        return Err(Refusal::NoSuchGroup { group });
    }
    for person in [asked.actor, asked.person] {
        if person != PersonId(0) && request.tenant.find_person(person).is_none() {
            return Err(Refusal::NoSuchPerson { person });
        }
    }
    let read = Event::AuditRead(AuditReadV1 {
        actor: asked.actor,
        person: asked.person,
        group,
        kinds: asked.kinds.clone(),
        from: asked.from,
        until: asked.until,
        before: asked.before,
    });
    let reply = Reply::AuditGranted(Box::new(AuditGrantedV1 {
        tenant,
        query: request.record,
        asked: asked.clone(),
    }));
    Ok(Decision::accepted(read, reply))
}
