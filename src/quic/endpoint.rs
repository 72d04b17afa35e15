//! One shard's thread: a socket, a QUIC endpoint, the engine's port and the shard's sessions in one
//! loop.
//!
//! A turn takes in what has come (datagrams, effects, timers), visits the connections that this
//! concerns, flushes the sessions within a budget and sends the batch. Nothing blocks but the wait at
//! its top, nothing is shared on the delivery path, and every queue is bounded (invariants 4 and 5).

use core::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use crossbeam_channel::{Receiver, Sender};
use mio::{Events, Interest, Poll, Token, Waker};
use quinn_proto::{
    ConnectionHandle, DatagramEvent, EcnCodepoint, Endpoint, EndpointConfig, Incoming, ServerConfig,
};

use super::cid::{ShardCodec, ShardIds};
use super::close::CloseReason;
use super::link::{Link, Phase};
use super::links::{Links, Wave};
use super::options::CheckToken;
use super::registry::Registry;
use super::requests::Requests;
use super::socket::{Received, ShardSocket};
use super::stats::{Published, ShardStats};
use crate::engine::{Engine, Fetch, Item, Port};
use crate::shard::{Core, Flushed};

/// The socket's token; the waker's is [`WAKER`].
const SOCKET: Token = Token(0);
/// What other threads wake the loop by.
pub(super) const WAKER: Token = Token(1);
/// Received batches a turn, so that a flood cannot keep deliveries waiting.
const RECEIVE_BATCHES: usize = 8;
/// Forwarded datagrams a turn.
const FORWARDED_PER_TURN: usize = 256;
/// How long a flush may go on before the loop looks up: about 200 sessions.
const FLUSH_BUDGET: Duration = Duration::from_millis(1);
/// The longest wait: what a turn that has nothing to do costs is nothing.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// The longest wait while stopping.
const STOPPING_WAIT_MAX: Duration = Duration::from_millis(5);

/// A datagram that reached the wrong shard's socket.
pub(super) struct Forwarded {
    pub(super) remote: SocketAddr,
    pub(super) local_ip: Option<IpAddr>,
    pub(super) ecn: Option<EcnCodepoint>,
    pub(super) contents: BytesMut,
}

/// How to reach another shard.
#[derive(Clone)]
pub(super) struct Peer {
    pub(super) forwarded: Sender<Forwarded>,
    pub(super) waker: Arc<Waker>,
}

/// What the server tells a shard.
pub(super) enum Control {
    /// New connections use this from now on.
    Reload(Arc<ServerConfig>),
    /// Answer what is in flight, say goodbye, and end by then.
    Stop { by: Instant },
}

/// What a shard is made of.
pub(super) struct ShardParts {
    pub(super) shard: u16,
    pub(super) shards: u16,
    pub(super) poll: Poll,
    pub(super) socket: std::net::UdpSocket,
    pub(super) config: Arc<ServerConfig>,
    pub(super) codec: ShardCodec,
    pub(super) engine: Engine,
    pub(super) port: Port,
    pub(super) core: Core,
    pub(super) limits: super::Limits,
    pub(super) tokens: Arc<CheckToken>,
    pub(super) registry: Arc<Registry>,
    pub(super) control: Receiver<Control>,
    pub(super) forwarded: Receiver<Forwarded>,
    pub(super) peers: Vec<Peer>,
    pub(super) published: Arc<Published>,
}

/// How a stop is going.
struct Stopping {
    /// The loop ends by then.
    by: Instant,
    /// Whoever has not been answered by then is not.
    answers_by: Instant,
    /// Everyone has been told.
    told: bool,
}

/// Newcomers counted by the second.
struct Newcomers {
    second: u64,
    count: u32,
}

/// A shard at work.
pub(super) struct Shard {
    pub(super) shard: u16,
    poll: Poll,
    pub(super) endpoint: Endpoint,
    pub(super) engine: Engine,
    pub(super) port: Port,
    pub(super) core: Core,
    pub(super) links: Links,
    pub(super) requests: Requests,
    pub(super) tokens: Arc<CheckToken>,
    pub(super) registry: Arc<Registry>,
    pub(super) stats: ShardStats,
    codec: ShardCodec,
    control: Receiver<Control>,
    forwarded: Receiver<Forwarded>,
    peers: Vec<Peer>,
    published: Arc<Published>,
    connections_max: u32,
    waiting: VecDeque<Incoming>,
    newcomers: Newcomers,
    received: Option<Received>,
    /// The socket may have more to read.
    readable: bool,
    /// The poll also tells when the socket has room.
    awaiting_room: bool,
    next_serial: u32,
    pub(super) next_session: u32,
    stopping: Option<Stopping>,
    items: Vec<Item>,
    fetches: Vec<Fetch>,
    visits: Vec<u32>,
    due: Vec<u32>,
    begun: Instant,
}

impl Shard {
    pub(super) fn new(parts: ShardParts, now: Instant) -> io::Result<Self> {
        let ShardParts {
            shard,
            shards,
            poll,
            socket,
            config,
            codec,
            engine,
            port,
            core,
            limits,
            tokens,
            registry,
            control,
            forwarded,
            peers,
            published,
        } = parts;
        // Made on the thread it stays on: its headers hold pointers.
        let mut socket = ShardSocket::new(socket)?;
        let registration = poll.registry();
        registration.register(socket.io(), SOCKET, Interest::READABLE)?;
        let mut endpoint_config = EndpointConfig::default();
        endpoint_config.cid_generator(move || Box::new(ShardIds::new(codec, shard)));
        let whole = socket.keeps_datagrams_whole();
        let endpoint = Endpoint::new(Arc::new(endpoint_config), Some(config), whole, None);
        let (receive_buffer, send_buffer) = socket.buffers();
        let stats = ShardStats {
            receive_buffer_bytes: receive_buffer as u64,
            send_buffer_bytes: send_buffer as u64,
            ..ShardStats::default()
        };
        published.store(&stats);
        Ok(Self {
            shard,
            poll,
            endpoint,
            engine,
            port,
            core,
            connections_max: limits.connections_max.div_ceil(u32::from(shards)),
            links: Links::new(socket, limits, now),
            requests: Requests::default(),
            tokens,
            registry,
            stats,
            codec,
            control,
            forwarded,
            peers,
            published,
            waiting: VecDeque::new(),
            newcomers: Newcomers {
                second: 0,
                count: 0,
            },
            received: Some(Received::new()),
            readable: true,
            awaiting_room: false,
            next_serial: 0,
            next_session: 0,
            stopping: None,
            items: Vec::new(),
            fetches: Vec::new(),
            visits: Vec::new(),
            due: Vec::new(),
            begun: now,
        })
    }

    /// Runs until stopped.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(8);
        let mut flushed = Flushed::Done;
        loop {
            let wait = self.wait(&flushed);
            let waiting_since = Instant::now();
            match self.poll.poll(&mut events, Some(wait)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            let now = Instant::now();
            for event in events.iter().filter(|event| event.token() == SOCKET) {
                self.readable |= event.is_readable();
                if event.is_writable() {
                    self.links.socket.unblock();
                    self.links.socket.flush();
                }
            }
            self.take_control(now);
            self.receive();
            self.take_forwarded();
            let now_received = Instant::now();
            self.fire_timers(now_received);
            self.take_items();
            self.admit(now_received);
            self.visit_all(now_received);
            flushed = self.flush_sessions();
            self.request_fetches();
            self.links.socket.flush();
            self.await_room()?;
            self.publish(now, waiting_since);
            if self.is_stopped(now, &flushed) {
                self.links.socket.flush();
                return Ok(());
            }
        }
    }

    /// How long there is nothing to do unless something comes.
    fn wait(&self, flushed: &Flushed) -> Duration {
        let blocked = self.links.socket.is_full();
        let sessions_wait = matches!(flushed, Flushed::More) || self.links.has_dirty();
        if self.readable || !self.waiting.is_empty() || (sessions_wait && !blocked) {
            return Duration::ZERO;
        }
        let longest = match self.stopping {
            Some(_) => STOPPING_WAIT_MAX,
            None => WAIT_MAX,
        };
        let timer = self.links.wheel.wait(Instant::now());
        timer.map_or(longest, |timer| timer.min(longest))
    }

    fn take_control(&mut self, now: Instant) {
        while let Ok(control) = self.control.try_recv() {
            match control {
                Control::Reload(config) => self.endpoint.set_server_config(Some(config)),
                Control::Stop { by } => {
                    let answers_by = now + by.saturating_duration_since(now) / 2;
                    self.stopping = Some(Stopping {
                        by,
                        answers_by,
                        told: false,
                    });
                }
            }
        }
    }

    fn receive(&mut self) {
        if !self.readable {
            return;
        }
        // Taken out so that its datagrams can be handed to the rest of the shard.
        let Some(mut received) = self.received.take() else {
            return;
        };
        for _ in 0..RECEIVE_BATCHES {
            let count = match self.links.socket.receive(&mut received) {
                Ok(count) => count,
                Err(error) => {
                    self.readable = error.kind() == io::ErrorKind::Interrupted;
                    break;
                }
            };
            let now = Instant::now();
            for index in 0..count {
                let (meta, datagrams) = received.datagrams(index);
                let ecn = meta.ecn.and_then(|ecn| EcnCodepoint::from_bits(ecn as u8));
                for datagram in datagrams {
                    self.stats.datagrams_received += 1;
                    self.stats.bytes_received += datagram.len() as u64;
                    self.on_datagram(now, meta.addr, meta.dst_ip, ecn, BytesMut::from(datagram));
                }
            }
            if count < super::socket::BATCH {
                // The next datagram to come is a new event.
                self.readable = false;
                break;
            }
        }
        self.received = Some(received);
    }

    fn take_forwarded(&mut self) {
        let now = Instant::now();
        for _ in 0..FORWARDED_PER_TURN {
            let Ok(datagram) = self.forwarded.try_recv() else {
                return;
            };
            let Forwarded {
                remote,
                local_ip,
                ecn,
                contents,
            } = datagram;
            self.handle(now, remote, local_ip, ecn, contents);
        }
        // There may be more, and nobody will say so again.
        self.readable = true;
    }

    fn on_datagram(
        &mut self,
        now: Instant,
        remote: SocketAddr,
        local_ip: Option<IpAddr>,
        ecn: Option<EcnCodepoint>,
        contents: BytesMut,
    ) {
        if self.peers.len() > 1
            && let Some(shard) = self.codec.shard_of_datagram(&contents)
            && shard != self.shard
            && let Some(peer) = self.peers.get(usize::from(shard))
        {
            let forwarded = Forwarded {
                remote,
                local_ip,
                ecn,
                contents,
            };
            if peer.forwarded.try_send(forwarded).is_ok() {
                self.stats.forwarded += 1;
                // A waker that fails has a dead loop behind it; its datagrams are lost with it.
                let _ = peer.waker.wake();
            } else {
                self.stats.forward_dropped += 1;
            }
            return;
        }
        self.handle(now, remote, local_ip, ecn, contents);
    }

    fn handle(
        &mut self,
        now: Instant,
        remote: SocketAddr,
        local_ip: Option<IpAddr>,
        ecn: Option<EcnCodepoint>,
        contents: BytesMut,
    ) {
        let mut buffer = self.links.socket.buffer();
        let event = self
            .endpoint
            .handle(now, remote, local_ip, ecn, contents, &mut buffer);
        match event {
            Some(DatagramEvent::ConnectionEvent(handle, event)) => {
                self.links.socket.give_back(buffer);
                let index = handle.0 as u32;
                if let Some(link) = self.links.get(index) {
                    link.conn.handle_event(event);
                    self.links.mark_dirty(index);
                }
            }
            Some(DatagramEvent::NewConnection(incoming)) => {
                self.links.socket.give_back(buffer);
                self.on_newcomer(now, incoming);
            }
            Some(DatagramEvent::Response(transmit)) => self.links.socket.queue(&transmit, buffer),
            None => self.links.socket.give_back(buffer),
        }
    }

    /// Lets a newcomer wait for its handshake, asks it to prove its address first, or sends it away.
    fn on_newcomer(&mut self, now: Instant, incoming: Incoming) {
        let limits = &self.links.limits;
        let waiting_max = limits.handshakes_waiting_max as usize;
        let taken = self.endpoint.open_connections() + self.waiting.len();
        let mut buffer = self.links.socket.buffer();
        if self.stopping.is_some() || taken >= self.connections_max as usize {
            self.stats.refused += 1;
            let transmit = self.endpoint.refuse(incoming, &mut buffer);
            self.links.socket.queue(&transmit, buffer);
            return;
        }
        let rate = self.newcomers.count(now.duration_since(self.begun));
        let many = rate > limits.retry_above_per_s || self.waiting.len() > waiting_max / 2;
        if many && !incoming.remote_address_validated() {
            self.stats.retries += 1;
            match self.endpoint.retry(incoming, &mut buffer) {
                Ok(transmit) => self.links.socket.queue(&transmit, buffer),
                Err(error) => self.endpoint.ignore(error.into_incoming()),
            }
            return;
        }
        self.links.socket.give_back(buffer);
        if self.waiting.len() >= waiting_max {
            self.stats.ignored += 1;
            self.endpoint.ignore(incoming);
        } else {
            self.waiting.push_back(incoming);
        }
    }

    /// Begins a few of the waiting handshakes, so that a storm of newcomers never holds up members.
    fn admit(&mut self, now: Instant) {
        for _ in 0..self.links.limits.handshakes_per_turn {
            let Some(incoming) = self.waiting.pop_front() else {
                return;
            };
            self.stats.handshakes += 1;
            let mut buffer = self.links.socket.buffer();
            match self.endpoint.accept(incoming, now, &mut buffer, None) {
                Ok((ConnectionHandle(handle), conn)) => {
                    self.links.socket.give_back(buffer);
                    self.next_serial = self.next_serial.wrapping_add(1);
                    let link = Link::new(conn, self.next_serial, now);
                    self.links.insert(handle as u32, link);
                    self.stats.connections += 1;
                }
                Err(error) => match error.response {
                    Some(transmit) => self.links.socket.queue(&transmit, buffer),
                    None => self.links.socket.give_back(buffer),
                },
            }
        }
    }

    fn fire_timers(&mut self, now: Instant) {
        let mut due = core::mem::take(&mut self.due);
        while let Some(tick) = self.links.wheel.take_due(now, &mut due) {
            for index in due.drain(..) {
                if self.links.is_due(index, tick) {
                    self.on_timer(index, now);
                }
            }
        }
        self.due = due;
    }

    fn on_timer(&mut self, index: u32, now: Instant) {
        let limits = self.links.limits.clone();
        let Some(link) = self.links.get(index) else {
            return;
        };
        if let Some((at, reason)) = link.deadline(&limits)
            && at <= now
        {
            self.close(index, &reason, now);
            return;
        }
        if link.conn.poll_timeout().is_some_and(|at| at <= now) {
            link.conn.handle_timeout(now);
            self.links.mark_dirty(index);
        } else {
            self.links.arm(index);
        }
    }

    fn take_items(&mut self) {
        let mut items = core::mem::take(&mut self.items);
        self.port.poll(&mut items);
        for item in items.drain(..) {
            match item {
                Item::Answer { request, result } => self.on_answer(request, &result),
                Item::Attached {
                    session,
                    position,
                    result,
                } => self.on_attached(session, position, result),
                item @ (Item::Deliver(_) | Item::Membership(_) | Item::Fetched { .. }) => {
                    self.core.on_item(&item);
                }
                _ => {}
            }
        }
        self.items = items;
    }

    fn visit_all(&mut self, now: Instant) {
        if self.links.socket.is_full() {
            return;
        }
        let mut visits = core::mem::take(&mut self.visits);
        self.links.swap_dirty(&mut visits);
        for index in visits.drain(..) {
            self.visit(index, now);
        }
        self.visits = visits;
    }

    fn flush_sessions(&mut self) -> Flushed {
        let now = Instant::now();
        let until = now + FLUSH_BUDGET;
        let full = Cell::new(self.links.socket.is_full());
        if full.get() {
            return Flushed::More;
        }
        let mut wave = Wave {
            links: &mut self.links,
            now,
            current: None,
            full: &full,
        };
        let flushed = self
            .core
            .flush(&mut wave, || !full.get() && Instant::now() < until);
        wave.finish();
        flushed
    }

    fn request_fetches(&mut self) {
        self.core.take_fetches(&mut self.fetches);
        let mut asked = 0;
        for fetch in &self.fetches {
            if self.port.fetch(*fetch).is_err() {
                break;
            }
            asked += 1;
        }
        self.fetches.drain(..asked);
    }

    /// Asks the poll to tell when the socket has room, and only then.
    fn await_room(&mut self) -> io::Result<()> {
        let blocked = self.links.socket.is_blocked();
        if blocked == self.awaiting_room {
            return Ok(());
        }
        self.awaiting_room = blocked;
        let interest = if blocked {
            Interest::READABLE | Interest::WRITABLE
        } else {
            Interest::READABLE
        };
        let registry = self.poll.registry();
        registry.reregister(self.links.socket.io(), SOCKET, interest)
    }

    fn publish(&mut self, woken: Instant, waiting_since: Instant) {
        let now = Instant::now();
        let sent = self.links.socket.sent();
        let stats = &mut self.stats;
        stats.turns += 1;
        stats.busy_us += now.duration_since(woken).as_micros() as u64;
        stats.elapsed_us += now.duration_since(waiting_since).as_micros() as u64;
        stats.deliveries = self.links.deliveries;
        stats.datagrams_sent = sent.datagrams;
        stats.bytes_sent = sent.bytes;
        stats.sends = sent.calls;
        stats.datagrams_unsendable = sent.unsendable;
        self.published.store(stats);
    }

    /// Whether a stop has come to its end; tells everyone once what is in flight is answered.
    fn is_stopped(&mut self, now: Instant, flushed: &Flushed) -> bool {
        let Some(stopping) = &mut self.stopping else {
            return false;
        };
        let quiet = || self.links.iter().all(Link::is_quiet);
        let answered = matches!(flushed, Flushed::Done) && quiet();
        if !stopping.told && (answered || now >= stopping.answers_by) {
            stopping.told = true;
            for incoming in self.waiting.drain(..) {
                self.endpoint.ignore(incoming);
            }
            for index in self.links.indexes() {
                self.close(index, &CloseReason::ShuttingDown, now);
            }
            return false;
        }
        let gone = stopping.told && self.stats.connections == 0;
        gone || now >= stopping.by
    }

    /// Whether requests are still taken.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.is_some()
    }

    /// Closes a connection from this side.
    pub(super) fn close(&mut self, index: u32, reason: &CloseReason, now: Instant) {
        let Some(link) = self.links.get(index) else {
            return;
        };
        if link.phase == Phase::Closed {
            return;
        }
        let code = reason.code();
        tracing::debug!(shard = self.shard, remote = %link.conn.remote_address(), ?code, %reason, "closing a connection");
        link.conn.close(now, code.into(), reason.to_string().into());
        if reason.is_for_cause() {
            self.stats.closed_for_cause += 1;
        }
        self.leave(index);
        self.links.mark_dirty(index);
    }
}

impl Newcomers {
    /// Counts one more; how many have come in this second.
    fn count(&mut self, since_begun: Duration) -> u32 {
        let second = since_begun.as_secs();
        if second != self.second {
            self.second = second;
            self.count = 0;
        }
        self.count += 1;
        self.count
    }
}
