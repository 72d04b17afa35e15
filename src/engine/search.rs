//! Search in the archive: the thread that keeps the index a few seconds behind the log, and the one way to ask.
//!
//! Nobody waits for the index. A search is a record before it is made (SPEC P1, A1), so it is answered only
//! once that record is durable (invariant 2); who may search is the model's affair.

mod finder;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::Sender;

use self::finder::{Finder, note};
use super::sequencer::Control;
use super::stats::Counters;
use super::{Clock, Engine, ExecuteError};
use crate::archive::search::{
    Cursor, HITS_MAX, Index, IndexError, MEMORY_MIN, Page, Query, QueryRefused, Search,
};
use crate::log::{Chunked, Reader, Storage};
use crate::model::command::{Actor, Command, Reply, SearchArchiveV1, TaggedCommand};
use crate::model::{Gone, Refusal};
use crate::wire::{GroupId, PersonId, RecordNumber, Timestamp};

/// Bytes of records read at a time.
const READ_LEN: usize = 1 << 20;
/// The longest pause after failures in a row.
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// How the archive is indexed.
#[derive(Debug)]
pub struct Searching {
    /// Where the index goes: not the log's own. It is sealed as the log is.
    pub storage: Arc<dyn Storage>,
    /// How often new records are indexed.
    ///
    /// Default 2 s. Range 100 ms to 1 h. A commit costs about ten syncs of small files.
    pub every: Duration,
    /// Memory to index with; beyond it, a part of the index is written early.
    ///
    /// Default 64 MiB. Range 16 MiB to 1 GiB. Costs up to this much memory, and more parts the less it is.
    pub memory_bytes: usize,
    /// Searches under way that came through ports; another is answered `Busy`. One is made at a time.
    ///
    /// Default 16. Range 1 to 1,024. Costs up to 100 KiB each.
    pub at_once_max: usize,
}

impl Searching {
    /// With the defaults.
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>) -> Self {
        Self {
            storage,
            every: Duration::from_secs(2),
            memory_bytes: 4 * MEMORY_MIN,
            at_once_max: 16,
        }
    }
}

/// What a search found, and the record that says it was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Searched {
    /// The record of the search.
    pub search: RecordNumber,
    /// What was found.
    pub page: Page,
}

/// Why nothing was searched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// The engine keeps no index.
    #[error("this engine keeps no search index: open it with `Options::search`")]
    Off,
    /// The index is not open yet, or could not be. Nothing was recorded.
    #[error("the search index is not open yet: try again in a few seconds")]
    NotYet,
    /// The query says nothing, or too much. Nothing was recorded.
    #[error(transparent)]
    Query(#[from] QueryRefused),
    /// The search was not granted, or not recorded.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
}

/// Where searches find the index, once it is open.
type Slot = Arc<Mutex<Option<Search>>>;

fn open(slot: &Slot) -> MutexGuard<'_, Option<Search>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread, as the engine has it.
pub(super) struct Running {
    slot: Slot,
    stop: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Running {
    /// Starts the thread; `spawn` as the engine's others are.
    pub(super) fn start<E>(
        indexer: Indexer,
        spawn: impl FnOnce(Box<dyn FnOnce() + Send>) -> Result<JoinHandle<()>, E>,
    ) -> Result<Self, E> {
        let (slot, stop) = (Arc::clone(&indexer.slot), Arc::clone(&indexer.stop));
        let thread = Mutex::new(Some(spawn(Box::new(move || indexer.run()))?));
        Ok(Self { slot, stop, thread })
    }

    /// Stops the thread, which commits what it has read.
    pub(super) fn stop(&self) -> std::thread::Result<()> {
        self.stop.store(true, Ordering::Release);
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let joined = thread.map_or(Ok(()), |thread| {
            thread.thread().unpark();
            thread.join()
        });
        // Whoever opens the index next need not wait for the last port to be gone.
        open(&self.slot).take();
        joined
    }
}

#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error("the engine stops")]
    Stopped,
}

/// Keeps the index.
pub(super) struct Indexer {
    pub(super) files: Chunked,
    pub(super) identity: ([u8; 16], u64),
    pub(super) reader: Reader,
    pub(super) every: Duration,
    pub(super) memory_bytes: usize,
    pub(super) control: Sender<Control>,
    pub(super) counters: Arc<Counters>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) slot: Slot,
    /// What was removed from the log before this record is not in the index.
    pub(super) begun: AtomicU64,
}

impl Indexer {
    /// What makes the searches that come through ports.
    pub(super) fn finder(&self, clock: Arc<dyn Clock>) -> Finder {
        Finder {
            slot: Arc::clone(&self.slot),
            counters: Arc::clone(&self.counters),
            clock,
        }
    }

    /// Runs until it is told to stop (and unparked).
    fn run(self) {
        let (mut index, mut is_damaged, mut failures) = (None, false, 0_u32);
        loop {
            let stopping = self.is_stopping();
            match self.step(&mut index, is_damaged) {
                Ok(()) => (is_damaged, failures) = (false, 0),
                // What was read last says what is gone, which nobody answered: it is read again.
                Err(StepError::Stopped) => index = None,
                Err(StepError::Index(error)) => {
                    self.counters
                        .search_failures
                        .fetch_add(1, Ordering::Relaxed);
                    tracing::error!(%error, "the search index could not go on: it is tried again, searches find what was indexed before");
                    is_damaged |= error.is_damage();
                    failures = (failures + 1).min(16);
                    index = None;
                }
            }
            if stopping {
                return;
            }
            let pause = self.every.saturating_mul(1 << failures);
            std::thread::park_timeout(pause.min(PAUSE_MAX.max(self.every)));
        }
    }

    fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Indexes what is durable now; when it is to stop, no more than what is read already.
    fn step(&self, index: &mut Option<Index>, is_damaged: bool) -> Result<(), StepError> {
        let index = match index {
            Some(index) => index,
            None => {
                let durable = self.reader.durable();
                let files = self.files.clone();
                let mut opened = Index::open(files, self.identity, durable, self.memory_bytes)?;
                if is_damaged {
                    opened.clear()?;
                }
                self.begun.store(0, Ordering::Relaxed);
                let search = opened.search(self.reader.clone());
                *open(&self.slot) = Some(search);
                index.insert(opened)
            }
        };
        if index.is_damaged() {
            tracing::warn!("the search index is damaged: it is made again from the log");
            index.clear()?;
            self.begun.store(0, Ordering::Relaxed);
        }
        // What was removed from the log is found no more, and is not read.
        let first = self.reader.first();
        if first > RecordNumber(self.begun.load(Ordering::Relaxed)) {
            index.begin_at(first)?;
            self.begun.store(first.0, Ordering::Relaxed);
        }
        self.count(index);
        while !self.is_stopping() {
            let records = self.reader.read(index.next(), READ_LEN);
            let records = records.map_err(IndexError::from)?;
            if records.is_empty() {
                break;
            }
            for record in &records {
                if index.add(record)? {
                    let gone = self.gone()?;
                    index.erase(|tenant, group, day| gone.has(tenant, group, day))?;
                } else if index.is_full() {
                    index.commit()?;
                }
            }
            self.count(index);
        }
        if index.next() != index.committed() {
            index.commit()?;
        }
        self.count(index);
        Ok(())
    }

    fn count(&self, index: &Index) {
        let next = index.committed().0;
        self.counters.searched.store(next, Ordering::Release);
        let documents = index.documents();
        self.counters
            .search_documents
            .store(documents, Ordering::Relaxed);
    }

    /// What is gone, as far as it is durable: what a crash would take back is erased nowhere (invariant 2).
    fn gone(&self) -> Result<Gone, StepError> {
        let (answer, gone) = oneshot::channel();
        let asked = self.control.send(Control::Gone(answer));
        asked.map_err(|_| StepError::Stopped)?;
        let (next, gone) = gone.recv().map_err(|_| StepError::Stopped)?;
        while self.reader.durable() < next {
            if self.is_stopping() {
                return Err(StepError::Stopped);
            }
            std::thread::park_timeout(Duration::from_millis(1));
        }
        Ok(gone)
    }
}

impl Engine {
    /// Searches a tenant's archive on behalf of `actor`, which the model must allow. Each page is a search of
    /// its own: who asked for what, and when, is a durable record before anything is read.
    ///
    /// Blocks until then, and while it reads; a few seconds of the latest records may not be found yet
    /// ([`Page::searched`]).
    pub fn search(
        &self,
        actor: Actor,
        second_factor: bool,
        query: &Query,
    ) -> Result<Searched, SearchError> {
        let search = match self.searchable(query) {
            Ok(search) => search,
            Err(why) => {
                // Who may not search is told that first, and it is on record (SPEC P3).
                let whether = SearchArchiveV1 {
                    hits: 0,
                    ..as_command(query)
                };
                let ticket = self.execute(Command {
                    tenant: query.tenant,
                    actor,
                    second_factor,
                    body: TaggedCommand::SearchArchive(whether).into(),
                });
                return match ticket.map_err(ExecuteError::from)?.wait() {
                    Err(ExecuteError::Refused(Refusal::Invalid { .. })) => Err(why),
                    Err(refused) => Err(refused.into()),
                    Ok(_) => Err(why),
                };
            }
        };
        let asked = TaggedCommand::SearchArchive(as_command(query));
        let granted = self.execute(Command {
            tenant: query.tenant,
            actor,
            second_factor,
            body: asked.into(),
        });
        match granted.map_err(ExecuteError::from)?.wait()? {
            Reply::SearchGranted(granted) => {
                let clock = &*self.inner.clock;
                let began_us = clock.monotonic_us();
                let page = search.find(query);
                let took_us = clock.monotonic_us().saturating_sub(began_us);
                note(&self.inner.counters, took_us);
                Ok(Searched {
                    search: granted.search,
                    page: page?,
                })
            }
            other => unreachable!("a search is answered by its record, not {other:?}"),
        }
    }

    /// What searches, where it could be done at all.
    fn searchable(&self, query: &Query) -> Result<Search, SearchError> {
        let running = self.inner.searching.as_ref().ok_or(SearchError::Off)?;
        query.check()?;
        open(&running.slot).clone().ok_or(SearchError::NotYet)
    }
}

fn as_command(query: &Query) -> SearchArchiveV1 {
    SearchArchiveV1 {
        words: query.words.clone(),
        group: query.group.unwrap_or(GroupId(0)),
        person: query.person.unwrap_or(PersonId(0)),
        from: query.from.unwrap_or(Timestamp(i64::MIN)),
        until: query.until.unwrap_or(Timestamp(i64::MAX)),
        after: query.after.map_or(0, Cursor::number),
        hits: query.hits_max.clamp(1, HITS_MAX) as u32,
    }
}
