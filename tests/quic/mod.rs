//! A server on loopback and clients that speak its bytes, correct or not.

#![allow(dead_code)] // Each test binary uses its own part.
#![allow(clippy::unwrap_used)] // What cannot be set up fails its test.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{Connection, ConnectionError, Endpoint, RecvStream, SendStream};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use throng::engine::{Engine, SystemClock};
use throng::model::command::{
    CreateGroupV1, CreateTenantV1, GroupKind, NewPersonV1, OrgRole, PersonKind, Reply, Succession,
    TaggedCommand,
};
use throng::quic::auth::{AuthError, Identity};
use throng::quic::{Limits, Server, ServerOptions};
use throng::wire::{
    ALPN, Attach, AttachEntry, Attached, ClientMessageId, DeliveryDecoder, DeviceId, Envelope,
    FRAME_LEN_MAX, Frame, FrameDecoder, FrameKind, GroupId, HeaderFields, Hello, Kind, PersonId,
    Published, Role, Sequence, TenantId, Timestamp, Welcome, encode_frame,
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
        expires: now.plus_micros(seconds as i64 * 1_000_000),
    })
}

/// The token of a person of tenant 1 on device 1.
pub(crate) fn token_of(person: u64) -> String {
    format!("0 1 {person} 1 3600")
}

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
        let (certificate, tls) = tls();
        let engine = Engine::in_memory(Arc::new(SystemClock::default()), 1);
