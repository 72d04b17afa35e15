//! Exports against a naive reading of the same log (SPEC A7, P1, P2): what is in them, what is not, and
//! that they are whole or fail by name.

#![allow(clippy::unwrap_used)] // A test's own helpers may panic.

mod engine;
mod every_kind;
mod failing;
mod gone;
mod proofs;
mod resuming;
mod scopes;
mod small_disk;
pub(crate) mod world;
