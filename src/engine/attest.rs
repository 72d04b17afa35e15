//! Others' word for the published checkpoint: timestamps of an authority, cosignatures of witnesses (SPEC A3).
//!
//! Each has a thread that looks at what is published and asks; whom it asks works aside, so that one who hangs
//! holds up neither publishing nor a close. Nothing of the log is told but the signed checkpoint.

use std::convert::Infallible;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, select};

use super::stats::Counters;
use super::timestamps::{Stamper, Timestamping};
use super::witness::{Lines, Rounds, Witnessing};
use super::{Clock, OpenError, open};
use crate::archive::tlog::{Checkpoint, CheckpointError, VerifyingKey, read_note};
use crate::log::{Storage, StorageError};

/// Whoever can reach a timestamp authority.
pub trait Authority: Send + Sync {
    /// Sends a TimeStampReq (DER) and brings the reply back, whatever it is; in bounded time.
    fn ask(&self, request: &[u8]) -> Result<Vec<u8>, AskError>;
}

/// Whoever can reach a witness.
pub trait Witness: Send + Sync {
    /// Posts a body to `add-checkpoint` and brings back the status and the answer's body; in bounded time.
    fn add_checkpoint(&self, body: &str) -> Result<(u16, Vec<u8>), AskError>;
}

/// Why nobody answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// It could not be reached, or broke off.
    #[error("it cannot be reached: {0}")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// Nothing came in time.
    #[error("it did not answer within {} ms", .limit.as_millis())]
    TimedOut {
        /// The time it had.
        limit: Duration,
    },
    /// It answered more than an answer has.
    #[error("it answered more than {max} bytes")]
    TooLong {
        /// What is taken.
        max: usize,
    },
    /// The command failed.
    #[error("the command ended with {status}")]
    Failed {
        /// Its exit code or signal.
        status: String,
    },
    /// Whoever was to ask panicked.
    #[error("whoever was to ask it panicked")]
    Panicked,
}

/// What both threads share.
#[derive(Clone)]
pub(super) struct Of {
    pub(super) storage: Arc<dyn Storage>,
    /// The log's key, under its origin.
    pub(super) key: VerifyingKey,
    pub(super) incarnation: u64,
    pub(super) entropy: [u8; 32],
    pub(super) clock: Arc<dyn Clock>,
    pub(super) counters: Arc<Counters>,
}

/// Those who ask, before they run.
pub(super) struct Attesting {
    stamper: Option<Stamper>,
    rounds: Option<Rounds>,
    hang_up: Sender<Infallible>,
}

impl Attesting {
    pub(super) fn new(
        of: &Of,
        (timestamping, witnessing): (Option<Timestamping>, Option<Witnessing>),
    ) -> Self {
        let (hang_up, stop) = bounded(0);
        Self {
            stamper: timestamping.map(|timestamping| Stamper {
                timestamping,
                of: of.clone(),
                stop: stop.clone(),
            }),
            rounds: witnessing.map(|witnessing| Rounds {
                witnessing,
                lines: Arc::new(Lines::new(Arc::clone(&of.storage))),
                of: of.clone(),
                stop,
            }),
            hang_up,
        }
    }

    /// What witnesses have for the thread that publishes.
    pub(super) fn lines(&self) -> Option<Arc<Lines>> {
        self.rounds.as_ref().map(|rounds| Arc::clone(&rounds.lines))
    }

    pub(super) fn start(self) -> Result<Attested, OpenError> {
        let mut threads = Vec::new();
        if let Some(stamper) = self.stamper {
            threads.push(open::spawn("throng-stamp", move || stamper.run())?);
        }
        if let Some(rounds) = self.rounds {
            threads.push(open::spawn("throng-cosign", move || rounds.run())?);
        }
        Ok(Attested {
            threads,
            hang_up: self.hang_up,
        })
    }
}

/// Those who ask, at work.
pub(super) struct Attested {
    threads: Vec<JoinHandle<()>>,
    hang_up: Sender<Infallible>,
}

impl Attested {
    /// Ends them without waiting for anybody's answer; an error where one has panicked.
    pub(super) fn stop(self) -> std::thread::Result<()> {
        drop(self.hang_up);
        self.threads.into_iter().try_for_each(JoinHandle::join)
    }
}

/// What is published now, and that it is of this log.
pub(super) struct Now {
    pub(super) note: String,
    pub(super) checkpoint: Checkpoint,
}

/// Why there is nothing to ask about.
#[derive(Debug, thiserror::Error)]
pub(super) enum NowError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

impl Now {
    pub(super) fn read(
        storage: &dyn Storage,
        key: &VerifyingKey,
    ) -> Result<Option<Self>, NowError> {
        let Some(note) = read_note(storage)? else {
            return Ok(None);
        };
        let checkpoint = Checkpoint::verify(&note, key)?;
        let note = String::from_utf8(note).map_err(|_| CheckpointError::Malformed)?;
        Ok(Some(Self { note, checkpoint }))
    }
}

/// The end of a close: nothing comes, it is hung up.
pub(super) type Stop = Receiver<Infallible>;

/// Waits; whether to go on.
pub(super) fn wait(stop: &Stop, time: Duration) -> bool {
    matches!(stop.recv_timeout(time), Err(RecvTimeoutError::Timeout))
}

/// Has something asked on a thread of its own, which nobody waits for at a close; `told` makes of it what is sent.
pub(super) fn aside<R, T: Send + 'static>(
    name: &str,
    answers: &Sender<T>,
    ask: impl FnOnce() -> Result<R, AskError> + Send + 'static,
    told: impl FnOnce(Result<R, AskError>) -> T + Clone + Send + 'static,
) {
    let (sender, failed) = (answers.clone(), told.clone());
    let run = move || {
        let answer = catch_unwind(AssertUnwindSafe(ask));
        let _ = sender.send(told(answer.unwrap_or(Err(AskError::Panicked))));
    };
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    if let Err(error) = spawned {
        let _ = answers.send(failed(Err(AskError::Unreachable(error.into()))));
    }
}

/// The next answer; `None` where the engine closes.
pub(super) fn answer<T>(stop: &Stop, answers: &Receiver<T>) -> Option<T> {
    select! {
        recv(answers) -> answer => answer.ok(),
        recv(stop) -> _ => None,
    }
}

/// What was last said in the log of one who is asked, so that the same is not said each time.
#[derive(Debug, Default)]
pub(super) struct Said(Option<Arc<str>>);

impl Said {
    /// Notes an error; whether it is another one than last time.
    pub(super) fn is_new(&mut self, error: &str) -> bool {
        let new = self.0.as_deref() != Some(error);
        self.0 = Some(error.into());
        new
    }

    /// Notes that all is well; whether it was not before.
    pub(super) fn is_over(&mut self) -> bool {
        self.0.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_said_when_it_begins_and_when_it_changes_and_its_end_once() {
        let mut said = Said::default();
        assert!(!said.is_over(), "nothing was wrong");
        let errors = ["gone", "gone", "slow", "slow", "gone"];
        let new = errors.map(|error| said.is_new(error));
        assert_eq!(new, [true, false, true, false, true]);
        assert!(said.is_over());
        assert!(!said.is_over());
        assert!(said.is_new("gone"));
    }
}
