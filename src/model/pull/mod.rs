//! The pull of an enterprise's own archive (SPEC A6): who may, and which records.
//!
//! Only the permission is decided here, and that a pull is on record (SPEC A1). The records are read elsewhere, as of the position of the
//! decision, so that what the permission rests on and what is read are of one moment; of the asker's
//! own tenant and no other (invariant 9).

pub(crate) mod command;
pub(crate) mod event;
mod recorded;
pub(crate) mod snapshot;
#[cfg(test)]
mod tests;

pub(crate) use self::recorded::{Pulls, note};

use self::command::{PullGrantedV1, PullRecordsV1};
use self::event::ArchivePulledV1;
use crate::model::command::Reply;
use crate::model::decision::{Decision, Request};
use crate::model::event::Event;
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::wire::TenantId;

/// Groups of one pull, and people.
const FILTER_MAX: usize = 1_000;
/// Bytes of a page at least: enough for a few messages.
const BYTES_MIN: u32 = 4 * 1024;
/// Bytes of an X25519 key.
const KEY_LEN: usize = 32;

/// Grants a pull, as of the record that comes next; which is that of the pull, where none covers it.
pub(crate) fn decide(
    request: &Request<'_>,
    tenant: TenantId,
    pull: &PullRecordsV1,
) -> Result<Decision, Refusal> {
    request.permit(Operation::PullArchive, Subject::Tenant)?;
    request.tenant.require_verified(request.now)?;
    let pull = checked(request, pull)?;
    let without = &request.tenant.creation.unpulled;
    let mut without: Vec<_> = without.iter().map(|index| index.id()).collect();
    without.sort_unstable();
    let pulled = ArchivePulledV1 {
        from: pull.from,
        to: pull.to,
        groups: pull.groups.clone(),
        people: pull.people.clone(),
        since: pull.since,
        until: pull.until,
        public_key: pull.public_key.clone(),
        covers_until: request.now.plus_micros(request.limits.pull_window_us),
    };
    let reply = Reply::PullGranted(Box::new(PullGrantedV1 {
        tenant,
        position: request.record,
        pull,
        without,
    }));
    if request.tenant.pulls.is_news(&pulled, request.now) {
        return Ok(Decision::accepted(Event::ArchivePulled(pulled), reply));
    }
    Ok(Decision::answered(reply))
}

/// What was asked for, in order and possible.
fn checked(request: &Request<'_>, asked: &PullRecordsV1) -> Result<PullRecordsV1, Refusal> {
    let invalid = |field, rule| Err(Refusal::Invalid { field, rule });
    if asked.to < asked.from {
        return invalid("to", "not before from");
    }
    if asked.until <= asked.since {
        return invalid("until", "later than since");
    }
    if asked.records == 0 {
        return invalid("records", "at least 1 a page");
    }
    if asked.bytes < BYTES_MIN {
        return invalid("bytes", "at least 4,096 a page");
    }
    if !asked.public_key.is_empty() && asked.public_key.len() != KEY_LEN {
        return invalid("public_key", "an X25519 key of 32 bytes, or none");
    }
    let (groups, people) = (asked.groups.len(), asked.people.len());
    for (what, len) in [("groups", groups), ("people", people)] {
        if len > FILTER_MAX {
            let limit = FILTER_MAX as u32;
            return Err(Refusal::TooMuchAtOnce { what, limit });
        }
    }
    let mut pull = asked.clone();
    // Whoever asks does not know what this server allows: a smaller page goes on as well.
    pull.records = pull.records.min(request.limits.pull_page_records_max);
    pull.bytes = pull.bytes.min(request.limits.pull_page_bytes_max);
    pull.groups.sort_unstable();
    pull.groups.dedup();
    pull.people.sort_unstable();
    pull.people.dedup();
    let tenant = request.tenant;
    for group in &pull.groups {
        // Records outlive their group: a deleted one's are still there.
        let index = tenant.find_group(*group);
        let index = index.ok_or(Refusal::NoSuchGroup { group: *group })?;
        if tenant.creation.unpulled.contains(&index) {
            return invalid("groups", "groups whose archive pull is not switched off");
        }
    }
    for person in &pull.people {
        // And their author.
        let known = tenant.find_person(*person);
        known.ok_or(Refusal::NoSuchPerson { person: *person })?;
    }
    Ok(pull)
}
