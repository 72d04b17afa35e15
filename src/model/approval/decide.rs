//! Who says yes or no, and what a yes does.

use core::cell::Cell;

use super::command::{ApprovalDecidedV1, ApprovalIdV1, ApprovalStatus, DecideApprovalV1};
use super::event::{self, ApprovalWithdrawnV1};
use super::{Approval, ask::is_approvable};
use crate::model::command::{Actor, Command, DoneV1, Reply, TaggedCommand};
use crate::model::decide::decide_tagged;
use crate::model::decision::{Context, Decision, Grounds, Request};
use crate::model::event::Event;
use crate::model::permission::{Operation, Subject, number_of};
use crate::model::refusal::Refusal;
use crate::model::state::State;
use crate::wire::{ApprovalId, PersonId, TenantId};

/// Characters of a reason.
const REASON_CHARS_MAX: usize = 200;
/// Bytes of a reply that are recorded, and kept for the one who asked.
const REPLY_LEN_MAX: usize = 1_024;

/// Decides what somebody else asked for. A yes decides it again as the one who asked, and what that
/// does is in the same record.
pub(crate) fn decide_approval(
    state: &State,
    tenant: TenantId,
    request: &Request<'_>,
    context: Context,
    decide: &DecideApprovalV1,
) -> Result<Decision, Refusal> {
    let approval = request.tenant.approvals.find(decide.approval)?;
    let approver = check_approver(request, decide.approval, approval)?;
    approval.check_open(decide.approval, request.now)?;
    if decide.reason.chars().nth(REASON_CHARS_MAX).is_some() {
        return Err(Refusal::Invalid {
            field: "reason",
            rule: "at most 200 characters",
        });
    }
    if !decide.approve {
        let verdict = Verdict {
            status: ApprovalStatus::Refused,
            reply: None,
            refusal: None,
        };
        return Ok(verdict.recorded(decide, approver, Vec::new()));
    }

    let (events, outcome) = match carry_out(state, tenant, context, approval, approver) {
        Ok(done) => (done.events, done.outcome),
        Err(refusal) => (Vec::new(), Err(refusal)),
    };
    let verdict = match outcome {
        Ok(reply) => Verdict {
            status: ApprovalStatus::Approved,
            reply: Some(reply),
            refusal: None,
        },
        Err(refusal) => Verdict {
            status: ApprovalStatus::Failed,
            reply: None,
            refusal: Some(refusal),
        },
    };
    Ok(verdict.recorded(decide, approver, events))
}

/// Takes back what one asked for oneself.
pub(crate) fn decide_withdraw(
    request: &Request<'_>,
    withdraw: &ApprovalIdV1,
) -> Result<Decision, Refusal> {
    let id = withdraw.approval;
    let approval = request.tenant.approvals.find(id)?;
    let subject = Subject::Person(approval.requester.id());
    request.permit(Operation::WithdrawApproval, subject)?;
    approval.check_open(id, request.now)?;

    let event = Event::ApprovalWithdrawn(ApprovalWithdrawnV1 { approval: id });
    Ok(Decision::accepted(event, Reply::Done(DoneV1 {})))
}

/// Whoever decides: never the one who asked, and of an export only a super admin (SPEC P1, P2).
fn check_approver(
    request: &Request<'_>,
    id: ApprovalId,
    approval: &Approval,
) -> Result<PersonId, Refusal> {
    let is_export = approval.operation == number_of(Operation::ExportRecords);
    let operation = if is_export {
        Operation::DecideExport
    } else {
        Operation::DecideApproval
    };
    let approver = match request.actor {
        Actor::Person { person, .. } => person,
        Actor::Node | Actor::Enterprise | Actor::System => PersonId(0),
    };
    if approver == approval.requester.id() {
        let own = Refusal::OwnApproval { approval: id };
        return Err(request.denied(operation, Subject::Tenant, own));
    }
    request.permit(operation, Subject::Tenant)?;
    Ok(approver)
}

/// Decides the command that waits as the one who asked, who may have left or lost the claim meanwhile.
fn carry_out(
    state: &State,
    tenant: TenantId,
    context: Context,
    approval: &Approval,
    approver: PersonId,
) -> Result<Decision, Refusal> {
    let decoded = TaggedCommand::decode(approval.command_tag, &approval.command);
    let tagged = decoded.ok().filter(is_approvable);
    // Only a damaged state holds anything else.
    let tagged = tagged.ok_or(Refusal::Invalid {
        field: "the command",
        rule: "one that can be approved",
    })?;
    let command = Command {
        tenant,
        actor: Actor::Person {
            person: approval.requester.id(),
            device: approval.device,
        },
        second_factor: approval.second_factor,
        body: tagged.clone().into(),
    };
    // What is denied now is in the approval's own record.
    let denial = Cell::new(None);
    let grounds = Grounds::approved_by(approver, &denial);
    decide_tagged(state, &command, &tagged, context, grounds)
}

/// What became of a request.
struct Verdict {
    status: ApprovalStatus,
    reply: Option<Reply>,
    refusal: Option<Refusal>,
}

impl Verdict {
    /// The decision in front of what it set off.
    fn recorded(self, decide: &DecideApprovalV1, approver: PersonId, done: Vec<Event>) -> Decision {
        let approval = decide.approval;
        let refusal = self.refusal.as_ref().map_or(0, Refusal::code);
        let reply = self
            .reply
            .map(|reply| (reply.tag(), reply.encode().to_vec()));
        let reply = reply.filter(|(_, body)| body.len() <= REPLY_LEN_MAX);
        let (reply_tag, reply) = reply.unwrap_or_default();
        let mut events = vec![Event::ApprovalDecided(event::ApprovalDecidedV1 {
            approval,
            approver,
            status: self.status,
            reason: decide.reason.clone(),
            reply_tag,
            reply: reply.clone(),
            refusal,
        })];
        events.extend(done);
        let answer = ApprovalDecidedV1 {
            approval,
            status: self.status,
            reply_tag,
            reply,
            refusal,
            text: self
                .refusal
                .map_or(String::new(), |refusal| refusal.to_string()),
        };
        Decision::new(events, Ok(Reply::ApprovalDecided(answer)))
    }
}
