//! The thread that carries out exports once they are granted (SPEC A7), and has each recorded when it is
//! whole.
//!
//! It reads what is durable and nothing waits for it. What is granted and not complete is state: a
//! restart goes on with it. What goes wrong is counted, logged and tried again, ever more seldom.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::door::Door;
use super::sequencer::Asker;
use super::stats::Counters;
use super::ticket::{ExecuteError, Ticket};
use crate::archive::export::{
    ExportError, Exported, Grant, Job, Phase, Progress, Published, Settings, granted_by,
};
use crate::archive::tlog::VerifyingKey;
use crate::log::{Reader, Storage};
use crate::model::command::{Actor, Command, FinishExportV1, TaggedCommand};
use crate::model::event::{self, Event};
use crate::wire::{ExportId, RecordNumber, TenantId};

/// Grants that wait to be looked at; one more is carried out by the next start.
pub(crate) const GRANTED_MAX: usize = 1_024;
/// How long what is decided may take to be durable and signed before it is looked for again.
const SOON: Duration = Duration::from_millis(20);
/// After a failure, doubled each time up to the longest.
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(600);

/// Whether a record with these events grants an export.
pub(crate) fn grants(events: &[Event]) -> bool {
    let grants = |event: &Event| matches!(event, Event::ExportGranted(_));
    events.iter().any(grants)
}

/// The folder of an export, in the storage of all of them.
fn folder(grant: &Grant) -> String {
    format!("tenant-{}-export-{}/", grant.tenant, grant.export)
}

/// An export that is not complete.
#[derive(Debug)]
pub(super) enum Open {
    /// From before the engine was opened.
    Found(TenantId, ExportId),
    /// Decided in this record, which may not be durable yet.
    Granted(RecordNumber),
    /// Its grant was read.
    Known(Box<Grant>),
}

#[derive(Debug, thiserror::Error)]
pub(super) enum ExporterError {
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error("that it is complete could not be recorded: {0}")]
    Execute(#[from] ExecuteError),
    #[error("record {0} grants nothing that is still open")]
    NothingGranted(RecordNumber),
    /// Not durable or not signed yet, or the engine is busy: no failure.
    #[error("not yet")]
    NotYet,
}

pub(crate) struct Exporter {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) settings: Settings,
    /// What is published of the log, where it is.
    pub(crate) published: Option<(Arc<dyn Storage>, VerifyingKey)>,
    pub(crate) reader: Reader,
    pub(crate) door: Door,
    pub(crate) granted: Receiver<RecordNumber>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) stop: Arc<AtomicBool>,
}

impl Exporter {
    /// Runs until the sequencer has ended, beginning with what was open when the engine was.
    pub(crate) fn run(self, open: Vec<(TenantId, ExportId)>) {
        let open = open.into_iter();
        let mut waiting: VecDeque<_> = open
            .map(|(tenant, export)| Open::Found(tenant, export))
            .collect();
        let (mut retry, mut failed) = (RETRY_MIN, 0);
        loop {
            waiting.extend(self.granted.try_iter().map(Open::Granted));
            self.counters
                .exports_waiting
                .store(waiting.len() as u64, Ordering::Relaxed);
            let pause = match waiting.pop_front() {
                None => Duration::MAX,
                Some(mut next) => match self.carry_out(&mut next) {
                    Ok(()) => {
                        (retry, failed) = (RETRY_MIN, 0);
                        continue;
                    }
                    Err(ExporterError::NothingGranted(_)) => continue,
                    Err(ExporterError::Export(error)) if self.is_removed(&next, &error) => {
                        tracing::warn!(export = ?next, "an export is not made: its grant, and all before it, were removed by retention");
                        continue;
                    }
                    Err(ExporterError::Export(ExportError::Stopped)) => return,
                    Err(ExporterError::NotYet) => {
                        waiting.push_front(next);
                        SOON
                    }
                    Err(error) => {
                        self.counters
                            .export_failures
                            .fetch_add(1, Ordering::Relaxed);
                        tracing::error!(%error, export = ?next, "an export failed: it is tried again");
                        waiting.push_back(next);
                        failed += 1;
                        if failed < waiting.len() {
                            continue; // Others first, which may not fail.
                        }
                        let pause = retry;
                        (retry, failed) = ((retry * 2).min(RETRY_MAX), 0);
                        pause
                    }
                },
            };
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            let granted = match pause {
                Duration::MAX => self.granted.recv().map_err(RecvTimeoutError::from),
                pause => self.granted.recv_timeout(pause),
            };
            match granted {
                Ok(record) => waiting.push_back(Open::Granted(record)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn carry_out(&self, open: &mut Open) -> Result<(), ExporterError> {
        self.make(open)?.wait()?;
        self.counters
            .exports_finished
            .fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Makes an export and asks to have it recorded.
    pub(super) fn make(&self, open: &mut Open) -> Result<Ticket, ExporterError> {
        let grant = match open {
            Open::Known(grant) => grant,
            Open::Found(tenant, export) => {
                let note = &mut |progress| self.note(progress);
                let grant = Grant::find(&self.reader, Some(*tenant), *export, note)?;
                *open = Open::Known(Box::new(grant));
                return self.make(open);
            }
            Open::Granted(record) => {
                let grant = self.grant_in(*record)?;
                *open = Open::Known(Box::new(grant));
                return self.make(open);
            }
        };
        let signed = self.counters.tlog_size.load(Ordering::Acquire);
        if self.published.is_some() && signed <= grant.record.0 {
            return Err(ExporterError::NotYet);
        }
        let folder = folder(grant);
        let (tenant, export) = (grant.tenant.0, grant.export.0);
        tracing::info!(tenant, export, folder, "an export is carried out");
        let job = Job {
            reader: &self.reader,
            grant,
            out: &*self.storage,
            folder: &folder,
            published: self.published.as_ref().map(|(storage, key)| Published {
                storage: &**storage,
                key,
            }),
            settings: self.settings,
        };
        let exported = job.run(&mut |progress| self.note(progress));
        self.counters.export_permille.store(0, Ordering::Relaxed);
        let exported = exported?;
        let records = exported.records;
        tracing::info!(tenant, export, folder, records, "an export is complete");
        self.finish(grant, exported)
    }

    /// Whether there is nothing left to export: not even the record that grants it.
    fn is_removed(&self, open: &Open, error: &ExportError) -> bool {
        let first = self.reader.first();
        match open {
            Open::Found(..) => {
                first > RecordNumber(0) && matches!(error, ExportError::NotGranted { .. })
            }
            Open::Granted(record) => *record < first,
            Open::Known(grant) => grant.record < first,
        }
    }

    fn grant_in(&self, record: RecordNumber) -> Result<Grant, ExporterError> {
        if self.reader.durable() <= record {
            return Err(ExporterError::NotYet);
        }
        let found = self.reader.read(record, 1).map_err(ExportError::from)?;
        let found = found.first().and_then(|found| {
            let events = event::decode_all(&found.private).ok()?;
            granted_by(found, &events).next()
        });
        found.ok_or(ExporterError::NothingGranted(record))
    }

    fn note(&self, progress: Progress) -> ControlFlow<()> {
        let (from, to) = match progress.phase {
            Phase::Looking => (0, 0),
            Phase::Planning => (0, 400),
            Phase::Explaining => (400, 400),
            Phase::Writing => (400, 800),
            Phase::Proving => (800, 900),
            Phase::Checking => (900, 1_000),
        };
        let part = (to - from) * progress.done / progress.total.max(1);
        self.counters
            .export_permille
            .store(from + part, Ordering::Relaxed);
        match self.stop.load(Ordering::Acquire) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    /// The export is itself a record (SPEC A1).
    fn finish(&self, grant: &Grant, exported: Exported) -> Result<Ticket, ExporterError> {
        let finish = FinishExportV1 {
            export: grant.export,
            records: exported.records,
            manifest: exported.manifest,
        };
        let command = Command {
            tenant: grant.tenant,
            actor: Actor::System,
            second_factor: false,
            body: TaggedCommand::FinishExport(finish).into(),
        };
        let (answerer, ticket) = Ticket::new();
        self.door
            .submit(command, None, Asker::Ticket(answerer))
            .map_err(|_| ExporterError::NotYet)?;
        Ok(ticket)
    }
}
