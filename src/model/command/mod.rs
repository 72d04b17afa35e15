//! What can be asked of the model, and what it answers: commands, queries and replies.
//!
//! Each body is one type per version with a stable tag, so that a client of any age is understood
//! (docs/wire.md). Publishing travels in its own frame of fixed layout and has no tag.

mod asked;
mod bodies;

pub use crate::model::approval::command::*;
pub use crate::model::audit::command::*;
pub use crate::model::custody::command::*;
pub use crate::model::department::command::*;
pub use crate::model::group::creation::command::*;
pub use crate::model::group::life::command::*;
pub use crate::model::history::command::*;
pub use crate::model::mass_send::command::*;
pub use crate::model::message::command::*;
pub use crate::model::pull::command::*;
pub use crate::model::quota::command::*;
pub use asked::{Actor, Command, CommandBody, Publish};
pub use bodies::*;
// Directory
pub use crate::model::contact::command::*;
pub use crate::model::directory::command::*;

pub use crate::model::call::command::*;
pub use crate::model::code::command::*;

use crate::wire::tagged::tagged_enum;

tagged_enum! {
    /// Commands and queries with a tagged body. Tags below 0x100 change state, others only
    /// read, though a pull of the archive is on record.
    pub enum TaggedCommand {
        /// A new enterprise; answered by `TenantCreated`. Only [`Actor::Node`].
        CreateTenant(CreateTenantV1) = 0x001,
        /// People of a tenant; answered by `PeopleAdded`.
        AddPeople(AddPeopleV1) = 0x002,
        /// A person leaves the company and every group in one record (SPEC M5, M6); `Done`.
        DepartPerson(PersonV1) = 0x003,
        /// A group from a list of people (SPEC G3); answered by `GroupCreated`.
        CreateGroup(CreateGroupV1) = 0x010,
        /// People into a group: by themselves (their own id) or added; `GroupChanged`, or `Invited` where they
        /// have to agree first (SPEC G7).
        AddMembers(MembersV1) = 0x011,
        /// One's own leaving; `GroupChanged`.
        LeaveGroup(GroupV1) = 0x012,
        /// People out of a group; `GroupChanged`.
        RemoveMembers(MembersV1) = 0x013,
        /// The end of a group; its records stay (SPEC G8); `GroupChanged`.
        DissolveGroup(GroupV1) = 0x014,
        /// Makes a member an admin or a plain member (SPEC M2); `GroupChanged`.
        SetRole(SetRoleV1) = 0x015,
        /// Hands the group to one of its admins (SPEC M2); `GroupChanged`.
        TransferOwnership(MemberV1) = 0x016,
        /// A new name; `GroupChanged`.
        RenameGroup(RenameGroupV1) = 0x017,
        /// One message to many groups, charged once (SPEC Q4); answered by `MassSendAccepted`.
        MassSend(MassSendV1) = 0x020,
        /// Lifts a freeze, not the count (SPEC Q2); `Done`.
        ReleaseFreeze(PersonV1) = 0x021,
        /// A tenant's limit for a quota policy, from its next window on (SPEC Q1, Q5); `Done`.
        SetQuota(SetQuotaV1) = 0x022,
        // 0x030 Directory
        /// Until when a tenant is verified (SPEC D1); `Done`. Only [`Actor::Node`].
        VerifyTenant(VerifyTenantV1) = 0x030,
        /// People with their entries and departments (SPEC D3); answered by `PeopleAdded`.
        AddPeopleV2(AddPeopleV2) = 0x031,
        /// A person's whole entry; `Done`.
        UpdatePerson(UpdatePersonV1) = 0x032,
        /// The account asks for nothing until it is thawed; its sessions end; `Done`.
        FreezePerson(PersonV1) = 0x033,
        /// The account is what it was before; `Done`.
        ThawPerson(PersonV1) = 0x034,
        /// A new one-time code for somebody invited; the one before is void; `Done`.
        InviteAgain(PersonV1) = 0x035,
        /// The account is in use from now on (SPEC D3); `Done`.
        ActivatePerson(ActivatePersonV1) = 0x036,
        /// A role in the whole enterprise (SPEC D5); `Done`.
        SetOrgRole(SetOrgRoleV1) = 0x037,
        /// A person leaves the company, with a colleague in their place (SPEC D7); `Done`.
        DepartPersonV2(DepartPersonV2) = 0x038,
        /// A device is in use (SPEC D9); `Done`.
        RegisterDevice(RegisterDeviceV1) = 0x039,
        /// A device is locked out and its session ends; `Done`.
        RevokeDevice(DeviceOfPersonV1) = 0x03a,
        /// The enterprise's rules of access (SPEC D9); `Done`.
        SetTenantPolicy(SetTenantPolicyV1) = 0x03b,
        /// An external contact who belongs to an employee (SPEC D4); answered by `ContactAdded`.
        AddContact(AddContactV1) = 0x03c,
        /// An employee's tags for a contact; `Done`.
        TagContact(TagContactV1) = 0x03d,
        /// A contact for another employee, once they confirm (SPEC D4); answered by `HandOver`.
        HandOverContact(HandOverContactV1) = 0x03e,
        /// The contact agrees; `Done`.
        ConfirmHandOver(ConfirmHandOverV1) = 0x03f,
        // 0x050 Departments and rosters
        /// A department, answered by `DepartmentCreated` (SPEC D2).
        CreateDepartment(CreateDepartmentV1) = 0x050,
        /// Another name for a department; `Done`.
        RenameDepartment(RenameDepartmentV1) = 0x051,
        /// A department elsewhere in the tree, with all below it, and groups that follow it; `Done`.
        MoveDepartment(MoveDepartmentV1) = 0x052,
        /// The end of an empty department; `Done`.
        RemoveDepartment(DepartmentV1) = 0x053,
        /// Who sees a department (SPEC D2); `Done`.
        SetVisibility(SetVisibilityV1) = 0x054,
        /// A person's departments, with the groups that follow those (SPEC D8); `Done`.
        MovePerson(MovePersonV1) = 0x055,
        /// A group that follows a department from now on (SPEC D8); `Done`.
        FollowDepartment(FollowDepartmentV1) = 0x056,
        /// Rows of a roster, each by itself (SPEC D6); answered by `PeopleSynced`.
        SyncPeople(SyncPeopleV1) = 0x057,
        // 0x060 Making groups
        /// A group from people and departments (SPEC G3); answered by `GroupCreated`.
        CreateGroupV2(NewGroupV1) = 0x060,
        /// A training group with its watch password (SPEC G1); answered by `GroupCreated`.
        CreateTrainingGroup(CreateTrainingGroupV1) = 0x061,
        /// Up to 500 groups, each succeeding or failing by itself (SPEC G3); `BatchAccepted`.
        CreateGroups(CreateGroupsV1) = 0x062,
        /// Who may create groups (SPEC G4); `Done`.
        SetCreationPolicy(SetCreationPolicyV1) = 0x063,
        /// Who may be selected for new groups (SPEC G4); `Done`.
        SetSelectable(SetSelectableV1) = 0x064,
        /// Whom one creator may select (SPEC G4); `Done`.
        SetContactScope(SetContactScopeV1) = 0x065,
        /// Lets a person who created too many go on, without undoing the day's count (SPEC G4); `Done`.
        ReleaseRiskControl(PersonV1) = 0x066,
        /// What those who join external groups are told from now on (SPEC G1); `Done`.
        SetDataUseNotice(SetDataUseNoticeV1) = 0x067,
        /// Whether the enterprise's archive pull carries a group (SPEC G1); `Done`.
        SetArchivePull(SetArchivePullV1) = 0x068,
        /// Another watch password and window; `Done`.
        ConfigureWatch(ConfigureWatchV1) = 0x069,
        /// A viewer into a training group, by password (SPEC G1); answered by `Watching`.
        JoinAsViewer(JoinAsViewerV1) = 0x06a,
        /// A viewer out of a training group; `Done`.
        LeaveAsViewer(LeaveAsViewerV1) = 0x06b,
        /// A group becomes a core and sub-groups with the same admins (SPEC G10); `GroupSplit`.
        SplitGroup(SplitGroupV1) = 0x06c,
        /// A set of groups to address as one (SPEC G10); answered by `MatrixSet`.
        CreateMatrix(NewMatrixV1) = 0x06d,
        /// Other groups for a set; answered by `MatrixSet`.
        ChangeMatrix(ChangeMatrixV1) = 0x06e,
        /// No set any more; its groups stay as they are; `Done`.
        RemoveMatrix(MatrixV1) = 0x06f,
        // 0x070 The life of a group
        /// Settings of a group (SPEC G7, G9); `GroupChanged`.
        ConfigureGroup(ConfigureGroupV1) = 0x070,
        /// An announcement (SPEC G9); `GroupChanged`.
        Announce(AnnounceV1) = 0x071,
        /// Silences a member, or lets them speak again (SPEC M3); `GroupChanged`.
        MuteMember(MuteMemberV1) = 0x072,
        /// Silences everybody but owner and admins (SPEC M3); `GroupChanged`.
        MuteAll(MuteAllV1) = 0x073,
        /// Time between two messages of a member (SPEC M3); `GroupChanged`.
        SetSlowMode(SetSlowModeV1) = 0x074,
        /// Puts a group out of use: its members do not see it (SPEC G8); `GroupChanged`.
        DisableGroup(GroupV1) = 0x075,
        /// Puts it in use again (SPEC G8, M6); `GroupChanged`.
        EnableGroup(EnableGroupV1) = 0x076,
        /// Erases a dissolved group's view (SPEC G8); `Done`.
        DeleteGroup(GroupV1) = 0x077,
        /// Deletes a group from one's own view (SPEC G8); `Done`.
        HideGroup(MemberV1) = 0x078,
        /// Brings it back (SPEC G8); `Done`.
        RestoreGroup(MemberV1) = 0x079,
        /// Whether new messages may disturb a member (SPEC G9); `Done`.
        SetDoNotDisturb(SetDoNotDisturbV1) = 0x07a,
        /// What employees note of a member (SPEC G9); `Done`.
        TagMember(TagMemberV1) = 0x07b,
        /// Accepts or declines (SPEC G7); `GroupChanged`, or `Done` where one declines.
        AnswerInvitation(AnswerInvitationV1) = 0x07c,
        /// Deletes one message (SPEC P1); `GroupChanged`.
        DeleteMessage(DeleteMessageV1) = 0x07d,
        // 0x090 Join codes, face-to-face, outward calls
        /// A way into a group (SPEC G5); answered by `JoinCodeCreated`.
        CreateJoinCode(CreateJoinCodeV1) = 0x090,
        /// Ends a join code; `Done`.
        RevokeJoinCode(JoinCodeV1) = 0x091,
        /// A person into the group a code leads to; answered by `Joined`, or by `JoinPending` where
        /// the code has a second verification.
        JoinByCode(JoinByCodeV1) = 0x092,
        /// The answer to an outward call; answered by `Call`.
        CloseCall(CloseCallV1) = 0x093,
        /// Opens a face-to-face group, or comes to the one that is open (SPEC G6); `FaceToFace`.
        OpenFaceToFace(OpenFaceToFaceV1) = 0x094,
        /// Comes to a face-to-face group; `FaceToFace`.
        JoinFaceToFace(JoinFaceToFaceV1) = 0x095,
        /// Makes a group of those who came; `FaceToFace`.
        StartFaceToFace(FaceToFaceV1) = 0x096,
        // 0x0a0 Approvals and the audit trail
        /// Exports records, once another super admin approves (SPEC P1); `ApprovalPending`, and in the
        /// end `ExportGranted`.
        RequestExport(RequestExportV1) = 0x0a0,
        /// Approves or refuses what somebody else asked for (SPEC P2); `ApprovalDecided`.
        DecideApproval(DecideApprovalV1) = 0x0a1,
        /// Takes back what one asked for oneself; `Done`.
        WithdrawApproval(ApprovalIdV1) = 0x0a2,
        /// Throng's own: denials that were counted instead of recorded (SPEC P3); `Done`.
        CountDenials(CountDenialsV1) = 0x0a3,
        /// A page of the audit trail, on record before it is read (SPEC A1); `AuditGranted`, and on the wire what
        /// was found, `AuditPage`.
        ReadAudit(ReadAuditV1) = 0x0a4,
        // 0x0b0 Quotas
        /// A policy, or what changes of it from its next window on (SPEC Q1, Q5); `Done`.
        SetPolicy(SetPolicyV1) = 0x0b0,
        /// The end of a policy, with its next window; `Done`.
        RemovePolicy(RemovePolicyV1) = 0x0b1,
        /// Lifts one freeze of whatever account, not the count (SPEC Q2); `Done`.
        ReleaseFreezeV2(ReleaseFreezeV2) = 0x0b2,
        /// What kind of account a person sends to many with (SPEC Q2); `Done`.
        SetSenderClass(SetSenderClassV1) = 0x0b3,
        // 0x0c0 Mass sends
        /// One message to groups, sets of groups and customers, charged once (SPEC Q4); answered by
        /// `MassSendAccepted`.
        MassSendV2(MassSendV2) = 0x0c0,
        /// Stops what has not gone out; the sender is not refunded (SPEC Q4); `Done`.
        CancelMassSend(CancelMassSendV1) = 0x0c1,
        // 0x0d0 History from elsewhere
        /// A chunk of another product's history (SPEC D10); `HistoryImported`.
        ImportHistory(ImportHistoryV1) = 0x0d0,
        // 0x0e0 Custody of the archive
        /// How long content of a class is kept (SPEC A5); `Done`.
        SetRetention(SetRetentionV1) = 0x0e0,
        /// A legal hold (SPEC A5); answered by `HoldPlaced`.
        PlaceHold(PlaceHoldV1) = 0x0e1,
        /// The end of a hold; `Done`.
        ReleaseHold(ReleaseHoldV1) = 0x0e2,
        /// Erases what was said in a group on some days (SPEC A4); `Done`.
        EraseContent(EraseContentV1) = 0x0e3,
        /// Throng's own: what is due expires (SPEC A5); `Done`.
        ExpireContent(ExpireContentV1) = 0x0e4,
        /// Throng's own: an export is complete (SPEC A7); `Done`.
        FinishExport(FinishExportV1) = 0x0e8,
        /// A search of the archive, recorded before it is made (SPEC S12); `SearchGranted`, and on the wire what
        /// was found, `ArchiveFound`.
        SearchArchive(SearchArchiveV1) = 0x0ea,
        /// A group's state; answered by `Group`.
        GetGroup(GroupV1) = 0x100,
        /// A page of a group's members; answered by `Members`.
        ListMembers(ListMembersV1) = 0x101,
        /// What is left of a person's quotas (SPEC Q6); answered by `Quotas`.
        GetQuotas(PersonV1) = 0x102,
        /// How far a mass send has got; answered by `MassSendProgress`.
        GetMassSend(GetMassSendV1) = 0x103,
        /// The groups of a person; answered by `Groups`.
        ListGroups(PersonV1) = 0x104,
        // 0x120 Directory
        /// A page of the directory; answered by `People`.
        ListPeople(ListPeopleV1) = 0x120,
        /// One person; answered by `Person`.
        GetPerson(PersonV1) = 0x121,
        /// A person's devices; answered by `Devices`.
        ListDevices(PersonV1) = 0x122,
        /// The enterprise's rules of access; answered by `TenantPolicy`.
        GetTenantPolicy(GetTenantPolicyV1) = 0x123,
        /// A page of an employee's contacts; answered by `Contacts`.
        ListContacts(ListContactsV1) = 0x124,
        // 0x130 Departments and rosters
        /// A department; answered by `Department`.
        GetDepartment(DepartmentV1) = 0x130,
        /// A page of departments; answered by `Departments`.
        ListDepartments(ListDepartmentsV1) = 0x131,
        // 0x140 Making groups
        /// How far a batch has got, and what came of each group; answered by `Batch`.
        GetBatch(BatchV1) = 0x140,
        /// Where a group comes from and what it belongs to; answered by `GroupOrigin`.
        GetGroupOrigin(GroupV1) = 0x141,
        /// A training group's audience; answered by `Audience`.
        GetAudience(GroupV1) = 0x142,
        /// The viewers of one room; answered by `Viewers`.
        ListViewers(ListViewersV1) = 0x143,
        /// What those who join external groups are told; answered by `DataUseNotice`.
        GetDataUseNotice(OfTheEnterpriseV1) = 0x144,
        /// Who may create groups, and whom they may select; answered by `CreationPolicy`.
        GetCreationPolicy(OfTheEnterpriseV1) = 0x145,
        /// A page of sets of groups; answered by `Matrices`.
        ListMatrices(ListMatricesV1) = 0x146,
        // 0x150 The life of a group
        /// What a group is set to; answered by `GroupSettings`.
        GetGroupSettings(GroupV1) = 0x150,
        /// A page of a group's members, by name; answered by `MembersV2`.
        ListMembersV2(ListMembersV1) = 0x151,
        /// What goes on in a group (SPEC G9); answered by `GroupStatistics`.
        GetGroupStatistics(GroupV1) = 0x152,
        /// Where a person is invited (SPEC G7); answered by `Invitations`.
        ListInvitations(PersonV1) = 0x153,
        /// Groups that nobody owns since their last employee left (SPEC M6); answered by `Groups`.
        ListOrphanedGroups(ListOrphanedGroupsV1) = 0x154,
        /// Groups that a person has deleted from their view; answered by `Groups`.
        ListHiddenGroups(PersonV1) = 0x155,
        // 0x160 Join codes, face-to-face, outward calls
        /// A join code and what came of it; answered by `JoinCode`.
        GetJoinCode(JoinCodeV1) = 0x160,
        /// A page of a group's join codes; answered by `JoinCodes`.
        ListJoinCodes(ListJoinCodesV1) = 0x161,
        /// How a call stands, for whom it is about; answered by `Call`.
        GetCall(GetCallV1) = 0x162,
        /// A page of calls to be answered; answered by `Calls`.
        ListCalls(ListCallsV1) = 0x163,
        /// A face-to-face group, for those in it; answered by `FaceToFace`.
        GetFaceToFace(FaceToFaceV1) = 0x164,
        // 0x170 Approvals and the audit trail
        /// A request for approval; answered by `Approval`.
        GetApproval(ApprovalIdV1) = 0x170,
        /// A page of requests for approval; answered by `Approvals`.
        ListApprovals(ListApprovalsV1) = 0x171,
        /// A page of granted exports; answered by `Exports`.
        ListExports(ListExportsV1) = 0x172,
        // 0x180 Quotas
        /// What is left under every policy that concerns somebody (SPEC Q6); answered by `QuotasV2`.
        GetQuotasV2(GetQuotasV2) = 0x180,
        /// A tenant's policies; answered by `Policies`.
        ListPolicies(ListPoliciesV1) = 0x181,
        // 0x190 Mass sends
        /// How far a mass send has got; answered by `MassSendProgressV2`.
        GetMassSendV2(GetMassSendV1) = 0x190,
        /// What became of each target; answered by `MassSendTargets`.
        ListMassSendTargets(ListMassSendTargetsV1) = 0x191,
        // 0x1b0 Custody of the archive
        /// How long content is kept; answered by `Retention`.
        GetRetention(GetRetentionV1) = 0x1b4,
        /// A page of holds; answered by `Holds`.
        ListHolds(ListHoldsV1) = 0x1b5,
        // 0x1a0 History from elsewhere
        // 0x1b0 The archive
        /// Records of the enterprise's own archive, from a number on (SPEC A6); answered by `PullGranted`, and on
        /// the wire by the records, in frames of fixed layout.
        PullRecords(PullRecordsV1) = 0x1b0,
    }
}

tagged_enum! {
    /// What a command or query is answered with when nothing refuses.
    pub enum Reply {
        /// Done; nothing more to say.
        Done(DoneV1) = 0x001,
        /// The new tenant.
        TenantCreated(TenantCreatedV1) = 0x002,
        /// The new people, in the order given.
        PeopleAdded(PeopleAddedV1) = 0x003,
        /// The new group.
        GroupCreated(GroupChangedV1) = 0x004,
        /// The sequence a change took in its group.
        GroupChanged(GroupChangedV1) = 0x005,
        /// Where a message went. On the wire it is a frame of fixed layout of its own.
        Published(PublishedV1) = 0x006,
        /// The parent record's number names the mass send from now on.
        MassSendAccepted(MassSendAcceptedV1) = 0x007,
        /// A group's state.
        Group(GroupStateV1) = 0x100,
        /// A page of members.
        Members(MembersPageV1) = 0x101,
        /// What is left of quotas.
        Quotas(QuotasV1) = 0x102,
        /// How far a mass send has got.
        MassSendProgress(MassSendProgressV1) = 0x103,
        /// A person's groups.
        Groups(GroupsV1) = 0x104,
        // 0x120 Directory
        /// A page of people.
        People(PeoplePageV1) = 0x120,
        /// One person.
        Person(PersonEntryV1) = 0x121,
        /// A person's devices.
        Devices(DevicesV1) = 0x122,
        /// The enterprise's rules of access.
        TenantPolicy(TenantPolicyV1) = 0x123,
        /// A page of contacts.
        Contacts(ContactsPageV1) = 0x124,
        /// The contact who belongs to the employee.
        ContactAdded(ContactV1) = 0x125,
        /// How a hand-over stands.
        HandOver(HandOverV1) = 0x126,
        // 0x130 Departments and rosters
        /// The new department.
        DepartmentCreated(DepartmentCreatedV1) = 0x050,
        /// What became of each row.
        PeopleSynced(PeopleSyncedV1) = 0x057,
        /// A department.
        Department(DepartmentDetailV1) = 0x130,
        /// A page of departments.
        Departments(DepartmentsPageV1) = 0x131,
        // 0x140 Making groups
        /// What came of each group of a batch.
        Batch(BatchStateV1) = 0x140,
        /// Where a group comes from.
        GroupOrigin(GroupOriginV1) = 0x141,
        /// A training group's audience.
        Audience(AudienceV1) = 0x142,
        /// The viewers of a room.
        Viewers(ViewersV1) = 0x143,
        /// What those who join external groups are told.
        DataUseNotice(DataUseNoticeV1) = 0x144,
        /// Who may create groups.
        CreationPolicy(CreationPolicyV1) = 0x145,
        /// A page of sets of groups.
        Matrices(MatricesV1) = 0x146,
        /// The parent record's number names the batch from now on.
        BatchAccepted(BatchAcceptedV1) = 0x147,
        /// Where a viewer sits.
        Watching(WatchingV1) = 0x148,
        /// The groups that one became.
        GroupSplit(GroupSplitV1) = 0x149,
        /// The set, as it is named from now on.
        MatrixSet(MatrixV1) = 0x14a,
        // 0x150 The life of a group
        /// What a group is set to. Boxed: every answer is as large as the largest.
        GroupSettings(Box<GroupSettingsV1>) = 0x150,
        /// A page of members, by name.
        MembersV2(MembersPageV2) = 0x151,
        /// What goes on in a group.
        GroupStatistics(GroupStatisticsV1) = 0x152,
        /// Where a person is invited.
        Invitations(InvitationsV1) = 0x153,
        /// Nobody joined: whom a call was to add has to agree first.
        Invited(InvitedV1) = 0x154,
        // 0x160 Join codes, face-to-face, outward calls
        /// A new join code.
        JoinCodeCreated(JoinCodeCreatedV1) = 0x160,
        /// A join code.
        JoinCode(JoinCodeStateV1) = 0x161,
        /// A page of join codes.
        JoinCodes(JoinCodesPageV1) = 0x162,
        /// Joined by code.
        Joined(GroupChangedV1) = 0x163,
        /// The enterprise's system is asked first.
        JoinPending(JoinPendingV1) = 0x164,
        /// How a call stands.
        Call(CallStateV1) = 0x165,
        /// A page of open calls.
        Calls(CallsPageV1) = 0x166,
        /// A face-to-face group.
        FaceToFace(FaceToFaceStateV1) = 0x167,
        // 0x170 Approvals and the audit trail
        /// A request for approval.
        Approval(ApprovalStateV1) = 0x170,
        /// A page of requests for approval.
        Approvals(ApprovalsPageV1) = 0x171,
        /// A page of granted exports.
        Exports(ExportsPageV1) = 0x172,
        /// What was asked waits for somebody else's approval: the answer to any command that needs it.
        ApprovalPending(ApprovalPendingV1) = 0x173,
        /// What came of a decision.
        ApprovalDecided(ApprovalDecidedV1) = 0x174,
        /// An export that was granted.
        ExportGranted(ExportGrantedV1) = 0x175,
        /// A page of the audit trail may be read.
        AuditGranted(Box<AuditGrantedV1>) = 0x176,
        /// A page of the audit trail.
        AuditPage(Box<AuditPageV1>) = 0x177,
        // 0x180 Quotas
        /// What is left under every policy that concerns somebody.
        QuotasV2(QuotasV2) = 0x180,
        /// A tenant's policies.
        Policies(PoliciesV1) = 0x181,
        // 0x190 Mass sends
        /// How far a mass send has got.
        MassSendProgressV2(MassSendProgressV2) = 0x190,
        /// A page of a mass send's targets.
        MassSendTargets(MassSendTargetsV1) = 0x191,
        // 0x1a0 History from elsewhere
        /// What became of a chunk of history.
        HistoryImported(HistoryImportedV1) = 0x1a0,
        // 0x1b0 Custody of the archive
        /// A new hold.
        HoldPlaced(HoldPlacedV1) = 0x1b1,
        /// A search may be made.
        SearchGranted(Box<SearchGrantedV1>) = 0x1b2,
        /// A page of what a search found.
        ArchiveFound(Box<ArchiveFoundV1>) = 0x1b3,
        /// How long content is kept.
        Retention(RetentionV1) = 0x1b4,
        /// A page of holds.
        Holds(HoldsPageV1) = 0x1b5,
        // 0x1b0 The archive
        /// What may be read of what was asked for. Boxed: every answer is as large as the largest.
        PullGranted(Box<PullGrantedV1>) = 0x1b0,
    }
}
