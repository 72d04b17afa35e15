//! The `throng` command as operators run it: a process, its output and its exit code.
#![allow(clippy::unwrap_used)] // A test that cannot go on says where.

mod audit;
#[path = "../support/authority.rs"]
mod authority;
#[path = "../support/command.rs"]
mod command;
mod config;
mod custody;
mod encryption;
mod export;
mod pull;
mod restore;
mod search;
mod secrets;
mod serve;
mod start_errors;
mod tlog_attested;
mod tlog_interop;
#[path = "../support/town.rs"]
mod town;
#[path = "../support/witness.rs"]
mod witness;
