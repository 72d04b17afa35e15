//! Deleting one message (SPEC P1): by its author within a day, by who leads the group, by the enterprise.
//!
//! The author is known from the memory of retries: exact for a sender's last 1,024 messages of 24
//! hours, and not for the single groups of a mass send. A deletion takes a sequence of its own, so
//! that everybody learns of it in order; the message's record stays as it is.

use crate::model::command::{Actor, DeleteMessageV1, GroupChangedV1, GroupRole, Reply};
use crate::model::decision::{Decision, Request};
use crate::model::event::{DeletedBy, Event, GroupStatus, MessageDeletedV1};
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::{GroupIndex, Tenant};
use crate::wire::{Sequence, Take};

#[cfg(test)]
mod tests;

pub(crate) fn decide_delete(
    request: &Request<'_>,
    delete: &DeleteMessageV1,
) -> Result<Decision, Refusal> {
    let index = request.tenant.known_group(delete.group)?;
    let by = deleter(request, index, delete)?;
    let group = request.tenant.group(index);
    group.check_active(delete.group)?;
    if delete.sequence == Sequence(0) || delete.sequence > group.head {
        return Err(Refusal::Invalid {
            field: "sequence",
            rule: "one that the group has taken",
        });
    }

    let event = Event::MessageDeleted(MessageDeletedV1 {
        group: delete.group,
        sequence: delete.sequence,
        by,
    });
    let reply = Reply::GroupChanged(GroupChangedV1 {
        group: delete.group,
        sequence: group.head.next(),
    });
    Ok(Decision::accepted(event, reply))
}

/// As what the actor may delete it.
fn deleter(
    request: &Request<'_>,
    index: GroupIndex,
    delete: &DeleteMessageV1,
) -> Result<DeletedBy, Refusal> {
    let tenant = request.tenant;
    let mut leads = false;
    if let Actor::Person { person, .. } = request.actor {
        let author = tenant.usable_person(person)?;
        let is_member = tenant.person(author).membership(index).is_some();
        let place = delete.sequence.0;
        let wrote = || {
            let remembered = &tenant.remembered;
            remembered.has_at(author, delete.group, place, request.now)
        };
        if is_member && wrote() {
            request.permit(Operation::RecallMessage, Subject::Person(person))?;
            return Ok(DeletedBy::Author);
        }
        leads = is_member && tenant.group(index).role(author) != GroupRole::Member;
    }
    request.permit(Operation::DeleteMessage, Subject::Group(index))?;
    Ok(if leads {
        DeletedBy::Leader
    } else {
        DeletedBy::Enterprise
    })
}

pub(crate) fn delete(tenant: &mut Tenant, deleted: &MessageDeletedV1) -> Option<Take> {
    let index = tenant.find_group(deleted.group)?;
    let group = tenant.group_mut(index);
    (group.status == GroupStatus::Active).then(|| group.take(index))
}
