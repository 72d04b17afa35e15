//! Most members, from one loop: quinn-proto driven directly over a few UDP sockets, with the client
//! library's own session on each connection.
//!
//! Cheap on purpose, so that a machine's two cores are the server's: batches in and out, no tasks,
//! and only connections something happened to are looked at. A lost connection is made again, with
//! the member's cursors, for as long as the swarm runs.

mod away;
mod member;
pub(crate) mod socket;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use mio::{Events, Interest, Poll, Token, Waker};
use quinn_proto::ClientConfig;
use throng::client::{CursorLimits, Cursors, Limits, Session};
use throng::wire::{Hello, TenantId};

use crate::away::Mode;
use crate::check::{Inbox, Tally};
use crate::ledger::Ledger;
use member::{Link, Member, Shared, Stage};
use socket::{Landing, Socket};

/// The name the server's certificate is for.
pub(crate) const SERVER_NAME: &str = "localhost";
/// A full datagram may have another behind it; one well below has not.
const NEARLY_FULL: usize = socket::UDP_PAYLOAD_MAX as usize - 64;
/// How long a member waits before it connects again; spread, so that not all come at once.
const RECONNECT_AFTER: Duration = Duration::from_millis(50);
/// Acknowledgements are spread over this much beyond their second.
const ACK_SPREAD_MS: u64 = 250;

/// What the swarm needs to know.
pub(crate) struct Options {
    /// The server.
    pub(crate) server: SocketAddr,
    /// TLS and transport.
    pub(crate) client: ClientConfig,
    /// UDP sockets.
    pub(crate) sockets: usize,
    /// Connections being made at a time.
    pub(crate) handshakes_at_once: usize,
    /// Where groups without a cursor begin.
    pub(crate) live_only: bool,
    /// Of the members, those before this one are never away; all, where there is none.
    pub(crate) staying: Option<usize>,
    /// The members by number, each with its token.
    pub(crate) members: Vec<(usize, String)>,
}

/// How the swarm is doing, for whoever waits.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Members online now.
    pub(crate) online: AtomicUsize,
    /// Connections made again.
    pub(crate) reconnects: AtomicUsize,
    trouble: Mutex<Option<String>>,
}

impl Progress {
    /// Why the last connection was lost.
    pub(crate) fn trouble(&self) -> Option<String> {
        let trouble = self.trouble.lock();
        trouble.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_trouble(&self, reason: &str) {
        let trouble = self.trouble.lock();
        *trouble.unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
    }
}

/// A running swarm.
pub(crate) struct Swarm {
    /// How it is doing.
    pub(crate) progress: Arc<Progress>,
    stop: Arc<AtomicBool>,
    away: Arc<AtomicU8>,
    waker: Waker,
    thread: JoinHandle<anyhow::Result<Tally>>,
}

impl Swarm {
    /// Connects everybody, on a thread of its own.
    pub(crate) fn start(options: Options, ledger: Arc<Ledger>) -> anyhow::Result<Self> {
        let progress = Arc::new(Progress::default());
        let stop = Arc::new(AtomicBool::new(false));
        let away = Arc::new(AtomicU8::new(0));
        let (ready, waker) = std::sync::mpsc::channel();
        let shared = (progress.clone(), stop.clone(), away.clone());
        // Made where it runs: the headers of a batch hold pointers and stay on one thread.
        let work = move || {
            let (progress, stop, away) = shared;
            let mut swarm = Loop::new(options, ledger, progress, stop, away)
                .context("the sockets of the clients cannot be opened")?;
            // Nobody listens any more when the run was given up meanwhile.
            let _ = ready.send(Waker::new(swarm.poll.registry(), WAKE)?);
            swarm.run()
        };
        let thread = std::thread::Builder::new().name("swarm".to_owned());
        let thread = thread.spawn(work)?;
        let Ok(waker) = waker.recv() else {
            let ended = thread.join().map_err(|_| anyhow!("the swarm panicked"))?;
            return Err(ended.err().unwrap_or_else(|| anyhow!("the swarm ended")));
        };
        Ok(Self {
            progress,
            stop,
            away,
            waker,
            thread,
        })
    }

    /// Whether the loop has ended by itself, which is an error; [`Swarm::stop`] says which.
    pub(crate) fn has_failed(&self) -> bool {
        self.thread.is_finished()
    }

    /// What the members who are away are from now on.
    pub(crate) fn set_away(&self, mode: Mode) {
        self.away.store(mode as u8, Ordering::Release);
        // Fails only when the loop is gone, which the run finds out by itself.
        let _ = self.waker.wake();
    }

    /// Closes every connection and says what the members got.
    pub(crate) fn stop(self) -> anyhow::Result<Tally> {
        self.stop.store(true, Ordering::Release);
        // Fails only when the loop is gone, which the join tells.
        let _ = self.waker.wake();
        self.thread
            .join()
            .map_err(|_| anyhow!("the swarm panicked"))?
    }
}

const WAKE: Token = Token(usize::MAX);
const NOBODY: usize = usize::MAX;

struct Loop {
    poll: Poll,
    sockets: Vec<Socket>,
    /// Per socket: it may have more to read.
    readable: Vec<bool>,
    /// Per socket: which member a connection's handle is.
    handles: Vec<Vec<usize>>,
    landing: Landing,
    members: Vec<Member>,
    /// Members to connect, and not before when.
    waiting: VecDeque<(Instant, usize)>,
    connecting: usize,
    dirty: Vec<usize>,
    timers: BinaryHeap<Reverse<(u64, usize)>>,
    base: Instant,
    tally: Tally,
    options: Options,
    ledger: Arc<Ledger>,
    progress: Arc<Progress>,
    stop: Arc<AtomicBool>,
    /// What is asked of the members from `staying` on, and what they are.
    away: Arc<AtomicU8>,
    mode: Mode,
    staying: usize,
    /// Sockets from here on are those of members who may be away.
    staying_sockets: usize,
}

impl Loop {
    fn new(
        mut options: Options,
        ledger: Arc<Ledger>,
        progress: Arc<Progress>,
        stop: Arc<AtomicBool>,
        away: Arc<AtomicU8>,
    ) -> anyhow::Result<Self> {
        let poll = Poll::new()?;
        let mut sockets = Vec::new();
        for number in 0..options.sockets {
            let mut socket = Socket::connect(options.server)?;
            let registry = poll.registry();
            registry.register(&mut socket.io, Token(number), Interest::READABLE)?;
            sockets.push(socket);
        }
        let base = Instant::now();
        let members = core::mem::take(&mut options.members);
        let staying = options.staying.unwrap_or(members.len());
        let staying_sockets = sockets_of(staying, members.len(), sockets.len());
        let socket_of = |index| match sockets.len() - staying_sockets {
            others if index >= staying => staying_sockets + index % others,
            _ => index % staying_sockets,
        };
        let members = members.into_iter().enumerate();
        let members: Vec<_> = members
            .map(|(index, (number, token))| Member {
                number,
                socket: socket_of(index),
                token,
                inbox: Inbox::new(&ledger, number),
                cursors: Cursors::new(CursorLimits::default()),
                link: None,
            })
            .collect();
        Ok(Self {
            poll,
            readable: vec![false; sockets.len()],
            handles: vec![Vec::new(); sockets.len()],
            sockets,
            landing: Landing::new(),
            waiting: (0..members.len()).map(|index| (base, index)).collect(),
            members,
            connecting: 0,
            dirty: Vec::new(),
            timers: BinaryHeap::new(),
            base,
            tally: Tally::default(),
            options,
            ledger,
            progress,
            stop,
            away,
            mode: Mode::Here,
            staying,
            staying_sockets,
        })
    }

    fn run(&mut self) -> anyhow::Result<Tally> {
        let mut events = Events::with_capacity(64);
        loop {
            let timeout = match self.next_readable(0) {
                Some(_) => Some(Duration::ZERO),
                None => self.timeout(Instant::now()),
            };
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                other => other?,
            }
            for event in events.iter().filter(|event| event.token() != WAKE) {
                self.readable[event.token().0] = true;
            }
            self.receive()?;
            let now = Instant::now();
            self.take_mode(now)?;
            self.expire(now);
            let stopping = self.stop.load(Ordering::Acquire);
            if stopping {
                self.close_all(now);
            } else {
                self.connect_some(now)?;
            }
            self.drive_dirty()?;
            for socket in &mut self.sockets {
                socket.flush()?;
            }
            if stopping {
                return Ok(core::mem::take(&mut self.tally));
            }
        }
    }

    fn tick(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.base).as_millis() as u64
    }

    /// How long nothing needs doing.
    fn timeout(&self, now: Instant) -> Option<Duration> {
        let tick = self.tick(now);
        let timer = self.timers.peek();
        let timer = timer.map(|Reverse((at, _))| Duration::from_millis(at.saturating_sub(tick)));
        let connect = self.waiting.front().map(|(at, _)| {
            if self.connecting < self.options.handshakes_at_once {
                at.saturating_duration_since(now)
            } else {
                RECONNECT_AFTER
            }
        });
        timer.into_iter().chain(connect).min()
    }

    /// The first socket from `from` on that may have something to read, and is not left unread.
    fn next_readable(&self, from: usize) -> Option<usize> {
        let is_read = |&number: &usize| self.readable[number] && !self.is_stalled_socket(number);
        (from..self.sockets.len()).find(is_read)
    }

    /// Reads a batch of each socket, so that what came first is read first whoever's it is, and sees to
    /// the members of each batch while their state is in the cache.
    fn receive(&mut self) -> anyhow::Result<()> {
        let mut from = 0;
        while let Some(number) = self.next_readable(from) {
            from = number + 1;
            let (members, dirty) = (&mut self.members, &mut self.dirty);
            let handles = &self.handles[number];
            let socket = &mut self.sockets[number];
            self.readable[number] = socket.receive(&mut self.landing, |handle, event| {
                let index = handles.get(handle.0).copied().unwrap_or(NOBODY);
                let member = members.get_mut(index);
                if let Some(link) = member.and_then(|member| member.link.as_mut()) {
                    link.connection.handle_event(event);
                    mark(link, index, dirty);
                }
            })?;
            self.drive_dirty()?;
        }
        Ok(())
    }

    /// Fires the timers that are due.
    fn expire(&mut self, now: Instant) {
        let tick = self.tick(now);
        while let Some(&Reverse((at, index))) = self.timers.peek() {
            if at > tick {
                return;
            }
            self.timers.pop();
            if self.is_stalled(index) {
                continue;
            }
            if let Some(link) = &mut self.members[index].link
                && link.scheduled == at
            {
                link.scheduled = u64::MAX;
                link.connection.handle_timeout(now);
                mark(link, index, &mut self.dirty);
            }
        }
    }

    fn connect_some(&mut self, now: Instant) -> anyhow::Result<()> {
        while self.connecting < self.options.handshakes_at_once {
            match self.waiting.front() {
                Some((at, _)) if *at <= now => {}
                _ => return Ok(()),
            }
            let Some((_, index)) = self.waiting.pop_front() else {
                return Ok(());
            };
            if self.is_absent(index) {
                self.waiting.push_back((now + RECONNECT_AFTER, index));
                return Ok(());
            }
            self.connect(index, now)?;
        }
        Ok(())
    }

    fn connect(&mut self, index: usize, now: Instant) -> anyhow::Result<()> {
        let member = &mut self.members[index];
        let endpoint = &mut self.sockets[member.socket].endpoint;
        let client = self.options.client.clone();
        let (handle, connection) =
            endpoint.connect(now, client, self.options.server, SERVER_NAME)?;
        let mut limits = Limits::default();
        limits.ack_delay += Duration::from_millis(member.number as u64 % ACK_SPREAD_MS);
        let hello = Hello {
            token: &member.token,
            tenant: TenantId(0),
        };
        let link = Link::new(handle, connection, Session::new(&hello, limits));
        let link = member.link.insert(link);
        let handles = &mut self.handles[member.socket];
        if handles.len() <= handle.0 {
            handles.resize(handle.0 + 1, NOBODY);
        }
        handles[handle.0] = index;
        self.connecting += 1;
        mark(link, index, &mut self.dirty);
        Ok(())
    }

    fn drive_dirty(&mut self) -> anyhow::Result<()> {
        let mut dirty = core::mem::take(&mut self.dirty);
        for chunk in dirty.chunks(32) {
            let now = Instant::now();
            for index in chunk {
                self.drive(*index, now)?;
            }
        }
        dirty.clear();
        self.dirty = dirty;
        Ok(())
    }

    /// Moves one connection as far as it goes without waiting.
    fn drive(&mut self, index: usize, now: Instant) -> anyhow::Result<()> {
        let tick_of = |at: Instant| 1 + at.saturating_duration_since(self.base).as_millis() as u64;
        let member = &mut self.members[index];
        let socket = &mut self.sockets[member.socket];
        let Some(link) = &mut member.link else {
            return Ok(());
        };
        link.dirty = false;
        while let Some(event) = link.connection.poll_endpoint_events() {
            if let Some(event) = socket.endpoint.handle_event(link.handle, event) {
                link.connection.handle_event(event);
            }
        }
        let before = link.stage.clone();
        member.advance(&mut Shared {
            ledger: &self.ledger,
            live_only: self.options.live_only,
            tally: &mut self.tally,
            now,
        })?;
        let Some(link) = &mut member.link else {
            return Ok(());
        };
        note_stage(&before, &link.stage, &mut self.connecting, &self.progress);
        loop {
            let mut datagram = socket.buffer();
            let Some(transmit) = link.connection.poll_transmit(now, 1, &mut datagram) else {
                socket.recycle(datagram);
                break;
            };
            datagram.truncate(transmit.size);
            socket.send(datagram)?;
            if link.stage == Stage::Online && transmit.size < NEARLY_FULL {
                break;
            }
        }
        if link.connection.is_drained() {
            self.handles[member.socket][link.handle.0] = NOBODY;
            member.link = None;
            let spread = Duration::from_millis(member.number as u64 % 64 * 4);
            self.waiting
                .push_back((now + RECONNECT_AFTER + spread, index));
            self.progress.reconnects.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        let timeouts = [link.connection.poll_timeout(), link.session.timeout()];
        if let Some(at) = timeouts.into_iter().flatten().min() {
            let at = tick_of(at);
            // An earlier timer that is set already fires first and finds the later one.
            if at < link.scheduled {
                link.scheduled = at;
                self.timers.push(Reverse((at, index)));
            }
        }
        Ok(())
    }

    fn close_all(&mut self, now: Instant) {
        for (index, member) in self.members.iter_mut().enumerate() {
            if let Some(link) = &mut member.link {
                if !matches!(link.stage, Stage::Lost(_)) {
                    self.tally.redelivered += link.session.redelivered();
                }
                let reason = bytes::Bytes::from_static(b"done");
                link.connection.close(now, 0u32.into(), reason);
                mark(link, index, &mut self.dirty);
            }
        }
    }
}

/// How many of the sockets are the staying members': their share, and of each kind one at least.
fn sockets_of(staying: usize, members: usize, sockets: usize) -> usize {
    if staying == members {
        return sockets;
    }
    (sockets * staying / members).clamp(1, sockets - 1)
}

fn mark(link: &mut Link, index: usize, dirty: &mut Vec<usize>) {
    if !link.dirty {
        link.dirty = true;
        dirty.push(index);
    }
}

/// Keeps the counts of members online and connecting.
fn note_stage(before: &Stage, after: &Stage, connecting: &mut usize, progress: &Progress) {
    if before == after {
        return;
    }
    match before {
        Stage::Connecting => *connecting -= 1,
        Stage::Online => {
            progress.online.fetch_sub(1, Ordering::Relaxed);
        }
        Stage::Lost(_) => {}
    }
    match after {
        Stage::Online => {
            progress.online.fetch_add(1, Ordering::Relaxed);
        }
        Stage::Lost(reason) => progress.set_trouble(reason),
        Stage::Connecting => {}
    }
}
