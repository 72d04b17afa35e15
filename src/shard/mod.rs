//! Sessions as cursors into per-group rings: live delivery, catch-up and sync in one mechanism.
//!
//! A session owns no queue. Per group it holds how far it has got in the shard's ring; what is behind
//! the ring comes from the log, once for all who wait. [`Core`] is that and nothing else: no IO, no
//! threads, no clock. [`Local`] drives it for sessions of this process; the QUIC server drives it for
//! those of the network. Keeps invariant 4 (per delivery no allocation, no lock, no re-encoding),
//! invariant 5 (nothing here grows with a slow receiver) and invariant 6 (cost per *online* member).

mod config;
mod core;
pub mod local;

pub use config::Config;
pub use core::{AckedCursor, Core, Flushed, Memory, Sink};
pub use local::Local;
