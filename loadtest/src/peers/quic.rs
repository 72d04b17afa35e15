//! Clients of the quinn peer: quinn-proto driven from one loop over a few sockets, as the load tester's
//! swarm does for Throng, with frames instead of envelopes inside.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use mio::{Events, Interest, Poll, Token};
use quinn_proto::crypto::rustls::QuicClientConfig;
use quinn_proto::{
    ClientConfig, Connection, ConnectionHandle, Dir, Event, ReadError, StreamEvent, StreamId,
    TransportConfig,
};

use super::quinn_server::{KEEP_ALIVE, LENGTH_BYTES, PUBLISH, SUBSCRIBE};
use super::round::{Clients, Each};
use crate::swarm::SERVER_NAME;
use crate::swarm::socket::{Landing, Socket, UDP_PAYLOAD_MAX};

/// UDP sockets: a wave of acknowledgements fits default socket buffers.
const SOCKETS: usize = 16;
const HANDSHAKES_AT_ONCE: usize = 64;
/// A full datagram may have another behind it; one well below has not.
const NEARLY_FULL: usize = UDP_PAYLOAD_MAX as usize - 64;
const NOBODY: usize = usize::MAX;

/// All clients of one round.
pub(super) struct QuicClients {
    poll: Poll,
    events: Events,
    server: SocketAddr,
    config: ClientConfig,
    sockets: Vec<Socket>,
    /// Per socket: which client a connection's handle is.
    handles: Vec<Vec<usize>>,
    landing: Landing,
    subscribers: usize,
    total: usize,
    links: Vec<Link>,
    ready: usize,
    dirty: Vec<usize>,
    timers: BinaryHeap<Reverse<(Instant, usize)>>,
}

struct Link {
    socket: usize,
    handle: ConnectionHandle,
    connection: Connection,
    /// What this side says and is to be sent.
    stream: Option<StreamId>,
    unsent: Vec<u8>,
    /// What the server says, and the beginning of a frame whose rest has not come.
    deliveries: Option<StreamId>,
    partial: Vec<u8>,
    /// When its timer is set for.
    scheduled: Option<Instant>,
    dirty: bool,
    ready: bool,
}

impl QuicClients {
    /// Clients of `server` that are still to be connected.
    pub(super) fn new(
        server: SocketAddr,
        tls: rustls::ClientConfig,
        subscribers: usize,
        publishers: usize,
    ) -> anyhow::Result<Self> {
        let poll = Poll::new()?;
        let mut sockets = Vec::with_capacity(SOCKETS);
        for number in 0..SOCKETS {
            let mut socket = Socket::connect(server)?;
            let registry = poll.registry();
            registry.register(&mut socket.io, Token(number), Interest::READABLE)?;
            sockets.push(socket);
        }
        let tls = QuicClientConfig::try_from(tls).context("TLS without QUIC's first cipher")?;
        let mut config = ClientConfig::new(Arc::new(tls));
        let mut transport = TransportConfig::default();
        transport.keep_alive_interval(Some(KEEP_ALIVE));
        config.transport_config(Arc::new(transport));
        Ok(Self {
            poll,
            events: Events::with_capacity(64),
            server,
            config,
            handles: vec![Vec::new(); sockets.len()],
            sockets,
            landing: Landing::new(),
            subscribers,
            total: subscribers + publishers,
            links: Vec::with_capacity(subscribers + publishers),
            ready: 0,
            dirty: Vec::new(),
            timers: BinaryHeap::new(),
        })
    }

    fn connect_some(&mut self, now: Instant) -> anyhow::Result<()> {
        while self.links.len() < self.total && self.links.len() - self.ready < HANDSHAKES_AT_ONCE {
            let number = self.links.len();
            let socket = number % self.sockets.len();
            let endpoint = &mut self.sockets[socket].endpoint;
            let config = self.config.clone();
            let (handle, connection) = endpoint.connect(now, config, self.server, SERVER_NAME)?;
            let handles = &mut self.handles[socket];
            if handles.len() <= handle.0 {
                handles.resize(handle.0 + 1, NOBODY);
            }
            handles[handle.0] = number;
            let role = match number < self.subscribers {
                true => SUBSCRIBE,
                false => PUBLISH,
            };
            self.links.push(Link {
                socket,
                handle,
                connection,
                stream: None,
                unsent: vec![role],
                deliveries: None,
                partial: Vec::new(),
                scheduled: None,
                dirty: true,
                ready: false,
            });
            self.dirty.push(number);
        }
        Ok(())
    }

    /// Reads the sockets empty, and sees to the clients of each batch while their state is in the cache.
    fn receive(&mut self, each: &mut Each<'_>) -> anyhow::Result<()> {
        let ready: Vec<_> = self.events.iter().map(|event| event.token().0).collect();
        for socket in ready {
            let mut has_more = true;
            while has_more {
                let (links, dirty) = (&mut self.links, &mut self.dirty);
                let handles = &self.handles[socket];
                has_more = self.sockets[socket].receive(&mut self.landing, |handle, event| {
                    let number = handles.get(handle.0).copied().unwrap_or(NOBODY);
                    if let Some(link) = links.get_mut(number) {
                        link.connection.handle_event(event);
                        link.mark(number, dirty);
                    }
                })?;
                self.drive_dirty(each)?;
            }
        }
        Ok(())
    }

    fn expire(&mut self, now: Instant) {
        while let Some(&Reverse((at, number))) = self.timers.peek()
            && at <= now
        {
            self.timers.pop();
            let link = &mut self.links[number];
            if link.scheduled == Some(at) {
                link.scheduled = None;
                link.connection.handle_timeout(now);
                link.mark(number, &mut self.dirty);
            }
        }
    }

    fn drive_dirty(&mut self, each: &mut Each<'_>) -> anyhow::Result<()> {
        let mut dirty = core::mem::take(&mut self.dirty);
        for number in dirty.drain(..) {
            self.drive(number, Instant::now(), each)
                .with_context(|| format!("client {number}"))?;
        }
        self.dirty = dirty;
        for socket in &mut self.sockets {
            socket.flush()?;
        }
        Ok(())
    }

    /// Moves one connection as far as it goes without waiting.
    fn drive(&mut self, number: usize, now: Instant, each: &mut Each<'_>) -> anyhow::Result<()> {
        let link = &mut self.links[number];
        let socket = &mut self.sockets[link.socket];
        link.dirty = false;
        while let Some(event) = link.connection.poll_endpoint_events() {
            if let Some(event) = socket.endpoint.handle_event(link.handle, event) {
                link.connection.handle_event(event);
            }
        }
        let publishes = number >= self.subscribers;
        let ready = link.advance(publishes, &mut |payload| each(number, payload, now))?;
        if ready && !link.ready {
            link.ready = true;
            self.ready += 1;
        }
        loop {
            let mut datagram = socket.buffer();
            let Some(transmit) = link.connection.poll_transmit(now, 1, &mut datagram) else {
                socket.recycle(datagram);
                break;
            };
            datagram.truncate(transmit.size);
            socket.send(datagram)?;
            if link.ready && transmit.size < NEARLY_FULL {
                break;
            }
        }
        if let Some(at) = link.connection.poll_timeout()
            // An earlier timer that is set already fires first and finds the later one.
            && link.scheduled.is_none_or(|scheduled| at < scheduled)
        {
            link.scheduled = Some(at);
            self.timers.push(Reverse((at, number)));
        }
        Ok(())
    }
}

impl Clients for QuicClients {
    fn ready(&self) -> usize {
        self.ready
    }

    fn turn(&mut self, timeout: Duration, each: &mut Each<'_>) -> anyhow::Result<()> {
        let now = Instant::now();
        self.connect_some(now)?;
        self.drive_dirty(each)?;
        let timer = self.timers.peek();
        let timer = timer.map(|Reverse((at, _))| at.saturating_duration_since(now));
        let timeout = timer.unwrap_or(timeout).min(timeout);
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        self.receive(each)?;
        self.expire(Instant::now());
        self.drive_dirty(each)
    }

    fn publish(&mut self, publisher: usize, payload: &[u8]) -> anyhow::Result<()> {
        let number = self.subscribers + publisher;
        let link = &mut self.links[number];
        let length = u16::try_from(payload.len())?.to_be_bytes();
        link.unsent.extend_from_slice(&length);
        link.unsent.extend_from_slice(payload);
        link.mark(number, &mut self.dirty);
        Ok(())
    }
}

impl Link {
    fn mark(&mut self, number: usize, dirty: &mut Vec<usize>) {
        if !self.dirty {
            self.dirty = true;
            dirty.push(number);
        }
    }

    /// Handles what QUIC has to say and writes what there is; whether the client is ready.
    fn advance(&mut self, publishes: bool, each: &mut dyn FnMut(&[u8])) -> anyhow::Result<bool> {
        let mut ready = false;
        while let Some(event) = self.connection.poll() {
            match event {
                Event::Connected => {
                    self.stream = self.connection.streams().open(Dir::Uni);
                    ready = publishes;
                }
                Event::Stream(StreamEvent::Opened { dir: Dir::Uni }) => {
                    self.deliveries = self.connection.streams().accept(Dir::Uni);
                    ready |= self.read(each)?;
                }
                Event::Stream(StreamEvent::Readable { .. }) => ready |= self.read(each)?,
                Event::ConnectionLost { reason } => bail!("the connection is lost: {reason}"),
                _ => {}
            }
        }
        if let Some(stream) = self.stream
            && !self.unsent.is_empty()
            // Blocked: `Writable` comes, and with it the next turn.
            && let Ok(written) = self.connection.send_stream(stream).write(&self.unsent)
        {
            self.unsent.drain(..written);
        }
        Ok(ready)
    }

    /// Reads all there is; whether the subscription was confirmed.
    fn read(&mut self, each: &mut dyn FnMut(&[u8])) -> anyhow::Result<bool> {
        let Some(stream) = self.deliveries else {
            return Ok(false);
        };
        let mut stream = self.connection.recv_stream(stream);
        let Ok(mut chunks) = stream.read(true) else {
            return Ok(false);
        };
        let mut confirmed = false;
        let result = loop {
            match chunks.next(usize::MAX) {
                Ok(Some(chunk)) => {
                    self.partial.extend_from_slice(&chunk.bytes);
                    confirmed |= take_frames(&mut self.partial, each);
                }
                Err(ReadError::Blocked) => break Ok(confirmed),
                Ok(None) | Err(ReadError::Reset(_)) => break Err("the server ended its stream"),
            }
        };
        // Window updates go out with the transmits that follow.
        let _ = chunks.finalize();
        result.map_err(anyhow::Error::msg)
    }
}

/// Takes the whole frames off the front of `bytes`; whether one of them was empty, which confirms a
/// subscription. What stays is less than the longest frame, 64 KiB.
fn take_frames(bytes: &mut Vec<u8>, each: &mut dyn FnMut(&[u8])) -> bool {
    let mut confirmed = false;
    let mut rest = bytes.as_slice();
    while let Some((length, after)) = rest.split_first_chunk::<LENGTH_BYTES>()
        && let Some((payload, after)) = after.split_at_checked(u16::from_be_bytes(*length).into())
    {
        match payload {
            [] => confirmed = true,
            payload => each(payload),
        }
        rest = after;
    }
    let used = bytes.len() - rest.len();
    bytes.drain(..used);
    confirmed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn frames_come_out_whole_however_they_are_cut(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..6),
            piece in 1_usize..64,
        ) {
            let mut said = vec![0, 0];
            for payload in &payloads {
                said.extend((payload.len() as u16).to_be_bytes());
                said.extend(payload);
            }
            let (mut partial, mut heard, mut confirmed) = (Vec::new(), Vec::new(), false);
            for piece in said.chunks(piece) {
                partial.extend_from_slice(piece);
                confirmed |= take_frames(&mut partial, &mut |payload| heard.push(payload.to_vec()));
            }
            prop_assert!(confirmed && partial.is_empty());
            prop_assert_eq!(heard, payloads);
        }
    }
}
