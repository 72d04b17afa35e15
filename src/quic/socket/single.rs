//! Systems without `sendmmsg`: each datagram is a send of its own.

use std::io;

use mio::net::UdpSocket;
use quinn_udp::UdpSocketState;

use super::{Outgoing, send_one};

/// Sends queued datagrams.
pub(super) struct Batch;

impl Batch {
    pub(super) fn new(_is_ipv4: bool) -> Self {
        Self
    }

    /// Sends the first datagram of `queued`; how many were sent.
    pub(super) fn send(
        &mut self,
        io: &UdpSocket,
        state: &UdpSocketState,
        queued: &[Outgoing],
    ) -> io::Result<usize> {
        send_one(io, state, &queued[0]).map(|()| 1)
    }
}

/// Nothing to leave out here.
pub(super) fn trim(_: &std::net::UdpSocket, _: bool) {}
