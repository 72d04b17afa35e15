//! The socket under a client: with room for what a server sends before it is heard of again.
//!
//! A system's usual buffer holds about a hundred packets, which one burst to an endpoint of several
//! clients overflows; of a burst's last packets the server learns only when its timer ends.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use quinn::{Endpoint, EndpointConfig, TokioRuntime};
use socket2::{Domain, Protocol, Socket, Type};

/// A stream's window of short packets, each of which the kernel counts at twice its length or more.
/// Nothing is taken until it is filled; a system grants what its limits allow.
const RECEIVE_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// An endpoint on a socket with a large receive buffer, for [`Settings::endpoint`](super::Settings::endpoint).
/// To be called within a tokio runtime.
pub fn endpoint(local: SocketAddr) -> io::Result<Endpoint> {
    let socket = roomy_socket(local)?;
    Endpoint::new(
        EndpointConfig::default(),
        None,
        socket,
        Arc::new(TokioRuntime),
    )
}

fn roomy_socket(local: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
    if local.is_ipv6() {
        // As quinn's own endpoints: where the system can, an IPv6 wildcard serves IPv4 too.
        let _ = socket.set_only_v6(false);
    }
    // Less is slower and loses nothing.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
    socket.bind(&local.into())?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use socket2::SockRef;

    use super::*;

    #[test]
    fn a_client_has_more_room_than_the_system_gives_unasked() {
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        let usual = UdpSocket::bind(any).expect("a socket");
        let roomy = roomy_socket(any).expect("a socket");
        let room = |socket| SockRef::from(socket).recv_buffer_size().expect("a size");
        assert!(room(&roomy) > room(&usual));
    }
}
