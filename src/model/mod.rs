//! What an enterprise is, and what it allows: pure rules, no IO, no clock, no threads.
//!
//! `decide` reads state and a command and answers with events; `apply` turns events into state.
//! Keeps invariant 1 (`decide` is pure, `apply` is total, replay gives the same hash), invariant 9
//! (the tenant is the first part of every key) and invariant 10 (a quota is charged by the same
//! record as what it pays for).

pub mod command;
mod refusal;

pub use refusal::Refusal;

/// A person's reading in a group begins or ends. Placeholder; replaced by the projection's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MembershipDelta {
    /// Whose.
    pub tenant: crate::wire::TenantId,
    /// Which group.
    pub group: crate::wire::GroupId,
    /// Who.
    pub person: crate::wire::PersonId,
    /// Joined: may read from `at` on; left: up to before `at`.
    pub joined: bool,
    /// From which sequence.
    pub at: crate::wire::Sequence,
}
