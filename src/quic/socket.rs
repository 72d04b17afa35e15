//! A shard's UDP socket: batches in, batches out, nothing allocated per packet.
//!
//! Datagrams are received with `recvmmsg` and GRO (quinn-udp). Single datagrams leave in `sendmmsg`
//! batches on Linux; several of one connection leave as one GSO send; elsewhere each is a send of
//! its own. What the system has no room for stays queued until it has, up to a bound at which the
//! loop stops producing: QUIC's congestion control then does the rest (invariant 5).
//!
//! Congestion marks (ECN) are neither set nor read: a batch shares its headers, and every mark read
//! is a control message a datagram. QUIC finds out by itself and goes by loss and delay.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};

use mio::net::UdpSocket;
use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};

#[cfg(target_os = "linux")]
#[path = "socket/batch.rs"]
mod batch;
#[cfg(not(target_os = "linux"))]
#[path = "socket/single.rs"]
mod batch;

use batch::Batch;

/// Datagrams in one batch, either way.
pub(super) const BATCH: usize = quinn_udp::BATCH_SIZE;
/// Datagrams that wait for room in the socket before the loop stops producing more.
const QUEUED_MAX: usize = 1024;
/// Bytes a reused send buffer starts with: one datagram of any MTU in use.
const BUFFER_LEN: usize = 2048;
/// Segments of one GSO send: past this the kernel's gain is spent and buffers only grow.
const SEGMENTS_MAX: usize = 16;
/// A datagram can be no longer.
const DATAGRAM_LEN_MAX: usize = 64 * 1024;

/// One datagram, or several of equal length for one address, to be sent.
struct Outgoing {
    destination: SocketAddr,
    source: Option<IpAddr>,
    contents: Vec<u8>,
    segment_len: Option<usize>,
}

/// What has been sent, for the shard's counters.
#[derive(Clone, Copy, Default)]
pub(super) struct Sent {
    pub(super) datagrams: u64,
    pub(super) bytes: u64,
    pub(super) calls: u64,
    pub(super) unsendable: u64,
}

/// Binds a UDP socket for each of `shards`, all on one address, with buffers of `buffer_bytes` asked
/// for.
pub(super) fn bind(
    listen: SocketAddr,
    shards: u16,
    buffer_bytes: usize,
) -> io::Result<Vec<std::net::UdpSocket>> {
    let shared = shards > 1;
    let mut address = listen;
    if shared && listen.port() != 0 {
        // Sockets that share a port would also share it with another server's: only one that does
        // not share finds out.
        bind_one(listen, false, buffer_bytes)?;
    }
    let mut sockets = Vec::new();
    for _ in 0..shards {
        let socket = bind_one(address, shared, buffer_bytes)?;
        address = socket.local_addr()?;
        sockets.push(socket);
    }
    Ok(sockets)
}

fn bind_one(
    address: SocketAddr,
    shared: bool,
    buffer_bytes: usize,
) -> io::Result<std::net::UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if address.is_ipv6() {
        // Where the system can, an IPv6 wildcard serves IPv4 too.
        let _ = socket.set_only_v6(false);
    }
    #[cfg(unix)]
    socket.set_reuse_port(shared)?;
    #[cfg(not(unix))]
    let _ = shared;
    // A system grants what its limits allow; what that is can be read back.
    let _ = socket.set_recv_buffer_size(buffer_bytes);
    let _ = socket.set_send_buffer_size(buffer_bytes);
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// The socket with its queue of datagrams to send.
pub(super) struct ShardSocket {
    io: UdpSocket,
    state: UdpSocketState,
    batch: Batch,
    queue: Vec<Outgoing>,
    /// How many of `queue` have been sent already.
    head: usize,
    spare: Vec<Vec<u8>>,
    /// The system had no room at the last attempt.
    blocked: bool,
    /// Bound to a wildcard: answers must leave from the address that was asked.
    any_source: bool,
    sent: Sent,
}

impl ShardSocket {
    pub(super) fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        let local = socket.local_addr()?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        let any_source = local.ip().is_unspecified();
        batch::trim(&socket, any_source);
        Ok(Self {
            io: UdpSocket::from_std(socket),
            state,
            batch: Batch::new(local.is_ipv4()),
            queue: Vec::new(),
            head: 0,
            spare: Vec::new(),
            blocked: false,
            any_source,
            sent: Sent::default(),
        })
    }

    /// The socket itself, to be polled.
    pub(super) fn io(&mut self) -> &mut UdpSocket {
        &mut self.io
    }

    /// The receive and send buffers the system granted, in bytes.
    pub(super) fn buffers(&self) -> (usize, usize) {
        let socket = UdpSockRef::from(&self.io);
        let receive = self.state.recv_buffer_size(socket).unwrap_or(0);
        let socket = UdpSockRef::from(&self.io);
        (receive, self.state.send_buffer_size(socket).unwrap_or(0))
    }

    /// Whether the system never splits our datagrams, so that path MTU discovery can work.
    pub(super) fn keeps_datagrams_whole(&self) -> bool {
        !self.state.may_fragment()
    }

    /// Segments one send may carry now.
    pub(super) fn segments_max(&self) -> usize {
        self.state.max_gso_segments().min(SEGMENTS_MAX)
    }

    pub(super) fn sent(&self) -> Sent {
        self.sent
    }

    /// Whether the loop should stop producing until the socket is writable.
    pub(super) fn is_full(&self) -> bool {
        self.blocked && self.queue.len() - self.head >= QUEUED_MAX
    }

    /// Whether datagrams wait for the socket to be writable.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// The socket is writable again.
    pub(super) fn unblock(&mut self) {
        self.blocked = false;
    }

    /// Receives one batch into `into`; how many of its buffers were filled.
    pub(super) fn receive(&mut self, into: &mut Received) -> io::Result<usize> {
        let mut rest = into.bytes.as_mut_slice();
        let mut buffers = core::array::from_fn::<_, BATCH, _>(|_| {
            let (buffer, after) = core::mem::take(&mut rest).split_at_mut(DATAGRAM_LEN_MAX);
            rest = after;
            IoSliceMut::new(buffer)
        });
        let socket = UdpSockRef::from(&self.io);
        let count = self.state.recv(socket, &mut buffers, &mut into.metas)?;
        if !self.any_source {
            for meta in &mut into.metas[..count] {
                meta.dst_ip = None;
            }
        }
        Ok(count)
    }

    /// An empty buffer for [`ShardSocket::queue`] or [`ShardSocket::give_back`].
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        let buffer = self.spare.pop();
        buffer.unwrap_or_else(|| Vec::with_capacity(BUFFER_LEN))
    }

    /// Takes back a buffer that was not needed after all.
    pub(super) fn give_back(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.spare.push(buffer);
    }

    /// Queues a datagram, or several in one buffer, and sends a batch when one is full.
    pub(super) fn queue(&mut self, transmit: &quinn_proto::Transmit, mut contents: Vec<u8>) {
        contents.truncate(transmit.size);
        self.queue.push(Outgoing {
            destination: transmit.destination,
            source: transmit.src_ip,
            contents,
            segment_len: transmit.segment_size,
        });
        if self.queue.len() - self.head >= BATCH_OUT {
            self.flush();
        }
    }

    /// Sends what is queued, as far as the system has room.
    pub(super) fn flush(&mut self) {
        while !self.blocked && self.head < self.queue.len() {
            let queued = &self.queue[self.head..];
            let result = if queued[0].segment_len.is_some() {
                send_one(&self.io, &self.state, &queued[0]).map(|()| 1)
            } else {
                self.batch.send(&self.io, &self.state, queued)
            };
            self.sent.calls += 1;
            match result {
                Ok(count) => self.count_sent(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.blocked = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    // No route, over the path's MTU, a firewall: as if lost on the way.
                    tracing::debug!(%error, destination = %self.queue[self.head].destination, "a datagram was not sent");
                    self.sent.unsendable += 1;
                    self.head += 1;
                }
            }
        }
        self.recycle();
    }

    fn count_sent(&mut self, count: usize) {
        for outgoing in &self.queue[self.head..self.head + count] {
            let len = outgoing.contents.len();
            let segments = outgoing
                .segment_len
                .map_or(1, |segment| len.div_ceil(segment));
            self.sent.datagrams += segments as u64;
            self.sent.bytes += len as u64;
        }
        self.head += count;
    }

    fn recycle(&mut self) {
        for mut outgoing in self.queue.drain(..self.head) {
            outgoing.contents.clear();
            self.spare.push(outgoing.contents);
        }
        self.head = 0;
        self.spare.truncate(2 * BATCH_OUT);
    }
}

/// Datagrams in one `sendmmsg`.
const BATCH_OUT: usize = 64;

fn send_one(io: &UdpSocket, state: &UdpSocketState, outgoing: &Outgoing) -> io::Result<()> {
    state.try_send(
        UdpSockRef::from(io),
        &quinn_udp::Transmit {
            destination: outgoing.destination,
            ecn: None,
            contents: &outgoing.contents,
            segment_size: outgoing.segment_len,
            src_ip: outgoing.source,
        },
    )
}

/// Buffers of one received batch.
pub(super) struct Received {
    bytes: Vec<u8>,
    metas: [RecvMeta; BATCH],
}

impl Received {
    /// About 2 MiB, once per shard; the pages are touched only as far as batches reach.
    pub(super) fn new() -> Self {
        Self {
            bytes: vec![0; BATCH * DATAGRAM_LEN_MAX],
            metas: [RecvMeta::default(); BATCH],
        }
    }

    /// Each datagram of the `index`th buffer, and what is known of all of them.
    pub(super) fn datagrams(&self, index: usize) -> (&RecvMeta, core::slice::Chunks<'_, u8>) {
        let meta = &self.metas[index];
        let start = index * DATAGRAM_LEN_MAX;
        let bytes = &self.bytes[start..start + meta.len];
        (meta, bytes.chunks(meta.stride.max(1)))
    }
}
