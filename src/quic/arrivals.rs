//! What reaches a shard's socket: datagrams of its connections, of other shards' and of newcomers.
//!
//! A newcomer is let in only as fast as those already there can bear: a bounded number of handshakes
//! a turn, a bounded number waiting, and above a rate only after it has proved its address. Who was
//! here before comes first.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use crossbeam_channel::Sender;
use mio::Waker;
use quinn_proto::{ConnectionHandle, DatagramEvent, EcnCodepoint, Incoming};

use super::admission::Class;
use super::counted::transport;
use super::endpoint::Shard;
use super::link::Link;
use super::waiting;

/// Received batches a turn, so that a flood cannot keep deliveries waiting.
const RECEIVE_BATCHES: usize = 8;
/// How long receiving may take in a turn: first packets cost as much as a hundred others.
const RECEIVE_BUDGET: Duration = Duration::from_millis(1);
/// How long beginning handshakes may take in a turn; one is begun in any case.
const HANDSHAKES_BUDGET: Duration = Duration::from_millis(1);
/// Forwarded datagrams a turn.
const FORWARDED_PER_TURN: usize = 256;

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

/// Newcomers counted by the second.
#[derive(Default)]
pub(super) struct Newcomers {
    second: u64,
    count: u32,
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

/// What its first packet says of a client. A token sent by Retry proves its address, and nothing more.
fn class_of(incoming: &Incoming) -> Class {
    if incoming.remote_address_validated() && incoming.may_retry() {
        Class::Returning
    } else {
        Class::Newcomer
    }
}

impl Shard {
    pub(super) fn receive(&mut self) {
        if !self.readable {
            return;
        }
        // Taken out so that its datagrams can be handed to the rest of the shard.
        let Some(mut received) = self.received.take() else {
            return;
        };
        let begun = Instant::now();
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
                    // QUIC takes datagrams in memory of their own.
                    let contents = transport(|| BytesMut::from(datagram));
                    self.on_datagram(now, meta.addr, meta.dst_ip, ecn, contents);
                }
            }
            if count < super::socket::BATCH {
                // The next datagram to come is a new event.
                self.readable = false;
                break;
            }
            if begun.elapsed() > RECEIVE_BUDGET {
                break;
            }
        }
        self.received = Some(received);
    }

    pub(super) fn take_forwarded(&mut self) {
        for _ in 0..FORWARDED_PER_TURN {
            let Ok(datagram) = self.forwarded.try_recv() else {
                return;
            };
            let now = Instant::now();
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
        let is_short = waiting::is_short(&contents);
        let endpoint = &mut self.endpoint;
        let event =
            transport(|| endpoint.handle(now, remote, local_ip, ecn, contents, &mut buffer));
        match event {
            Some(DatagramEvent::ConnectionEvent(handle, event)) => {
                self.links.socket.give_back(buffer);
                self.links.receive(handle.0 as u32, event, is_short, now);
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
        let taken = self.endpoint.open_connections() + self.waiting.len();
        let mut buffer = self.links.socket.buffer();
        if self.is_stopping() || taken >= self.connections_max as usize {
            self.stats.refused += 1;
            let transmit = self.endpoint.refuse(incoming, &mut buffer);
            self.links.socket.queue(&transmit, buffer);
            return;
        }
        let class = class_of(&incoming);
        if class == Class::Newcomer && !incoming.remote_address_validated() {
            let rate = self.newcomers.count(now.duration_since(self.begun));
            if rate > limits.retry_above_per_s || self.waiting.is_crowded() {
                self.stats.retries += 1;
                match self.endpoint.retry(incoming, &mut buffer) {
                    Ok(transmit) => self.links.socket.queue(&transmit, buffer),
                    Err(error) => self.endpoint.ignore(error.into_incoming()),
                }
                return;
            }
        }
        self.links.socket.give_back(buffer);
        if let Err(incoming) = self.waiting.push(class, incoming, now) {
            self.stats.ignored += 1;
            self.endpoint.ignore(incoming);
        }
    }

    /// Begins a few of the waiting handshakes, so that a storm of newcomers never holds up members.
    pub(super) fn admit(&mut self, now: Instant) {
        while let Some(incoming) = self.waiting.pop_late(now) {
            self.stats.ignored += 1;
            self.endpoint.ignore(incoming);
        }
        let begun = Instant::now();
        for number in 0..self.links.limits.handshakes_per_turn {
            if number > 0 && begun.elapsed() > HANDSHAKES_BUDGET {
                return;
            }
            let Some(incoming) = self.waiting.pop() else {
                return;
            };
            self.stats.handshakes += 1;
            self.stats.returning += u64::from(class_of(&incoming) == Class::Returning);
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
}
