//! What auditors and operators use on a log that no process writes: verify, inspect, repair;
//! and what a server keeps beside it while it runs: [`tlog`], which it publishes, and an index to search in.
//!
//! Reads with the log's own scan, so that "sound" here and "recovered" there mean the same
//! (invariant 8). Whoever opened the storage holds its lock: nothing changes underneath.

pub mod export;
mod inspect;
mod offline;
mod repair;
#[cfg(feature = "search")]
pub mod search;
pub mod tlog;
mod verify;

pub use inspect::{InspectError, Inspected, inspect, inspect_sealed};
pub use offline::{OfflineError, read_offline};
pub use repair::{Repair, RepairError, repair};
pub use verify::{Progress, Report, VerifyError, verify};
