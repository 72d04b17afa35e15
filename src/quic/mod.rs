//! The server endpoint on the shard loop, and authentication.

mod arrivals;
pub mod auth;
mod cid;
mod close;
mod congestion;
mod endpoint;
mod link;
mod links;
mod options;
#[cfg(test)]
mod pair;
mod protocol;
mod registry;
mod requests;
mod server;
mod socket;
mod stats;
mod streams;
pub mod tls;
mod visit;
mod wheel;

pub use close::{ClientStream, CloseCode, CloseReason};
pub use options::{CheckToken, Limits, ServerOptions};
pub use registry::{Registry, SessionEntry};
pub use server::{Server, StartError, Stopped};
pub use stats::ShardStats;
