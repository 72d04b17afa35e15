//! Every knob: default, unit, range, cost.
//!
//! A knob is written down once, in `knobs`; its field, its documentation, its default, the range
//! it is checked against, its environment variable, its flag and its lines of `throng config print`
//! all come from there. Flags win over the environment, that over the file, that over defaults
//! (SPEC O6); what no knob is called is refused.

mod cipher;
mod error;
mod knobs;
mod layers;
mod log_format;
mod print;
mod section;
mod units;

pub use cipher::{CipherName, TenantCiphers, TenantCiphersError};
pub use error::ConfigError;
pub use knobs::{
    Auth, Config, Encryption, Engine, Hook, Http, Limits, Log, Logging, Model, Server, Shard, Tlog,
    Tls,
};
pub use layers::{Flag, load, unknown_variables};
pub use log_format::LogFormat;
pub use print::documented_defaults;
pub use section::Knob;
pub use units::{ByteSize, TimeSpan, UnitError};

#[cfg(test)]
mod tests;
