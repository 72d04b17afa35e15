//! How an engine is opened.

use std::sync::Arc;
use std::time::Duration;

use super::{Callee, Transparency};
use crate::log::{self, Storage};
use crate::model::Limits;

/// What is told that the log has failed.
pub type OnFailure = Box<dyn FnOnce(&log::AppendError) + Send>;

/// An engine's knobs; the defaults suit one machine with a few thousand sessions.
#[non_exhaustive]
pub struct Options {
    /// The log's own knobs.
    pub log: log::Config,
    /// How much of everything the model allows.
    pub limits: Limits,
    /// Bytes of commands on their way from the door to their release; past it requests are answered
    /// `Busy`. Mass sends being worked off have an eighth as much of their own.
    ///
    /// Default 64 MiB. Range 1 MiB to 4 GiB. Costs up to this much memory.
    pub admission_bytes: u64,
    /// Attaches on their way at once, in room of their own that publishes cannot take.
    ///
    /// Default 16,384. Range 64 to 1,000,000. Costs 512 bytes each.
    pub attaches_max: u64,
    /// Bytes of deliveries released to a port and not taken yet; past it the port reads them from
    /// the log.
    ///
    /// Default 32 MiB. Range 1 MiB to 4 GiB. Costs up to this much memory per port.
    pub outbox_bytes: usize,
    /// Threads that read the log for sessions that are behind.
    ///
    /// Default 2. Range 1 to 16.
    pub readers: usize,
    /// Bytes of the log that one page of a pull, or of the audit trail, looks through.
    ///
    /// Default 8 MiB. Range 64 KiB to 1 GiB. Costs the others a wait of a few milliseconds.
    pub pull_pass_bytes: u64,
    /// Pages of the audit trail under way that are asked for through ports; another is answered `Busy`. They
    /// are made one after the other.
    ///
    /// Default 16. Range 1 to 1,024. Costs up to 100 KiB each.
    pub audits_at_once_max: usize,
    /// Records between two snapshots: how many a start replays at most, about.
    ///
    /// Default 1,000,000. Range 1,000 to 1,000,000,000. A snapshot costs a second state in memory
    /// while it is made.
    pub snapshot_every_records: u64,
    /// Whoever makes outward calls; without one they wait for the enterprise to answer them.
    pub callee: Option<Arc<dyn Callee>>,
    /// Outward calls made at once.
    ///
    /// Default 16. Range 1 to 256. Costs a thread each, and up to four more while some hang.
    pub calls_at_once_max: usize,
    /// Of these, one tenant's: one whose systems hang leaves the others their places.
    ///
    /// Default 4. Range 1 to `calls_at_once_max`.
    pub calls_at_once_per_tenant_max: usize,
    /// Outward calls that wait for their turn; another is not made, and expires.
    ///
    /// Default 10,000. Range 1 to 100,000. Costs up to 1 KiB each.
    pub calls_waiting_max: usize,
    /// How long an outward call may take before it has failed.
    ///
    /// Default 10 s. Range 100 ms to 10 min.
    pub call_timeout: Duration,
    /// Publishes the log for auditors; without it nothing is published and nothing is paid for.
    pub transparency: Option<Transparency>,
    /// Where granted exports go, each to a folder `tenant-<T>-export-<N>/`; without it they wait for
    /// `throng archive export`, or for an engine that has it.
    pub exports: Option<Arc<dyn Storage>>,
    /// How they are made.
    pub export: crate::archive::export::Settings,
    /// Indexes the archive, to be searched by those entitled; without it nothing is indexed.
    #[cfg(feature = "search")]
    pub search: Option<super::Searching>,
    /// Called once, on the log's thread, when the log has failed and nothing is acknowledged any
    /// more. A server exits here.
    pub on_failure: Option<OnFailure>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            log: log::Config::default(),
            limits: Limits::default(),
            admission_bytes: 64 * 1024 * 1024,
            attaches_max: 16_384,
            outbox_bytes: 32 * 1024 * 1024,
            readers: 2,
            pull_pass_bytes: 8 * 1024 * 1024,
            audits_at_once_max: 16,
            snapshot_every_records: 1_000_000,
            callee: None,
            calls_at_once_max: 16,
            calls_at_once_per_tenant_max: 4,
            calls_waiting_max: 10_000,
            call_timeout: Duration::from_secs(10),
            transparency: None,
            exports: None,
            export: crate::archive::export::Settings::default(),
            #[cfg(feature = "search")]
            search: None,
            on_failure: None,
        }
    }
}
