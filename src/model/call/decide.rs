//! Whether something may be asked outside, and what an answer brings about.

use crate::model::code;
use crate::model::command::Reply;
use crate::model::decision::{Decision, Request};
use crate::model::event::Event;
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::GroupIndex;
use crate::wire::{GroupId, RecordNumber};

use super::command::{
    CallState, CallStateV1, CallV1, CallVerdict, CallsPageV1, CloseCallV1, GetCallV1, ListCallsV1,
    OpenCallV1,
};
use super::event::{CallClosedV1, CallOpenedV1};
use super::{Call, Progress};

/// Calls of a page, at most.
const PAGE_MAX: usize = 100;
/// Codes of a page after which no call more is taken: with one call's and with the questions of all
/// others they fit one frame.
const PAGE_CODES_MAX: usize = 1_000;

/// The event that asks `what` outside; at most one a record, which names it.
pub(crate) fn opened(request: &Request<'_>, what: CallV1) -> Result<CallOpenedV1, Refusal> {
    let limit = request.limits.open_calls_max;
    let calls = &request.tenant.calls;
    // Counting those whose time is over is for when it looks full.
    let open = || calls.open_after(RecordNumber(0), request.now).count();
    if calls.unanswered >= limit as usize && open() >= limit as usize {
        return Err(Refusal::TooManyCalls { limit });
    }
    let expires_after_us = i64::from(request.limits.call_expiry_s) * 1_000_000;
    Ok(CallOpenedV1 {
        call: request.record,
        expires: request.now.plus_micros(expires_after_us),
        what,
    })
}

/// An answer with yes decides the join it was about, by the rules and places of now.
pub(crate) fn decide_close(
    request: &Request<'_>,
    close: &CloseCallV1,
) -> Result<Decision, Refusal> {
    request.permit(Operation::AnswerVerification, Subject::Tenant)?;
    let call = find(request, close.call)?;
    let Progress::Waiting(_) = call.progress else {
        return Err(Refusal::CallAnswered { call: close.call.0 });
    };
    let in_time = request.now < call.expires;
    if !in_time && close.verdict != CallVerdict::Failed {
        return Err(Refusal::CallExpired { call: close.call.0 });
    }

    let mut closed = CallClosedV1 {
        call: close.call,
        verdict: close.verdict,
        group: GroupId(0),
        refusal: 0,
    };
    let mut state = match close.verdict {
        CallVerdict::Admitted => CallState::Admitted,
        CallVerdict::Refused => CallState::Refused,
        CallVerdict::Failed => CallState::Failed,
    };
    let mut events = Vec::new();
    if let (CallVerdict::Admitted, Some(joiner)) = (close.verdict, call.joiner) {
        match code::admit(request, joiner.code, joiner.person.id()) {
            Ok(admission) => {
                closed.group = admission.group;
                events = admission.into_events();
            }
            Err(refusal) => {
                closed.refusal = refusal.code();
                state = CallState::NotJoined;
            }
        }
    }
    let reply = Reply::Call(CallStateV1 {
        call: close.call,
        state,
        group: closed.group,
        refusal: closed.refusal,
        expires: call.expires,
    });
    events.push(Event::CallClosed(closed));
    Ok(Decision::new(events, Ok(reply)))
}

pub(crate) fn get_call(request: &Request<'_>, get: &GetCallV1) -> Result<Reply, Refusal> {
    let call = find(request, get.call)?;
    match call.joiner {
        Some(joiner) => {
            let subject = Subject::Person(joiner.person.id());
            request.permit(Operation::ReadPerson, subject)?;
        }
        None => request.permit(Operation::AnswerVerification, Subject::Tenant)?,
    }
    let (state, group, refusal) = match &call.progress {
        Progress::Waiting(_) if request.now < call.expires => (CallState::Open, None, 0),
        Progress::Waiting(_) => (CallState::Expired, None, 0),
        Progress::Over {
            state,
            group,
            refusal,
        } => (*state, *group, *refusal),
    };
    Ok(Reply::Call(CallStateV1 {
        call: get.call,
        state,
        group: group.map_or(GroupId(0), GroupIndex::id),
        refusal,
        expires: call.expires,
    }))
}

/// For an enterprise that answers calls itself: what it is asked, codes to be sent included.
pub(crate) fn list_calls(request: &Request<'_>, list: &ListCallsV1) -> Result<Reply, Refusal> {
    request.permit(Operation::AnswerVerification, Subject::Tenant)?;
    let page = PAGE_MAX.min(list.limit as usize);
    let mut open = request.tenant.calls.open_after(list.after, request.now);
    let mut calls = Vec::new();
    let mut codes = 0;
    while calls.len() < page && codes < PAGE_CODES_MAX {
        let Some((call, open, what)) = open.next() else {
            break;
        };
        if let CallV1::SendActivations(send) = what {
            codes += send.codes.len();
        }
        calls.push(OpenCallV1 {
            call,
            expires: open.expires,
            what: what.clone(),
        });
    }
    Ok(Reply::Calls(CallsPageV1 {
        calls,
        more: open.next().is_some(),
    }))
}

fn find<'a>(request: &Request<'a>, call: RecordNumber) -> Result<&'a Call, Refusal> {
    let found = request.tenant.calls.list.get(&call);
    found.ok_or(Refusal::NoSuchCall { call: call.0 })
}
