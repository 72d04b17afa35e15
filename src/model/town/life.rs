//! The life of a group, in the words of tests.

use super::{Town, by, changed};
use crate::model::command::{
    Actor, AnnounceV1, AnswerInvitationV1, ConfigureGroupV1, DeleteMessageV1, DoneV1,
    EnableGroupV1, GroupSettingsV1, GroupStatisticsV1, GroupV1, InvitationV1, InvitedV1,
    ListMembersV1, ListOrphanedGroupsV1, MemberStateV2, MemberV1, MembersV1, MuteAllV1,
    MuteMemberV1, PersonV1, Reply, SetDoNotDisturbV1, SetSlowModeV1, SettingsChangeV1, TagMemberV1,
    TaggedCommand as T,
};
use crate::model::{Refusal, attach};
use crate::wire::{AttachedGroup, GroupId, PersonId, Sequence, Timestamp};

/// Changes nothing.
pub(crate) const NO_CHANGE: SettingsChangeV1 = SettingsChangeV1 {
    invite: None,
    name_locked: None,
    hide_contacts: None,
    confirm: None,
    confirm_above: None,
    history: None,
    welcome: None,
    receipts: None,
};

impl Town {
    pub(crate) fn configure(
        &mut self,
        actor: Actor,
        group: GroupId,
        change: SettingsChangeV1,
    ) -> Result<Sequence, Refusal> {
        let configure = ConfigureGroupV1 { group, change };
        changed(self.ask(actor, T::ConfigureGroup(configure)))
    }

    pub(crate) fn announce(
        &mut self,
        actor: Actor,
        group: GroupId,
        text: &str,
    ) -> Result<Sequence, Refusal> {
        let text = text.to_owned();
        changed(self.ask(actor, T::Announce(AnnounceV1 { group, text })))
    }

    pub(crate) fn mute(
        &mut self,
        actor: Actor,
        group: GroupId,
        person: PersonId,
        until: Timestamp,
    ) -> Result<Sequence, Refusal> {
        let mute = MuteMemberV1 {
            group,
            person,
            until,
        };
        changed(self.ask(actor, T::MuteMember(mute)))
    }

    pub(crate) fn mute_all(
        &mut self,
        actor: Actor,
        group: GroupId,
        on: bool,
    ) -> Result<Sequence, Refusal> {
        changed(self.ask(actor, T::MuteAll(MuteAllV1 { group, on })))
    }

    pub(crate) fn slow_mode(
        &mut self,
        actor: Actor,
        group: GroupId,
        seconds: u32,
    ) -> Result<Sequence, Refusal> {
        changed(self.ask(actor, T::SetSlowMode(SetSlowModeV1 { group, seconds })))
    }

    pub(crate) fn disable(&mut self, actor: Actor, group: GroupId) -> Result<Sequence, Refusal> {
        changed(self.ask(actor, T::DisableGroup(GroupV1 { group })))
    }

    /// 0 names no owner.
    pub(crate) fn enable(
        &mut self,
        actor: Actor,
        group: GroupId,
        owner: PersonId,
    ) -> Result<Sequence, Refusal> {
        changed(self.ask(actor, T::EnableGroup(EnableGroupV1 { group, owner })))
    }

    pub(crate) fn delete_group(&mut self, actor: Actor, group: GroupId) -> Result<(), Refusal> {
        done(self.ask(actor, T::DeleteGroup(GroupV1 { group })))
    }

    pub(crate) fn hide(&mut self, person: PersonId, group: GroupId) -> Result<(), Refusal> {
        done(self.ask(by(person), T::HideGroup(MemberV1 { group, person })))
    }

    pub(crate) fn restore(&mut self, person: PersonId, group: GroupId) -> Result<(), Refusal> {
        done(self.ask(by(person), T::RestoreGroup(MemberV1 { group, person })))
    }

    pub(crate) fn do_not_disturb(
        &mut self,
        actor: Actor,
        group: GroupId,
        person: PersonId,
    ) -> Result<(), Refusal> {
        let on = true;
        let set = SetDoNotDisturbV1 { group, person, on };
        done(self.ask(actor, T::SetDoNotDisturb(set)))
    }

    pub(crate) fn tag(
        &mut self,
        actor: Actor,
        group: GroupId,
        person: PersonId,
        tags: &[&str],
    ) -> Result<(), Refusal> {
        let tag = TagMemberV1 {
            group,
            person,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        };
        done(self.ask(actor, T::TagMember(tag)))
    }

    /// Adds people who have to agree first.
    pub(crate) fn invite_to(
        &mut self,
        actor: Actor,
        group: GroupId,
        people: &[PersonId],
    ) -> Result<InvitedV1, Refusal> {
        let people = people.to_vec();
        match self.ask(actor, T::AddMembers(MembersV1 { group, people }))? {
            Reply::Invited(invited) => Ok(invited),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn accept(&mut self, person: PersonId, group: GroupId) -> Result<Sequence, Refusal> {
        let accept = true;
        let answer = AnswerInvitationV1 {
            group,
            person,
            accept,
        };
        changed(self.ask(by(person), T::AnswerInvitation(answer)))
    }

    pub(crate) fn decline(&mut self, person: PersonId, group: GroupId) -> Result<(), Refusal> {
        let accept = false;
        let answer = AnswerInvitationV1 {
            group,
            person,
            accept,
        };
        done(self.ask(by(person), T::AnswerInvitation(answer)))
    }

    pub(crate) fn invitations(&mut self, person: PersonId) -> Vec<InvitationV1> {
        match self.ask(by(person), T::ListInvitations(PersonV1 { person })) {
            Ok(Reply::Invitations(invitations)) => invitations.list,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn delete_message(
        &mut self,
        actor: Actor,
        group: GroupId,
        sequence: Sequence,
    ) -> Result<Sequence, Refusal> {
        let delete = DeleteMessageV1 { group, sequence };
        changed(self.ask(actor, T::DeleteMessage(delete)))
    }

    pub(crate) fn settings(
        &mut self,
        actor: Actor,
        group: GroupId,
    ) -> Result<GroupSettingsV1, Refusal> {
        match self.ask(actor, T::GetGroupSettings(GroupV1 { group }))? {
            Reply::GroupSettings(settings) => Ok(*settings),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn members_as(
        &mut self,
        actor: Actor,
        group: GroupId,
    ) -> Result<Vec<MemberStateV2>, Refusal> {
        let list = ListMembersV1 {
            group,
            after: PersonId(0),
            limit: 1_000,
        };
        match self.ask(actor, T::ListMembersV2(list))? {
            Reply::MembersV2(page) => Ok(page.members),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn statistics(
        &mut self,
        actor: Actor,
        group: GroupId,
    ) -> Result<GroupStatisticsV1, Refusal> {
        match self.ask(actor, T::GetGroupStatistics(GroupV1 { group }))? {
            Reply::GroupStatistics(statistics) => Ok(statistics),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn orphaned(&mut self, actor: Actor) -> Result<Vec<GroupId>, Refusal> {
        let after = GroupId(0);
        let limit = 1_000;
        let list = ListOrphanedGroupsV1 { after, limit };
        groups(self.ask(actor, T::ListOrphanedGroups(list)))
    }

    pub(crate) fn hidden_from(&mut self, person: PersonId) -> Vec<GroupId> {
        groups(self.ask(by(person), T::ListHiddenGroups(PersonV1 { person }))).unwrap()
    }

    /// What the person's list of groups says, which is also what they come online with.
    pub(crate) fn groups_of(&mut self, person: PersonId) -> Vec<GroupId> {
        let listed = groups(self.ask(by(person), T::ListGroups(PersonV1 { person }))).unwrap();
        let attached = attach(&self.state, self.tenant, person).unwrap();
        let attached: Vec<_> = attached.iter().map(AttachedGroup::group).collect();
        assert_eq!(listed, attached);
        listed
    }
}

fn done(reply: Result<Reply, Refusal>) -> Result<(), Refusal> {
    assert_eq!(reply?, Reply::Done(DoneV1 {}));
    Ok(())
}

fn groups(reply: Result<Reply, Refusal>) -> Result<Vec<GroupId>, Refusal> {
    match reply? {
        Reply::Groups(groups) => Ok(groups.groups),
        other => panic!("{other:?}"),
    }
}
