//! Acknowledgements that wait for their connection's next turn.
//!
//! Nearly every delivery is answered by a packet that only acknowledges it, and nearly always the
//! connection then has nothing to send. Handling it at once would bring the connection's state into
//! the cache a second time for nothing, so it waits until the next wave writes to the connection, its
//! timer comes up or [`WAIT_MAX`] has passed. quinn-proto is told when it came, not when it is looked
//! at, so round-trip times are what they were. Two wait at most, in places that are used again: nothing
//! grows and, once warm, nothing is allocated (invariants 4 and 5).

use std::time::Duration;

use quinn_proto::{Connection, ConnectionEvent};

/// The longest one waits: about as long as a client itself may hold an acknowledgement back (RFC 9000,
/// 18.2). A loss that it shows is repaired so much later when nothing else is sent.
pub(super) const WAIT_MAX: Duration = Duration::from_millis(30);
/// A datagram up to so long has no room for a frame of ours: first byte and connection id (11), packet
/// number (1 to 4), tag (16), and a stream frame's head before 16 bytes.
const LEN_MAX: usize = 46;
/// Waiting events of one connection.
const COUNT_MAX: u8 = 2;
/// No place.
const NONE: u32 = u32::MAX;

/// Whether a datagram is short enough to be an acknowledgement and nothing else.
pub(super) fn is_short(datagram: &[u8]) -> bool {
    const LONG_HEADER: u8 = 0x80;
    datagram.len() <= LEN_MAX
        && datagram
            .first()
            .is_some_and(|first| first & LONG_HEADER == 0)
}

/// A connection's waiting events, oldest first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Queue {
    first: u32,
    count: u8,
}

impl Queue {
    pub(super) const EMPTY: Self = Self {
        first: NONE,
        count: 0,
    };

    pub(super) fn is_empty(self) -> bool {
        self.count == 0
    }

    pub(super) fn is_full(self) -> bool {
        self.count == COUNT_MAX
    }
}

struct Place {
    event: Option<ConnectionEvent>,
    next: u32,
}

/// The waiting events of all connections of a shard.
#[derive(Default)]
pub(super) struct Waiting {
    places: Vec<Place>,
    vacant: Vec<u32>,
}

impl Waiting {
    /// Puts `event` behind those of `queue`, which is not full.
    pub(super) fn put(&mut self, queue: &mut Queue, event: ConnectionEvent) {
        let place = Place {
            event: Some(event),
            next: NONE,
        };
        let at = match self.vacant.pop() {
            Some(at) => {
                self.places[at as usize] = place;
                at
            }
            None => {
                self.places.push(place);
                self.places.len() as u32 - 1
            }
        };
        if queue.is_empty() {
            queue.first = at;
        } else {
            let mut last = queue.first;
            while self.places[last as usize].next != NONE {
                last = self.places[last as usize].next;
            }
            self.places[last as usize].next = at;
        }
        queue.count += 1;
    }

    /// Hands everything in `queue` to its connection; whether there was anything.
    pub(super) fn hand_over(&mut self, queue: &mut Queue, conn: &mut Connection) -> bool {
        let mut at = queue.first;
        *queue = Queue::EMPTY;
        let any = at != NONE;
        while at != NONE {
            let place = &mut self.places[at as usize];
            if let Some(event) = place.event.take() {
                conn.handle_event(event);
            }
            self.vacant.push(at);
            at = core::mem::replace(&mut place.next, NONE);
        }
        any
    }

    /// Drops everything in `queue`: its connection has gone.
    pub(super) fn discard(&mut self, queue: &mut Queue) {
        let mut at = core::mem::replace(queue, Queue::EMPTY).first;
        while at != NONE {
            let place = &mut self.places[at as usize];
            place.event = None;
            self.vacant.push(at);
            at = core::mem::replace(&mut place.next, NONE);
        }
    }
}
