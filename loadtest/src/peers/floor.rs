//! The limit: what sending alone costs. One UDP socket, one AES-128-GCM seal a delivery, `sendmmsg`;
//! no connections, no acknowledgements, no rules, no log.
//!
//! A client says [`SUBSCRIBE`] and is told so by an empty payload, or says [`PUBLISH`] and a payload,
//! which goes sealed to every subscriber. The key is no secret: only the work is wanted.

use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::process::READY;
use crate::swarm::socket::ask_for_buffers;

/// The first byte of a client's datagram that subscribes its address.
pub(super) const SUBSCRIBE: u8 = 0;
/// The first byte of a client's datagram that publishes the rest of it.
pub(super) const PUBLISH: u8 = 1;
/// Each delivery begins with the number that makes its nonce unique.
const COUNTER_LEN: usize = 8;
const KEY: [u8; 16] = *b"not a secret key";
/// The longest datagram, as everywhere.
const DATAGRAM_MAX: usize = 1_452;
/// Datagrams sent in one call.
const SEND_BATCH: usize = 64;

/// Seals and opens deliveries.
pub(super) struct Cipher(LessSafeKey);

impl Cipher {
    pub(super) fn new() -> Self {
        let key = UnboundKey::new(&AES_128_GCM, &KEY).expect("the key has the algorithm's length");
        Self(LessSafeKey::new(key))
    }

    /// Puts `payload`, sealed, into `datagram`.
    fn seal(&self, counter: u64, payload: &[u8], datagram: &mut Vec<u8>) {
        datagram.clear();
        datagram.extend_from_slice(&counter.to_be_bytes());
        datagram.extend_from_slice(payload);
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce(counter), Aad::empty(), &mut datagram[COUNTER_LEN..])
            .expect("a datagram is far below what AES-GCM seals at once");
        datagram.extend_from_slice(tag.as_ref());
    }

    /// The payload in `datagram`, opened in place; none when it was not sealed by this key.
    pub(super) fn open<'a>(&self, datagram: &'a mut [u8]) -> Option<&'a [u8]> {
        let (counter, sealed) = datagram.split_first_chunk_mut::<COUNTER_LEN>()?;
        let nonce = nonce(u64::from_be_bytes(*counter));
        self.0
            .open_in_place(nonce, Aad::empty(), sealed)
            .ok()
            .map(|payload| &*payload)
    }
}

fn nonce(counter: u64) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[NONCE_LEN - COUNTER_LEN..].copy_from_slice(&counter.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

/// Serves until the standard input ends.
pub(crate) fn serve() -> anyhow::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    ask_for_buffers(&socket);
    println!("{READY}{}", socket.local_addr()?);
    end_with_input();
    let mut fan_out = FanOut::new();
    let mut datagram = [0; DATAGRAM_MAX];
    loop {
        let (len, from) = socket.recv_from(&mut datagram)?;
        match (&datagram[..len], from) {
            ([SUBSCRIBE], SocketAddr::V4(from)) => fan_out.subscribe(&socket, from)?,
            ([PUBLISH, payload @ ..], _) => fan_out.publish(&socket, payload)?,
            // Nothing that was meant for here.
            _ => {}
        }
    }
}

/// Ends this process when whoever started it is gone.
pub(super) fn end_with_input() {
    std::thread::spawn(|| {
        let mut input = io::stdin().lock();
        // An error ends it, too.
        let _ = input.read_to_end(&mut Vec::new());
        std::process::exit(0)
    });
}

/// Everybody who has subscribed, and what is being sent to them.
struct FanOut {
    cipher: Cipher,
    sealed: u64,
    subscribers: Vec<SocketAddrV4>,
    batch: Vec<Vec<u8>>,
    #[cfg(target_os = "linux")]
    headers: nix::sys::socket::MultiHeaders<nix::sys::socket::SockaddrIn>,
}

impl FanOut {
    fn new() -> Self {
        Self {
            cipher: Cipher::new(),
            sealed: 0,
            subscribers: Vec::new(),
            batch: vec![Vec::new(); SEND_BATCH],
            #[cfg(target_os = "linux")]
            headers: nix::sys::socket::MultiHeaders::preallocate(SEND_BATCH, None),
        }
    }

    /// Subscribes `address`, once, and says so.
    fn subscribe(&mut self, socket: &UdpSocket, address: SocketAddrV4) -> io::Result<()> {
        if !self.subscribers.contains(&address) {
            self.subscribers.push(address);
        }
        self.cipher.seal(self.sealed, &[], &mut self.batch[0]);
        self.sealed += 1;
        socket.send_to(&self.batch[0], address).map(|_| ())
    }

    fn publish(&mut self, socket: &UdpSocket, payload: &[u8]) -> io::Result<()> {
        for from in (0..self.subscribers.len()).step_by(SEND_BATCH) {
            let count = SEND_BATCH.min(self.subscribers.len() - from);
            for datagram in &mut self.batch[..count] {
                self.cipher.seal(self.sealed, payload, datagram);
                self.sealed += 1;
            }
            let mut sent = 0;
            while sent < count {
                sent += self.send_batch(socket, from + sent, sent, count)?;
            }
        }
        Ok(())
    }

    /// Sends the batch from datagram `first` to the subscribers from `to`; says how many went.
    #[cfg(target_os = "linux")]
    fn send_batch(
        &mut self,
        socket: &UdpSocket,
        to: usize,
        first: usize,
        count: usize,
    ) -> io::Result<usize> {
        use std::io::IoSlice;
        use std::os::fd::AsRawFd;

        use nix::sys::socket::{MsgFlags, SockaddrIn, sendmmsg};

        let batch = &self.batch[first..count];
        let slices: Vec<_> = batch
            .iter()
            .map(|datagram| [IoSlice::new(datagram)])
            .collect();
        let subscribers = self.subscribers[to..to + batch.len()].iter();
        let addresses: Vec<_> = subscribers.map(|to| Some(SockaddrIn::from(*to))).collect();
        let fd = socket.as_raw_fd();
        let flags = MsgFlags::empty();
        let sent = sendmmsg(fd, &mut self.headers, &slices, &addresses, [], flags)?;
        Ok(sent.count())
    }

    #[cfg(not(target_os = "linux"))]
    fn send_batch(
        &mut self,
        socket: &UdpSocket,
        to: usize,
        first: usize,
        _count: usize,
    ) -> io::Result<usize> {
        socket
            .send_to(&self.batch[first], self.subscribers[to])
            .map(|_| 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_opened_and_what_is_changed_is_not() {
        let cipher = Cipher::new();
        let mut datagram = Vec::new();
        cipher.seal(7, b"hello", &mut datagram);
        assert_eq!(datagram.len(), COUNTER_LEN + 5 + AES_128_GCM.tag_len());
        let mut changed = datagram.clone();
        changed[10] ^= 1;
        assert_eq!(cipher.open(&mut changed), None);
        assert_eq!(cipher.open(&mut datagram), Some(&b"hello"[..]));
        assert_eq!(cipher.open(&mut [0; 3]), None);
    }
}
