//! What an enterprise is, and what it allows: pure rules, no IO, no clock, no threads.
//!
//! `decide` reads state and a command and answers with events; `apply` turns events into state.
//! Keeps invariant 1 (`decide` is pure, `apply` is total, replay gives the same hash), invariant 9
//! (the tenant is the first part of every key) and invariant 10 (a quota is charged by the same
//! record as what it pays for).

pub mod command;
mod refusal;

pub use refusal::Refusal;
