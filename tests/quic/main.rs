//! A real server and real clients over QUIC on loopback.
#![cfg(all(feature = "server", feature = "client"))]
#![allow(clippy::unwrap_used)] // A test that cannot go on says where.

mod audit;
mod client;
mod client_gateway;
mod gateway;
mod hostile;
mod pull;
#[path = "../support/quic.rs"]
mod quic;
mod returning;
mod search;
mod server;
