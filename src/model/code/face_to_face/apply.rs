//! What face-to-face groups are after an event. An event that does not fit changes nothing.

use crate::model::Stamp;
use crate::model::event::{FaceToFaceJoinedV1, FaceToFaceOpenedV1, FaceToFaceStartedV1};
use crate::model::state::Tenant;
use crate::wire::Timestamp;

use super::{LOCATION_LEN_MAX, Meeting, Meetings, NUMBERS};

/// Meetings forgotten by one event: more than come in, and never long.
const FORGOTTEN_AT_ONCE_MAX: usize = 64;

pub(crate) fn open(tenant: &mut Tenant, stamp: &Stamp, opened: &FaceToFaceOpenedV1) -> Option<()> {
    let opener = tenant.find_person(opened.person)?;
    if opened.digits >= NUMBERS || opened.location.len() > LOCATION_LEN_MAX {
        return None;
    }
    let meetings = &mut tenant.codes.meetings;
    let last = meetings.list.last_key_value();
    if last.is_some_and(|(last, _)| *last >= opened.meeting) {
        return None;
    }
    meetings.forget(stamp.timestamp);
    let meeting = Meeting {
        digits: opened.digits,
        location: opened.location.as_str().into(),
        name: opened.name.as_str().into(),
        kind: opened.kind,
        expires: opened.expires,
        people: vec![opener],
        group: None,
    };
    meetings.add(opened.meeting, meeting);
    Some(())
}

pub(crate) fn join(tenant: &mut Tenant, joined: &FaceToFaceJoinedV1) -> Option<()> {
    let person = tenant.find_person(joined.person)?;
    let meeting = tenant.codes.meetings.list.get_mut(&joined.meeting)?;
    if !meeting.people.contains(&person) {
        meeting.people.push(person);
    }
    Some(())
}

pub(crate) fn start(tenant: &mut Tenant, started: &FaceToFaceStartedV1) -> Option<()> {
    let group = tenant.find_group(started.group)?;
    let meeting = tenant.codes.meetings.list.get_mut(&started.meeting)?;
    meeting.group = Some(group);
    Some(())
}

impl Meetings {
    fn forget(&mut self, now: Timestamp) {
        for _ in 0..FORGOTTEN_AT_ONCE_MAX {
            let Some(oldest) = self.list.first_entry() else {
                return;
            };
            if now < oldest.get().expires {
                return;
            }
            let (record, meeting) = oldest.remove_entry();
            let key = (meeting.digits, meeting.location);
            if self.by_digits.get(&key) == Some(&record) {
                self.by_digits.remove(&key);
            }
        }
    }
}
