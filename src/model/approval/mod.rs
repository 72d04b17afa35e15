//! Approvals (SPEC P2): what one person asked for and somebody else has to allow.
//!
//! A command that needs approval is kept as the bytes it came in. Approving decides it again as the
//! one who asked, who must still be there and hold the claim, in the same record as the approval:
//! what is approved is done or refused at once, never left hanging.

mod apply;
mod ask;
pub(crate) mod command;
mod decide;
pub(crate) mod event;
mod export;
mod read;
pub(crate) mod snapshot;
#[cfg(test)]
mod tests;

pub(crate) use apply::{close, grant_export, request, withdraw};
pub(crate) use ask::ask;
pub(crate) use decide::{decide_approval, decide_withdraw};
pub(crate) use export::{decide_export, list_exports};
pub(crate) use read::{get_approval, list_approvals};

use std::collections::{BTreeMap, VecDeque};

use self::command::{ApprovalStatus, ExportScopeV1};
use crate::model::refusal::Refusal;
use crate::model::state::PersonIndex;
use crate::wire::{ApprovalId, DeviceId, ExportId, PersonId, Timestamp};

/// How long a request can be read after it was decided, taken back or expired, in microseconds: 7 days.
const CLOSED_KEPT_FOR_US: i64 = 7 * 24 * 3_600_000_000;
/// And at most so many of a tenant; the log has them all.
const CLOSED_KEPT_MAX: usize = 1_000;
/// Exports a tenant has to choose from; older ones are in the log.
const EXPORTS_KEPT_MAX: usize = 1_000;

/// One request for approval.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Approval {
    /// The number of the operation that needs it.
    pub(crate) operation: u16,
    pub(crate) command_tag: u16,
    /// The command's body; empty once it can no longer be approved.
    pub(crate) command: Box<[u8]>,
    pub(crate) requester: PersonIndex,
    pub(crate) device: DeviceId,
    pub(crate) second_factor: bool,
    pub(crate) requested_at: Timestamp,
    pub(crate) expires: Timestamp,
    pub(crate) closed: Option<Box<Closed>>,
}

/// How a request ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Closed {
    pub(crate) at: Timestamp,
    pub(crate) status: ApprovalStatus,
    /// 0 for the enterprise, and where nobody decided it.
    pub(crate) approver: PersonId,
    pub(crate) reason: Box<str>,
    /// 0 where there is none.
    pub(crate) reply_tag: u16,
    pub(crate) reply: Box<[u8]>,
    /// 0 unless it failed.
    pub(crate) refusal: u16,
}

impl Approval {
    pub(crate) fn status(&self, now: Timestamp) -> ApprovalStatus {
        match &self.closed {
            Some(closed) => closed.status,
            None if now < self.expires => ApprovalStatus::Open,
            None => ApprovalStatus::Expired,
        }
    }

    /// Refuses what can no longer be decided.
    fn check_open(&self, approval: ApprovalId, now: Timestamp) -> Result<(), Refusal> {
        match self.status(now) {
            ApprovalStatus::Open => Ok(()),
            ApprovalStatus::Expired => Err(Refusal::ApprovalExpired {
                approval,
                expired_at: self.expires,
            }),
            status => Err(Refusal::ApprovalClosed { approval, status }),
        }
    }

    /// When it can be forgotten.
    fn kept_until(&self) -> Timestamp {
        let ended = self
            .closed
            .as_ref()
            .map_or(self.expires, |closed| closed.at);
        ended.plus_micros(CLOSED_KEPT_FOR_US)
    }
}

/// One granted export: the archive's to carry out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Export {
    pub(crate) export: ExportId,
    pub(crate) scope: ExportScopeV1,
    pub(crate) requester: PersonIndex,
    pub(crate) approver: PersonIndex,
    pub(crate) granted_at: Timestamp,
}

/// A tenant's requests for approval, and the exports that were granted.
#[derive(Default)]
pub(crate) struct Approvals {
    /// How many there ever were: the last one's number.
    pub(crate) count: u64,
    pub(crate) list: BTreeMap<ApprovalId, Approval>,
    /// How many exports there ever were.
    pub(crate) export_count: u64,
    /// By number.
    pub(crate) exports: VecDeque<Export>,
}

impl Approvals {
    fn next(&self) -> ApprovalId {
        ApprovalId(self.count.saturating_add(1))
    }

    fn next_export(&self) -> ExportId {
        ExportId(self.export_count.saturating_add(1))
    }

    fn find(&self, approval: ApprovalId) -> Result<&Approval, Refusal> {
        let found = self.list.get(&approval);
        found.ok_or(Refusal::NoSuchApproval { approval })
    }

    fn open(&self, now: Timestamp) -> impl Iterator<Item = (ApprovalId, &Approval)> {
        let all = self.list.iter().map(|(id, approval)| (*id, approval));
        all.filter(move |(_, approval)| approval.status(now) == ApprovalStatus::Open)
    }
}
