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
mod call;
mod code;
pub mod command;
mod contact;
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
mod work;

pub use audit::RepeatedDenial;
pub use call::OpenCall;
pub use decision::{Context, Decision};
pub use directory::{admission, phone};
pub use limits::Limits;
pub use project::{MembershipDelta, Projection, project, record_kind};
pub use query::{attach, memberships};
pub use quota::{QuotaCount, recount};
pub use refusal::Refusal;
pub use snapshot::SnapshotError;
pub use state::State;
pub use work::Slice;

use command::{Command, CommandBody, TaggedCommand};
use core::cell::Cell;
use decision::{Grounds, Request};
use event::Event;

use group::{creation, life, matrix, training};

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
        CommandBody::Continue => work::decide_next(state, command.actor, context).into(),
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
        Ok(decision) => match Request::new(state, command, context) {
            Ok(request) => (quota::metered(&request, tagged, decision), None),
            // Of no tenant there is, so nobody's to pay for.
            Err(_) => (decision, None),
        },
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
        T::DepartPersonV2(depart) => directory::decide_depart_v2(&request?, depart),
        T::VerifyTenant(verify) => directory::decide_verify(&request?, verify),
        T::SetTenantPolicy(set) => directory::decide_set_policy(&request?, set),
        T::AddPeopleV2(add) => directory::decide_add_people_v2(&request?, add),
        T::UpdatePerson(update) => directory::decide_update_person(&request?, update),
        T::FreezePerson(freeze) => directory::decide_freeze(&request?, freeze),
        T::ThawPerson(thaw) => directory::decide_thaw(&request?, thaw),
        T::InviteAgain(invite) => directory::decide_invite_again(&request?, invite),
        T::ActivatePerson(activate) => directory::decide_activate(&request?, activate),
        T::SetOrgRole(set) => directory::decide_set_org_role(&request?, set),
        T::RegisterDevice(register) => directory::decide_register_device(&request?, register),
        T::RevokeDevice(revoke) => directory::decide_revoke_device(&request?, revoke),
        T::AddContact(add) => contact::decide_add_contact(&request?, add),
        T::TagContact(tag) => contact::decide_tag_contact(&request?, tag),
        T::HandOverContact(hand) => contact::decide_hand_over(&request?, hand),
        T::ConfirmHandOver(confirm) => contact::decide_confirm_hand_over(&request?, confirm),
        // Departments and rosters
        T::CreateDepartment(create) => department::decide_create(&request?, create),
        T::RenameDepartment(rename) => department::decide_rename(&request?, rename),
        T::MoveDepartment(moved) => department::decide_move(&request?, moved),
        T::RemoveDepartment(remove) => department::decide_remove(&request?, remove),
        T::SetVisibility(set) => department::decide_set_visibility(&request?, set),
        T::MovePerson(moved) => department::decide_move_person(&request?, moved),
        T::FollowDepartment(follow) => department::decide_follow(&request?, follow),
        T::SyncPeople(sync) => department::decide_sync(&request?, sync),
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
        T::ConfigureGroup(configure) => life::decide_configure(&request?, configure),
        T::Announce(announce) => life::decide_announce(&request?, announce),
        T::MuteMember(mute) => life::decide_mute(&request?, mute),
        T::MuteAll(mute) => life::decide_mute_all(&request?, mute),
        T::SetSlowMode(set) => life::decide_slow_mode(&request?, set),
        T::DisableGroup(disable) => life::decide_disable(&request?, disable),
        T::EnableGroup(enable) => life::decide_enable(&request?, enable),
        T::DeleteGroup(delete) => life::decide_delete(&request?, delete),
        T::HideGroup(hide) => life::decide_hide(&request?, hide),
        T::RestoreGroup(restore) => life::decide_restore(&request?, restore),
        T::SetDoNotDisturb(set) => life::decide_do_not_disturb(&request?, set),
        T::TagMember(tag) => life::decide_tag(&request?, tag),
        T::AnswerInvitation(answer) => life::decide_answer(&request?, answer),
        T::DeleteMessage(delete) => message::decide_delete(&request?, delete),
        // Join codes, face-to-face, outward calls
        T::CreateJoinCode(create) => code::decide_create(&request?, create),
        T::RevokeJoinCode(revoke) => code::decide_revoke(&request?, revoke),
        T::JoinByCode(join) => code::decide_join(&request?, join),
        T::CloseCall(close) => call::decide_close(&request?, close),
        T::OpenFaceToFace(open) => code::face_to_face::decide_open(&request?, open),
        T::JoinFaceToFace(join) => code::face_to_face::decide_join(&request?, join),
        T::StartFaceToFace(start) => code::face_to_face::decide_start(&request?, start),
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
        T::SetPolicy(set) => quota::decide_set_policy(&request?, set),
        T::RemovePolicy(remove) => quota::decide_remove_policy(&request?, remove),
        T::ReleaseFreezeV2(release) => quota::decide_release_one(&request?, release),
        T::SetSenderClass(set) => quota::decide_set_sender_class(&request?, set),
        // Mass sends
        T::MassSend(send) => mass_send::decide_mass_send(&request?, send),
        T::MassSendV2(send) => mass_send::decide_mass_send_v2(&request?, send),
        T::CancelMassSend(cancel) => mass_send::decide_cancel(&request?, cancel),
        // History from elsewhere
        T::ImportHistory(import) => history::decide_import(&request?, import),
        // What is only read: the directory
        T::ListPeople(list) => directory::list_people(&request?, list).map(Decision::answered),
        T::GetPerson(get) => directory::get_person(&request?, get).map(Decision::answered),
        T::ListDevices(list) => directory::list_devices(&request?, list).map(Decision::answered),
        T::GetTenantPolicy(get) => directory::get_policy(&request?, get).map(Decision::answered),
        T::ListContacts(list) => contact::list_contacts(&request?, list).map(Decision::answered),
        // ... departments
        T::GetDepartment(get) => department::get(&request?, get).map(Decision::answered),
        T::ListDepartments(list) => department::list(&request?, list).map(Decision::answered),
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
        // ... the life of a group
        T::GetGroupSettings(get) => life::get_settings(&request?, get).map(Decision::answered),
        T::ListMembersV2(list) => life::list_members(&request?, list).map(Decision::answered),
        T::GetGroupStatistics(get) => life::get_statistics(&request?, get).map(Decision::answered),
        T::ListInvitations(list) => life::list_invitations(&request?, list).map(Decision::answered),
        T::ListOrphanedGroups(list) => life::list_orphaned(&request?, list).map(Decision::answered),
        T::ListHiddenGroups(list) => life::list_hidden(&request?, list).map(Decision::answered),
        // ... codes
        T::GetJoinCode(get) => code::get(&request?, get).map(Decision::answered),
        T::ListJoinCodes(list) => code::list(&request?, list).map(Decision::answered),
        T::GetCall(get) => call::get_call(&request?, get).map(Decision::answered),
        T::ListCalls(list) => call::list_calls(&request?, list).map(Decision::answered),
        T::GetFaceToFace(get) => code::face_to_face::get(&request?, get).map(Decision::answered),
        // ... approvals and the audit trail
        T::GetApproval(get) => approval::get_approval(&request?, get).map(Decision::answered),
        T::ListApprovals(list) => approval::list_approvals(&request?, list).map(Decision::answered),
        T::ListExports(list) => approval::list_exports(&request?, list).map(Decision::answered),
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
                    life::follow(tenant, stamp, event);
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
        Event::PersonDepartedV2(departed) => directory::depart_v2(tenant, departed, takes),
        Event::TenantVerified(verified) => directory::verify(tenant, verified),
        Event::TenantPolicySet(set) => directory::set_policy(tenant, set),
        Event::PeopleAddedV2(added) => directory::add_people_v2(tenant, added),
        Event::ProfileSet(set) => directory::set_profile(tenant, set),
        Event::PersonFrozen(frozen) => directory::freeze(tenant, frozen),
        Event::PersonThawed(thawed) => directory::thaw(tenant, thawed),
        Event::ActivationsIssued(issued) => directory::issue_activations(tenant, issued),
        Event::ActivationFailed(failed) => directory::fail_activation(tenant, failed),
        Event::PersonActivated(activated) => directory::activate(tenant, activated),
        Event::OrgRoleSet(set) => directory::set_org_role(tenant, set),
        Event::DeviceRegistered(registered) => {
            directory::register_device(tenant, stamp.timestamp, registered);
        }
        Event::DeviceRevoked(revoked) => directory::revoke_device(tenant, revoked),
        Event::ContactAdded(added) => contact::add(tenant, added),
        Event::ContactTagged(tagged) => contact::tag(tenant, tagged),
        Event::HandOverRequested(requested) => contact::request_hand_over(tenant, requested),
        Event::ContactHandedOver(handed) => contact::hand_over(tenant, handed),
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
        Event::GroupDissolved(dissolved) => takes.extend(group::dissolve(tenant, dissolved.group)),
        Event::GroupRenamed(renamed) => takes.extend(group::rename(tenant, renamed)),
        Event::GroupDissolvedV2(dissolved) => takes.extend(life::dissolve_for(tenant, dissolved)),
        Event::MembersJoinedV2(joined) => takes.extend(life::join_from(tenant, joined)),
        Event::GroupConfigured(configured) => takes.extend(life::configure(tenant, configured)),
        Event::Announced(announced) => takes.extend(life::announce(tenant, stamp, announced)),
        Event::MemberMuted(muted) => takes.extend(life::mute(tenant, stamp, muted)),
        Event::AllMuted(muted) => takes.extend(life::mute_all(tenant, muted)),
        Event::SlowModeSet(set) => takes.extend(life::set_slow_mode(tenant, set)),
        Event::GroupDisabled(disabled) => takes.extend(life::disable(tenant, disabled)),
        Event::GroupEnabled(enabled) => takes.extend(life::enable(tenant, enabled)),
        // The leaving has changed the group; this says whom else it concerns.
        Event::GroupOrphaned(_) => {}
        event @ (Event::MembersInvited(_)
        | Event::InvitationDeclined(_)
        | Event::GroupDeleted(_)
        | Event::GroupHidden(_)
        | Event::GroupRestored(_)
        | Event::DoNotDisturbSet(_)
        | Event::MemberTagged(_)) => life::note(tenant, stamp, event),
        // Messages
        Event::MessageDeleted(deleted) => takes.extend(message::delete(tenant, deleted)),
        Event::Published(published) => takes.extend(message::publish(tenant, stamp, published)),
        // Join codes, face-to-face, outward calls
        Event::CallOpened(opened) => {
            call::open(tenant, stamp, opened);
        }
        Event::CallClosed(closed) => {
            call::close(tenant, closed);
        }
        Event::JoinCodeCreated(created) => {
            code::create(tenant, created);
        }
        Event::JoinCodeRevoked(revoked) => {
            code::revoke(tenant, revoked);
        }
        Event::JoinCodeMoved(moved) => {
            code::lead_to(tenant, moved);
        }
        Event::JoinCodeUsed(used) => {
            code::count(tenant, stamp, used);
        }
        Event::CodeGuessed(guessed) => {
            code::count_guess(tenant, stamp, guessed);
        }
        Event::FaceToFaceOpened(opened) => {
            code::face_to_face::open(tenant, stamp, opened);
        }
        Event::FaceToFaceJoined(joined) => {
            code::face_to_face::join(tenant, joined);
        }
        Event::FaceToFaceStarted(started) => {
            code::face_to_face::start(tenant, started);
        }
        // Approvals and the audit trail
        Event::ApprovalRequested(requested) => {
            approval::request(tenant, requested, stamp.timestamp);
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
        Event::HistoryImported(imported) => history::import(tenant, imported, stamp.timestamp),
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
