//! What people on a gateway are sent through it, from the core's calls to a naive client.

mod bounds;
mod client;
mod model;
mod order;
#[path = "../shard_world/mod.rs"]
mod shard_world;
mod viewers;
