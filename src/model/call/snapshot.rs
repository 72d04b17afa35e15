//! Calls as a snapshot has them.

use crate::model::body::body;
use crate::model::state::{GroupIndex, Tenant};
use crate::wire::{GroupId, JoinCodeId, PersonId, RecordNumber, Timestamp};

use super::command::{CallState, CallV1};
use super::{Call, Calls, Joiner, Progress, joiner_of};

body! {
    /// A tenant's calls in the order they were opened.
    CallsStateV1 {
        list: Vec<CallStateV1>,
    }
}
body! {
    /// One call: `what` is asked while it waits, the rest is said once it is over.
    CallStateV1 {
        call: RecordNumber,
        expires: Timestamp,
        /// Of a verification; 0 for none.
        code: JoinCodeId,
        person: PersonId,
        what: Option<CallV1>,
        state: CallState,
        group: GroupId,
        refusal: u16,
    }
}

pub(crate) fn write(tenant: &Tenant) -> CallsStateV1 {
    // Destructured, so that a new field cannot be forgotten; the others are found again.
    let Calls {
        list,
        unanswered: _,
        joiners: _,
    } = &tenant.calls;
    CallsStateV1 {
        list: list.iter().map(write_call).collect(),
    }
}

fn write_call((record, call): (&RecordNumber, &Call)) -> CallStateV1 {
    let Call {
        expires,
        joiner,
        progress,
    } = call;
    let (what, state, group, refusal) = match progress {
        Progress::Waiting(what) => (Some((**what).clone()), CallState::Open, None, 0),
        Progress::Over {
            state,
            group,
            refusal,
        } => (None, *state, *group, *refusal),
    };
    CallStateV1 {
        call: *record,
        expires: *expires,
        code: joiner.map_or(JoinCodeId(0), |joiner| joiner.code.id()),
        person: joiner.map_or(PersonId(0), |joiner| joiner.person.id()),
        what,
        state,
        group: group.map_or(GroupId(0), GroupIndex::id),
        refusal,
    }
}

/// After people, groups and codes.
pub(crate) fn read(tenant: &mut Tenant, state: CallsStateV1) -> Result<(), &'static str> {
    let what = "a call";
    let mut calls = Calls::default();
    for v1 in state.list {
        let last = calls.list.last_key_value();
        if last.is_some_and(|(last, _)| *last >= v1.call) {
            return Err("the order of calls");
        }
        let joiner = match (v1.code, v1.person) {
            (JoinCodeId(0), PersonId(0)) => None,
            (code, person) => {
                let code = tenant.codes.find(code).ok_or(what)?;
                let person = tenant.find_person(person).ok_or(what)?;
                Some(Joiner { code, person })
            }
        };
        let progress = match v1.what {
            Some(asked) if joiner_of(tenant, &asked) == Ok(joiner) => {
                calls.wait(v1.call, joiner);
                Progress::Waiting(Box::new(asked))
            }
            Some(_) => return Err(what),
            None => {
                let group = tenant.find_group(v1.group);
                if group.is_none() && v1.group != GroupId(0) {
                    return Err(what);
                }
                let (state, refusal) = (v1.state, v1.refusal);
                Progress::Over {
                    state,
                    group,
                    refusal,
                }
            }
        };
        let expires = v1.expires;
        let call = Call {
            expires,
            joiner,
            progress,
        };
        calls.list.insert(v1.call, call);
    }
    tenant.calls = calls;
    Ok(())
}
