//! Outward calls: what the enterprise's own systems are asked, as state until it is answered.
//!
//! A call is opened by a record and answered by a command, so that a replay asks nobody and a restart
//! asks again what is still open. Whoever makes the call is outside; here it only waits, in bounded
//! number, and no longer than its time.

mod apply;
pub(crate) mod command;
mod decide;
pub(crate) mod event;
pub(crate) mod snapshot;
#[cfg(test)]
mod tests;

pub(crate) use apply::{close, open};
pub(crate) use decide::{decide_close, get_call, list_calls, opened};

use std::collections::BTreeMap;
use std::ops::Bound;

use rustc_hash::FxHashMap;

use crate::model::event::Event;
use crate::model::state::{GroupIndex, JoinCodeIndex, PersonIndex, State, Tenant};
use crate::wire::{RecordNumber, TenantId, Timestamp};

use self::command::{CallState, CallV1};

/// Bytes a joiner may give for verification.
pub(crate) const QUESTION_LEN_MAX: usize = 1_024;
/// How long after its end a call can be asked about, in microseconds: an hour.
const OVER_KEPT_FOR_US: i64 = 3_600_000_000;

/// A tenant's calls.
#[derive(Default)]
pub(crate) struct Calls {
    /// By the record that opened them, so in the order they were opened.
    list: BTreeMap<RecordNumber, Call>,
    /// How many are not answered, those whose time is over included.
    unanswered: usize,
    /// What each joiner waits for: asking again is the same call.
    joiners: FxHashMap<Joiner, RecordNumber>,
}

/// One call.
struct Call {
    expires: Timestamp,
    /// Of a verification.
    joiner: Option<Joiner>,
    progress: Progress,
}

/// Who wants to join, and by what.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Joiner {
    code: JoinCodeIndex,
    person: PersonIndex,
}

enum Progress {
    Waiting(Box<CallV1>),
    Over {
        state: CallState,
        group: Option<GroupIndex>,
        refusal: u16,
    },
}

/// Whom `what` is about; an error where it names what there is not.
fn joiner_of(tenant: &Tenant, what: &CallV1) -> Result<Option<Joiner>, ()> {
    match what {
        CallV1::VerifyJoin(verify) => {
            let code = tenant.codes.find(verify.code).ok_or(())?;
            let person = tenant.find_person(verify.person).ok_or(())?;
            Ok(Some(Joiner { code, person }))
        }
        CallV1::SendActivations(_) => Ok(None),
    }
}

impl Calls {
    /// The call by which `person` already waits to join by `code`.
    pub(crate) fn of_joiner(
        &self,
        code: JoinCodeIndex,
        person: PersonIndex,
        now: Timestamp,
    ) -> Option<(RecordNumber, Timestamp)> {
        let record = *self.joiners.get(&Joiner { code, person })?;
        let call = self.list.get(&record)?;
        (now < call.expires).then_some((record, call.expires))
    }

    /// Those opened after `after` that are waiting and may still be answered at `now`.
    fn open_after(
        &self,
        after: RecordNumber,
        now: Timestamp,
    ) -> impl Iterator<Item = (RecordNumber, &Call, &CallV1)> {
        let later = (Bound::Excluded(after), Bound::Unbounded);
        self.list.range(later).filter_map(move |(record, call)| {
            let Progress::Waiting(what) = &call.progress else {
                return None;
            };
            (now < call.expires).then_some((*record, call, &**what))
        })
    }
}

/// A call to be made, with whose it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenCall {
    /// Whose.
    pub tenant: TenantId,
    /// Its name, the same however often it is made.
    pub call: RecordNumber,
    /// When it is too late to answer.
    pub expires: Timestamp,
    /// What is asked.
    pub what: CallV1,
}

impl OpenCall {
    /// The calls that a tenant's record with these events opens.
    pub fn opened_by(tenant: TenantId, events: &[Event]) -> impl Iterator<Item = Self> {
        events.iter().filter_map(move |event| match event {
            Event::CallOpened(opened) => Some(Self {
                tenant,
                call: opened.call,
                expires: opened.expires,
                what: opened.what.clone(),
            }),
            _ => None,
        })
    }
}

impl State {
    /// Every call that still waits for its answer: what is to be asked again after a restart.
    pub fn open_calls(&self) -> impl Iterator<Item = OpenCall> {
        let tenants = (1..).map(TenantId).zip(&self.tenants);
        tenants.flat_map(|(id, tenant)| {
            let open = tenant.calls.open_after(RecordNumber(0), self.clock);
            open.map(move |(call, open, what)| OpenCall {
                tenant: id,
                call,
                expires: open.expires,
                what: what.clone(),
            })
        })
    }
}
