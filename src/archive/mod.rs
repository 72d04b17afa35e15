//! What auditors and operators use on a log that no process writes: verify, inspect, repair;
//! and what a server does with its log while it runs: [`tlog`] publishes it, [`pull`] hands it out, [`export`]
//! writes down a granted part, and an index makes it searchable.
//!
//! Reads with the log's own scan, so that "sound" here and "recovered" there mean the same
//! (invariant 8). Whoever opened the storage holds its lock: nothing changes underneath.

mod base;
pub mod export;
mod inspect;
mod offline;
pub mod pull;
mod repair;
#[cfg(feature = "search")]
pub mod search;
pub mod tlog;
pub(crate) mod trail;
mod verify;

pub use base::BaseError;
pub(crate) use base::state_before;
pub use inspect::{InspectError, Inspected, inspect, inspect_sealed};
pub use offline::{OfflineError, read_offline};
pub use repair::{Cause, Consent, Repair, RepairError, record_lost_keys, repair};
pub use verify::{Progress, Report, VerifyError, verify, verify_published};
