//! One group's latest envelopes, contiguous by sequence and bounded in bytes (invariant 5).

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;

use crate::wire::{Header, Timestamp};

/// Envelopes of sequences `base..next`. The oldest go first when there are too many bytes.
#[derive(Debug)]
pub(super) struct Ring {
    base: u64,
    envelopes: VecDeque<Bytes>,
    bytes: usize,
}

impl Ring {
    /// An empty ring that waits for sequence `next`.
    pub(super) fn awaiting(next: u64) -> Self {
        Self {
            base: next,
            envelopes: VecDeque::new(),
            bytes: 0,
        }
    }

    /// The first sequence it holds; what is before it comes from the log.
    pub(super) fn base(&self) -> u64 {
        self.base
    }

    /// What its envelopes take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The sequence it waits for.
    pub(super) fn next(&self) -> u64 {
        self.base + self.envelopes.len() as u64
    }

    /// Takes the envelope of `sequence`; whether it was news.
    ///
    /// A jump ahead empties the ring: it stays contiguous, and the log has what is between.
    pub(super) fn push(&mut self, sequence: u64, envelope: Bytes, bytes_max: usize) -> bool {
        if sequence < self.next() {
            return false;
        }
        if sequence > self.next() {
            self.restart(sequence);
        }
        self.bytes += envelope.len();
        self.envelopes.push_back(envelope);
        self.trim(bytes_max, 1);
        true
    }

    /// Drops the oldest envelopes until what is left fits, or is no more than `kept`; how many went.
    pub(super) fn trim(&mut self, bytes_max: usize, kept: usize) -> usize {
        let before = self.envelopes.len();
        while self.bytes > bytes_max && self.envelopes.len() > kept {
            if let Some(oldest) = self.envelopes.pop_front() {
                self.bytes -= oldest.len();
                self.base += 1;
            }
        }
        before - self.envelopes.len()
    }

    /// Drops the oldest envelopes up to before a time.
    pub(super) fn forget(&mut self, before: Timestamp) {
        let is_old = |envelope: &Bytes| {
            Header::read(envelope).is_ok_and(|header| header.timestamp() < before)
        };
        while let Some(oldest) = self.envelopes.front()
            && is_old(oldest)
        {
            self.bytes -= oldest.len();
            self.base += 1;
            self.envelopes.pop_front();
        }
    }

    /// Drops everything and waits for sequence `next`.
    pub(super) fn restart(&mut self, next: u64) {
        self.envelopes.clear();
        self.bytes = 0;
        self.base = next;
    }

    /// The envelopes of `sequences`, all of which it must hold.
    pub(super) fn range(&self, sequences: Range<u64>) -> impl Iterator<Item = &Bytes> {
        let at = |sequence: u64| {
            usize::try_from(sequence - self.base).expect("a held sequence is within the ring")
        };
        self.envelopes.range(at(sequences.start)..at(sequences.end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Envelope, HeaderFields};

    fn held(ring: &Ring) -> Vec<usize> {
        ring.range(ring.base()..ring.next())
            .map(Bytes::len)
            .collect()
    }

    #[test]
    fn the_oldest_envelopes_go_when_there_are_too_many_bytes() {
        let mut ring = Ring::awaiting(5);
        for (sequence, len) in [(5, 10), (6, 20), (7, 30)] {
            assert!(ring.push(sequence, Bytes::from(vec![0; len]), 50));
        }
        assert_eq!((ring.base(), ring.next()), (6, 8));
        assert_eq!(held(&ring), [20, 30]);
    }

    #[test]
    fn what_was_said_before_a_time_is_dropped_and_the_rest_stays() {
        let mut ring = Ring::awaiting(5);
        for (sequence, time) in [(5, 10), (6, 20), (7, 30)] {
            let fields = HeaderFields {
                timestamp: Timestamp(time),
                ..HeaderFields::default()
            };
            let envelope = Envelope::new(&fields, b"x").unwrap();
            ring.push(sequence, envelope.bytes().clone(), 1_000);
        }
        let all = ring.bytes();
        ring.forget(Timestamp(20));
        assert_eq!(
            (ring.base(), ring.next(), ring.bytes()),
            (6, 8, all / 3 * 2)
        );
        ring.forget(Timestamp(99));
        assert_eq!((ring.base(), ring.next(), ring.bytes()), (8, 8, 0));
    }

    #[test]
    fn the_latest_envelope_is_kept_whatever_its_size() {
        let mut ring = Ring::awaiting(1);
        ring.push(1, Bytes::from(vec![0; 10]), 50);
        ring.push(2, Bytes::from(vec![0; 99]), 50);
        assert_eq!(held(&ring), [99]);
    }

    #[test]
    fn a_sequence_seen_before_is_not_taken_again() {
        let mut ring = Ring::awaiting(3);
        assert!(!ring.push(2, Bytes::from_static(b"old"), 50));
        assert!(ring.push(3, Bytes::from_static(b"new"), 50));
        assert!(!ring.push(3, Bytes::from_static(b"again"), 50));
        assert_eq!(held(&ring), [3]);
    }

    #[test]
    fn a_jump_ahead_leaves_the_ring_contiguous() {
        let mut ring = Ring::awaiting(1);
        ring.push(1, Bytes::from(vec![0; 10]), 50);
        ring.push(9, Bytes::from(vec![0; 20]), 50);
        assert_eq!((ring.base(), ring.next()), (9, 10));
        assert_eq!(held(&ring), [20]);
    }
}
