//! What a flush offers to, and how it ends.

use bytes::Bytes;

#[cfg(doc)]
use super::Core;

/// Where a session's envelopes go.
pub trait Sink {
    /// Offers whole envelopes, in order, and says how many were taken.
    ///
    /// Fewer than given means there is no more room: the session is offered nothing until
    /// [`Core::writable`]. What it has taken and not sent yet is for the sink to bound.
    fn write(&mut self, session: u64, chunks: &[Bytes]) -> usize;

    /// Whether it is given what many sessions get by [`Sink::write_joined`].
    const JOINS: bool = false;

    /// The same as [`Sink::write`], for envelopes that others get too: `pieces` are the same bytes,
    /// copied once for all of them into fewer and larger chunks. Says how many envelopes were taken.
    fn write_joined(&mut self, session: u64, envelopes: &[Bytes], _pieces: &[Bytes]) -> usize {
        self.write(session, envelopes)
    }

    /// Whether it wants to be told by [`Sink::soon`]: finding out who is next costs a look at them.
    const LOOKS_AHEAD: bool = false;

    /// Says that a session will be offered something soon, after those before it.
    fn soon(&mut self, _session: u64) {}

    /// Offers an urgent envelope, possibly ahead of earlier ones and when [`Sink::write`] had no room
    /// (SPEC S2); whether it was taken. What is not comes in its order instead.
    fn write_urgent(&mut self, _session: u64, _envelope: &Bytes) -> bool {
        false
    }
}

/// How a flush ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flushed {
    /// Every session has all there is, has no room, or waits for the log.
    Done,
    /// The budget ran out; the sessions not reached are first next time.
    More,
}
