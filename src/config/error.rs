//! Why a configuration is not used. Each error is one line that says what to change.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a configuration is refused. Nothing has been started by then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file is missing or not ours to read.
    #[error("cannot read the configuration {}: {source}", .path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Not TOML, a key that no knob has, or a value of the wrong kind.
    #[error("{} line {line}: {message}; `throng config print` shows every key", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Where in it, from 1.
        line: usize,
        /// What is wrong and what was expected.
        message: String,
    },
    /// A variable that looks like a knob and is none.
    #[error("the environment sets {name}, which no knob has; unset it or correct its name")]
    UnknownVariable {
        /// The variable.
        name: String,
    },
    /// A value from the environment or a flag that cannot be read.
    #[error("{origin} is `{text}`: {reason}")]
    Value {
        /// The variable or the flag.
        origin: String,
        /// What it was set to.
        text: String,
        /// What was expected.
        reason: String,
    },
    /// A value outside its knob's range.
    #[error("{knob} is {value}; set it to {min} to {max}")]
    OutsideRange {
        /// Which knob.
        knob: String,
        /// What it was set to.
        value: String,
        /// The least.
        min: &'static str,
        /// The most.
        max: &'static str,
    },
    /// The HTTP port would be open to other machines.
    #[error(
        "http.listen is {listen}, which other machines reach and nobody is asked who they are; \
         use a loopback address or set http.allow_remote = true"
    )]
    RemoteHttp {
        /// Where it would listen.
        listen: SocketAddr,
    },
    /// Being verified would make a tenant's groups smaller.
    #[error(
        "model.external_members_max_unverified is {unverified}, more than \
         model.external_members_max, {verified}; set it to {verified} or less"
    )]
    UnverifiedAbove {
        /// The cap of tenants that are not verified.
        unverified: u32,
        /// The cap of those that are.
        verified: u32,
    },
    /// Knobs of what this build has not.
    #[error(
        "search.* is set and this build does not search: build it with `--features search`, or leave \
         those knobs alone"
    )]
    NoSearch,
    /// A log filter that means nothing.
    #[error("logging.level is `{level}`: {reason}; use `info`, or `info,throng::quic=debug`")]
    Level {
        /// What it was set to.
        level: String,
        /// What is wrong with it.
        reason: String,
    },
}
