//! What is offered to sessions in one write: envelopes, and for many sessions the same in few pieces.
//!
//! A burst to a large group is the same run of short envelopes for each of its members. A transport
//! keeps a reference to each chunk it takes, looks for it among the others when it sends and when it
//! sends again, and lets go of it when it is acknowledged. Copied once, for all members, into pieces of
//! a few KiB, that is a tenth of the references (invariant 4: nothing is copied per delivery).

use bytes::Bytes;

use super::sink::Sink;

/// A piece is about so long: whoever has not acknowledged a byte of it keeps all of it.
const PIECE_BYTES: usize = 4096;
/// Envelopes from this length on are pieces of their own: copying them gains nothing.
const ALONE_BYTES: usize = 1024;

/// The chunks of one write, kept for the next sessions that get the same.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    envelopes: Vec<Bytes>,
    /// The same bytes, once two sessions have asked for them.
    pieces: Vec<Bytes>,
    /// Somebody was offered these.
    was_offered: bool,
}

impl Chunks {
    pub(super) fn clear(&mut self) {
        self.envelopes.clear();
        self.pieces.clear();
        self.was_offered = false;
    }

    pub(super) fn len(&self) -> usize {
        self.envelopes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.envelopes.is_empty()
    }

    /// Only between a clear and the offers.
    pub(super) fn push(&mut self, envelope: Bytes) {
        debug_assert!(!self.was_offered);
        self.envelopes.push(envelope);
    }

    /// Offers a session all of them; how many envelopes it took.
    pub(super) fn offer<S: Sink>(&mut self, session: u64, sink: &mut S) -> usize {
        let is_for_many = core::mem::replace(&mut self.was_offered, true);
        let taken = if S::JOINS && is_for_many && self.len() > 1 {
            if self.pieces.is_empty() {
                join(&self.envelopes, &mut self.pieces);
            }
            sink.write_joined(session, &self.envelopes, &self.pieces)
        } else {
            sink.write(session, &self.envelopes)
        };
        taken.min(self.len())
    }
}

/// Copies short envelopes that follow each other into pieces, each in memory of just its length.
fn join(envelopes: &[Bytes], pieces: &mut Vec<Bytes>) {
    let mut rest = envelopes;
    while let Some(first) = rest.first() {
        let mut len = 0;
        let fits = |envelope: &&Bytes| {
            len += envelope.len();
            envelope.len() < ALONE_BYTES && len <= PIECE_BYTES
        };
        let together = rest.iter().take_while(fits).count().max(1);
        pieces.push(match together {
            1 => first.clone(),
            _ => rest[..together].concat().into(),
        });
        rest = &rest[together..];
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_are_the_same_bytes_and_none_keeps_much_more_than_itself(
            lens in proptest::collection::vec(prop_oneof![1..600_usize, 900..6000_usize], 2..100),
        ) {
            let envelopes: Vec<Bytes> = lens
                .iter()
                .enumerate()
                .map(|(number, len)| vec![number as u8; *len].into())
                .collect();
            let mut pieces = Vec::new();
            join(&envelopes, &mut pieces);
            prop_assert_eq!(pieces.concat(), envelopes.concat());
            let is_shared = |piece: &Bytes| envelopes.iter().any(|one| one.as_ptr() == piece.as_ptr());
            for piece in &pieces {
                prop_assert!(is_shared(piece) || piece.len() <= PIECE_BYTES);
            }
            let is_long = |one: &&Bytes| one.len() >= ALONE_BYTES;
            let shared = pieces.iter().filter(|piece| is_shared(piece));
            prop_assert!(shared.count() >= envelopes.iter().filter(is_long).count());
            // Two short pieces are never neighbours.
            let together = pieces.windows(2).map(|two| two[0].len() + two[1].len());
            prop_assert!(together.min().is_none_or(|len| len > ALONE_BYTES));
        }
    }
}
