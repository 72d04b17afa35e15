//! Commitments of records that have become durable, for one who follows the end of the log without
//! reading it back.
//!
//! Bounded (invariant 5): whoever is too slow loses the oldest and reads them from the segments. Only
//! what is durable gets in here (invariant 2), and nobody blocks but for a copy.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The queue between the log's writer and its one follower.
#[derive(Debug)]
pub struct Commitments {
    limit: usize,
    queue: Mutex<Queue>,
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
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the commitments of the records that end before `end`; they follow those before.
    pub(crate) fn push(&self, end: u64, commitments: &[[u8; 32]]) {
        let queue = &mut *self.queue();
        queue.end = end;
        queue.commitments.extend(commitments);
        let over = queue.commitments.len().saturating_sub(self.limit);
        queue.commitments.drain(..over);
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
        queue.commitments.drain(..count).collect()
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
    fn beyond_its_limit_the_oldest_go_and_are_not_made_up() {
        let commitments = Commitments::new(4);
        commitments.push(6, &numbered(0..6));
        assert_eq!(commitments.take(0, 9), numbered(0..0), "0 and 1 are gone");
        assert_eq!(commitments.take(2, 9), numbered(2..6));
    }
}
