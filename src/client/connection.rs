//! The handles of a connection: requests on one side, deliveries on the other.
//!
//! Both only talk to the [`Driver`] through bounded channels, so an application that waits never
//! holds up the connection's other half, nor grows it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot};

use super::cursors::Cursors;
use super::driver::{Ask, Line, Waiter};
use super::error::{CloseReason, ConnectError, NotMade, RequestError};
use super::event::{Answer, Attachment, Message};
use super::person::{Driver, Person, PersonAsk};
use super::pull::Pulling;
use super::search::Finding;
use super::session::Session;
use super::settings::{Credentials, Settings};
use super::trail::Trail;
use crate::model::command::{PullRecordsV1, ReadAuditV1, Reply, SearchArchiveV1, TaggedCommand};
use crate::wire::{Envelope, GroupId, Hello, Priority, Published, SkipBody, Welcome};

/// One connection to a server. Clones speak on the same connection; requests are pipelined, so many
/// may be awaited at once. When the last clone is dropped, the driver says goodbye.
#[derive(Clone, Debug)]
pub struct Client {
    asks: mpsc::Sender<Ask<PersonAsk>>,
    deliveries_max: usize,
    welcome: Welcome,
}

impl Client {
    /// Connects and waits for the server's welcome. The connection lives while [`Driver::run`] does.
    pub async fn connect(
        addr: SocketAddr,
        server_name: &str,
        credentials: &Credentials,
        settings: &Settings,
    ) -> Result<(Self, Driver), ConnectError> {
        let speaker = |hello: &Hello<'_>| Person::new(Session::new(hello, settings.limits));
        let (asks, line, welcome) =
            Line::open(addr, server_name, credentials, settings, speaker).await?;
        let client = Self {
            asks,
            deliveries_max: settings.deliveries_max,
            welcome,
        };
        Ok((client, Driver(line)))
    }

    /// Who the server says this is, and until when.
    #[must_use]
    pub fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// Publishes `message`. When this returns its record is durable (SPEC A2).
    pub async fn publish(&self, message: Message) -> Result<Published, RequestError> {
        let answer = self
            .ask(|answer| PersonAsk::Publish { message, answer })
            .await?;
        published(answer)
    }

    /// Asks `command`. When this returns, what the reply says is durable (SPEC A2).
    pub async fn command(&self, command: TaggedCommand) -> Result<Reply, RequestError> {
        if let TaggedCommand::PullRecords(_) = command {
            return Err(NotMade::IsAPull.into());
        }
        let command = Box::new(command);
        let answer = self
            .ask(|answer| PersonAsk::Command { command, answer })
            .await?;
        replied(answer)
    }

    /// Pulls records of the enterprise's archive, in order, from the first one asked for on.
    ///
    /// Nothing is asked before the first [`Pulling::next`]. Several pulls of disjoint ranges may go on
    /// at once, on one connection (four pages at a time) or on several.
    #[must_use]
    pub fn pull(&self, pull: PullRecordsV1) -> Pulling {
        Pulling::new(self.clone(), pull)
    }

    /// Searches the archive, the latest message first; `after` 0 begins there, `hits` is how many a page has.
    ///
    /// Nothing is asked before the first [`Finding::next`]. Each page is a record of the archive.
    #[must_use]
    pub fn search(&self, asked: SearchArchiveV1) -> Finding {
        Finding::new(self.clone(), asked)
    }

    /// Reads the audit trail, the latest record first; `before` 0 begins there, `entries` is how many a page has.
    ///
    /// Nothing is asked before the first [`Trail::next`]. Each page is a record of the archive.
    #[must_use]
    pub fn audit(&self, asked: ReadAuditV1) -> Trail {
        Trail::new(self.clone(), asked)
    }

    /// Asks for one page of the archive, which comes whether somebody waits for it or not.
    pub(super) async fn ask_for_page(
        &self,
        pull: PullRecordsV1,
    ) -> Result<oneshot::Receiver<Result<Answer, RequestError>>, RequestError> {
        let command = Box::new(TaggedCommand::PullRecords(pull));
        self.begin(|answer| PersonAsk::Command { command, answer })
            .await
    }

    /// Brings the person online from where `cursors` say they have got. `live_only` starts groups
    /// without a cursor at their head instead of at one's own join. Once a connection.
    pub async fn attach(
        &self,
        cursors: Cursors,
        live_only: bool,
    ) -> Result<(Attachment, Deliveries), RequestError> {
        let (sender, receiver) = mpsc::channel(self.deliveries_max);
        let (answer, attached) = oneshot::channel();
        let redelivered = Arc::new(AtomicU64::new(0));
        let ask = PersonAsk::Attach {
            cursors: cursors.clone(),
            live_only,
            deliveries: sender,
            redelivered: redelivered.clone(),
            answer,
        };
        let ask = Ask::Of(ask);
        self.asks.send(ask).await.map_err(|_| RequestError::Over)?;
        let attachment = attached.await.map_err(|_| RequestError::Over)??;
        let mut cursors = cursors;
        cursors.bind(self.welcome.incarnation);
        for group in &attachment.groups {
            cursors
                .begin(group, live_only)
                .map_err(|error| RequestError::Closed(CloseReason::Protocol(error.into())))?;
        }
        let deliveries = Deliveries {
            receiver,
            cursors,
            redelivered,
        };
        Ok((attachment, deliveries))
    }

    /// Says goodbye: what is in flight is answered, then the connection closes and the driver ends.
    pub async fn close(&self) {
        // A driver that is gone has closed already.
        let _ = self.asks.send(Ask::Goodbye).await;
    }

    async fn ask(
        &self,
        ask: impl FnOnce(Waiter<Answer>) -> PersonAsk,
    ) -> Result<Answer, RequestError> {
        let answered = self.begin(ask).await?;
        answered.await.map_err(|_| RequestError::Over)?
    }

    async fn begin(
        &self,
        ask: impl FnOnce(Waiter<Answer>) -> PersonAsk,
    ) -> Result<oneshot::Receiver<Result<Answer, RequestError>>, RequestError> {
        let (answer, answered) = oneshot::channel();
        let ask = Ask::Of(ask(answer));
        self.asks.send(ask).await.map_err(|_| RequestError::Over)?;
        Ok(answered)
    }
}

/// Where the message went.
pub(super) fn published(answer: Answer) -> Result<Published, RequestError> {
    match answer {
        Answer::Published(published) => Ok(published),
        other => Err(failed(other)),
    }
}

/// What the command is answered.
pub(super) fn replied(answer: Answer) -> Result<Reply, RequestError> {
    match answer {
        Answer::Reply(reply) => Ok(*reply),
        other => Err(failed(other)),
    }
}

/// The error in an answer that is not the one hoped for.
pub(super) fn failed(answer: Answer) -> RequestError {
    match answer {
        Answer::Busy(busy) => RequestError::Busy {
            retry_after: core::time::Duration::from_micros(busy.retry_after_us),
        },
        Answer::Refused(refused) => RequestError::Refused(refused),
        // The session pairs answers with what was asked.
        Answer::Published(_) | Answer::Reply(_) | Answer::Pulled(_) => RequestError::Over,
    }
}

/// What the application gets, each once and, but for urgent ones, in each group's order.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// A message or a membership change.
    Envelope(Envelope),
    /// Sequences that will not come.
    Skip {
        /// Of which group.
        group: GroupId,
        /// Which and why.
        skip: SkipBody,
    },
}

/// The receiving side of an attach.
#[derive(Debug)]
pub struct Deliveries {
    receiver: mpsc::Receiver<Delivery>,
    cursors: Cursors,
    redelivered: Arc<AtomicU64>,
}

impl Deliveries {
    /// The next delivery; none when the connection is over and everything it brought was taken.
    pub async fn next(&mut self) -> Option<Delivery> {
        let delivery = self.receiver.recv().await?;
        // The session let it through its own cursors, which are ahead of these and have the same
        // limits: neither call can fail, and both are new here.
        let _ = match &delivery {
            Delivery::Envelope(envelope) => {
                let header = envelope.header();
                let in_order = header.priority() != Priority::Urgent;
                self.cursors
                    .take(header.group(), header.sequence(), in_order)
            }
            Delivery::Skip { group, skip } => {
                self.cursors.skip(*group, skip.from, skip.to).map(|()| true)
            }
        };
        Some(delivery)
    }

    /// How far the application has got, whatever has arrived beyond that: what to attach with on
    /// the next connection.
    #[must_use]
    pub fn cursors(&self) -> &Cursors {
        &self.cursors
    }

    /// Deliveries of this connection that had come before and were dropped.
    #[must_use]
    pub fn redelivered(&self) -> u64 {
        self.redelivered.load(Ordering::Relaxed)
    }
}
