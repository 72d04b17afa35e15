//! What can be asked of the model, and what it answers: commands, queries and replies.
//!
//! Each body is one type per version with a stable tag, so that a client of any age is understood
//! (docs/wire.md). Publishing travels in its own frame of fixed layout and has no tag.

mod bodies;

pub use crate::model::group::creation::command::*;
pub use crate::model::mass_send::command::*;
pub use crate::model::quota::command::*;
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
        /// People into a group: by themselves (their own id) or added; `GroupChanged`.
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
        // 0x050 Departments and rosters
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
        // 0x090 Join codes, face-to-face, outward calls
        // 0x0a0 Approvals and the audit trail
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
        // 0x160 Join codes, face-to-face, outward calls
        // 0x170 Approvals and the audit trail
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
        // 0x160 Join codes, face-to-face, outward calls
        // 0x170 Approvals and the audit trail
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
    }
}
