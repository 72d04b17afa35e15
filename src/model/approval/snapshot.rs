//! Requests for approval and exports as a snapshot has them.

use super::command::{ApprovalStatus, ExportScopeV1};
use super::{Approval, Approvals, Closed, Export};
use crate::model::body::body;
use crate::model::state::Tenant;
use crate::wire::{ApprovalId, DeviceId, ExportId, PersonId, Timestamp};

body! {
    /// Requests and exports by number, and how many there ever were.
    ApprovalsStateV1 {
        count: u64,
        list: Vec<AskedStateV1>,
        export_count: u64,
        exports: Vec<GrantedStateV1>,
    }
}
body! {
    /// One request.
    AskedStateV1 {
        approval: ApprovalId,
        operation: u16,
        command_tag: u16,
        command: Vec<u8>,
        requester: PersonId,
        device: DeviceId,
        second_factor: bool,
        requested_at: Timestamp,
        expires: Timestamp,
        closed: Option<ClosedStateV1>,
    }
}
body! {
    /// How a request ended.
    ClosedStateV1 {
        at: Timestamp,
        status: ApprovalStatus,
        approver: PersonId,
        reason: String,
        reply_tag: u16,
        reply: Vec<u8>,
        refusal: u16,
    }
}
body! {
    /// One export.
    GrantedStateV1 {
        export: ExportId,
        scope: ExportScopeV1,
        requester: PersonId,
        approver: PersonId,
        granted_at: Timestamp,
    }
}

pub(crate) fn write(tenant: &Tenant) -> ApprovalsStateV1 {
    // Destructured, so that a new field cannot be forgotten.
    let Approvals {
        count,
        list,
        export_count,
        exports,
    } = &tenant.approvals;
    let list = list.iter().map(|(id, asked)| write_asked(*id, asked));
    ApprovalsStateV1 {
        count: *count,
        list: list.collect(),
        export_count: *export_count,
        exports: exports.iter().map(write_export).collect(),
    }
}

fn write_asked(approval: ApprovalId, asked: &Approval) -> AskedStateV1 {
    let Approval {
        operation,
        command_tag,
        command,
        requester,
        device,
        second_factor,
        requested_at,
        expires,
        closed,
    } = asked;
    AskedStateV1 {
        approval,
        operation: *operation,
        command_tag: *command_tag,
        command: command.to_vec(),
        requester: requester.id(),
        device: *device,
        second_factor: *second_factor,
        requested_at: *requested_at,
        expires: *expires,
        closed: closed.as_deref().map(write_closed),
    }
}

fn write_closed(closed: &Closed) -> ClosedStateV1 {
    let Closed {
        at,
        status,
        approver,
        reason,
        reply_tag,
        reply,
        refusal,
    } = closed;
    ClosedStateV1 {
        at: *at,
        status: *status,
        approver: *approver,
        reason: reason.to_string(),
        reply_tag: *reply_tag,
        reply: reply.to_vec(),
        refusal: *refusal,
    }
}

fn write_export(export: &Export) -> GrantedStateV1 {
    let Export {
        export,
        scope,
        requester,
        approver,
        granted_at,
    } = export;
    GrantedStateV1 {
        export: *export,
        scope: scope.clone(),
        requester: requester.id(),
        approver: approver.id(),
        granted_at: *granted_at,
    }
}

pub(crate) fn read(tenant: &mut Tenant, state: ApprovalsStateV1) -> Result<(), &'static str> {
    let what = "a request for approval";
    let mut approvals = Approvals {
        count: state.count,
        export_count: state.export_count,
        ..Approvals::default()
    };
    let mut last = ApprovalId(0);
    for asked in state.list {
        let id = asked.approval;
        if id <= last || id.0 > state.count {
            return Err(what);
        }
        last = id;
        let requester = tenant.find_person(asked.requester).ok_or(what)?;
        approvals.list.insert(
            id,
            Approval {
                operation: asked.operation,
                command_tag: asked.command_tag,
                command: asked.command.into(),
                requester,
                device: asked.device,
                second_factor: asked.second_factor,
                requested_at: asked.requested_at,
                expires: asked.expires,
                closed: asked.closed.map(|closed| Box::new(read_closed(closed))),
            },
        );
    }
    let what = "an export";
    let mut last = ExportId(0);
    for granted in state.exports {
        if granted.export <= last || granted.export.0 > state.export_count {
            return Err(what);
        }
        last = granted.export;
        approvals.exports.push_back(Export {
            export: granted.export,
            scope: granted.scope,
            requester: tenant.find_person(granted.requester).ok_or(what)?,
            approver: tenant.find_person(granted.approver).ok_or(what)?,
            granted_at: granted.granted_at,
        });
    }
    tenant.approvals = approvals;
    Ok(())
}

fn read_closed(closed: ClosedStateV1) -> Closed {
    Closed {
        at: closed.at,
        status: closed.status,
        approver: closed.approver,
        reason: closed.reason.into(),
        reply_tag: closed.reply_tag,
        reply: closed.reply.into(),
        refusal: closed.refusal,
    }
}
