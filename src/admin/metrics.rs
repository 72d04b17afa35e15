//! Where the `metrics` crate's counters, gauges and histograms are collected, and their text.

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

/// Histograms of time, in seconds: from a shard's turn to a struggling disk.
const SECONDS_BUCKETS: [f64; 14] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0,
    5.0,
];

/// The process's metrics. Clones are handles to the same.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

impl Metrics {
    /// Collects everything counted from now on, process-wide.
    ///
    /// # Errors
    /// When something else in this process collects them already.
    pub fn install() -> Result<Self, BuildError> {
        let builder = PrometheusBuilder::new().set_buckets(&SECONDS_BUCKETS)?;
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(BuildError::FailedToSetGlobalRecorder)?;
        Ok(Self { handle })
    }

    /// The Prometheus text exposition format, version 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Folds what histograms have gathered into their buckets. Between scrapes they grow until this
    /// is called (invariant 5).
    pub fn fold(&self) {
        self.handle.run_upkeep();
    }
}
