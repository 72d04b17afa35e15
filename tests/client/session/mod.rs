//! The client's protocol as a state machine, against a server that is a few lines of script.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used)] // A test that cannot go on says where.

mod deliveries;
mod requests;
mod scene;
