//! Log lines on standard error.

use std::io::{IsTerminal, stderr};

use throng::config::{LogFormat, Logging};
use tracing_subscriber::EnvFilter;

/// Starts logging, for the rest of the process's life.
pub(super) fn start(logging: &Logging) {
    let filter = EnvFilter::try_new(&logging.level).expect("checked with the configuration");
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal());
    match logging.format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}
