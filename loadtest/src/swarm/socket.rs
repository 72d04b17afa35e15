//! One UDP socket to the server and the QUIC endpoint on it: datagrams in and out in batches.

use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use mio::net::UdpSocket;
use quinn_proto::{ConnectionEvent, ConnectionHandle, DatagramEvent, Endpoint, EndpointConfig};
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSocketState};

/// The longest UDP payload this side sends.
pub(crate) const UDP_PAYLOAD_MAX: u16 = 1_452;
/// What is asked for of the kernel, in bytes; without privilege it grants less.
const SOCKET_BUFFER: usize = 8 * 1024 * 1024;
/// Datagrams sent in one call.
const SEND_BATCH: usize = 64;
/// The longest a kernel hands over at once, many datagrams of one sender joined (GRO).
const RECEIVE_MAX: usize = 64 * 1024;
/// About what is read at once, joined or not: other sockets have waited as long.
const BATCH_BYTES: usize = BATCH_SIZE * UDP_PAYLOAD_MAX as usize;

/// Where received batches land; one for all sockets of a loop.
pub(crate) struct Landing {
    buffers: Vec<u8>,
    meta: [RecvMeta; BATCH_SIZE],
}

impl Landing {
    pub(crate) fn new() -> Self {
        Self {
            buffers: vec![0; RECEIVE_MAX * BATCH_SIZE],
            meta: [RecvMeta::default(); BATCH_SIZE],
        }
    }
}

/// A socket connected to the server, its endpoint and what it has to send.
pub(crate) struct Socket {
    pub(crate) io: UdpSocket,
    pub(crate) endpoint: Endpoint,
    state: UdpSocketState,
    /// How many are read at once, by how long the last ones were.
    batch: usize,
    outgoing: Vec<Vec<u8>>,
    spare: Vec<Vec<u8>>,
    #[cfg(target_os = "linux")]
    headers: nix::sys::socket::MultiHeaders<()>,
}

impl Socket {
    pub(crate) fn connect(server: SocketAddr) -> io::Result<Self> {
        let any: SocketAddr = match server {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = std::net::UdpSocket::bind(any)?;
        socket.connect(server)?;
        let state = UdpSocketState::new((&socket).into())?;
        ask_for_buffers(&socket);
        trim(&socket);
        let endpoint = Endpoint::new(Arc::new(EndpointConfig::default()), None, false, None);
        Ok(Self {
            io: UdpSocket::from_std(socket),
            endpoint,
            state,
            batch: BATCH_SIZE,
            outgoing: Vec::new(),
            spare: Vec::new(),
            #[cfg(target_os = "linux")]
            headers: nix::sys::socket::MultiHeaders::preallocate(SEND_BATCH, None),
        })
    }

    /// Reads a batch of what has arrived and hands out each connection's events; whether there may be
    /// more.
    pub(crate) fn receive(
        &mut self,
        landing: &mut Landing,
        mut each: impl FnMut(ConnectionHandle, ConnectionEvent),
    ) -> io::Result<bool> {
        let mut slices = landing.buffers.chunks_mut(RECEIVE_MAX);
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] = core::array::from_fn(|_| {
            IoSliceMut::new(slices.next().expect("a buffer for each of a batch"))
        });
        let batch = self.batch;
        let (slices, meta) = (&mut slices[..batch], &mut landing.meta[..batch]);
        let received = self.state.recv((&self.io).into(), slices, meta);
        let count = match received {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            // The server is down for a moment: its host says so for each datagram sent.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Ok(true),
            Err(error) => return Err(error),
        };
        let now = Instant::now();
        let bytes: usize = meta[..count].iter().map(|meta| meta.len).sum();
        self.batch = (BATCH_BYTES * count / bytes.max(1)).clamp(1, BATCH_SIZE);
        for (slice, meta) in slices.iter().zip(&meta[..count]) {
            for datagram in slice[..meta.len].chunks(meta.stride.max(1)) {
                let mut answer = self.spare.pop().unwrap_or_default();
                let event = self.endpoint.handle(
                    now,
                    meta.addr,
                    meta.dst_ip,
                    None,
                    BytesMut::from(datagram),
                    &mut answer,
                );
                match event {
                    Some(DatagramEvent::ConnectionEvent(handle, event)) => each(handle, event),
                    Some(DatagramEvent::Response(transmit)) => {
                        answer.truncate(transmit.size);
                        self.outgoing.push(answer);
                        continue;
                    }
                    // Without a server's configuration no connection is accepted.
                    Some(DatagramEvent::NewConnection(_)) | None => {}
                }
                self.recycle(answer);
            }
        }
        Ok(count == batch)
    }

    /// An empty buffer for one datagram.
    pub(crate) fn buffer(&mut self) -> Vec<u8> {
        let room = usize::from(UDP_PAYLOAD_MAX);
        self.spare.pop().unwrap_or_else(|| Vec::with_capacity(room))
    }

    /// Takes a buffer back.
    pub(crate) fn recycle(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.spare.push(buffer);
    }

    /// Sends `datagram` with the next batch.
    pub(crate) fn send(&mut self, datagram: Vec<u8>) -> io::Result<()> {
        self.outgoing.push(datagram);
        if self.outgoing.len() >= SEND_BATCH {
            return self.flush();
        }
        Ok(())
    }

    /// Sends everything. What a full socket buffer does not take is dropped: QUIC sends it again.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let mut sent = 0;
        while sent < self.outgoing.len() {
            match self.send_batch(sent) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // Reported for an earlier datagram; the next call tries this one.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        while let Some(buffer) = self.outgoing.pop() {
            self.recycle(buffer);
        }
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn send_batch(&mut self, from: usize) -> io::Result<usize> {
        use std::io::IoSlice;
        use std::os::fd::AsRawFd;

        use nix::sys::socket::{MsgFlags, sendmmsg};

        let batch = self.outgoing[from..].iter().take(SEND_BATCH);
        let slices: Vec<_> = batch.map(|datagram| [IoSlice::new(datagram)]).collect();
        let sent = sendmmsg(
            self.io.as_raw_fd(),
            &mut self.headers,
            &slices,
            [None; SEND_BATCH],
            [],
            MsgFlags::empty(),
        )?;
        Ok(sent.count())
    }

    #[cfg(not(target_os = "linux"))]
    fn send_batch(&mut self, from: usize) -> io::Result<usize> {
        self.io.send(&self.outgoing[from]).map(|_| 1)
    }
}

/// Leaves out what the kernel would tell of every datagram and nobody here reads, as the server does.
fn trim(socket: &std::net::UdpSocket) {
    #[cfg(target_os = "linux")]
    {
        use nix::sys::socket::{setsockopt, sockopt};
        // A kernel that refuses tells more.
        let _ = setsockopt(socket, sockopt::ReceiveTimestampns, &false);
        let _ = setsockopt(socket, sockopt::IpRecvTos, &false);
        let _ = setsockopt(socket, sockopt::Ipv4PacketInfo, &false);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = socket;
}

/// Asks for large socket buffers, beyond the system's maximum where privilege allows.
pub(crate) fn ask_for_buffers(socket: &std::net::UdpSocket) {
    #[cfg(target_os = "linux")]
    {
        use nix::sys::socket::{setsockopt, sockopt};
        if setsockopt(socket, sockopt::RcvBufForce, &SOCKET_BUFFER).is_ok() {
            return;
        }
    }
    // Refused only for sizes no system has; several sockets make up for small buffers.
    let _ = socket2::SockRef::from(socket).set_recv_buffer_size(SOCKET_BUFFER);
}
