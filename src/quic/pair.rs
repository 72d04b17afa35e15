//! Two QUIC connections joined in memory, for the tests of what this server adds to quinn-proto.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use quinn_proto::crypto::rustls::QuicClientConfig;
use quinn_proto::{
    ClientConfig, Connection, ConnectionHandle, DatagramEvent, Endpoint, EndpointConfig,
    ServerConfig, Transmit,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivatePkcs8KeyDer;

use super::options::Limits;
use super::tls;

const SERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);
const CLIENT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 2);

/// One end.
pub(super) struct End {
    pub(super) endpoint: Endpoint,
    handle: ConnectionHandle,
    pub(super) conn: Connection,
    address: SocketAddr,
}

/// A server's connection, configured as this server does, and a client's.
pub(super) struct Pair {
    pub(super) server: End,
    pub(super) client: End,
    pub(super) now: Instant,
}

pub(super) fn split(transmit: &Transmit, bytes: &[u8]) -> Vec<BytesMut> {
    let segment = transmit.segment_size.unwrap_or(transmit.size);
    let segments = bytes[..transmit.size].chunks(segment);
    segments.map(BytesMut::from).collect()
}

impl End {
    /// Everything this end has to send.
    pub(super) fn drain(&mut self, now: Instant) -> Vec<BytesMut> {
        let mut datagrams = Vec::new();
        let mut buffer = Vec::new();
        while let Some(transmit) = self.conn.poll_transmit(now, 16, &mut buffer) {
            datagrams.extend(split(&transmit, &buffer));
            buffer.clear();
        }
        datagrams
    }

    /// Takes in what the other end sent.
    pub(super) fn receive(&mut self, now: Instant, from: SocketAddr, datagrams: Vec<BytesMut>) {
        for datagram in datagrams {
            let mut buffer = Vec::new();
            let event = self
                .endpoint
                .handle(now, from, None, None, datagram, &mut buffer);
            if let Some(DatagramEvent::ConnectionEvent(_, event)) = event {
                self.conn.handle_event(event);
            }
        }
        while let Some(event) = self.conn.poll_endpoint_events() {
            if let Some(event) = self.endpoint.handle_event(self.handle, event) {
                self.conn.handle_event(event);
            }
        }
        while self.conn.poll().is_some() {}
    }
}

impl Pair {
    /// A pair that has shaken hands and has nothing left to say.
    pub(super) fn connected() -> Self {
        Self::connected_to(|tls| Limits::default().quic(tls).unwrap())
    }

    /// The same with a server that is configured otherwise.
    pub(super) fn connected_to(
        quic: impl FnOnce(Arc<rustls::ServerConfig>) -> Arc<ServerConfig>,
    ) -> Self {
        Self::connected_with(tls::provider(), quic)
    }

    /// The same with a server whose cryptography is another.
    pub(super) fn connected_with(
        cryptography: CryptoProvider,
        quic: impl FnOnce(Arc<rustls::ServerConfig>) -> Arc<ServerConfig>,
    ) -> Self {
        let now = Instant::now();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(Arc::new(cryptography))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let client_tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(client_tls).unwrap()));
        let endpoint = || Arc::new(EndpointConfig::default());
        let mut client = Endpoint::new(endpoint(), None, true, None);
        let (handle, conn) = client.connect(now, config, SERVER, "localhost").unwrap();
        let mut client = End {
            endpoint: client,
            handle,
            conn,
            address: CLIENT,
        };
        let mut server = Endpoint::new(endpoint(), Some(quic(Arc::new(tls))), true, None);
        let mut first = client.drain(now);
        let mut buffer = Vec::new();
        let event = server.handle(now, CLIENT, None, None, first.remove(0), &mut buffer);
        let Some(DatagramEvent::NewConnection(incoming)) = event else {
            panic!("a new connection");
        };
        let (handle, conn) = server.accept(incoming, now, &mut buffer, None).unwrap();
        let server = End {
            endpoint: server,
            handle,
            conn,
            address: SERVER,
        };
        let mut pair = Self {
            server,
            client,
            now,
        };
        pair.server.receive(now, CLIENT, first);
        for _ in 0..20 {
            pair.exchange();
        }
        assert!(!pair.server.conn.is_handshaking() && !pair.client.conn.is_handshaking());
        pair
    }

    /// Half a round trip each way, timers included.
    pub(super) fn exchange(&mut self) {
        let datagrams = self.server.drain(self.now);
        self.deliver(datagrams);
    }

    /// Brings what the server sent to the client, and back what the client says to it.
    pub(super) fn deliver(&mut self, datagrams: Vec<BytesMut>) {
        // Far enough for the client's delayed acknowledgement.
        let longest = Limits::default().acknowledgement_delay;
        self.pass(datagrams, longest + Duration::from_millis(5));
    }

    /// The same, with what the client says so long after it has got it.
    pub(super) fn pass(&mut self, datagrams: Vec<BytesMut>, later: Duration) {
        self.now += Duration::from_millis(5);
        let from = self.server.address;
        self.client.receive(self.now, from, datagrams);
        self.now += later;
        for end in [&mut self.client, &mut self.server] {
            if end.conn.poll_timeout().is_some_and(|at| at <= self.now) {
                end.conn.handle_timeout(self.now);
            }
        }
        let datagrams = self.client.drain(self.now);
        let from = self.client.address;
        self.server.receive(self.now, from, datagrams);
    }
}
