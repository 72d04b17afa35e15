//! Acknowledgements that wait for their connection's turn.
//!
//! Nearly every delivery is answered by a packet that only acknowledges it, and nearly always the
//! connection then has nothing to send. Handling it at once would bring the connection's state into
//! the cache a second time for nothing. So it waits for the next wave that writes to the connection.
//! quinn-proto is told when it came, not when it is looked at, so round-trip times are what they were.
//!
//! One waits at most, for [`super::Limits::acknowledgements_wait_max`]; another brings both in. None is
//! dropped for a later one: before it is opened nobody knows who sent that (RFC 9000, 21.1.3.3). Places are used again: nothing
//! grows and, once warm, nothing is allocated (invariants 4 and 5).

use quinn_proto::{Connection, ConnectionEvent};

use super::counted::transport;

/// A datagram up to so long has no room for a frame of ours: first byte and connection id (11), packet
/// number (1 to 4), tag (16), and a stream frame's head before 16 bytes.
const LEN_MAX: usize = 46;
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

/// Where a connection's waiting event is, if it has one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place(u32);

impl Place {
    pub(super) const NONE: Self = Self(NONE);

    pub(super) fn is_taken(self) -> bool {
        self != Self::NONE
    }
}

/// The waiting events of all connections of a shard.
#[derive(Default)]
pub(super) struct Waiting {
    places: Vec<Option<ConnectionEvent>>,
    vacant: Vec<u32>,
}

impl Waiting {
    /// Keeps `event`; where.
    pub(super) fn put(&mut self, event: ConnectionEvent) -> Place {
        let place = self.vacant.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() as u32 - 1
        });
        self.places[place as usize] = Some(event);
        Place(place)
    }

    /// Hands what waits to its connection.
    pub(super) fn hand_over(&mut self, place: Place, conn: &mut Connection) {
        if let Some(event) = self.take(place) {
            transport(|| conn.handle_event(event));
        }
    }

    /// Gives the place back: its connection has gone.
    pub(super) fn discard(&mut self, place: Place) {
        drop(self.take(place));
    }

    fn take(&mut self, place: Place) -> Option<ConnectionEvent> {
        let event = self.places.get_mut(place.0 as usize)?.take();
        self.vacant.push(place.0);
        event
    }
}
