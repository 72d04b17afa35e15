//! The log and its transparency log over storage that crashes, tears, flips, lies and fills.
#![allow(clippy::unwrap_used)] // A test that cannot go on says where.

mod compaction;
mod crash;
mod crash_keys;
#[path = "../support/crash.rs"]
mod crashes;
mod damage;
mod directory;
mod encryption;
mod encryption_rules;
mod flips;
mod lost_keys;
mod removal;
mod removal_rules;
mod repair;
mod tampering;
mod tlog_audit;
mod tlog_crash;
mod tlog_life;
#[path = "../support/written.rs"]
mod written;
