//! What an enterprise is, and what it allows: pure rules, no IO, no clock, no threads.
//!
//! [`decide`] reads state and a command and answers with events; [`apply`] turns events into state;
//! [`project`] says what each group sees of a record.
//! Keeps invariant 1 (`decide` is pure, `apply` is total, replay gives the same hash), invariant 9
//! (the tenant is the first part of every key) and invariant 10 (a quota is charged by the same
//! record as what it pays for).

mod approval;
mod audit;
mod body;
pub mod command;
mod decision;
mod department;
mod directory;
pub mod event;
mod group;
mod hash;
mod history;
mod limits;
mod mass_send;
mod message;
mod permission;
mod project;
mod query;
mod quota;
mod refusal;
mod snapshot;
mod state;
#[cfg(test)]
mod town;

pub use audit::RepeatedDenial;
pub use decision::{Context, Decision};
pub use limits::Limits;
pub use mass_send::Slice;
pub use project::{MembershipDelta, Projection, project, record_kind};
pub use query::attach;
pub use refusal::Refusal;
pub use snapshot::SnapshotError;
pub use state::State;

use command::{Command, CommandBody, TaggedCommand};
use decision::{Grounds, Request};
use event::Event;

use core::cell::Cell;

use crate::wire::{
    ClientMessageId, DeviceId, Kind, PersonId, Priority, RecordNumber, Take, TenantId, Timestamp,
};

/// Decides one command: what happens, and what the asker is told. Changes nothing (invariant 1).
#[must_use]
pub fn decide(state: &State, command: &Command, context: Context) -> Decision {
    decide_counting(state, command, context).0
}

/// [`decide`], and whether it was a denial that is to be counted instead of recorded (SPEC P3).
#[must_use]
pub fn decide_counting(
    state: &State,
    command: &Command,
    context: Context,
) -> (Decision, Option<RepeatedDenial>) {
    let decision = match &command.body {
        CommandBody::Publish(publish) => {
            let request = Request::new(state, command, context);
            request
                .and_then(|request| message::decide_publish(&request, publish))
                .into()
        }
        CommandBody::Continue => mass_send::decide_next(state, command.actor, context).into(),
        CommandBody::Tagged(tagged) => return decide_recorded(state, command, tagged, context),
    };
    (decision, None)
}

/// What needs approval is asked for (SPEC P2), and what is denied is recorded (SPEC P3).
fn decide_recorded(
    state: &State,
    command: &Command,
    tagged: &TaggedCommand,
    context: Context,
) -> (Decision, Option<RepeatedDenial>) {
    let denial = Cell::new(None);
    let grounds = Grounds::asked(&denial);
    let mut decided = decide_tagged(state, command, tagged, context, grounds);
    if let Err(Refusal::NeedsApproval { operation }) = decided {
        decided = approval::ask(state, command, tagged, context, operation, &denial);
    }
    match decided {
        Ok(decision) => (decision, None),
        Err(refusal) => audit::record(state, command, context, denial.take(), refusal),
    }
}

fn decide_tagged<'a>(
    state: &'a State,
    command: &Command,
    tagged: &TaggedCommand,
    context: Context,
    grounds: Grounds<'a>,
) -> Result<Decision, Refusal> {
    use TaggedCommand as T;
    let request = Request::new(state, command, context).map(|request| request.on(grounds));
    match tagged {
        // Directory
        T::CreateTenant(create) => directory::decide_create_tenant(state, command.actor, create),
        T::AddPeople(add) => directory::decide_add_people(&request?, add),
        T::DepartPerson(depart) => directory::decide_depart(&request?, depart),
        // Departments and rosters
        T::CreateDepartment(create) => department::decide_create(&request?, create),
        T::RenameDepartment(rename) => department::decide_rename(&request?, rename),
        T::MoveDepartment(moved) => department::decide_move(&request?, moved),
        T::RemoveDepartment(remove) => department::decide_remove(&request?, remove),
        T::SetVisibility(set) => department::decide_set_visibility(&request?, set),
        T::MovePerson(moved) => department::decide_move_person(&request?, moved),
        T::FollowDepartment(follow) => department::decide_follow(&request?, follow),
        // Making groups
        T::CreateGroup(create) => group::decide_create(&request?, create),
        // Members and roles
        T::AddMembers(add) => group::decide_add_members(&request?, add),
        T::LeaveGroup(leave) => group::decide_leave(&request?, leave),
        T::RemoveMembers(remove) => group::decide_remove_members(&request?, remove),
        T::SetRole(set) => group::decide_set_role(&request?, set),
        T::TransferOwnership(transfer) => group::decide_transfer(&request?, transfer),
        // The life of a group
        T::DissolveGroup(dissolve) => group::decide_dissolve(&request?, dissolve),
        T::RenameGroup(rename) => group::decide_rename(&request?, rename),
        // Join codes, face-to-face, outward calls
        // Approvals and the audit trail
        T::RequestExport(export) => approval::decide_export(&request?, export),
        T::DecideApproval(decide) => {
            approval::decide_approval(state, command.tenant, &request?, context, decide)
        }
        T::WithdrawApproval(withdraw) => approval::decide_withdraw(&request?, withdraw),
        T::CountDenials(count) => audit::decide_count(&request?, count),
        // Quotas
        T::ReleaseFreeze(release) => quota::decide_release(&request?, release),
        T::SetQuota(set) => quota::decide_set_quota(&request?, set),
        // Mass sends
        T::MassSend(send) => mass_send::decide_mass_send(&request?, send),
        // History from elsewhere
        T::ImportHistory(import) => history::decide_import(&request?, import),
        // What is only read: the directory
        // ... departments
        T::GetDepartment(get) => department::get(&request?, get).map(Decision::answered),
        T::ListDepartments(list) => department::list(&request?, list).map(Decision::answered),
        // ... groups and members
        T::GetGroup(get) => query::get_group(&request?, get).map(Decision::answered),
        T::ListMembers(list) => query::list_members(&request?, list).map(Decision::answered),
        T::ListGroups(list) => query::list_groups(&request?, list).map(Decision::answered),
        // ... codes
        // ... approvals and the audit trail
        T::GetApproval(get) => approval::get_approval(&request?, get).map(Decision::answered),
        T::ListApprovals(list) => approval::list_approvals(&request?, list).map(Decision::answered),
        T::ListExports(list) => approval::list_exports(&request?, list).map(Decision::answered),
        // ... quotas
        T::GetQuotas(get) => query::get_quotas(&request?, get).map(Decision::answered),
        // ... mass sends
        T::GetMassSend(get) => query::get_mass_send(&request?, get).map(Decision::answered),
    }
}

/// What a record says outside its events; all of it is in the record's header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// The record's number.
    pub record: RecordNumber,
    /// When it was decided.
    pub timestamp: Timestamp,
    /// The enterprise; a new tenant's own record may say 0.
    pub tenant: TenantId,
    /// Who caused it: of a publish or a mass send its sender, else the person who asked; 0 for
    /// the enterprise's systems.
    pub sender: PersonId,
    /// From which device.
    pub device: DeviceId,
    /// The sender's name for it.
    pub client_message_id: ClientMessageId,
    /// What the record's view is; see [`record_kind`].
    pub kind: Kind,
    /// How soon it must be seen.
    pub priority: Priority,
}

/// What applying a record assigned.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Applied {
    /// One place in each group concerned, in the order of the events: none, one or many.
    pub takes: Vec<Take>,
}

/// Turns a record's events into state and assigns its sequences.
///
/// Total: whatever the events, nothing panics; one that does not fit the state changes nothing.
pub fn apply(state: &mut State, stamp: &Stamp, events: &[Event]) -> Applied {
    state.clock = state.clock.max(stamp.timestamp);
    let mut takes = Vec::new();
    for event in events {
        match event {
            Event::TenantCreated(created) => directory::create_tenant(state, created),
            Event::LogRepaired(_) => {}
            Event::MassSendAccepted(accepted) => {
                mass_send::accept(state, stamp, accepted);
            }
            Event::MassSendDelivered(target) => {
                takes.extend(mass_send::deliver(state, stamp, target));
            }
            Event::MassSendTargetRefused(target) => {
                mass_send::refuse_target(state, stamp, target);
            }
            event => {
                if let Some(tenant) = state.tenant_mut(stamp.tenant) {
                    apply_to_tenant(tenant, stamp, event, &mut takes);
                }
            }
        }
    }
    Applied { takes }
}

fn apply_to_tenant(
    tenant: &mut state::Tenant,
    stamp: &Stamp,
    event: &Event,
    takes: &mut Vec<Take>,
) {
    match event {
        // Directory
        Event::PeopleAdded(added) => directory::add_people(tenant, added),
        Event::PersonDeparted(departed) => directory::depart(tenant, departed, takes),
        // Departments and rosters
        Event::DepartmentCreated(created) => department::create(tenant, created),
        Event::DepartmentRenamed(renamed) => department::rename(tenant, renamed),
        Event::DepartmentMoved(moved) => department::move_below(tenant, moved),
        Event::DepartmentRemoved(removed) => department::remove(tenant, removed),
        Event::VisibilitySet(set) => department::set_visibility(tenant, set),
        Event::PersonMoved(moved) => department::place(tenant, moved),
        Event::GroupBound(bound) => department::start_following(tenant, bound),
        Event::DepartmentFollowed(followed) => takes.extend(group::follow(tenant, followed)),
        // Recorded only (SPEC D8).
        Event::FollowRefused(_) => {}
        // Making groups
        Event::GroupCreated(created) => takes.extend(group::create(tenant, created)),
        // Members and roles
        Event::MembersJoined(joined) => takes.extend(group::join(tenant, joined)),
        Event::MembersLeft(left) => {
            let fate = group::Fate {
                successor: left.successor,
                status: left.status,
            };
            takes.extend(group::leave(tenant, left.group, &left.people, fate));
        }
        Event::RoleChanged(changed) => takes.extend(group::change_role(tenant, changed)),
        Event::OwnershipTransferred(transferred) => {
            takes.extend(group::transfer_ownership(tenant, transferred));
        }
        // The life of a group
        Event::GroupDissolved(dissolved) => takes.extend(group::dissolve(tenant, dissolved)),
        Event::GroupRenamed(renamed) => takes.extend(group::rename(tenant, renamed)),
        // Messages
        Event::Published(published) => takes.extend(message::publish(tenant, stamp, published)),
        // Join codes, face-to-face, outward calls
        // Approvals and the audit trail
        Event::ApprovalRequested(requested) => {
            approval::request(tenant, requested, stamp.timestamp)
        }
        Event::ApprovalDecided(decided) => approval::close(tenant, decided, stamp.timestamp),
        Event::ApprovalWithdrawn(withdrawn) => {
            approval::withdraw(tenant, withdrawn, stamp.timestamp);
        }
        Event::ExportGranted(granted) => approval::grant_export(tenant, granted, stamp.timestamp),
        Event::OperationDenied(denied) => audit::note(tenant, denied, stamp.timestamp),
        // Counts are for the trail alone.
        Event::DenialsCounted(_) => {}
        // Quotas
        Event::FeatureFrozen(feature) => {
            if let Some(sender) = tenant.find_person(feature.person) {
                quota::freeze(tenant, sender, stamp.timestamp);
            }
        }
        Event::FreezeReleased(feature) => {
            if let Some(sender) = tenant.find_person(feature.person) {
                quota::release(tenant, sender);
            }
        }
        Event::QuotaSet(set) => quota::set_limit(tenant, set),
        // History from elsewhere
        Event::HistoryImported(imported) => history::import(tenant, imported, stamp.timestamp),
        // Applied to the whole state, above.
        Event::TenantCreated(_)
        | Event::LogRepaired(_)
        | Event::MassSendAccepted(_)
        | Event::MassSendDelivered(_)
        | Event::MassSendTargetRefused(_) => {}
    }
}
