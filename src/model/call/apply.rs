//! What calls are after they are opened and answered.

use crate::model::Stamp;
use crate::model::state::Tenant;
use crate::wire::{RecordNumber, Timestamp};

use super::command::{CallState, CallVerdict};
use super::event::{CallClosedV1, CallOpenedV1};
use super::{Call, Calls, Joiner, OVER_KEPT_FOR_US, Progress, joiner_of};

/// Calls forgotten by one event: more than come in, and never long.
const FORGOTTEN_AT_ONCE_MAX: usize = 64;

pub(crate) fn open(tenant: &mut Tenant, stamp: &Stamp, opened: &CallOpenedV1) -> Option<()> {
    let joiner = joiner_of(tenant, &opened.what).ok()?;
    let calls = &mut tenant.calls;
    let last = calls.list.last_key_value();
    if last.is_some_and(|(last, _)| *last >= opened.call) {
        return None;
    }
    calls.forget(stamp.timestamp);
    calls.wait(opened.call, joiner);
    let call = Call {
        expires: opened.expires,
        joiner,
        progress: Progress::Waiting(Box::new(opened.what.clone())),
    };
    calls.list.insert(opened.call, call);
    Some(())
}

pub(crate) fn close(tenant: &mut Tenant, closed: &CallClosedV1) -> Option<()> {
    let group = tenant.find_group(closed.group);
    let calls = &mut tenant.calls;
    let call = calls.list.get_mut(&closed.call)?;
    let Progress::Waiting(_) = call.progress else {
        return None;
    };
    let state = match closed.verdict {
        CallVerdict::Admitted if closed.refusal == 0 => CallState::Admitted,
        CallVerdict::Admitted => CallState::NotJoined,
        CallVerdict::Refused => CallState::Refused,
        CallVerdict::Failed => CallState::Failed,
    };
    call.progress = Progress::Over {
        state,
        group,
        refusal: closed.refusal,
    };
    let joiner = call.joiner;
    calls.wait_no_more(closed.call, joiner);
    Some(())
}

impl Calls {
    pub(super) fn wait(&mut self, call: RecordNumber, joiner: Option<Joiner>) {
        self.unanswered += 1;
        if let Some(joiner) = joiner {
            self.joiners.insert(joiner, call);
        }
    }

    fn wait_no_more(&mut self, call: RecordNumber, joiner: Option<Joiner>) {
        self.unanswered -= 1;
        if let Some(joiner) = joiner
            && self.joiners.get(&joiner) == Some(&call)
        {
            self.joiners.remove(&joiner);
        }
    }

    /// Drops the oldest calls whose end is so long ago that nobody asks any more.
    fn forget(&mut self, now: Timestamp) {
        for _ in 0..FORGOTTEN_AT_ONCE_MAX {
            let Some(oldest) = self.list.first_entry() else {
                return;
            };
            if now.micros_since(oldest.get().expires) < OVER_KEPT_FOR_US {
                return;
            }
            let (record, call) = oldest.remove_entry();
            if let Progress::Waiting(_) = call.progress {
                self.wait_no_more(record, call.joiner);
            }
        }
    }
}
