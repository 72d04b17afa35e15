//! The server's side of TLS: 1.3 only, no early data, client certificates optional but never
//! unchecked. Certificates come from PEM files; [`development`] makes some for a first start.

pub mod development;
mod keys;
mod parameters;
mod session;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

pub(crate) use session::Forgetful;
pub use session::NotForQuic;

use crate::wire::{ALPN, Timestamp};

/// The three files a server's TLS is made from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFiles {
    /// The server's certificate, followed by those that issued it, PEM.
    pub certificate: PathBuf,
    /// The private key of that certificate, PEM.
    pub key: PathBuf,
    /// The certificates that may issue client certificates to gateways and operators, PEM.
    pub client_ca: PathBuf,
}

/// Why the TLS files cannot be used. Each names the file that has to be looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// Missing, or not ours to read.
    #[error("cannot read {}: {source}", .path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Read, but there is nothing of the kind inside.
    #[error("{} has no {expected} in PEM", .path.display())]
    WrongContent {
        /// Which file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// Certificate and key are not of one pair, or of a kind that is not supported.
    #[error("{} and {} do not go together: {source}", .certificate.display(), .key.display())]
    WrongPair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What rustls said.
        source: rustls::Error,
    },
    /// The system has no random bytes for the tickets' key.
    #[error("no random bytes for the key of resumption tickets: {0}")]
    NoRandomness(#[source] rustls::Error),
    /// A client CA that nothing can be checked against.
    #[error("{} cannot check client certificates: {reason}", .path.display())]
    WrongClientCa {
        /// Which file.
        path: PathBuf,
        /// What rustls said.
        reason: String,
    },
}

/// The cryptography of both sides: TLS 1.3 suites only, AES-128-GCM first because it is the
/// cheapest per byte wherever the processor has AES instructions. A connection keeps little of its keys.
#[must_use]
pub fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: keys::suites(),
        ..ring::default_provider()
    }
}

/// The TLS of a server, from its files. Call it again after the files changed: new connections
/// take the new one, those that stand are not touched.
///
/// # Errors
/// [`TlsError`] names the file and what is wrong with it.
pub fn server_config(files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| file_error(&files.key, error, "private key"))?;
    let provider = Arc::new(provider());

    let mut roots = RootCertStore::empty();
    for certificate in certificates(&files.client_ca)? {
        roots
            .add(certificate)
            .map_err(|error| wrong_client_ca(files, &error))?;
    }
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            // People come with a token instead.
            .allow_unauthenticated()
            .build()
            .map_err(|error| wrong_client_ca(files, &error))?;

    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("the provider has TLS 1.3 suites")
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)
        .map_err(|source| TlsError::WrongPair {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
            source,
        })?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.ignore_client_order = true;
    // Early data can be replayed.
    config.max_early_data_size = 0;
    // Who comes back with a ticket saves both sides the certificates. Nothing is kept of tickets here:
    // they are sealed, for at most 12 hours. The key is this configuration's own, so that no session
    // carries a client certificate past a change of the client CA.
    config.ticketer = ring::Ticketer::new().map_err(TlsError::NoRandomness)?;
    config.send_tls13_tickets = 1;
    Ok(Arc::new(config))
}

/// When the first certificate in the file ceases to be valid, for alerting before it does.
///
/// # Errors
/// As [`server_config`] for that file.
pub fn certificate_expiry(path: &Path) -> Result<Timestamp, TlsError> {
    let chain = certificates(path)?;
    let (_, certificate) =
        x509_parser::parse_x509_certificate(&chain[0]).map_err(|_| TlsError::WrongContent {
            path: path.to_owned(),
            expected: "certificate",
        })?;
    let seconds = certificate.validity().not_after.timestamp();
    Ok(Timestamp(seconds.saturating_mul(1_000_000)))
}

/// At least one certificate.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let expected = "certificate";
    let chain = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| file_error(path, error, expected))?;
    if chain.is_empty() {
        return Err(TlsError::WrongContent {
            path: path.to_owned(),
            expected,
        });
    }
    Ok(chain)
}

fn file_error(path: &Path, error: pem::Error, expected: &'static str) -> TlsError {
    let path = path.to_owned();
    match error {
        pem::Error::Io(source) => TlsError::Unreadable { path, source },
        _ => TlsError::WrongContent { path, expected },
    }
}

fn wrong_client_ca(files: &TlsFiles, error: &dyn std::error::Error) -> TlsError {
    TlsError::WrongClientCa {
        path: files.client_ca.clone(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests;
