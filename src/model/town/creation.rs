//! A [`Town`]'s ways of making groups.

use crate::model::Refusal;
use crate::model::command::{
    Actor, BatchStateV1, BatchV1, Binding, CreateGroupsV1, CreateTrainingGroupV1, Creators,
    GroupKind, GroupOriginV1, GroupV1, JoinAsViewerV1, LeaveAsViewerV1, NewGroupV1, PersonV1,
    Reply, SetCreationPolicyV1, SplitGroupV1, TaggedCommand as T, WatchV1,
};
use crate::wire::{ClientMessageId, DepartmentId, GroupId, PersonId, RecordNumber, Timestamp};

use super::Town;

/// A group of a project team, as a client asks for it.
pub(crate) fn new_group(kind: GroupKind, owner: PersonId, members: &[PersonId]) -> NewGroupV1 {
    let is_internal = kind == GroupKind::Internal;
    NewGroupV1 {
        kind,
        name: "Group".to_owned(),
        owner,
        members: members.to_vec(),
        departments: Vec::new(),
        binding: if is_internal {
            Binding::Team
        } else {
            Binding::None
        },
        department: DepartmentId(0),
        team: if is_internal { "Apollo" } else { "" }.to_owned(),
        follows_department: false,
    }
}

/// Everyone may create, under the default policy.
pub(crate) fn creation_policy(who: Creators) -> SetCreationPolicyV1 {
    SetCreationPolicyV1 {
        who,
        departments: Vec::new(),
        people: Vec::new(),
        bar_mobile: false,
        binding_off: false,
    }
}

/// A watch password for the hour from `opens` on.
pub(crate) fn watch(password: &str, opens: Timestamp) -> WatchV1 {
    WatchV1 {
        password: password.to_owned(),
        opens,
        closes: opens.plus_micros(3_600_000_000),
    }
}

fn group_of(reply: Reply) -> GroupId {
    match reply {
        Reply::GroupCreated(created) => created.group,
        other => panic!("{other:?}"),
    }
}

impl Town {
    pub(crate) fn create_v2(&mut self, actor: Actor, new: NewGroupV1) -> Result<GroupId, Refusal> {
        self.ask(actor, T::CreateGroupV2(new)).map(group_of)
    }

    /// The direct group of two, as the first asks for it.
    pub(crate) fn direct(
        &mut self,
        actor: Actor,
        one: PersonId,
        other: PersonId,
    ) -> Result<GroupId, Refusal> {
        let new = NewGroupV1 {
            name: String::new(),
            ..new_group(GroupKind::Direct, one, &[other])
        };
        self.create_v2(actor, new)
    }

    /// A training group that opens now, for an hour, with the password "sesame".
    pub(crate) fn training_group(&mut self, owner: PersonId, speakers: &[PersonId]) -> GroupId {
        let create = CreateTrainingGroupV1 {
            group: new_group(GroupKind::Training, owner, speakers),
            watch: watch("sesame", self.now),
        };
        let created = self.ask(Actor::Enterprise, T::CreateTrainingGroup(create));
        group_of(created.unwrap())
    }

    /// The viewer's room.
    pub(crate) fn watch(
        &mut self,
        actor: Actor,
        viewer: PersonId,
        group: GroupId,
        password: &str,
    ) -> Result<u32, Refusal> {
        let join = JoinAsViewerV1 {
            group,
            viewer,
            password: password.to_owned(),
        };
        match self.ask(actor, T::JoinAsViewer(join))? {
            Reply::Watching(watching) => Ok(watching.room),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn stop_watching(
        &mut self,
        actor: Actor,
        viewer: PersonId,
        group: GroupId,
    ) -> Result<Reply, Refusal> {
        self.ask(actor, T::LeaveAsViewer(LeaveAsViewerV1 { group, viewer }))
    }

    pub(crate) fn viewers(&mut self, group: GroupId) -> u32 {
        match self.ask(Actor::Enterprise, T::GetAudience(GroupV1 { group })) {
            Ok(Reply::Audience(audience)) => audience.viewers,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn origin(&mut self, group: GroupId) -> GroupOriginV1 {
        match self.ask(Actor::Enterprise, T::GetGroupOrigin(GroupV1 { group })) {
            Ok(Reply::GroupOrigin(origin)) => origin,
            other => panic!("{other:?}"),
        }
    }

    /// The batch's record, and whether it is the first result once more.
    pub(crate) fn create_groups(
        &mut self,
        actor: Actor,
        client_message_id: u128,
        groups: &[NewGroupV1],
    ) -> Result<(RecordNumber, bool), Refusal> {
        let create = CreateGroupsV1 {
            client_message_id: ClientMessageId(client_message_id),
            groups: groups.to_vec(),
        };
        match self.ask(actor, T::CreateGroups(create))? {
            Reply::BatchAccepted(accepted) => Ok((accepted.batch, accepted.duplicate)),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn batch(&mut self, batch: RecordNumber) -> Result<BatchStateV1, Refusal> {
        match self.ask(Actor::Enterprise, T::GetBatch(BatchV1 { batch }))? {
            Reply::Batch(state) => Ok(state),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn set_creation_policy(&mut self, policy: SetCreationPolicyV1) {
        self.ask(Actor::Enterprise, T::SetCreationPolicy(policy))
            .unwrap();
    }

    pub(crate) fn release_risk_control(
        &mut self,
        actor: Actor,
        person: PersonId,
    ) -> Result<Reply, Refusal> {
        self.ask(actor, T::ReleaseRiskControl(PersonV1 { person }))
    }

    /// The new groups.
    pub(crate) fn split(
        &mut self,
        actor: Actor,
        group: GroupId,
        parts: u32,
    ) -> Result<Vec<GroupId>, Refusal> {
        match self.ask(actor, T::SplitGroup(SplitGroupV1 { group, parts }))? {
            Reply::GroupSplit(split) => Ok(split.groups),
            other => panic!("{other:?}"),
        }
    }
}
