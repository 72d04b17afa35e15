//! What happens in the life of groups, whether it fits or not.

use proptest::prelude::*;
use throng::model::command::{InvitePolicy, JoinSource, SettingsChangeV1};
use throng::model::event::*;
use throng::wire::Sequence;

use super::{group, people, person, time};

/// Events of every shape, of groups and people that may not be there.
pub(crate) fn events() -> impl Strategy<Value = Event> {
    let facts = (group(), person(), people(), time(), any::<[bool; 3]>());
    let which = 0..17_u8;
    (which, facts).prop_map(|(which, (group, person, people, time, [a, b, c]))| {
        let text = if a { "词".to_owned() } else { String::new() };
        let flag = |on: bool| c.then_some(on);
        match which {
            0 => Event::MembersJoinedV2(MembersJoinedV2 {
                group,
                people,
                source: if b {
                    JoinSource::Code
                } else {
                    JoinSource::Added
                },
                label: text,
                notice: 0,
            }),
            1 => Event::MembersInvited(MembersInvitedV1 {
                group,
                people,
                by: person,
                expires: time,
            }),
            2 => Event::InvitationDeclined(InvitationDeclinedV1 { group, person }),
            3 => Event::GroupConfigured(GroupConfiguredV1 {
                group,
                change: SettingsChangeV1 {
                    invite: flag(a).map(|_| InvitePolicy::Admins),
                    name_locked: flag(b),
                    hide_contacts: flag(a),
                    confirm: flag(b),
                    confirm_above: flag(a).map(u32::from),
                    history: None,
                    welcome: Some(text),
                    receipts: flag(b),
                },
            }),
            4 => Event::Announced(AnnouncedV1 {
                group,
                len: u32::from(a),
                by: person,
            }),
            5 => Event::MemberMuted(MemberMutedV1 {
                group,
                person,
                until: time,
            }),
            6 => Event::AllMuted(AllMutedV1 { group, on: a }),
            7 => Event::SlowModeSet(SlowModeSetV1 {
                group,
                seconds: time.0 as u32,
            }),
            8 => Event::GroupDisabled(GroupDisabledV1 {
                group,
                members: people,
            }),
            9 => Event::GroupEnabled(GroupEnabledV1 {
                group,
                owner: person,
                joined: a,
                members: people,
            }),
            10 => Event::GroupDissolvedV2(GroupDissolvedV2 {
                group,
                members: Vec::new(),
                heirs: people,
            }),
            11 => Event::GroupDeleted(GroupDeletedV1 { group }),
            12 => Event::GroupHidden(GroupHiddenV1 { group, person }),
            13 => Event::GroupRestored(GroupRestoredV1 {
                group,
                person,
                from: Sequence(person.0),
            }),
            14 => Event::DoNotDisturbSet(DoNotDisturbSetV1 {
                group,
                person,
                on: a,
            }),
            15 => Event::MemberTagged(MemberTaggedV1 {
                group,
                person,
                tags: vec![text],
            }),
            _ => Event::MessageDeleted(MessageDeletedV1 {
                group,
                sequence: Sequence(person.0),
                by: DeletedBy::Author,
            }),
        }
    })
}
