//! Face-to-face groups (SPEC G6): four digits, told from mouth to ear, hold ten minutes in one place.
//!
//! Whoever says them there comes to a list; when its opener starts it, those who came are a group, and
//! the digits lead latecomers into it until their time is over. Then they are free for others.

mod apply;
mod decide;

pub(crate) use apply::{join, open, start};
pub(crate) use decide::{decide_join, decide_open, decide_start, get};

use std::collections::BTreeMap;

use crate::model::command::GroupKind;
use crate::model::state::{GroupIndex, PersonIndex};
use crate::wire::{RecordNumber, Timestamp};

/// Bytes a place's name may have.
pub(super) const LOCATION_LEN_MAX: usize = 128;
/// How many digits there are, and so how many numbers they make.
const DIGITS: usize = 4;
pub(super) const NUMBERS: u16 = 10_000;

/// A tenant's face-to-face groups that were opened lately.
#[derive(Default)]
pub(crate) struct Meetings {
    /// By the record that opened them, so in the order they were opened.
    pub(super) list: BTreeMap<RecordNumber, Meeting>,
    /// The latest with these digits in this place.
    by_digits: BTreeMap<(u16, Box<str>), RecordNumber>,
}

/// People coming together.
pub(super) struct Meeting {
    pub(super) digits: u16,
    pub(super) location: Box<str>,
    pub(super) name: Box<str>,
    pub(super) kind: GroupKind,
    pub(super) expires: Timestamp,
    /// Who opened it, then who came, in order.
    pub(super) people: Vec<PersonIndex>,
    /// What was made of them.
    pub(super) group: Option<GroupIndex>,
}

impl Meetings {
    /// The one with these digits in this place, while they hold.
    fn find(
        &self,
        digits: u16,
        location: &str,
        now: Timestamp,
    ) -> Option<(RecordNumber, &Meeting)> {
        let record = *self.by_digits.get(&(digits, location.into()))?;
        self.get(record, now).map(|meeting| (record, meeting))
    }

    fn get(&self, record: RecordNumber, now: Timestamp) -> Option<&Meeting> {
        let meeting = self.list.get(&record)?;
        (now < meeting.expires).then_some(meeting)
    }

    fn open_at(&self, now: Timestamp) -> impl Iterator<Item = &Meeting> {
        let meetings = self.list.values();
        meetings.filter(move |meeting| now < meeting.expires)
    }

    /// In the order they were opened.
    pub(super) fn add(&mut self, record: RecordNumber, meeting: Meeting) {
        let key = (meeting.digits, meeting.location.clone());
        self.by_digits.insert(key, record);
        self.list.insert(record, meeting);
    }
}

/// The number that four digits make.
fn number(digits: &str) -> Option<u16> {
    let all = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| digits.parse().ok()).flatten()
}
