//! What clients check the server by, and the server them. Read at start and again on SIGHUP.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context;
use rustls::ServerConfig;
use throng::config::{Config, Tls};
use throng::engine::{Clock, SystemClock};
use throng::quic::auth::{AuthError, Identity, TokenVerifier};
use throng::quic::tls::{self, TlsFiles};
use throng::wire::Timestamp;
use tracing::{info, warn};

use super::super::directory::DataDirectory;
use super::super::failure::Advise;

/// A certificate that ends sooner than this is worth a warning.
const EXPIRY_WARNING: Duration = Duration::from_secs(30 * 24 * 3600);

/// Who a token speaks for at a time.
type TokenCheck = Arc<dyn Fn(&str, Timestamp) -> Result<Identity, AuthError> + Send + Sync>;

/// The files, and what was read from them last.
pub(super) struct Credentials {
    tls_files: TlsFiles,
    token_keys: PathBuf,
    token_lifetime_max: Duration,
    tls: Arc<ServerConfig>,
    verifier: Arc<RwLock<TokenVerifier>>,
}

impl Credentials {
    /// Reads the files, making development ones where none are configured and none are there.
    pub(super) fn load(data: &DataDirectory, config: &Config) -> anyhow::Result<Self> {
        let now = SystemClock::default().wall();
        if config.tls == Tls::default() && data.make_missing_tls(now)? {
            let tls = data.tls().path;
            info!(path = %tls.display(), "made a development CA and certificates");
        }
        let token_keys = data.resolve(&config.auth.token_public_key_file);
        if token_keys == data.keys().token_public_key && data.make_missing_keys()? {
            info!(path = %data.keys().path.display(), "made token keys");
        }
        let tls_files = TlsFiles {
            certificate: data.resolve(&config.tls.certificate_file),
            key: data.resolve(&config.tls.key_file),
            client_ca: data.resolve(&config.tls.client_ca_file),
        };
        let token_lifetime_max = config.auth.token_lifetime_max.duration();
        let tls = read_tls(&tls_files, now)?;
        let verifier = read_token_keys(&token_keys, token_lifetime_max)?;
        Ok(Self {
            tls_files,
            token_keys,
            token_lifetime_max,
            tls,
            verifier: Arc::new(RwLock::new(verifier)),
        })
    }

    /// Reads everything again; on an error the old stays in use.
    pub(super) fn reload(&self) -> anyhow::Result<Arc<ServerConfig>> {
        let tls = read_tls(&self.tls_files, SystemClock::default().wall())?;
        let verifier = read_token_keys(&self.token_keys, self.token_lifetime_max)?;
        *self
            .verifier
            .write()
            .unwrap_or_else(PoisonError::into_inner) = verifier;
        Ok(tls)
    }

    pub(super) fn tls(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.tls)
    }

    /// Checks tokens by the keys that were read last. Once per connection, so a lock is cheap.
    pub(super) fn tokens(&self) -> TokenCheck {
        let verifier = Arc::clone(&self.verifier);
        Arc::new(move |token: &str, now| {
            let verifier = verifier.read().unwrap_or_else(PoisonError::into_inner);
            verifier.verify(token, now)
        })
    }

    /// The server certificate's file, to tell when it ends.
    pub(super) fn certificate(&self) -> PathBuf {
        self.tls_files.certificate.clone()
    }
}

fn read_tls(files: &TlsFiles, now: Timestamp) -> anyhow::Result<Arc<ServerConfig>> {
    let config =
        tls::server_config(files).advise(|| "see [tls] in `throng config print`".to_owned())?;
    let expires = tls::certificate_expiry(&files.certificate)?;
    let warning_us = i64::try_from(EXPIRY_WARNING.as_micros()).unwrap_or(i64::MAX);
    if expires.micros_since(now) < warning_us {
        warn!(
            path = %files.certificate.display(), %expires,
            "the server's certificate ends soon: replace it and send SIGHUP"
        );
    }
    Ok(config)
}

fn read_token_keys(path: &PathBuf, lifetime_max: Duration) -> anyhow::Result<TokenVerifier> {
    let read = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the token keys {}", path.display()));
    read.and_then(|pem| {
        TokenVerifier::from_pem(&pem, lifetime_max).with_context(|| path.display().to_string())
    })
    .advise(|| "see [auth] in `throng config print`".to_owned())
}
