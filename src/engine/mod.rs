//! The sequencer, the log thread, and the path from commands to released effects.

#[cfg(feature = "server")]
pub use crate::quic::standin::{AttachedPerson, Busy, Engine, Fetch, FetchError, Item, Port};
