//! Words of the archive, found by those entitled.
#![cfg(feature = "search")]
#![allow(clippy::unwrap_used)] // A test that cannot go on says where.

mod archive;
mod asked;
mod damage;
#[path = "../support/searched.rs"]
mod searched;
#[path = "../support/town.rs"]
mod town;
