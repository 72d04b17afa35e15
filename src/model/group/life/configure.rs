//! Whether a group's settings, announcement and rules of speaking may change (SPEC M2, M3, G9).

use crate::model::command::{
    Actor, AnnounceV1, ConfigureGroupV1, GroupRole, MuteAllV1, MuteMemberV1, SetSlowModeV1,
    SettingsChangeV1,
};
use crate::model::decision::{Decision, Request};
use crate::model::event::{self, Event};
use crate::model::group::decide::{active_group, changed, member};
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::wire::PersonId;

/// Characters of a welcome message.
const WELCOME_CHARS_MAX: usize = 1_024;
/// Bytes of an announcement (SPEC G9).
const ANNOUNCEMENT_LEN_MAX: usize = 4 * 1_024;
/// The longest slow mode: a day.
const SLOW_MODE_SECONDS_MAX: u32 = 86_400;
/// Single people who are silent in one group: as many as it has members, at most.
const MUTED_MAX: usize = 2_000;

pub(crate) fn decide_configure(
    request: &Request<'_>,
    configure: &ConfigureGroupV1,
) -> Result<Decision, Refusal> {
    let operation = Operation::ConfigureGroup;
    let (index, group) = active_group(request, configure.group, operation)?;
    let change = &configure.change;
    // Else an admin would unlock the name to change it.
    if change.name_locked.is_some() {
        request.permit(Operation::RenameLockedGroup, Subject::Group(index))?;
    }
    check_change(change)?;

    let event = Event::GroupConfigured(event::GroupConfiguredV1 {
        group: configure.group,
        change: change.clone(),
    });
    Ok(changed(group, configure.group, event))
}

fn check_change(change: &SettingsChangeV1) -> Result<(), Refusal> {
    let nothing = SettingsChangeV1 {
        invite: None,
        name_locked: None,
        hide_contacts: None,
        confirm: None,
        confirm_above: None,
        history: None,
        welcome: None,
        receipts: None,
    };
    if *change == nothing {
        return Err(Refusal::Invalid {
            field: "change",
            rule: "at least one setting",
        });
    }
    let welcome = change.welcome.as_deref().unwrap_or_default();
    if welcome.chars().nth(WELCOME_CHARS_MAX).is_some() {
        return Err(Refusal::Invalid {
            field: "welcome",
            rule: "at most 1,024 characters",
        });
    }
    Ok(())
}

pub(crate) fn decide_announce(
    request: &Request<'_>,
    announce: &AnnounceV1,
) -> Result<Decision, Refusal> {
    let (_, group) = active_group(request, announce.group, Operation::Announce)?;
    if announce.text.len() > ANNOUNCEMENT_LEN_MAX {
        return Err(Refusal::Invalid {
            field: "text",
            rule: "at most 4 KiB",
        });
    }

    let event = Event::Announced(event::AnnouncedV1 {
        group: announce.group,
        len: announce.text.len() as u32, // At most ANNOUNCEMENT_LEN_MAX.
        by: asker(request),
    });
    Ok(Decision {
        view: announce.text.as_bytes().into(),
        ..changed(group, announce.group, event)
    })
}

/// Who asks; nobody for the enterprise's systems.
pub(super) fn asker(request: &Request<'_>) -> PersonId {
    match request.actor {
        Actor::Person { person, .. } => person,
        Actor::Node | Actor::Enterprise | Actor::System => PersonId(0),
    }
}

pub(crate) fn decide_mute(request: &Request<'_>, mute: &MuteMemberV1) -> Result<Decision, Refusal> {
    let (index, group) = active_group(request, mute.group, Operation::Mute)?;
    let lifts = mute.until <= request.now;
    let muted = &group.settings().speech.muted;
    // Who left while silent is still so when they come back, and may be pardoned meanwhile.
    let person = match request.tenant.find_person(mute.person) {
        Some(person) if lifts && muted.contains_key(&person) => person,
        _ => member(request, index, mute.person)?,
    };
    if !lifts && group.role(person) != GroupRole::Member {
        return Err(Refusal::Invalid {
            field: "person",
            rule: "a plain member; owner and admins are never silent",
        });
    }
    if !lifts && muted.len() >= MUTED_MAX && !muted.contains_key(&person) {
        return Err(Refusal::Invalid {
            field: "person",
            rule: "one of at most 2,000 who are silent; all can be muted at once",
        });
    }

    let event = Event::MemberMuted(event::MemberMutedV1 {
        group: mute.group,
        person: mute.person,
        until: mute.until,
    });
    Ok(changed(group, mute.group, event))
}

pub(crate) fn decide_mute_all(
    request: &Request<'_>,
    mute: &MuteAllV1,
) -> Result<Decision, Refusal> {
    let (_, group) = active_group(request, mute.group, Operation::Mute)?;
    let event = Event::AllMuted(event::AllMutedV1 {
        group: mute.group,
        on: mute.on,
    });
    Ok(changed(group, mute.group, event))
}

pub(crate) fn decide_slow_mode(
    request: &Request<'_>,
    set: &SetSlowModeV1,
) -> Result<Decision, Refusal> {
    let (_, group) = active_group(request, set.group, Operation::Mute)?;
    if set.seconds > SLOW_MODE_SECONDS_MAX {
        return Err(Refusal::Invalid {
            field: "seconds",
            rule: "at most 86,400: a day",
        });
    }
    let event = Event::SlowModeSet(event::SlowModeSetV1 {
        group: set.group,
        seconds: set.seconds,
    });
    Ok(changed(group, set.group, event))
}
