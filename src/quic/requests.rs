//! Requests the engine has not answered yet: whose they are and what they are called there.

use crate::engine::SearchRoom;
use crate::model::Refusal;

/// What the engine was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ToEngine {
    /// A request of the client's.
    Command,
    /// A pull of the archive: whether it is permitted, and then its page.
    Pull,
    /// Whether the client may come in, or stay.
    SignIn,
}

/// A request in the engine's hands.
#[derive(Debug)]
pub(super) struct Pending {
    /// Where its connection is.
    pub(super) index: u32,
    /// Which connection there.
    pub(super) serial: u32,
    /// The client's own number.
    pub(super) request: u64,
    /// What the engine was asked.
    pub(super) asked: ToEngine,
    /// Bytes its answer may take.
    pub(super) reserved: usize,
    /// Of a search of the archive or the audit trail, until it is permitted: the room it is made in.
    pub(super) search: Option<SearchRoom>,
    /// What whoever may ask is told, as it cannot be made here: the engine says only whether they may.
    pub(super) instead: Option<Refusal>,
}

/// Pending requests by the number the engine knows them by. It grows with the most that were ever
/// pending at a time, which the connections' answer budgets bound.
#[derive(Default)]
pub(super) struct Requests {
    slots: Vec<Option<Pending>>,
    free: Vec<u32>,
}

impl Requests {
    /// Keeps a request; returns its number for the engine.
    pub(super) fn insert(&mut self, pending: Pending) -> u64 {
        let place = self.free.pop().unwrap_or(self.slots.len() as u32);
        if place as usize == self.slots.len() {
            self.slots.push(None);
        }
        self.slots[place as usize] = Some(pending);
        u64::from(place)
    }

    /// Gives a request back, once.
    pub(super) fn remove(&mut self, number: u64) -> Option<Pending> {
        let place = u32::try_from(number).ok()?;
        let pending = self.slots.get_mut(place as usize)?.take()?;
        self.free.push(place);
        Some(pending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_given_back_once_and_its_place_used_again() {
        let pending = |request| Pending {
            index: 1,
            serial: 2,
            request,
            asked: ToEngine::Command,
            reserved: 4,
            search: None,
            instead: None,
        };
        let mut requests = Requests::default();
        let first = requests.insert(pending(3));
        let second = requests.insert(pending(4));
        assert_ne!(first, second);
        assert_eq!(requests.remove(first).map(|it| it.request), Some(3));
        assert!(requests.remove(first).is_none());
        assert_eq!(requests.insert(pending(5)), first);
        assert!(requests.remove(u64::MAX).is_none());
    }
}
