//! What happened: the events a record carries, the only thing state is made of (invariant 1).
//!
//! An event states results, never intentions: ids given, windows computed, successors chosen. So
//! replaying a log needs no rule, no clock and no time zone, and rules may change without changing
//! the past. Tags and shapes are forever; a new shape is a new tag (docs/wire.md).

mod bodies;
mod codec;

pub use crate::model::group::creation::event::*;
pub use crate::model::mass_send::event::*;
pub use crate::model::quota::event::*;
pub use bodies::*;
pub use codec::{EventsError, decode_all, encode_all};

use crate::wire::RecordNumber;
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
        /// A group exists, with its first members, what it belongs to and whom it counts for.
        GroupCreatedV2(GroupCreatedV2) = 0x130,
        /// People are members, and were shown a data-use notice.
        MembersJoinedV2(MembersJoinedV2) = 0x131,
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
        // 0x160 Join codes, face-to-face, outward calls
        // 0x170 Approvals and the audit trail
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
            _ => 1,
        })
        .sum()
}
