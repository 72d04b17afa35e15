//! What is only read: retention and holds.

use super::command::{ClassRetentionV1, HoldStateV1, HoldsPageV1, ListHoldsV1, RetentionV1};
use super::{ALL_CLASSES, Hold};
use crate::model::command::Reply;
use crate::model::decision::{Decision, Request};
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::State;
use crate::wire::{ExportId, TenantId};

/// Entries of a page, at most.
const PAGE_MAX: usize = 100;
/// Groups named on a page, about: an answer is one frame.
const PAGE_GROUPS_MAX: usize = 5_000;

pub(crate) fn get_retention(request: &Request<'_>) -> Result<Decision, Refusal> {
    request.permit(Operation::ReadAudit, Subject::Tenant)?;
    let rules = &request.tenant.custody.rules;
    let classes = ALL_CLASSES.into_iter().map(|class| ClassRetentionV1 {
        class,
        days: rules[class as usize].days,
        expired_through: rules[class as usize].expired_through,
    });
    let classes = classes.collect();
    Ok(Decision::answered(Reply::Retention(RetentionV1 {
        classes,
    })))
}

pub(crate) fn list_holds(request: &Request<'_>, list: &ListHoldsV1) -> Result<Decision, Refusal> {
    request.permit(Operation::ReadAudit, Subject::Tenant)?;
    let holds = &request.tenant.custody.holds;
    let from = holds.partition_point(|hold| hold.id <= list.after);
    let mut named = 0;
    let shown: Vec<_> = holds[from..]
        .iter()
        .take(PAGE_MAX.min(list.limit as usize))
        .take_while(|hold| {
            let fits = named == 0 || named + hold.scope.groups.len() <= PAGE_GROUPS_MAX;
            named += hold.scope.groups.len();
            fits
        })
        .map(|hold| shown(hold))
        .collect();
    Ok(Decision::answered(Reply::Holds(HoldsPageV1 {
        more: from + shown.len() < holds.len(),
        holds: shown,
    })))
}

fn shown(hold: &Hold) -> HoldStateV1 {
    HoldStateV1 {
        hold: hold.id,
        groups: hold.scope.groups.to_vec(),
        first_day: hold.scope.first,
        last_day: hold.scope.last,
        by: hold.by,
        placed_at: hold.placed_at,
        reason: hold.reason.to_string(),
        released: hold.released,
    }
}

impl State {
    /// Exports that were granted and are not complete, the oldest of each enterprise first.
    pub fn open_exports(&self) -> impl Iterator<Item = (TenantId, ExportId)> {
        let tenants = (1..).map(TenantId).zip(&self.tenants);
        tenants.flat_map(|(id, tenant)| {
            let finished = &tenant.custody.finished;
            let granted = tenant.approvals.exports.iter().map(|export| export.export);
            let open = granted.filter(|export| finished.binary_search(export).is_err());
            open.map(move |export| (id, export))
        })
    }
}
