//! The life of a group, and deleting a message.

use throng::model::command::*;
use throng::model::event::{self, DeletedBy, Event, GroupStatus};
use throng::wire::{GroupId, PersonId, RecordNumber, Sequence, Timestamp};

use crate::golden::Section;
use crate::golden::core::TIME;

pub(crate) const SECTION: Section = Section {
    golden: include_str!("model_life.txt"),
    commands,
    replies,
    events,
};

const GROUP: GroupId = GroupId(0x1112_1314_1516_1718);
const PERSON: PersonId = PersonId(0x0102_0304_0506_0708);

fn change() -> SettingsChangeV1 {
    SettingsChangeV1 {
        invite: Some(InvitePolicy::Admins),
        name_locked: Some(true),
        hide_contacts: None,
        confirm: Some(true),
        confirm_above: Some(41),
        history: Some(NewcomerHistory::All),
        welcome: Some("欢迎".to_owned()),
        receipts: Some(false),
    }
}

fn member() -> MemberV1 {
    MemberV1 {
        group: GROUP,
        person: PERSON,
    }
}

fn list() -> ListMembersV1 {
    ListMembersV1 {
        group: GROUP,
        after: PERSON,
        limit: 99,
    }
}

fn commands() -> Vec<TaggedCommand> {
    use TaggedCommand as T;
    let (group, person) = (GROUP, PERSON);
    vec![
        T::ConfigureGroup(ConfigureGroupV1 {
            group,
            change: change(),
        }),
        T::Announce(AnnounceV1 {
            group,
            text: "明天放假".to_owned(),
        }),
        T::MuteMember(MuteMemberV1 {
            group,
            person,
            until: TIME,
        }),
        T::MuteAll(MuteAllV1 { group, on: true }),
        T::SetSlowMode(SetSlowModeV1 { group, seconds: 30 }),
        T::DisableGroup(GroupV1 { group }),
        T::EnableGroup(EnableGroupV1 {
            group,
            owner: person,
        }),
        T::DeleteGroup(GroupV1 { group }),
        T::HideGroup(member()),
        T::RestoreGroup(member()),
        T::SetDoNotDisturb(SetDoNotDisturbV1 {
            group,
            person,
            on: true,
        }),
        T::TagMember(TagMemberV1 {
            group,
            person,
            tags: vec!["VIP".to_owned(), "华东".to_owned()],
        }),
        T::AnswerInvitation(AnswerInvitationV1 {
            group,
            person,
            accept: true,
        }),
        T::DeleteMessage(DeleteMessageV1 {
            group,
            sequence: Sequence(77),
        }),
        T::GetGroupSettings(GroupV1 { group }),
        T::ListMembersV2(list()),
        T::GetGroupStatistics(GroupV1 { group }),
        T::ListInvitations(PersonV1 { person }),
        T::ListOrphanedGroups(ListOrphanedGroupsV1 {
            after: group,
            limit: 99,
        }),
        T::ListHiddenGroups(PersonV1 { person }),
    ]
}

fn replies() -> Vec<Reply> {
    let (group, person) = (GROUP, PERSON);
    vec![
        Reply::GroupSettings(Box::new(GroupSettingsV1 {
            group,
            kind: GroupKind::External,
            status: GroupStatus::Disabled,
            deleted: true,
            owner: person,
            heirs: vec![PersonId(9)],
            invite: InvitePolicy::Admins,
            name_locked: true,
            hide_contacts: true,
            confirm: true,
            confirm_above: 41,
            history: NewcomerHistory::All,
            receipts: true,
            welcome: "欢迎".to_owned(),
            announcement: "明天放假".to_owned(),
            announcement_gone: true,
            announced_in: RecordNumber(19),
            announced_by: PersonId(8),
            announced_at: TIME,
            all_muted: true,
            slow_mode_seconds: 30,
            muted_until: Timestamp(7),
            do_not_disturb: true,
            hidden: true,
        })),
        Reply::MembersV2(MembersPageV2 {
            members: vec![MemberStateV2 {
                person,
                name: "王小明".to_owned(),
                kind: PersonKind::Customer,
                role: GroupRole::Admin,
                joined: Sequence(12),
                source: JoinSource::Code,
                label: "展会".to_owned(),
                muted_until: TIME,
                tags: vec!["VIP".to_owned()],
                do_not_disturb: true,
            }],
            more: true,
        }),
        Reply::GroupStatistics(GroupStatisticsV1 {
            group,
            members: 3,
            sources: vec![SourceCountV1 {
                source: JoinSource::FaceToFace,
                label: "展会".to_owned(),
                members: 2,
            }],
            joined_today: 4,
            left_today: 5,
            joined_7_days: 6,
            left_7_days: 7,
            messages_today: 8,
            active_senders_today: 9,
            active_senders_incomplete: true,
        }),
        Reply::Invitations(InvitationsV1 {
            list: vec![InvitationV1 {
                group,
                name: "项目组".to_owned(),
                by: person,
                expires: TIME,
            }],
        }),
        Reply::Invited(InvitedV1 {
            group,
            people: vec![person, PersonId(2)],
            expires: TIME,
        }),
    ]
}

fn events() -> Vec<Event> {
    let (group, person) = (GROUP, PERSON);
    let members = vec![person, PersonId(2)];
    vec![
        Event::MembersJoinedV2(event::MembersJoinedV2 {
            group,
            people: members.clone(),
            source: JoinSource::Code,
            label: "展会".to_owned(),
            notice: 2,
        }),
        Event::MembersInvited(event::MembersInvitedV1 {
            group,
            people: members.clone(),
            by: PersonId(3),
            expires: TIME,
        }),
        Event::InvitationDeclined(event::InvitationDeclinedV1 { group, person }),
        Event::GroupConfigured(event::GroupConfiguredV1 {
            group,
            change: change(),
        }),
        Event::Announced(event::AnnouncedV1 {
            group,
            len: 12,
            by: person,
        }),
        Event::MemberMuted(event::MemberMutedV1 {
            group,
            person,
            until: TIME,
        }),
        Event::AllMuted(event::AllMutedV1 { group, on: true }),
        Event::SlowModeSet(event::SlowModeSetV1 { group, seconds: 30 }),
        Event::GroupDisabled(event::GroupDisabledV1 {
            group,
            members: members.clone(),
        }),
        Event::GroupEnabled(event::GroupEnabledV1 {
            group,
            owner: person,
            joined: true,
            members: vec![PersonId(2)],
        }),
        Event::GroupDissolvedV2(event::GroupDissolvedV2 {
            group,
            members: members.clone(),
            heirs: vec![PersonId(9)],
        }),
        Event::GroupDeleted(event::GroupDeletedV1 { group }),
        Event::GroupHidden(event::GroupHiddenV1 { group, person }),
        Event::GroupRestored(event::GroupRestoredV1 {
            group,
            person,
            from: Sequence(78),
        }),
        Event::DoNotDisturbSet(event::DoNotDisturbSetV1 {
            group,
            person,
            on: true,
        }),
        Event::MemberTagged(event::MemberTaggedV1 {
            group,
            person,
            tags: vec!["VIP".to_owned()],
        }),
        Event::GroupOrphaned(event::GroupOrphanedV1 {
            group,
            members,
            at: Sequence(79),
        }),
        Event::MessageDeleted(event::MessageDeletedV1 {
            group,
            sequence: Sequence(77),
            by: DeletedBy::Leader,
        }),
    ]
}
