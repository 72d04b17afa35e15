//! What people on a gateway are sent through it, from the core's calls to a naive client.

mod bounds;
mod client;
mod model;
mod order;
mod viewers;
