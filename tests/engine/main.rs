//! The engine as embedders use it: what is decided, kept, pulled, exported and given back.
#![allow(clippy::unwrap_used)] // A test that cannot go on says where.

mod admission;
mod announcements;
mod approvals;
mod attest;
mod audit;
mod audit_limits;
#[path = "../support/authority.rs"]
#[cfg(feature = "server")]
mod authority;
mod calls;
#[path = "../support/crash.rs"]
mod crashes;
mod custody;
mod denials;
mod encryption;
mod everything;
mod export;
mod faults;
#[path = "../support/gated.rs"]
mod gated;
mod history;
mod hook;
mod mass_send_customers;
mod path;
mod pull;
mod quota_exact;
mod quota_race;
#[path = "../support/quota_world/mod.rs"]
mod quota_world;
mod removal;
mod small_disk;
mod tlog;
#[path = "../support/town.rs"]
mod town;
#[path = "../support/witness.rs"]
#[cfg(feature = "server")]
mod witness;
