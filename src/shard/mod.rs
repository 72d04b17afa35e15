//! Sessions as cursors into per-group rings: live delivery, catch-up and sync in one mechanism.

#[cfg(feature = "server")]
pub use crate::quic::standin::{Config, Core, Flushed, Sink};
