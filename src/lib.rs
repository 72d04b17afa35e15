//! Throng: a delivery core for enterprise group chat.

#[cfg(feature = "server")]
pub mod admin;
pub mod archive;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "server")]
pub mod config;
pub mod engine;
pub mod log;
pub mod model;
#[cfg(feature = "server")]
pub mod quic;
pub mod shard;
pub mod wire;
