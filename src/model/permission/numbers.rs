//! The numbers of operations in records and answers: never changed and never used again.

use super::table::Operation;

/// The operation's number, as docs/wire.md lists them.
pub(crate) fn number_of(operation: Operation) -> u16 {
    use Operation as O;
    match operation {
        // The node
        O::CreateTenant => 1,
        O::VerifyTenant => 2,
        O::Continue => 3,
        // The enterprise
        O::SetTenantPolicy => 16,
        O::ReadTenant => 17,
        O::ConfigureApps => 18,
        O::ReadAudit => 19,
        // Departments and people
        O::ManageDepartment => 32,
        O::ReadDepartments => 33,
        O::AddPeople => 34,
        O::SyncPeople => 35,
        O::UpdatePerson => 36,
        O::FreezePerson => 37,
        O::ActivatePerson => 38,
        O::SetOrgRole => 39,
        O::DepartPerson => 40,
        O::ReadPerson => 41,
        O::ReadDirectory => 42,
        O::RevokeDevice => 43,
        O::InvitePerson => 44,
        O::RegisterDevice => 45,
        O::AppointSuperAdmin => 46,
        // External contacts
        O::AddContact => 64,
        O::TagContact => 65,
        O::HandOverContact => 66,
        O::ConfirmHandOver => 67,
        // Making groups
        O::CreateInternalGroup => 80,
        O::CreateExternalGroup => 81,
        O::CreateTrainingGroup => 82,
        O::CreateDirectGroup => 83,
        O::CreateGroupForAnother => 84,
        O::CreateGroups => 85,
        O::SetCreationPolicy => 86,
        O::ReleaseRiskControl => 87,
        O::ManageMatrix => 88,
        O::ReadNotice => 89,
        O::WatchGroup => 90,
        // Who is in a group
        O::AddMembers => 96,
        O::AnswerInvitation => 97,
        O::LeaveGroup => 98,
        O::RemoveMembers => 99,
        O::RemoveOwner => 100,
        O::SetRole => 101,
        O::TransferOwnership => 102,
        O::SplitGroup => 103,
        O::AddMembersAsAdmin => 104,
        // The life of a group
        O::RenameGroup => 112,
        O::RenameLockedGroup => 113,
        O::Announce => 114,
        O::ConfigureGroup => 115,
        O::Mute => 116,
        O::DissolveGroup => 117,
        O::DisableGroup => 118,
        O::DeleteGroup => 119,
        O::SetOwnView => 120,
        O::ReadGroup => 121,
        // Ways in
        O::ManageJoinCode => 128,
        O::JoinByCode => 129,
        O::OpenFaceToFace => 130,
        O::AnswerVerification => 131,
        // Messages
        O::Publish => 144,
        O::PublishAsSystem => 145,
        O::DeleteMessage => 146,
        O::ReadConversation => 147,
        O::ExportRecords => 148,
        O::ImportHistory => 149,
        O::RecallMessage => 150,
        O::PullArchive => 151,
        // Mass sends and quotas
        O::MassSend => 160,
        O::CancelMassSend => 161,
        O::ReadMassSend => 162,
        O::ReleaseFreeze => 163,
        O::SetQuota => 164,
        O::RaiseQuota => 165,
        // Approvals
        O::DecideApproval => 176,
        O::DecideExport => 177,
        O::WithdrawApproval => 178,
        O::ReadApprovals => 179,
        // Custody of the archive
        O::SetRetention => 192,
        O::PlaceHold => 193,
        O::ReleaseHold => 194,
        O::EraseContent => 195,
        O::SearchArchive => 196,
    }
}
