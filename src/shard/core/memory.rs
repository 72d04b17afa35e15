//! The shard's memory budget: what rings and answers of the log take, and what goes under pressure.
//!
//! Under pressure rings lose depth, the oldest envelopes of every group above its share first, and
//! their readers go to the log: nothing is lost, it only takes longer (SPEC S10, invariant 5). An
//! urgent envelope stays until everybody with room has been given it. What connections hold unsent and
//! answers of the log are bounded by themselves; rings make room for them.

use super::slab::Key;
use super::{Config, Core, Group};
use crate::wire::Timestamp;

/// What a shard's memory is used for, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Memory {
    /// What all of it together may be.
    pub limit_bytes: usize,
    /// Envelopes in rings.
    pub rings_bytes: usize,
    /// Answers of the log that are kept.
    pub answers_bytes: usize,
    /// What the owner said is in use elsewhere.
    pub elsewhere_bytes: usize,
    /// Envelopes that rings have lost under pressure, so far.
    pub shed: u64,
}

impl Memory {
    /// All that is in use.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.rings_bytes + self.answers_bytes + self.elsewhere_bytes
    }

    /// What rings may keep beside what cannot be shed; never less than an eighth of the limit, so
    /// that live members are served from memory whatever the others do.
    fn rings_bytes_max(&self) -> usize {
        let others = self.answers_bytes + self.elsewhere_bytes;
        let least = self.limit_bytes / 8;
        self.limit_bytes.saturating_sub(others).max(least)
    }
}

/// Answers that may be asked for or kept: a quarter of the limit at most.
pub(super) fn answers_max(config: &Config) -> usize {
    let fitting = config.memory_bytes / 4 / config.fetch_bytes;
    config.fetches.min(fitting).max(1)
}

/// Where shedding stands.
#[derive(Debug, Default)]
pub(super) struct Budget {
    /// What all rings take.
    pub(super) rings: usize,
    elsewhere: usize,
    shed: u64,
    /// The place of the group looked at last.
    reached: usize,
}

/// Groups looked at for one envelope that came under pressure, so that it is never held up by a walk
/// over all of them. Others follow with the next.
const LOOKS: usize = 32;

impl Core {
    /// What its memory is used for.
    #[must_use]
    pub fn memory(&self) -> Memory {
        Memory {
            limit_bytes: self.config.memory_bytes,
            rings_bytes: self.memory.rings,
            answers_bytes: self.catch_up.bytes(),
            elsewhere_bytes: self.memory.elsewhere,
            shed: self.memory.shed,
        }
    }

    /// Says what its owner uses of the same budget: handshakes that wait, bytes taken and not sent.
    pub fn set_elsewhere(&mut self, bytes: usize) {
        self.memory.elsewhere = bytes;
    }

    /// Makes rings fit after one of them has grown, if they do not: that one first, then others in
    /// turn, each down to its share at most.
    pub(super) fn shed(&mut self, grown: Key<Group>) {
        let rings_max = self.memory().rings_bytes_max();
        if self.memory.rings <= rings_max {
            return;
        }
        let share = rings_max / self.groups.len().max(1);
        self.trim(grown, share);
        for _ in 0..LOOKS {
            if self.memory.rings <= rings_max {
                return;
            }
            self.memory.reached = (self.memory.reached + 1) % self.groups.places();
            if let Some(group) = self.groups.at(self.memory.reached) {
                self.trim(group, share);
            }
        }
    }

    /// Drops what was said before a time from all rings and answers of the log: some of it is gone
    /// (SPEC A4, A5).
    pub(super) fn forget(&mut self, before: Timestamp) {
        self.catch_up.forget_before(before);
        for place in 0..self.groups.places() {
            if let Some(key) = self.groups.at(place) {
                let ring = &mut self.groups[key].ring;
                let held = ring.bytes();
                ring.forget(before);
                self.memory.rings -= held - ring.bytes();
            }
        }
    }

    fn trim(&mut self, key: Key<Group>, share: usize) {
        if self.groups[key].ring.bytes() <= share || self.owes_urgent(key) {
            return;
        }
        let group = &mut self.groups[key];
        // What nobody has been marked for yet is about to be read.
        let kept = usize::from(group.dirty);
        let before = group.ring.bytes();
        self.memory.shed += group.ring.trim(share, kept) as u64;
        self.memory.rings -= before - group.ring.bytes();
    }

    /// Whether the ring has an urgent envelope that somebody with room has not been given.
    fn owes_urgent(&self, key: Key<Group>) -> bool {
        let group = &self.groups[key];
        let owes = |member| {
            let subscription = &self.subscriptions[member];
            subscription.next <= group.urgent && !self.sessions[subscription.session].blocked
        };
        group.urgent >= group.ring.base() && group.members.iter().any(|&member| owes(member))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(answers_bytes: usize, elsewhere_bytes: usize) -> Memory {
        Memory {
            limit_bytes: 800,
            answers_bytes,
            elsewhere_bytes,
            ..Memory::default()
        }
    }

    #[test]
    fn rings_make_room_for_what_cannot_be_shed_and_keep_an_eighth() {
        let rings = [memory(0, 0), memory(200, 100), memory(200, 600)];
        assert_eq!(
            rings.map(|memory| memory.rings_bytes_max()),
            [800, 500, 100]
        );
    }

    #[test]
    fn answers_of_the_log_take_a_quarter_at_most_and_one_is_always_allowed() {
        let config = Config {
            fetches: 32,
            fetch_bytes: 1 << 20,
            memory_bytes: 16 << 20,
            ..Config::default()
        };
        assert_eq!(answers_max(&config), 4);
        let config = Config {
            fetch_bytes: 16 << 20,
            ..config
        };
        assert_eq!(answers_max(&config), 1);
    }
}
