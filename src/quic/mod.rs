//! The QUIC server: shards' loops driving quinn-proto, what frames mean, and authentication.
//!
//! [`Server`] starts a thread per shard. In it, `endpoint` turns: `socket` brings datagrams in batches,
//! `arrivals` hands them to connections, other shards or those who wait (`admission`), `visit` reads frames
//! and writes answers of a connection (`link`, `streams`; `gateway` where it carries many people),
//! `links` flushes the shard core's sessions
//! into packets, `wheel` says when to look again. `pulls` hands pages of the archive out
//! a part at a time, `protocol` is pure: it alone knows what frames mean.
//!
//! Keeps invariant 4 (per delivery no allocation, lock or re-encoding of ours), invariant 5 (bounded
//! queues, nobody blocks) and invariant 8 (bytes from outside are checked at the door; whatever is wrong
//! with them ends as a [`CloseReason`] or a refusal).

mod account;
mod address_tokens;
mod admission;
mod arrivals;
mod asked;
pub mod auth;
mod cid;
mod close;
mod congestion;
mod counted;
mod endpoint;
mod flush;
mod gateway;
#[cfg(all(test, feature = "client"))]
#[path = "../../tests/support/quic.rs"]
mod house;
mod latency;
mod link;
mod links;
mod options;
mod pace;
#[cfg(test)]
mod pair;
mod prefetch;
mod protocol;
mod pulls;
mod registry;
mod requests;
mod server;
mod sign_in;
mod slots;
mod socket;
mod stats;
mod streams;
pub mod tls;
mod visit;
mod waiting;
mod wheel;

pub use close::{ClientStream, CloseCode, CloseReason};
pub use latency::Latency;
pub use options::{CheckToken, Limits, ServerOptions};
pub use registry::{Registry, SessionEntry};
pub use server::{Server, StartError, Stopped};
pub use stats::ShardStats;
