//! A witness of the transparency log, asked over HTTPS (c2sp.org/tlog-witness).

use std::time::Duration;

use ureq::Agent;
use ureq::http::Uri;

use super::HookError;
use crate::archive::tlog::ANSWER_LEN_MAX;
use crate::engine::{AskError, Witness};

/// A [`Witness`] behind a submission prefix.
#[derive(Debug)]
pub struct WitnessAddress {
    url: Uri,
    agent: Agent,
    timeout: Duration,
}

impl WitnessAddress {
    /// The witness with this submission prefix, `https`, or `http` on this machine. `ca_pem` says who may vouch for
    /// it and is unused with `http`.
    pub fn new(prefix: &str, timeout: Duration, ca_pem: &[u8]) -> Result<Self, HookError> {
        let url = super::checked(&format!("{}/add-checkpoint", prefix.trim_end_matches('/')))?;
        let agent = super::agent(&url, timeout, ca_pem)?;
        Ok(Self {
            url,
            agent,
            timeout,
        })
    }

    fn failed(&self, error: ureq::Error) -> AskError {
        match error {
            ureq::Error::Timeout(_) => AskError::TimedOut {
                limit: self.timeout,
            },
            ureq::Error::BodyExceedsLimit(_) => AskError::TooLong {
                max: ANSWER_LEN_MAX,
            },
            error => AskError::Unreachable(Box::new(error)),
        }
    }
}

impl Witness for WitnessAddress {
    fn add_checkpoint(&self, body: &str) -> Result<(u16, Vec<u8>), AskError> {
        let request = self.agent.post(&self.url).content_type("text/plain");
        let mut response = request.send(body).map_err(|error| self.failed(error))?;
        let answer = response
            .body_mut()
            .with_config()
            .limit(ANSWER_LEN_MAX as u64);
        let answer = answer.read_to_vec().map_err(|error| self.failed(error))?;
        Ok((response.status().as_u16(), answer))
    }
}
