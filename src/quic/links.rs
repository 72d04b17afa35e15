//! A shard's connections: which want a visit, which timer comes next, and what they send.

use core::cell::Cell;
use std::time::Instant;

use bytes::Bytes;

use super::link::Link;
use super::options::Limits;
use super::socket::ShardSocket;
use super::wheel::{Tick, Wheel};
use crate::shard::Sink;

/// A datagram shorter than this cannot have been cut off by any MTU (RFC 9000, 14: at least 1,200),
/// nor padded for a path probe: its connection had nothing more to say.
const SURELY_NOT_FULL: usize = 1100;

/// The connections of a shard, each where quinn-proto's handle says.
pub(super) struct Links {
    slots: Vec<Option<Box<Link>>>,
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
            slots: Vec::new(),
            dirty: Vec::new(),
            wheel: Wheel::new(now),
            socket,
            limits,
            deliveries: 0,
        }
    }

    pub(super) fn get(&mut self, index: u32) -> Option<&mut Link> {
        self.slots.get_mut(index as usize)?.as_deref_mut()
    }

    /// A connection and what it may cost.
    pub(super) fn get_with_limits(&mut self, index: u32) -> Option<(&mut Link, &Limits)> {
        let link = self.slots.get_mut(index as usize)?.as_deref_mut()?;
        Some((link, &self.limits))
    }

    /// The connection that carries `session`: the lower half of a session's number is its place.
    pub(super) fn of_session(&mut self, session: u64) -> Option<(u32, &mut Link)> {
        let index = session as u32;
        let link = self.get(index)?;
        let own = link.session.as_ref()?.number == session;
        own.then_some((index, link))
    }

    pub(super) fn insert(&mut self, index: u32, link: Link) {
        let place = index as usize;
        if self.slots.len() <= place {
            self.slots.resize_with(place + 1, || None);
        }
        self.slots[place] = Some(Box::new(link));
        self.mark_dirty(index);
    }

    pub(super) fn remove(&mut self, index: u32) {
        self.slots[index as usize] = None;
    }

    pub(super) fn indexes(&self) -> impl Iterator<Item = u32> + use<> {
        0..self.slots.len() as u32
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Link> {
        self.slots.iter().filter_map(Option::as_deref)
    }

    /// Asks for a visit in this turn of the loop.
    pub(super) fn mark_dirty(&mut self, index: u32) {
        if let Some(link) = self
            .slots
            .get_mut(index as usize)
            .and_then(Option::as_deref_mut)
            && !link.dirty
        {
            link.dirty = true;
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
        let Some(link) = self
            .slots
            .get_mut(index as usize)
            .and_then(Option::as_deref_mut)
        else {
            return;
        };
        let segments_max = self.socket.segments_max();
        while !self.socket.is_full() {
            let mut buffer = self.socket.buffer();
            let Some(transmit) = link.conn.poll_transmit(now, segments_max, &mut buffer) else {
                self.socket.give_back(buffer);
                self.arm(index);
                return;
            };
            let last = transmit.segment_size.is_none()
                && transmit.size < SURELY_NOT_FULL
                && !link.conn.is_handshaking();
            self.socket.queue(&transmit, buffer);
            if last {
                self.arm(index);
                return;
            }
        }
        self.mark_dirty(index);
    }

    /// Sees to it that the wheel comes up no later than the connection's next timer or deadline.
    pub(super) fn arm(&mut self, index: u32) {
        let Some(link) = self
            .slots
            .get_mut(index as usize)
            .and_then(Option::as_deref_mut)
        else {
            return;
        };
        let deadline = link.deadline(&self.limits).map(|(at, _)| at);
        let timeout = link.conn.poll_timeout();
        let Some(at) = deadline.into_iter().chain(timeout).min() else {
            return;
        };
        let due = self.wheel.tick_after(at);
        if due < link.armed {
            link.armed = self.wheel.arm(index, due);
        }
    }

    /// Whether the wheel's entry for `index` at `tick` is the one that counts; it is used up.
    pub(super) fn is_due(&mut self, index: u32, tick: Tick) -> bool {
        let Some(link) = self.get(index) else {
            return false;
        };
        if link.armed != tick {
            return false;
        }
        link.armed = Tick::MAX;
        true
    }
}

/// One flush of the shard's sessions into their connections.
///
/// A connection sends as soon as the flush moves on to another session, while its state is still in
/// the cache, so that all a session gets at once travels together.
pub(super) struct Wave<'a> {
    pub(super) links: &'a mut Links,
    pub(super) now: Instant,
    /// Written to, and not sent yet.
    pub(super) current: Option<u32>,
    /// The socket has no more room.
    pub(super) full: &'a Cell<bool>,
}

impl Wave<'_> {
    /// Sends what the last session got.
    pub(super) fn finish(&mut self) {
        if let Some(index) = self.current.take() {
            self.links.transmit(index, self.now);
            self.full.set(self.links.socket.is_full());
        }
    }
}

impl Sink for Wave<'_> {
    fn write(&mut self, session: u64, chunks: &mut [Bytes]) -> usize {
        if self.current.is_some_and(|index| index != session as u32) {
            self.finish();
        }
        let Some((index, link)) = self.links.of_session(session) else {
            // It has gone: nobody waits for these.
            return chunks.len();
        };
        let Some(delivery) = &mut link.delivery else {
            return 0;
        };
        // A stopped stream closes its connection on its next visit.
        let taken = delivery.write(&mut link.conn, chunks).unwrap_or(0);
        self.current = Some(index);
        self.links.deliveries += taken as u64;
        taken
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use quinn_proto::Dir;

    use super::super::pair::Pair;
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]

        #[test]
        fn a_datagram_that_is_surely_not_full_was_the_last(waves in proptest::collection::vec(1usize..4000, 1..20)) {
            let mut pair = Pair::connected();
            let stream = pair.server.conn.streams().open(Dir::Uni).unwrap();
            for len in waves {
                pair.server.conn.send_stream(stream).write(&vec![7; len]).unwrap();
                let mut datagrams = Vec::new();
                let mut sent_last = false;
                let mut buffer = Vec::new();
                while let Some(transmit) = pair.server.conn.poll_transmit(pair.now, 1, &mut buffer) {
                    prop_assert!(!sent_last, "{} bytes came after the last", transmit.size);
                    sent_last = transmit.segment_size.is_none() && transmit.size < SURELY_NOT_FULL;
                    datagrams.push(bytes::BytesMut::from(&buffer[..]));
                    buffer.clear();
                }
                pair.deliver(datagrams);
            }
        }
    }
}
