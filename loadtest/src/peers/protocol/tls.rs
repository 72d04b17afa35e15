//! TLS around a conversation, without any IO: rustls, TLS 1.3 with AES-128-GCM like the QUIC peers.

use std::io::{BufRead, ErrorKind, Write};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::ProtocolError;
use crate::swarm::SERVER_NAME;

/// Why a connection over TLS cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// What TLS says.
    #[error("TLS failed: {0}")]
    Tls(#[from] rustls::Error),
    /// rustls' buffers are full or the peer has closed.
    #[error("TLS stopped: {0}")]
    Buffer(#[from] std::io::Error),
    /// What is inside.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
}

/// The configuration of clients that trust `roots`: one cipher suite, the same for every system.
pub(crate) fn client_config(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    let provider = CryptoProvider {
        cipher_suites: vec![ring::cipher_suite::TLS13_AES_128_GCM_SHA256],
        ..ring::default_provider()
    };
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

/// One client's TLS.
pub(crate) struct Tls {
    connection: ClientConnection,
}

impl Tls {
    /// Begins a handshake.
    pub(crate) fn open(config: &Arc<ClientConfig>) -> Result<Self, TlsError> {
        let name = ServerName::try_from(SERVER_NAME).expect("it is a DNS name");
        let connection = ClientConnection::new(config.clone(), name)?;
        Ok(Self { connection })
    }

    /// Takes what came from the network and gives what it says to `each`.
    pub(crate) fn on_bytes(
        &mut self,
        mut bytes: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), ProtocolError>,
    ) -> Result<(), TlsError> {
        while !bytes.is_empty() {
            if self.connection.read_tls(&mut bytes)? == 0 {
                // The server has ended TLS: what is behind that is nobody's.
                return Ok(());
            }
            self.connection.process_new_packets()?;
            loop {
                let mut reader = self.connection.reader();
                let len = match reader.fill_buf() {
                    // The server has ended TLS; the end of the connection follows.
                    Ok([]) => break,
                    Ok(plain) => {
                        each(plain)?;
                        plain.len()
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.into()),
                };
                reader.consume(len);
            }
        }
        Ok(())
    }

    /// Seals `plain` and everything TLS itself wants sent into `out`.
    pub(crate) fn seal(&mut self, plain: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<(), TlsError> {
        self.connection.writer().write_all(plain)?;
        plain.clear();
        while self.connection.wants_write() {
            self.connection.write_tls(out)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use ::throng::quic::tls::development::make_tls_directory;
    use ::throng::wire::Timestamp;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{CipherSuite, ServerConfig, ServerConnection};

    use super::*;
    use crate::provision::roots;

    /// A client and the server it trusts.
    fn pair() -> (Tls, ServerConnection) {
        let dir = tempfile::tempdir().unwrap();
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let now = Timestamp(now.as_micros() as i64);
        let made = make_tls_directory(&dir.path().join("tls"), now).unwrap();
        let chain = CertificateDer::from_pem_file(&made.server.certificate).unwrap();
        let key = PrivateKeyDer::from_pem_file(&made.server.key).unwrap();
        let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .unwrap();
        let client = client_config(roots(&made.ca).unwrap()).unwrap();
        (
            Tls::open(&Arc::new(client)).unwrap(),
            ServerConnection::new(Arc::new(server)).unwrap(),
        )
    }

    /// Carries what both sides have to say, a few bytes at a time, and returns what the client got.
    fn carry(client: &mut Tls, server: &mut ServerConnection, mut plain: Vec<u8>) -> Vec<u8> {
        let mut heard = Vec::new();
        for _ in 0..4 {
            let mut wire = Vec::new();
            client.seal(&mut plain, &mut wire).unwrap();
            for mut piece in wire.chunks(100) {
                server.read_tls(&mut piece).unwrap();
                server.process_new_packets().unwrap();
            }
            let mut wire = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut wire).unwrap();
            }
            for piece in wire.chunks(7) {
                let each = |plain: &[u8]| {
                    heard.extend_from_slice(plain);
                    Ok(())
                };
                client.on_bytes(piece, each).unwrap();
            }
        }
        heard
    }

    #[test]
    fn both_sides_agree_on_aes_128_gcm_and_hear_each_other() {
        let (mut client, mut server) = pair();
        carry(&mut client, &mut server, b"SUB g 1\r\n".to_vec());
        let suite = server.negotiated_cipher_suite().unwrap();
        assert_eq!(suite.suite(), CipherSuite::TLS13_AES_128_GCM_SHA256);
        let mut said = [0; 9];
        server.reader().read_exact(&mut said).unwrap();
        assert_eq!(
            &said, b"SUB g 1\r\n",
            "said before the handshake, kept for after it"
        );
        server.writer().write_all(&[7; 20_000]).unwrap();
        let heard = carry(&mut client, &mut server, Vec::new());
        assert_eq!(heard, [7; 20_000]);
    }

    #[test]
    fn what_comes_behind_the_end_of_tls_is_left_alone() {
        let (mut client, mut server) = pair();
        carry(&mut client, &mut server, Vec::new());
        server.send_close_notify();
        let mut wire = Vec::new();
        server.write_tls(&mut wire).unwrap();
        client.on_bytes(&wire, |_| Ok(())).unwrap();
        let taken = client.on_bytes(b"MSG g 1 5\r\n", |plain| panic!("{plain:?}"));
        assert!(taken.is_ok());
    }

    #[test]
    fn a_server_nobody_vouches_for_is_refused() {
        let (_, mut server) = pair();
        let (mut client, _) = pair();
        let mut wire = Vec::new();
        client.seal(&mut Vec::new(), &mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets().unwrap();
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        let refused = client.on_bytes(&wire, |_| Ok(()));
        assert!(matches!(refused, Err(TlsError::Tls(_))), "{refused:?}");
    }
}
