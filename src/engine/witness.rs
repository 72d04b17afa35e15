//! The thread that has witnesses cosign the published checkpoint (c2sp.org/tlog-witness).
//!
//! It works in rounds: all witnesses are asked at once about the checkpoint of the moment. Their lines go to
//! the thread that publishes, which adds them while that checkpoint is still the newest one, and at the
//! end of a round into the file of the last cosigned checkpoint, which a busy log replaces less often.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use crossbeam_channel::{Sender, unbounded};

use super::attest::{AskError, Now, NowError, Of, Said, Stop, Witness, answer, aside, wait};
use crate::archive::tlog::{
    AddCheckpoint, Answer, StoredError, WitnessError, WitnessKey, add_lines, keep_cosigned,
    read_answer,
};
use crate::log::{Storage, StorageError};

/// Requests to a witness in a round, on average: two tell it all there is to know.
const ASKED_MAX: u32 = 3;

/// Who cosigns, and how often they are asked.
pub struct Witnessing {
    /// The witnesses, by the keys that their cosignatures are checked with.
    pub witnesses: Vec<(WitnessKey, Arc<dyn Witness>)>,
    /// How often, where there are new records.
    ///
    /// Default 10 s. Range 100 ms to 1 d. Costs each witness a request.
    pub every: Duration,
}

impl core::fmt::Debug for Witnessing {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { witnesses, every } = self;
        let keys = witnesses.iter().map(|(key, _)| key).collect::<Vec<_>>();
        f.debug_struct("Witnessing")
            .field("witnesses", &keys)
            .field("every", every)
            .finish()
    }
}

/// Lines for the published checkpoint, on their way to the thread that publishes.
#[derive(Debug)]
pub(crate) struct Lines {
    storage: Arc<dyn Storage>,
    /// A checkpoint's text, and the lines below it.
    waiting: Mutex<Option<(String, Vec<String>)>>,
    publishing: Mutex<Option<Thread>>,
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lines {
    pub(super) fn new(storage: Arc<dyn Storage>) -> Self {
        Self {
            storage,
            waiting: Mutex::default(),
            publishing: Mutex::default(),
        }
    }

    /// Whom to unpark when there are lines.
    pub(super) fn wake(&self, publishing: Thread) {
        *held(&self.publishing) = Some(publishing);
    }

    fn leave(&self, text: &str, line: String) {
        match &mut *held(&self.waiting) {
            Some((of, lines)) if of == text => lines.push(line),
            other => *other = Some((text.to_owned(), vec![line])),
        }
        if let Some(publishing) = &*held(&self.publishing) {
            publishing.unpark();
        }
    }

    /// Adds what waits to the checkpoint, if it is still the one they are of; whether anything waited.
    pub(super) fn publish(&self) -> Result<bool, StorageError> {
        let waiting = held(&self.waiting).take();
        match waiting {
            Some((text, lines)) => add_lines(&*self.storage, &text, &lines).map(|_| true),
            None => Ok(false),
        }
    }
}

/// Why one witness has not cosigned.
#[derive(Debug, thiserror::Error)]
enum AskedError {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error(transparent)]
    Witness(#[from] WitnessError),
}

/// Why nobody was asked, or nothing kept.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error(transparent)]
    Now(#[from] NowError),
    #[error(transparent)]
    Stored(#[from] StoredError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A witness, and what is known of it.
struct Asked {
    key: WitnessKey,
    witness: Arc<dyn Witness>,
    /// Records of the checkpoint it has cosigned last, as far as is known.
    old: u64,
    /// Records of the last checkpoint it has cosigned here.
    done: u64,
    said: Said,
}

/// One witness's answer: which one, what it was asked, status and body.
type Told = (usize, AddCheckpoint, Result<(u16, Vec<u8>), AskError>);

/// What the thread of the witnesses works with.
pub(super) struct Rounds {
    pub(super) witnessing: Witnessing,
    pub(super) lines: Arc<Lines>,
    pub(super) of: Of,
    pub(super) stop: Stop,
}

impl Rounds {
    /// Runs until it is told to stop.
    pub(super) fn run(self) {
        let asked = self.witnessing.witnesses.iter();
        let mut asked: Vec<_> = asked
            .map(|(key, witness)| Asked {
                key: key.clone(),
                witness: Arc::clone(witness),
                old: 0,
                done: 0,
                said: Said::default(),
            })
            .collect();
        let mut said = Said::default();
        let mut pause = Duration::ZERO;
        while wait(&self.stop, pause) {
            pause = self.witnessing.every;
            match self.round(&mut asked) {
                Ok(()) => drop(said.is_over()),
                Err(error) => {
                    self.count_failure();
                    if said.is_new(&error.to_string()) {
                        tracing::error!(%error, "cosignatures could not be kept: it is tried again");
                    }
                }
            }
        }
    }

    fn count_failure(&self) {
        let failures = &self.of.counters.cosignature_failures;
        failures.fetch_add(1, Ordering::Relaxed);
    }

    /// Asks those who have not cosigned the checkpoint of the moment.
    fn round(&self, asked: &mut [Asked]) -> Result<(), RoundError> {
        let Some(now) = Now::read(&*self.of.storage, &self.of.key)? else {
            return Ok(());
        };
        let size = now.checkpoint.size;
        let (sender, answers) = unbounded();
        let mut pending = 0;
        for (index, it) in asked.iter().enumerate().filter(|(_, it)| it.done < size) {
            self.ask(&sender, index, it, it.old.min(size), &now)?;
            pending += 1;
        }
        let mut lines = Vec::new();
        let mut left = asked.len() as u32 * ASKED_MAX;
        while pending > 0 {
            let Some((index, request, answered)) = answer(&self.stop, &answers) else {
                return Ok(());
            };
            pending -= 1;
            let it = &mut asked[index];
            let read = answered
                .map_err(AskedError::from)
                .and_then(|(status, body)| {
                    let of = (now.note.as_str(), &now.checkpoint);
                    Ok(read_answer(&request, of, &it.key, (status, &body))?)
                });
            match read {
                Ok(Answer::Cosigned(cosigned)) => {
                    (it.old, it.done) = (size, size);
                    self.of
                        .counters
                        .cosignatures
                        .fetch_add(1, Ordering::Relaxed);
                    if it.said.is_over() {
                        tracing::info!(witness = it.key.name(), size, "a witness cosigns again");
                    }
                    self.lines
                        .leave(now.checkpoint.to_text().as_str(), cosigned.line.clone());
                    lines.push(cosigned.line);
                }
                Ok(Answer::Holds(held)) if left > 0 => {
                    left -= 1;
                    it.old = held;
                    self.ask(&sender, index, it, held, &now)?;
                    pending += 1;
                }
                Ok(Answer::Holds(_)) => self.failed(it, &WitnessError::Malformed.into()),
                Err(error) => self.failed(it, &error),
            }
        }
        if !lines.is_empty() {
            keep_cosigned(&*self.of.storage, &now.note, &lines)?;
            self.of
                .counters
                .cosigned_size
                .store(size, Ordering::Relaxed);
        }
        Ok(())
    }

    fn ask(
        &self,
        answers: &Sender<Told>,
        index: usize,
        asked: &Asked,
        old: u64,
        now: &Now,
    ) -> Result<(), StoredError> {
        let request = AddCheckpoint::new(&*self.of.storage, &now.note, (old, now.checkpoint.size))?;
        let (witness, body) = (Arc::clone(&asked.witness), request.body.clone());
        let ask = move || witness.add_checkpoint(&body);
        aside("throng-witness", answers, ask, move |it| {
            (index, request, it)
        });
        Ok(())
    }

    fn failed(&self, asked: &mut Asked, error: &AskedError) {
        self.count_failure();
        // It may have been given another key, or have lost its state: the next request asks where it is.
        asked.old = 0;
        if asked.said.is_new(&error.to_string()) {
            let witness = asked.key.name();
            tracing::error!(witness, %error, "a witness does not cosign: it is asked again, and the checkpoint published without");
        }
    }
}
