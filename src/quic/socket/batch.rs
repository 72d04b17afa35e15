//! `sendmmsg`: up to 64 single datagrams in one system call, with headers made once.

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;

use mio::net::UdpSocket;
use nix::sys::socket::{
    ControlMessage, MsgFlags, MultiHeaders, SockaddrIn, SockaddrIn6, SockaddrLike, sendmmsg,
    setsockopt, sockopt,
};
use quinn_udp::UdpSocketState;

use super::{BATCH_OUT, Outgoing, send_one};

/// Sends queued datagrams, all of one address family.
pub(super) enum Batch {
    V4(Headers<SockaddrIn>),
    V6(Headers<SockaddrIn6>),
}

impl Batch {
    pub(super) fn new(is_ipv4: bool) -> Self {
        if is_ipv4 {
            Self::V4(Headers::new())
        } else {
            Self::V6(Headers::new())
        }
    }

    /// Sends the single datagrams at the front of `queued` that leave from one source; how many
    /// were sent.
    pub(super) fn send(
        &mut self,
        io: &UdpSocket,
        state: &UdpSocketState,
        queued: &[Outgoing],
    ) -> io::Result<usize> {
        let source = queued[0].source;
        let run = queued.iter().take(BATCH_OUT);
        let run = run.take_while(|out| out.segment_len.is_none() && out.source == source);
        let queued = &queued[..run.count()];
        match (self, source) {
            (Self::V4(headers), None) => headers.send(io, queued, v4, None),
            (Self::V4(headers), Some(IpAddr::V4(source))) => {
                let source = nix::libc::in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: nix::libc::in_addr {
                        s_addr: u32::from_ne_bytes(source.octets()),
                    },
                    ipi_addr: nix::libc::in_addr { s_addr: 0 },
                };
                headers.send(
                    io,
                    queued,
                    v4,
                    Some(ControlMessage::Ipv4PacketInfo(&source)),
                )
            }
            (Self::V6(headers), None) => headers.send(io, queued, v6, None),
            (Self::V6(headers), Some(IpAddr::V6(source))) => {
                let source = nix::libc::in6_pktinfo {
                    ipi6_ifindex: 0,
                    ipi6_addr: nix::libc::in6_addr {
                        s6_addr: source.octets(),
                    },
                };
                headers.send(
                    io,
                    queued,
                    v6,
                    Some(ControlMessage::Ipv6PacketInfo(&source)),
                )
            }
            // An IPv4 source on an IPv6 socket: rare enough for one at a time.
            _ => send_one(io, state, &queued[0]).map(|()| 1),
        }
    }
}

/// Leaves out what the kernel would tell of every datagram and nobody here reads: times, congestion
/// marks and, unless answers depend on it, the address asked. A kernel that refuses tells more.
pub(super) fn trim(socket: &std::net::UdpSocket, any_source: bool) {
    let _ = setsockopt(socket, sockopt::ReceiveTimestampns, &false);
    let _ = setsockopt(socket, sockopt::IpRecvTos, &false);
    if !any_source {
        let _ = setsockopt(socket, sockopt::Ipv4PacketInfo, &false);
    }
}

fn v4(address: SocketAddr) -> Option<SockaddrIn> {
    match address {
        SocketAddr::V4(address) => Some(address.into()),
        SocketAddr::V6(_) => None,
    }
}

fn v6(address: SocketAddr) -> Option<SockaddrIn6> {
    match address {
        SocketAddr::V4(_) => None,
        SocketAddr::V6(address) => Some(address.into()),
    }
}

/// The kernel's message headers of one batch, with and without room for a source address.
pub(super) struct Headers<S> {
    plain: MultiHeaders<S>,
    sourced: MultiHeaders<S>,
    addresses: Vec<Option<S>>,
}

impl<S: SockaddrLike + Copy> Headers<S> {
    fn new() -> Self {
        let sourced = if size_of::<S>() == size_of::<SockaddrIn>() {
            nix::cmsg_space!(nix::libc::in_pktinfo)
        } else {
            nix::cmsg_space!(nix::libc::in6_pktinfo)
        };
        Self {
            plain: MultiHeaders::preallocate(BATCH_OUT, None),
            sourced: MultiHeaders::preallocate(BATCH_OUT, Some(sourced)),
            addresses: Vec::with_capacity(BATCH_OUT),
        }
    }

    fn send(
        &mut self,
        io: &UdpSocket,
        queued: &[Outgoing],
        address: impl Fn(SocketAddr) -> Option<S>,
        source: Option<ControlMessage<'_>>,
    ) -> io::Result<usize> {
        self.addresses.clear();
        self.addresses
            .extend(queued.iter().map(|out| address(out.destination)));
        let contents: [_; BATCH_OUT] = core::array::from_fn(|index| {
            let contents = queued.get(index).map_or(&[][..], |out| &out.contents);
            [IoSlice::new(contents)]
        });
        let headers = match source {
            Some(_) => &mut self.sourced,
            None => &mut self.plain,
        };
        let sent = sendmmsg(
            io.as_raw_fd(),
            headers,
            &contents[..queued.len()],
            &self.addresses,
            source.as_slice(),
            MsgFlags::MSG_DONTWAIT,
        )?;
        Ok(sent.count())
    }
}
