//! One session's place in one group: what it has been sent, and what it may be sent next.

use std::collections::VecDeque;

use super::slab::Key;
use super::{Group, Session};

/// No removal in sight.
pub(super) const OPEN: u64 = u64::MAX;

/// Removals not yet told to a session that lags; past it, the session reads on from its latest join,
/// exactly as if it had reconnected.
pub(super) const HOLES_MAX: usize = 32;

/// A session's cursor in a group.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) session: Key<Session>,
    pub(super) group: Key<Group>,
    /// Where the group lists it.
    pub(super) member_index: u32,
    pub(super) place: Place,
    pub(super) reader: Reader,
    /// The one behind it in its session's list of dirty cursors.
    pub(super) next_dirty: Option<Key<Subscription>>,
    /// The first sequence not yet taken by the sink.
    pub(super) next: u64,
    /// The first sequence it may not read: where its first hole begins, or [`OPEN`].
    end: u64,
    /// Before this the membership is known: earlier deltas come a second time.
    known: u64,
    /// The last sequence acknowledged.
    pub(super) acknowledged: u64,
    #[expect(
        clippy::box_collection,
        reason = "rare, and 24 bytes less in the walk of every flush"
    )]
    holes: Option<Box<VecDeque<Hole>>>,
}

// A walk over a group's members touches one cache line each.
const _: () = assert!(size_of::<Option<Subscription>>() <= 64);

/// Who reads with a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// A member's own session.
    Member,
    /// A viewer's own session (SPEC L1).
    Viewer,
    /// Everybody on a gateway who reads the group, live.
    Gateway,
    /// Those on a gateway who began before its live cursor: reads on until it meets that.
    CatchUp,
}

/// Where a cursor is listed, so that it is listed once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Nowhere: it has everything there is.
    Idle,
    /// In its session's dirty list.
    Dirty,
    /// Among those who need the log.
    Wanted,
    /// Waits for an answer that was asked for.
    Asked,
    /// Its answer was an error; it waits to be asked for again.
    Failed,
    /// Its membership is over and told; it is about to go.
    Ended,
}

/// Sequences a person may not read: from a removal to before the next join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hole {
    /// The removal's sequence.
    pub(super) from: u64,
    /// The next join's sequence; none when there has been none.
    pub(super) rejoined: Option<u64>,
}

impl Hole {
    /// The last sequence to be skipped: up to before the join, else the removal alone.
    pub(super) fn to(self) -> u64 {
        self.rejoined.map_or(self.from, |rejoined| rejoined - 1)
    }
}

impl Subscription {
    /// A cursor that reads from `next` on, of a member as of before sequence `known`.
    fn new(session: Key<Session>, group: Key<Group>, next: u64, known: u64) -> Self {
        Self {
            session,
            group,
            member_index: 0,
            place: Place::Idle,
            reader: Reader::Member,
            next_dirty: None,
            next,
            end: OPEN,
            known,
            acknowledged: next.saturating_sub(1),
            holes: None,
        }
    }

    /// A gateway's cursor that reads from `next` on.
    pub(super) fn of_gateway(
        session: Key<Session>,
        group: Key<Group>,
        next: u64,
        reader: Reader,
    ) -> Self {
        Self {
            reader,
            ..Self::new(session, group, next, 0)
        }
    }

    /// Reads up to before `end` for now.
    pub(super) fn read_up_to(&mut self, end: u64) {
        self.end = end;
    }

    /// A cursor at `next` that skips to `first` before it reads on, of a member as of before sequence `known`.
    pub(super) fn skipping(
        session: Key<Session>,
        group: Key<Group>,
        next: u64,
        first: u64,
        known: u64,
    ) -> Self {
        let mut subscription = Self::new(session, group, next, known);
        if next < first {
            subscription.dig(Hole {
                from: next,
                rejoined: Some(first),
            });
        }
        subscription
    }

    /// The holes ahead, nearest first.
    pub(super) fn holes(&self) -> impl Iterator<Item = Hole> {
        self.holes.iter().flat_map(|holes| holes.iter().copied())
    }

    /// The first sequence it may not read, as far as is known.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Whether something can be given to the sink, or asked of the log, when the group is at `head_next`.
    pub(super) fn is_ahead(&self, head_next: u64) -> bool {
        self.next < head_next || self.next >= self.end
    }

    /// The person is no longer a member from `at` on; whether that was news.
    pub(super) fn leave(&mut self, at: u64) -> bool {
        if at < self.known {
            return false;
        }
        self.known = at;
        let reads_from = match self.holes().last() {
            Some(Hole { rejoined: None, .. }) => return false,
            Some(Hole {
                rejoined: Some(rejoined),
                ..
            }) => rejoined,
            None => self.next,
        };
        self.dig(Hole {
            from: at.max(reads_from),
            rejoined: None,
        });
        true
    }

    /// The person is a member again from `at` on, after a removal that has not been told yet.
    pub(super) fn rejoin(&mut self, at: u64) {
        if at < self.known {
            return;
        }
        self.known = at;
        let Some(holes) = self.holes.as_deref_mut() else {
            return;
        };
        let Some(last) = holes.back_mut() else { return };
        if last.rejoined.is_some() || at <= last.from {
            return;
        }
        last.rejoined = Some(at);
        if holes.len() > HOLES_MAX {
            holes.clear();
            self.dig(Hole {
                from: self.next,
                rejoined: Some(at),
            });
        }
    }

    /// Moves past the nearest hole; whether the person has come back after it.
    pub(super) fn skip(&mut self) -> bool {
        let holes = self.holes.as_deref_mut();
        let Some(hole) = holes.and_then(VecDeque::pop_front) else {
            return true;
        };
        self.next = hole.to() + 1;
        let next = self.holes().next();
        if next.is_none() {
            self.holes = None;
        }
        self.end = next.map_or(OPEN, |hole| hole.from);
        hole.rejoined.is_some()
    }

    fn dig(&mut self, hole: Hole) {
        let holes = self.holes.get_or_insert_default();
        holes.push_back(hole);
        self.end = holes.front().map_or(OPEN, |nearest| nearest.from);
    }
}
