//! A server on loopback and clients that speak its bytes, correct or not.

#![allow(dead_code)] // Each test binary uses its own part.
#![allow(clippy::unwrap_used)] // What cannot be set up fails its test.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{Connection, ConnectionError, Endpoint, RecvStream, SendStream};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use throng::engine::{Clock, Engine, SystemClock};
use throng::model::command::{
    CreateGroupV1, CreateTenantV1, GroupKind, NewPersonV1, OrgRole, PersonKind, Platform, Reply,
    Succession, TaggedCommand,
};
use throng::quic::auth::{AuthError, Identity};
use throng::quic::{Limits, Server, ServerOptions};
use throng::wire::{
    ALPN, Attach, AttachEntry, Attached, ClientMessageId, DeliveryDecoder, DeviceId, Envelope,
    FRAME_LEN_MAX, Frame, FrameDecoder, FrameKind, GroupId, HeaderFields, Hello, Kind, PersonId,
    Priority, Published, Role, Sequence, TenantId, Timestamp, Welcome, encode_frame,
    read_close_number,
};

/// How long anything may take before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server, the certificate it shows, and its engine.
pub(crate) struct House {
    pub(crate) server: Server,
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) engine: Engine,
    /// Where clients look for it, where that is not the address it listens on.
    pub(crate) host: Option<std::net::IpAddr>,
}

/// A certificate for `localhost`, and a server configuration that shows it.
pub(crate) fn tls() -> (CertificateDer<'static>, Arc<rustls::ServerConfig>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())
        .unwrap();
    config.alpn_protocols = vec![ALPN.to_vec()];
    (certificate, Arc::new(config))
}

/// Options with the tokens of these tests.
pub(crate) fn options(
    listen: SocketAddr,
    shards: u16,
    tls: Arc<rustls::ServerConfig>,
    limits: Limits,
) -> ServerOptions {
    ServerOptions {
        listen,
        shards,
        tls,
        tokens: Arc::new(check_token),
        limits,
        shard: throng::shard::Config::default(),
    }
}

/// Tokens of these tests: `role tenant person device seconds`.
fn check_token(token: &str, now: Timestamp) -> Result<Identity, AuthError> {
    let parts: Vec<u64> = token
        .split(' ')
        .filter_map(|part| part.parse().ok())
        .collect();
    let [role, tenant, person, device, seconds] = parts[..] else {
        return Err(AuthError::NotAToken);
    };
    Ok(Identity {
        role: [Role::Person, Role::Gateway, Role::Operator][role as usize],
        tenant: TenantId(tenant as u32),
        person: PersonId(person),
        device: DeviceId(device as u32),
        platform: Platform::Unknown,
        second_factor: false,
        expires: now.plus_micros(seconds as i64 * 1_000_000),
    })
}

/// The token of a person of tenant 1 on device 1.
pub(crate) fn token_of(person: u64) -> String {
    format!("0 1 {person} 1 3600")
}

/// The token of a gateway of tenant 1.
pub(crate) const GATEWAY: &str = "1 1 0 0 3600";

/// The token of the node's operator.
pub(crate) const OPERATOR: &str = "2 0 0 0 3600";

impl House {
    pub(crate) fn open() -> Self {
        Self::with(1, Limits::default())
    }

    pub(crate) fn with(shards: u16, limits: Limits) -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 0)), shards, limits)
    }

    pub(crate) fn at(listen: SocketAddr, shards: u16, limits: Limits) -> Self {
        let clock = Arc::new(SystemClock::default());
        Self::with_clock(clock, listen, shards, limits)
    }

    /// One shard whose records are decided by `clock`.
    pub(crate) fn by(clock: Arc<dyn Clock>) -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        Self::with_clock(clock, listen, 1, Limits::default())
    }

    fn with_clock(clock: Arc<dyn Clock>, listen: SocketAddr, shards: u16, limits: Limits) -> Self {
        Self::of(Engine::in_memory(clock, 1), listen, shards, limits)
    }

    /// A server of this engine.
    pub(crate) fn of(engine: Engine, listen: SocketAddr, shards: u16, limits: Limits) -> Self {
        let (certificate, tls) = tls();
        let options = options(listen, shards, tls, limits);
        let server = Server::start(&engine, options).expect("the server starts");
        Self {
            server,
            certificate,
            engine,
            host: None,
        }
    }

    /// Tenant 1 with so many people and no group.
    pub(crate) fn with_people(self, count: u64) -> Self {
        let tenant = self.engine.create_tenant(a_tenant()).expect("a tenant");
        let people = (1..=count).map(a_person).collect();
        self.engine.add_people(tenant, people).expect("people");
        self
    }

    /// So many more people of tenant 1.
    pub(crate) fn add_people(&self, count: u64) {
        let people = (1..=count).map(a_person).collect();
        let added = self.engine.add_people(TenantId(1), people);
        added.expect("people");
    }

    /// A connection that has said nothing yet.
    pub(crate) async fn dial(&self) -> Result<Connection, ConnectionError> {
        let host = self.host.unwrap_or(self.server.local_addr().ip());
        let any = match host {
            std::net::IpAddr::V4(_) => SocketAddr::from(([0, 0, 0, 0], 0)),
            std::net::IpAddr::V6(_) => SocketAddr::from(([0; 16], 0)),
        };
        let endpoint = Endpoint::client(any).unwrap();
        self.dial_from(&endpoint).await
    }

    pub(crate) async fn dial_from(
        &self,
        endpoint: &Endpoint,
    ) -> Result<Connection, ConnectionError> {
        self.dial_with(endpoint, quinn::TransportConfig::default())
            .await
    }

    pub(crate) async fn dial_with(
        &self,
        endpoint: &Endpoint,
        transport: quinn::TransportConfig,
    ) -> Result<Connection, ConnectionError> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![ALPN.to_vec()];
        let crypto = QuicClientConfig::try_from(config).unwrap();
        let mut config = quinn::ClientConfig::new(Arc::new(crypto));
        config.transport_config(Arc::new(transport));
        let mut address = self.server.local_addr();
        address.set_ip(self.host.unwrap_or(address.ip()));
        endpoint
            .connect_with(config, address, "localhost")
            .unwrap()
            .await
    }

    /// A connection that has said Hello with `token` and has been welcomed.
    pub(crate) async fn enter(&self, token: &str) -> Client {
        let connection = self.dial().await.expect("the handshake succeeds");
        self.enter_on(connection, token).await
    }

    pub(crate) async fn enter_on(&self, connection: Connection, token: &str) -> Client {
        let mut client = Client::new(connection).await;
        let tenant = TenantId(0);
        let hello = Hello { token, tenant }.encode();
        client.requests.send(FrameKind::Hello, 1, &hello).await;
        let welcome = client.requests.frame().await;
        assert_eq!(welcome.kind, FrameKind::Welcome);
        Welcome::read(welcome.payload()).expect("a welcome");
        client
    }

    /// A tenant with one person and no group.
    pub(crate) fn with_another_tenant(&self) {
        let tenant = self.engine.create_tenant(a_tenant()).expect("a tenant");
        self.engine
            .add_people(tenant, vec![a_person(1)])
            .expect("people");
    }

    /// Tenant 1 with `people` and one group of all of them.
    pub(crate) async fn with_a_group(&self, people: u64) -> GroupId {
        let tenant = self.engine.create_tenant(a_tenant()).expect("a tenant");
        let people = (1..=people).map(a_person).collect();
        let people = self.engine.add_people(tenant, people).expect("people");
        let group = CreateGroupV1 {
            kind: GroupKind::Internal,
            name: "all hands".into(),
            owner: people[0],
            members: people[1..].to_vec(),
        };
        self.engine.create_group(tenant, group).expect("a group")
    }
}

fn a_tenant() -> CreateTenantV1 {
    CreateTenantV1 {
        name: "Acme".into(),
        zone: "Asia/Shanghai".into(),
        verified_until: Timestamp(i64::MAX),
        succession: Succession::AdminFirst,
    }
}

fn a_person(number: u64) -> NewPersonV1 {
    NewPersonV1 {
        name: format!("person {number}"),
        external_id: String::new(),
        kind: PersonKind::Employee,
        role: OrgRole::Employee,
    }
}

/// One of a client's streams.
pub(crate) struct Lane {
    pub(crate) send: SendStream,
    recv: RecvStream,
    decoder: FrameDecoder,
    held: Vec<u8>,
}

/// A client that reads and writes frames.
pub(crate) struct Client {
    pub(crate) connection: Connection,
    pub(crate) requests: Lane,
    next: u64,
}

impl Lane {
    pub(crate) async fn open(connection: &Connection) -> Self {
        let (send, recv) = connection.open_bi().await.expect("a stream");
        Self {
            send,
            recv,
            decoder: FrameDecoder::new(FRAME_LEN_MAX),
            held: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, kind: FrameKind, request: u64, payload: &[u8]) {
        let mut bytes = Vec::new();
        encode_frame(kind, request, payload, &mut bytes);
        self.send.write_all(&bytes).await.expect("sent");
    }

    /// The next frame, or `None` when the stream or the connection ends.
    pub(crate) async fn try_frame(&mut self) -> Option<Frame> {
        loop {
            let mut bytes = &self.held[..];
            let frame = self.decoder.next(&mut bytes).expect("frames");
            self.held.drain(..self.held.len() - bytes.len());
            if frame.is_some() {
                return frame;
            }
            let read = self.recv.read_chunk(64 * 1024, true);
            let read = tokio::time::timeout(PATIENCE, read).await;
            match read.expect("a frame in time") {
                Ok(Some(chunk)) => self.held.extend_from_slice(&chunk.bytes),
                Ok(None) | Err(_) => return None,
            }
        }
    }

    pub(crate) async fn frame(&mut self) -> Frame {
        self.try_frame().await.expect("a frame")
    }
}

impl Client {
    pub(crate) async fn new(connection: Connection) -> Self {
        let requests = Lane::open(&connection).await;
        Self {
            connection,
            requests,
            next: 100,
        }
    }

    /// Sends a command and waits for its reply.
    pub(crate) async fn command(&mut self, command: &TaggedCommand) -> Reply {
        self.next += 1;
        let kind = FrameKind::command(command.tag());
        self.requests.send(kind, self.next, &command.encode()).await;
        let frame = self.requests.frame().await;
        assert_eq!(frame.request, self.next);
        let FrameKind::Reply(tag) = frame.kind else {
            panic!("{frame:?} is no reply");
        };
        Reply::decode(tag, frame.payload()).expect("a reply")
    }

    /// Publishes and waits for where it went.
    pub(crate) async fn publish(&mut self, group: GroupId, text: &str) -> Published {
        let envelope = text_envelope(group, u128::from(self.next + 1), text);
        self.publish_envelope(&envelope).await
    }

    /// The same of an urgent message.
    pub(crate) async fn publish_urgent(&mut self, group: GroupId, text: &str) -> Published {
        let envelope = text_envelope(group, u128::from(self.next + 1), text);
        let fields = HeaderFields {
            priority: Priority::Urgent,
            ..envelope.header().fields()
        };
        let envelope = Envelope::new(&fields, text.as_bytes()).expect("short enough");
        self.publish_envelope(&envelope).await
    }

    async fn publish_envelope(&mut self, payload: &Envelope) -> Published {
        self.next += 1;
        self.requests
            .send(FrameKind::Publish, self.next, payload.bytes())
            .await;
        let frame = self.requests.frame().await;
        assert_eq!(
            (frame.kind, frame.request),
            (FrameKind::Published, self.next)
        );
        Published::read(frame.payload()).expect("where it went")
    }

    /// Attaches `person` on device 1 and waits for the groups.
    pub(crate) async fn attach(&mut self, person: u64) -> (Lane, Attached) {
        let mut lane = Lane::open(&self.connection).await;
        lane.send(FrameKind::Attach, 7, &attach_of(person)).await;
        let frame = lane.frame().await;
        assert_eq!((frame.kind, frame.request), (FrameKind::Attached, 7));
        let attached = Attached::read(frame.payload()).expect("groups");
        (lane, attached)
    }

    /// The deliveries of an attached client.
    pub(crate) async fn deliveries(&self) -> Deliveries {
        let stream = tokio::time::timeout(PATIENCE, self.connection.accept_uni()).await;
        Deliveries {
            stream: stream.expect("a stream in time").expect("a stream"),
            decoder: DeliveryDecoder::new(),
        }
    }

    /// How the connection ended: the server's code and reason.
    pub(crate) async fn closed(&self) -> (u64, String) {
        let error = tokio::time::timeout(PATIENCE, self.connection.closed()).await;
        match error.expect("closed in time") {
            ConnectionError::ApplicationClosed(close) => {
                let reason = String::from_utf8_lossy(&close.reason).into_owned();
                (read_close_number(close.error_code.into_inner()).0, reason)
            }
            other => panic!("{other} is no close of the server's"),
        }
    }
}

/// What a delivery stream brings.
pub(crate) struct Deliveries {
    stream: RecvStream,
    decoder: DeliveryDecoder,
}

impl Deliveries {
    /// The sequences and bodies of the next `count` or more messages.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<(Sequence, Vec<u8>)> {
        let mut taken = Vec::new();
        while taken.len() < count {
            let chunk = self.stream.read_chunk(64 * 1024, true);
            let chunk = tokio::time::timeout(PATIENCE, chunk).await;
            let chunk = chunk.expect("deliveries in time").expect("readable");
            let bytes = chunk.expect("the stream goes on").bytes;
            self.decoder
                .read(&bytes, |header, body| {
                    if header.kind().is_message() {
                        taken.push((header.sequence(), body.to_vec()));
                    }
                })
                .expect("envelopes");
        }
        taken
    }
}

impl Deliveries {
    /// Reads until the stream or its connection ends.
    pub(crate) async fn drain(&mut self) {
        while let Ok(Some(_)) = self.stream.read_chunk(64 * 1024, true).await {}
    }

    /// Hands on what comes next, at least one envelope.
    pub(crate) async fn read(&mut self, mut read: impl FnMut(&throng::wire::Header, &[u8])) {
        let mut any = false;
        while !any {
            let chunk = self.stream.read_chunk(64 * 1024, true);
            let chunk = tokio::time::timeout(PATIENCE, chunk).await;
            let chunk = chunk.expect("deliveries in time").expect("readable");
            let bytes = chunk.expect("the stream goes on").bytes;
            self.decoder
                .read(&bytes, |header, body| {
                    any = true;
                    read(header, body);
                })
                .expect("envelopes");
        }
    }
}

/// Waits until `holds`: counters are published once a turn of a shard's loop.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    });
    assert!(waited.await.is_ok(), "not in time: {what}");
}

/// An envelope as a client sends it.
pub(crate) fn text_envelope(group: GroupId, client_message_id: u128, text: &str) -> Envelope {
    let fields = HeaderFields {
        kind: Kind::Text,
        group,
        client_message_id: ClientMessageId(client_message_id),
        ..HeaderFields::default()
    };
    Envelope::new(&fields, text.as_bytes()).expect("short enough")
}

/// The payload of an attach of `person` on device 1, from their join on.
pub(crate) fn attach_of(person: u64) -> Vec<u8> {
    attach_from(person, false)
}

/// The payload of an attach of `person` on device 1, from now on.
pub(crate) fn attach_live(person: u64) -> Vec<u8> {
    attach_from(person, true)
}

fn attach_from(person: u64, live_only: bool) -> Vec<u8> {
    let entry = AttachEntry {
        person: PersonId(person),
        device: DeviceId(1),
        cursors: Vec::new(),
    };
    let people = vec![entry];
    Attach { live_only, people }.encode()
}
