//! A gateway's connection seen from outside: many people on one stream, and each message on it once.
#![cfg(all(feature = "server", feature = "client"))]
#![allow(clippy::unwrap_used)] // What cannot be set up fails its test.

mod people;
#[allow(dead_code)] // The core's own tests use all of it.
#[path = "../../shard/gateways/client.rs"]
mod table;
mod through;
mod viewers;
