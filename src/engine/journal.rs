//! The log thread: gathers what the sequencer decided, makes it durable, releases its effects in order.
//!
//! Keeps invariant 2: nothing leaves this thread for a port or an embedder before the record it
//! depends on is synced; answers that depend on no record of their own wait for those before them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::budget::Permit;
use super::call::Outgoing;
use super::custody::{Newest, as_the_log_asks_next};
use super::options::OnFailure;
use super::outbox::Outbox;
use super::port::{Item, PortId};
use super::sequencer::Asker;
use super::stats::Counters;
use crate::log::{AppendError, Entry, Log};
use crate::model::command::Reply;
use crate::model::{Gone, GoneUpdate, OpenCall, Refusal};
use crate::wire::{Envelope, RecordNumber, Take};

/// A batch is closed at this many records or bytes, whichever comes first: past it a larger batch
/// saves nothing and the first of it only waits longer.
const BATCH_RECORDS_MAX: usize = 4_096;
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The log is told that nothing more comes after this long.
const IDLE_AFTER: Duration = Duration::from_millis(100);
/// How often a full disk is looked at again.
const SPACE_RETRY: Duration = Duration::from_secs(1);

/// A decision on its way to disk, or only on its way back.
pub(crate) struct Pending {
    /// The record, unless nothing changed.
    pub(crate) record: Option<PendingRecord>,
    /// The first record that was not decided yet.
    pub(crate) position: RecordNumber,
    /// What it shows, and where.
    pub(crate) items: Vec<(PortId, Item)>,
    /// What it answers.
    pub(crate) answer: Option<(Asker, Result<Reply, Refusal>)>,
    /// What it asks of the enterprise's systems.
    pub(crate) calls: Vec<OpenCall>,
    /// What content of its tenant is gone, where it changes that.
    pub(crate) gone: Option<GoneUpdate>,
    /// Its share of the budget, given back when it is released.
    pub(crate) permit: Option<Permit>,
}

impl Pending {
    fn found_the_disk_full(&self) -> bool {
        matches!(self.answer, Some((_, Err(Refusal::DiskFull))))
    }
}

/// A record as it will be written.
pub(crate) struct PendingRecord {
    pub(crate) envelope: Envelope,
    /// Only where the header does not say them all.
    pub(crate) takes: Vec<Take>,
    pub(crate) private: Vec<u8>,
}

/// To the log thread.
pub(crate) enum ToJournal {
    /// The next decision.
    Pending(Box<Pending>),
    /// A port that items may name from here on.
    Open(PortId, Arc<Outbox>),
    /// A port that no item names any more.
    Close(PortId),
    /// The sequencer has finished: write, close the log, stop.
    Finish,
}

pub(crate) struct Journal {
    log: Log,
    inbox: Receiver<ToJournal>,
    ports: Vec<Option<Port>>,
    batch: Vec<Pending>,
    /// Where calls go, if anybody makes them.
    outgoing: Option<Outgoing>,
    /// What is gone as of the last batch.
    gone: Gone,
    newest_gone: Arc<Newest>,
    counters: Arc<Counters>,
    failed: Arc<AtomicBool>,
    finishing: bool,
}

/// A port's outbox and what this batch releases to it.
struct Port {
    outbox: Arc<Outbox>,
    items: Vec<(RecordNumber, Item)>,
}

impl Journal {
    pub(crate) fn new(
        log: Log,
        inbox: Receiver<ToJournal>,
        outgoing: Option<Outgoing>,
        (gone, newest_gone): (Gone, Arc<Newest>),
        counters: Arc<Counters>,
        failed: Arc<AtomicBool>,
    ) -> Self {
        Self {
            log,
            inbox,
            ports: Vec::new(),
            batch: Vec::new(),
            outgoing,
            gone,
            newest_gone,
            counters,
            failed,
            finishing: false,
        }
    }

    /// Runs until the sequencer has finished or the log has failed.
    pub(crate) fn run(mut self, on_failure: OnFailure) -> Result<(), AppendError> {
        let done = self
            .serve()
            .and_then(|finished| if finished { self.log.close() } else { Ok(()) });
        self.failed.store(true, Ordering::Release);
        if let Err(error) = &done {
            tracing::error!(%error, "the log has failed: nothing is acknowledged any more");
            on_failure(error);
        }
        for port in self.ports.iter().flatten() {
            port.outbox.close();
        }
        done
    }

    /// Whether the sequencer said that it has finished, rather than vanished.
    fn serve(&mut self) -> Result<bool, AppendError> {
        let mut idle = true;
        loop {
            let wait = match idle && !self.log.is_shrinking_keyring() {
                true => SPACE_RETRY,
                false => IDLE_AFTER,
            };
            match self.inbox.recv_timeout(wait) {
                Ok(first) => {
                    self.take(first)?;
                    idle = false;
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.idle()?;
                    idle = true;
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(false),
            }
            if self.finishing {
                return Ok(true);
            }
        }
    }

    /// Takes what is there and does not wait: for who has no thread for it.
    pub(super) fn run_waiting(&mut self) -> Result<(), AppendError> {
        while let Ok(first) = self.inbox.try_recv() {
            self.take(first)?;
        }
        Ok(())
    }

    /// Tells the log that nothing more comes for now.
    pub(super) fn idle(&mut self) -> Result<(), AppendError> {
        self.log.idle()
    }

    /// Closes the log, after what was there was taken.
    pub(super) fn close(mut self) -> Result<(), AppendError> {
        self.run_waiting()?;
        self.log.close()
    }

    /// Writes a batch, and then lets everybody see it.
    fn take(&mut self, first: ToJournal) -> Result<(), AppendError> {
        self.gather(first);
        self.write()?;
        self.forget()?;
        self.release();
        Ok(())
    }

    /// Takes what is there without waiting for more: a sync gathers by itself whatever comes
    /// meanwhile.
    fn gather(&mut self, first: ToJournal) {
        let (mut records, mut bytes) = (0, 0);
        let mut next = Some(first);
        while let Some(message) = next.take() {
            match message {
                ToJournal::Pending(pending) => {
                    if let Some(record) = &pending.record {
                        records += 1;
                        bytes += record.envelope.bytes().len() + record.private.len();
                    }
                    self.batch.push(*pending);
                }
                ToJournal::Open(id, outbox) => {
                    let index = usize::from(id.0);
                    if self.ports.len() <= index {
                        self.ports.resize_with(index + 1, || None);
                    }
                    self.ports[index] = Some(Port {
                        outbox,
                        items: Vec::new(),
                    });
                }
                ToJournal::Close(id) => {
                    // What the batch still holds for it is dropped at release.
                    if let Some(port) = self.ports.get_mut(usize::from(id.0)).and_then(Option::take)
                    {
                        port.outbox.close();
                    }
                }
                ToJournal::Finish => {
                    self.finishing = true;
                    return;
                }
            }
            if records < BATCH_RECORDS_MAX && bytes < BATCH_BYTES_MAX {
                next = self.inbox.try_recv().ok();
            }
        }
    }

    fn write(&mut self) -> Result<(), AppendError> {
        let entries: Vec<Entry<'_>> = self
            .batch
            .iter()
            .filter_map(|pending| pending.record.as_ref())
            .map(|record| Entry {
                header: record.envelope.header(),
                takes: &record.takes,
                view: record.envelope.body(),
                private: &record.private,
            })
            .collect();
        if entries.is_empty() {
            // Somebody wants to write and cannot: look whether there is room again.
            let refused = self.batch.iter().any(Pending::found_the_disk_full);
            return if refused { self.log.idle() } else { Ok(()) };
        }
        self.log.append(&entries)?;
        self.counters
            .records
            .fetch_add(entries.len() as u64, Ordering::Relaxed);
        self.counters.batches.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// What the batch says is gone is handed to nobody any more and its keys are destroyed, before
    /// anybody hears of it: once for all of the batch.
    fn forget(&mut self) -> Result<(), AppendError> {
        let updates: Vec<_> = self
            .batch
            .iter_mut()
            .filter_map(|it| it.gone.take())
            .collect();
        if updates.is_empty() {
            return Ok(());
        }
        let before = self.gone.clone();
        for update in &updates {
            self.gone.put(update);
        }
        let (gone, changed) = (self.gone.clone(), self.gone.changed(&before));
        self.log.forget(as_the_log_asks_next(gone, changed))?;
        self.newest_gone.put(self.gone.clone());
        Ok(())
    }

    fn release(&mut self) {
        for pending in self.batch.drain(..) {
            let Pending {
                position,
                items,
                answer,
                calls,
                permit,
                ..
            } = pending;
            // First, so that whoever is answered can ask again at once.
            drop(permit);
            for (id, item) in items {
                if let Some(Some(port)) = self.ports.get_mut(usize::from(id.0)) {
                    port.items.push((position, item));
                }
            }
            if let Some(outgoing) = &self.outgoing {
                calls.into_iter().for_each(|call| outgoing.leave(call));
            }
            match answer {
                Some((Asker::Port { port: id, request }, result)) => {
                    if let Some(Some(port)) = self.ports.get_mut(usize::from(id.0)) {
                        port.items
                            .push((position, Item::Answer { request, result }));
                    }
                }
                // Whoever dropped their ticket does not want to know.
                Some((Asker::Ticket(answerer), result)) => drop(answerer.send(result)),
                None => {}
            }
        }
        for port in self
            .ports
            .iter_mut()
            .flatten()
            .filter(|port| !port.items.is_empty())
        {
            port.outbox.release(&mut port.items);
        }
    }
}
