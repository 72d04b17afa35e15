//! Quotas (SPEC Q): a count per sender and calendar day, charged by the record it pays for (invariant 10).
//!
//! A window is computed once, when its first charge is decided, and stored; until it ends, a change
//! of zone rules or a clock that stepped back cannot open another. A freeze is apart from the count.

mod apply;
mod decide;
pub(crate) mod snapshot;
#[cfg(test)]
mod tests;
mod window;

pub(crate) use apply::{charge, freeze, release, set_limit};
pub(crate) use decide::{decide_release, decide_set_quota, mass_sends_of};
pub(crate) use window::{Window, day_of};

use crate::wire::Timestamp;

/// What one sender has used of one policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Account {
    pub(crate) window: Window,
    /// In that window.
    pub(crate) used: u32,
    pub(crate) frozen_since: Option<Timestamp>,
}

/// What one sender may still use at some time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Balance {
    pub(crate) window: Window,
    pub(crate) used: u32,
    pub(crate) limit: u32,
    pub(crate) frozen_since: Option<Timestamp>,
}
