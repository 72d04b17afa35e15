//! The server endpoint on the shard loop, and authentication.

mod arrivals;
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
pub mod standin;
mod stats;
mod streams;
mod visit;
mod wheel;

pub use standin::auth;

pub use close::{ClientStream, CloseCode, CloseReason};
pub use options::{CheckToken, Limits, ServerOptions};
pub use registry::{Registry, SessionEntry};
pub use server::{Server, StartError, Stopped};
pub use stats::ShardStats;
