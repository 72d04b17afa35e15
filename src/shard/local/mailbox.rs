//! What other threads tell a shard thread: coalesced, and never waited for.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::AttachError;
use super::worker::AttachRequest;
use crate::engine::Busy;

#[derive(Debug, Default)]
pub(super) struct Mailbox {
    mail: Mutex<Mail>,
    arrived: Condvar,
}

/// Detaches and rooms are one a session at most, attaches are refused past a bound.
#[derive(Debug, Default)]
pub(super) struct Mail {
    /// There is something, here or in the port.
    woken: bool,
    pub(super) attaches: Vec<AttachRequest>,
    pub(super) detached: Vec<u64>,
    pub(super) writable: Vec<u64>,
    pub(super) stop: bool,
    /// The shard thread is gone.
    closed: bool,
}

const ATTACHES_MAX: usize = 4096;

/// About the time a full mailbox takes to be read.
const FULL: Busy = Busy {
    retry_after_us: 5_000,
};

impl Mailbox {
    pub(super) fn attach(&self, request: AttachRequest) -> Result<(), AttachError> {
        let mut mail = self.lock();
        if mail.closed || mail.stop {
            return Err(AttachError::Stopped);
        }
        if mail.attaches.len() >= ATTACHES_MAX {
            return Err(AttachError::Busy(FULL));
        }
        mail.attaches.push(request);
        self.wake_with(mail);
        Ok(())
    }

    pub(super) fn detach(&self, session: u64) {
        let mut mail = self.lock();
        if !mail.closed {
            mail.detached.push(session);
            self.wake_with(mail);
        }
    }

    pub(super) fn writable(&self, session: u64) {
        let mut mail = self.lock();
        if !mail.closed {
            mail.writable.push(session);
            self.wake_with(mail);
        }
    }

    pub(super) fn stop(&self) {
        let mut mail = self.lock();
        mail.stop = true;
        self.wake_with(mail);
    }

    /// The port has something.
    pub(super) fn wake(&self) {
        self.wake_with(self.lock());
    }

    /// Nobody reads it any more; requests in it are dropped, which answers them.
    pub(super) fn close(&self) {
        *self.lock() = Mail {
            closed: true,
            ..Mail::default()
        };
    }

    /// Waits until there is something or `patience` is over, and swaps it with `mail`, which is empty.
    pub(super) fn take(&self, mail: &mut Mail, patience: Option<Duration>) {
        let mut held = self.lock();
        match patience {
            None => {
                let woken = self.arrived.wait_while(held, |mail| !mail.woken);
                held = woken.unwrap_or_else(PoisonError::into_inner);
            }
            Some(Duration::ZERO) => {}
            Some(patience) => {
                let woken = self
                    .arrived
                    .wait_timeout_while(held, patience, |mail| !mail.woken);
                held = woken.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        held.woken = false;
        mail.stop = held.stop;
        std::mem::swap(&mut held.attaches, &mut mail.attaches);
        std::mem::swap(&mut held.detached, &mut mail.detached);
        std::mem::swap(&mut held.writable, &mut mail.writable);
    }

    fn wake_with(&self, mut mail: MutexGuard<'_, Mail>) {
        let news = !std::mem::replace(&mut mail.woken, true);
        drop(mail);
        if news {
            self.arrived.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Mail> {
        // Nothing panics between two changes that belong together.
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
