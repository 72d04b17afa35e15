//! Throng: a delivery core for enterprise group chat.
//!
//! It decides what an enterprise allows, makes every decision durable before anyone sees it, and
//! fans messages out to groups of thousands. This is the map of the house; imports run downwards.
//!
//! | module | what lives there |
//! |---|---|
//! | [`admin`] | the local HTTP port: metrics and health |
//! | [`hook`] | outward calls over HTTPS |
//! | [`config`] | every knob: default, unit, range, cost |
//! | [`quic`] | the server endpoint on the shards' loops, authentication |
//! | [`client`] | the client library |
//! | [`shard`] | sessions as cursors into per-group rings; sessions inside the process |
//! | [`engine`] | the sequencer, the path from commands to released effects, the embedding API |
//! | [`archive`] | what auditors use: verify, inspect, repair, the transparency log |
//! | [`roster`] | files of people, groups and history, in and out |
//! | [`model`] | what an enterprise is and allows: pure rules |
//! | [`log`](mod@log) | the segmented log that everything is recovered from |
//! | [`picture`] | join codes as QR codes |
//! | [`wire`] | bytes: header, envelope, frames |
//!
//! To embed it, begin with [`engine::Engine`] and [`shard::Local`]; `examples/embed.rs` is a whole
//! program. `docs/architecture.md` walks one message through all of it.

// Unit tests share test doubles with those in tests/, which know this crate by its name.
#[cfg(test)]
extern crate self as throng;

#[cfg(feature = "server")]
pub mod admin;
pub mod archive;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "server")]
pub mod config;
pub mod engine;
#[cfg(feature = "server")]
pub mod hook;
pub mod log;
pub mod model;
#[cfg(feature = "picture")]
pub mod picture;
#[cfg(feature = "server")]
pub mod quic;
pub mod roster;
pub mod shard;
pub mod wire;
