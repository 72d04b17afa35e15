//! The answer an embedder waits for: await it or block on it, with any executor or none.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::model::Refusal;
use crate::model::command::Reply;

/// Why a command brought no reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExecuteError {
    /// A rule refused it; nothing was charged and no sequence was used.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too much is on its way already: try again after the given time.
    #[error(transparent)]
    Busy(#[from] super::Busy),
    /// A body over its limit.
    #[error(transparent)]
    Body(#[from] crate::wire::EnvelopeError),
    /// The engine stopped before it could answer. Whether the command was carried out shows when it
    /// is opened again; a publish may be retried with the same client message id.
    #[error(
        "the engine has stopped before it answered: open it again and retry with the same client message id"
    )]
    Stopped,
}

/// An answer that will come when the record it depends on is durable.
///
/// `ticket.await` with any executor, or [`Ticket::wait`] without one. Dropping a ticket does not take
/// its command back.
#[derive(Debug)]
pub struct Ticket {
    answer: oneshot::Receiver<Result<Reply, Refusal>>,
}

pub(crate) type Answerer = oneshot::Sender<Result<Reply, Refusal>>;

impl Ticket {
    pub(crate) fn new() -> (Answerer, Self) {
        let (answerer, answer) = oneshot::channel();
        (answerer, Self { answer })
    }

    /// Blocks until the answer is there.
    pub fn wait(self) -> Result<Reply, ExecuteError> {
        flatten(self.answer.recv())
    }

    /// Blocks until the answer is there or `timeout` has passed, and gives the ticket back then.
    pub fn wait_timeout(self, timeout: Duration) -> Result<Result<Reply, ExecuteError>, Self> {
        match self.answer.recv_timeout(timeout) {
            Ok(answer) => Ok(flatten(Ok(answer))),
            Err(oneshot::RecvTimeoutError::Timeout) => Err(self),
            Err(oneshot::RecvTimeoutError::Disconnected) => Ok(Err(ExecuteError::Stopped)),
        }
    }
}

fn flatten(
    answer: Result<Result<Reply, Refusal>, oneshot::RecvError>,
) -> Result<Reply, ExecuteError> {
    match answer {
        Ok(answer) => answer.map_err(ExecuteError::Refused),
        Err(oneshot::RecvError) => Err(ExecuteError::Stopped),
    }
}

impl IntoFuture for Ticket {
    type Output = Result<Reply, ExecuteError>;
    type IntoFuture = Answer;

    fn into_future(self) -> Answer {
        Answer {
            answer: self.answer.into_future(),
        }
    }
}

/// The future of a [`Ticket`].
#[derive(Debug)]
pub struct Answer {
    answer: oneshot::AsyncReceiver<Result<Reply, Refusal>>,
}

impl Future for Answer {
    type Output = Result<Reply, ExecuteError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.answer).poll(context).map(flatten)
    }
}
