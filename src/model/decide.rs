//! From a command to its aggregate: one arm a command.

use core::cell::Cell;

use crate::model::audit::RepeatedDenial;
use crate::model::command::{Command, CommandBody, TaggedCommand};
use crate::model::decision::{Context, Decision, Grounds, Request};
use crate::model::group::{creation, life, matrix, training};
use crate::model::refusal::Refusal;
use crate::model::state::State;
use crate::model::{
    approval, audit, call, code, contact, custody, department, directory, group, history,
    mass_send, message, pull, query, quota, work,
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

pub(super) fn decide_tagged<'a>(
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
        T::ReadAudit(read) => audit::decide_read(&request?, command.tenant, read),
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
        // Custody of the archive
        T::SetRetention(set) => custody::decide_set_retention(&request?, set),
        T::PlaceHold(place) => custody::decide_place(&request?, place),
        T::ReleaseHold(release) => custody::decide_release(&request?, release),
        T::EraseContent(erase) => custody::decide_erase(&request?, erase),
        T::ExpireContent(_) => custody::decide_expire(&request?),
        T::FinishExport(finish) => custody::decide_finish_export(&request?, finish),
        T::SearchArchive(search) => custody::decide_search(&request?, command.tenant, search),
        T::GetRetention(_) => custody::get_retention(&request?),
        T::ListHolds(list) => custody::list_holds(&request?, list),
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
        // ... the archive
        T::PullRecords(asked) => pull::decide(&request?, command.tenant, asked),
    }
}
