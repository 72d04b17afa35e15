//! Sessions inside this process, for backends that embed the engine: no network, no runtime.
//!
//! A few shard threads drive a [`Core`](super::Core) each; a session reads from an inbox of its own,
//! bounded in bytes, so that one that is slow or never reads holds up nobody.
//!
//! # Panics
//! A panic on a shard thread closes its sessions and refuses new ones on it; the engine goes on.

mod inbox;
mod mailbox;
mod session;
mod worker;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};

pub use session::Session;

use self::mailbox::Mailbox;
use self::worker::{AttachRequest, Worker};
use crate::engine::{Busy, Engine};
use crate::model::Refusal;
use crate::wire::{Cursor, DeviceId, PersonId, TenantId};

/// How in-process sessions are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Threads that fan out; sessions are spread over them in turn. Default 1. Range 1 to 64.
    pub threads: usize,
    /// What may wait in a session's inbox before its cursors fall behind instead, in bytes.
    ///
    /// Default 64 KiB. At least one envelope always fits. A session holds at most twice this: what
    /// waits, and what it has taken out but not given to its reader.
    pub unsent_bytes: usize,
    /// What each thread's core may keep.
    pub core: super::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            threads: 1,
            unsent_bytes: 64 * 1024,
            core: super::Config::default(),
        }
    }
}

/// Why a session did not come online.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttachError {
    /// There is no such person, or no longer.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too much is on its way already: try again after the given time.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The engine or its in-process sessions have stopped.
    #[error("the engine or its in-process sessions have stopped: start them again")]
    Stopped,
}

/// Why nothing more will come to a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Closed {
    /// The engine or its in-process sessions have stopped.
    #[error("the engine or its in-process sessions have stopped: attach again once they run")]
    Stopped,
    /// The person has left the company (SPEC D7), or the account is frozen (SPEC D3).
    #[error("the person has left the company, or the account is frozen")]
    Departed,
    /// The device is locked out (SPEC D9).
    #[error("the device is locked out: sign in from another")]
    Revoked,
}

/// In-process sessions of one engine. Dropping it stops them.
#[derive(Debug)]
pub struct Local {
    shards: Vec<Shard>,
    next: AtomicUsize,
}

#[derive(Debug)]
struct Shard {
    mailbox: Arc<Mailbox>,
    thread: Option<JoinHandle<()>>,
}

impl Local {
    /// Starts the shard threads. An error is the system's: it has no more threads to give.
    pub fn start(engine: &Engine, config: Config) -> io::Result<Self> {
        let Config {
            threads,
            unsent_bytes,
            core,
        } = config;
        let mut local = Self {
            shards: Vec::new(),
            next: AtomicUsize::new(0),
        };
        for index in 0..threads.clamp(1, 64) {
            let mailbox = Arc::new(Mailbox::default());
            let woken = Arc::clone(&mailbox);
            let port = engine.port(move || woken.wake());
            let worker = Worker::new(port, Arc::clone(&mailbox), core.clone(), unsent_bytes);
            let thread = thread::Builder::new().name(format!("throng-local-{index}"));
            let thread = Some(thread.spawn(move || worker.run())?);
            local.shards.push(Shard { mailbox, thread });
        }
        Ok(local)
    }

    /// Brings a person's device online and blocks until it is.
    ///
    /// Per group it reads on after its cursor, or from the person's join where it has none.
    pub fn attach(
        &self,
        tenant: TenantId,
        person: PersonId,
        device: DeviceId,
        cursors: &[Cursor],
    ) -> Result<Session, AttachError> {
        self.begin(tenant, person, device, cursors, false)?.wait()
    }

    /// The same, except that groups without a cursor start at their head.
    pub fn attach_live(
        &self,
        tenant: TenantId,
        person: PersonId,
        device: DeviceId,
        cursors: &[Cursor],
    ) -> Result<Session, AttachError> {
        self.begin(tenant, person, device, cursors, true)?.wait()
    }

    /// The same for those who do not block: the session to come can be awaited.
    pub fn begin(
        &self,
        tenant: TenantId,
        person: PersonId,
        device: DeviceId,
        cursors: &[Cursor],
        live_only: bool,
    ) -> Result<Attaching, AttachError> {
        let (answer, attaching) = oneshot::channel();
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        self.shards[turn % self.shards.len()]
            .mailbox
            .attach(AttachRequest {
                tenant,
                person,
                device,
                cursors: cursors.to_vec(),
                live_only,
                answer,
            })?;
        Ok(Attaching { attaching })
    }

    /// Stops the shard threads and closes every session.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        for shard in &self.shards {
            shard.mailbox.stop();
        }
        for thread in self
            .shards
            .iter_mut()
            .filter_map(|shard| shard.thread.take())
        {
            // A panic was reported by its thread and has closed its sessions.
            drop(thread.join());
        }
    }
}

/// A session on its way online: await it, or [`Attaching::wait`] for it.
#[derive(Debug)]
pub struct Attaching {
    attaching: oneshot::Receiver<Result<Session, AttachError>>,
}

impl Attaching {
    /// Blocks until the session is online.
    pub fn wait(self) -> Result<Session, AttachError> {
        self.attaching.recv().unwrap_or(Err(AttachError::Stopped))
    }
}

impl IntoFuture for Attaching {
    type Output = Result<Session, AttachError>;
    type IntoFuture = Coming;

    fn into_future(self) -> Coming {
        Coming {
            coming: self.attaching.into_future(),
        }
    }
}

/// The future of an [`Attaching`].
#[derive(Debug)]
pub struct Coming {
    coming: oneshot::AsyncReceiver<Result<Session, AttachError>>,
}

impl Future for Coming {
    type Output = Result<Session, AttachError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let coming = Pin::new(&mut self.coming).poll(context);
        coming.map(|answer| answer.unwrap_or(Err(AttachError::Stopped)))
    }
}
