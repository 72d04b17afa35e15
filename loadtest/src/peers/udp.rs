//! Clients of the floor: a UDP socket each, opened and checked like everybody's, from one loop.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};

use super::floor::{Cipher, PUBLISH, SUBSCRIBE};
use super::round::{Clients, Each};

/// Subscriptions that are not confirmed at a time: they fit the server's socket buffer.
const SUBSCRIBING_AT_ONCE: usize = 64;
/// A subscription that is not confirmed is made again after this.
const AGAIN_AFTER: Duration = Duration::from_millis(200);
const DATAGRAM_MAX: usize = 2_048;
const EVENTS: usize = 1_024;

/// All clients of one round.
pub(super) struct UdpClients {
    poll: Poll,
    events: Events,
    cipher: Cipher,
    subscribers: Vec<Subscriber>,
    publishers: Vec<UdpSocket>,
    confirmed: usize,
}

struct Subscriber {
    socket: UdpSocket,
    asked: Option<Instant>,
    confirmed: bool,
}

impl UdpClients {
    /// Clients of `server`, the subscribers still to be subscribed.
    pub(super) fn new(
        server: SocketAddr,
        subscribers: usize,
        publishers: usize,
    ) -> std::io::Result<Self> {
        let poll = Poll::new()?;
        let open = || -> std::io::Result<UdpSocket> {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0).into())?;
            socket.connect(server)?;
            Ok(socket)
        };
        let mut all = Vec::with_capacity(subscribers);
        for number in 0..subscribers {
            let mut socket = open()?;
            let registry = poll.registry();
            registry.register(&mut socket, Token(number), Interest::READABLE)?;
            all.push(Subscriber {
                socket,
                asked: None,
                confirmed: false,
            });
        }
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS),
            cipher: Cipher::new(),
            subscribers: all,
            publishers: (0..publishers).map(|_| open()).collect::<Result<_, _>>()?,
            confirmed: 0,
        })
    }

    fn subscribe_some(&mut self) -> std::io::Result<()> {
        if self.confirmed == self.subscribers.len() {
            return Ok(());
        }
        let now = Instant::now();
        let open = self.subscribers.iter_mut().filter(|it| !it.confirmed);
        for subscriber in open.take(SUBSCRIBING_AT_ONCE) {
            if subscriber
                .asked
                .is_none_or(|asked| now - asked > AGAIN_AFTER)
            {
                subscriber.socket.send(&[SUBSCRIBE])?;
                subscriber.asked = Some(now);
            }
        }
        Ok(())
    }
}

impl Clients for UdpClients {
    fn ready(&self) -> usize {
        self.confirmed + self.publishers.len()
    }

    fn turn(&mut self, timeout: Duration, each: &mut Each<'_>) -> anyhow::Result<()> {
        self.subscribe_some()?;
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        let mut datagram = [0; DATAGRAM_MAX];
        for event in &self.events {
            let number = event.token().0;
            let subscriber = &mut self.subscribers[number];
            loop {
                let len = match subscriber.socket.recv(&mut datagram) {
                    Ok(len) => len,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.into()),
                };
                let now = Instant::now();
                match self.cipher.open(&mut datagram[..len]) {
                    // A subscription that was made twice is confirmed twice.
                    Some([]) => {
                        self.confirmed += usize::from(!subscriber.confirmed);
                        subscriber.confirmed = true;
                    }
                    Some(payload) => each(number, payload, now),
                    // Counted as what it is: not what was published.
                    None => each(number, &[], now),
                }
            }
        }
        Ok(())
    }

    fn publish(&mut self, publisher: usize, payload: &[u8]) -> anyhow::Result<()> {
        let mut datagram = Vec::with_capacity(1 + payload.len());
        datagram.push(PUBLISH);
        datagram.extend_from_slice(payload);
        self.publishers[publisher].send(&datagram)?;
        Ok(())
    }
}
