//! How far mass sends have got, target by target.

use crate::model::command::{
    GetMassSendV1, ListMassSendTargetsV1, MassSendProgressV1, MassSendProgressV2,
    MassSendTargetStateV1, MassSendTargetsV1, PolicyId, Reply, TargetOutcome,
};
use crate::model::decision::Request;
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::wire::{GroupId, PersonId, RecordNumber, Sequence};

use super::{MassSend, Outcome, Target, To};

/// Targets of a page, at most.
const PAGE_MAX: usize = 1_000;

pub(crate) fn get_mass_send(request: &Request<'_>, get: &GetMassSendV1) -> Result<Reply, Refusal> {
    let send = readable(request, get.mass_send)?;
    Ok(Reply::MassSendProgress(MassSendProgressV1 {
        targets: send.targets,
        sent: send.sent,
        refused: send.refused,
    }))
}

pub(crate) fn get_mass_send_v2(
    request: &Request<'_>,
    get: &GetMassSendV1,
) -> Result<Reply, Refusal> {
    let send = readable(request, get.mass_send)?;
    Ok(Reply::MassSendProgressV2(MassSendProgressV2 {
        targets: send.targets,
        sent: send.sent,
        refused: send.refused,
        cancelled: send.cancelled,
    }))
}

pub(crate) fn list_targets(
    request: &Request<'_>,
    list: &ListMassSendTargetsV1,
) -> Result<Reply, Refusal> {
    let send = readable(request, list.mass_send)?;
    let rest = send.list.get(list.after as usize..).unwrap_or_default();
    let page = PAGE_MAX.min(list.limit as usize);
    Ok(Reply::MassSendTargets(MassSendTargetsV1 {
        targets: rest.iter().take(page).copied().map(stated).collect(),
        more: rest.len() > page,
    }))
}

fn stated(target: Target) -> MassSendTargetStateV1 {
    let (group, customer) = match target.to() {
        To::Group(group) => (group, PersonId(0)),
        To::Customer(customer) => (GroupId(0), customer),
    };
    let mut state = MassSendTargetStateV1 {
        group,
        customer,
        outcome: TargetOutcome::Pending,
        sent_in: GroupId(0),
        sequence: Sequence(0),
        code: 0,
        policy: PolicyId(0),
    };
    match target.outcome() {
        Outcome::Pending => {}
        Outcome::Sent { group, sequence } => {
            state.outcome = TargetOutcome::Sent;
            (state.sent_in, state.sequence) = (group, sequence);
        }
        Outcome::Refused { code, policy } => {
            state.outcome = TargetOutcome::Refused;
            (state.code, state.policy) = (code, policy);
        }
        Outcome::Cancelled => state.outcome = TargetOutcome::Cancelled,
        Outcome::Untold => state.outcome = TargetOutcome::Untold,
    }
    state
}

/// The mass send, if the asker may read about it.
pub(super) fn readable<'a>(
    request: &Request<'a>,
    record: RecordNumber,
) -> Result<&'a MassSend, Refusal> {
    let send = request.tenant.mass_sends.find(record);
    let send = send.ok_or(Refusal::NoSuchMassSend {
        mass_send: record.0,
    })?;
    let subject = Subject::Person(send.sender.id());
    request.permit(Operation::ReadMassSend, subject)?;
    Ok(send)
}
