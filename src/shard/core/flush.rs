//! The flush: everything each dirty cursor has ahead, in as few writes as possible.
//!
//! Per delivery a chunk is pushed and a cursor moved; nothing is allocated, locked, encoded or woken
//! (invariant 4). Sessions take turns, and keep their place across calls when the budget runs out;
//! those that are behind come after all others, a smaller write at a time (SPEC S5).

use bytes::Bytes;

use super::chunks::Chunks;
use super::gateway::CATCH_UP_BYTES;
use super::sink::{Flushed, Sink};
use super::slab::Key;
use super::subscription::{Hole, OPEN, Place, Reader, Subscription};
use super::{Core, DirtyList, Group, Session, SessionKind};
use crate::wire::{Envelope, HeaderFields, Kind, Sequence, SkipBody, SkipReason};

/// What some of a write's chunks are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Span {
    /// Envelopes of one group in a row, one sequence each.
    Run { key: Key<Subscription>, len: usize },
    /// A `Skip` over the nearest hole.
    Skip { key: Key<Subscription> },
}

/// Envelopes `next..end` of a group, as [`Core::chunks`] has them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prepared {
    group: Key<Group>,
    next: u64,
    end: u64,
    /// The write they were gathered for.
    room: usize,
}

/// What the members of a group in step have ahead of them, as [`Core::chunks`] has it.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// The first sequence.
    from: u64,
    /// The one that the ring waits for: behind the last, but for a write's bound.
    head: u64,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            from: u64::MAX,
            head: u64::MAX,
        }
    }
}

/// Sessions served between two looks at the budget: a look at the clock costs as much as several
/// deliveries in process.
pub(super) const STRIDE: usize = 16;

impl Core {
    /// Offers sessions what their dirty cursors have ahead, until there is nothing or `budget` says no.
    ///
    /// The budget is asked between strides of a few sessions, so every call gets somewhere.
    pub fn flush(&mut self, sink: &mut impl Sink, mut budget: impl FnMut() -> bool) -> Flushed {
        let flushed = self.serve(sink, &mut budget);
        if flushed == Flushed::Done {
            self.unflushed_bytes = 0;
        }
        // Held by nobody between calls: an envelope's last reader frees it.
        self.chunks.clear();
        self.prepared = None;
        self.close_unread_groups();
        flushed
    }

    /// Offers urgent envelopes and nothing else, until there is none or `budget` says no.
    pub fn flush_urgent(
        &mut self,
        sink: &mut impl Sink,
        mut budget: impl FnMut() -> bool,
    ) -> Flushed {
        self.serve_urgents(sink, &mut budget)
    }

    fn serve<S: Sink>(&mut self, sink: &mut S, budget: &mut impl FnMut() -> bool) -> Flushed {
        if self.serve_urgents(sink, budget) == Flushed::More {
            return Flushed::More;
        }
        while let Some(group) = self.dirty_groups.pop() {
            if self.dirty_groups.is_empty() && self.ready.is_empty() {
                self.walk_members(group, sink, budget);
            } else {
                self.mark_members(group);
            }
        }
        loop {
            for _ in 0..STRIDE {
                let Some(session) = self.ready.pop_front() else {
                    break;
                };
                if S::LOOKS_AHEAD
                    && let Some(next) = self.ready.front()
                    && let Some(next) = self.sessions.get(*next)
                {
                    sink.soon(next.id);
                }
                self.write_session(session, self.config.write_bytes, sink);
            }
            let has_time = self.ready.is_empty() || budget();
            if has_time && !self.ready.is_empty() {
                continue;
            }
            // One of those behind gets somewhere in every call, however much there is for others.
            if let Some(session) = self.behind.pop_front() {
                self.turns += 1;
                let room = self.config.catch_up_bytes.min(self.config.write_bytes);
                self.write_session(session, room, sink);
            }
            if self.ready.is_empty() && self.behind.is_empty() {
                return Flushed::Done;
            }
            if !has_time || !budget() {
                return Flushed::More;
            }
        }
    }

    /// Serves the members of the only dirty group as they are listed, without listing them anew: the
    /// common case of one message to one large group. Who is in step with the others is offered the
    /// very same chunks. Those the budget does not reach, and those who are not as free, are marked.
    fn walk_members<S: Sink>(
        &mut self,
        key: Key<Group>,
        sink: &mut S,
        budget: &mut impl FnMut() -> bool,
    ) {
        let Some(members) = self.take_members(key) else {
            return;
        };
        self.chunks.clear();
        let urgent = self.groups[key].urgent;
        let mut run = Run::default();
        let mut walked = 0;
        while let Some(&member) = members.get(walked) {
            walked += 1;
            if S::LOOKS_AHEAD
                && let Some(&next) = members.get(walked)
            {
                let next = self.subscriptions[next].session;
                sink.soon(self.sessions[next].id);
            }
            if !self.offer_in_step(member, &mut run, sink) {
                self.mark_member(member, urgent);
            }
            if walked.is_multiple_of(STRIDE) && !budget() {
                break;
            }
        }
        for &member in &members[walked..] {
            self.mark_member(member, urgent);
        }
        self.put_members_back(key, members);
    }

    /// Offers a member what the one before got, where it has nothing else to wait for; else, and where
    /// something is left, says that it must be marked.
    fn offer_in_step(
        &mut self,
        member: Key<Subscription>,
        run: &mut Run,
        sink: &mut impl Sink,
    ) -> bool {
        let subscription = &mut self.subscriptions[member];
        let is_plain = subscription.place == Place::Idle && subscription.end() == OPEN;
        let session = &mut self.sessions[subscription.session];
        if !is_plain || !session.is_free() || session.kind == SessionKind::CatchUp {
            return false;
        }
        if subscription.next != run.from {
            let ring = &self.groups[subscription.group].ring;
            if subscription.next < ring.base() {
                return false;
            }
            run.from = subscription.next;
            run.head = ring.next();
            self.chunks.clear();
            let ahead = ring.range(run.from..run.head.max(run.from));
            let mut room = self.config.write_bytes;
            take_while_room(&mut self.chunks, ahead, &mut room);
        }
        if self.chunks.is_empty() {
            return true;
        }
        let taken = self.chunks.offer(session.id, sink);
        session.blocked = taken < self.chunks.len();
        self.blocked += usize::from(session.blocked);
        subscription.next += taken as u64;
        session.behind = subscription.next < run.head;
        !session.behind
    }

    fn mark_members(&mut self, key: Key<Group>) {
        let Some(members) = self.take_members(key) else {
            return;
        };
        let urgent = self.groups[key].urgent;
        for &member in &members {
            self.mark_member(member, urgent);
        }
        self.put_members_back(key, members);
    }

    fn mark_member(&mut self, key: Key<Subscription>, urgent: u64) {
        let subscription = &self.subscriptions[key];
        if subscription.next <= urgent {
            self.sessions[subscription.session].urgent = true;
        }
        self.mark_dirty_unless_waiting(key);
    }

    /// The members of a dirty group, which is clean from now on; none if it is clean already.
    ///
    /// Taken for the walk, in which nobody joins or leaves.
    fn take_members(&mut self, key: Key<Group>) -> Option<Vec<Key<Subscription>>> {
        self.groups.get(key).filter(|group| group.dirty)?;
        let group = &mut self.groups[key];
        group.dirty = false;
        Some(std::mem::take(&mut group.members))
    }

    fn put_members_back(&mut self, key: Key<Group>, members: Vec<Key<Subscription>>) {
        self.groups[key].members = members;
    }

    /// One that waits for the log is marked when its answer comes.
    pub(super) fn mark_dirty_unless_waiting(&mut self, key: Key<Subscription>) {
        if self.subscriptions[key].place == Place::Idle {
            self.mark_dirty(key);
        }
    }

    /// One turn of a session that was in a queue, if it is ready still.
    fn write_session(&mut self, key: Key<Session>, room: usize, sink: &mut impl Sink) {
        if !self.sessions.get(key).is_some_and(|session| session.ready) {
            return;
        }
        self.sessions[key].ready = false;
        let kind = self.sessions[key].kind;
        if kind != SessionKind::Person && !self.tell_changes(key, sink) {
            return;
        }
        if self.sessions[key].urgent {
            self.put_urgent_first(key);
        }
        match self.sessions[key].dirty {
            Some(list) if list.first == list.last && kind != SessionKind::CatchUp => {
                self.pop_dirty(key);
                self.prepare(list.first, room);
            }
            _ => self.gather_all(key, room),
        }
        self.offer(key, sink);
        if kind == SessionKind::CatchUp && self.sessions[key].blocked {
            self.block_gateway_of(key);
        }
    }

    /// Gathers a session's dirty cursors one after the other, for one write.
    fn gather_all(&mut self, key: Key<Session>, mut room: usize) {
        self.chunks.clear();
        self.prepared = None;
        let catches_up = self.sessions[key].kind == SessionKind::CatchUp;
        if catches_up {
            room = room.min(CATCH_UP_BYTES);
        }
        while room > 0
            && let Some(subscription) = self.pop_dirty(key)
        {
            if catches_up {
                self.bound_catch_up(subscription);
            }
            self.gather(subscription, &mut room);
            self.gathered.push(subscription);
        }
    }

    /// Gathers one cursor, unless the last write was of the very same envelopes and its sink left them:
    /// then they are offered again as they are, and not even counted references change.
    fn prepare(&mut self, key: Key<Subscription>, room: usize) {
        self.gathered.push(key);
        let subscription = &self.subscriptions[key];
        let (group, next) = (subscription.group, subscription.next);
        let is_same = |prepared: Prepared| {
            (prepared.group, prepared.next, prepared.room) == (group, next, room)
                && prepared.end <= subscription.end()
        };
        if self.prepared.is_some_and(is_same) {
            let len = self.chunks.len();
            self.spans.push(Span::Run { key, len });
            return;
        }
        self.chunks.clear();
        self.gather(key, &mut room.clone());
        self.prepared = match self.spans[..] {
            [Span::Run { len, .. }] => Some(Prepared {
                group,
                next,
                end: next + len as u64,
                room,
            }),
            _ => None,
        };
    }

    /// Offers a session what was gathered for it, and moves its cursors past what was taken.
    fn offer(&mut self, key: Key<Session>, sink: &mut impl Sink) {
        let offered = self.chunks.len();
        if offered > 0 {
            let session = self.sessions[key].id;
            let taken = self.chunks.offer(session, sink);
            self.set_blocked(key, taken < offered);
            self.accept(taken);
        }
        self.settle();
        let session = &mut self.sessions[key];
        session.behind = session.blocked || session.dirty.is_some();
        self.make_ready(key);
    }

    pub(super) fn pop_dirty(&mut self, key: Key<Session>) -> Option<Key<Subscription>> {
        let session = &mut self.sessions[key];
        let DirtyList { first, last } = session.dirty?;
        let subscription = &mut self.subscriptions[first];
        subscription.place = Place::Idle;
        session.dirty = subscription
            .next_dirty
            .take()
            .map(|first| DirtyList { first, last });
        Some(first)
    }

    /// Appends what a cursor has ahead to the write's chunks, as far as there is room for.
    fn gather(&mut self, key: Key<Subscription>, room: &mut usize) {
        let subscription = &self.subscriptions[key];
        let group = &self.groups[subscription.group];
        let (mut next, mut end) = (subscription.next, subscription.end());
        let mut holes = subscription.holes().peekable();
        while *room > 0 {
            if next >= end {
                let Some(hole) = holes.next() else { return };
                self.chunks.push(skip(group, hole));
                self.spans.push(Span::Skip { key });
                if hole.rejoined.is_none() {
                    return;
                }
                next = hole.to() + 1;
                end = holes.peek().map_or(OPEN, |hole| hole.from);
                continue;
            }
            let before = self.chunks.len();
            let ring = &group.ring;
            if next >= ring.base() {
                let held = ring.range(next..ring.next().min(end).max(next));
                take_while_room(&mut self.chunks, held, room);
            } else {
                let held = self.catch_up.held(group.tenant, group.id, next);
                let readable = usize::try_from(end - next).unwrap_or(usize::MAX);
                take_while_room(&mut self.chunks, held.iter().take(readable), room);
            }
            let len = self.chunks.len() - before;
            if len == 0 {
                return;
            }
            self.spans.push(Span::Run { key, len });
            next += len as u64;
        }
    }

    /// Moves the cursors of the chunks that were taken.
    fn accept(&mut self, mut taken: usize) {
        for span in self.spans.drain(..) {
            match span {
                Span::Run { key, len } => {
                    let len = len.min(taken);
                    taken -= len;
                    self.subscriptions[key].next += len as u64;
                }
                Span::Skip { key } if taken > 0 => {
                    taken -= 1;
                    let subscription = &mut self.subscriptions[key];
                    if !subscription.skip() {
                        subscription.place = Place::Ended;
                    }
                }
                Span::Skip { .. } => {}
            }
        }
    }

    /// Lists every gathered cursor where it now belongs.
    fn settle(&mut self) {
        let mut gathered = std::mem::take(&mut self.gathered);
        for key in gathered.drain(..) {
            let subscription = &self.subscriptions[key];
            let group = &self.groups[subscription.group];
            let next = subscription.next;
            if subscription.reader == Reader::CatchUp && self.has_met_live(key) {
                self.end_catch_up(key);
            } else if subscription.place == Place::Ended {
                self.end_membership(key);
            } else if !subscription.is_ahead(group.ring.next()) {
                // It has all there is.
            } else if next < group.ring.base().min(subscription.end())
                && self.catch_up.held(group.tenant, group.id, next).is_empty()
            {
                self.subscriptions[key].place = Place::Wanted;
                self.catch_up.want(key);
            } else {
                self.mark_dirty(key);
            }
        }
        self.gathered = gathered;
    }

    /// Moves the cursors with an urgent envelope ahead to the front, both parts in order.
    fn put_urgent_first(&mut self, key: Key<Session>) {
        let (mut urgent, mut rest) = (None, None);
        while let Some(subscription) = self.pop_dirty(key) {
            let cursor = &self.subscriptions[subscription];
            let is_urgent = cursor.next <= self.groups[cursor.group].urgent;
            let list = if is_urgent { &mut urgent } else { &mut rest };
            self.append(list, subscription);
        }
        self.sessions[key].urgent = urgent.is_some();
        self.sessions[key].dirty = match (urgent, rest) {
            (Some(urgent), Some(rest)) => {
                self.subscriptions[urgent.last].next_dirty = Some(rest.first);
                Some(DirtyList {
                    first: urgent.first,
                    last: rest.last,
                })
            }
            (urgent, rest) => urgent.or(rest),
        };
    }

    fn append(&mut self, list: &mut Option<DirtyList>, key: Key<Subscription>) {
        self.subscriptions[key].place = Place::Dirty;
        match list {
            None => {
                *list = Some(DirtyList {
                    first: key,
                    last: key,
                });
            }
            Some(list) => {
                self.subscriptions[list.last].next_dirty = Some(key);
                list.last = key;
            }
        }
    }
}

fn take_while_room<'a>(
    chunks: &mut Chunks,
    held: impl Iterator<Item = &'a Bytes>,
    room: &mut usize,
) {
    for envelope in held {
        if *room == 0 {
            return;
        }
        *room = room.saturating_sub(envelope.len());
        chunks.push(envelope.clone());
    }
}

/// Sequences a person was not a member for, in one envelope that no record stands behind.
fn skip(group: &Group, hole: Hole) -> Bytes {
    let fields = HeaderFields {
        kind: Kind::Skip,
        tenant: group.tenant,
        group: group.id,
        ..HeaderFields::default()
    };
    let body = SkipBody {
        from: Sequence(hole.from),
        to: Sequence(hole.to()),
        why: SkipReason::NotAMember,
    };
    let envelope = Envelope::new(&fields, &body.encode()).expect("a skip's body is 32 bytes");
    envelope.bytes().clone()
}
