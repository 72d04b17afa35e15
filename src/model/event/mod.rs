//! What happened: the events a record carries, the only thing state is made of (invariant 1).
//!
//! An event states results, never intentions: ids given, windows computed, successors chosen. So
//! replaying a log needs no rule, no clock and no time zone, and rules may change without changing
//! the past. Tags and shapes are forever; a new shape is a new tag (docs/wire.md).

mod bodies;
mod codec;

pub use crate::model::group::life::event::*;
pub use crate::model::message::event::*;
pub use bodies::*;
pub use codec::{EventsError, decode_all, encode_all};

use crate::wire::tagged::tagged_enum;

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
        // 0x120 Departments and rosters
        // 0x130 Making groups
        // 0x140 The life of a group
        /// People are members, and how they came.
        MembersJoinedV2(MembersJoinedV2) = 0x140,
        /// People may become members by accepting.
        MembersInvited(MembersInvitedV1) = 0x141,
        /// Somebody does not want to.
        InvitationDeclined(InvitationDeclinedV1) = 0x142,
        /// A group has other settings.
        GroupConfigured(GroupConfiguredV1) = 0x143,
        /// A group has another announcement.
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
        // 0x170 Approvals and the audit trail
        // 0x180 Quotas
        // 0x190 Mass sends
        // 0x1a0 History from elsewhere
    }
}
/// Whether a record with these events has a message as its view.
#[must_use]
pub fn carries_message(events: &[Event]) -> bool {
    events.iter().any(|event| {
        matches!(
            event,
            Event::Published(_) | Event::MassSendAccepted(_) | Event::MassSendDelivered(_)
        )
    })
}

/// Whether a record with these events is the parent of a mass send, whose message its targets need.
#[must_use]
pub fn starts_mass_send(events: &[Event]) -> bool {
    events
        .iter()
        .any(|event| matches!(event, Event::MassSendAccepted(_)))
}

/// At most how many places in groups these events take when they are applied.
#[must_use]
pub fn takes_max(events: &[Event]) -> usize {
    events
        .iter()
        .map(|event| match event {
            Event::PersonDeparted(departed) => departed.groups.len(),
            _ => 1,
        })
        .sum()
}
