//! A gateway's connection seen from outside: many people on one stream, and each message on it once.
#![cfg(all(feature = "server", feature = "client"))]
#![allow(clippy::unwrap_used)] // What cannot be set up fails its test.

mod people;
#[path = "../quic/mod.rs"]
mod quic;
#[allow(dead_code)] // The core's own tests use all of it.
#[path = "../shard_gateways/client.rs"]
mod table;
mod through;
mod viewers;
