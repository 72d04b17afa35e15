//! The life of groups as a snapshot has it: of those groups alone of which there is something to say.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::body::body;
use crate::model::command::{InvitePolicy, JoinSource, NewcomerHistory};
use crate::model::state::{GroupIndex, PersonIndex, Tenant};
use crate::wire::{GroupId, PersonId, RecordNumber, Timestamp};

use super::activity::{Activity, Changes, Mark, Past};
use super::settings::{Announcement, Invitation, Settings, Source};
use super::speech::Speech;

body! {
    /// What groups are set to, and what goes on in them; both by group.
    LifeStateV1 {
        settings: Vec<SettingsStateV1>,
        activities: Vec<ActivityStateV1>,
    }
}
body! {
    /// One group's settings; lists by person.
    SettingsStateV1 {
        group: GroupId,
        invite: InvitePolicy,
        name_locked: Option<bool>,
        hide_contacts: bool,
        confirm: bool,
        confirm_above: u32,
        history: NewcomerHistory,
        receipts: bool,
        welcome: String,
        announcement: Option<AnnouncementStateV1>,
        all_muted: bool,
        slow_mode_seconds: u32,
        muted: Vec<PersonTimeV1>,
        spoke: Vec<PersonTimeV1>,
        invited: Vec<InvitationStateV1>,
        do_not_disturb: Vec<PersonId>,
        hidden: Vec<PersonId>,
        tags: Vec<TagsStateV1>,
        sources: Vec<SourceStateV1>,
        labels: Vec<String>,
        heirs: Vec<PersonId>,
        deleted: bool,
    }
}
body! {
    /// What is pinned.
    AnnouncementStateV1 {
        record: RecordNumber,
        by: PersonId,
        at: Timestamp,
    }
}
body! {
    /// A time of a person.
    PersonTimeV1 {
        person: PersonId,
        at: Timestamp,
    }
}
body! {
    /// One invitation.
    InvitationStateV1 {
        person: PersonId,
        by: PersonId,
        expires: Timestamp,
    }
}
body! {
    /// One member's tags.
    TagsStateV1 {
        person: PersonId,
        tags: Vec<String>,
    }
}
body! {
    /// How a member came in.
    SourceStateV1 {
        person: PersonId,
        source: JoinSource,
        label: u16,
    }
}
body! {
    /// One group's counts.
    ActivityStateV1 {
        group: GroupId,
        latest: MarkV1,
        messages: Vec<MarkV1>,
        changes: Vec<ChangesV1>,
    }
}
body! {
    /// The first message of a quarter.
    MarkV1 {
        quarter: u32,
        before: u32,
    }
}
body! {
    /// One quarter's joins and departures.
    ChangesV1 {
        quarter: u32,
        joined: u32,
        left: u32,
    }
}

pub(crate) fn write(tenant: &Tenant) -> LifeStateV1 {
    let groups = || (1..).map(GroupId).zip(&tenant.groups);
    let settings = groups().filter_map(|(id, group)| {
        let settings = group.settings.as_deref()?;
        Some(write_settings(id, settings))
    });
    let activities = groups().filter_map(|(id, group)| write_activity(id, &group.activity));
    LifeStateV1 {
        settings: settings.collect(),
        activities: activities.collect(),
    }
}

fn id_of(person: Option<PersonIndex>) -> PersonId {
    person.map_or(PersonId(0), PersonIndex::id)
}

fn ids<'a>(people: impl IntoIterator<Item = &'a PersonIndex>) -> Vec<PersonId> {
    people.into_iter().map(|person| person.id()).collect()
}

fn write_settings(group: GroupId, settings: &Settings) -> SettingsStateV1 {
    // Destructured, so that a new field cannot be forgotten.
    let Settings {
        invite,
        name_locked,
        hide_contacts,
        confirm,
        confirm_above,
        history,
        receipts,
        welcome,
        announcement,
        speech,
        invited,
        do_not_disturb,
        hidden,
        tags,
        sources,
        labels,
        heirs,
        deleted,
    } = settings;
    let Speech {
        all_muted,
        slow_mode_seconds,
        muted,
        spoke,
    } = speech;
    let times = |times: &BTreeMap<PersonIndex, Timestamp>| {
        let time = |(person, at): (&PersonIndex, &Timestamp)| PersonTimeV1 {
            person: person.id(),
            at: *at,
        };
        times.iter().map(time).collect()
    };
    let invitation = |(person, of): (&PersonIndex, &Invitation)| InvitationStateV1 {
        person: person.id(),
        by: id_of(of.by),
        expires: of.expires,
    };
    let tags_of = |(person, tags): (&PersonIndex, &Vec<String>)| TagsStateV1 {
        person: person.id(),
        tags: tags.clone(),
    };
    let source_of = |(person, of): (&PersonIndex, &Source)| SourceStateV1 {
        person: person.id(),
        source: of.source,
        label: of.label,
    };
    SettingsStateV1 {
        group,
        invite: *invite,
        name_locked: *name_locked,
        hide_contacts: *hide_contacts,
        confirm: *confirm,
        confirm_above: *confirm_above,
        history: *history,
        receipts: *receipts,
        welcome: welcome.clone(),
        announcement: announcement.as_ref().map(|of| AnnouncementStateV1 {
            record: of.record,
            by: id_of(of.by),
            at: of.at,
        }),
        all_muted: *all_muted,
        slow_mode_seconds: *slow_mode_seconds,
        muted: times(muted),
        spoke: times(spoke),
        invited: invited.iter().map(invitation).collect(),
        do_not_disturb: ids(do_not_disturb),
        hidden: ids(hidden),
        tags: tags.iter().map(tags_of).collect(),
        sources: sources.iter().map(source_of).collect(),
        labels: labels.clone(),
        heirs: ids(heirs),
        deleted: *deleted,
    }
}

fn write_activity(group: GroupId, activity: &Activity) -> Option<ActivityStateV1> {
    let Activity { latest, past } = activity;
    if *latest == Mark::default() && past.is_none() {
        return None;
    }
    let mark = |mark: &Mark| MarkV1 {
        quarter: mark.quarter,
        before: mark.before,
    };
    let (messages, changes) = match past.as_deref() {
        Some(Past { messages, changes }) => (messages.as_slice(), changes.as_slice()),
        None => (&[][..], &[][..]),
    };
    let changes = changes.iter().map(|of| ChangesV1 {
        quarter: of.quarter,
        joined: of.joined,
        left: of.left,
    });
    Some(ActivityStateV1 {
        group,
        latest: mark(latest),
        messages: messages.iter().map(mark).collect(),
        changes: changes.collect(),
    })
}

/// After groups and people.
pub(crate) fn read(tenant: &mut Tenant, state: LifeStateV1) -> Result<(), &'static str> {
    let what = "a group's settings";
    let mut last = None;
    for v1 in state.settings {
        let index = follows(tenant, &mut last, v1.group).ok_or(what)?;
        let settings = read_settings(tenant, v1).ok_or(what)?;
        let invited: Vec<_> = settings.invited.keys().copied().collect();
        for person in invited {
            tenant.life.add_invitation(person, index);
        }
        tenant.group_mut(index).settings = Some(Box::new(settings));
    }
    last = None;
    for v1 in state.activities {
        let index = follows(tenant, &mut last, v1.group).ok_or("a group's activity")?;
        tenant.group_mut(index).activity = read_activity(&v1);
    }
    let groups = (0..tenant.groups.len() as u64).map(|at| GroupId(at + 1));
    let indices: Vec<_> = groups.filter_map(|id| tenant.find_group(id)).collect();
    let orphaned = indices
        .into_iter()
        .filter(|index| tenant.group(*index).is_orphaned());
    tenant.life.orphaned = orphaned.collect();
    Ok(())
}

/// The group, if it comes after the last.
fn follows(tenant: &Tenant, last: &mut Option<GroupIndex>, id: GroupId) -> Option<GroupIndex> {
    let index = tenant.find_group(id)?;
    if last.is_some_and(|last| last >= index) {
        return None;
    }
    *last = Some(index);
    Some(index)
}

fn read_settings(tenant: &Tenant, v1: SettingsStateV1) -> Option<Settings> {
    let known = |person: &PersonId| tenant.find_person(*person);
    let known_or_none = |person: PersonId| match person {
        PersonId(0) => Some(None),
        person => tenant.find_person(person).map(Some),
    };
    let set = |people: &[PersonId]| -> Option<BTreeSet<PersonIndex>> {
        let set: BTreeSet<_> = people.iter().map(known).collect::<Option<_>>()?;
        (set.len() == people.len()).then_some(set)
    };
    let times = |times: &[PersonTimeV1]| -> Option<BTreeMap<PersonIndex, Timestamp>> {
        let entries = times.iter().map(|of| Some((known(&of.person)?, of.at)));
        entries.collect()
    };
    let announcement = match v1.announcement {
        Some(of) => Some(Announcement {
            record: of.record,
            by: known_or_none(of.by)?,
            at: of.at,
        }),
        None => None,
    };
    let invited = v1.invited.iter().map(|of| {
        let by = known_or_none(of.by)?;
        let expires = of.expires;
        Some((known(&of.person)?, Invitation { by, expires }))
    });
    let tags = v1.tags.into_iter();
    let tags = tags.map(|of| Some((known(&of.person)?, of.tags)));
    let labels = v1.labels.len();
    let sources = v1.sources.iter().map(|of| {
        let (source, label) = (of.source, of.label);
        let is_known = usize::from(label) <= labels;
        is_known.then_some((known(&of.person)?, Source { source, label }))
    });
    Some(Settings {
        invite: v1.invite,
        name_locked: v1.name_locked,
        hide_contacts: v1.hide_contacts,
        confirm: v1.confirm,
        confirm_above: v1.confirm_above,
        history: v1.history,
        receipts: v1.receipts,
        welcome: v1.welcome,
        announcement,
        speech: Speech {
            all_muted: v1.all_muted,
            slow_mode_seconds: v1.slow_mode_seconds,
            muted: times(&v1.muted)?,
            spoke: times(&v1.spoke)?,
        },
        invited: invited.collect::<Option<_>>()?,
        do_not_disturb: set(&v1.do_not_disturb)?,
        hidden: set(&v1.hidden)?,
        tags: tags.collect::<Option<_>>()?,
        sources: sources.collect::<Option<_>>()?,
        labels: v1.labels,
        heirs: v1.heirs.iter().map(known).collect::<Option<_>>()?,
        deleted: v1.deleted,
    })
}

fn read_activity(v1: &ActivityStateV1) -> Activity {
    let mark = |mark: &MarkV1| Mark {
        quarter: mark.quarter,
        before: mark.before,
    };
    let changes = v1.changes.iter().map(|of| Changes {
        quarter: of.quarter,
        joined: of.joined,
        left: of.left,
    });
    let past = Past {
        messages: v1.messages.iter().map(mark).collect(),
        changes: changes.collect(),
    };
    let is_empty = past.messages.is_empty() && past.changes.is_empty();
    Activity {
        latest: mark(&v1.latest),
        past: (!is_empty).then(|| Box::new(past)),
    }
}
