//! A shard's connections: which want a visit, which timer comes next, and what they send.

use core::cell::Cell;
use std::time::Instant;

use bytes::Bytes;

use quinn_proto::{ConnectionEvent, EndpointEvent, Event};

use super::counted::transport;
use super::link::Link;
use super::options::Limits;
use super::prefetch::prefetch;
use super::slots::Slots;
use super::socket::ShardSocket;
use super::waiting::{Place, Waiting};
use super::wheel::{Tick, Wheel};
use crate::shard::Sink;

/// A datagram shorter than this cannot have been cut off by any MTU (RFC 9000, 14: at least 1,200),
/// nor padded for a path probe: its connection had nothing more to say.
const SURELY_NOT_FULL: usize = 1100;

/// Whether the last datagram of `transmit` is so short that nothing was left to be sent.
fn is_surely_all(transmit: &quinn_proto::Transmit) -> bool {
    let last = transmit.segment_size.map_or(transmit.size, |segment| {
        transmit.size - (transmit.size - 1) / segment * segment
    });
    last < SURELY_NOT_FULL
}

/// When a connection must be looked at, and what may wait until then; beside the connections, so that
/// an acknowledgement that waits and a timer that has moved on do not touch the connection.
#[derive(Clone, Copy)]
struct Schedule {
    /// Where the wheel has it; `Tick::MAX` for nowhere.
    armed: Tick,
    /// When its next timer or deadline comes.
    due: Tick,
    /// Until when what waits may wait.
    waits_until: Tick,
    /// The acknowledgement not handed to QUIC yet.
    waiting: Place,
    /// The last wave sent all there was and nothing has come since: what comes may wait.
    is_quiet: bool,
}

impl Schedule {
    const NEVER: Self = Self {
        armed: Tick::MAX,
        due: Tick::MAX,
        waits_until: Tick::MAX,
        waiting: Place::NONE,
        is_quiet: false,
    };

    /// What waits puts QUIC's own timers off: it may be what they wait for.
    fn next(&self) -> Tick {
        if self.waits_until == Tick::MAX {
            self.due
        } else {
            self.waits_until
        }
    }
}

/// The connections of a shard, each where quinn-proto's handle says.
pub(super) struct Links {
    slots: Slots<Link>,
    schedules: Vec<Schedule>,
    pub(super) waiting: Waiting,
    dirty: Vec<u32>,
    pub(super) wheel: Wheel,
    pub(super) socket: ShardSocket,
    pub(super) limits: Limits,
    /// Envelopes handed to connections.
    pub(super) deliveries: u64,
}

impl Links {
    pub(super) fn new(socket: ShardSocket, limits: Limits, now: Instant) -> Self {
        Self {
            slots: Slots::new(),
            schedules: Vec::new(),
            waiting: Waiting::default(),
            dirty: Vec::new(),
            wheel: Wheel::new(now),
            socket,
            limits,
            deliveries: 0,
        }
    }

    pub(super) fn get(&mut self, index: u32) -> Option<&mut Link> {
        self.slots.get_mut(index as usize)
    }

    /// A connection and what it may cost.
    pub(super) fn get_with_limits(&mut self, index: u32) -> Option<(&mut Link, &Limits)> {
        let link = self.slots.get_mut(index as usize)?;
        Some((link, &self.limits))
    }

    /// The connection that carries `session`: the lower half of a session's number is its place.
    pub(super) fn of_session(&mut self, session: u64) -> Option<(u32, &mut Link)> {
        let index = session as u32;
        let link = self.get(index)?;
        let own = link.session.as_ref()?.number == session;
        own.then_some((index, link))
    }

    /// The same, and what it may cost.
    pub(super) fn of_session_with_limits(&mut self, session: u64) -> Option<(&mut Link, &Limits)> {
        let link = self.slots.get_mut(session as u32 as usize)?;
        let own = link.session.as_ref()?.number == session;
        own.then_some((link, &self.limits))
    }

    pub(super) fn insert(&mut self, index: u32, link: Link) {
        let place = index as usize;
        self.slots.insert(place, link);
        if self.schedules.len() <= place {
            self.schedules.resize(place + 1, Schedule::NEVER);
        }
        self.schedules[place] = Schedule::NEVER;
        self.mark_dirty(index);
    }

    pub(super) fn remove(&mut self, index: u32) {
        self.slots.remove(index as usize);
        let schedule = &mut self.schedules[index as usize];
        self.waiting.discard(schedule.waiting);
        *schedule = Schedule::NEVER;
    }

    /// Takes in what came for a connection: at once, or where it can wait when that is due.
    pub(super) fn receive(
        &mut self,
        index: u32,
        event: ConnectionEvent,
        is_short: bool,
        now: Instant,
    ) {
        let Some(schedule) = self.schedules.get_mut(index as usize) else {
            return;
        };
        let wait_max = self.limits.acknowledgements_wait_max;
        let may_wait = is_short && schedule.is_quiet && !schedule.waiting.is_taken();
        if may_wait && !wait_max.is_zero() {
            schedule.waiting = self.waiting.put(event);
            schedule.waits_until = self.wheel.tick_after(now + wait_max);
            self.rearm(index);
            return;
        }
        self.hand_over(index);
        if let Some(link) = self.get(index) {
            transport(|| link.conn.handle_event(event));
        }
        self.mark_dirty(index);
    }

    /// Hands a connection what has waited for it; whether anything had.
    pub(super) fn hand_over(&mut self, index: u32) -> bool {
        let Some(schedule) = self.schedules.get_mut(index as usize) else {
            return false;
        };
        let place = core::mem::replace(&mut schedule.waiting, Place::NONE);
        if !place.is_taken() {
            return false;
        }
        schedule.waits_until = Tick::MAX;
        match self.slots.get_mut(index as usize) {
            Some(link) => self.waiting.hand_over(place, &mut link.conn),
            None => self.waiting.discard(place),
        }
        true
    }

    /// Says that a connection will be written to soon.
    fn prefetch(&self, index: u32) {
        if let Some(link) = self.slots.get(index as usize) {
            prefetch(link);
        }
    }

    /// The same once more, when the connection itself has come.
    fn prefetch_keys(&self, index: u32) {
        if let Some(link) = self.slots.get(index as usize) {
            link.prefetch_keys();
        }
    }

    pub(super) fn indexes(&self) -> impl Iterator<Item = u32> + use<> {
        0..self.slots.end() as u32
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Link> {
        self.slots.iter()
    }

    /// Asks for a visit in this turn of the loop.
    pub(super) fn mark_dirty(&mut self, index: u32) {
        if let Some(link) = self.slots.get_mut(index as usize)
            && !link.dirty
        {
            link.dirty = true;
            self.schedules[index as usize].is_quiet = false;
            self.dirty.push(index);
        }
    }

    pub(super) fn has_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Swaps the list of connections to visit for the empty `list`.
    pub(super) fn swap_dirty(&mut self, list: &mut Vec<u32>) {
        core::mem::swap(&mut self.dirty, list);
    }

    /// Queues what a connection has to send and sets its timer.
    pub(super) fn transmit(&mut self, index: u32, now: Instant) {
        self.transmit_all(index, now);
        let schedule = self.schedules.get(index as usize);
        if schedule.is_some_and(|schedule| !schedule.is_quiet && schedule.waiting.is_taken()) {
            // What waits may be what there is no room for.
            self.mark_dirty(index);
        }
    }

    fn transmit_all(&mut self, index: u32, now: Instant) {
        let Some(link) = self.slots.get_mut(index as usize) else {
            return;
        };
        let segments_max = self.socket.segments_max();
        while !self.socket.is_full() {
            let mut buffer = self.socket.buffer();
            let polled = transport(|| link.conn.poll_transmit(now, segments_max, &mut buffer));
            let Some(transmit) = polled else {
                self.socket.give_back(buffer);
                // It may have more, and wait for its pace or its window.
                self.schedules[index as usize].is_quiet = false;
                self.arm(index);
                return;
            };
            let last = is_surely_all(&transmit) && !link.conn.is_handshaking();
            self.socket.queue(&transmit, buffer);
            if last {
                self.schedules[index as usize].is_quiet = link.lets_wait();
                self.arm(index);
                return;
            }
        }
        self.mark_dirty(index);
    }

    /// Sees to it that the wheel comes up no later than the connection's next timer or deadline.
    pub(super) fn arm(&mut self, index: u32) {
        let Some(link) = self.slots.get_mut(index as usize) else {
            return;
        };
        let at = match (link.closes_at(&self.limits), link.conn.poll_timeout()) {
            (Some(closes_at), Some(timeout)) => Some(closes_at.min(timeout)),
            (closes_at, timeout) => closes_at.or(timeout),
        };
        let due = at.map_or(Tick::MAX, |at| self.wheel.tick_after(at));
        self.schedules[index as usize].due = due;
        self.rearm(index);
    }

    /// Puts the connection into the wheel where its schedule says, unless it comes up before.
    fn rearm(&mut self, index: u32) {
        let schedule = &mut self.schedules[index as usize];
        let next = schedule.next();
        if next < schedule.armed {
            schedule.armed = self.wheel.arm(index, next);
        }
    }

    /// Whether what the wheel has for `index` at `tick` is due; its entry is used up. What has moved on
    /// meanwhile is put where it is now.
    pub(super) fn is_due(&mut self, index: u32, tick: Tick) -> bool {
        let Some(schedule) = self.schedules.get_mut(index as usize) else {
            return false;
        };
        // An entry that was put earlier for a later time than one that came after it.
        if schedule.armed != tick {
            return false;
        }
        schedule.armed = Tick::MAX;
        if schedule.next() > tick {
            self.rearm(index);
            return false;
        }
        true
    }
}

/// One flush of the shard's sessions into their connections.
///
/// A connection sends as soon as the flush moves on to another session, while its state is still in
/// the cache, so that all a session gets at once travels together. What has waited for it is looked
/// at just before.
pub(super) struct Wave<'a> {
    pub(super) links: &'a mut Links,
    pub(super) now: Instant,
    /// Written to, and not sent yet.
    pub(super) current: Option<u32>,
    /// To be written to next.
    pub(super) upcoming: Option<u32>,
    /// The socket has no more room.
    pub(super) full: &'a Cell<bool>,
    /// What acknowledgements that had waited brought: hardly ever anything.
    pub(super) events: &'a mut Events,
    /// One write's references, kept for its memory.
    pub(super) scratch: &'a mut Vec<Bytes>,
}

/// What QUIC has to say of connections that were written to in a wave.
#[derive(Default)]
pub(super) struct Events {
    pub(super) of_connections: Vec<(u32, Event)>,
    pub(super) for_endpoint: Vec<(u32, EndpointEvent)>,
}

impl Wave<'_> {
    /// Sends what the last session got.
    pub(super) fn finish(&mut self) {
        if let Some(index) = self.current.take() {
            self.links.transmit(index, self.now);
            self.full.set(self.links.socket.is_full());
        }
    }

    /// Sends what the session before got, and looks at what has waited for this one.
    fn turn_to(&mut self, index: u32) {
        if self.current == Some(index) {
            return;
        }
        self.finish();
        if let Some(upcoming) = self.upcoming.take() {
            self.links.prefetch_keys(upcoming);
        }
        self.current = Some(index);
        if !self.links.hand_over(index) {
            return;
        }
        let Some(link) = self.links.get(index) else {
            return;
        };
        while let Some(event) = link.conn.poll() {
            self.events.of_connections.push((index, event));
        }
        while let Some(event) = link.conn.poll_endpoint_events() {
            self.events.for_endpoint.push((index, event));
        }
    }
}

impl Sink for Wave<'_> {
    fn write(&mut self, session: u64, chunks: &[Bytes]) -> usize {
        self.write_joined(session, chunks, chunks)
    }

    const JOINS: bool = true;

    fn write_joined(&mut self, session: u64, envelopes: &[Bytes], pieces: &[Bytes]) -> usize {
        self.turn_to(session as u32);
        let Some((_, link)) = self.links.of_session(session) else {
            // It has gone: nobody waits for these.
            return envelopes.len();
        };
        let Some(delivery) = &mut link.delivery else {
            return 0;
        };
        // A stopped stream closes its connection on its next visit.
        let taken = delivery.write(&mut link.conn, envelopes, pieces, self.scratch);
        let taken = taken.unwrap_or(0);
        self.links.deliveries += taken as u64;
        taken
    }

    const LOOKS_AHEAD: bool = true;

    fn soon(&mut self, session: u64) {
        self.upcoming = Some(session as u32);
        self.links.prefetch(session as u32);
    }

    fn write_urgent(&mut self, session: u64, envelope: &Bytes) -> bool {
        self.turn_to(session as u32);
        let Some((link, limits)) = self.links.of_session_with_limits(session) else {
            return false;
        };
        let taken = link.write_urgent(envelope, limits);
        self.links.deliveries += u64::from(taken);
        taken
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use quinn_proto::Dir;

    use quinn_proto::DatagramEvent;

    use super::super::pair::{Pair, split};
    use super::super::waiting::is_short;
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]

        #[test]
        fn a_datagram_that_is_surely_not_full_was_the_last(
            waves in proptest::collection::vec(1usize..40_000, 1..20),
            segments in prop_oneof![Just(1usize), Just(16)],
        ) {
            let mut pair = Pair::connected();
            let stream = pair.server.conn.streams().open(Dir::Uni).unwrap();
            for len in waves {
                pair.server.conn.send_stream(stream).write(&vec![7; len]).unwrap();
                let mut datagrams = Vec::new();
                let mut sent_last = false;
                let mut buffer = Vec::new();
                while let Some(transmit) = pair.server.conn.poll_transmit(pair.now, segments, &mut buffer) {
                    prop_assert!(!sent_last, "{} bytes came after the last", transmit.size);
                    sent_last = is_surely_all(&transmit);
                    datagrams.extend(split(&transmit, &buffer));
                    buffer.clear();
                }
                pair.deliver(datagrams);
            }
        }
    }

    #[test]
    fn a_forged_packet_never_displaces_an_acknowledgement_that_waits() {
        let mut pair = Pair::connected();
        let stream = pair.server.conn.streams().open(Dir::Uni).unwrap();
        pair.server.conn.send_stream(stream).write(b"news").unwrap();
        let news = pair.server.drain(pair.now);
        let from = "127.0.0.1:1".parse().unwrap();
        pair.client.receive(pair.now, from, news);
        pair.now += Limits::default().acknowledgement_delay;
        pair.client.conn.handle_timeout(pair.now);
        let acknowledgement = pair.client.drain(pair.now).remove(0);
        let mut forged = acknowledgement.clone();
        *forged.last_mut().unwrap() ^= 1;

        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let socket = ShardSocket::new(socket).unwrap();
        let mut links = Links::new(socket, Limits::default(), pair.now);
        links.insert(0, Link::new(pair.server.conn, 1, pair.now));
        links.schedules[0].is_quiet = true;
        let acknowledged = |links: &mut Links| links.get(0).unwrap().conn.stats().frame_rx.acks;
        let before = acknowledged(&mut links);
        for datagram in [acknowledgement, forged] {
            assert!(is_short(&datagram));
            let from = "127.0.0.1:2".parse().unwrap();
            let endpoint = &mut pair.server.endpoint;
            let event = endpoint.handle(pair.now, from, None, None, datagram, &mut Vec::new());
            let Some(DatagramEvent::ConnectionEvent(_, event)) = event else {
                panic!("of the connection");
            };
            assert_eq!(acknowledged(&mut links), before, "it waits");
            links.receive(0, event, true, pair.now);
        }
        assert_eq!(acknowledged(&mut links), before + 1);
    }
}
