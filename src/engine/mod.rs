//! The engine: from commands to released effects, and the API to embed it.
//!
//! One thread decides ([`sequencer`](self)), one makes durable and releases, a few read the log for
//! those behind. Keeps invariants 1 to 3: one order, decided in one place, and nothing seen before
//! the record it depends on is durable.
//!
//! # Panics
//! A panic on one of the engine's threads stops the engine: what was acknowledged is durable, every
//! open [`Ticket`] ends with [`ExecuteError::Stopped`], every [`Port`] yields [`Item::Stopped`], and
//! the data directory can be opened again.

mod announcements;
mod attest;
mod audits;
mod budget;
mod call;
mod clock;
mod custody;
mod denials;
mod door;
mod embed;
mod export;
mod fetch;
mod journal;
mod online;
mod open;
mod options;
mod outbox;
mod port;
mod pull;
mod record;
mod recovery;
mod removal;
mod route;
#[cfg(feature = "search")]
mod search;
mod searches;
mod sequencer;
mod sign_in;
mod slices;
mod snapshot;
mod stats;
mod stepped;
mod ticket;
mod timestamps;
mod tlog;
mod witness;

pub use attest::{AskError, Authority, Witness};
pub use call::{CallError, Callee};
pub use clock::{Clock, ManualClock, SystemClock};
pub use door::Busy;
pub use embed::{Message, ROOM_WAIT_MAX};
pub use open::OpenError;
pub use options::{OnFailure, Options};
#[cfg(all(test, feature = "server"))]
pub(crate) use outbox::locks_taken;
pub use port::{AttachedPerson, Fetch, FetchError, Item, Port, PortId};
pub use recovery::ReplayError;
#[cfg(feature = "search")]
pub use search::{SearchError, Searched, Searching};
pub use searches::{SearchRoom, TurnedAway};
pub use sign_in::SignIn;
pub use stats::Stats;
#[doc(hidden)]
pub use stepped::Stepped;
pub use ticket::{Answer, ExecuteError, Ticket};
pub use timestamps::Timestamping;
pub use tlog::Transparency;
pub use witness::Witnessing;

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crossbeam_channel::Sender;

use self::audits::Audits;
use self::door::Door;
use self::fetch::FetchJob;
use self::outbox::Outbox;
use self::pull::PageJob;
use self::sequencer::{Asker, Control};
use self::stats::Counters;
use crate::log::{AppendError, Reader};
use crate::model::command::Command;
use crate::wire::{Draft, Kind, Priority, RecordNumber, Timestamp};

/// A running engine. Clones are handles to the same one; it closes when [`Engine::close`] is called
/// or the last handle is dropped.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    door: Door,
    control: Sender<Control>,
    fetches: Sender<FetchJob>,
    pulls: Sender<PageJob>,
    audits: Audits,
    reader: Reader,
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
    failed: Arc<AtomicBool>,
    stop_snapshots: Arc<AtomicBool>,
    stop_calls: Sender<()>,
    stop_tlog: Arc<AtomicBool>,
    stop_custody: Arc<AtomicBool>,
    stop_exports: Arc<AtomicBool>,
    publishes: bool,
    searches: searches::Searches,
    #[cfg(feature = "search")]
    searching: Option<search::Running>,
    incarnation: u64,
    outbox_bytes: usize,
    ports: AtomicU16,
    threads: Mutex<Threads>,
}

#[derive(Default)]
struct Threads {
    sequencer: Option<JoinHandle<()>>,
    journal: Option<JoinHandle<Result<(), AppendError>>>,
    snapshots: Option<JoinHandle<()>>,
    calls: Option<JoinHandle<()>>,
    tlog: Option<JoinHandle<()>>,
    attested: Option<attest::Attested>,
    custody: Option<JoinHandle<()>>,
    exports: Option<JoinHandle<()>>,
}

/// Why an engine did not close cleanly. Everything acknowledged is durable all the same.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloseError {
    /// The log failed, now or earlier.
    #[error(transparent)]
    Log(#[from] AppendError),
    /// A thread of the engine panicked.
    #[error("the {thread} thread panicked: what was acknowledged is durable")]
    Panicked {
        /// Which.
        thread: &'static str,
    },
}

impl Engine {
    /// Asks the model; the ticket is answered once the answer may be seen. Never blocks.
    pub fn execute(&self, command: Command) -> Result<Ticket, Busy> {
        self.submit(command, None)
    }

    fn submit(&self, command: Command, draft: Option<Draft>) -> Result<Ticket, Busy> {
        let (answerer, ticket) = Ticket::new();
        self.inner
            .door
            .submit(command, draft, Asker::Ticket(answerer))?;
        Ok(ticket)
    }

    /// A door for one shard. `wake` is called from other threads, coalesced, when the port has
    /// something; it must only wake its owner.
    ///
    /// # Panics
    /// When more than 65,535 ports were opened in this engine's life.
    #[must_use]
    pub fn port(&self, wake: impl Fn() + Send + Sync + 'static) -> Port {
        let number = self.inner.ports.fetch_add(1, Ordering::Relaxed);
        assert!(number < u16::MAX, "a port a shard: far fewer than this");
        let id = PortId(number);
        let outbox = Arc::new(Outbox::new(self.inner.outbox_bytes, Box::new(wake)));
        let open = Control::OpenPort {
            port: id,
            outbox: Arc::clone(&outbox),
        };
        if self.inner.control.send(open).is_err() {
            outbox.close();
        }
        Port {
            id,
            door: self.inner.door.clone(),
            control: self.inner.control.clone(),
            fetches: self.inner.fetches.clone(),
            outbox,
            backlog: VecDeque::new(),
            fetched: Vec::new(),
            replay: None,
            stopped: false,
            lost_records: 0,
            released_at: None,
            fetches_open: Cell::new(0),
            pulls: self.inner.pulls.clone(),
            pulls_open: Cell::new(0),
            searches: self.inner.searches.jobs.clone(),
        }
    }

    /// The keyed digest by which a retry with another body is told from a true one (SPEC S3). The
    /// key stays in the log's directory.
    #[must_use]
    pub fn body_digest(&self, kind: Kind, priority: Priority, body: &[u8]) -> u64 {
        self.inner.door.digest.of(kind as u8, priority as u8, body)
    }

    /// Changes when the log was repaired or restored: cursors of another incarnation are void.
    #[must_use]
    pub fn incarnation(&self) -> u64 {
        self.inner.incarnation
    }

    /// The wall clock the engine was given.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.clock.wall()
    }

    /// The first record that is not durable yet.
    #[must_use]
    pub fn durable(&self) -> RecordNumber {
        self.inner.reader.durable()
    }

    /// Reads the log: records in order, and a group's by sequence; never past durable.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.inner.reader.clone()
    }

    /// Whether the log has failed, or the engine was closed: nothing is answered any more.
    #[must_use]
    pub fn has_stopped(&self) -> bool {
        self.inner.failed.load(Ordering::Acquire)
    }

    /// The hash of the whole state and the first record that is not in it; `None` once stopped.
    ///
    /// Takes time in proportion to the state, on the sequencer: for tests and checks.
    #[must_use]
    pub fn state_hash(&self) -> Option<(RecordNumber, [u8; 32])> {
        let (answer, hash) = oneshot::channel();
        self.inner.control.send(Control::Hash(answer)).ok()?;
        hash.recv().ok()
    }

    /// A reading of the counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let inner = &*self.inner;
        let counters = &*inner.counters;
        Stats {
            decided: counters.decided.load(Ordering::Relaxed),
            refused: counters.refused.load(Ordering::Relaxed),
            records: counters.records.load(Ordering::Relaxed),
            batches: counters.batches.load(Ordering::Relaxed),
            busy: inner.door.busy_count.load(Ordering::Relaxed),
            sessions: counters.sessions.load(Ordering::Relaxed),
            durable: inner.reader.durable(),
            admission_free_bytes: inner.door.budget.free(),
            snapshot: RecordNumber(counters.snapshot.load(Ordering::Relaxed)),
            snapshots_skipped: counters.snapshots_skipped.load(Ordering::Relaxed),
            clock_held_back_us: counters.clock_held_back_us.load(Ordering::Relaxed),
            calls_failed: counters.calls_failed.load(Ordering::Relaxed),
            calls_dropped: counters.calls_dropped.load(Ordering::Relaxed),
            tlog_size: counters.tlog_size.load(Ordering::Relaxed),
            tlog_lag_us: match inner.publishes {
                true => counters.tlog_lag_us(inner.reader.durable().0, &*inner.clock),
                false => 0,
            },
            tlog_failures: counters.tlog_failures.load(Ordering::Relaxed),
            timestamps: counters.timestamps.load(Ordering::Relaxed),
            timestamped: counters.timestamped.load(Ordering::Relaxed),
            timestamp_failures: counters.timestamp_failures.load(Ordering::Relaxed),
            cosignatures: counters.cosignatures.load(Ordering::Relaxed),
            cosigned_size: counters.cosigned_size.load(Ordering::Relaxed),
            cosignature_failures: counters.cosignature_failures.load(Ordering::Relaxed),
            custody_views: counters.custody_views.load(Ordering::Relaxed),
            custody_is_pending: counters.custody_pending.load(Ordering::Acquire) > 0,
            custody_failures: counters.custody_failures.load(Ordering::Relaxed),
            exports_waiting: counters.exports_waiting.load(Ordering::Relaxed),
            exports_finished: counters.exports_finished.load(Ordering::Relaxed),
            export_failures: counters.export_failures.load(Ordering::Relaxed),
            export_permille: counters.export_permille.load(Ordering::Relaxed),
            searched: RecordNumber(counters.searched.load(Ordering::Relaxed)),
            search_failures: counters.search_failures.load(Ordering::Relaxed),
            search_lag: match inner.searches.at_once_max {
                0 => 0,
                _ => {
                    let searched = counters.searched.load(Ordering::Acquire);
                    inner.reader.durable().0.saturating_sub(searched)
                }
            },
            search_documents: counters.search_documents.load(Ordering::Relaxed),
            searches: counters.searches.load(Ordering::Relaxed),
            search_us: counters.search_us.load(Ordering::Relaxed),
        }
    }

    /// Decides what has been admitted, writes and releases it, closes the log and stops. Other
    /// handles find the engine stopped.
    pub fn close(self) -> Result<(), CloseError> {
        self.inner.stop()
    }
}

impl Inner {
    fn stop(&self) -> Result<(), CloseError> {
        let threads = std::mem::take(
            &mut *self
                .threads
                .lock()
                .expect("no holder of this lock can panic"),
        );
        self.stop_snapshots.store(true, Ordering::Release);
        self.stop_custody.store(true, Ordering::Release);
        self.stop_exports.store(true, Ordering::Release);
        #[cfg(feature = "search")]
        let searching = self.searching.as_ref().map(search::Running::stop);
        let _ = self.stop_calls.try_send(());
        let _ = self.control.send(Control::Finish);
        if let Some(calls) = threads.calls {
            calls
                .join()
                .map_err(|_| CloseError::Panicked { thread: "calls" })?;
        }
        if let Some(snapshots) = threads.snapshots {
            snapshots.thread().unpark();
            snapshots
                .join()
                .map_err(|_| CloseError::Panicked { thread: "snapshot" })?;
        }
        if let Some(custody) = threads.custody {
            custody.thread().unpark();
            custody
                .join()
                .map_err(|_| CloseError::Panicked { thread: "custody" })?;
        }
        if let Some(sequencer) = threads.sequencer {
            sequencer.join().map_err(|_| CloseError::Panicked {
                thread: "sequencer",
            })?;
        }
        let log = threads.journal.map(JoinHandle::join);
        // The sequencer has ended and answers nobody any more.
        if let Some(exports) = threads.exports {
            exports
                .join()
                .map_err(|_| CloseError::Panicked { thread: "export" })?;
        }
        if let Some(attested) = threads.attested {
            attested.stop().map_err(|_| CloseError::Panicked {
                thread: "attesting",
            })?;
        }
        // Last, so that what was written until the end is published too.
        self.stop_tlog.store(true, Ordering::Release);
        if let Some(tlog) = threads.tlog {
            tlog.thread().unpark();
            tlog.join()
                .map_err(|_| CloseError::Panicked { thread: "tlog" })?;
        }
        if let Some(log) = log {
            log.map_err(|_| CloseError::Panicked { thread: "log" })??;
        }
        #[cfg(feature = "search")]
        if let Some(Err(_)) = searching {
            return Err(CloseError::Panicked { thread: "search" });
        }
        Ok(())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::error!(%error, "the engine did not close cleanly");
        }
    }
}
