//! Outward calls over HTTPS: what the enterprise's system is asked, and what it answers (docs/operations.md).
//!
//! One POST a call, signed, with a bound on its time and on its answer. Whatever is not an answer is an
//! error of its kind; nothing of it is believed. Witnesses of the transparency log are asked the same way,
//! and a timestamp authority by a command.

mod answer;
mod command;
mod question;
mod witness;

pub use command::{AuthorityCommand, EmptyCommand};
pub use witness::WitnessAddress;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::hmac;
use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

use crate::engine::{CallError, Callee};
use crate::model::OpenCall;
use crate::model::command::CallVerdict;

/// Bytes an answer may have.
const ANSWER_BYTES_MAX: u64 = 4 * 1024;
/// Bytes a secret has at least.
pub const SECRET_BYTES_MIN: usize = 16;
/// The header that says who asks.
pub const SIGNATURE_HEADER: &str = "Throng-Signature";

/// Where calls go, and how.
pub struct HookOptions {
    /// The address of the enterprise's system: `https`, or `http` on this machine.
    pub url: String,
    /// What requests are signed with; at least 16 bytes.
    pub secret: Vec<u8>,
    /// How long one call may take, from connecting to the end of the answer.
    pub timeout: Duration,
    /// Who may vouch for the system, PEM; unused with `http`.
    pub ca_pem: Vec<u8>,
}

/// Why there can be no hook.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HookError {
    /// Not an address, or one that would send people's words in the clear.
    #[error("the hook's address {url:?} is not https (http is for this machine only)")]
    Url {
        /// As given.
        url: String,
    },
    /// A secret that could be guessed.
    #[error("the hook's secret takes at least {SECRET_BYTES_MIN} bytes, {have} are there")]
    Secret {
        /// Bytes there are.
        have: usize,
    },
    /// Nobody to vouch for the system.
    #[error("there is no certificate among those that may vouch for the hook")]
    NoCertificate,
    /// A certificate that is none.
    #[error("a certificate that may vouch for the hook cannot be read: {0}")]
    Certificate(#[source] Box<ureq::Error>),
}

/// A [`Callee`] that asks one address.
pub struct Hook {
    url: Uri,
    key: hmac::Key,
    agent: Agent,
}

impl Hook {
    /// A hook that was looked at, but not called yet.
    pub fn new(options: &HookOptions) -> Result<Self, HookError> {
        let have = options.secret.len();
        if have < SECRET_BYTES_MIN {
            return Err(HookError::Secret { have });
        }
        let url = checked(&options.url)?;
        let agent = agent(&url, options.timeout, &options.ca_pem)?;
        Ok(Self {
            url,
            key: hmac::Key::new(hmac::HMAC_SHA256, &options.secret),
            agent,
        })
    }

    /// `t=SECONDS,v1=HEX`: HMAC-SHA256 of the seconds, a dot and the body.
    fn signature(&self, seconds: u64, body: &str) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(seconds.to_string().as_bytes());
        context.update(b".");
        context.update(body.as_bytes());
        let tag = context.sign();
        let hex: String = tag
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("t={seconds},v1={hex}")
    }
}

impl Callee for Hook {
    fn call(&self, call: &OpenCall) -> Result<CallVerdict, CallError> {
        let body = question::json(call);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let signature = self.signature(now.unwrap_or_default().as_secs(), &body);
        let request = self.agent.post(&self.url);
        let request = request.content_type("application/json");
        let sent = request.header(SIGNATURE_HEADER, signature).send(body);
        let mut response = sent.map_err(failed)?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(CallError::Status { status });
        }
        let answer = response.body_mut().with_config().limit(ANSWER_BYTES_MAX);
        answer::verdict(&answer.read_to_vec().map_err(failed)?)
    }
}

impl core::fmt::Debug for Hook {
    /// Without the secret.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self {
            url,
            key: _,
            agent: _,
        } = self;
        f.debug_struct("Hook")
            .field("url", url)
            .finish_non_exhaustive()
    }
}

fn failed(error: ureq::Error) -> CallError {
    match error {
        ureq::Error::Timeout(_) => CallError::TimedOut,
        ureq::Error::BodyExceedsLimit(_) => answer::garbage(),
        error => CallError::Unreachable(Box::new(error)),
    }
}

/// Whoever asks this address, within a time.
fn agent(url: &Uri, timeout: Duration, ca_pem: &[u8]) -> Result<Agent, HookError> {
    let config = Agent::config_builder()
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        // Whoever is asked answers; sending people's words on to others is not theirs to say.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None);
    let config = match url.scheme_str() {
        Some("https") => config.tls_config(tls(ca_pem)?),
        _ => config,
    };
    Ok(config.build().new_agent())
}

/// The address, if what is sent there cannot be read on the way.
fn checked(url: &str) -> Result<Uri, HookError> {
    let refused = || HookError::Url {
        url: url.to_owned(),
    };
    let uri: Uri = url.parse().map_err(|_| refused())?;
    let host = uri.host().ok_or_else(refused)?;
    let on_this_machine = || {
        let address = host.trim_start_matches('[').trim_end_matches(']');
        let address = address.parse::<IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    };
    match uri.scheme_str() {
        Some("https") => Ok(uri),
        Some("http") if on_this_machine() => Ok(uri),
        _ => Err(refused()),
    }
}

fn tls(ca_pem: &[u8]) -> Result<TlsConfig, HookError> {
    let mut roots = Vec::new();
    for item in ureq::tls::parse_pem(ca_pem) {
        let item = item.map_err(|error| HookError::Certificate(Box::new(error)))?;
        if let ureq::tls::PemItem::Certificate(certificate) = item {
            roots.push(Certificate::to_owned(&certificate));
        }
    }
    if roots.is_empty() {
        return Err(HookError::NoCertificate);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(provider)
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .build())
}
