//! The local HTTP port: `/metrics` for Prometheus, `/healthz` and `/readyz` for whoever restarts
//! and routes, `/checkpoint` and `/tile/…` for auditors.
//!
//! It runs on a thread and a runtime of its own and only ever reads counters, so that whoever looks
//! never costs a delivery. What it shows comes through [`Vitals`].

mod metrics;
mod port;
mod published;

pub use self::metrics::Metrics;
pub use port::AdminPort;

/// What the HTTP port shows of a server. Called on the port's thread; must not block.
pub trait Vitals: Send + Sync + 'static {
    /// Whether traffic should be sent here now.
    fn readiness(&self) -> Readiness;

    /// Sets the gauges and counters that are read rather than counted; called before every scrape.
    fn record(&self);
}

/// Whether traffic should be sent here, and if not, why not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Readiness {
    /// The log is open and has not failed: what is published can be made durable.
    pub log: bool,
    /// Every shard runs.
    pub shards: bool,
    /// A stop was asked for: sessions are being served to their end, newcomers belong elsewhere.
    pub draining: bool,
}

impl Readiness {
    /// Log and shards stand, and nobody asked for a stop.
    #[must_use]
    pub fn is_ready(self) -> bool {
        self.log && self.shards && !self.draining
    }

    fn json(self) -> String {
        let Self {
            log,
            shards,
            draining,
        } = self;
        let ready = self.is_ready();
        format!(r#"{{"ready":{ready},"log":{log},"shards":{shards},"draining":{draining}}}"#)
    }
}
