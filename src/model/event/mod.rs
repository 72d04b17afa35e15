//! What happened: the events a record carries, the only thing state is made of (invariant 1).
//!
//! An event states results, never intentions: ids given, windows computed, successors chosen. So
//! replaying a log needs no rule, no clock and no time zone, and rules may change without changing
//! the past. Tags and shapes are forever; a new shape is a new tag (docs/wire.md).

mod bodies;
mod codec;

pub use crate::model::approval::event::*;
pub use crate::model::audit::event::*;
pub use crate::model::call::event::*;
pub use crate::model::code::event::*;
pub use crate::model::custody::event::*;
pub use crate::model::department::event::*;
pub use crate::model::group::creation::event::*;
pub use crate::model::group::life::event::*;
pub use crate::model::history::event::*;
pub use crate::model::mass_send::event::*;
pub use crate::model::message::event::*;
pub use crate::model::pull::event::*;
pub use crate::model::quota::event::*;
pub use bodies::*;
// Directory
pub use crate::model::contact::event::*;
pub use crate::model::directory::event::*;
pub use codec::{EventsError, decode_all, encode_all};

use crate::wire::tagged::tagged_enum;
use crate::wire::{GroupId, RecordNumber};

tagged_enum! {
    /// One thing that happened in a tenant; the record's header says when and by whom.
    pub enum Event {
        /// A tenant exists.
        TenantCreated(TenantCreatedV1) = 0x001,
        /// People exist.
        PeopleAdded(PeopleAddedV1) = 0x002,
        /// A person left the company and every group (SPEC M5, M6, D7).
        PersonDeparted(PersonDepartedV1) = 0x003,
        /// A group exists, with its first members.
        GroupCreated(GroupCreatedV1) = 0x010,
        /// People are members.
        MembersJoined(MembersJoinedV1) = 0x011,
        /// People are no members any more.
        MembersLeft(MembersLeftV1) = 0x012,
        /// A group is over; its records stay.
        GroupDissolved(GroupDissolvedV1) = 0x013,
        /// A member is an admin, or is none any more.
        RoleChanged(RoleChangedV1) = 0x014,
        /// An admin is the owner, and the owner an admin.
        OwnershipTransferred(OwnershipTransferredV1) = 0x015,
        /// A group has another name.
        GroupRenamed(GroupRenamedV1) = 0x016,
        /// A message took its place in its group.
        Published(PublishedV1) = 0x020,
        /// A mass send was charged and will go out.
        MassSendAccepted(MassSendAcceptedV1) = 0x030,
        /// A mass send reached one of its groups.
        MassSendDelivered(MassSendTargetV1) = 0x031,
        /// One of a mass send's groups could not have it any more; nothing is refunded (SPEC Q4).
        MassSendTargetRefused(MassSendTargetV1) = 0x032,
        /// A person's feature is frozen until it is released (SPEC Q2).
        FeatureFrozen(FeatureV1) = 0x040,
        /// A freeze is lifted; the count stays.
        FreezeReleased(FeatureV1) = 0x041,
        /// The tenant has another limit for a policy.
        QuotaSet(QuotaSetV1) = 0x042,
        /// An operator accepted the loss of damaged records. Of no tenant; changes nothing.
        LogRepaired(LogRepairedV1) = 0x050,
        // 0x100 Directory
        /// The tenant is verified until another time.
        TenantVerified(TenantVerifiedV1) = 0x100,
        /// People exist, with their entries and departments.
        PeopleAddedV2(PeopleAddedV2) = 0x101,
        /// A person's entry is another.
        ProfileSet(ProfileSetV1) = 0x102,
        /// An account is frozen; its sessions end.
        PersonFrozen(PersonFrozenV1) = 0x103,
        /// An account is no longer frozen.
        PersonThawed(PersonThawedV1) = 0x104,
        /// Accounts may be activated with these codes.
        ActivationsIssued(ActivationsIssuedV1) = 0x105,
        /// A wrong code was tried.
        ActivationFailed(ActivationFailedV1) = 0x106,
        /// An account is in use.
        PersonActivated(PersonActivatedV1) = 0x107,
        /// A person has another role in the enterprise.
        OrgRoleSet(OrgRoleSetV1) = 0x108,
        /// A person left the company, every group and department (SPEC D7).
        PersonDepartedV2(PersonDepartedV2) = 0x109,
        /// A person uses a new device (SPEC D9).
        DeviceRegistered(DeviceRegisteredV1) = 0x10a,
        /// A device is locked out; its session ends.
        DeviceRevoked(DeviceRevokedV1) = 0x10b,
        /// The tenant has other rules of access.
        TenantPolicySet(TenantPolicySetV1) = 0x10c,
        /// A contact belongs to an employee.
        ContactAdded(ContactAddedV1) = 0x110,
        /// An employee has other tags for a contact.
        ContactTagged(ContactTaggedV1) = 0x111,
        /// A hand-over waits for the contact.
        HandOverRequested(HandOverRequestedV1) = 0x112,
        /// A contact changed hands.
        ContactHandedOver(ContactHandedOverV1) = 0x113,
        // 0x120 Departments and rosters
        /// A department exists.
        DepartmentCreated(DepartmentCreatedV1) = 0x120,
        /// A department has another name.
        DepartmentRenamed(DepartmentRenamedV1) = 0x121,
        /// A department is elsewhere in the tree.
        DepartmentMoved(DepartmentMovedV1) = 0x122,
        /// An empty department is gone.
        DepartmentRemoved(DepartmentRemovedV1) = 0x123,
        /// Others see a department.
        VisibilitySet(VisibilitySetV1) = 0x124,
        /// A person is in other departments.
        PersonMoved(PersonMovedV1) = 0x125,
        /// A group follows a department from now on.
        GroupBound(GroupBoundV1) = 0x126,
        /// A group followed its department: people joined, left, or both (SPEC D8).
        DepartmentFollowed(DepartmentFollowedV1) = 0x127,
        /// A group had no place for someone of its department (SPEC D8).
        FollowRefused(FollowRefusedV1) = 0x128,
        // 0x130 Making groups
        /// A group exists, with its first members, what it belongs to and whom it counts for.
        GroupCreatedV2(GroupCreatedV2) = 0x130,
        /// Somebody watches a training group, from a sequence on.
        ViewerJoinedV2(ViewerJoinedV2) = 0x131,
        /// Groups will be created.
        BatchAccepted(BatchAcceptedV1) = 0x132,
        /// One group of a batch exists.
        BatchGroupCreated(BatchGroupCreatedV1) = 0x133,
        /// One group of a batch was refused.
        BatchGroupRefused(BatchGroupRefusedV1) = 0x134,
        /// Other people may create groups.
        CreationPolicySet(CreationPolicySetV1) = 0x135,
        /// Other people may be selected for new groups.
        ScopeSet(ScopeSetV1) = 0x136,
        /// A person's creating is held up, or goes on (SPEC G4).
        RiskControlSet(RiskControlSetV1) = 0x137,
        /// A group follows its department no longer.
        FollowingEnded(FollowingEndedV1) = 0x138,
        /// Another data-use notice holds.
        DataUseNoticeSet(DataUseNoticeSetV1) = 0x139,
        /// Whether the archive pull carries a group.
        ArchivePullSet(ArchivePullSetV1) = 0x13a,
        /// A training group has another watch password and window.
        WatchSet(WatchSetV1) = 0x13b,
        /// Somebody watches a training group.
        ViewerJoined(ViewerJoinedV1) = 0x13c,
        /// Somebody watches it no longer.
        ViewerLeft(ViewerLeftV1) = 0x13d,
        /// Somebody guessed at a watch password; one event a guess.
        WatchPasswordWrong(WatchPasswordWrongV1) = 0x13e,
        /// A set of groups, or none any more.
        MatrixSet(MatrixSetV1) = 0x13f,
        // 0x140 The life of a group
        /// People are members, and how they came.
        MembersJoinedV2(MembersJoinedV2) = 0x140,
        /// People may become members by accepting.
        MembersInvited(MembersInvitedV1) = 0x141,
        /// Somebody does not want to.
        InvitationDeclined(InvitationDeclinedV1) = 0x142,
        /// A group has other settings.
        GroupConfigured(GroupConfiguredV1) = 0x143,
        /// A group has another announcement: its text is the record's view.
        Announced(AnnouncedV1) = 0x144,
        /// A member is silent, or is not any more.
        MemberMuted(MemberMutedV1) = 0x145,
        /// Everybody but owner and admins is silent, or is not any more.
        AllMuted(AllMutedV1) = 0x146,
        /// Time must pass between two messages of a member.
        SlowModeSet(SlowModeSetV1) = 0x147,
        /// A group is out of use.
        GroupDisabled(GroupDisabledV1) = 0x148,
        /// A disabled group is in use again.
        GroupEnabled(GroupEnabledV1) = 0x149,
        /// A group is over, and who inherits its history.
        GroupDissolvedV2(GroupDissolvedV2) = 0x14a,
        /// A dissolved group's view is erased.
        GroupDeleted(GroupDeletedV1) = 0x14b,
        /// A member has deleted a group from their view.
        GroupHidden(GroupHiddenV1) = 0x14c,
        /// And sees it again.
        GroupRestored(GroupRestoredV1) = 0x14d,
        /// Whether new messages may disturb a member.
        DoNotDisturbSet(DoNotDisturbSetV1) = 0x14e,
        /// A member has other tags.
        MemberTagged(MemberTaggedV1) = 0x14f,
        /// A leaving left a group with no employee to own it: super admins are told.
        GroupOrphaned(GroupOrphanedV1) = 0x150,
        /// A message is not to be seen any more.
        MessageDeleted(MessageDeletedV1) = 0x151,
        // 0x160 Join codes, face-to-face, outward calls
        /// The enterprise's system is asked something.
        CallOpened(CallOpenedV1) = 0x160,
        /// A call is answered.
        CallClosed(CallClosedV1) = 0x161,
        /// A join code exists.
        JoinCodeCreated(JoinCodeCreatedV1) = 0x162,
        /// A join code is over.
        JoinCodeRevoked(JoinCodeRevokedV1) = 0x163,
        /// A live code leads to another group (SPEC G5).
        JoinCodeMoved(JoinCodeMovedV1) = 0x164,
        /// Somebody joined by a code.
        JoinCodeUsed(JoinCodeUsedV1) = 0x165,
        /// Somebody tried a code that there is not.
        CodeGuessed(CodeGuessedV1) = 0x166,
        /// People come together face to face (SPEC G6).
        FaceToFaceOpened(FaceToFaceOpenedV1) = 0x167,
        /// One more came.
        FaceToFaceJoined(FaceToFaceJoinedV1) = 0x168,
        /// Those who came are a group.
        FaceToFaceStarted(FaceToFaceStartedV1) = 0x169,
        // 0x170 Approvals and the audit trail
        /// A command waits for somebody else's approval.
        ApprovalRequested(ApprovalRequestedV1) = 0x170,
        /// A request was decided; what an approved command did follows in the same record.
        ApprovalDecided(ApprovalDecidedV1) = 0x171,
        /// A request was taken back.
        ApprovalWithdrawn(ApprovalWithdrawnV1) = 0x172,
        /// Records may be exported.
        ExportGranted(ExportGrantedV1) = 0x173,
        /// An admin operation was denied (SPEC P3).
        OperationDenied(OperationDeniedV1) = 0x174,
        /// How often operations were denied beside those recorded one by one. Changes nothing.
        DenialsCounted(DenialsCountedV1) = 0x175,
        /// Somebody reads the audit trail (SPEC A1).
        AuditRead(AuditReadV1) = 0x176,
        // 0x180 Quotas
        /// What the record's other events cost (invariant 10).
        Charged(ChargedV1) = 0x180,
        /// An account is frozen until it is released (SPEC Q2).
        QuotaFrozen(QuotaAccountV1) = 0x181,
        /// A freeze is lifted; the count stays.
        QuotaFreezeLifted(QuotaAccountV1) = 0x182,
        /// A policy says something else (SPEC Q5).
        PolicySet(PolicySetV1) = 0x183,
        /// A policy ends.
        PolicyRemoved(PolicyRemovedV1) = 0x184,
        /// A person's class of sender.
        SenderClassSet(SenderClassSetV1) = 0x185,
        // 0x190 Mass sends
        /// A mass send will go out, to groups and customers.
        MassSendAcceptedV2(MassSendAcceptedV2) = 0x190,
        /// A mass send reached one of its customers.
        MassSendReached(MassSendReachedV1) = 0x191,
        /// One of a mass send's targets could not have it; it costs that target nothing (SPEC Q4).
        MassSendTargetRefusedV2(MassSendTargetRefusedV2) = 0x192,
        /// What has not gone out of a mass send does not (SPEC Q4).
        MassSendCancelled(MassSendCancelledV1) = 0x193,
        // 0x1a0 History from elsewhere
        /// Messages of another product are in the archive; what they say is the record's view (SPEC D10).
        HistoryImported(HistoryImportedV1) = 0x1a0,
        // 0x1b0 Custody of the archive
        /// How long content of a class is kept (SPEC A5).
        RetentionSet(RetentionSetV1) = 0x1b0,
        /// Content is held (SPEC A5).
        HoldPlaced(HoldPlacedV1) = 0x1b1,
        /// A hold has ended; what was due without it is gone.
        HoldReleased(HoldReleasedV1) = 0x1b2,
        /// What was said in a group on some days is gone (SPEC A4).
        ContentErased(ContentErasedV1) = 0x1b3,
        /// What was said so long ago is gone (SPEC A5).
        ContentExpired(ContentExpiredV1) = 0x1b4,
        /// An export is complete (SPEC A7).
        ExportFinished(ExportFinishedV1) = 0x1b5,
        /// Somebody searches the archive (SPEC A1).
        ArchiveSearched(ArchiveSearchedV1) = 0x1b6,
        /// The enterprise's systems pull the archive (SPEC A1).
        ArchivePulled(ArchivePulledV1) = 0x1b8,
    }
}
/// Whether a record with these events has a message as its view.
#[must_use]
pub fn carries_message(events: &[Event]) -> bool {
    events.iter().any(|event| {
        matches!(
            event,
            Event::Published(_)
                | Event::MassSendAccepted(_)
                | Event::MassSendAcceptedV2(_)
                | Event::MassSendDelivered(_)
                | Event::MassSendReached(_)
        )
    })
}

/// The group that the view of a record with these events belongs to, where it takes no place in it: with
/// that group's messages it is kept, held and erased.
#[must_use]
pub fn content_of(events: &[Event]) -> Option<GroupId> {
    events.iter().find_map(|event| match event {
        Event::HistoryImported(imported) => Some(imported.group),
        _ => None,
    })
}

/// Whether a record with these events is the parent of a mass send, whose message its targets need.
#[must_use]
pub fn starts_mass_send(events: &[Event]) -> bool {
    events.iter().any(|event| {
        matches!(
            event,
            Event::MassSendAccepted(_) | Event::MassSendAcceptedV2(_)
        )
    })
}

/// The mass send that a record with these events cancels: nothing needs its message any more.
#[must_use]
pub fn cancels_mass_send(events: &[Event]) -> Option<RecordNumber> {
    events.iter().find_map(|event| match event {
        Event::MassSendCancelled(cancelled) => Some(cancelled.mass_send),
        _ => None,
    })
}

/// At most how many places in groups these events take when they are applied.
#[must_use]
pub fn takes_max(events: &[Event]) -> usize {
    events
        .iter()
        .map(|event| match event {
            Event::PersonDeparted(departed) => departed.groups.len(),
            Event::PersonDepartedV2(departed) => departed.groups.len(),
            Event::DepartmentCreated(_)
            | Event::PersonMoved(_)
            | Event::ProfileSet(_)
            | Event::FollowRefused(_) => 0,
            _ => 1,
        })
        .sum()
}
