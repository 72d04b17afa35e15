//! What an enterprise is, and what it allows: pure rules, no IO, no clock, no threads.
//!
//! [`decide`] reads state and a command and answers with events; [`apply`] turns events into state;
//! [`project`] says what each group sees of a record.
//! Keeps invariant 1 (`decide` is pure, `apply` is total, replay gives the same hash), invariant 9
//! (the tenant is the first part of every key) and invariant 10 (a quota is charged by the same
//! record as what it pays for).

mod body;
pub mod command;
mod decision;
mod department;
mod directory;
pub mod event;
mod group;
mod hash;
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
mod work;

pub use decision::{Context, Decision};
pub use limits::Limits;
pub use project::{MembershipDelta, Projection, project, record_kind};
pub use query::attach;
pub use quota::{QuotaCount, recount};
pub use refusal::Refusal;
pub use snapshot::SnapshotError;
pub use state::State;
pub use work::Slice;

use command::{Command, CommandBody, TaggedCommand};
use decision::Request;
use event::Event;
use group::{creation, matrix, training};

use crate::wire::{
    ClientMessageId, DeviceId, Kind, PersonId, Priority, RecordNumber, Take, TenantId, Timestamp,
};

/// Decides one command: what happens, and what the asker is told. Changes nothing (invariant 1).
#[must_use]
pub fn decide(state: &State, command: &Command, context: Context) -> Decision {
    match &command.body {
        CommandBody::Publish(publish) => {
            let request = Request::new(state, command, context);
            request
                .and_then(|request| message::decide_publish(&request, publish))
                .into()
        }
        CommandBody::Continue => work::decide_next(state, command.actor, context).into(),
        CommandBody::Tagged(tagged) => {
            let decision = decide_tagged(state, command, tagged, context).into();
            match Request::new(state, command, context) {
                Ok(request) => quota::metered(&request, tagged, decision),
                // Of no tenant there is, so nobody's to pay for.
                Err(_) => decision,
            }
        }
    }
}

fn decide_tagged(
    state: &State,
    command: &Command,
    tagged: &TaggedCommand,
    context: Context,
) -> Result<Decision, Refusal> {
    use TaggedCommand as T;
    let request = Request::new(state, command, context);
    match tagged {
        // Directory
        T::CreateTenant(create) => directory::decide_create_tenant(state, command.actor, create),
        T::AddPeople(add) => directory::decide_add_people(&request?, add),
        T::DepartPerson(depart) => directory::decide_depart(&request?, depart),
        // Departments and rosters
        // Making groups
        T::CreateGroup(create) => creation::decide_create(&request?, create),
        T::CreateGroupV2(create) => creation::decide_create_v2(&request?, create),
        T::CreateTrainingGroup(create) => creation::decide_create_training(&request?, create),
        T::CreateGroups(create) => creation::decide_create_groups(&request?, create),
        T::SetCreationPolicy(set) => creation::decide_set_policy(&request?, set),
        T::SetSelectable(set) => creation::decide_set_selectable(&request?, set),
        T::SetContactScope(set) => creation::decide_set_contact_scope(&request?, set),
        T::ReleaseRiskControl(release) => creation::decide_release(&request?, release),
        T::SetDataUseNotice(set) => creation::decide_set_notice(&request?, set),
        T::SetArchivePull(set) => creation::decide_set_archive_pull(&request?, set),
        T::ConfigureWatch(set) => training::decide_configure_watch(&request?, set),
        T::JoinAsViewer(join) => training::decide_join(&request?, join),
        T::LeaveAsViewer(leave) => training::decide_leave(&request?, leave),
        T::SplitGroup(split) => group::split::decide(&request?, split),
        T::CreateMatrix(new) => matrix::decide_create(&request?, new),
        T::ChangeMatrix(change) => matrix::decide_change(&request?, change),
        T::RemoveMatrix(remove) => matrix::decide_remove(&request?, remove),
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
        // Quotas
        T::ReleaseFreeze(release) => quota::decide_release(&request?, release),
        T::SetQuota(set) => quota::decide_set_quota(&request?, set),
        T::SetPolicy(set) => quota::decide_set_policy(&request?, set),
        T::RemovePolicy(remove) => quota::decide_remove_policy(&request?, remove),
        T::ReleaseFreezeV2(release) => quota::decide_release_one(&request?, release),
        T::SetSenderClass(set) => quota::decide_set_sender_class(&request?, set),
        // Mass sends
        T::MassSend(send) => mass_send::decide_mass_send(&request?, send),
        T::MassSendV2(send) => mass_send::decide_mass_send_v2(&request?, send),
        T::CancelMassSend(cancel) => mass_send::decide_cancel(&request?, cancel),
        // History from elsewhere
        // What is only read: the directory
        // ... departments
        // ... groups and members
        T::GetGroup(get) => query::get_group(&request?, get).map(Decision::answered),
        T::ListMembers(list) => query::list_members(&request?, list).map(Decision::answered),
        T::ListGroups(list) => query::list_groups(&request?, list).map(Decision::answered),
        // ... making groups
        T::GetBatch(get) => creation::query::get_batch(&request?, get).map(Decision::answered),
        T::GetGroupOrigin(get) => {
            creation::query::get_group_origin(&request?, get).map(Decision::answered)
        }
        T::GetAudience(get) => training::get_audience(&request?, get).map(Decision::answered),
        T::ListViewers(list) => training::list_viewers(&request?, list).map(Decision::answered),
        T::GetDataUseNotice(_) => creation::query::get_notice(&request?).map(Decision::answered),
        T::GetCreationPolicy(_) => creation::query::get_policy(&request?).map(Decision::answered),
        T::ListMatrices(list) => matrix::list(&request?, list).map(Decision::answered),
        // ... codes
        // ... approvals and the audit trail
        // ... quotas
        T::GetQuotas(get) => quota::get_quotas(&request?, get).map(Decision::answered),
        T::GetQuotasV2(get) => quota::get_quotas_v2(&request?, get).map(Decision::answered),
        T::ListPolicies(list) => quota::list_policies(&request?, list).map(Decision::answered),
        // ... mass sends
        T::GetMassSend(get) => mass_send::get_mass_send(&request?, get).map(Decision::answered),
        T::GetMassSendV2(get) => {
            mass_send::get_mass_send_v2(&request?, get).map(Decision::answered)
        }
        T::ListMassSendTargets(list) => {
            mass_send::list_targets(&request?, list).map(Decision::answered)
        }
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
            Event::MassSendAcceptedV2(accepted) => mass_send::accept_v2(state, stamp, accepted),
            Event::MassSendDelivered(target) => {
                takes.extend(mass_send::deliver(state, stamp, target));
            }
            Event::MassSendReached(reached) => {
                takes.extend(mass_send::reach(state, stamp, reached));
            }
            Event::MassSendTargetRefusedV2(refused) => {
                mass_send::refuse_target_v2(state, stamp, refused);
            }
            Event::MassSendCancelled(cancelled) => mass_send::cancel(state, stamp, cancelled),
            Event::MassSendTargetRefused(target) => {
                mass_send::refuse_target(state, stamp, target);
            }
            Event::BatchAccepted(accepted) => {
                creation::accept_batch(state, stamp, accepted);
            }
            Event::BatchGroupCreated(item) => {
                takes.extend(creation::create_of_batch(state, stamp, item));
            }
            Event::BatchGroupRefused(item) => {
                creation::refuse_of_batch(state, stamp, item);
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
        // Making groups
        Event::GroupCreated(created) => takes.extend(group::create(tenant, created)),
        Event::GroupCreatedV2(created) => takes.extend(creation::create(tenant, created)),
        Event::CreationPolicySet(set) => creation::set_policy(tenant, set),
        Event::ScopeSet(set) => creation::set_scope(tenant, set),
        Event::RiskControlSet(set) => creation::set_risk_control(tenant, stamp.timestamp, set),
        Event::FollowingEnded(ended) => creation::end_following(tenant, ended),
        Event::DataUseNoticeSet(set) => creation::set_notice(tenant, set),
        Event::ArchivePullSet(set) => creation::set_archive_pull(tenant, set),
        Event::WatchSet(set) => {
            training::set_watch(tenant, set);
        }
        Event::ViewerJoined(joined) => {
            training::let_in(tenant, joined);
        }
        Event::ViewerLeft(left) => {
            training::leave(tenant, left);
        }
        Event::WatchPasswordWrong(wrong) => {
            training::guess_wrong(tenant, stamp, wrong);
        }
        Event::MatrixSet(set) => {
            matrix::apply_set(tenant, set);
        }
        // Members and roles
        Event::MembersJoined(joined) => takes.extend(group::join(tenant, joined)),
        Event::MembersJoinedV2(joined) => {
            takes.extend(group::join_with_notice(tenant, joined));
        }
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
        // Quotas
        Event::FeatureFrozen(feature) => {
            quota::freeze(tenant, &feature.account(), stamp.timestamp);
        }
        Event::FreezeReleased(feature) => quota::lift_freeze(tenant, &feature.account()),
        Event::QuotaSet(set) => {
            quota::set_preset_limit(tenant, quota::preset_of(set.policy), set.limit);
        }
        Event::Charged(charged) => quota::charge_all(tenant, stamp, charged),
        Event::QuotaFrozen(account) => quota::freeze(tenant, account, stamp.timestamp),
        Event::QuotaFreezeLifted(account) => quota::lift_freeze(tenant, account),
        Event::PolicySet(set) => quota::set_policy(tenant, stamp.timestamp, set),
        Event::PolicyRemoved(removed) => {
            quota::remove_policy(tenant, stamp.timestamp, removed);
        }
        Event::SenderClassSet(set) => quota::set_sender_class(tenant, set),
        // History from elsewhere
        // Applied to the whole state, above.
        Event::TenantCreated(_)
        | Event::LogRepaired(_)
        | Event::MassSendAccepted(_)
        | Event::MassSendAcceptedV2(_)
        | Event::MassSendReached(_)
        | Event::MassSendTargetRefusedV2(_)
        | Event::MassSendCancelled(_)
        | Event::MassSendDelivered(_)
        | Event::MassSendTargetRefused(_)
        | Event::BatchAccepted(_)
        | Event::BatchGroupCreated(_)
        | Event::BatchGroupRefused(_) => {}
    }
}
