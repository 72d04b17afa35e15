//! What is read about a group's life, each by who may (SPEC G8, G9, M4).

use std::collections::BTreeMap;

use crate::model::command::{
    Actor, GroupRole, GroupSettingsV1, GroupStatisticsV1, GroupV1, GroupsV1, JoinSource,
    ListMembersV1, ListOrphanedGroupsV1, MemberStateV2, MembersPageV2, PersonV1, Reply,
    SourceCountV1,
};
use crate::model::custody::content_is_gone;
use crate::model::decision::Request;
use crate::model::event::GroupStatus;
use crate::model::group::Group;
use crate::model::permission::{Operation, Subject};
use crate::model::quota::window::day_of;
use crate::model::refusal::Refusal;
use crate::model::state::{GroupIndex, PersonIndex, State, Tenant};
use crate::wire::{GroupId, PersonId, RecordNumber, Sequence, TenantId, Timestamp};

/// Entries of a page, at most.
const PAGE_MAX: usize = 1_000;
/// Remembered messages looked at to count who wrote: about 0.4 ms where the caches are cold.
const LOOKED_AT_MAX: usize = 50_000;
const SEVEN_DAYS_US: i64 = 7 * 86_400_000_000;

/// The group, for whoever may read about it: its members may not while it is disabled, only who could
/// put it in use again.
pub(crate) fn readable_group<'a>(
    request: &Request<'a>,
    id: GroupId,
) -> Result<(GroupIndex, &'a Group), Refusal> {
    let index = request.tenant.known_group(id)?;
    let subject = Subject::Group(index);
    request.permit(Operation::ReadGroup, subject)?;
    let group = request.tenant.group(index);
    let is_disabled = group.status == GroupStatus::Disabled;
    if is_disabled && !request.may(Operation::DisableGroup, subject) {
        return Err(Refusal::GroupDisabled { group: id });
    }
    Ok((index, group))
}

/// The members of a page that the asker may see, by id, and whether there are more.
pub(crate) fn page_of_members(
    request: &Request<'_>,
    index: GroupIndex,
    list: &ListMembersV1,
) -> (Vec<PersonIndex>, bool) {
    let group = request.tenant.group(index);
    let oneself = asker(request);
    let sees_all = !group.settings().hide_contacts
        || request.may(Operation::ConfigureGroup, Subject::Group(index));
    let mut page = group.members.clone();
    page.retain(|member| {
        let shown =
            sees_all || oneself == Some(*member) || group.role(*member) != GroupRole::Member;
        shown && member.id() > list.after
    });
    page.sort_unstable();
    let limit = PAGE_MAX.min(list.limit as usize);
    let more = page.len() > limit;
    page.truncate(limit);
    (page, more)
}

fn asker(request: &Request<'_>) -> Option<PersonIndex> {
    match request.actor {
        Actor::Person { person, .. } => request.tenant.find_person(person),
        Actor::Node | Actor::Enterprise | Actor::System => None,
    }
}

pub(crate) fn get_settings(request: &Request<'_>, get: &GroupV1) -> Result<Reply, Refusal> {
    let index = match request.tenant.find_group(get.group) {
        Some(index) if request.tenant.group(index).is_deleted() => {
            if !request.may(Operation::DeleteGroup, Subject::Group(index)) {
                return Err(Refusal::NoSuchGroup { group: get.group });
            }
            index
        }
        _ => readable_group(request, get.group)?.0,
    };
    let group = request.tenant.group(index);
    let settings = group.settings();
    let oneself = asker(request);
    let id_of = |person: Option<PersonIndex>| person.map_or(PersonId(0), PersonIndex::id);
    let muted = oneself.and_then(|person| settings.speech.muted_until(person, request.now));
    let announcement = settings.announcement.as_ref();
    Ok(Reply::GroupSettings(Box::new(GroupSettingsV1 {
        group: get.group,
        kind: group.kind,
        status: group.status,
        deleted: settings.deleted,
        owner: id_of(group.owner),
        heirs: settings.heirs.iter().map(|heir| heir.id()).collect(),
        invite: settings.invite,
        name_locked: group.is_name_locked(),
        hide_contacts: settings.hide_contacts,
        confirm: settings.confirm,
        confirm_above: settings.confirm_above,
        history: settings.history,
        receipts: settings.receipts,
        welcome: settings.welcome.clone(),
        // Whoever has the record has the text.
        announcement: String::new(),
        announcement_gone: announcement
            .is_some_and(|of| content_is_gone(request.tenant, get.group, of.at.utc_day())),
        announced_in: announcement.map_or(RecordNumber(0), |of| of.record),
        announced_by: id_of(announcement.and_then(|of| of.by)),
        announced_at: announcement.map_or(Timestamp(0), |of| of.at),
        all_muted: settings.speech.all_muted,
        slow_mode_seconds: settings.speech.slow_mode_seconds,
        muted_until: muted.unwrap_or(Timestamp(0)),
        do_not_disturb: oneself.is_some_and(|person| settings.do_not_disturb.contains(&person)),
        hidden: oneself.is_some_and(|person| settings.hidden.contains(&person)),
    })))
}

/// Every announcement that stands and whose text is not gone: of which group, and in which record it is.
pub fn announcements(
    state: &State,
) -> impl Iterator<Item = (TenantId, GroupId, RecordNumber)> + '_ {
    let tenants = (1..).map(TenantId).zip(&state.tenants);
    tenants.flat_map(|(id, tenant)| {
        let groups = (1..=tenant.groups.len() as u64).map(GroupId);
        groups.filter_map(move |group| Some((id, group, standing(tenant, group)?)))
    })
}

/// The record with the announcement of a group, if one stands and its text is not gone (SPEC A4, A5).
#[must_use]
pub fn announcement(state: &State, tenant: TenantId, group: GroupId) -> Option<RecordNumber> {
    standing(state.tenant(tenant).ok()?, group)
}

fn standing(tenant: &Tenant, id: GroupId) -> Option<RecordNumber> {
    let group = tenant.group(tenant.find_group(id)?);
    let of = group.settings().announcement?;
    (!content_is_gone(tenant, id, of.at.utc_day())).then_some(of.record)
}

pub(crate) fn list_members(request: &Request<'_>, list: &ListMembersV1) -> Result<Reply, Refusal> {
    let (index, group) = readable_group(request, list.group)?;
    let (page, more) = page_of_members(request, index, list);
    let tenant = request.tenant;
    let settings = group.settings();
    let oneself = asker(request);
    let sees_tags = oneself.is_none_or(|person| tenant.is_employee(person));
    let state = |member: PersonIndex| {
        let person = tenant.person(member);
        let (source, label) = source_of(request, index, member);
        let muted = settings.speech.muted_until(member, request.now);
        let tags = settings.tags.get(&member).filter(|_| sees_tags);
        let quiet = settings.do_not_disturb.contains(&member);
        let joined = person.membership(index);
        MemberStateV2 {
            person: member.id(),
            name: person.name.to_string(),
            kind: person.kind,
            role: group.role(member),
            joined: joined.map_or(Sequence(0), |membership| membership.joined),
            source,
            label: label.to_owned(),
            muted_until: muted.unwrap_or(Timestamp(0)),
            tags: tags.cloned().unwrap_or_default(),
            do_not_disturb: quiet && oneself == Some(member),
        }
    };
    let members = page.into_iter().map(state).collect();
    Ok(Reply::MembersV2(MembersPageV2 { members, more }))
}

/// How a member came in: noted where it is unusual, else told by the sequence of the join.
fn source_of<'a>(
    request: &Request<'a>,
    index: GroupIndex,
    member: PersonIndex,
) -> (JoinSource, &'a str) {
    let settings = request.tenant.group(index).settings();
    if let Some(noted) = settings.sources.get(&member) {
        return (noted.source, settings.label(noted.label));
    }
    let membership = request.tenant.person(member).membership(index);
    let with_the_group = membership.is_some_and(|of| of.joined == Sequence(1));
    let source = if with_the_group {
        JoinSource::Created
    } else {
        JoinSource::Added
    };
    (source, "")
}

pub(crate) fn get_statistics(request: &Request<'_>, get: &GroupV1) -> Result<Reply, Refusal> {
    let (index, group) = readable_group(request, get.group)?;
    request.permit(Operation::ConfigureGroup, Subject::Group(index))?;
    let tenant = request.tenant;
    let today = day_of(&tenant.zone, request.now).starts;
    let mut sources = BTreeMap::new();
    let mut active_senders = 0;
    let mut left_to_look_at = LOOKED_AT_MAX;
    for member in &group.members {
        *sources
            .entry(source_of(request, index, *member))
            .or_insert(0) += 1;
        let left = &mut left_to_look_at;
        let wrote = tenant
            .remembered
            .has_written(*member, get.group, today, left);
        active_senders += u32::from(wrote);
    }
    let sources = sources
        .into_iter()
        .map(|((source, label), members)| SourceCountV1 {
            source,
            label: label.to_owned(),
            members,
        });
    let seven_days_ago = request.now.plus_micros(-SEVEN_DAYS_US);
    let (joined_today, left_today) = group.activity.changes_since(today);
    let (joined_7_days, left_7_days) = group.activity.changes_since(seven_days_ago);
    Ok(Reply::GroupStatistics(GroupStatisticsV1 {
        group: get.group,
        members: u32::try_from(group.members.len()).unwrap_or(u32::MAX),
        sources: sources.collect(),
        joined_today,
        left_today,
        joined_7_days,
        left_7_days,
        messages_today: group.activity.messages_since(today, group.message_ordinal),
        active_senders_today: active_senders,
        active_senders_incomplete: left_to_look_at == 0,
    }))
}

/// Groups that nobody owns since their last employee left: how super admins are told (SPEC M6).
pub(crate) fn list_orphaned(
    request: &Request<'_>,
    list: &ListOrphanedGroupsV1,
) -> Result<Reply, Refusal> {
    request.permit(Operation::ReadTenant, Subject::Tenant)?;
    let limit = PAGE_MAX.min(list.limit as usize);
    let orphaned = request.tenant.life.orphaned.iter().map(|index| index.id());
    let groups = orphaned.filter(|id| *id > list.after).take(limit).collect();
    Ok(Reply::Groups(GroupsV1 { groups }))
}

/// Groups that a person has deleted from their view, and may restore.
pub(crate) fn list_hidden(request: &Request<'_>, list: &PersonV1) -> Result<Reply, Refusal> {
    request.permit(Operation::ReadPerson, Subject::Person(list.person))?;
    let tenant = request.tenant;
    let person = tenant.active_person(list.person)?;
    let memberships = tenant.person(person).memberships().iter();
    let hidden = memberships.filter(|membership| {
        let group = tenant.group(membership.group);
        group.status == GroupStatus::Active && group.is_hidden_from(person)
    });
    let groups = hidden.take(PAGE_MAX).map(|of| of.group.id()).collect();
    Ok(Reply::Groups(GroupsV1 { groups }))
}
