//! An engine without threads: the same parts, each of which does what is waiting when it is told to.
//!
//! For tests of crashes: a run is the same run for the same seed, and costs no thread. Whoever asks gets a
//! [`Ticket`] from [`Stepped::engine`] and waits for it only after [`Stepped::decide`] and [`Stepped::write`].

use std::collections::VecDeque;
use std::sync::Arc;

use super::clock::Clock;
use super::export::{Exporter, ExporterError, Open};
use super::journal::Journal;
use super::open::Parts;
use super::sequencer::Sequencer;
use super::slices::Sliced;
use super::tlog::Follower;
use super::{Engine, OpenError, Options, Ticket};
use crate::log::{AppendError, Storage};
use crate::model::Gone;
use crate::wire::RecordNumber;

/// An engine that does nothing by itself. It makes no outward calls, fetches, pulls and indexes nothing.
pub struct Stepped {
    engine: Engine,
    sequencer: Sequencer,
    journal: Journal,
    snapshotter: super::snapshot::Snapshotter,
    custodian: super::custody::Custodian,
    follower: Option<Follower>,
    exporter: Option<Exporter>,
    exports: VecDeque<Open>,
}

impl Stepped {
    /// Opens it as [`Engine::open_on`] does.
    pub fn open_on(
        storage: Arc<dyn Storage>,
        options: Options,
        clock: Arc<dyn Clock>,
        entropy: [u8; 32],
    ) -> Result<Self, OpenError> {
        let parts = Parts::of(storage, options, clock, entropy)?;
        let exports = parts.open_exports.into_iter();
        Ok(Self {
            engine: Engine {
                inner: Arc::new(parts.inner),
            },
            sequencer: parts.sequencer,
            journal: parts.journal,
            snapshotter: parts.snapshotter,
            custodian: parts.custodian,
            follower: parts.follower,
            exporter: parts.exporter,
            exports: exports
                .map(|(tenant, export)| Open::Found(tenant, export))
                .collect(),
        })
    }

    /// The handle to ask by. Nothing of it may be waited for that no step has answered.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The sequencer's: decides all that was asked, and what follows of itself.
    pub fn decide(&mut self) {
        self.sequencer.run_waiting();
    }

    /// The log thread's: writes what was decided as one batch, and answers.
    pub fn write(&mut self) -> Result<(), AppendError> {
        self.journal.run_waiting()
    }

    /// The log thread's, when nothing has come for a while.
    pub fn idle(&mut self) -> Result<(), AppendError> {
        self.journal.idle()
    }

    /// Takes a snapshot; whether there was one to take and it could be.
    pub fn snapshot(&mut self) -> bool {
        self.snapshotter.make(self.engine.durable())
    }

    /// Takes from the disk what is gone, and removes files of which nothing is kept.
    pub fn take_from_disk(&mut self) {
        self.custodian.look(&mut 0);
    }

    /// Publishes what is durable; whether it could.
    pub fn publish(&mut self) -> bool {
        self.follower
            .as_mut()
            .is_none_or(|follower| follower.step().is_ok())
    }

    /// Makes each export that was granted and can be made now; the tickets are of their being recorded.
    pub fn export(&mut self) -> Vec<Ticket> {
        let mut tickets = Vec::new();
        let Some(exporter) = &self.exporter else {
            return tickets;
        };
        self.exports
            .extend(exporter.granted.try_iter().map(Open::Granted));
        self.exports.retain_mut(|open| match exporter.make(open) {
            Ok(ticket) => {
                tickets.push(ticket);
                false
            }
            Err(error) => !matches!(error, ExporterError::NothingGranted(_)),
        });
        tickets
    }

    /// The hash of the state that was decided, and the first record that is not in it.
    #[must_use]
    pub fn state_hash(&self) -> (RecordNumber, [u8; 32]) {
        (self.sequencer.next, self.sequencer.state.hash())
    }

    /// What content is gone by the state that was decided.
    #[must_use]
    pub fn gone(&self) -> Gone {
        Gone::of(&self.sequencer.state)
    }

    /// Writes what was asked and closes the log, as [`Engine::close`] does.
    pub fn close(mut self) -> Result<(), AppendError> {
        self.decide();
        self.journal.close()
    }
}

impl Sequencer {
    /// Decides what is waiting and what follows of itself, and returns where `run` would wait.
    fn run_waiting(&mut self) {
        loop {
            self.count_denials();
            match self.slice() {
                Sliced::One => {}
                Sliced::NoRoom => return,
                Sliced::Nothing if !self.expiry.is_done() => self.expire_next(),
                Sliced::Nothing if self.commands.is_empty() && self.control.is_empty() => return,
                Sliced::Nothing => {}
            }
            self.take_waiting();
        }
    }
}
