//! One shard thread of in-process sessions: its port, its core, and everybody's inbox.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustc_hash::FxHashMap;

use super::inbox::Inbox;
use super::mailbox::{Mail, Mailbox};
use super::{AttachError, Closed, Session};
use crate::engine::{AttachedPerson, Fetch, Item, Port};
use crate::model::Refusal;
use crate::shard::{Config, Core, Flushed, Sink};
use crate::wire::{Cursor, DeviceId, PersonId, TenantId};

/// Somebody who wants to come online.
#[derive(Debug)]
pub(super) struct AttachRequest {
    pub(super) tenant: TenantId,
    pub(super) person: PersonId,
    pub(super) device: DeviceId,
    pub(super) cursors: Vec<Cursor>,
    pub(super) live_only: bool,
    pub(super) answer: oneshot::Sender<Result<Session, AttachError>>,
}

/// How long a flush may take before the port is looked at again.
const FLUSH_BUDGET: Duration = Duration::from_millis(1);

/// How long a range that could not be read, or not be asked for, is left alone.
const FETCH_PAUSE: Duration = Duration::from_millis(250);

pub(super) struct Worker {
    core: Core,
    port: Port,
    mailbox: Arc<Mailbox>,
    unsent_bytes: usize,
    inboxes: Inboxes,
    attaching: FxHashMap<u64, AttachRequest>,
    sessions_ever: u64,
    items: Vec<Item>,
    fetches: Vec<Fetch>,
    fetches_paused: Option<Instant>,
}

#[derive(Default)]
struct Inboxes(FxHashMap<u64, Place>);

struct Place {
    tenant: TenantId,
    person: PersonId,
    device: DeviceId,
    inbox: Arc<Inbox>,
}

impl Sink for Inboxes {
    fn write(&mut self, session: u64, chunks: &[Bytes]) -> usize {
        match self.0.get(&session) {
            Some(place) => place.inbox.offer(chunks),
            None => chunks.len(),
        }
    }
}

impl Worker {
    pub(super) fn new(
        port: Port,
        mailbox: Arc<Mailbox>,
        config: Config,
        unsent_bytes: usize,
    ) -> Self {
        Self {
            core: Core::new(config),
            port,
            mailbox,
            unsent_bytes,
            inboxes: Inboxes::default(),
            attaching: FxHashMap::default(),
            sessions_ever: 0,
            items: Vec::new(),
            fetches: Vec::new(),
            fetches_paused: None,
        }
    }

    /// Serves until it is told to stop or the engine has stopped.
    pub(super) fn run(mut self) {
        let mut mail = Mail::default();
        let mut patience = None;
        loop {
            self.mailbox.take(&mut mail, patience);
            if mail.stop {
                return;
            }
            self.read_mail(&mut mail);
            let engine_stopped = self.poll();
            let mut flushed = self.flush();
            if engine_stopped {
                while flushed == Flushed::More {
                    flushed = self.flush();
                }
                return;
            }
            self.fetch();
            patience = match flushed {
                Flushed::More => Some(Duration::ZERO),
                Flushed::Done => self.fetches_paused.map(|_| FETCH_PAUSE),
            };
        }
    }

    fn read_mail(&mut self, mail: &mut Mail) {
        for request in mail.attaches.drain(..) {
            self.request(request);
        }
        for session in mail.detached.drain(..) {
            self.inboxes.0.remove(&session);
            self.core.detach(session);
            self.port.detach(session);
        }
        for session in mail.writable.drain(..) {
            self.core.writable(session);
        }
    }

    fn request(&mut self, request: AttachRequest) {
        let session = self.sessions_ever;
        self.sessions_ever += 1;
        let asked = self
            .port
            .attach(session, request.tenant, request.person, request.device);
        match asked {
            Ok(()) => {
                self.attaching.insert(session, request);
            }
            // Nobody is there to be told when sending fails.
            Err(busy) => drop(request.answer.send(Err(AttachError::Busy(busy)))),
        }
    }

    /// Takes what the engine released; whether it has stopped.
    fn poll(&mut self) -> bool {
        let mut items = std::mem::take(&mut self.items);
        self.port.poll(&mut items);
        let mut engine_stopped = false;
        for item in items.drain(..) {
            match item {
                Item::Attached {
                    session, result, ..
                } => self.attached(session, result),
                Item::Ended {
                    tenant,
                    person,
                    device,
                } => self.ended((tenant, person), device),
                Item::Stopped => engine_stopped = true,
                other => self.core.on_item(&other),
            }
        }
        self.items = items;
        engine_stopped
    }

    fn attached(&mut self, session: u64, result: Result<AttachedPerson, Refusal>) {
        let Some(request) = self.attaching.remove(&session) else {
            return;
        };
        let result = result.map_err(AttachError::Refused).map(|attached| {
            let place = Place {
                tenant: attached.tenant,
                person: attached.person,
                device: attached.device,
                inbox: Arc::new(Inbox::new(self.unsent_bytes)),
            };
            self.core
                .attach(session, &attached, &request.cursors, request.live_only);
            let inbox = Arc::clone(&place.inbox);
            self.inboxes.0.insert(session, place);
            Session::new(session, attached, inbox, Arc::clone(&self.mailbox))
        });
        // A session nobody waits for any more is dropped here, and so detached.
        drop(request.answer.send(result));
    }

    /// Somebody's sessions end, on one device or on all.
    fn ended(&mut self, whose: (TenantId, PersonId), device: Option<DeviceId>) {
        let (core, port) = (&mut self.core, &self.port);
        self.inboxes.0.retain(|session, place| {
            let is_theirs = (place.tenant, place.person) == whose;
            let stays = !is_theirs || device.is_some_and(|device| device != place.device);
            if !stays {
                let revoked = device.map(|_| Closed::Revoked);
                place.inbox.close(revoked.unwrap_or(Closed::Departed));
                core.detach(*session);
                port.detach(*session);
            }
            stays
        });
    }

    fn flush(&mut self) -> Flushed {
        let begun = Instant::now();
        self.core
            .flush(&mut self.inboxes, || begun.elapsed() < FLUSH_BUDGET)
    }

    /// Asks for what sessions behind need; what cannot be asked or read now waits a while.
    fn fetch(&mut self) {
        if self
            .fetches_paused
            .is_some_and(|since| since.elapsed() >= FETCH_PAUSE)
        {
            self.fetches_paused = None;
            self.core.retry_fetches();
        }
        self.core.take_fetches(&mut self.fetches);
        let open = self.fetches.iter();
        let asked = open.take_while(|fetch| self.port.fetch(**fetch).is_ok());
        let asked = asked.count();
        self.fetches.drain(..asked);
        if self.core.has_failed_fetches() || !self.fetches.is_empty() {
            self.fetches_paused.get_or_insert_with(Instant::now);
        }
    }
}

impl Drop for Worker {
    /// However it ends, nobody is left waiting.
    fn drop(&mut self) {
        self.mailbox.close();
        for place in self.inboxes.0.values() {
            place.inbox.close(Closed::Stopped);
        }
    }
}
