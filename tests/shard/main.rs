//! A shard core in a simulated world: no sockets, no clock of its own.
#![allow(clippy::unwrap_used)] // A test that cannot go on says where.

mod catch_up;
mod gateways;
mod group_states;
mod local;
mod membership;
mod model;
mod pressure;
mod sessions;
#[path = "../support/shard_world.rs"]
mod shard_world;
#[path = "../support/town.rs"]
mod town;
mod urgent;
