//! The readers of one group, and the walk of one message over them.
//!
//! Readers who are to be given the group's next message are *in step*: a dense list of keys without a
//! cursor of their own, so that a message costs them nothing but the call. Everyone else is *apart*,
//! with a cursor: behind, not there yet, about to end, or given some messages ahead of their turn.

use super::delivery::{Delivery, ReaderKey, Readers};
use super::error::TableError;
use super::people::{People, Place, Slot, slot_of};
use crate::client::cursors::GroupCursor;
use crate::wire::{GroupId, Sequence, SkipBody, SkipReason};

/// The end of a membership that has none yet.
const OPEN: u64 = u64::MAX;
/// Memberships of one reader ahead of their cursor.
const SPANS_MAX: usize = 64;

/// A reader in a group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seat {
    pub(super) slot: Slot,
    pub(super) viewer: bool,
    /// The table's epoch when they began: an urgent message given out in an earlier one they were
    /// not given.
    pub(super) epoch: u64,
}

/// `begin..end` of a group, known since `epoch`.
#[derive(Clone, Copy, Debug)]
struct Span {
    begin: u64,
    end: u64,
    epoch: u64,
}

#[derive(Debug)]
struct Apart {
    key: ReaderKey,
    seat: Seat,
    end: u64,
    later: Vec<Span>,
    /// Runs of sequences they came with, ahead of their cursor.
    held: Vec<(Sequence, Sequence)>,
}

impl Apart {
    fn holds(&self, sequence: u64) -> bool {
        let mut held = self.held.iter();
        held.any(|(from, to)| (from.0..=to.0).contains(&sequence))
    }

    /// Whether this reader was given `early`, if their cursor is not past it.
    fn was_given(&self, early: &Early) -> bool {
        let now = (self.seat.epoch, 0..self.end);
        let later = self.later.iter();
        let later = later.map(|span| (span.epoch, span.begin..span.end));
        let mut spans = core::iter::once(now).chain(later);
        spans.any(|(epoch, span)| epoch <= early.epoch && span.contains(&early.sequence))
    }

    /// Whether a reader at `next` is to be given `sequence` sooner or later, as far as is known.
    fn wants(&self, next: u64, sequence: u64) -> bool {
        let mut later = self.later.iter();
        let reads = (next..self.end).contains(&sequence)
            || later.any(|span| (span.begin..span.end).contains(&sequence));
        reads && !self.holds(sequence)
    }
}

/// An urgent message that was given out ahead of its turn to everyone of `epoch` and before.
#[derive(Clone, Copy, Debug)]
struct Early {
    sequence: u64,
    epoch: u64,
}

/// A group and its readers.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) id: GroupId,
    slot: u32,
    /// The next sequence of the stream's contiguous part.
    pub(super) live_next: u64,
    /// On the list of groups to be acknowledged.
    pub(super) moved: bool,
    keys: Vec<ReaderKey>,
    in_step: Vec<Seat>,
    nexts: Vec<u64>,
    apart: Vec<Apart>,
    early: Vec<Early>,
}

impl Group {
    pub(super) fn new(id: GroupId, slot: u32, live_next: u64) -> Self {
        Self {
            id,
            slot,
            live_next,
            moved: false,
            keys: Vec::new(),
            in_step: Vec::new(),
            nexts: Vec::new(),
            apart: Vec::new(),
            early: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.in_step.is_empty() && self.apart.is_empty()
    }

    /// How many urgent messages are remembered.
    pub(super) fn early_len(&self) -> usize {
        self.early.len()
    }

    /// Every member with the last sequence they have; those who wait for their first have none.
    pub(super) fn floors(&self) -> impl Iterator<Item = (Slot, u64)> + '_ {
        let in_step = self.in_step.iter().map(|seat| (seat, self.live_next));
        let nexts = self.nexts.iter().copied();
        let behind = self.apart.iter().map(|apart| &apart.seat).zip(nexts);
        let members = in_step.chain(behind.filter(|(_, next)| *next <= self.live_next));
        members
            .filter(|(seat, _)| !seat.viewer)
            .map(|(seat, next)| (seat.slot, next - 1))
    }

    /// How far the reader at `place` has got.
    pub(super) fn cursor(&self, place: Place) -> GroupCursor {
        let (next, seat, held) = match place {
            Place::InStep(at) => (self.live_next, self.in_step[at as usize], [].as_slice()),
            Place::Apart(at) => {
                let apart = &self.apart[at as usize];
                (self.nexts[at as usize], apart.seat, apart.held.as_slice())
            }
        };
        let given = self.early.iter().filter(|early| match place {
            Place::InStep(_) => early.epoch >= seat.epoch,
            Place::Apart(at) => self.apart[at as usize].was_given(early),
        });
        let given = given.map(|early| (Sequence(early.sequence), Sequence(early.sequence)));
        let ahead = given.filter(|(from, _)| from.0 >= next);
        let mut early: Vec<_> = ahead.chain(held.iter().copied()).collect();
        early.sort_unstable();
        GroupCursor {
            group: self.id,
            floor: Sequence(next - 1),
            early,
        }
    }

    /// Seats a reader who is to be given `at` next and has got what `held` says already.
    pub(super) fn seat(
        &mut self,
        key: ReaderKey,
        seat: Seat,
        at: u64,
        held: Vec<(Sequence, Sequence)>,
        people: &mut People,
    ) {
        let apart = Apart {
            key,
            seat,
            end: OPEN,
            later: Vec::new(),
            held,
        };
        self.sit_apart(at, apart, people);
        self.join_if_in_step(self.apart.len() - 1, people);
    }

    /// A reader who sits here already reads on from `at`, after an end that is known. Repeats are nothing.
    pub(super) fn begin_again(
        &mut self,
        place: Place,
        at: u64,
        seat: Seat,
        people: &People,
    ) -> Result<(), TableError> {
        let Place::Apart(index) = place else {
            return Ok(());
        };
        let apart = &mut self.apart[index as usize];
        let last_end = apart.later.last().map_or(apart.end, |span| span.end);
        if last_end == OPEN {
            return Ok(());
        }
        if apart.later.len() >= SPANS_MAX {
            return Err(TableError::TooManySpans {
                group: self.id,
                person: people[seat.slot].person,
                limit: SPANS_MAX,
            });
        }
        apart.later.push(Span {
            begin: at.max(last_end),
            end: OPEN,
            epoch: seat.epoch,
        });
        Ok(())
    }

    /// The reader at `place` reads up to before `at`.
    pub(super) fn end<R: Readers>(
        &mut self,
        place: Place,
        at: u64,
        people: &mut People,
        readers: &mut R,
    ) -> Result<(), TableError> {
        let index = match place {
            Place::InStep(index) => self.leave_step(index as usize, people),
            Place::Apart(index) => index as usize,
        };
        let (next, apart) = (self.nexts[index], &mut self.apart[index]);
        match apart.later.last_mut() {
            Some(span) if span.end == OPEN && at <= span.begin => {
                apart.later.pop();
            }
            Some(span) => span.end = span.end.min(at),
            None if apart.end == OPEN && at < next => {
                return Err(TableError::LateEnd {
                    group: self.id,
                    person: people[apart.seat.slot].person,
                    at: Sequence(at),
                    next: Sequence(next),
                });
            }
            None => apart.end = apart.end.min(at),
        }
        self.settle(index, people, readers);
        Ok(())
    }

    /// Every viewer reads up to before `at`.
    pub(super) fn end_viewers<R: Readers>(
        &mut self,
        at: u64,
        people: &mut People,
        readers: &mut R,
    ) -> Result<(), TableError> {
        // From the back, so that whoever takes a removed one's place has been seen.
        for index in (0..self.apart.len()).rev() {
            if self.apart[index].seat.viewer {
                self.end(Place::Apart(slot_of(index)), at, people, readers)?;
            }
        }
        for index in (0..self.in_step.len()).rev() {
            if self.in_step[index].viewer {
                self.end(Place::InStep(slot_of(index)), at, people, readers)?;
            }
        }
        Ok(())
    }

    /// Takes the reader at `place` out, silently.
    pub(super) fn unseat(&mut self, place: Place, people: &mut People) {
        match place {
            Place::InStep(index) => {
                let index = self.leave_step(index as usize, people);
                self.stand_up(index, people);
            }
            Place::Apart(index) => self.stand_up(index as usize, people),
        }
    }

    /// The message at `sequence`, in its turn. Returns whether it was in anybody's.
    pub(super) fn pass<R: Readers>(
        &mut self,
        sequence: u64,
        delivery: &Delivery<'_>,
        people: &mut People,
        readers: &mut R,
    ) -> bool {
        let given = self.early.iter().find(|early| early.sequence == sequence);
        let given = given.map(|early| early.epoch);
        let live = sequence == self.live_next;
        let mut new = live;
        if live {
            match given {
                None => readers.deliver_all(&self.keys, delivery),
                Some(given) => {
                    let pairs = self.keys.iter().zip(&self.in_step);
                    for (key, _) in pairs.filter(|(_, seat)| seat.epoch > given) {
                        readers.deliver(*key, delivery);
                    }
                }
            }
            self.live_next += 1;
        }
        let mut index = 0;
        while index < self.nexts.len() {
            if self.nexts[index] == sequence {
                let apart = &self.apart[index];
                let had = given.is_some_and(|given| apart.seat.epoch <= given);
                if !had && !apart.holds(sequence) {
                    readers.deliver(apart.key, delivery);
                }
                new = true;
                self.nexts[index] += 1;
            } else if self.nexts[index] != self.live_next {
                index += 1;
                continue;
            }
            index += usize::from(self.settle(index, people, readers));
        }
        self.forget_passed();
        new
    }

    /// `from..=to` will not come. Returns whether anybody was to be given any of it.
    pub(super) fn pass_over<R: Readers>(
        &mut self,
        skip: SkipBody,
        people: &mut People,
        readers: &mut R,
    ) -> bool {
        let (range, after) = (skip.from.0..=skip.to.0, skip.to.0 + 1);
        let live = range.contains(&self.live_next);
        let mut new = live;
        if live {
            let from = Sequence(self.live_next);
            for key in &self.keys {
                readers.skip(*key, self.id, SkipBody { from, ..skip });
            }
            self.live_next = after;
        }
        let mut index = 0;
        while index < self.nexts.len() {
            let (next, apart) = (self.nexts[index], &self.apart[index]);
            if !range.contains(&next) {
                index += usize::from(self.settle(index, people, readers));
                continue;
            }
            let (from, after) = (Sequence(next), after.min(apart.end));
            let to = Sequence(after - 1);
            readers.skip(apart.key, self.id, SkipBody { from, to, ..skip });
            self.nexts[index] = after;
            new = true;
            // A later membership of theirs may begin within the range.
            self.settle(index, people, readers);
        }
        self.forget_passed();
        new
    }

    /// An urgent message ahead of its turn, for everyone who is to be given it; nobody is given it
    /// again. Returns whether it has to be remembered.
    pub(super) fn give_early<R: Readers>(
        &mut self,
        sequence: u64,
        epoch: u64,
        delivery: &Delivery<'_>,
        readers: &mut R,
    ) -> bool {
        if self.early.iter().any(|early| early.sequence == sequence) {
            return false;
        }
        let mut given = false;
        if sequence >= self.live_next && !self.keys.is_empty() {
            readers.deliver_all(&self.keys, delivery);
            given = true;
        }
        for (apart, next) in self.apart.iter().zip(&self.nexts) {
            if apart.wants(*next, sequence) {
                readers.deliver(apart.key, delivery);
                given = true;
            }
        }
        if given {
            self.early.push(Early { sequence, epoch });
        }
        given
    }

    /// Lets go of urgent messages that every reader's cursor is past.
    fn forget_passed(&mut self) {
        if self.early.is_empty() {
            return;
        }
        let lowest = self.nexts.iter().copied().min().unwrap_or(OPEN);
        let lowest = lowest.min(self.live_next);
        self.early.retain(|early| early.sequence >= lowest);
    }

    /// After the cursor of the reader apart at `index` moved or an end became known: ends what is
    /// over, begins what is next, joins those in step. Returns whether they are still apart, at `index`.
    fn settle<R: Readers>(&mut self, index: usize, people: &mut People, readers: &mut R) -> bool {
        let (next, apart) = (&mut self.nexts[index], &mut self.apart[index]);
        while *next >= apart.end && !apart.later.is_empty() {
            let span = apart.later.remove(0);
            if span.begin > *next {
                let skip = SkipBody {
                    from: Sequence(*next),
                    to: Sequence(span.begin - 1),
                    why: SkipReason::NotAMember,
                };
                readers.skip(apart.key, self.id, skip);
            }
            *next = span.begin;
            apart.end = span.end;
            apart.seat.epoch = span.epoch;
        }
        let (next, end) = (*next, apart.end);
        apart.held.retain(|(_, to)| to.0 >= next);
        if next < end {
            return !self.join_if_in_step(index, people);
        }
        let slot = apart.seat.slot;
        let cursor = self.cursor(Place::Apart(slot_of(index)));
        let key = self.apart[index].key;
        self.stand_up(index, people);
        people[slot].cursors.insert(self.id, cursor);
        readers.ended(key, self.id, Sequence(end));
        false
    }

    /// Moves a reader apart to those in step, if nothing sets them apart any more.
    fn join_if_in_step(&mut self, index: usize, people: &mut People) -> bool {
        let apart = &self.apart[index];
        let joins = self.nexts[index] == self.live_next
            && apart.end == OPEN
            && apart.later.is_empty()
            && apart.held.is_empty();
        if joins {
            let (key, seat) = (apart.key, apart.seat);
            self.stand_up(index, people);
            let place = Place::InStep(slot_of(self.in_step.len()));
            people[seat.slot].places.insert(self.slot, place);
            self.keys.push(key);
            self.in_step.push(seat);
        }
        joins
    }

    /// Sets a reader in step apart, with a cursor of their own. Returns where.
    fn leave_step(&mut self, index: usize, people: &mut People) -> usize {
        let key = self.keys.swap_remove(index);
        let seat = self.in_step.swap_remove(index);
        if let Some(moved) = self.in_step.get(index) {
            let place = Place::InStep(slot_of(index));
            people[moved.slot].places.insert(self.slot, place);
        }
        let apart = Apart {
            key,
            seat,
            end: OPEN,
            later: Vec::new(),
            held: Vec::new(),
        };
        self.sit_apart(self.live_next, apart, people);
        self.apart.len() - 1
    }

    fn sit_apart(&mut self, next: u64, apart: Apart, people: &mut People) {
        let place = Place::Apart(slot_of(self.apart.len()));
        people[apart.seat.slot].places.insert(self.slot, place);
        self.nexts.push(next);
        self.apart.push(apart);
    }

    /// Takes a reader apart out of the list.
    fn stand_up(&mut self, index: usize, people: &mut People) {
        self.nexts.swap_remove(index);
        let apart = self.apart.swap_remove(index);
        people[apart.seat.slot].places.remove(&self.slot);
        if let Some(moved) = self.apart.get(index) {
            let place = Place::Apart(slot_of(index));
            people[moved.seat.slot].places.insert(self.slot, place);
        }
    }
}
