//! Outward calls on their way: what released records ask of the enterprise's systems.
//!
//! A call starts when the record that opened it is durable, on a thread of its own, and its answer comes
//! back as a command through the door. Nothing here decides or holds up deciding: the sequencer and the
//! log never wait for it, a hook that hangs costs its own tenant's places, and a replay calls nobody.

mod dispatcher;

pub(crate) use dispatcher::{Bounds, Dispatcher};

use std::error::Error;
use std::sync::Arc;

use crossbeam_channel::{Sender, TrySendError};

use super::stats::Counters;
use crate::model::OpenCall;
use crate::model::command::CallVerdict;

/// Whoever can ask the enterprise's systems.
///
/// Called from threads of its own, several at a time. The same call may be made again after a crash:
/// its record number is its name. Whatever it does, hang and panic included, the call fails alone.
pub trait Callee: Send + Sync {
    /// Makes the call and waits for its answer, no longer than [`Options::call_timeout`]: after that
    /// the call has failed, and an answer is thrown away.
    ///
    /// [`Options::call_timeout`]: super::Options::call_timeout
    fn call(&self, call: &OpenCall) -> Result<CallVerdict, CallError>;
}

/// Why a call brought no answer. It is closed as failed; nobody joined by it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The system could not be reached, or broke off.
    #[error("the system cannot be reached: {0}")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// Nothing came in time.
    #[error("the system did not answer in time")]
    TimedOut,
    /// It answered that it could not answer.
    #[error("the system answered with status {status}")]
    Status {
        /// Its status.
        status: u16,
    },
    /// It answered something else than an answer.
    #[error("the system's answer is none: expected {expected}")]
    Garbage {
        /// What an answer is.
        expected: &'static str,
    },
    /// The callee panicked.
    #[error("the callee panicked")]
    Panicked,
    /// The system gave no thread for it.
    #[error("no thread for the call: {0}")]
    NoThread(#[source] std::io::Error),
}

/// Where released calls are left, without ever waiting.
#[derive(Clone)]
pub(crate) struct Outgoing {
    pub(crate) queue: Sender<OpenCall>,
    pub(crate) counters: Arc<Counters>,
}

impl Outgoing {
    /// When the queue is full the call is not made: it expires, and whoever asked may ask again.
    pub(crate) fn leave(&self, call: OpenCall) {
        if let Err(TrySendError::Full(call)) = self.queue.try_send(call) {
            self.counters.count_dropped(&call);
        }
    }
}
