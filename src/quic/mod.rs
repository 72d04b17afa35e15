//! The server endpoint on the shard loop, and authentication.

mod cid;
mod close;
mod congestion;
mod options;
mod protocol;
mod socket;
pub mod standin;
mod stats;
mod streams;
mod wheel;

pub use standin::auth;

pub use close::{ClientStream, CloseCode, CloseReason};
pub use options::{CheckToken, Limits, ServerOptions};
pub use stats::ShardStats;
