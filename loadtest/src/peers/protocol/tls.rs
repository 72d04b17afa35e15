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
            self.connection.read_tls(&mut bytes)?;
            self.connection.process_new_packets()?;
            loop {
                let mut reader = self.connection.reader();
                let len = match reader.fill_buf() {
                    // The peer has closed: so will the connection below.
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
