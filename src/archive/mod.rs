//! What auditors and operators use on a log that no process writes: verify, inspect, repair;
//! and what a server does with its log while it runs: [`tlog`] publishes it, [`pull`] hands it out.
//!
//! Reads with the log's own scan, so that "sound" here and "recovered" there mean the same
//! (invariant 8). Whoever opened the storage holds its lock: nothing changes underneath.

mod inspect;
pub mod pull;
mod repair;
pub mod tlog;
mod verify;

pub use inspect::{InspectError, Inspected, inspect, inspect_sealed};
pub use repair::{Repair, RepairError, repair};
pub use verify::{Progress, Report, VerifyError, verify};
