//! What the life of a group is after an event. One that does not fit changes nothing and takes nothing.

use crate::model::Stamp;
use crate::model::command::JoinSource;
use crate::model::event::{
    AllMutedV1, AnnouncedV1, DoNotDisturbSetV1, Event, GroupConfiguredV1, GroupDeletedV1,
    GroupDisabledV1, GroupDissolvedV2, GroupEnabledV1, GroupHiddenV1, GroupRestoredV1, GroupStatus,
    InvitationDeclinedV1, MemberMutedV1, MemberTaggedV1, MembersInvitedV1, MembersJoinedV1,
    MembersJoinedV2, SlowModeSetV1,
};
use crate::model::group::apply::{dissolve, enter, join, living_group};
use crate::model::state::{GroupIndex, PersonIndex, Tenant};
use crate::wire::{GroupId, PersonId, Take, Timestamp};

use super::settings::{Announcement, Invitation, Settings};

/// What takes no place in a group, since nobody else learns of it.
pub(crate) fn note(tenant: &mut Tenant, stamp: &Stamp, event: &Event) {
    // One that does not fit changes nothing.
    let _ = match event {
        Event::MembersInvited(invited) => invite(tenant, stamp, invited),
        Event::InvitationDeclined(declined) => decline(tenant, declined),
        Event::GroupDeleted(deleted) => delete(tenant, deleted),
        Event::GroupHidden(hidden) => hide(tenant, hidden),
        Event::GroupRestored(restored) => restore(tenant, restored),
        Event::DoNotDisturbSet(set) => set_do_not_disturb(tenant, set),
        Event::MemberTagged(tagged) => tag(tenant, tagged),
        _ => None,
    };
}

/// What any change means here: who came and went is counted, and leavers are invited no more.
pub(crate) fn follow(tenant: &mut Tenant, stamp: &Stamp, event: &Event) {
    let now = stamp.timestamp;
    match event {
        Event::MembersJoined(joined) => count(tenant, joined.group, &joined.people, &[], now),
        Event::MembersJoinedV2(joined) => count(tenant, joined.group, &joined.people, &[], now),
        Event::GroupEnabled(enabled) if enabled.joined => {
            count(tenant, enabled.group, &[enabled.owner], &[], now);
        }
        Event::MembersLeft(left) => count(tenant, left.group, &[], &left.people, now),
        Event::PersonDeparted(departed) => {
            let people = [departed.person];
            for left in &departed.groups {
                count(tenant, left.group, &[], &people, now);
            }
            if let Some(person) = tenant.find_person(departed.person) {
                forget_invitations_of(tenant, person);
            }
        }
        _ => {}
    }
}

fn count(
    tenant: &mut Tenant,
    group: GroupId,
    joined: &[PersonId],
    left: &[PersonId],
    now: Timestamp,
) {
    if let Some(index) = living_group(tenant, group) {
        let of = |people: &[PersonId]| u32::try_from(people.len()).unwrap_or(u32::MAX);
        let activity = &mut tenant.group_mut(index).activity;
        activity.note_changes(of(joined), of(left), now);
    }
}

/// The settings of a group that still has an order.
fn living_settings(tenant: &mut Tenant, group: GroupId) -> Option<(GroupIndex, &mut Settings)> {
    let index = living_group(tenant, group)?;
    Some((index, tenant.group_mut(index).settings_mut()))
}

/// The settings of a group, and a member of it.
fn settings_and_member(
    tenant: &mut Tenant,
    group: GroupId,
    person: PersonId,
) -> Option<(&mut Settings, PersonIndex)> {
    let index = living_group(tenant, group)?;
    let person = tenant.find_person(person)?;
    tenant.person(person).membership(index)?;
    Some((tenant.group_mut(index).settings_mut(), person))
}

pub(crate) fn join_from(tenant: &mut Tenant, joined: &MembersJoinedV2) -> Option<Take> {
    let plain = MembersJoinedV1 {
        group: joined.group,
        people: joined.people.clone(),
    };
    let take = join(tenant, &plain)?;
    if !matches!(joined.source, JoinSource::Created | JoinSource::Added) {
        for person in &joined.people {
            if let Some((settings, person)) = settings_and_member(tenant, joined.group, *person) {
                settings.set_source(person, joined.source, &joined.label);
            }
        }
    }
    Some(take)
}

fn invite(tenant: &mut Tenant, stamp: &Stamp, invited: &MembersInvitedV1) -> Option<()> {
    let index = living_group(tenant, invited.group)?;
    let by = tenant.find_person(invited.by);
    forget_expired(tenant, index, stamp.timestamp);
    for person in &invited.people {
        let Some(person) = tenant.find_person(*person) else {
            continue;
        };
        let is_member = tenant.person(person).membership(index).is_some();
        if is_member || tenant.person(person).has_departed() {
            continue;
        }
        let expires = invited.expires;
        let settings = tenant.group_mut(index).settings_mut();
        settings.invited.insert(person, Invitation { by, expires });
        tenant.life.add_invitation(person, index);
    }
    Some(())
}

fn decline(tenant: &mut Tenant, declined: &InvitationDeclinedV1) -> Option<()> {
    let index = living_group(tenant, declined.group)?;
    let person = tenant.find_person(declined.person)?;
    forget_invitation(tenant, index, person);
    Some(())
}

/// Who has come in is not invited any more.
pub(in crate::model::group) fn forget_invitation(
    tenant: &mut Tenant,
    group: GroupIndex,
    person: PersonIndex,
) {
    if let Some(settings) = &mut tenant.group_mut(group).settings
        && settings.invited.remove(&person).is_some()
    {
        tenant.life.remove_invitation(person, group);
    }
}

fn forget_expired(tenant: &mut Tenant, index: GroupIndex, now: Timestamp) {
    let life = &mut tenant.life;
    if let Some(settings) = &mut tenant.groups[index.of()].settings {
        settings.invited.retain(|person, invitation| {
            let lives = invitation.expires > now;
            if !lives {
                life.remove_invitation(*person, index);
            }
            lives
        });
    }
}

fn forget_invitations_of(tenant: &mut Tenant, person: PersonIndex) {
    for group in tenant.life.groups_inviting(person) {
        forget_invitation(tenant, group, person);
    }
}

/// What is noted of members who are gone, and whether the group is without an owner now.
pub(in crate::model::group) fn forget_members(
    tenant: &mut Tenant,
    index: GroupIndex,
    people: &[PersonIndex],
) {
    if let Some(settings) = &mut tenant.group_mut(index).settings {
        for person in people {
            settings.forget_member(*person);
        }
    }
    list_if_orphaned(tenant, index);
}

/// A dissolved group is set to nothing.
pub(in crate::model::group) fn forget_group(tenant: &mut Tenant, index: GroupIndex) {
    if let Some(settings) = tenant.group_mut(index).settings.take() {
        for person in settings.invited.keys() {
            tenant.life.remove_invitation(*person, index);
        }
    }
    list_if_orphaned(tenant, index);
}

/// Keeps the list of groups that nobody owns.
pub(in crate::model::group) fn list_if_orphaned(tenant: &mut Tenant, index: GroupIndex) {
    if tenant.group(index).is_orphaned() {
        tenant.life.orphaned.insert(index);
    } else {
        tenant.life.orphaned.remove(&index);
    }
}

pub(crate) fn configure(tenant: &mut Tenant, configured: &GroupConfiguredV1) -> Option<Take> {
    let (index, settings) = living_settings(tenant, configured.group)?;
    settings.change(&configured.change);
    Some(tenant.group_mut(index).take(index))
}

pub(crate) fn announce(
    tenant: &mut Tenant,
    stamp: &Stamp,
    announced: &AnnouncedV1,
) -> Option<Take> {
    let by = tenant.find_person(announced.by);
    let (index, settings) = living_settings(tenant, announced.group)?;
    settings.announcement = (announced.len > 0).then_some(Announcement {
        record: stamp.record,
        by,
        at: stamp.timestamp,
    });
    Some(tenant.group_mut(index).take(index))
}

pub(crate) fn mute(tenant: &mut Tenant, stamp: &Stamp, muted: &MemberMutedV1) -> Option<Take> {
    let person = tenant.find_person(muted.person)?;
    let (index, settings) = living_settings(tenant, muted.group)?;
    settings.speech.mute(person, muted.until, stamp.timestamp);
    Some(tenant.group_mut(index).take(index))
}

pub(crate) fn mute_all(tenant: &mut Tenant, muted: &AllMutedV1) -> Option<Take> {
    let (index, settings) = living_settings(tenant, muted.group)?;
    settings.speech.all_muted = muted.on;
    Some(tenant.group_mut(index).take(index))
}

pub(crate) fn set_slow_mode(tenant: &mut Tenant, set: &SlowModeSetV1) -> Option<Take> {
    let (index, settings) = living_settings(tenant, set.group)?;
    settings.speech.set_slow_mode(set.seconds);
    Some(tenant.group_mut(index).take(index))
}

pub(crate) fn disable(tenant: &mut Tenant, disabled: &GroupDisabledV1) -> Option<Take> {
    let index = living_group(tenant, disabled.group)?;
    let group = tenant.group_mut(index);
    group.status = GroupStatus::Disabled;
    let take = group.take(index);
    list_if_orphaned(tenant, index);
    Some(take)
}

pub(crate) fn enable(tenant: &mut Tenant, enabled: &GroupEnabledV1) -> Option<Take> {
    let index = living_group(tenant, enabled.group)?;
    let owner = tenant.find_person(enabled.owner);
    let group = tenant.group_mut(index);
    group.status = GroupStatus::Active;
    let take = if enabled.joined {
        group.take_membership(index)
    } else {
        group.take(index)
    };
    if let Some(owner) = owner {
        if enabled.joined {
            enter(tenant, index, owner, take.sequence);
            let settings = tenant.group_mut(index).settings_mut();
            settings.set_source(owner, JoinSource::Succession, "");
        }
        if tenant.person(owner).membership(index).is_some() {
            tenant.group_mut(index).hand_to(owner);
        }
    }
    list_if_orphaned(tenant, index);
    Some(take)
}

pub(crate) fn dissolve_for(tenant: &mut Tenant, dissolved: &GroupDissolvedV2) -> Option<Take> {
    let take = dissolve(tenant, dissolved.group)?;
    let heirs = dissolved.heirs.iter().map(|heir| tenant.find_person(*heir));
    let heirs: Vec<_> = heirs.flatten().collect();
    if !heirs.is_empty() {
        let index = tenant.find_group(dissolved.group)?;
        tenant.group_mut(index).settings_mut().heirs = heirs;
    }
    Some(take)
}

fn delete(tenant: &mut Tenant, deleted: &GroupDeletedV1) -> Option<()> {
    let index = tenant.find_group(deleted.group)?;
    let group = tenant.group_mut(index);
    if group.status == GroupStatus::Dissolved {
        group.settings_mut().deleted = true;
    }
    Some(())
}

fn hide(tenant: &mut Tenant, hidden: &GroupHiddenV1) -> Option<()> {
    let (settings, person) = settings_and_member(tenant, hidden.group, hidden.person)?;
    settings.hidden.insert(person);
    Some(())
}

fn restore(tenant: &mut Tenant, restored: &GroupRestoredV1) -> Option<()> {
    let (settings, person) = settings_and_member(tenant, restored.group, restored.person)?;
    settings.hidden.remove(&person);
    Some(())
}

fn set_do_not_disturb(tenant: &mut Tenant, set: &DoNotDisturbSetV1) -> Option<()> {
    let (settings, person) = settings_and_member(tenant, set.group, set.person)?;
    if set.on {
        settings.do_not_disturb.insert(person);
    } else {
        settings.do_not_disturb.remove(&person);
    }
    Some(())
}

fn tag(tenant: &mut Tenant, tagged: &MemberTaggedV1) -> Option<()> {
    let (settings, person) = settings_and_member(tenant, tagged.group, tagged.person)?;
    if tagged.tags.is_empty() {
        settings.tags.remove(&person);
    } else {
        settings.tags.insert(person, tagged.tags.clone());
    }
    Some(())
}
