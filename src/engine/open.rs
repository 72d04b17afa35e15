//! Opening: lock, recover, replay, start the threads.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded, tick, unbounded};
use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};

use super::announcements::Announcements;
use super::attest::{Attesting, Of};
use super::audits::{Audits, Trail};
use super::budget::{Budget, COMMAND_BYTES_MIN};
use super::call::{Bounds, Dispatcher, Outgoing};
use super::clock::{Clock, DecisionClock, SystemClock};
use super::custody::{Custodian, Expiry, Newest, as_the_log_asks};
use super::denials::Denials;
use super::door::{BodyDigest, Door, Randomness};
use super::export::{Exporter, GRANTED_MAX};
use super::fetch::FetchJob;
use super::journal::Journal;
use super::online::Online;
use super::pull::{PageJob, Secrets};
use super::recovery::{self, ReplayError};
use super::removal::Removal;
use super::searches::Searches;
use super::sequencer::Sequencer;
use super::snapshot::Snapshotter;
use super::stats::Counters;
use super::tlog::Follower;
use super::{Engine, Inner, OnFailure, Options, Threads, fetch, pull};
use crate::archive::pull::Pages;
use crate::archive::tlog;
use crate::log::{self, AppendError, Directory, Entry, Log, Memory, Recovered, Repaired, Storage};
use crate::model::event::{self, Event, LogRepairedV1};
use crate::model::{Gone, OpenCall};
use crate::wire::{BODY_LEN_MAX, ExportId, Header, HeaderFields, TenantId};

/// How often an idle engine looks whether a day has ended, and content is due to expire.
const EXPIRY_LOOK_EVERY: Duration = Duration::from_secs(60);
/// One slice of the longest message always has room.
const SLICE_BYTES_MAX: u64 = 2 * COMMAND_BYTES_MIN + BODY_LEN_MAX as u64;

/// Why an engine could not be opened. Nothing was changed that opening again would not repeat.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The log could not be opened.
    #[error(transparent)]
    Log(#[from] log::OpenError),
    /// The record of a repair could not be written.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The state could not be rebuilt from it.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// What was published of the log does not agree with it.
    #[error("the transparency log: {0}")]
    Transparency(#[from] tlog::OpenError),
    /// The system gave no randomness or no thread.
    #[error("the system refused {what}: {source}")]
    System {
        /// What was asked for.
        what: &'static str,
        /// Its answer.
        source: std::io::Error,
    },
}

impl Engine {
    /// Opens the engine whose log is in `directory`, which is made if it is not there.
    pub fn open(directory: &Path, options: Options) -> Result<Self, OpenError> {
        let storage = Directory::open(directory).map_err(log::OpenError::from)?;
        let mut entropy = [0; 32];
        getrandom::fill(&mut entropy).map_err(|error| OpenError::System {
            what: "randomness",
            source: std::io::Error::other(error.to_string()),
        })?;
        Self::open_on(
            Arc::new(storage),
            options,
            Arc::new(SystemClock::default()),
            entropy,
        )
    }

    /// An engine whose log is in memory, for tests: everything works, nothing lasts.
    ///
    /// The same `seed`, `clock` readings and commands give the same log.
    #[must_use]
    pub fn in_memory(clock: Arc<dyn Clock>, seed: u64) -> Self {
        Self::open_on(
            Arc::new(Memory::new()),
            Options::default(),
            clock,
            Sha256::digest(seed.to_le_bytes()).into(),
        )
        .expect("an empty log in memory always opens")
    }

    /// Opens an engine on any storage, clock and randomness: for tests of crashes and faults.
    pub fn open_on(
        storage: Arc<dyn Storage>,
        options: Options,
        clock: Arc<dyn Clock>,
        entropy: [u8; 32],
    ) -> Result<Self, OpenError> {
        Parts::of(storage, options, clock, entropy)?.start()
    }
}

/// What an engine is made of, before any of it runs.
pub(super) struct Parts {
    pub(super) inner: Inner,
    pub(super) sequencer: Sequencer,
    pub(super) journal: Journal,
    pub(super) snapshotter: Snapshotter,
    pub(super) custodian: Custodian,
    pub(super) follower: Option<Follower>,
    attesting: Option<Attesting>,
    pub(super) exporter: Option<Exporter>,
    /// Exports that were granted and are not complete.
    pub(super) open_exports: Vec<(TenantId, ExportId)>,
    dispatcher: Option<Dispatcher>,
    open_calls: Vec<OpenCall>,
    readers: usize,
    fetches: Receiver<FetchJob>,
    pages: Pages,
    trail: Trail,
    secrets: Secrets,
    pulls: Receiver<PageJob>,
    on_failure: OnFailure,
    #[cfg(feature = "search")]
    searching: Option<(super::search::Indexer, Receiver<super::searches::SearchJob>)>,
}

impl Parts {
    /// Recovers the log and what follows from it.
    pub(super) fn of(
        storage: Arc<dyn Storage>,
        options: Options,
        clock: Arc<dyn Clock>,
        entropy: [u8; 32],
    ) -> Result<Self, OpenError> {
        let (mut log, mut recovered) = Log::open(storage, options.log.clone(), entropy)?;
        for lost in recovered.lost_keys.iter().filter(|it| it.defect.is_some()) {
            tracing::error!("{lost}: restore the file `keyring` from a copy");
        }
        if let Some(repaired) = recovered.repaired {
            append_repair(&mut log, &mut recovered, repaired, &*clock)?;
        }
        let reader = log.reader();
        let stop_tlog = Arc::new(AtomicBool::new(false));
        let published = options
            .transparency
            .as_ref()
            .map(|it| (Arc::clone(&it.storage), it.key.verifying_key()));
        let identity = (recovered.log, recovered.incarnation);
        let publishing = options.transparency.map(|it| it.open(&mut log, identity));
        let publishing = publishing.transpose()?;
        #[cfg(feature = "search")]
        let indexed = options.search.map(|searching| {
            let files = log.chunked(Arc::clone(&searching.storage));
            (searching, files)
        });
        #[cfg(feature = "search")]
        let searches_max = indexed.as_ref().map_or(0, |(it, _)| it.at_once_max.max(1));
        #[cfg(not(feature = "search"))]
        let searches_max = 0;
        let (search_jobs, search_inbox) = unbounded();
        let snapshots = log.snapshots();
        let mut replayed = recovery::from_snapshot(&snapshots, &reader, recovered.next)?;
        let counters = Arc::new(Counters {
            snapshot: AtomicU64::new(replayed.next.0),
            tlog_size: AtomicU64::new(publishing.as_ref().map_or(0, |(it, ..)| it.signed())),
            tlog_seen_us: AtomicU64::new(clock.monotonic_us()),
            ..Counters::default()
        });
        replayed.advance(&reader, recovered.next)?;
        // What a crash has left undone of it is done now.
        let gone = Gone::of(&replayed.state);
        if !gone.is_empty() {
            log.forget(as_the_log_asks(gone.clone()))?;
        }
        let announcements =
            Announcements::read(&replayed.state, &reader).map_err(ReplayError::from)?;
        let newest_gone = Arc::<Newest>::default();
        let stop_custody = Arc::new(AtomicBool::new(false));
        let wanted = Arc::new(AtomicBool::new(false));
        let custodian = Custodian {
            removal: Removal::new(
                reader.clone(),
                snapshots.clone(),
                publishing.is_some(),
                Arc::clone(&wanted),
                Arc::clone(&counters),
            ),
            compactor: log.compactor(),
            newest: Arc::clone(&newest_gone),
            days: (!gone.is_empty()).then_some(i32::MIN..=i32::MAX),
            gone: gone.clone(),
            counters: Arc::clone(&counters),
            stop: Arc::clone(&stop_custody),
        };

        // Bounded by the budgets: what enters these has a permit.
        let (commands, commands_inbox) = unbounded();
        let (control, control_inbox) = unbounded();
        let (journal, journal_inbox) = unbounded();
        let (fetches, fetches_inbox) = unbounded();
        let (pulls, pulls_inbox) = unbounded();
        let failed = Arc::new(AtomicBool::new(false));
        let stop_snapshots = Arc::new(AtomicBool::new(false));
        let stop_exports = Arc::new(AtomicBool::new(false));
        let budget = Budget::new(options.admission_bytes);
        let open_calls = match &options.callee {
            Some(_) => replayed.state.open_calls().collect(),
            None => Vec::new(),
        };
        let (granted, granted_inbox) = bounded(GRANTED_MAX);
        let open_exports = match &options.exports {
            Some(_) => replayed.state.open_exports().collect(),
            None => Vec::new(),
        };
        let sequencer = Sequencer {
            state: replayed.state.with_limits(options.limits),
            next: recovered.next,
            randomness: Randomness {
                key: recovered.digest_key,
            },
            decision_clock: DecisionClock::new(recovered.last_timestamp, &*clock),
            clock: Arc::clone(&clock),
            online: Online::default(),
            mass_sends: FxHashMap::default(),
            announcements,
            denials: Denials::default(),
            gone: gone.apart(),
            expiry: Expiry::new(recovered.last_timestamp.max(clock.wall())),
            minutes: tick(EXPIRY_LOOK_EVERY),
            reader: reader.clone(),
            space: log.space(),
            record_bytes_max: u64::from(options.log.record_bytes_max),
            slices: Budget::new((options.admission_bytes / 8).max(SLICE_BYTES_MAX)),
            commands: commands_inbox,
            control: control_inbox,
            journal,
            exports: options.exports.is_some().then_some(granted),
            counters: Arc::clone(&counters),
        };
        let (calls, calls_inbox) = bounded(options.calls_waiting_max.max(1));
        let (stop_calls, calls_stopped) = bounded(1);
        let outgoing = options.callee.is_some().then(|| Outgoing {
            queue: calls,
            counters: Arc::clone(&counters),
        });
        let journal = Journal::new(
            log,
            journal_inbox,
            outgoing,
            (gone.apart(), newest_gone),
            Arc::clone(&counters),
            Arc::clone(&failed),
        );
        let snapshotter = Snapshotter {
            reader: reader.clone(),
            snapshots,
            every_records: options.snapshot_every_records,
            wanted,
            counters: Arc::clone(&counters),
            stop: Arc::clone(&stop_snapshots),
        };
        let publishes = publishing.is_some();
        let (follower, attesting) = publishing
            .map(|(publisher, commitments, publish, seen)| {
                let of = Of {
                    storage: publish.storage,
                    key: publisher.verifying_key(),
                    incarnation: recovered.incarnation,
                    entropy,
                    clock: Arc::clone(&clock),
                    counters: Arc::clone(&counters),
                };
                let attesting = Attesting::new(&of, (publish.timestamps, publish.witnesses));
                let follower = Follower {
                    publisher,
                    commitments,
                    reader: reader.clone(),
                    every: publish.every,
                    lines: attesting.lines(),
                    clock: Arc::clone(&clock),
                    counters: Arc::clone(&counters),
                    stop: Arc::clone(&stop_tlog),
                    seen,
                    held: (0, Vec::new()),
                };
                (follower, attesting)
            })
            .unzip();
        let trail = Trail {
            reader: reader.clone(),
            pass_bytes: options.pull_pass_bytes,
            clock: clock.clone(),
        };
        let audits = Audits {
            trail: trail.clone(),
            open: Arc::default(),
            at_once_max: options.audits_at_once_max,
        };
        let door = Door {
            commands,
            control: control.clone(),
            budget,
            attach_budget: Budget::new(options.attaches_max.saturating_mul(COMMAND_BYTES_MIN)),
            busy_count: Arc::new(AtomicU64::new(0)),
            digest: BodyDigest {
                key: recovered.digest_key,
            },
        };
        let dispatcher = options.callee.map(|callee| Dispatcher {
            callee,
            bounds: Bounds {
                at_once_max: options.calls_at_once_max,
                at_once_per_tenant_max: options.calls_at_once_per_tenant_max,
                waiting_max: options.calls_waiting_max,
                timeout: options.call_timeout,
            },
            door: door.clone(),
            clock: Arc::clone(&clock),
            counters: Arc::clone(&counters),
            queue: calls_inbox,
            stop: calls_stopped,
        });
        let exporter = options.exports.map(|storage| Exporter {
            storage,
            settings: options.export,
            published,
            reader: reader.clone(),
            door: door.clone(),
            granted: granted_inbox,
            counters: Arc::clone(&counters),
            stop: Arc::clone(&stop_exports),
        });
        #[cfg(feature = "search")]
        let searching = indexed.map(|(searching, files)| {
            let indexer = super::search::Indexer {
                files,
                identity: (recovered.log, recovered.incarnation),
                reader: reader.clone(),
                every: searching.every,
                memory_bytes: searching.memory_bytes,
                control: control.clone(),
                counters: Arc::clone(&counters),
                stop: Arc::default(),
                slot: Arc::default(),
                begun: AtomicU64::default(),
            };
            (indexer, search_inbox)
        });
        #[cfg(not(feature = "search"))]
        drop(search_inbox);
        let inner = Inner {
            door,
            control,
            fetches,
            pulls,
            audits,
            reader,
            clock,
            counters,
            failed,
            stop_snapshots,
            stop_calls,
            stop_tlog,
            stop_custody,
            stop_exports,
            publishes,
            searches: Searches {
                jobs: search_jobs,
                open: Arc::default(),
                at_once_max: searches_max,
            },
            #[cfg(feature = "search")]
            searching: None,
            incarnation: recovered.incarnation,
            outbox_bytes: options.outbox_bytes,
            ports: AtomicU16::new(0),
            threads: Mutex::default(),
        };
        Ok(Self {
            pages: Pages::new(
                inner.reader.clone(),
                recovered.incarnation,
                options.pull_pass_bytes,
            ),
            trail,
            secrets: Secrets::of(&entropy),
            inner,
            sequencer,
            journal,
            snapshotter,
            custodian,
            follower,
            attesting,
            exporter,
            open_exports,
            dispatcher,
            open_calls,
            readers: options.readers.max(1),
            fetches: fetches_inbox,
            pulls: pulls_inbox,
            on_failure: options.on_failure.unwrap_or_else(|| Box::new(|_| {})),
            #[cfg(feature = "search")]
            searching,
        })
    }

    /// Gives each its thread.
    fn start(self) -> Result<Engine, OpenError> {
        let Self {
            mut inner,
            sequencer,
            journal,
            snapshotter,
            custodian,
            follower,
            attesting,
            exporter,
            open_exports,
            dispatcher,
            open_calls,
            readers,
            fetches,
            pages,
            trail,
            secrets,
            pulls,
            on_failure,
            #[cfg(feature = "search")]
            searching,
        } = self;
        for _ in 0..readers {
            let (reader, jobs) = (inner.reader.clone(), fetches.clone());
            spawn("throng-read", move || fetch::run(&reader, &jobs))?;
        }
        spawn("throng-pull", move || {
            pull::run(pages, &trail, secrets, &pulls);
        })?;
        *inner
            .threads
            .get_mut()
            .expect("no holder of this lock can panic") = Threads {
            sequencer: Some(spawn("throng-seq", move || sequencer.run())?),
            journal: Some(spawn("throng-log", move || journal.run(on_failure))?),
            snapshots: Some(spawn("throng-snap", move || snapshotter.run())?),
            calls: dispatcher
                .map(|calls| spawn("throng-calls", move || calls.run(open_calls)))
                .transpose()?,
            custody: Some(spawn("throng-custody", move || custodian.run())?),
            tlog: follower
                .map(|follower| spawn("throng-tlog", move || follower.run()))
                .transpose()?,
            attested: attesting.map(Attesting::start).transpose()?,
            exports: exporter
                .map(|exporter| spawn("throng-export", move || exporter.run(open_exports)))
                .transpose()?,
        };
        #[cfg(feature = "search")]
        if let Some((indexer, jobs)) = searching {
            let finder = indexer.finder(Arc::clone(&inner.clock));
            spawn("throng-find", move || finder.run(&jobs))?;
            let start = |run| spawn("throng-search", run);
            inner.searching = Some(super::search::Running::start(indexer, start)?);
        }
        Ok(Engine {
            inner: Arc::new(inner),
        })
    }
}

/// A repair is itself a record (SPEC A1), the first one after what was lost.
fn append_repair(
    log: &mut Log,
    recovered: &mut Recovered,
    repaired: Repaired,
    clock: &dyn Clock,
) -> Result<(), OpenError> {
    let header = Header::new(&HeaderFields {
        record: recovered.next,
        timestamp: recovered.last_timestamp.max(clock.wall()),
        ..HeaderFields::default()
    });
    let mut private = Vec::new();
    let event = LogRepairedV1 { at: repaired.at };
    event::encode_all(&[Event::LogRepaired(event)], &mut private);
    log.append(&[Entry {
        header: &header,
        takes: &[],
        view: &[],
        private: &private,
    }])?;
    recovered.last_timestamp = header.timestamp();
    recovered.next = recovered.next.next();
    Ok(())
}

pub(super) fn spawn<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<thread::JoinHandle<T>, OpenError> {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(run);
    spawned.map_err(|source| OpenError::System {
        what: "a thread",
        source,
    })
}
