//! Who opens a face-to-face group, who comes to it, and when it is one.

use crate::model::command::{
    FaceToFaceStateV1, FaceToFaceV1, GroupKind, JoinFaceToFaceV1, JoinSource, OpenFaceToFaceV1,
    Reply,
};
use crate::model::decision::{Decision, Request};
use crate::model::event::{Event, FaceToFaceJoinedV1, FaceToFaceOpenedV1, FaceToFaceStartedV1};
use crate::model::group;
use crate::model::group::creation::{self, Belongs, NewGroup};
use crate::model::limits::check_name;
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::{GroupIndex, PersonIndex};
use crate::wire::{GroupId, RecordNumber};

use super::super::{guesses, join};
use super::{LOCATION_LEN_MAX, Meeting, number};

pub(crate) fn decide_open(
    request: &Request<'_>,
    open: &OpenFaceToFaceV1,
) -> Result<Decision, Refusal> {
    let person = open.person;
    request.permit(Operation::OpenFaceToFace, Subject::Tenant)?;
    let opener = join::newcomer(request, person)?;
    if !request.tenant.is_employee(opener) {
        return Err(Refusal::NotAnEmployee { person });
    }
    guesses::check(request, opener)?;
    let digits = number(&open.digits).ok_or(Refusal::Invalid {
        field: "digits",
        rule: "four digits",
    })?;
    if open.location.is_empty() || open.location.len() > LOCATION_LEN_MAX {
        let (field, rule) = ("location", "1 to 128 bytes");
        return Err(Refusal::Invalid { field, rule });
    }
    let meetings = &request.tenant.codes.meetings;
    if let Some((record, meeting)) = meetings.find(digits, &open.location, request.now) {
        return come_to(request, record, meeting, opener);
    }
    let operation = match open.kind {
        GroupKind::Internal => Operation::CreateInternalGroup,
        GroupKind::External => Operation::CreateExternalGroup,
        GroupKind::Training | GroupKind::Direct => {
            let (field, rule) = ("kind", "internal or external");
            return Err(Refusal::Invalid { field, rule });
        }
    };
    request.permit(operation, Subject::Tenant)?;
    check_name("name", &open.name)?;
    check_room(request, opener)?;

    let valid_us = i64::from(request.limits.face_to_face_valid_s) * 1_000_000;
    let expires = request.now.plus_micros(valid_us);
    let event = Event::FaceToFaceOpened(FaceToFaceOpenedV1 {
        meeting: request.record,
        person,
        digits,
        location: open.location.clone(),
        name: open.name.clone(),
        kind: open.kind,
        expires,
    });
    let reply = Reply::FaceToFace(FaceToFaceStateV1 {
        meeting: request.record,
        expires,
        people: vec![person],
        group: GroupId(0),
    });
    Ok(Decision::accepted(event, reply))
}

/// How many are open, in all and by one person: opening tries digits too.
fn check_room(request: &Request<'_>, opener: PersonIndex) -> Result<(), Refusal> {
    let meetings = &request.tenant.codes.meetings;
    let limits = request.limits;
    let (mut all, mut own) = (0, 0);
    for meeting in meetings.open_at(request.now) {
        all += 1;
        own += u32::from(meeting.people.first() == Some(&opener));
    }
    let bounds = [
        (all, limits.face_to_face_open_max),
        (own, limits.face_to_face_per_person_max),
    ];
    let full = bounds.into_iter().find(|(open, limit)| open >= limit);
    full.map_or(Ok(()), |(_, limit)| {
        Err(Refusal::TooManyFaceToFace { limit })
    })
}

pub(crate) fn decide_join(
    request: &Request<'_>,
    join: &JoinFaceToFaceV1,
) -> Result<Decision, Refusal> {
    let person = join::newcomer(request, join.person)?;
    guesses::check(request, person)?;
    let meetings = &request.tenant.codes.meetings;
    let digits = number(&join.digits);
    let found = digits.and_then(|digits| meetings.find(digits, &join.location, request.now));
    let Some((record, meeting)) = found else {
        let refusal = Refusal::NoSuchFaceToFace;
        return Ok(join::guessed_wrong(join.person, refusal));
    };
    come_to(request, record, meeting, person)
}

/// Onto the list, or into the group that was made of it. Coming again changes nothing.
fn come_to(
    request: &Request<'_>,
    record: RecordNumber,
    meeting: &Meeting,
    person: PersonIndex,
) -> Result<Decision, Refusal> {
    let mut state = state_of(record, meeting);
    if meeting.people.contains(&person) {
        return Ok(Decision::answered(Reply::FaceToFace(state)));
    }
    let newcomer = person.id();
    group::admissible(request, meeting.kind, &[newcomer])?;
    let cap = group::cap(request.tenant, request.limits, meeting.kind, request.now);
    let mut events = Vec::new();
    let have = match meeting.group {
        None => meeting.people.len(),
        Some(index) => {
            let group = request.tenant.group(index);
            group.check_active(index.id())?;
            if request.tenant.person(person).membership(index).is_none() {
                let people = vec![newcomer];
                let (tenant, kind) = (request.tenant, group.kind);
                let how = (JoinSource::FaceToFace, "");
                events.push(creation::joined_event(
                    tenant,
                    kind,
                    index.id(),
                    people,
                    how,
                ));
            }
            group.members.len()
        }
    };
    if have >= cap as usize {
        let group = state.group;
        return Err(Refusal::GroupFull { group, cap });
    }

    events.push(Event::FaceToFaceJoined(FaceToFaceJoinedV1 {
        meeting: record,
        person: newcomer,
    }));
    state.people.push(newcomer);
    Ok(Decision::new(events, Ok(Reply::FaceToFace(state))))
}

/// Those who came and are still there, as one group owned by who opened it: created by every rule of
/// creation (SPEC G4).
pub(crate) fn decide_start(
    request: &Request<'_>,
    start: &FaceToFaceV1,
) -> Result<Decision, Refusal> {
    let meeting = own(request, start)?;
    let owner = meeting.people[0];
    let mut state = state_of(start.meeting, meeting);
    if meeting.group.is_some() {
        return Ok(Decision::answered(Reply::FaceToFace(state)));
    }
    let came = meeting.people[1..].iter().map(|person| person.id());
    let there = came.filter(|person| request.tenant.usable_person(*person).is_ok());
    let members: Vec<_> = there.collect();
    let created = creation::create_one(
        request,
        &NewGroup {
            kind: meeting.kind,
            name: &meeting.name,
            owner: owner.id(),
            admins: &[],
            members: &members,
            departments: &[],
            belongs: match meeting.kind {
                GroupKind::Internal => Belongs::Team(&meeting.name),
                GroupKind::External | GroupKind::Training | GroupKind::Direct => Belongs::Nowhere,
            },
            follows_department: false,
            may_be_small: false,
        },
    )?;
    let group = match &created.outcome {
        Ok(Reply::GroupCreated(made)) => made.group,
        // Refused, with an event of its own.
        _ => return Ok(created),
    };

    let mut events = created.events;
    events.push(Event::FaceToFaceStarted(FaceToFaceStartedV1 {
        meeting: start.meeting,
        group,
    }));
    state.group = group;
    Ok(Decision::new(events, Ok(Reply::FaceToFace(state))))
}

pub(crate) fn get(request: &Request<'_>, get: &FaceToFaceV1) -> Result<Reply, Refusal> {
    let meeting = own(request, get)?;
    Ok(Reply::FaceToFace(state_of(get.meeting, meeting)))
}

/// The meeting, which the person is in; to others there is none.
fn own<'a>(request: &Request<'a>, named: &FaceToFaceV1) -> Result<&'a Meeting, Refusal> {
    let person = join::newcomer(request, named.person)?;
    let meetings = &request.tenant.codes.meetings;
    let meeting = meetings.get(named.meeting, request.now);
    let own = meeting.filter(|meeting| meeting.people.contains(&person));
    own.ok_or(Refusal::NoSuchFaceToFace)
}

fn state_of(record: RecordNumber, meeting: &Meeting) -> FaceToFaceStateV1 {
    FaceToFaceStateV1 {
        meeting: record,
        expires: meeting.expires,
        people: meeting.people.iter().map(|person| person.id()).collect(),
        group: meeting.group.map_or(GroupId(0), GroupIndex::id),
    }
}
