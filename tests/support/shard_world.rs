//! A small enterprise around one shard core: groups with their whole log, people who come and go,
//! and sinks with as much room as a test gives them.
#![allow(dead_code, reason = "each test file uses its own part of the world")]

use std::collections::BTreeMap;

use bytes::Bytes;
use throng::engine::{AttachedPerson, Fetch, FetchError, Item};
use throng::model::MembershipDelta;
use throng::shard::{Config, Core, Flushed, Sink};
use throng::wire::{
    AttachedGroup, Cursor, DeviceId, Envelope, GroupId, HeaderFields, Kind, PersonId, Priority,
    Sequence, SkipBody, TenantId, Timestamp,
};

pub(crate) const TENANT: TenantId = TenantId(7);
pub(crate) const ALICE: u64 = 1;
pub(crate) const BOB: u64 = 2;
pub(crate) const TEAM: u64 = 10;
pub(crate) const CLUB: u64 = 11;
pub(crate) const HALL: u64 = 12;

/// Longer than a third of the smallest ring.
pub(crate) const LONG: &[u8] = &[0x5a; 6_000];

/// Alice and Bob, joined at sequences 1 and 2 of the team.
pub(crate) fn team_of_two() -> World {
    let mut world = World::with_small_rings();
    world.join(TEAM, ALICE);
    world.join(TEAM, BOB);
    world
}

/// What a session was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    Message { group: u64, sequence: u64 },
    Skip { group: u64, from: u64, to: u64 },
}

pub(crate) fn message(group: u64, sequence: u64) -> Sent {
    Sent::Message { group, sequence }
}

pub(crate) fn messages(group: u64, sequences: std::ops::RangeInclusive<u64>) -> Vec<Sent> {
    sequences.map(|sequence| message(group, sequence)).collect()
}

pub(crate) fn skip(group: u64, from: u64, to: u64) -> Sent {
    Sent::Skip { group, from, to }
}

pub(crate) fn delta(group: u64, person: u64, joined: bool, at: u64) -> MembershipDelta {
    MembershipDelta {
        tenant: TENANT,
        group: GroupId(group),
        person: PersonId(person),
        joined,
        view_only: false,
        viewer: false,
        at: Sequence(at),
    }
}

/// One group's log and who is in it since when.
#[derive(Debug, Default)]
pub(crate) struct GroupLog {
    pub(crate) envelopes: Vec<Envelope>,
    pub(crate) members: BTreeMap<u64, u64>,
}

impl GroupLog {
    pub(crate) fn head(&self) -> u64 {
        self.envelopes.len() as u64
    }
}

/// Where a session's envelopes go; `room` is in envelopes, none for endless.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) sent: Vec<Sent>,
    pub(crate) urgent: Vec<Sent>,
    /// The same and what says who reads it, as it came.
    pub(crate) chunks: Vec<Bytes>,
    pub(crate) room: Option<usize>,
    pub(crate) writes: usize,
    blocked: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Streams {
    pub(crate) of: BTreeMap<u64, Stream>,
    /// Sessions in the order they were written to.
    pub(crate) turns: Vec<u64>,
}

impl Sink for Streams {
    fn write(&mut self, session: u64, chunks: &[Bytes]) -> usize {
        assert!(!chunks.is_empty(), "a write always offers something");
        self.turns.push(session);
        let stream = self.of.entry(session).or_default();
        assert!(
            !stream.blocked,
            "session {session} has not said it has room"
        );
        stream.writes += 1;
        let taken = stream.room.unwrap_or(usize::MAX).min(chunks.len());
        stream.sent.extend(chunks[..taken].iter().filter_map(sent));
        stream.chunks.extend_from_slice(&chunks[..taken]);
        if let Some(room) = &mut stream.room {
            *room -= taken;
        }
        stream.blocked = taken < chunks.len();
        taken
    }

    const JOINS: bool = true;

    fn write_joined(&mut self, session: u64, envelopes: &[Bytes], pieces: &[Bytes]) -> usize {
        assert_eq!(pieces.concat(), envelopes.concat(), "the same bytes");
        self.write(session, envelopes)
    }

    /// Every third session has no way for urgent ones.
    fn write_urgent(&mut self, session: u64, envelope: &Bytes) -> bool {
        if session % 3 == 2 {
            return false;
        }
        self.turns.push(session);
        let stream = self.of.entry(session).or_default();
        stream.urgent.extend(sent(envelope));
        true
    }
}

fn sent(chunk: &Bytes) -> Option<Sent> {
    let envelope = Envelope::read(chunk).expect("only whole envelopes are sent");
    let header = envelope.header();
    assert_eq!(header.tenant(), TENANT);
    let group = header.group().0;
    if header.kind() == Kind::Skip {
        let body = SkipBody::read(envelope.body()).expect("a skip's body");
        return Some(skip(group, body.from.0, body.to.0));
    }
    let is_of_group = header.kind() != Kind::Readers;
    is_of_group.then(|| message(group, header.sequence().0))
}

pub(crate) struct World {
    pub(crate) core: Core,
    pub(crate) groups: BTreeMap<u64, GroupLog>,
    pub(crate) streams: Streams,
    /// Asked of the log and not answered yet.
    pub(crate) asked: Vec<Fetch>,
    /// When the next record is decided.
    pub(crate) now: Timestamp,
}

impl World {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            core: Core::new(config),
            groups: BTreeMap::new(),
            streams: Streams::default(),
            asked: Vec::new(),
            now: Timestamp(0),
        }
    }

    /// A world with the smallest rings: two or three messages of 6,000 bytes each.
    pub(crate) fn with_small_rings() -> Self {
        Self::new(Config {
            ring_bytes: 16 * 1024,
            ..Config::default()
        })
    }

    /// Puts an envelope into a group's log and says its sequence.
    pub(crate) fn record(
        &mut self,
        group: u64,
        kind: Kind,
        priority: Priority,
        body: &[u8],
    ) -> u64 {
        let log = self.groups.entry(group).or_default();
        let sequence = log.head() + 1;
        let fields = HeaderFields {
            kind,
            priority,
            tenant: TENANT,
            group: GroupId(group),
            sequence: Sequence(sequence),
            timestamp: self.now,
            ..HeaderFields::default()
        };
        let envelope = Envelope::new(&fields, body).expect("a body within the limit");
        log.envelopes.push(envelope);
        sequence
    }

    pub(crate) fn deliver(&mut self, group: u64) {
        let envelope = self.groups[&group]
            .envelopes
            .last()
            .expect("one was recorded");
        self.core.on_item(&Item::Deliver(envelope.clone()));
    }

    pub(crate) fn publish(&mut self, group: u64, body: &[u8]) -> u64 {
        let sequence = self.record(group, Kind::Text, Priority::Normal, body);
        self.deliver(group);
        sequence
    }

    pub(crate) fn publish_urgent(&mut self, group: u64, body: &[u8]) -> u64 {
        let sequence = self.record(group, Kind::Text, Priority::Urgent, body);
        self.deliver(group);
        sequence
    }

    pub(crate) fn publish_many(&mut self, group: u64, count: usize, body: &[u8]) {
        for _ in 0..count {
            self.publish(group, body);
        }
    }

    /// Everything of a group since `from` once more, as after an overflow of the engine's port.
    pub(crate) fn deliver_again(&mut self, deltas: &[MembershipDelta], group: u64, from: u64) {
        for sequence in from..=self.groups[&group].head() {
            for delta in deltas.iter().filter(|delta| delta.at.0 == sequence) {
                self.core.on_item(&Item::Membership(*delta));
            }
            let index = usize::try_from(sequence - 1).expect("a short log");
            let envelope = self.groups[&group].envelopes[index].clone();
            self.core.on_item(&Item::Deliver(envelope));
        }
    }

    fn member_delta(&mut self, group: u64, person: u64, joined: bool) -> u64 {
        let kind = if joined { Kind::Joined } else { Kind::Left };
        let at = self.record(group, kind, Priority::Normal, &[]);
        let delta = delta(group, person, joined, at);
        self.core.on_item(&Item::Membership(delta));
        self.deliver(group);
        at
    }

    pub(crate) fn join(&mut self, group: u64, person: u64) -> u64 {
        let at = self.member_delta(group, person, true);
        self.groups
            .entry(group)
            .or_default()
            .members
            .insert(person, at);
        at
    }

    pub(crate) fn leave(&mut self, group: u64, person: u64) -> u64 {
        self.groups
            .entry(group)
            .or_default()
            .members
            .remove(&person);
        self.member_delta(group, person, false)
    }

    /// What an attach of `person` is answered with now.
    pub(crate) fn attached(&self, person: u64) -> AttachedPerson {
        let groups = self.groups.iter();
        let groups = groups.filter_map(|(id, log)| {
            let first = Sequence(*log.members.get(&person)?);
            let head = Sequence(log.head());
            Some(AttachedGroup::new(GroupId(*id), first, head, first))
        });
        AttachedPerson {
            tenant: TENANT,
            person: PersonId(person),
            device: DeviceId(1),
            groups: groups.collect(),
            watched: Vec::new(),
        }
    }

    pub(crate) fn attach(&mut self, session: u64, person: u64, cursors: &[(u64, u64)]) {
        self.attach_with(session, person, cursors, false);
    }

    pub(crate) fn attach_live(&mut self, session: u64, person: u64) {
        self.attach_with(session, person, &[], true);
    }

    pub(crate) fn attach_with(
        &mut self,
        session: u64,
        person: u64,
        cursors: &[(u64, u64)],
        live: bool,
    ) {
        let cursors = cursors.iter();
        let cursors = cursors.map(|(group, floor)| Cursor::new(GroupId(*group), Sequence(*floor)));
        let cursors: Vec<_> = cursors.collect();
        self.streams.of.insert(session, Stream::default());
        self.core
            .attach(session, &self.attached(person), &cursors, live);
    }

    pub(crate) fn detach(&mut self, session: u64) {
        self.core.detach(session);
    }

    /// Gives a session's sink room for this many more envelopes.
    pub(crate) fn give_room(&mut self, session: u64, room: Option<usize>) {
        let stream = self.streams.of.entry(session).or_default();
        (stream.room, stream.blocked) = (room, false);
        self.core.writable(session);
    }

    pub(crate) fn flush(&mut self) {
        assert_eq!(self.flush_strides(usize::MAX), Flushed::Done);
    }

    /// Flushes until the budget has said yes this many times.
    pub(crate) fn flush_strides(&mut self, mut strides: usize) -> Flushed {
        let flushed = self.core.flush(&mut self.streams, || {
            strides = strides.saturating_sub(1);
            strides > 0
        });
        self.core.take_fetches(&mut self.asked);
        flushed
    }

    /// Answers the `index`th question with at most `count` envelopes.
    pub(crate) fn answer(&mut self, index: usize, count: usize) {
        let fetch = self.asked.remove(index);
        assert_eq!(fetch.tenant, TENANT);
        let log = &self.groups[&fetch.group.0].envelopes;
        let index = |sequence: u64| usize::try_from(sequence).expect("a short log");
        let asked = &log[index(fetch.from.0 - 1)..index(fetch.to.0)];
        let result = Ok(asked.iter().take(count.max(1)).cloned().collect());
        self.core.on_item(&Item::Fetched { fetch, result });
    }

    pub(crate) fn fail(&mut self, index: usize) {
        let fetch = self.asked.remove(index);
        let result = Err(FetchError::Missing {
            group: fetch.group,
            from: fetch.from,
            to: fetch.to,
        });
        self.core.on_item(&Item::Fetched { fetch, result });
    }

    /// Flushes and answers until nothing moves any more.
    pub(crate) fn settle(&mut self) {
        self.core.retry_fetches();
        self.flush();
        while !self.asked.is_empty() {
            self.answer(0, usize::MAX);
            self.flush();
        }
    }

    pub(crate) fn sent(&self, session: u64) -> &[Sent] {
        &self.streams.of[&session].sent
    }

    /// What it was sent ahead of its order.
    pub(crate) fn urgent(&self, session: u64) -> &[Sent] {
        &self.streams.of[&session].urgent
    }
}
