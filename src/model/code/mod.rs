//! Ways into groups for those who know something: join codes (SPEC G5), face-to-face digits (SPEC G6).
//!
//! A code is looked up under its tenant, and what is not there is one answer whatever the reason; wrong
//! ones are events, counted exactly. A join by code is decided by the same caps as any other (SPEC G2).

mod apply;
pub(crate) mod command;
mod decide;
pub(crate) mod event;
pub(crate) mod face_to_face;
mod guesses;
mod join;
pub(crate) mod snapshot;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use apply::{count, count_guess, create, lead_to, revoke};
pub(crate) use decide::{decide_create, decide_revoke, get, list};
pub(crate) use join::{admit, decide_join};

use rustc_hash::FxHashMap;

use crate::model::command::LiveCodeV1;
use crate::model::state::{GroupIndex, JoinCodeIndex, PersonIndex};
use crate::wire::{JoinCodeId, Timestamp};

use self::face_to_face::Meetings;
use self::guesses::Guesses;
use self::text::CodeText;

/// A permanent code's end.
const END_OF_TIME: Timestamp = Timestamp(i64::MAX);
/// Where a live code's template has the group's number.
const NUMBER: &str = "{n}";

/// A tenant's join codes, and what else lets people in.
#[derive(Default)]
pub(crate) struct Codes {
    /// By id, from 1; kept when they are over, so that they are told from what never was.
    list: Vec<JoinCode>,
    by_text: FxHashMap<CodeText, JoinCodeIndex>,
    by_group: FxHashMap<GroupIndex, Vec<JoinCodeIndex>>,
    guesses: Guesses,
    meetings: Meetings,
}

/// One join code.
struct JoinCode {
    text: CodeText,
    /// Whose leaders run it; where it leads, unless it is live.
    group: GroupIndex,
    creator: Option<PersonIndex>,
    valid_until: Timestamp,
    label: Box<str>,
    /// 0 for any number.
    uses_max: u32,
    verification: bool,
    live: Option<Box<Live>>,
    revoked: bool,
    /// How many have joined by it, and when the last did.
    joined: u32,
    last_join: Timestamp,
}

/// What makes a code move on.
struct Live {
    threshold: u32,
    name_template: Box<str>,
    admins: Box<[PersonIndex]>,
    /// The groups after the first, in order; it leads to the last.
    next_groups: Vec<GroupIndex>,
}

impl Codes {
    pub(crate) fn find(&self, id: JoinCodeId) -> Option<JoinCodeIndex> {
        JoinCodeIndex::within(id, self.list.len())
    }

    fn get(&self, index: JoinCodeIndex) -> &JoinCode {
        &self.list[index.of()]
    }

    fn get_mut(&mut self, index: JoinCodeIndex) -> &mut JoinCode {
        &mut self.list[index.of()]
    }

    /// By id.
    fn of_group(&self, group: GroupIndex) -> &[JoinCodeIndex] {
        self.by_group.get(&group).map_or(&[], Vec::as_slice)
    }

    /// Whether there was no such code: then there is now.
    fn add(&mut self, code: JoinCode) -> bool {
        let id = JoinCodeId(self.list.len() as u64 + 1);
        let Some(index) = JoinCodeIndex::within(id, self.list.len() + 1) else {
            return false;
        };
        if self.by_text.contains_key(&code.text) {
            return false;
        }
        self.by_text.insert(code.text, index);
        self.by_group.entry(code.group).or_default().push(index);
        self.list.push(code);
        true
    }
}

impl JoinCode {
    /// Where it leads now.
    fn target(&self) -> GroupIndex {
        let live = self.live.as_ref();
        let last = live.and_then(|live| live.next_groups.last());
        last.copied().unwrap_or(self.group)
    }

    /// All it has led to, in order.
    fn groups(&self) -> impl Iterator<Item = GroupIndex> {
        let next = self.live.iter().flat_map(|live| &live.next_groups);
        core::iter::once(self.group).chain(next.copied())
    }
}

impl Live {
    fn to_v1(&self) -> LiveCodeV1 {
        LiveCodeV1 {
            threshold: self.threshold,
            name_template: self.name_template.to_string(),
            admins: self.admins.iter().map(|admin| admin.id()).collect(),
        }
    }

    /// The name of the group with this number, counted from 1.
    fn name(&self, number: u32) -> String {
        numbered(&self.name_template, number)
    }
}

fn numbered(template: &str, number: u32) -> String {
    if template.contains(NUMBER) {
        template.replace(NUMBER, &number.to_string())
    } else {
        format!("{template} {number}")
    }
}
