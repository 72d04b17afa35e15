//! What things cost, counted by an allocator that counts each thread apart.
#![allow(clippy::unwrap_used)] // A test that cannot go on says where.

mod client_gateway;
#[path = "../support/counting_allocator.rs"]
mod counting_allocator;
#[path = "../support/enterprise.rs"]
mod enterprise;
mod export;
mod gateway;
mod model;
mod shard;
#[path = "../support/shard_world.rs"]
mod shard_world;
