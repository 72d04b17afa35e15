//! What requests and exports are after an event. An event that does not fit changes nothing.

use super::event::{ApprovalDecidedV1, ApprovalRequestedV1, ApprovalWithdrawnV1, ExportGrantedV1};
use super::{Approval, Approvals, CLOSED_KEPT_MAX, Closed, EXPORTS_KEPT_MAX, Export};
use crate::model::command::ApprovalStatus;
use crate::model::state::Tenant;
use crate::wire::{ApprovalId, PersonId, Timestamp};

pub(crate) fn request(tenant: &mut Tenant, requested: &ApprovalRequestedV1, at: Timestamp) {
    let Some(requester) = tenant.find_person(requested.requester) else {
        return;
    };
    let approvals = &mut tenant.approvals;
    if requested.approval != approvals.next() {
        return;
    }
    approvals.count = requested.approval.0;
    approvals.forget(at);
    let asked = Approval {
        operation: requested.operation,
        command_tag: requested.command_tag,
        command: requested.command.as_slice().into(),
        requester,
        device: requested.device,
        second_factor: requested.second_factor,
        requested_at: at,
        expires: requested.expires,
        closed: None,
    };
    approvals.list.insert(requested.approval, asked);
}

pub(crate) fn close(tenant: &mut Tenant, decided: &ApprovalDecidedV1, at: Timestamp) {
    let closed = Closed {
        at,
        status: decided.status,
        approver: decided.approver,
        reason: decided.reason.as_str().into(),
        reply_tag: decided.reply_tag,
        reply: decided.reply.as_slice().into(),
        refusal: decided.refusal,
    };
    tenant.approvals.close(decided.approval, closed);
}

pub(crate) fn withdraw(tenant: &mut Tenant, withdrawn: &ApprovalWithdrawnV1, at: Timestamp) {
    let closed = Closed {
        at,
        status: ApprovalStatus::Withdrawn,
        approver: PersonId(0),
        reason: Box::default(),
        reply_tag: 0,
        reply: Box::default(),
        refusal: 0,
    };
    tenant.approvals.close(withdrawn.approval, closed);
}

pub(crate) fn grant_export(tenant: &mut Tenant, granted: &ExportGrantedV1, at: Timestamp) {
    let people = (
        tenant.find_person(granted.requester),
        tenant.find_person(granted.approver),
    );
    let (Some(requester), Some(approver)) = people else {
        return;
    };
    let approvals = &mut tenant.approvals;
    if granted.export != approvals.next_export() {
        return;
    }
    approvals.export_count = granted.export.0;
    approvals.exports.push_back(Export {
        export: granted.export,
        scope: granted.scope.clone(),
        requester,
        approver,
        granted_at: at,
    });
    if approvals.exports.len() > EXPORTS_KEPT_MAX {
        approvals.exports.pop_front();
    }
}

impl Approvals {
    fn close(&mut self, approval: ApprovalId, closed: Closed) {
        if let Some(asked) = self.list.get_mut(&approval)
            && asked.closed.is_none()
        {
            asked.command = Box::default();
            asked.closed = Some(Box::new(closed));
        }
    }

    /// Drops the commands of what has expired, and what has been over for long.
    fn forget(&mut self, now: Timestamp) {
        self.list.retain(|_, asked| now < asked.kept_until());
        let mut over = Vec::new();
        for (id, asked) in &mut self.list {
            if asked.status(now) != ApprovalStatus::Open {
                asked.command = Box::default();
                over.push(*id);
            }
        }
        let surplus = over.len().saturating_sub(CLOSED_KEPT_MAX);
        for id in &over[..surplus] {
            self.list.remove(id);
        }
    }
}
