//! A command that needs approval becomes a request for it.

use core::cell::Cell;

use super::Approval;
use super::command::ApprovalPendingV1;
use super::event::ApprovalRequestedV1;
use crate::model::audit::Denial;
use crate::model::command::{Actor, Command, Reply, TaggedCommand};
use crate::model::decide::decide_tagged;
use crate::model::decision::{Context, Decision, Grounds, Request};
use crate::model::event::Event;
use crate::model::permission;
use crate::model::refusal::Refusal;
use crate::model::state::State;
use crate::wire::PersonId;

/// Bytes of a command that can wait for approval: state holds them until it is decided.
const COMMAND_LEN_MAX: usize = 64 * 1024;

/// Answers `command`, which `operation` lets through only once somebody else has approved.
///
/// It is decided on the side as if approved, so that what could never be done is refused now; what
/// that would have changed is dropped. Asked once more while it waits, it is the same request.
pub(crate) fn ask<'a>(
    state: &'a State,
    command: &Command,
    tagged: &TaggedCommand,
    context: Context,
    operation: &'static str,
    denial: &'a Cell<Option<Denial>>,
) -> Result<Decision, Refusal> {
    let named = permission::named(operation).filter(|_| is_approvable(tagged));
    let (Some(named), Actor::Person { person, device }) = (named, command.actor) else {
        return Err(Refusal::NeedsApproval { operation });
    };
    let grounds = Grounds::approved_by(PersonId(0), denial);
    decide_tagged(state, command, tagged, context, grounds)?.outcome?;

    let request = Request::new(state, command, context)?;
    let approvals = &request.tenant.approvals;
    let requester = request.tenant.usable_person(person)?;
    let bytes = tagged.encode();
    let own = approvals.open(request.now);
    let own: Vec<_> = own
        .filter(|(_, approval)| approval.requester == requester)
        .collect();
    let is_same =
        |approval: &Approval| approval.command_tag == tagged.tag() && *approval.command == *bytes;
    if let Some((approval, asked)) = own.iter().find(|(_, approval)| is_same(approval)) {
        return Ok(Decision::answered(Reply::ApprovalPending(
            ApprovalPendingV1 {
                approval: *approval,
                expires: asked.expires,
                duplicate: true,
            },
        )));
    }
    if bytes.len() > COMMAND_LEN_MAX {
        return Err(Refusal::Invalid {
            field: "the command",
            rule: "at most 64 KiB where it needs approval",
        });
    }
    let limits = request.limits;
    for (count, limit) in [
        (own.len(), limits.approvals_open_per_person_max),
        (
            approvals.open(request.now).count(),
            limits.approvals_open_max,
        ),
    ] {
        if count >= limit as usize {
            return Err(Refusal::TooManyApprovals { limit });
        }
    }

    let approval = approvals.next();
    let expires = request.now.plus_micros(limits.approval_valid_us);
    let event = Event::ApprovalRequested(ApprovalRequestedV1 {
        approval,
        operation: permission::number_of(named),
        command_tag: tagged.tag(),
        command: bytes.to_vec(),
        requester: person,
        device,
        second_factor: command.second_factor,
        expires,
    });
    let reply = Reply::ApprovalPending(ApprovalPendingV1 {
        approval,
        expires,
        duplicate: false,
    });
    Ok(Decision::accepted(event, reply))
}

/// What can wait: not what says something to a group, which the request would keep for good beside what
/// can be erased; and a decision waits for no other.
pub(super) fn is_approvable(tagged: &TaggedCommand) -> bool {
    use TaggedCommand as T;
    !matches!(
        tagged,
        T::MassSend(_)
            | T::MassSendV2(_)
            | T::ImportHistory(_)
            | T::DecideApproval(_)
            | T::WithdrawApproval(_)
    )
}
