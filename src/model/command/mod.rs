//! What can be asked of the model, and what it answers: commands, queries and replies.
//!
//! Each body is one type per version with a stable tag, so that a client of any age is understood
//! (docs/wire.md). Publishing travels in its own frame of fixed layout and has no tag.

mod bodies;

pub use crate::model::group::life::command::*;
pub use crate::model::message::command::*;
pub use bodies::*;

use crate::wire::tagged::tagged_enum;
use crate::wire::{ClientMessageId, DeviceId, GroupId, Kind, PersonId, Priority, TenantId};

/// Who asks. Decided by how a connection authenticated, never by what it says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Actor {
    /// The node's own operator: may create tenants, and act for any.
    Node,
    /// The tenant's backend (an operator or gateway certificate): acts for the whole enterprise.
    Enterprise,
    /// A person on a device.
    Person {
        /// Who.
        person: PersonId,
        /// From where.
        device: DeviceId,
    },
    /// Throng itself: what a record before it left to be done (mass-send slices, timers).
    System,
}

/// One question to the model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command {
    /// Whose data it is about. Everything it names is looked up under this tenant (invariant 9).
    pub tenant: TenantId,
    /// Who asks.
    pub actor: Actor,
    /// Whether the asker proved a second factor, by a claim of their token (SPEC D9).
    pub second_factor: bool,
    /// What is asked.
    pub body: CommandBody,
}

/// What is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CommandBody {
    /// Publish one message to one group (SPEC S3).
    Publish(Publish),
    /// Everything that travels as a tagged body.
    Tagged(Box<TaggedCommand>),
    /// The next slice of what an earlier record left to be done; only [`Actor::System`].
    Continue,
}

impl From<TaggedCommand> for CommandBody {
    fn from(command: TaggedCommand) -> Self {
        Self::Tagged(Box::new(command))
    }
}

/// A message to publish. Its body stays outside the model, in the envelope's draft.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Publish {
    /// Where to.
    pub group: GroupId,
    /// Who says it: the actor, or whom a gateway carries.
    pub sender: PersonId,
    /// From which device.
    pub device: DeviceId,
    /// What it is; a message kind.
    pub kind: Kind,
    /// How soon it must be seen.
    pub priority: Priority,
    /// The sender's name for it, by which a retry is recognised.
    pub client_message_id: ClientMessageId,
    /// Keyed digest of kind, priority and body: the same id with another digest is refused (SPEC S3).
    pub body_digest: u64,
}

tagged_enum! {
    /// Commands and queries with a tagged body. Tags below 0x100 change state, others only read.
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
        /// A tenant's limit for a quota policy (SPEC Q1); applies at once to the count so far; `Done`.
        SetQuota(SetQuotaV1) = 0x022,
        // 0x030 Directory
        // 0x050 Departments and rosters
        // 0x060 Making groups
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
        // 0x0a0 Approvals and the audit trail
        // 0x0b0 Quotas
        // 0x0c0 Mass sends
        // 0x0d0 History from elsewhere
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
        // 0x130 Departments and rosters
        // 0x140 Making groups
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
        // 0x170 Approvals and the audit trail
        // 0x180 Quotas
        // 0x190 Mass sends
        // 0x1a0 History from elsewhere
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
        // 0x130 Departments and rosters
        // 0x140 Making groups
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
        // 0x170 Approvals and the audit trail
        // 0x180 Quotas
        // 0x190 Mass sends
        // 0x1a0 History from elsewhere
    }
}
