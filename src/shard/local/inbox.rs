//! What has been handed to one in-process session and not read yet, bounded in bytes.
//!
//! One lock a write, however many envelopes it brings, and one a read of all of them.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;

use super::Closed;
use crate::wire::Envelope;

#[derive(Debug)]
pub(super) struct Inbox {
    state: Mutex<State>,
    arrived: Condvar,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct State {
    envelopes: VecDeque<Envelope>,
    bytes: usize,
    /// The shard had more than there was room for.
    refused: bool,
    closed: Option<Closed>,
    /// A thread waits in [`Inbox::wait`].
    waiting: bool,
    waker: Option<Waker>,
}

/// What reading an inbox brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// Everything there was.
    Envelopes {
        /// The shard waits to hear that there is room.
        refused: bool,
    },
    /// Nothing yet.
    Nothing,
}

impl Inbox {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            state: Mutex::default(),
            arrived: Condvar::new(),
            bytes_max,
        }
    }

    /// Takes envelopes while there is room, the first always when there is nothing else; how many.
    pub(super) fn offer(&self, chunks: &[Bytes]) -> usize {
        let mut state = self.lock();
        if state.closed.is_some() {
            return chunks.len();
        }
        let mut taken = 0;
        for chunk in chunks {
            if state.bytes >= self.bytes_max {
                break;
            }
            state.bytes += chunk.len();
            let envelope = Envelope::of_own_bytes(chunk.clone());
            state.envelopes.push_back(envelope);
            taken += 1;
        }
        state.refused = taken < chunks.len();
        self.wake(state);
        taken
    }

    /// Ends it: what has come can still be read.
    pub(super) fn close(&self, closed: Closed) {
        let mut state = self.lock();
        state.closed.get_or_insert(closed);
        self.wake(state);
    }

    /// Moves everything that has come behind `taken`, which is empty.
    pub(super) fn read(&self, taken: &mut VecDeque<Envelope>) -> Result<Read, Closed> {
        self.lock().read(taken)
    }

    /// Reads once there is something, or `deadline` has passed.
    pub(super) fn wait(
        &self,
        taken: &mut VecDeque<Envelope>,
        deadline: Option<Instant>,
    ) -> Result<Read, Closed> {
        let mut state = self.lock();
        loop {
            let read = state.read(taken)?;
            if read != Read::Nothing {
                return Ok(read);
            }
            state.waiting = true;
            state = match deadline.map(|deadline| deadline.checked_duration_since(Instant::now())) {
                None => self
                    .arrived
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(None) => return Ok(Read::Nothing),
                Some(Some(left)) => {
                    let woken = self.arrived.wait_timeout(state, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
            state.waiting = false;
        }
    }

    /// Reads once there is something; the task is woken when that is later.
    pub(super) fn poll(
        &self,
        taken: &mut VecDeque<Envelope>,
        context: &Context<'_>,
    ) -> Poll<Result<Read, Closed>> {
        let mut state = self.lock();
        match state.read(taken) {
            Ok(Read::Nothing) => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
            read => Poll::Ready(read),
        }
    }

    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let waiting = state.waiting;
        let waker = state.waker.take();
        drop(state);
        if waiting {
            self.arrived.notify_one();
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics between two changes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn read(&mut self, taken: &mut VecDeque<Envelope>) -> Result<Read, Closed> {
        if self.envelopes.is_empty() {
            return self.closed.map_or(Ok(Read::Nothing), Err);
        }
        std::mem::swap(&mut self.envelopes, taken);
        self.bytes = 0;
        Ok(Read::Envelopes {
            refused: std::mem::take(&mut self.refused),
        })
    }
}
