//! The receiving end of one in-process session.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::Closed;
use super::inbox::{Inbox, Read};
use super::mailbox::Mailbox;
use crate::engine::AttachedPerson;
use crate::wire::Envelope;

/// One person's device in this process: reads everything the person may read, in each group's order.
///
/// A session that is not read costs nobody anything but its own bounded inbox: its cursors fall
/// behind, and it reads on from there. Dropping it takes it offline.
#[derive(Debug)]
pub struct Session {
    id: u64,
    attached: AttachedPerson,
    inbox: Arc<Inbox>,
    mailbox: Arc<Mailbox>,
    /// Read from the inbox in one go, and not yet given out.
    taken: VecDeque<Envelope>,
}

impl Session {
    pub(super) fn new(
        id: u64,
        attached: AttachedPerson,
        inbox: Arc<Inbox>,
        mailbox: Arc<Mailbox>,
    ) -> Self {
        Self {
            id,
            attached,
            inbox,
            mailbox,
            taken: VecDeque::new(),
        }
    }

    /// Who it is, with the groups they could read when it came online.
    #[must_use]
    pub fn attached(&self) -> &AttachedPerson {
        &self.attached
    }

    /// Blocks until the next envelope is there. One of kind `Skip` moves its group's cursor instead
    /// of bringing a message.
    pub fn recv(&mut self) -> Result<Envelope, Closed> {
        loop {
            if let Some(envelope) = self.taken.pop_front() {
                return Ok(envelope);
            }
            let read = self.inbox.wait(&mut self.taken, None)?;
            self.make_room(read);
        }
    }

    /// Blocks until the next envelope is there or `timeout` has passed: then there is none.
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Option<Envelope>, Closed> {
        if self.taken.is_empty() {
            let deadline = Instant::now().checked_add(timeout);
            let read = self.inbox.wait(&mut self.taken, deadline)?;
            self.make_room(read);
        }
        Ok(self.taken.pop_front())
    }

    /// The next envelope, if it is there already.
    pub fn try_recv(&mut self) -> Result<Option<Envelope>, Closed> {
        if self.taken.is_empty() {
            let read = self.inbox.read(&mut self.taken)?;
            self.make_room(read);
        }
        Ok(self.taken.pop_front())
    }

    /// The next envelope, or the task is woken when there may be one. Needs no runtime of its own.
    pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Result<Envelope, Closed>> {
        loop {
            if let Some(envelope) = self.taken.pop_front() {
                return Poll::Ready(Ok(envelope));
            }
            let read = std::task::ready!(self.inbox.poll(&mut self.taken, context))?;
            self.make_room(read);
        }
    }

    /// Waits for the next envelope, with any executor.
    pub async fn recv_async(&mut self) -> Result<Envelope, Closed> {
        std::future::poll_fn(|context| self.poll_recv(context)).await
    }

    fn make_room(&self, read: Read) {
        if read == (Read::Envelopes { refused: true }) {
            self.mailbox.writable(self.id);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.mailbox.detach(self.id);
    }
}
