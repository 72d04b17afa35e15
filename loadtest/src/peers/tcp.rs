//! Clients of the peers that speak TCP, from one loop: thousands of sockets, a sans-IO conversation on
//! each, TLS between the two where it is asked for.
//!
//! Readiness is edge-triggered: a read that leaves room has emptied its socket.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use rustls::ClientConfig;

use super::protocol::tls::{Tls, TlsError};
use super::protocol::{Conversation, Dialect, Role};
use super::round::{Clients, Each};

/// Connections being made at a time.
const HANDSHAKES_AT_ONCE: usize = 64;
/// Where reads land; more than a socket holds in the everyday case.
const LANDING_BYTES: usize = 128 * 1024;
const EVENTS: usize = 1_024;

/// All clients of one round.
pub(super) struct TcpClients {
    poll: Poll,
    events: Events,
    server: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    dialect: Dialect,
    subscribers: usize,
    /// Clients there will be: subscribers, then publishers.
    total: usize,
    links: Vec<Link>,
    ready: usize,
    landing: Vec<u8>,
    /// Clients that have something to send.
    unsent: Vec<usize>,
}

struct Link {
    stream: TcpStream,
    tls: Option<Tls>,
    conversation: Conversation,
    /// What is to be written, sealed where it is.
    wire: Vec<u8>,
    connected: bool,
    ready: bool,
}

impl TcpClients {
    /// Clients of `server` that are still to be connected. With `tls` all of it is encrypted.
    pub(super) fn new(
        server: SocketAddr,
        dialect: Dialect,
        tls: Option<Arc<ClientConfig>>,
        subscribers: usize,
        publishers: usize,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS),
            server,
            tls,
            dialect,
            subscribers,
            total: subscribers + publishers,
            links: Vec::with_capacity(subscribers + publishers),
            ready: 0,
            landing: vec![0; LANDING_BYTES],
            unsent: Vec::new(),
        })
    }

    fn connect_some(&mut self) -> anyhow::Result<()> {
        while self.links.len() < self.total && self.links.len() - self.ready < HANDSHAKES_AT_ONCE {
            let number = self.links.len();
            let role = match number < self.subscribers {
                true => Role::Subscriber,
                false => Role::Publisher,
            };
            let mut stream = TcpStream::connect(self.server)?;
            let interest = Interest::READABLE | Interest::WRITABLE;
            let registry = self.poll.registry();
            registry.register(&mut stream, Token(number), interest)?;
            self.links.push(Link {
                stream,
                tls: None,
                conversation: Conversation::open(self.dialect, role, number, self.tls.is_some()),
                wire: Vec::new(),
                connected: false,
                ready: false,
            });
        }
        Ok(())
    }

    fn flush_unsent(&mut self) -> anyhow::Result<()> {
        for number in self.unsent.drain(..) {
            self.links[number].flush()?;
        }
        Ok(())
    }
}

impl Clients for TcpClients {
    fn ready(&self) -> usize {
        self.ready
    }

    fn turn(&mut self, timeout: Duration, each: &mut Each<'_>) -> anyhow::Result<()> {
        self.connect_some()?;
        self.flush_unsent()?;
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in &self.events {
            let number = event.token().0;
            let link = &mut self.links[number];
            if !link.connected && event.is_writable() {
                link.connected(
                    self.tls
                        .as_ref()
                        .filter(|_| Conversation::begins_with_tls(self.dialect)),
                )?;
            }
            if event.is_readable() {
                let mut each = |payload: &[u8], now| each(number, payload, now);
                link.read(&mut self.landing, &mut each)
                    .with_context(|| format!("client {number}"))?;
            }
            if link.conversation.wants_tls()
                && let Some(config) = &self.tls
            {
                link.tls = Some(Tls::open(config)?);
                link.conversation.secured();
            }
            link.flush()?;
            if !link.ready && link.conversation.is_ready() {
                link.ready = true;
                self.ready += 1;
            }
        }
        Ok(())
    }

    fn publish(&mut self, publisher: usize, payload: &[u8]) -> anyhow::Result<()> {
        let number = self.subscribers + publisher;
        self.links[number].conversation.publish(payload);
        if self.unsent.last() != Some(&number) {
            self.unsent.push(number);
        }
        Ok(())
    }
}

impl Link {
    /// The connection is made or has failed.
    fn connected(&mut self, tls: Option<&Arc<ClientConfig>>) -> anyhow::Result<()> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error).context("a client cannot connect");
        }
        self.stream.set_nodelay(true)?;
        self.tls = tls.map(Tls::open).transpose()?;
        self.connected = true;
        Ok(())
    }

    fn read(
        &mut self,
        landing: &mut [u8],
        each: &mut dyn FnMut(&[u8], Instant),
    ) -> anyhow::Result<()> {
        loop {
            let len = match self.stream.read(landing) {
                Ok(0) => bail!("the server closed the connection"),
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            let now = Instant::now();
            let conversation = &mut self.conversation;
            let mut take =
                |plain: &[u8]| conversation.on_bytes(plain, |payload| each(payload, now));
            match &mut self.tls {
                Some(tls) => tls.on_bytes(&landing[..len], take)?,
                None => take(&landing[..len])?,
            }
            if len < landing.len() {
                return Ok(());
            }
        }
    }

    /// Writes what there is, as far as the socket takes it; the rest goes when it is writable.
    fn flush(&mut self) -> anyhow::Result<()> {
        if !self.connected {
            return Ok(());
        }
        self.seal()?;
        while !self.wire.is_empty() {
            match self.stream.write(&self.wire) {
                Ok(len) => {
                    self.wire.drain(..len);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn seal(&mut self) -> Result<(), TlsError> {
        let unsent = &mut self.conversation.unsent;
        match &mut self.tls {
            Some(tls) => tls.seal(unsent, &mut self.wire),
            None => {
                self.wire.append(unsent);
                Ok(())
            }
        }
    }
}
