//! Words of the archive, found by those entitled.
#![cfg(feature = "search")]
#![allow(clippy::unwrap_used)] // A test that cannot go on says where.

mod archive;
mod asked;
#[cfg(all(feature = "server", feature = "client", feature = "picture"))]
#[path = "../support/command.rs"]
mod command;
mod damage;
#[cfg(all(feature = "server", feature = "client"))]
mod over_quic;
#[cfg(all(feature = "server", feature = "client"))]
#[path = "../support/quic.rs"]
mod quic;
#[path = "../support/searched.rs"]
mod searched;
#[cfg(all(feature = "server", feature = "client", feature = "picture"))]
mod served;
#[path = "../support/town.rs"]
mod town;
