//! The handle of a gateway's connection.

use std::net::SocketAddr;

use tokio::sync::{mpsc, oneshot};

use super::delivery::Readers;
use super::driver::{Attached, Carrier, GatewayAsk, GatewayDriver};
use super::error::TableLimits;
use super::event::Newcomers;
use super::session::GatewaySession;
use crate::client::connection::{published, replied};
use crate::client::cursors::GroupCursor;
use crate::client::driver::{Ask, Line, Waiter};
use crate::client::error::{ConnectError, RequestError};
use crate::client::event::Message;
use crate::client::settings::{Credentials, Settings};
use crate::model::command::{Reply, TaggedCommand};
use crate::wire::{DeviceId, Hello, PersonId, Published, Role, Welcome};

/// One gateway connection to a server, for many people. Clones speak on the same connection. When the
/// last clone is dropped, the driver says goodbye.
#[derive(Clone, Debug)]
pub struct Gateway {
    asks: mpsc::Sender<Ask<GatewayAsk>>,
    welcome: Welcome,
}

impl Gateway {
    /// Connects with a gateway's certificate and waits for the server's welcome. The connection lives
    /// while [`GatewayDriver::run`] does, which calls `readers`.
    pub async fn connect<R: Readers>(
        addr: SocketAddr,
        server_name: &str,
        credentials: &Credentials,
        settings: &Settings,
        limits: TableLimits,
        readers: R,
    ) -> Result<(Self, GatewayDriver<R>), ConnectError> {
        let speaker = |hello: &Hello<'_>| {
            let session = GatewaySession::new(hello, settings.limits, limits);
            Carrier::new(session, readers)
        };
        let (asks, line, welcome) =
            Line::open(addr, server_name, credentials, settings, speaker).await?;
        if welcome.role != Role::Gateway {
            return Err(ConnectError::NotAGateway(welcome.role));
        }
        Ok((Self { asks, welcome }, GatewayDriver(line)))
    }

    /// What the server says this is, and until when.
    #[must_use]
    pub fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// Brings people online and waits until each is answered. Deliveries may come before that.
    pub async fn attach(&self, newcomers: Newcomers) -> Result<Vec<Attached>, RequestError> {
        self.ask(|answer| GatewayAsk::Attach { newcomers, answer })
            .await
    }

    /// Takes people offline at once and says how far each had got, in the order given; none for whoever is
    /// not here. Once this returns, their readers are called no more.
    pub async fn detach(
        &self,
        people: Vec<(PersonId, DeviceId)>,
    ) -> Result<Vec<Option<Vec<GroupCursor>>>, RequestError> {
        self.ask(|answer| GatewayAsk::Detach { people, answer })
            .await
    }

    /// How far people have got, in the order given; none for whoever is not here.
    pub async fn cursors(
        &self,
        people: Vec<(PersonId, DeviceId)>,
    ) -> Result<Vec<Option<Vec<GroupCursor>>>, RequestError> {
        self.ask(|answer| GatewayAsk::Cursors { people, answer })
            .await
    }

    /// Publishes `message` in the name of a person on a device. When this returns its record is
    /// durable (SPEC A2).
    pub async fn publish(
        &self,
        person: PersonId,
        device: DeviceId,
        message: Message,
    ) -> Result<Published, RequestError> {
        let sender = (person, device);
        let ask = |answer| GatewayAsk::Publish {
            sender,
            message,
            answer,
        };
        published(self.ask(ask).await?)
    }

    /// Asks `command`. When this returns, what the reply says is durable (SPEC A2).
    pub async fn command(&self, command: TaggedCommand) -> Result<Reply, RequestError> {
        let command = Box::new(command);
        let answer = self.ask(|answer| GatewayAsk::Command { command, answer });
        replied(answer.await?)
    }

    /// Says goodbye: what is in flight is answered, then the connection closes and the driver ends.
    pub async fn close(&self) {
        // A driver that is gone has closed already.
        let _ = self.asks.send(Ask::Goodbye).await;
    }

    async fn ask<T>(&self, ask: impl FnOnce(Waiter<T>) -> GatewayAsk) -> Result<T, RequestError> {
        let (answer, answered) = oneshot::channel();
        let ask = Ask::Of(ask(answer));
        self.asks.send(ask).await.map_err(|_| RequestError::Over)?;
        answered.await.map_err(|_| RequestError::Over)?
    }
}
