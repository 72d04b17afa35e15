//! The server's TLS session as QUIC sees it, which lets go of what a handshake needed once it is over.
//!
//! quinn-proto's own session keeps rustls' whole connection for as long as the client stays. Here it goes
//! with the handshake, but for the client's certificates and what later keys are made of. Thousands of idle
//! members pay for nothing of it (docs/benchmarks.md).

use core::time::Duration;
use std::any::Any;
use std::sync::Arc;

use quinn_proto::crypto::rustls::QuicServerConfig;
use quinn_proto::crypto::{
    ExportKeyingMaterialError, HeaderKey, KeyPair, Keys, PacketKey, ServerConfig, Session,
    UnsupportedVersion,
};
use quinn_proto::transport_parameters::TransportParameters;
use quinn_proto::{ConnectionId, Side, TransportError, TransportErrorCode};
use rustls::crypto::ring::cipher_suite;
use rustls::pki_types::CertificateDer;
use rustls::quic::{self, KeyChange, Secrets, ServerConnection, Version};

use super::parameters;
use crate::quic::prefetch::Lines;

/// Alert `unexpected_message` (RFC 8446, section 6): a client has nothing to say after its handshake.
const UNEXPECTED_MESSAGE: u8 = 10;

/// The TLS configuration is none for QUIC.
#[derive(Debug, thiserror::Error)]
#[error("the TLS configuration cannot be used for QUIC: {0}")]
pub struct NotForQuic(String);

/// Starts sessions that forget; all else is quinn-proto's.
pub(crate) struct Forgetful {
    tls: Arc<rustls::ServerConfig>,
    quic: Arc<QuicServerConfig>,
    acknowledgement_delay: Duration,
}

impl Forgetful {
    /// Sessions whose clients are asked to acknowledge so late, if they can be asked.
    pub(crate) fn new(
        tls: Arc<rustls::ServerConfig>,
        acknowledgement_delay: Duration,
    ) -> Result<Self, NotForQuic> {
        let quic = QuicServerConfig::try_from(tls.clone());
        let quic = quic.map_err(|error| NotForQuic(error.to_string()))?;
        // Whatever rustls finds wrong with it for one connection it finds for all.
        ServerConnection::new(tls.clone(), Version::V1, Vec::new())
            .map_err(|error| NotForQuic(error.to_string()))?;
        let quic = Arc::new(quic);
        Ok(Forgetful {
            tls,
            quic,
            acknowledgement_delay,
        })
    }
}

impl ServerConfig for Forgetful {
    fn initial_keys(&self, version: u32, dst: &ConnectionId) -> Result<Keys, UnsupportedVersion> {
        self.quic.initial_keys(version, dst)
    }

    fn retry_tag(&self, version: u32, original_dst: &ConnectionId, packet: &[u8]) -> [u8; 16] {
        self.quic.retry_tag(version, original_dst, packet)
    }

    fn start_session(
        self: Arc<Self>,
        version: u32,
        parameters: &TransportParameters,
    ) -> Box<dyn Session> {
        // The drafts that quinn-proto takes for version 1 but for their labels.
        let version = match version {
            0xff00_001d..=0xff00_0020 => Version::V1Draft,
            _ => Version::V1,
        };
        let mut encoded = Vec::new();
        parameters.write(&mut encoded);
        let connection = ServerConnection::new(self.tls.clone(), version, encoded);
        Box::new(ForgetfulSession {
            stage: Stage::Shaking(Box::new(
                connection.expect("tried when the configuration was made"),
            )),
            later: None,
            key_lines: Lines::default(),
            acknowledgement_delay: self.acknowledgement_delay,
        })
    }
}

struct ForgetfulSession {
    stage: Stage,
    /// What is wanted of the client.
    acknowledgement_delay: Duration,
    /// What the keys of the next phase are made of (RFC 9001, section 6).
    later: Option<Secrets>,
    /// Where the keys of packets are, from when they are agreed on to the first update.
    key_lines: Lines,
}

enum Stage {
    Shaking(Box<ServerConnection>),
    Over {
        /// The client's certificates, if it showed any.
        identity: Option<Vec<CertificateDer<'static>>>,
    },
}

impl Session for ForgetfulSession {
    fn initial_keys(&self, dst: &ConnectionId, side: Side) -> Keys {
        // Asked by clients, after a retry; every server's first keys are of this suite.
        let suite = cipher_suite::TLS13_AES_128_GCM_SHA256
            .tls13()
            .and_then(rustls::Tls13CipherSuite::quic_suite)
            .expect("a suite of TLS 1.3 for QUIC");
        let side = match side {
            Side::Client => rustls::Side::Client,
            Side::Server => rustls::Side::Server,
        };
        boxed(suite.keys(dst, side, Version::V1)).0
    }

    /// Where the keys are that the handshake agreed on, to be prefetched: [`Lines`]. All else that is
    /// agreed on is decided by the configuration.
    fn handshake_data(&self) -> Option<Box<dyn Any>> {
        Some(Box::new(self.key_lines))
    }

    /// `Vec<CertificateDer>`, as quinn-proto's.
    fn peer_identity(&self) -> Option<Box<dyn Any>> {
        let certificates = match &self.stage {
            Stage::Shaking(connection) => identity_of(connection),
            Stage::Over { identity } => identity.clone(),
        };
        certificates.map(|certificates| -> Box<dyn Any> { Box::new(certificates) })
    }

    fn early_crypto(&self) -> Option<(Box<dyn HeaderKey>, Box<dyn PacketKey>)> {
        // Early data can be replayed: `server_config` accepts none.
        None
    }

    fn early_data_accepted(&self) -> Option<bool> {
        None
    }

    fn is_handshaking(&self) -> bool {
        match &self.stage {
            Stage::Shaking(connection) => connection.is_handshaking(),
            Stage::Over { .. } => false,
        }
    }

    fn read_handshake(&mut self, bytes: &[u8]) -> Result<bool, TransportError> {
        let Stage::Shaking(connection) = &mut self.stage else {
            return Err(alert(UNEXPECTED_MESSAGE, "after the handshake".into()));
        };
        match connection.read_hs(bytes) {
            Ok(()) => Ok(false),
            Err(error) => Err(match connection.alert() {
                Some(code) => alert(code.into(), error.to_string()),
                None => TransportError {
                    code: TransportErrorCode::PROTOCOL_VIOLATION,
                    frame: None,
                    reason: format!("TLS error: {error}"),
                },
            }),
        }
    }

    fn transport_parameters(&self) -> Result<Option<TransportParameters>, TransportError> {
        let Stage::Shaking(connection) = &self.stage else {
            return Ok(None);
        };
        let Some(encoded) = connection.quic_transport_parameters() else {
            return Ok(None);
        };
        // Checked as they came, read as they are to be understood.
        TransportParameters::read(Side::Server, &mut &*encoded)?;
        let understood = parameters::understood(encoded, self.acknowledgement_delay);
        let parameters = TransportParameters::read(Side::Server, &mut &*understood)?;
        Ok(Some(parameters))
    }

    fn write_handshake(&mut self, out: &mut Vec<u8>) -> Option<Keys> {
        let Stage::Shaking(connection) = &mut self.stage else {
            return None;
        };
        let before = out.len();
        match connection.write_hs(out) {
            Some(KeyChange::Handshake { keys }) => Some(boxed(keys).0),
            Some(KeyChange::OneRtt { keys, next }) => {
                self.later = Some(next);
                let (keys, lines) = boxed(keys);
                self.key_lines = lines;
                Some(keys)
            }
            None => {
                if !connection.is_handshaking() && out.len() == before {
                    let identity = identity_of(connection);
                    self.stage = Stage::Over { identity };
                }
                None
            }
        }
    }

    fn next_1rtt_keys(&mut self) -> Option<KeyPair<Box<dyn PacketKey>>> {
        // Making the keys is what takes the secrets one phase on.
        let keys = self.later.as_mut()?.next_packet_keys();
        Some(KeyPair {
            local: Box::new(keys.local),
            remote: Box::new(keys.remote),
        })
    }

    fn is_valid_retry(&self, _: &ConnectionId, _: &[u8], _: &[u8]) -> bool {
        // Servers get none.
        false
    }

    fn export_keying_material(
        &self,
        _: &mut [u8],
        _: &[u8],
        _: &[u8],
    ) -> Result<(), ExportKeyingMaterialError> {
        // What would be derived from is gone with the handshake.
        Err(ExportKeyingMaterialError)
    }
}

fn alert(code: u8, reason: String) -> TransportError {
    TransportError {
        code: TransportErrorCode::crypto(code),
        frame: None,
        reason,
    }
}

fn identity_of(connection: &ServerConnection) -> Option<Vec<CertificateDer<'static>>> {
    let certificates = connection.peer_certificates()?.iter();
    Some(certificates.map(|one| one.clone().into_owned()).collect())
}

/// The keys as quinn-proto has them, and where they are: first the sealing ones, which every delivery needs.
fn boxed(keys: quic::Keys) -> (Keys, Lines) {
    let mut lines = Lines::default();
    let [local, remote] = [keys.local, keys.remote].map(|keys| {
        let (header, packet) = (Box::new(keys.header), Box::new(keys.packet));
        lines.add(&*header);
        lines.add(&**header);
        lines.add(&*packet);
        lines.add(&**packet);
        (header, packet)
    });
    let keys = Keys {
        header: KeyPair {
            local: local.0,
            remote: remote.0,
        },
        packet: KeyPair {
            local: local.1,
            remote: remote.1,
        },
    };
    (keys, lines)
}

#[cfg(test)]
mod tests {
    use quinn_proto::Dir;
    use rustls::quic::ClientConnection;

    use super::*;
    use crate::quic::counted::bytes_kept_by;
    use crate::quic::options::Limits;
    use crate::quic::pair::Pair;
    use crate::quic::tls::provider;

    fn forgetful(tls: Arc<rustls::ServerConfig>) -> Arc<quinn_proto::ServerConfig> {
        Limits::default().quic(tls).unwrap()
    }

    fn quinns_own(tls: Arc<rustls::ServerConfig>) -> Arc<quinn_proto::ServerConfig> {
        let crypto = QuicServerConfig::try_from(tls).unwrap();
        Limits::default().quic_with(Arc::new(crypto))
    }

    #[test]
    fn a_connection_costs_five_kib_less_than_with_a_session_that_forgets_nothing() {
        let cost = |provider: fn() -> _, config: fn(_) -> _| {
            bytes_kept_by(|| Pair::connected_with(provider(), config)).1
        };
        let ours = cost(provider, forgetful);
        let theirs = cost(rustls::crypto::ring::default_provider, quinns_own);
        println!("{ours} bytes of a pair, {theirs} with quinn-proto's session and rustls' keys");
        assert!(ours + 5 * 1024 <= theirs, "{ours} and {theirs}");
    }

    #[test]
    fn keys_are_updated_again_and_again_by_either_side() {
        let mut pair = Pair::connected();
        let id = pair.client.conn.streams().open(Dir::Bi).unwrap();
        for phase in 0..6_u8 {
            match phase % 3 {
                0 => {}
                1 => pair.client.conn.force_key_update(),
                _ => pair.server.conn.force_key_update(),
            }
            let text = [phase; 9];
            pair.client.conn.send_stream(id).write(&text).unwrap();
            for _ in 0..4 {
                pair.exchange();
            }
            let mut received = pair.server.conn.recv_stream(id);
            let mut chunks = received.read(true).unwrap();
            let chunk = chunks.next(usize::MAX).unwrap().expect("it arrived");
            assert_eq!(chunk.bytes, text.as_slice(), "phase {phase}");
            let _ = chunks.finalize();
            pair.server.conn.send_stream(id).write(&text).unwrap();
            for _ in 0..4 {
                pair.exchange();
            }
            let mut received = pair.client.conn.recv_stream(id);
            let mut chunks = received.read(true).unwrap();
            let chunk = chunks.next(usize::MAX).unwrap().expect("it came back");
            assert_eq!(chunk.bytes, text.as_slice(), "phase {phase}");
            let _ = chunks.finalize();
        }
    }

    #[test]
    fn a_client_is_given_one_connection_id_to_spare() {
        let mut pair = Pair::connected();
        for _ in 0..3 {
            pair.exchange();
        }
        let sent = pair.server.conn.stats().frame_tx.new_connection_id;
        assert_eq!(sent, 1, "quinn's clients would take four");
    }

    /// The server sends so many packets in one flight, but for the one with this number; acknowledgements
    /// that have come back so many milliseconds later.
    fn acknowledgements(
        pair: &mut Pair,
        packets: usize,
        lost: Option<usize>,
        after_ms: u64,
    ) -> u64 {
        let frames = |pair: &Pair| pair.server.conn.stats().frame_rx.acks;
        let before = frames(pair);
        let id = pair.server.conn.streams().open(Dir::Uni).unwrap();
        let mut datagrams = Vec::new();
        for _ in 0..packets {
            pair.server.conn.send_stream(id).write(&[7; 100]).unwrap();
            datagrams.extend(pair.server.drain(pair.now));
        }
        assert_eq!(datagrams.len(), packets);
        if let Some(lost) = lost {
            datagrams.remove(lost);
        }
        pair.pass(datagrams, Duration::from_millis(after_ms));
        frames(pair) - before
    }

    #[test]
    fn a_client_acknowledges_late_but_every_fourth_packet_and_a_gap_at_once() {
        let mut pair = Pair::connected();
        pair.pass(Vec::new(), Duration::from_secs(1));
        let (mut early, mut late) = (0, 0);
        for _ in 0..10 {
            early += acknowledgements(&mut pair, 3, None, 150);
            late += acknowledgements(&mut pair, 0, None, 60);
        }
        // quinn-proto leaves a packet number out now and then, which is a gap to the other side.
        assert!(early <= 3 && late >= 7, "{early} early, {late} late");
        assert_eq!(pair.server.conn.stats().path.lost_packets, 0);
        assert!(acknowledgements(&mut pair, 4, None, 1) >= 1);
        assert!(acknowledgements(&mut pair, 3, Some(1), 1) >= 1);

        let eager = |tls| {
            let limits = Limits {
                acknowledgement_delay: Duration::ZERO,
                ..Limits::default()
            };
            limits.quic(tls).unwrap()
        };
        let mut pair = Pair::connected_to(eager);
        pair.pass(Vec::new(), Duration::from_secs(1));
        assert_eq!(acknowledgements(&mut pair, 1, None, 30), 1);
        assert!(acknowledgements(&mut pair, 2, None, 1) >= 1);
    }

    #[test]
    fn what_comes_after_the_handshake_is_refused_and_early_data_too() {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let client = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = "localhost".try_into().unwrap();
        let client = ClientConnection::new(Arc::new(client), Version::V1, name, Vec::new());
        let mut client = client.unwrap();
        let mut session = ForgetfulSession {
            key_lines: Lines::default(),
            stage: Stage::Shaking(Box::new(
                ServerConnection::new(Arc::new(tls.clone()), Version::V1, Vec::new()).unwrap(),
            )),
            later: None,
            acknowledgement_delay: Duration::ZERO,
        };
        // Each flight apart: what belongs to different keys is not read in one piece.
        for _ in 0..3 {
            for _ in 0..3 {
                let mut there = Vec::new();
                client.write_hs(&mut there);
                if !there.is_empty() {
                    session.read_handshake(&there).unwrap();
                }
            }
            for _ in 0..3 {
                let mut back = Vec::new();
                session.write_handshake(&mut back);
                client.read_hs(&back).unwrap();
            }
        }
        assert!(session.write_handshake(&mut Vec::new()).is_none());
        assert!(matches!(session.stage, Stage::Over { identity: None }));
        assert!(!session.is_handshaking() && session.early_crypto().is_none());
        let refused = session.read_handshake(b"more").unwrap_err();
        assert_eq!(refused.code, TransportErrorCode::crypto(UNEXPECTED_MESSAGE));

        tls.max_early_data_size = 5;
        assert!(Forgetful::new(Arc::new(tls), Duration::ZERO).is_err());
    }
}
