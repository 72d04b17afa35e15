//! Exports (SPEC P1, A7): granted here by two super admins, carried out by the archive.

use super::command::{
    ExportGrantedV1, ExportStateV1, ExportsPageV1, ListExportsV1, RequestExportV1,
};
use super::event;
use crate::model::command::{Actor, Reply};
use crate::model::decision::{Decision, Request};
use crate::model::event::Event;
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::PersonIndex;
use crate::wire::PersonId;

/// Entries of a page, at most: a scope may name a thousand groups, and an answer is one frame.
const PAGE_MAX: usize = 10;

/// Grants an export to the one who asked; the row of the permission table has it wait for approval.
pub(crate) fn decide_export(
    request: &Request<'_>,
    export: &RequestExportV1,
) -> Result<Decision, Refusal> {
    let operation = Operation::ExportRecords;
    request.permit(operation, Subject::Tenant)?;
    // No operation of a person's is granted to anything else.
    let Actor::Person { person, .. } = request.actor else {
        let person = PersonId(0);
        return Err(Refusal::NoSuchPerson { person });
    };
    let requester = request.tenant.usable_person(person)?;
    if !has_second_approver(request, requester) {
        return Err(request.denied(operation, Subject::Tenant, Refusal::NoSecondApprover));
    }
    check_scope(request, export)?;

    let number = request.tenant.approvals.next_export();
    let event = Event::ExportGranted(event::ExportGrantedV1 {
        export: number,
        scope: export.scope.clone(),
        requester: person,
        approver: request.approver,
    });
    let reply = Reply::ExportGranted(ExportGrantedV1 { export: number });
    Ok(Decision::accepted(event, reply))
}

pub(crate) fn list_exports(request: &Request<'_>, list: &ListExportsV1) -> Result<Reply, Refusal> {
    request.permit(Operation::ReadApprovals, Subject::Tenant)?;
    let exports = &request.tenant.approvals.exports;
    let from = exports.partition_point(|export| export.export <= list.after);
    let page = PAGE_MAX.min(list.limit as usize);
    let shown = exports.range(from..).take(page);
    let shown: Vec<_> = shown
        .map(|export| ExportStateV1 {
            export: export.export,
            scope: export.scope.clone(),
            requester: export.requester.id(),
            approver: export.approver.id(),
            granted_at: export.granted_at,
        })
        .collect();
    Ok(Reply::Exports(ExportsPageV1 {
        more: from + shown.len() < exports.len(),
        exports: shown,
    }))
}

/// Whether there is another super admin who could approve (SPEC P1).
fn has_second_approver(request: &Request<'_>, requester: PersonIndex) -> bool {
    let tenant = request.tenant;
    let people = (1..).take(tenant.people.len()).map(PersonId);
    let mut others = people.filter_map(|person| tenant.usable_person(person).ok());
    others.any(|other| other != requester && tenant.is_super_admin(other))
}

fn check_scope(request: &Request<'_>, export: &RequestExportV1) -> Result<(), Refusal> {
    let scope = &export.scope;
    if scope.from >= scope.until {
        return Err(Refusal::Invalid {
            field: "until",
            rule: "later than from",
        });
    }
    if scope.groups.len() > request.limits.export_groups_max as usize {
        return Err(Refusal::Invalid {
            field: "groups",
            rule: "no longer than the limit of one export; none for all groups",
        });
    }
    let mut groups = scope.groups.clone();
    groups.sort_unstable();
    if groups.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Refusal::Invalid {
            field: "groups",
            rule: "each group once",
        });
    }
    for group in groups {
        request.tenant.known_group(group)?;
    }
    Ok(())
}
