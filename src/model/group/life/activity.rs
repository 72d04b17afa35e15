//! What goes on in a group, counted by quarters of an hour (SPEC G9).
//!
//! A publish compares two numbers. Days are only made of quarters when somebody asks, in the
//! tenant's zone: every zone's midnight falls on a quarter, and applying reads no zone.

use crate::wire::Timestamp;

const QUARTER_US: i64 = 15 * 60 * 1_000_000;
/// Quarters kept of messages: the longest day, which has 25 hours.
const MESSAGES_KEPT: u32 = 25 * 4;
/// Quarters kept of joins and departures: 7 × 24 hours.
const CHANGES_KEPT: u32 = 7 * 24 * 4;

/// A group's counts: 16 bytes until something goes on for longer than a quarter.
#[derive(Default)]
pub(crate) struct Activity {
    /// The last quarter with a message, and how many messages there were before it.
    pub(crate) latest: Mark,
    pub(crate) past: Option<Box<Past>>,
}

/// The first message of a quarter.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Mark {
    pub(crate) quarter: u32,
    /// Messages before it, modulo 2^32: only differences count.
    pub(crate) before: u32,
}

/// What came before, oldest first.
#[derive(Default)]
pub(crate) struct Past {
    pub(crate) messages: Vec<Mark>,
    pub(crate) changes: Vec<Changes>,
}

/// How many people came and went in one quarter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Changes {
    pub(crate) quarter: u32,
    pub(crate) joined: u32,
    pub(crate) left: u32,
}

/// The quarter that `at` is in, counted from 1970.
fn quarter_of(at: Timestamp) -> u32 {
    u32::try_from(at.0 / QUARTER_US).unwrap_or(0)
}

impl Activity {
    /// A message comes after `ordinal` others.
    #[inline]
    pub(crate) fn note_message(&mut self, ordinal: u64, now: Timestamp) {
        let quarter = quarter_of(now);
        if quarter != self.latest.quarter {
            self.begin_quarter(quarter, ordinal);
        }
    }

    #[cold]
    fn begin_quarter(&mut self, quarter: u32, ordinal: u64) {
        let ended = self.latest;
        self.latest = Mark {
            quarter,
            before: ordinal as u32,
        };
        let is_recent = |mark: &Mark| quarter.saturating_sub(mark.quarter) <= MESSAGES_KEPT;
        if ended.quarter > 0 && is_recent(&ended) {
            self.past.get_or_insert_default().messages.push(ended);
        }
        if let Some(past) = &mut self.past {
            past.messages.retain(is_recent);
            let excess = past.messages.len().saturating_sub(MESSAGES_KEPT as usize);
            past.messages.drain(..excess);
        }
        self.drop_empty_past();
    }

    /// People came and went.
    pub(crate) fn note_changes(&mut self, joined: u32, left: u32, now: Timestamp) {
        let quarter = quarter_of(now);
        let changes = &mut self.past.get_or_insert_default().changes;
        changes.retain(|of| quarter.saturating_sub(of.quarter) <= CHANGES_KEPT);
        match changes.last_mut().filter(|of| of.quarter == quarter) {
            Some(of) => {
                of.joined = of.joined.saturating_add(joined);
                of.left = of.left.saturating_add(left);
            }
            None => changes.push(Changes {
                quarter,
                joined,
                left,
            }),
        }
        let excess = changes.len().saturating_sub(CHANGES_KEPT as usize + 1);
        changes.drain(..excess);
    }

    /// Messages since `from`, where there are `ordinal` now.
    pub(crate) fn messages_since(&self, from: Timestamp, ordinal: u64) -> u32 {
        let from = quarter_of(from);
        let past = self.past.iter().flat_map(|past| past.messages.iter());
        let mut marks = past.chain(core::iter::once(&self.latest));
        let first = marks.find(|mark| mark.quarter >= from && mark.quarter > 0);
        first.map_or(0, |mark| (ordinal as u32).wrapping_sub(mark.before))
    }

    /// How many have joined and left since `from`.
    pub(crate) fn changes_since(&self, from: Timestamp) -> (u32, u32) {
        let from = quarter_of(from);
        let changes = self.past.iter().flat_map(|past| past.changes.iter());
        let since = changes.filter(|of| of.quarter >= from);
        since.fold((0, 0), |(joined, left), of| {
            (
                joined.saturating_add(of.joined),
                left.saturating_add(of.left),
            )
        })
    }

    fn drop_empty_past(&mut self) {
        let past = self.past.as_deref();
        if past.is_some_and(|past| past.messages.is_empty() && past.changes.is_empty()) {
            self.past = None;
        }
    }
}
