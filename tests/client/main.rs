//! The client library without a network.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used)] // A test that cannot go on says where.

mod gateway;
mod session;
