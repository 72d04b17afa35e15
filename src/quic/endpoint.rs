//! One shard's thread: a socket, a QUIC endpoint, the engine's port and the shard's sessions in one
//! loop.
//!
//! A turn takes in what has come (datagrams, effects, timers), visits the connections that this
//! concerns, flushes the sessions within a budget and sends the batch. Nothing blocks but the wait at
//! its top, nothing is shared on the delivery path, and every queue is bounded (invariants 4 and 5).

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use crossbeam_channel::Receiver;
use mio::{Events, Interest, Poll, Token};
use quinn_proto::{Endpoint, EndpointConfig, Incoming, ServerConfig};

use super::admission::Waiting;
use super::arrivals::{Forwarded, Newcomers, Peer};
use super::cid::{ShardCodec, ShardIds};
use super::close::CloseReason;
use super::counted;
use super::gateway::Backlog;
use super::latency::Latency;
use super::link::{Link, Phase};
use super::links::{Events as WaveEvents, Links};
use super::options::CheckToken;
use super::pace::Pace;
use super::registry::Registry;
use super::requests::Requests;
use super::socket::{Received, ShardSocket};
use super::stats::{Published, ShardStats};
use crate::engine::{Engine, Fetch, Item, Port};
use crate::shard::Core;
use crate::wire::{DeviceId, PersonId, TenantId};

/// The socket's token; the waker's is [`WAKER`].
const SOCKET: Token = Token(0);
/// What other threads wake the loop by.
pub(super) const WAKER: Token = Token(1);
/// The longest wait: what a turn that has nothing to do costs is nothing.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// When to look again at what nobody will announce: a stop's progress, a fetch that was refused.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// How long the log is left alone after it could not be read.
const FETCH_RETRY: Duration = Duration::from_secs(1);

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
pub(super) struct Stopping {
    /// The loop ends by then.
    by: Instant,
    /// Whoever has not been answered by then is not.
    answers_by: Instant,
    /// Everyone has been told.
    told: bool,
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
    pub(super) codec: ShardCodec,
    control: Receiver<Control>,
    pub(super) forwarded: Receiver<Forwarded>,
    pub(super) peers: Vec<Peer>,
    pub(super) published: Arc<Published>,
    pub(super) connections_max: u32,
    pub(super) waiting: Waiting<Incoming>,
    pub(super) newcomers: Newcomers,
    pub(super) received: Option<Received>,
    /// The socket may have more to read.
    pub(super) readable: bool,
    /// The poll also tells when the socket has room.
    awaiting_room: bool,
    pub(super) next_serial: u32,
    pub(super) next_session: u32,
    pub(super) gateway_backlog: Backlog,
    pub(super) stopping: Option<Stopping>,
    more_items: bool,
    items: Vec<Item>,
    fetches: Vec<Fetch>,
    retry_fetches_at: Instant,
    /// The earliest release of a delivery that those who are live have not all been handed.
    pub(super) released_at: Option<Instant>,
    pub(super) latency: Latency,
    visits: Vec<u32>,
    due: Vec<u32>,
    pub(super) wave_events: WaveEvents,
    pub(super) scratch: Vec<Bytes>,
    pub(super) pace: Pace,
    /// The last flush ran out of its budget.
    pub(super) unflushed: bool,
    /// Time the loop was not waiting.
    busy: Duration,
    elapsed: Duration,
    pub(super) begun: Instant,
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
        let pace = Pace::new(limits.coalesce_max);
        let waiting_max = limits.handshakes_waiting_max as usize;
        let waiting = Waiting::new(waiting_max, limits.authentication_timeout);
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
            waiting,
            newcomers: Newcomers::default(),
            received: Some(Received::new()),
            readable: true,
            awaiting_room: false,
            next_serial: 0,
            next_session: 0,
            gateway_backlog: Backlog::default(),
            stopping: None,
            more_items: false,
            items: Vec::new(),
            fetches: Vec::new(),
            retry_fetches_at: Instant::now(),
            released_at: None,
            latency: Latency::default(),
            visits: Vec::new(),
            due: Vec::new(),
            wave_events: WaveEvents::default(),
            scratch: Vec::new(),
            pace,
            unflushed: false,
            busy: Duration::ZERO,
            elapsed: Duration::ZERO,
            begun: now,
        })
    }

    /// Runs until stopped.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(8);
        loop {
            let wait = self.wait();
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
            self.take_items(now_received);
            self.serve_gateways(now_received);
            self.admit(now_received);
            self.visit_all(now_received);
            self.budget_memory();
            self.flush_sessions();
            self.request_fetches(now_received);
            self.links.socket.flush();
            self.note_latency();
            self.await_room()?;
            self.publish(now, waiting_since);
            if self.is_stopped(now) {
                self.links.socket.flush();
                return Ok(());
            }
        }
    }

    /// How long there is nothing to do unless something comes.
    fn wait(&self) -> Duration {
        let blocked = self.links.socket.is_full();
        let now = Instant::now();
        let stands_back = self.pace.stands_back_until(now);
        let unflushed = self.unflushed && stands_back.is_none();
        let sessions_wait = unflushed || self.links.has_dirty();
        let more = self.readable || self.more_items || !self.waiting.is_empty();
        if more || (sessions_wait && !blocked) {
            return Duration::ZERO;
        }
        let looks_again = !self.fetches.is_empty() || !self.gateway_backlog.is_empty();
        let longest = if self.stopping.is_some() || looks_again {
            LOOK_AGAIN
        } else {
            WAIT_MAX
        };
        let timer = self.links.wheel.wait(now).unwrap_or(longest);
        let wave = self.pace.waits_until();
        let wave = wave.map_or(longest, |until| until.saturating_duration_since(now));
        let until = stands_back.map_or(longest, |until| until.saturating_duration_since(now));
        timer.min(longest).min(wave).min(until)
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
        if self.links.hand_over(index) {
            self.links.mark_dirty(index);
        }
        let Some((link, limits)) = self.links.get_with_limits(index) else {
            return;
        };
        if let Some((at, reason)) = link.deadline(limits)
            && at <= now
        {
            self.close(index, &reason, now);
            return;
        }
        if link.conn.poll_timeout().is_some_and(|at| at <= now) {
            counted::transport(|| link.conn.handle_timeout(now));
            self.links.mark_dirty(index);
        } else {
            self.links.arm(index);
        }
    }

    fn take_items(&mut self, now: Instant) {
        let mut items = core::mem::take(&mut self.items);
        self.port.poll(&mut items);
        // A port need not yield everything at once, nor wake again for the rest.
        self.more_items = !items.is_empty();
        let released_at = self.port.released_at();
        for item in items.drain(..) {
            match item {
                Item::Answer { request, result } => self.on_answer(request, result, now),
                Item::Attached {
                    session,
                    position,
                    result,
                } => self.on_attached(session, position, result),
                Item::Pulled { request, result } => self.on_pulled(request, result),
                item @ (Item::Deliver(_)
                | Item::Membership(_)
                | Item::Window(_)
                | Item::Forget { .. }
                | Item::Fetched { .. }) => {
                    if matches!(item, Item::Deliver(_)) {
                        self.released_at = self.released_at.or(released_at);
                    }
                    self.core.on_item(&item);
                }
                Item::Ended {
                    tenant,
                    person,
                    device,
                } => {
                    self.end_on_gateways(tenant, person, device);
                    self.on_ended(tenant, person, device, now);
                    let ended = Item::Ended {
                        tenant,
                        person,
                        device,
                    };
                    self.core.on_item(&ended);
                }
                // The engine's owner stops the server; until then there is nobody to answer.
                _ => {}
            }
        }
        self.items = items;
    }

    /// Somebody's connections end, on one device or on all (SPEC D7, D9).
    fn on_ended(
        &mut self,
        tenant: TenantId,
        person: PersonId,
        device: Option<DeviceId>,
        now: Instant,
    ) {
        let reason = match device {
            Some(_) => CloseReason::DeviceRevoked,
            None => CloseReason::Departed,
        };
        for index in self.links.indexes() {
            let theirs = self.links.get(index);
            if theirs.is_some_and(|link| link.is_of(tenant, person, device)) {
                self.close(index, &reason, now);
            }
        }
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

    /// What is behind comes from the log; what the log failed to give is asked for again in a while.
    fn request_fetches(&mut self, now: Instant) {
        if self.core.has_failed_fetches() && now >= self.retry_fetches_at {
            self.retry_fetches_at = now + FETCH_RETRY;
            self.core.retry_fetches();
        }
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
        let (busy, elapsed) = (now.duration_since(woken), now.duration_since(waiting_since));
        self.pace.note(busy, elapsed);
        self.busy += busy;
        self.elapsed += elapsed;
        stats.busy_us = self.busy.as_micros() as u64;
        stats.elapsed_us = self.elapsed.as_micros() as u64;
        stats.deliveries = self.links.deliveries;
        stats.datagrams_sent = sent.datagrams;
        stats.bytes_sent = sent.bytes;
        stats.sends = sent.calls;
        stats.datagrams_unsendable = sent.unsendable;
        self.note_memory();
        self.published.store(&self.stats);
        counted::publish();
    }

    /// Whether a stop has come to its end; tells everyone once what is in flight is answered.
    fn is_stopped(&mut self, now: Instant) -> bool {
        let Some(stopping) = &mut self.stopping else {
            return false;
        };
        let quiet = || self.links.iter().all(Link::is_quiet);
        let answered = !self.unflushed && quiet();
        if !stopping.told && (answered || now >= stopping.answers_by) {
            stopping.told = true;
            while let Some(incoming) = self.waiting.pop_any() {
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
        self.links.hand_over(index);
        let Some(link) = self.links.get(index) else {
            return;
        };
        let code = reason.code();
        tracing::debug!(shard = self.shard, remote = %link.conn.remote_address(), ?code, %reason, "closing a connection");
        let number = reason.number(link.serial);
        link.conn.close(now, number, reason.to_string().into());
        if reason.is_for_cause() {
            self.stats.closed_for_cause += 1;
        }
        self.leave(index);
        self.links.mark_dirty(index);
    }
}
