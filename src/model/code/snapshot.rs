//! Join codes and face-to-face groups as a snapshot has them.

use crate::model::body::body;
use crate::model::command::{GroupKind, LiveCodeV1};
use crate::model::state::{GroupIndex, PersonIndex, Tenant};
use crate::wire::{GroupId, PersonId, RecordNumber, Timestamp};

use super::face_to_face::{LOCATION_LEN_MAX, Meeting, NUMBERS};
use super::text::CodeText;
use super::{Codes, JoinCode, Live};

body! {
    /// Join codes by id, wrong codes by time, face-to-face groups by the record that opened them.
    CodesStateV1 {
        list: Vec<JoinCodeStateV1>,
        guesses: Vec<GuessV1>,
        meetings: Vec<MeetingV1>,
    }
}
body! {
    /// One join code.
    JoinCodeStateV1 {
        text: String,
        group: GroupId,
        /// 0 for none.
        creator: PersonId,
        valid_until: Timestamp,
        label: String,
        uses_max: u32,
        verification: bool,
        live: Option<LiveCodeV1>,
        /// What a live code has led to after its first group.
        next_groups: Vec<GroupId>,
        revoked: bool,
        joined: u32,
        last_join: Timestamp,
    }
}
body! {
    /// One wrong code.
    GuessV1 {
        at: Timestamp,
        person: PersonId,
    }
}
body! {
    /// One face-to-face group.
    MeetingV1 {
        meeting: RecordNumber,
        digits: u16,
        location: String,
        name: String,
        kind: GroupKind,
        expires: Timestamp,
        people: Vec<PersonId>,
        /// 0 while it is not started.
        group: GroupId,
    }
}

pub(crate) fn write(tenant: &Tenant) -> CodesStateV1 {
    // Destructured, so that a new field cannot be forgotten; the indices are made again.
    let Codes {
        list,
        by_text: _,
        by_group: _,
        guesses,
        meetings,
    } = &tenant.codes;
    let guesses = guesses.iter().map(|(at, person)| GuessV1 {
        at,
        person: person.id(),
    });
    CodesStateV1 {
        list: list.iter().map(write_code).collect(),
        guesses: guesses.collect(),
        meetings: meetings.list.iter().map(write_meeting).collect(),
    }
}

fn write_code(code: &JoinCode) -> JoinCodeStateV1 {
    let JoinCode {
        text,
        group,
        creator,
        valid_until,
        label,
        uses_max,
        verification,
        live,
        revoked,
        joined,
        last_join,
    } = code;
    let next_groups = live.iter().flat_map(|live| &live.next_groups);
    JoinCodeStateV1 {
        text: text.to_string(),
        group: group.id(),
        creator: creator.map_or(PersonId(0), PersonIndex::id),
        valid_until: *valid_until,
        label: label.to_string(),
        uses_max: *uses_max,
        verification: *verification,
        live: live.as_ref().map(|live| live.to_v1()),
        next_groups: next_groups.map(|group| group.id()).collect(),
        revoked: *revoked,
        joined: *joined,
        last_join: *last_join,
    }
}

fn write_meeting((record, meeting): (&RecordNumber, &Meeting)) -> MeetingV1 {
    let Meeting {
        digits,
        location,
        name,
        kind,
        expires,
        people,
        group,
    } = meeting;
    MeetingV1 {
        meeting: *record,
        digits: *digits,
        location: location.to_string(),
        name: name.to_string(),
        kind: *kind,
        expires: *expires,
        people: people.iter().map(|person| person.id()).collect(),
        group: group.map_or(GroupId(0), GroupIndex::id),
    }
}

/// After people and groups.
pub(crate) fn read(tenant: &mut Tenant, state: CodesStateV1) -> Result<(), &'static str> {
    let mut codes = Codes::default();
    for v1 in state.list {
        let code = read_code(tenant, v1)?;
        if !codes.add(code) {
            return Err("a join code's text");
        }
    }
    for v1 in state.guesses {
        let person = tenant.find_person(v1.person).ok_or("a wrong code")?;
        codes.guesses.keep(person, v1.at);
    }
    for v1 in state.meetings {
        let last = codes.meetings.list.last_key_value();
        if last.is_some_and(|(last, _)| *last >= v1.meeting) {
            return Err("the order of face-to-face groups");
        }
        let record = v1.meeting;
        codes.meetings.add(record, read_meeting(tenant, v1)?);
    }
    tenant.codes = codes;
    Ok(())
}

fn read_code(tenant: &Tenant, v1: JoinCodeStateV1) -> Result<JoinCode, &'static str> {
    let what = "a join code";
    let creator = tenant.find_person(v1.creator);
    if creator.is_none() && v1.creator != PersonId(0) {
        return Err(what);
    }
    let next_groups = v1.next_groups.iter();
    let next_groups = next_groups.map(|group| tenant.find_group(*group));
    let next_groups: Vec<_> = next_groups.collect::<Option<_>>().ok_or(what)?;
    let live = match v1.live {
        None if next_groups.is_empty() => None,
        None => return Err(what),
        Some(live) => {
            let admins = live.admins.iter().map(|admin| tenant.find_person(*admin));
            Some(Box::new(Live {
                threshold: live.threshold,
                name_template: live.name_template.into(),
                admins: admins.collect::<Option<_>>().ok_or(what)?,
                next_groups,
            }))
        }
    };
    Ok(JoinCode {
        text: CodeText::parse(&v1.text).ok_or(what)?,
        group: tenant.find_group(v1.group).ok_or(what)?,
        creator,
        valid_until: v1.valid_until,
        label: v1.label.into(),
        uses_max: v1.uses_max,
        verification: v1.verification,
        live,
        revoked: v1.revoked,
        joined: v1.joined,
        last_join: v1.last_join,
    })
}

fn read_meeting(tenant: &Tenant, v1: MeetingV1) -> Result<Meeting, &'static str> {
    let what = "a face-to-face group";
    let people = v1.people.iter().map(|person| tenant.find_person(*person));
    let people: Vec<_> = people.collect::<Option<_>>().ok_or(what)?;
    let group = tenant.find_group(v1.group);
    let is_named = group.is_some() || v1.group == GroupId(0);
    if people.is_empty()
        || !is_named
        || v1.digits >= NUMBERS
        || v1.location.len() > LOCATION_LEN_MAX
    {
        return Err(what);
    }
    Ok(Meeting {
        digits: v1.digits,
        location: v1.location.into(),
        name: v1.name.into(),
        kind: v1.kind,
        expires: v1.expires,
        people,
        group,
    })
}
