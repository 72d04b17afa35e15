//! How a client connects: whom it trusts, who it is, and what it spends.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::error::ConnectError;
use super::session::Limits;
use super::tickets::Tickets;
use crate::wire::{ALPN, TenantId};

/// The longest UDP payload sent: an Ethernet frame less IPv6 and UDP headers.
const UDP_PAYLOAD_MAX: u16 = 1_452;

/// Servers whose address tokens are kept.
const SERVERS_MAX: u32 = 8;

/// Who connects.
#[derive(Debug)]
pub enum Credentials {
    /// A person, by a signed token.
    Token(String),
    /// An operator or gateway, by its certificate (mTLS).
    Certificate {
        /// The certificate and what leads from it to the server's client CA.
        chain: Vec<CertificateDer<'static>>,
        /// Its key.
        key: PrivateKeyDer<'static>,
        /// The tenant an operator of the node asks about; 0 for a tenant's own.
        tenant: TenantId,
    },
}

impl Clone for Credentials {
    fn clone(&self) -> Self {
        match self {
            Self::Token(token) => Self::Token(token.clone()),
            Self::Certificate { chain, key, tenant } => Self::Certificate {
                chain: chain.clone(),
                key: key.clone_key(),
                tenant: *tenant,
            },
        }
    }
}

/// Whom a client trusts and what it spends.
#[derive(Clone, Debug)]
pub struct Settings {
    pub(super) roots: Arc<rustls::RootCertStore>,
    pub(super) endpoint: Option<quinn::Endpoint>,
    pub(super) limits: Limits,
    pub(super) deliveries_max: usize,
    pub(super) welcome_deadline: Duration,
    cryptography: Arc<CryptoProvider>,
    idle_timeout: Duration,
    keep_alive: Duration,
    returning: Arc<Returning>,
}

/// What connections leave for those after them, shared by all clones of the settings.
#[derive(Debug)]
struct Returning {
    /// Made once: a session is resumed only under the very configuration it began with.
    tls_of_people: OnceLock<Arc<rustls::ClientConfig>>,
    tickets: Arc<Tickets>,
    addresses: Arc<quinn::TokenMemoryCache>,
}

impl Returning {
    fn new(connections: usize) -> Self {
        Self {
            tls_of_people: OnceLock::new(),
            tickets: Arc::new(Tickets::new(connections)),
            addresses: Arc::new(quinn::TokenMemoryCache::new(SERVERS_MAX, connections)),
        }
    }
}

impl Settings {
    /// Settings that trust certificates under `roots` and nothing else.
    #[must_use]
    pub fn new(roots: rustls::RootCertStore) -> Self {
        Self {
            roots: Arc::new(roots),
            endpoint: None,
            limits: Limits::default(),
            deliveries_max: 256,
            welcome_deadline: Duration::from_secs(10),
            cryptography: Arc::new(rustls::crypto::ring::default_provider()),
            idle_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(10),
            returning: Arc::new(Returning::new(8)),
        }
    }

    /// Connects from this endpoint, shared by many clients: [`client::endpoint`](super::endpoint) makes
    /// one whose socket has room for them. Default: a socket and an endpoint's task for each client.
    #[must_use]
    pub fn endpoint(mut self, endpoint: quinn::Endpoint) -> Self {
        self.endpoint = Some(endpoint);
        self
    }

    /// What the session may hold and how often it acknowledges.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Deliveries kept for an application that is slow to take them; then the server's stream is
    /// left unread, and the server keeps the rest. Default 256, at least 1; each costs its bytes.
    #[must_use]
    pub fn deliveries_max(mut self, deliveries: usize) -> Self {
        self.deliveries_max = deliveries.max(1);
        self
    }

    /// The longest a connection attempt takes, welcome included. Default 10 s.
    #[must_use]
    pub fn welcome_deadline(mut self, deadline: Duration) -> Self {
        self.welcome_deadline = deadline;
        self
    }

    /// The cryptography of TLS and QUIC. Default: rustls' own by ring. What it offers must have a suite of
    /// TLS 1.3 that the server has too.
    #[must_use]
    pub fn cryptography(mut self, provider: Arc<CryptoProvider>) -> Self {
        self.cryptography = provider;
        self
    }

    /// How long nothing may be heard of the server. Default 30 s; the server's own may be shorter.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// How often an otherwise silent connection is kept alive. Default 10 s; below the idle timeout.
    #[must_use]
    pub fn keep_alive(mut self, interval: Duration) -> Self {
        self.keep_alive = interval;
        self
    }

    /// How many connections may come back cheaply: with a resumption ticket and an address token that
    /// an earlier connection of these settings, or of a clone, has left for each server. Default 8;
    /// each costs about 1 KiB. 0 forgets everything.
    #[must_use]
    pub fn returning_max(mut self, connections: usize) -> Self {
        self.returning = Arc::new(Returning::new(connections));
        self
    }

    /// The configuration of a connection with `credentials`. People's is made once, and resumes.
    fn tls(&self, credentials: &Credentials) -> Result<Arc<rustls::ClientConfig>, ConnectError> {
        let Credentials::Token(_) = credentials else {
            return Ok(Arc::new(self.new_tls(credentials)?));
        };
        if let Some(made) = self.returning.tls_of_people.get() {
            return Ok(made.clone());
        }
        let made = Arc::new(self.new_tls(credentials)?);
        // Another clone may have been faster.
        Ok(self.returning.tls_of_people.get_or_init(|| made).clone())
    }

    /// TLS 1.3 with Throng's ALPN, verifying the server against the roots.
    fn new_tls(&self, credentials: &Credentials) -> Result<rustls::ClientConfig, ConnectError> {
        let builder = rustls::ClientConfig::builder_with_provider(self.cryptography.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(self.roots.clone());
        let mut tls = match credentials {
            Credentials::Token(_) => builder.with_no_client_auth(),
            Credentials::Certificate { chain, key, .. } => {
                builder.with_client_auth_cert(chain.clone(), key.clone_key())?
            }
        };
        tls.alpn_protocols = vec![ALPN.to_vec()];
        tls.resumption = match credentials {
            Credentials::Token(_) => Resumption::store(self.returning.tickets.clone()),
            // Shown and checked anew each time.
            Credentials::Certificate { .. } => Resumption::disabled(),
        };
        Ok(tls)
    }

    /// QUIC as a client of Throng speaks it: the server may open a few streams for deliveries and
    /// nothing else.
    fn transport(&self) -> quinn::TransportConfig {
        let mut transport = quinn::TransportConfig::default();
        let idle = quinn::IdleTimeout::try_from(self.idle_timeout);
        transport
            .max_concurrent_bidi_streams(0u32.into())
            .max_concurrent_uni_streams(super::DELIVERY_STREAMS_MAX.into())
            .max_idle_timeout(idle.ok())
            .keep_alive_interval(Some(self.keep_alive))
            .initial_mtu(UDP_PAYLOAD_MAX)
            .mtu_discovery_config(None);
        transport
    }

    /// TLS and QUIC as these settings want them, for whoever drives connections by themselves.
    pub fn quic(&self, credentials: &Credentials) -> Result<quinn::ClientConfig, ConnectError> {
        let tls = quinn::crypto::rustls::QuicClientConfig::try_from(self.tls(credentials)?)
            .map_err(|_| rustls::Error::General("no TLS 1.3 initial cipher suite".to_owned()))?;
        let mut client = quinn::ClientConfig::new(Arc::new(tls));
        client
            .transport_config(Arc::new(self.transport()))
            .token_store(self.returning.addresses.clone());
        Ok(client)
    }
}
