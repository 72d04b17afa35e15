//! What is known of requests for approval, to the enterprise, its super admins and who asked.

use super::Approval;
use super::command::{
    ApprovalIdV1, ApprovalStateV1, ApprovalStatus, ApprovalsPageV1, ListApprovalsV1,
};
use crate::model::command::Reply;
use crate::model::decision::Request;
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::wire::{ApprovalId, PersonId, Timestamp};

/// Entries of a page, at most: each may have a reason of 800 bytes, and an answer is one frame.
const PAGE_MAX: usize = 100;

pub(crate) fn get_approval(request: &Request<'_>, get: &ApprovalIdV1) -> Result<Reply, Refusal> {
    let approval = request.tenant.approvals.find(get.approval)?;
    let subject = Subject::Person(approval.requester.id());
    request.permit(Operation::ReadApprovals, subject)?;
    let mut state = state_of(get.approval, approval, request.now);
    if state.status == ApprovalStatus::Open {
        state.command = approval.command.to_vec();
    }
    if let Some(closed) = &approval.closed {
        state.reply = closed.reply.to_vec();
    }
    Ok(Reply::Approval(state))
}

pub(crate) fn list_approvals(
    request: &Request<'_>,
    list: &ListApprovalsV1,
) -> Result<Reply, Refusal> {
    let everybodys = list.requester == PersonId(0);
    let subject = if everybodys {
        Subject::Tenant
    } else {
        Subject::Person(list.requester)
    };
    request.permit(Operation::ReadApprovals, subject)?;
    let now = request.now;
    let from = ApprovalId(list.after.0.saturating_add(1));
    let after = request.tenant.approvals.list.range(from..);
    let mut chosen = after.filter(|(_, approval)| {
        (everybodys || approval.requester.id() == list.requester)
            && (!list.open_only || approval.status(now) == ApprovalStatus::Open)
    });
    let page = PAGE_MAX.min(list.limit as usize);
    let approvals = chosen.by_ref().take(page);
    let approvals = approvals.map(|(id, approval)| state_of(*id, approval, now));
    Ok(Reply::Approvals(ApprovalsPageV1 {
        approvals: approvals.collect(),
        more: chosen.next().is_some(),
    }))
}

/// All but the command and the reply to it.
fn state_of(id: ApprovalId, approval: &Approval, now: Timestamp) -> ApprovalStateV1 {
    let closed = approval.closed.as_deref();
    ApprovalStateV1 {
        approval: id,
        operation: approval.operation,
        command_tag: approval.command_tag,
        command: Vec::new(),
        requester: approval.requester.id(),
        device: approval.device,
        requested_at: approval.requested_at,
        expires: approval.expires,
        status: approval.status(now),
        approver: closed.map_or(PersonId(0), |closed| closed.approver),
        closed_at: closed.map_or(Timestamp(0), |closed| closed.at),
        reason: closed.map_or(String::new(), |closed| closed.reason.to_string()),
        reply_tag: closed.map_or(0, |closed| closed.reply_tag),
        reply: Vec::new(),
        refusal: closed.map_or(0, |closed| closed.refusal),
    }
}
