//! The sequencer, the log thread, and the path from commands to released effects.

mod port_types;

pub use port_types::{AttachedPerson, Busy, Engine, Fetch, FetchError, Item, Port};
