//! Commitments of records that have become durable, for one who follows the end of the log without
//! reading it back.
//!
//! Bounded (invariant 5): whoever is too slow loses the oldest and reads them from the segments. Only
//! what is durable gets in here (invariant 2), and nobody blocks but for a copy.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;

/// Room that an empty queue keeps.
const KEPT: usize = 4096;

/// The queue between the log's writer and its one follower.
#[derive(Debug)]
pub struct Commitments {
    limit: usize,
    queue: Mutex<Queue>,
    follower: OnceLock<Thread>,
}

#[derive(Debug, Default)]
struct Queue {
    /// The record after the last in the queue.
    end: u64,
    commitments: VecDeque<[u8; 32]>,
}

impl Commitments {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            queue: Mutex::default(),
            follower: OnceLock::new(),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the commitments of the records that end before `end`; they follow those before.
    pub(crate) fn push(&self, end: u64, commitments: &[[u8; 32]]) {
        let queue = &mut *self.queue();
        let before = queue.commitments.len();
        queue.end = end;
        queue.commitments.extend(commitments);
        let after = queue.commitments.len();
        queue.commitments.drain(..after.saturating_sub(self.limit));
        // Once on the way up: reading them back costs far more than being woken early.
        if (before..after).contains(&(self.limit / 2))
            && let Some(follower) = self.follower.get()
        {
            follower.unpark();
        }
    }

    /// The thread that takes them, which is woken when half of the room is used.
    pub(crate) fn wake(&self, follower: Thread) {
        // One follower for as long as the log is open: whoever said so first.
        let _ = self.follower.set(follower);
    }

    /// Takes the commitments from record `next` on, at most `count_max`, and forgets those before.
    /// None where nothing of it is here, or not from `next` on: those are to be read from the log.
    #[must_use]
    pub fn take(&self, next: u64, count_max: usize) -> Vec<[u8; 32]> {
        let queue = &mut *self.queue();
        let first = queue.end - queue.commitments.len() as u64;
        let Some(known) = next.checked_sub(first) else {
            return Vec::new();
        };
        let known = (known as usize).min(queue.commitments.len());
        queue.commitments.drain(..known);
        let count = queue.commitments.len().min(count_max);
        let taken = queue.commitments.drain(..count).collect();
        if queue.commitments.is_empty() {
            queue.commitments.shrink_to(KEPT);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(numbers: std::ops::Range<u8>) -> Vec<[u8; 32]> {
        numbers.map(|number| [number; 32]).collect()
    }

    #[test]
    fn what_is_durable_is_taken_in_order_and_once() {
        let commitments = Commitments::new(10);
        assert_eq!(commitments.take(3, 9), numbered(0..0));
        commitments.push(5, &numbered(3..5));
        commitments.push(8, &numbered(5..8));
        assert_eq!(commitments.take(3, 3), numbered(3..6));
        assert_eq!(
            commitments.take(7, 9),
            numbered(7..8),
            "6 was read elsewhere"
        );
        assert_eq!(commitments.take(8, 9), numbered(0..0));
    }

    #[test]
    fn who_follows_is_woken_when_half_of_the_room_is_used() {
        let commitments = Commitments::new(8);
        let long = std::time::Duration::from_secs(10);
        commitments.wake(std::thread::current());
        commitments.push(5, &numbered(0..5));
        // Woken before it sleeps, it does not sleep.
        let began = std::time::Instant::now();
        std::thread::park_timeout(long);
        assert!(began.elapsed() < long);
    }

    #[test]
    fn beyond_its_limit_the_oldest_go_and_are_not_made_up() {
        let commitments = Commitments::new(4);
        commitments.push(6, &numbered(0..6));
        assert_eq!(commitments.take(0, 9), numbered(0..0), "0 and 1 are gone");
        assert_eq!(commitments.take(2, 9), numbered(2..6));
    }
}
