//! What auditors and operators use on a log that no process writes: verify, inspect, repair.
//!
//! Reads with the log's own scan, so that "sound" here and "recovered" there mean the same
//! (invariant 8). Whoever opened the storage holds its lock: nothing changes underneath.

mod inspect;
mod repair;
mod verify;

pub use inspect::{InspectError, Inspected, inspect, inspect_sealed};
pub use repair::{Repair, RepairError, repair};
pub use verify::{Progress, Report, VerifyError, verify};
