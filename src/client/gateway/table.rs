//! Who reads what through this connection, applied message by message. Pure: no IO, no clock.
//!
//! The server says who reads a group among the group's messages, in order, so both sides count the
//! same. A reader's cursor is exact: each sequence of each membership is given once, or skipped. What
//! the server may make a table remember is bounded ([`TableLimits`]), and what cannot be true is a
//! typed error ([`TableError`]).

use rustc_hash::FxHashMap;

use super::delivery::{Delivery, ReaderKey, Readers};
use super::error::{TableError, TableLimits};
use super::group::{Group, Seat};
use super::people::{Online, People, Slot, slot_of};
use crate::client::cursors::GroupCursor;
use crate::client::error::NotMade;
use crate::wire::{
    AckItem, DeviceId, GroupId, Header, PersonId, Reader, ReaderChange, ReadersBody, Sequence,
    SkipBody, SkipReason,
};

/// The people of one gateway connection and the groups they read.
#[derive(Debug, Default)]
pub struct Table {
    limits: TableLimits,
    people: People,
    groups: Vec<Group>,
    slots: FxHashMap<GroupId, u32>,
    /// Places in `groups` of those that were forgotten.
    vacant: Vec<u32>,
    /// Groups without readers were forgotten to make room: messages of unknown ones may be theirs.
    forgot_groups: bool,
    /// Counts beginnings, so that an early message is known from those who came after it.
    epoch: u64,
    seats: usize,
    early: usize,
    /// Groups in which members have got further since they were last acknowledged.
    moved: Vec<u32>,
    repeated: u64,
}

impl Table {
    /// A table of nobody.
    #[must_use]
    pub fn new(limits: TableLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Takes in a person's device, who has got as far as `cursors` say. Until the server says which
    /// groups they read, they read none.
    pub fn attach(
        &mut self,
        person: PersonId,
        device: DeviceId,
        key: ReaderKey,
        cursors: impl IntoIterator<Item = GroupCursor>,
    ) -> Result<(), NotMade> {
        let cursors = cursors
            .into_iter()
            .filter(|kept| kept.floor.0 < u64::MAX - 2);
        let cursors = cursors.map(|kept| (kept.group, kept));
        let cursors: FxHashMap<_, _> = cursors.collect();
        let (have, limit) = (cursors.len(), self.limits.seats_max - self.seats);
        if have > limit {
            return Err(NotMade::TooManyCursors { have, limit });
        }
        let online = self.people.add(person, device, key, &self.limits)?;
        online.cursors = cursors;
        self.seats += have;
        Ok(())
    }

    /// Forgets a person's device at once and says how far it had got; none when it is not here. Whatever
    /// the server says of it until it says that it has let it go is of no concern any more.
    pub fn detach(&mut self, person: PersonId, device: DeviceId) -> Option<Vec<GroupCursor>> {
        let slot = self.people.find(person, device)?;
        let cursors = self.cursors_of(&self.people[slot]).collect();
        self.remove(slot);
        self.people.await_leave((person, device));
        Some(cursors)
    }

    /// The server does not take in a person's device.
    pub fn on_refused(&mut self, person: PersonId, device: DeviceId) {
        if let Some(slot) = self.people.find(person, device) {
            self.remove(slot);
        } else {
            self.people.has_left((person, device));
        }
    }

    /// How far a person's device has got in each group, with what it was given ahead of its turn:
    /// what to attach it with on the next connection.
    #[must_use]
    pub fn cursors(&self, person: PersonId, device: DeviceId) -> Option<Vec<GroupCursor>> {
        let slot = self.people.find(person, device)?;
        Some(self.cursors_of(&self.people[slot]).collect())
    }

    /// Everyone here.
    pub fn readers(&self) -> impl Iterator<Item = (PersonId, DeviceId, ReaderKey)> + '_ {
        let online = self.people.iter();
        online.map(|online| (online.person, online.device, online.key))
    }

    /// Messages that came again after everyone here had been given them, and were dropped.
    #[must_use]
    pub fn repeated(&self) -> u64 {
        self.repeated
    }

    /// A `Readers` envelope of the normal stream.
    pub fn on_readers<R: Readers>(
        &mut self,
        header: &Header,
        body: &ReadersBody,
        readers: &mut R,
    ) -> Result<(), TableError> {
        let group = header.group();
        for change in &body.readers {
            let gone = change.change == ReaderChange::Gone;
            let counted = (1..u64::MAX - 1).contains(&change.at.0);
            if gone != (group == GroupId(0)) || !(gone || counted) {
                return Err(TableError::MisplacedChange {
                    change: change.change,
                    group,
                });
            }
            if change.change != ReaderChange::ViewersEnd {
                self.people
                    .devices(change.person)
                    .ok_or(TableError::UnknownReader {
                        person: change.person,
                    })?;
            }
        }
        if group == GroupId(0) {
            for change in &body.readers {
                if self.people.has_left((change.person, change.device)) {
                    continue;
                }
                for slot in self.slots_of(change) {
                    readers.gone(self.people[slot].key);
                    self.remove(slot);
                }
            }
            return Ok(());
        }
        let at = self.follow(group, header.membership_sequence())?;
        for change in &body.readers {
            match change.change {
                ReaderChange::Begin => self.begin(at, change, readers)?,
                ReaderChange::End => {
                    for slot in self.slots_of(change) {
                        if let Some(place) = self.people[slot].places.get(&at).copied() {
                            let group = &mut self.groups[at as usize];
                            group.end(place, change.at.0, &mut self.people, readers)?;
                        }
                    }
                }
                ReaderChange::ViewersEnd => {
                    let group = &mut self.groups[at as usize];
                    group.end_viewers(change.at.0, &mut self.people, readers)?;
                }
                ReaderChange::Gone => {}
            }
        }
        Ok(())
    }

    /// A message or membership change of the normal stream.
    pub fn on_message<R: Readers>(
        &mut self,
        header: &Header,
        body: &[u8],
        readers: &mut R,
    ) -> Result<(), TableError> {
        let sequence = header.sequence();
        self.advance(header.group(), sequence, sequence, |group, people| {
            let delivery = Delivery::new(header, body);
            group.pass(sequence.0, &delivery, people, readers)
        })
    }

    /// Sequences that the normal stream will not bring to anyone.
    pub fn on_skip<R: Readers>(
        &mut self,
        group: GroupId,
        skip: SkipBody,
        readers: &mut R,
    ) -> Result<(), TableError> {
        self.advance(group, skip.from, skip.to, |group, people| {
            group.pass_over(skip, people, readers)
        })
    }

    /// A message of the urgent stream. It comes again in its turn: where it cannot be told yet who is
    /// to be given it, everyone is given it then.
    pub fn on_urgent<R: Readers>(
        &mut self,
        header: &Header,
        body: &[u8],
        readers: &mut R,
    ) -> Result<(), TableError> {
        let (id, sequence) = (header.group(), header.sequence());
        check_sequence(id, sequence)?;
        let Some(&slot) = self.slots.get(&id) else {
            return Ok(());
        };
        let group = &mut self.groups[slot as usize];
        // Whoever left before this message was sent may not have been said to have left here.
        let settled = header.membership_sequence().0 < group.live_next;
        if settled && self.early < self.limits.early_max {
            let delivery = Delivery::new(header, body);
            let given = group.give_early(sequence.0, self.epoch, &delivery, readers);
            self.early += usize::from(given);
        }
        Ok(())
    }

    /// Whether anybody has got further since they were last acknowledged.
    #[must_use]
    pub fn has_acks(&self) -> bool {
        !self.moved.is_empty()
    }

    /// Appends how far members have got in groups that moved, each group whole, until there are
    /// `items_max` or more. Viewers' cursors are their own.
    pub fn take_acks(&mut self, items_max: usize, out: &mut Vec<AckItem>) {
        while out.len() < items_max {
            let Some(slot) = self.moved.pop() else { return };
            let group = &mut self.groups[slot as usize];
            group.moved = false;
            let (id, people) = (group.id, &self.people);
            let floors = group.floors();
            out.extend(
                floors.map(|(slot, floor)| AckItem::new(people[slot].person, id, Sequence(floor))),
            );
        }
    }

    fn cursors_of<'a>(&'a self, online: &'a Online) -> impl Iterator<Item = GroupCursor> + 'a {
        let read = online.places.iter();
        let read = read.map(|(slot, place)| self.groups[*slot as usize].cursor(*place));
        read.chain(online.cursors.values().cloned())
    }

    /// Moves a group over `from..=to` by `pass`, which says whether that was new to anyone.
    fn advance(
        &mut self,
        id: GroupId,
        from: Sequence,
        to: Sequence,
        pass: impl FnOnce(&mut Group, &mut People) -> bool,
    ) -> Result<(), TableError> {
        check_sequence(id, from)?;
        check_sequence(id, to)?;
        let Some(&slot) = self.slots.get(&id) else {
            if self.forgot_groups {
                self.repeated += 1;
                return Ok(());
            }
            return Err(TableError::UnknownGroup { group: id });
        };
        let group = &mut self.groups[slot as usize];
        if from.0 > group.live_next {
            return Err(TableError::Gap {
                group: id,
                expected: Sequence(group.live_next),
                found: from,
            });
        }
        let early_before = group.early_len();
        if pass(group, &mut self.people) {
            if !group.moved {
                group.moved = true;
                self.moved.push(slot);
            }
        } else {
            self.repeated += 1;
        }
        self.early -= early_before - group.early_len();
        Ok(())
    }

    fn begin<R: Readers>(
        &mut self,
        at: u32,
        change: &Reader,
        readers: &mut R,
    ) -> Result<(), TableError> {
        for slot in self.slots_of(change) {
            let group = &mut self.groups[at as usize];
            self.epoch += 1;
            let seat = Seat {
                slot,
                viewer: change.viewer,
                epoch: self.epoch,
            };
            if let Some(place) = self.people[slot].places.get(&at).copied() {
                group.begin_again(place, change.at.0, seat, &self.people)?;
                continue;
            }
            let online = &mut self.people[slot];
            let (key, kept) = (online.key, online.cursors.remove(&group.id));
            if kept.is_none() {
                if self.seats >= self.limits.seats_max {
                    return Err(TableError::TooManySeats {
                        group: group.id,
                        person: online.person,
                        limit: self.limits.seats_max,
                    });
                }
                self.seats += 1;
            }
            // A viewer reads what comes; how far they once got as a member is nothing to it.
            let kept = kept.filter(|_| !change.viewer);
            let from = kept.as_ref().map_or(change.at.0, |kept| kept.floor.0 + 1);
            let next = change.at.0.max(from);
            if from < next {
                let skip = SkipBody {
                    from: Sequence(from),
                    to: Sequence(next - 1),
                    why: SkipReason::NotAMember,
                };
                readers.skip(key, group.id, skip);
            }
            readers.began(key, group.id, Sequence(next));
            let mut held = kept.map_or_else(Vec::new, |kept| kept.early);
            held.retain(|(_, to)| to.0 >= next);
            group.seat(key, seat, next, held, &mut self.people);
        }
        Ok(())
    }

    /// The devices here that a change is about.
    fn slots_of(&self, change: &Reader) -> Vec<Slot> {
        let devices = self.people.devices(change.person).unwrap_or_default();
        let devices = devices.iter().copied().filter(|slot| {
            let device = self.people[*slot].device;
            let is_meant = [device, DeviceId(0)].contains(&change.device);
            is_meant && !self.people.is_leaving((change.person, device))
        });
        devices.collect()
    }

    /// The group whose next message is `live_next`, as the server counts.
    fn follow(&mut self, id: GroupId, live_next: Sequence) -> Result<u32, TableError> {
        check_sequence(id, live_next)?;
        if let Some(&slot) = self.slots.get(&id) {
            let group = &mut self.groups[slot as usize];
            if group.live_next == live_next.0 {
                return Ok(slot);
            }
            if group.is_empty() {
                // The server stopped reading it when nobody here did, and begins anew.
                group.live_next = live_next.0;
                return Ok(slot);
            }
            return Err(TableError::LiveCursor {
                group: id,
                own: Sequence(group.live_next),
                theirs: live_next,
            });
        }
        if self.slots.len() >= self.limits.groups_max {
            self.forget_empty_groups();
        }
        let slot = match self.vacant.pop() {
            Some(slot) => slot,
            None if self.groups.len() < self.limits.groups_max => slot_of(self.groups.len()),
            None => {
                let limit = self.limits.groups_max;
                return Err(TableError::TooManyGroups { group: id, limit });
            }
        };
        let group = Group::new(id, slot, live_next.0);
        match self.groups.get_mut(slot as usize) {
            Some(place) => *place = group,
            None => self.groups.push(group),
        }
        self.slots.insert(id, slot);
        Ok(slot)
    }

    /// Makes room: what the server still sends of these is for people who have just been detached.
    fn forget_empty_groups(&mut self) {
        let Self {
            slots,
            groups,
            vacant,
            early,
            ..
        } = self;
        slots.retain(|_, slot| {
            let group = &groups[*slot as usize];
            let stays = !group.is_empty();
            if !stays {
                *early -= group.early_len();
                vacant.push(*slot);
            }
            stays
        });
        self.forgot_groups |= !self.vacant.is_empty();
    }

    fn remove(&mut self, slot: Slot) {
        let places: Vec<_> = self.people[slot].places.drain().collect();
        self.seats -= places.len() + self.people[slot].cursors.len();
        for (group, place) in places {
            self.groups[group as usize].unseat(place, &mut self.people);
        }
        self.people.remove(slot);
    }
}

/// A sequence is counted from 1, and the one after it is a number too.
fn check_sequence(group: GroupId, found: Sequence) -> Result<(), TableError> {
    if (1..u64::MAX - 1).contains(&found.0) {
        Ok(())
    } else {
        Err(TableError::NoSequence { group, found })
    }
}
