//! Who is let in next: first packets that wait for a handshake, by class, so that a storm of
//! strangers never keeps those away who were here before.
//!
//! A client that was let in once holds an address token ([`super::address_tokens`]); with it, it is
//! *returning*, which is known before any cryptography is paid for. Whether a newcomer is a gateway or
//! an operator is known only after its handshake, so these have no class of their own here: they
//! become returning ones like everybody else. Bounded by count a class (invariant 5).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What is known of a client before its handshake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    /// It was let in before, from the same address.
    Returning,
    /// Nothing is known of it.
    Newcomer,
}

/// One newcomer is let in after so many returning ones, so that it gets its turn in every storm.
const RETURNING_IN_A_ROW_MAX: u32 = 7;

/// First packets that wait, each class first come first served.
pub(super) struct Waiting<T> {
    returning: VecDeque<(Instant, T)>,
    newcomers: VecDeque<(Instant, T)>,
    /// How many of a class may wait.
    per_class_max: usize,
    /// After so long the client has given up: a handshake would be for nobody.
    patience: Duration,
    returning_in_a_row: u32,
}

impl<T> Waiting<T> {
    pub(super) fn new(per_class_max: usize, patience: Duration) -> Self {
        Self {
            returning: VecDeque::new(),
            newcomers: VecDeque::new(),
            per_class_max,
            patience,
            returning_in_a_row: 0,
        }
    }

    fn queue(&mut self, class: Class) -> &mut VecDeque<(Instant, T)> {
        match class {
            Class::Returning => &mut self.returning,
            Class::Newcomer => &mut self.newcomers,
        }
    }

    /// Lets one wait, or gives it back when too many of its class do.
    pub(super) fn push(&mut self, class: Class, incoming: T, now: Instant) -> Result<(), T> {
        let max = self.per_class_max;
        let queue = self.queue(class);
        if queue.len() >= max {
            return Err(incoming);
        }
        queue.push_back((now, incoming));
        Ok(())
    }

    /// The next one whose client may still be there.
    pub(super) fn pop(&mut self) -> Option<T> {
        let is_newcomers_turn = self.returning_in_a_row >= RETURNING_IN_A_ROW_MAX;
        let class = if self.returning.is_empty() || (is_newcomers_turn && self.newcomers_wait()) {
            self.returning_in_a_row = 0;
            Class::Newcomer
        } else {
            self.returning_in_a_row += 1;
            Class::Returning
        };
        let queue = self.queue(class);
        let next = queue.pop_front();
        if queue.is_empty() {
            // After a storm: a thousand of them are as much as twenty connections.
            *queue = VecDeque::new();
        }
        next.map(|(_, incoming)| incoming)
    }

    /// One whose client has given up by `now`.
    pub(super) fn pop_late(&mut self, now: Instant) -> Option<T> {
        let patience = self.patience;
        let mut queues = [&mut self.returning, &mut self.newcomers].into_iter();
        let late = |queue: &&mut VecDeque<(Instant, T)>| {
            let since = queue.front().map(|(since, _)| *since);
            since.is_some_and(|since| now.saturating_duration_since(since) >= patience)
        };
        let queue = queues.find(late)?;
        queue.pop_front().map(|(_, incoming)| incoming)
    }

    /// Anyone, whatever the class: the shard is stopping.
    pub(super) fn pop_any(&mut self) -> Option<T> {
        let next = self.returning.pop_front();
        let next = next.or_else(|| self.newcomers.pop_front());
        next.map(|(_, incoming)| incoming)
    }

    fn newcomers_wait(&self) -> bool {
        !self.newcomers.is_empty()
    }

    /// Whether so many newcomers wait that further ones had better prove their address first.
    pub(super) fn is_crowded(&self) -> bool {
        self.newcomers.len() > self.per_class_max / 2
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.returning.len() + self.newcomers.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn crowd(returning: u32, newcomers: u32, max: usize) -> (Waiting<u32>, Instant) {
        let (mut waiting, now) = (Waiting::new(max, PATIENCE), Instant::now());
        for number in 0..newcomers {
            let _ = waiting.push(Class::Newcomer, 1000 + number, now);
        }
        for number in 0..returning {
            let _ = waiting.push(Class::Returning, number, now);
        }
        (waiting, now)
    }

    fn all(waiting: &mut Waiting<u32>) -> Vec<u32> {
        core::iter::from_fn(|| waiting.pop()).collect()
    }

    #[test]
    fn who_was_here_before_is_let_in_before_strangers_who_came_first() {
        let (mut waiting, _) = crowd(5, 3, 100);
        assert_eq!(all(&mut waiting), [0, 1, 2, 3, 4, 1000, 1001, 1002]);
    }

    #[test]
    fn a_stranger_gets_a_turn_in_every_storm() {
        let (mut waiting, _) = crowd(30, 3, 100);
        let order = all(&mut waiting);
        let places: Vec<_> = (0..order.len()).filter(|&at| order[at] >= 1000).collect();
        assert_eq!(places, [7, 15, 23]);
    }

    #[test]
    fn a_flood_of_strangers_takes_no_room_from_those_who_return() {
        let (mut waiting, now) = crowd(0, 50, 10);
        assert_eq!(waiting.len(), 10);
        assert_eq!(waiting.push(Class::Newcomer, 1, now), Err(1));
        assert_eq!(waiting.push(Class::Returning, 2, now), Ok(()));
        assert!(waiting.is_crowded());
        assert_eq!(waiting.pop(), Some(2));
    }

    #[test]
    fn nothing_is_spent_on_who_has_waited_longer_than_a_client_does() {
        let (mut waiting, now) = crowd(1, 1, 10);
        let later = now + PATIENCE;
        let _ = waiting.push(Class::Returning, 7, later);
        assert_eq!(waiting.pop_late(later - Duration::from_millis(1)), None);
        assert_eq!(waiting.pop_late(later), Some(0));
        assert_eq!(waiting.pop_late(later), Some(1000));
        assert_eq!(waiting.pop_late(later), None);
        assert_eq!(all(&mut waiting), [7]);
    }

    #[test]
    fn a_stop_finds_everybody() {
        let (mut waiting, _) = crowd(2, 2, 10);
        assert_eq!(core::iter::from_fn(|| waiting.pop_any()).count(), 4);
        assert!(waiting.is_empty());
    }
}
