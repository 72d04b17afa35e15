//! Whether somebody may watch a training group, and what may be known of its audience.

use crate::model::command::{
    AudienceV1, ConfigureWatchV1, DoneV1, GroupKind, GroupV1, JoinAsViewerV1, LeaveAsViewerV1,
    ListViewersV1, Reply, ViewersV1, WatchV1, WatchingV1,
};
use crate::model::decision::{Decision, Request};
use crate::model::event::{
    Event, ViewerJoinedV2, ViewerLeftV1, WatchHashV1, WatchPasswordWrongV1, WatchSetV1,
};
use crate::model::group::Group;
use crate::model::limits::check_name;
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::{GroupIndex, PersonIndex};
use crate::wire::GroupId;

use super::{Training, hash_of};

/// What a record may know of a password: its salted hash.
pub(crate) fn hashed(watch: &WatchV1, salt: u128) -> Result<WatchHashV1, Refusal> {
    check_name("password", &watch.password)?;
    if watch.closes <= watch.opens {
        return Err(Refusal::Invalid {
            field: "closes",
            rule: "later than it opens",
        });
    }
    Ok(WatchHashV1 {
        salt,
        hash: hash_of(salt, &watch.password),
        opens: watch.opens,
        closes: watch.closes,
    })
}

pub(crate) fn decide_configure_watch(
    request: &Request<'_>,
    configure: &ConfigureWatchV1,
) -> Result<Decision, Refusal> {
    let id = configure.group;
    let index = request.tenant.known_group(id)?;
    request.permit(Operation::ConfigureGroup, Subject::Group(index))?;
    training(request.tenant.group(index), id)?;

    let event = Event::WatchSet(WatchSetV1 {
        group: id,
        watch: hashed(&configure.watch, request.random)?,
    });
    Ok(Decision::accepted(event, Reply::Done(DoneV1 {})))
}

pub(crate) fn decide_join(
    request: &Request<'_>,
    join: &JoinAsViewerV1,
) -> Result<Decision, Refusal> {
    let id = join.group;
    let index = request.tenant.known_group(id)?;
    request.permit(Operation::WatchGroup, Subject::Person(join.viewer))?;
    let viewer = request.tenant.active_person(join.viewer)?;
    let training = training(request.tenant.group(index), id)?;
    if request.tenant.person(viewer).membership(index).is_some() {
        let person = join.viewer;
        return Err(Refusal::AlreadyAMember { person, group: id });
    }
    if let Some(seat) = training.seat_of(viewer) {
        return Ok(Decision::answered(watching(request, id, seat)));
    }
    if let Some(decision) = check_password(request, index, viewer, join)? {
        return Ok(decision);
    }
    let cap = request.limits.training_viewers_max;
    if training.viewer_count() >= cap as usize {
        return Err(Refusal::GroupFull { group: id, cap });
    }

    let seat = training.next_seat();
    let event = Event::ViewerJoinedV2(ViewerJoinedV2 {
        group: id,
        viewer: join.viewer,
        seat,
        first: request.tenant.group(index).head.next(),
        closes: training.watch.closes,
    });
    Ok(Decision::accepted(event, watching(request, id, seat)))
}

/// Nothing, or the refusal of a wrong guess, which is recorded each time.
fn check_password(
    request: &Request<'_>,
    index: GroupIndex,
    viewer: PersonIndex,
    join: &JoinAsViewerV1,
) -> Result<Option<Decision>, Refusal> {
    let group = join.group;
    let training = training(request.tenant.group(index), group)?;
    let watch = &training.watch;
    if !watch.is_open(request.now) {
        let (opens, closes) = (watch.opens, watch.closes);
        return Err(Refusal::WatchClosed {
            group,
            opens,
            closes,
        });
    }
    let guesses = &request.tenant.creation.audiences.guesses;
    let max = request.limits.watch_guesses_per_minute_max;
    if let Some(retry_at) = guesses.barred_until(index, viewer, request.now, max) {
        return Err(Refusal::TooManyGuesses { retry_at });
    }
    if watch.knows(&join.password) {
        return Ok(None);
    }
    let wrong = WatchPasswordWrongV1 {
        group,
        viewer: join.viewer,
    };
    Ok(Some(Decision::new(
        vec![Event::WatchPasswordWrong(wrong)],
        Err(Refusal::WrongPassword { group }),
    )))
}

pub(crate) fn decide_leave(
    request: &Request<'_>,
    leave: &LeaveAsViewerV1,
) -> Result<Decision, Refusal> {
    let index = request.tenant.known_group(leave.group)?;
    request.permit(Operation::WatchGroup, Subject::Person(leave.viewer))?;
    let viewer = request.tenant.active_person(leave.viewer)?;
    let training = request.tenant.group(index).training.as_ref();
    if !training.is_some_and(|training| training.is_watched_by(viewer)) {
        return Err(Refusal::NotAMember {
            person: leave.viewer,
            group: leave.group,
        });
    }

    let event = Event::ViewerLeft(ViewerLeftV1 {
        group: leave.group,
        viewer: leave.viewer,
    });
    Ok(Decision::accepted(event, Reply::Done(DoneV1 {})))
}

pub(crate) fn get_audience(request: &Request<'_>, get: &GroupV1) -> Result<Reply, Refusal> {
    let index = request.tenant.known_group(get.group)?;
    request.permit(Operation::ReadGroup, Subject::Group(index))?;
    let training = training(request.tenant.group(index), get.group)?;
    let room = request.limits.training_room_people_max as usize;
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Ok(Reply::Audience(AudienceV1 {
        group: get.group,
        opens: training.watch.opens,
        closes: training.watch.closes,
        viewers: count(training.viewer_count()),
        rooms: count(training.seats.len().div_ceil(room)),
    }))
}

pub(crate) fn list_viewers(request: &Request<'_>, list: &ListViewersV1) -> Result<Reply, Refusal> {
    let index = request.tenant.known_group(list.group)?;
    request.permit(Operation::ReadGroup, Subject::Group(index))?;
    let training = training(request.tenant.group(index), list.group)?;
    let room = request.limits.training_room_people_max as usize;
    let first = room.saturating_mul(list.room as usize);
    let seats = training.seats.iter().skip(first).take(room);
    let viewers = seats.filter_map(|seat| seat.viewer());
    Ok(Reply::Viewers(ViewersV1 {
        viewers: viewers.map(PersonIndex::id).collect(),
    }))
}

/// The audience of a training group that is in use.
fn training(group: &Group, id: GroupId) -> Result<&Training, Refusal> {
    group.check_active(id)?;
    let training = group.training.as_deref();
    training
        .filter(|_| group.kind == GroupKind::Training)
        .ok_or(Refusal::Invalid {
            field: "group",
            rule: "a training group",
        })
}

fn watching(request: &Request<'_>, group: GroupId, seat: u32) -> Reply {
    let room = seat / request.limits.training_room_people_max.max(1);
    Reply::Watching(WatchingV1 { group, room })
}
