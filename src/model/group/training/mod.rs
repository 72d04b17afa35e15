//! Training groups (SPEC G1): those who may speak are members, up to 2,000; up to 100,000 viewers are
//! none, and so never publish.
//!
//! Viewers sit in a compact list of 4 bytes a seat, in rooms of 2,000 by seat. Joining takes no
//! sequence. A seat that came free is the next to be given, so nobody changes rooms.

mod apply;
mod decide;
mod guesses;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};

use crate::model::event::WatchHashV1;
use crate::model::state::{GroupIndex, PersonIndex};
use crate::wire::Timestamp;

pub(crate) use apply::{
    close_audience, guess_wrong, leave, let_in, let_out, let_out_of_all, set_watch, take_seats,
};
pub(crate) use decide::{
    decide_configure_watch, decide_join, decide_leave, get_audience, hashed, list_viewers,
};
pub(crate) use guesses::{Guess, Guesses};

/// Who watches one training group.
#[derive(Default)]
pub(crate) struct Training {
    pub(crate) watch: Watch,
    /// By seat; its room is its number divided by the people of a room.
    seats: Vec<Seat>,
    /// Seats that came free, in order.
    vacant: BTreeSet<u32>,
    by_viewer: FxHashMap<PersonIndex, u32>,
}

/// A seat: a viewer, or nobody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Seat(u32);

const _: () = assert!(size_of::<Seat>() == 4);

impl Seat {
    const VACANT: Self = Self(0);

    fn of(viewer: PersonIndex) -> Self {
        Self(u32::try_from(viewer.id().0).unwrap_or(0))
    }

    fn viewer(self) -> Option<PersonIndex> {
        PersonIndex::within(crate::wire::PersonId(self.0.into()), usize::MAX)
    }
}

/// What viewers have to know, and when they are let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Watch {
    salt: u128,
    hash: [u8; 32],
    opens: Timestamp,
    closes: Timestamp,
}

impl Watch {
    pub(crate) fn new(hashed: &WatchHashV1) -> Self {
        Self {
            salt: hashed.salt,
            hash: hashed.hash,
            opens: hashed.opens,
            closes: hashed.closes,
        }
    }

    pub(crate) fn hashed(&self) -> WatchHashV1 {
        WatchHashV1 {
            salt: self.salt,
            hash: self.hash,
            opens: self.opens,
            closes: self.closes,
        }
    }

    pub(crate) fn is_open(&self, now: Timestamp) -> bool {
        self.opens <= now && now < self.closes
    }

    /// When viewers read no more.
    pub(crate) fn closes(&self) -> Timestamp {
        self.closes
    }

    fn knows(&self, password: &str) -> bool {
        hash_of(self.salt, password) == self.hash
    }
}

/// A password that many people share and guesses at which are few a minute: salted, so that the log
/// does not tell which groups have the same one, and not stretched.
fn hash_of(salt: u128, password: &str) -> [u8; 32] {
    let salted = Sha256::new().chain_update(salt.to_le_bytes());
    salted.chain_update(password).finalize().into()
}

impl Training {
    pub(crate) fn new(watch: &WatchHashV1) -> Self {
        Self {
            watch: Watch::new(watch),
            ..Self::default()
        }
    }

    pub(crate) fn is_watched_by(&self, person: PersonIndex) -> bool {
        self.by_viewer.contains_key(&person)
    }

    pub(crate) fn viewer_count(&self) -> usize {
        self.by_viewer.len()
    }

    /// By seat; none where a seat is vacant.
    pub(crate) fn seats(&self) -> impl Iterator<Item = Option<PersonIndex>> + '_ {
        self.seats.iter().map(|seat| seat.viewer())
    }

    fn seat_of(&self, viewer: PersonIndex) -> Option<u32> {
        self.by_viewer.get(&viewer).copied()
    }

    /// The seat that the next viewer gets: the first that is vacant.
    fn next_seat(&self) -> u32 {
        let end = u32::try_from(self.seats.len()).unwrap_or(u32::MAX);
        self.vacant.first().copied().unwrap_or(end)
    }

    /// Whether `seat` was the next and the viewer had none.
    fn sit(&mut self, viewer: PersonIndex, seat: u32) -> bool {
        if seat != self.next_seat() || self.is_watched_by(viewer) {
            return false;
        }
        if self.vacant.remove(&seat) {
            self.seats[seat as usize] = Seat::of(viewer);
        } else {
            self.seats.push(Seat::of(viewer));
        }
        self.by_viewer.insert(viewer, seat);
        true
    }

    /// Leaves the seat behind the last vacant, while a snapshot is read.
    fn skip_seat(&mut self) {
        if let Ok(seat) = u32::try_from(self.seats.len()) {
            self.seats.push(Seat::VACANT);
            self.vacant.insert(seat);
        }
    }

    /// Whether the viewer had no seat, and has the one behind the last, while a snapshot is read.
    fn sit_down(&mut self, viewer: PersonIndex) -> bool {
        let Ok(seat) = u32::try_from(self.seats.len()) else {
            return false;
        };
        self.seats.push(Seat::of(viewer));
        self.by_viewer.insert(viewer, seat).is_none()
    }

    /// Whether the viewer had a seat, which is vacant now.
    fn rise(&mut self, viewer: PersonIndex) -> bool {
        let Some(seat) = self.by_viewer.remove(&viewer) else {
            return false;
        };
        self.seats[seat as usize] = Seat::VACANT;
        self.vacant.insert(seat);
        // Vacant seats at the end are none, so that equal audiences are equal lists.
        while self.seats.last() == Some(&Seat::VACANT) {
            self.seats.pop();
            self.vacant.remove(&(self.seats.len() as u32));
        }
        true
    }
}

/// What a tenant keeps about viewers beside their seats.
#[derive(Default)]
pub(crate) struct Audiences {
    /// The training groups of those who watch any, in order.
    watching: FxHashMap<PersonIndex, Vec<GroupIndex>>,
    pub(crate) guesses: Guesses,
}

impl Audiences {
    /// The training groups that somebody watches, in order.
    pub(crate) fn watched_by(&self, viewer: PersonIndex) -> &[GroupIndex] {
        self.watching.get(&viewer).map_or(&[], Vec::as_slice)
    }
}
