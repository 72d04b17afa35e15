//! The client library over real QUIC, against a server that is a few lines of script.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used)] // A test that cannot go on says where.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustls::RootCertStore;
use rustls::pki_types::PrivatePkcs8KeyDer;
use throng::client::{
    Client, CloseCode, CloseReason, ConnectError, Credentials, Cursors, Delivery, Message,
    RequestError, Settings,
};
use throng::wire::{
    ALPN, Attach, Attached, AttachedGroup, Busy, ClientMessageId, Cursor, DeviceId, Envelope,
    FRAME_LEN_MAX, Frame, FrameDecoder, FrameKind, GroupId, HeaderFields, Hello, Kind, PersonId,
    Priority, Published, RecordNumber, Refused, Role, Sequence, StreamClass, TenantId, Timestamp,
    Welcome, encode_frame, stream_opening,
};
use tokio::task::JoinHandle;

const TENANT: TenantId = TenantId(3);
const GROUP: GroupId = GroupId(21);

struct Listening {
    endpoint: quinn::Endpoint,
    addr: SocketAddr,
    roots: RootCertStore,
}

/// A server's socket with a certificate of its own CA.
fn listen(alpn: &[u8]) -> Listening {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    tls.alpn_protocols = vec![alpn.to_vec()];
    let crypto = quinn::crypto::rustls::QuicServerConfig::try_from(tls).unwrap();
    let config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    let endpoint = quinn::Endpoint::server(config, (Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    Listening {
        addr: endpoint.local_addr().unwrap(),
        endpoint,
        roots,
    }
}

/// The server's end of one connection.
struct Peer {
    connection: quinn::Connection,
    streams: Vec<(quinn::SendStream, quinn::RecvStream, FrameDecoder)>,
}

impl Peer {
    async fn accept(endpoint: &quinn::Endpoint) -> Self {
        let connection = endpoint.accept().await.unwrap().await.unwrap();
        Self {
            connection,
            streams: Vec::new(),
        }
    }

    /// The next frame of the client's stream number `stream`.
    async fn frame(&mut self, stream: usize) -> Frame {
        while self.streams.len() <= stream {
            let (send, recv) = self.connection.accept_bi().await.unwrap();
            self.streams
                .push((send, recv, FrameDecoder::new(FRAME_LEN_MAX)));
        }
        let (_, recv, decoder) = &mut self.streams[stream];
        loop {
            // Byte by byte, so that nothing of the next frame is lost.
            let chunk = recv.read_chunk(1, true).await.unwrap().unwrap();
            if let Some(frame) = decoder.next(&mut &chunk.bytes[..]).unwrap() {
                return frame;
            }
        }
    }

    async fn send(&mut self, stream: usize, kind: FrameKind, request: u64, payload: &[u8]) {
        let mut bytes = Vec::new();
        encode_frame(kind, request, payload, &mut bytes);
        self.streams[stream].0.write_all(&bytes).await.unwrap();
    }

    /// Takes the hello and answers it.
    async fn welcome(&mut self) -> String {
        let hello = self.frame(0).await;
        let token = Hello::read(hello.payload()).unwrap().token.to_owned();
        let welcome = Welcome {
            tenant: TENANT,
            person: PersonId(11),
            device: DeviceId(1),
            role: Role::Person,
            incarnation: 1,
            expires: Timestamp(i64::MAX),
            now: Timestamp(0),
        };
        self.send(0, FrameKind::Welcome, 0, &welcome.encode()).await;
        token
    }

    /// Takes the attach and answers it with one group, whose floor the client gave.
    async fn attach(&mut self) -> Option<Sequence> {
        let asked = self.frame(1).await;
        let attach = Attach::read(asked.payload()).unwrap();
        let group = AttachedGroup::new(GROUP, Sequence(1), Sequence(0), Sequence(1));
        let attached = Attached {
            person: PersonId(11),
            device: DeviceId(1),
            incarnation: 1,
            position: RecordNumber(9),
            more: false,
            groups: vec![group],
        };
        self.send(1, FrameKind::Attached, asked.request, &attached.encode())
            .await;
        attach.people[0].cursors.first().map(Cursor::floor)
    }

    async fn open_deliveries(&self) -> quinn::SendStream {
        let mut stream = self.connection.open_uni().await.unwrap();
        let opening = stream_opening(StreamClass::Normal);
        stream.write_all(&opening).await.unwrap();
        stream
    }

    async fn close(&self, code: u32, reason: &str) {
        self.connection.close(code.into(), reason.as_bytes());
        self.connection.closed().await;
    }
}

fn envelope(sequence: u64, body: &[u8]) -> Bytes {
    let fields = HeaderFields {
        kind: Kind::Text,
        tenant: TENANT,
        group: GROUP,
        sequence: Sequence(sequence),
        ..HeaderFields::default()
    };
    Envelope::new(&fields, body).unwrap().bytes().clone()
}

fn message(id: u128) -> Message {
    Message {
        group: GROUP,
        kind: Kind::Text,
        priority: Priority::Normal,
        client_message_id: ClientMessageId(id),
        body: Bytes::from_static(b"good morning"),
    }
}

struct Online {
    client: Client,
    driver: JoinHandle<CloseReason>,
}

async fn connect(addr: SocketAddr, settings: &Settings) -> Result<Online, ConnectError> {
    let token = Credentials::Token("a.b.c".to_owned());
    let (client, driver) = Client::connect(addr, "localhost", &token, settings).await?;
    let driver = tokio::spawn(driver.run());
    Ok(Online { client, driver })
}

fn sequence_of(delivery: Option<Delivery>) -> u64 {
    match delivery.expect("a delivery") {
        Delivery::Envelope(envelope) => envelope.header().sequence().0,
        Delivery::Skip { .. } => panic!("no skip was sent"),
    }
}

#[tokio::test]
async fn requests_are_pipelined_and_answered_in_any_order() {
    let server = listen(ALPN);
    let settings = Settings::new(server.roots.clone());
    let script = tokio::spawn(async move {
        let mut peer = Peer::accept(&server.endpoint).await;
        assert_eq!(peer.welcome().await, "a.b.c");
        let (first, second) = (peer.frame(0).await, peer.frame(0).await);
        let busy = Busy {
            retry_after_us: 700,
        };
        peer.send(0, FrameKind::Busy, second.request, &busy.encode())
            .await;
        let published = Published {
            group: GROUP,
            sequence: Sequence(1),
            record: RecordNumber(4),
            timestamp: Timestamp(5),
            duplicate: false,
        };
        peer.send(0, FrameKind::Published, first.request, &published.encode())
            .await;
        peer.connection.closed().await;
    });
    let online = connect(server.addr, &settings).await.unwrap();
    let (first, second) = tokio::join!(
        online.client.publish(message(1)),
        online.client.publish(message(2))
    );
    assert_eq!(first.unwrap().sequence, Sequence(1));
    let retry_after = Duration::from_micros(700);
    assert_eq!(second, Err(RequestError::Busy { retry_after }));
    online.driver.abort();
    drop(online.client);
    script.await.unwrap();
}

#[tokio::test]
async fn a_reconnect_resumes_after_what_the_application_took() {
    let server = listen(ALPN);
    let settings = Settings::new(server.roots.clone());
    let script = tokio::spawn(async move {
        let mut peer = Peer::accept(&server.endpoint).await;
        peer.welcome().await;
        assert_eq!(peer.attach().await, None, "nothing was taken yet");
        let mut stream = peer.open_deliveries().await;
        for sequence in [1, 2, 2, 3, 4] {
            stream
                .write_all(&envelope(sequence, b"hello"))
                .await
                .unwrap();
        }
        peer.frame(0).await; // The client's sign that it has taken three.
        peer.close(4, "draining").await;

        let mut peer = Peer::accept(&server.endpoint).await;
        peer.welcome().await;
        assert_eq!(peer.attach().await, Some(Sequence(3)));
        let mut stream = peer.open_deliveries().await;
        stream.write_all(&envelope(4, b"hello")).await.unwrap();
        peer.connection.closed().await;
    });
    let online = connect(server.addr, &settings).await.unwrap();
    let (_, mut deliveries) = online
        .client
        .attach(Cursors::default(), false)
        .await
        .unwrap();
    for expected in 1..=3 {
        assert_eq!(sequence_of(deliveries.next().await), expected);
    }
    let cursors = deliveries.cursors().clone();
    assert_eq!(deliveries.redelivered(), 1, "the second 2 was dropped");
    let closed = online.client.publish(message(1)).await.unwrap_err();
    let reason = CloseReason::ByServer {
        code: CloseCode::ShuttingDown,
        reason: "draining".to_owned(),
        retry_after: None,
    };
    assert_eq!(closed, RequestError::Closed(reason.clone()));
    // What had arrived can still be taken, but the cursors were kept before that.
    assert_eq!(sequence_of(deliveries.next().await), 4);
    assert!(deliveries.next().await.is_none());
    assert_eq!(online.driver.await.unwrap(), reason);

    let online = connect(server.addr, &settings).await.unwrap();
    let (_, mut deliveries) = online.client.attach(cursors, false).await.unwrap();
    assert_eq!(sequence_of(deliveries.next().await), 4);
    online.driver.abort();
    drop((online.client, deliveries));
    script.await.unwrap();
}

#[tokio::test]
async fn an_application_that_takes_nothing_stops_the_stream_and_not_the_requests() {
    let server = listen(ALPN);
    let settings = Settings::new(server.roots.clone()).deliveries_max(1);
    let script = tokio::spawn(async move {
        let mut peer = Peer::accept(&server.endpoint).await;
        peer.welcome().await;
        peer.attach().await;
        let mut stream = peer.open_deliveries().await;
        let body = vec![7; 60_000];
        let mut written = 0u64;
        // The client's flow control must stop this long before 64 MiB.
        while written < 1_000 {
            let bytes = envelope(written + 1, &body);
            let write = stream.write_all(&bytes);
            match tokio::time::timeout(Duration::from_millis(500), write).await {
                Ok(done) => done.unwrap(),
                Err(_) => break,
            }
            written += 1;
        }
        assert!(written < 200, "{written} bodies of 60 kB were taken");
        let asked = peer.frame(0).await;
        let busy = Busy { retry_after_us: 1 }.encode();
        peer.send(0, FrameKind::Busy, asked.request, &busy).await;
        peer.connection.closed().await;
    });
    let online = connect(server.addr, &settings).await.unwrap();
    let attached = online.client.attach(Cursors::default(), false).await;
    let answer = online.client.publish(message(1)).await;
    assert!(matches!(answer, Err(RequestError::Busy { .. })));
    online.driver.abort();
    drop((online.client, attached));
    script.await.unwrap();
}

#[tokio::test]
async fn a_goodbye_waits_for_what_is_in_flight() {
    let server = listen(ALPN);
    let settings = Settings::new(server.roots.clone());
    let script = tokio::spawn(async move {
        let mut peer = Peer::accept(&server.endpoint).await;
        peer.welcome().await;
        let asked = peer.frame(0).await;
        assert_eq!(peer.frame(0).await.kind, FrameKind::Goodbye);
        let busy = Busy { retry_after_us: 1 }.encode();
        peer.send(0, FrameKind::Busy, asked.request, &busy).await;
        peer.streams[0].0.finish().unwrap();
        peer.connection.closed().await;
    });
    let online = connect(server.addr, &settings).await.unwrap();
    let (answer, ()) = tokio::join!(online.client.publish(message(1)), online.client.close());
    assert!(matches!(answer, Err(RequestError::Busy { .. })));
    assert_eq!(online.driver.await.unwrap(), CloseReason::Done);
    script.await.unwrap();
}

#[tokio::test]
async fn a_refused_hello_says_which_rule() {
    let server = listen(ALPN);
    let settings = Settings::new(server.roots.clone());
    let script = tokio::spawn(async move {
        let mut peer = Peer::accept(&server.endpoint).await;
        peer.frame(0).await;
        let refused = Refused {
            code: 14,
            policy: 0,
            subject: 11,
            used: 0,
            limit: 0,
            retry_at: Timestamp(0),
            text: "person 11 has left the company".to_owned(),
        };
        peer.send(0, FrameKind::Refused, 0, &refused.encode()).await;
        peer.connection.closed().await;
    });
    let error = connect(server.addr, &settings).await.err().unwrap();
    assert!(matches!(&error, ConnectError::Refused(refused) if refused.code == 14));
    script.await.unwrap();
}

#[tokio::test]
async fn a_server_that_breaks_the_protocol_is_left_with_code_1() {
    let server = listen(ALPN);
    let settings = Settings::new(server.roots.clone());
    let script = tokio::spawn(async move {
        let mut peer = Peer::accept(&server.endpoint).await;
        peer.welcome().await;
        peer.frame(0).await;
        peer.streams[0].0.write_all(&[0xFF; 64]).await.unwrap();
        peer.connection.closed().await
    });
    let online = connect(server.addr, &settings).await.unwrap();
    let answer = online.client.publish(message(1)).await;
    let reason = online.driver.await.unwrap();
    assert!(matches!(reason, CloseReason::Protocol(_)), "{reason:?}");
    assert_eq!(answer, Err(RequestError::Closed(reason)));
    let heard = script.await.unwrap();
    let quinn::ConnectionError::ApplicationClosed(close) = heard else {
        panic!("{heard:?}")
    };
    assert_eq!(close.error_code, 1u32.into());
    let late = online.client.publish(message(1)).await;
    assert_eq!(late, Err(RequestError::Over));
}

#[tokio::test]
async fn a_server_under_another_ca_or_another_protocol_is_not_connected_to() {
    let server = listen(ALPN);
    let stranger = listen(ALPN);
    let settings = Settings::new(stranger.roots.clone());
    let accepting = tokio::spawn(async move { server.endpoint.accept().await.unwrap().await });
    let error = connect(server.addr, &settings).await.err().unwrap();
    let ConnectError::Closed(CloseReason::Transport(error)) = error else {
        panic!("{error:?}")
    };
    let why = error.to_string();
    assert!(why.contains("invalid peer certificate"), "{why}");
    assert!(accepting.await.unwrap().is_err());

    let other = listen(b"h3");
    let settings = Settings::new(other.roots.clone());
    let accepting = tokio::spawn(async move { other.endpoint.accept().await.unwrap().await });
    assert!(connect(other.addr, &settings).await.is_err());
    assert!(accepting.await.unwrap().is_err());
}

#[tokio::test]
async fn a_silent_server_is_given_up_at_the_deadline() {
    let silent = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let deadline = Duration::from_millis(50);
    let settings = Settings::new(listen(ALPN).roots).welcome_deadline(deadline);
    let error = connect(silent.local_addr().unwrap(), &settings).await;
    assert!(matches!(error.err(), Some(ConnectError::Deadline(after)) if after == deadline));
}
