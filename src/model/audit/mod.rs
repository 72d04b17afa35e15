//! The audit trail: who may read it, and that they did; and what was denied (SPEC P3): the first denial of a person and operation is a
//! record at once, repeats within a window are one count, so that nobody fills the disk by being refused.
//!
//! State holds only which denials were recorded lately, a bounded number; repeats are counted beside
//! the state, by whoever drives it, and logged by [`CountDenialsV1`](command::CountDenialsV1). A crash
//! loses a window's counts and no first denial.

mod apply;
pub(crate) mod command;
mod decide;
pub(crate) mod event;
mod read;
#[cfg(test)]
mod read_tests;
pub(crate) mod snapshot;
#[cfg(test)]
mod tests;

pub(crate) use apply::note;
pub(crate) use decide::{decide_count, record};
pub(crate) use read::decide_read;

use crate::model::permission::{Operation, Subject};
use crate::wire::{PersonId, TenantId, Timestamp};

/// A refusal of an operation, noted where it was decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Denial {
    pub(crate) operation: Operation,
    pub(crate) subject: Subject,
    /// The refusal's.
    pub(crate) code: u16,
}

/// A denied admin operation that is to be counted: it repeats one recorded lately, or too many others
/// were.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RepeatedDenial {
    /// Of which enterprise.
    pub tenant: TenantId,
    /// Who was denied; 0 for the enterprise's systems.
    pub person: PersonId,
    /// The number of the operation.
    pub operation: u16,
}

/// What was denied lately in a tenant.
#[derive(Default)]
pub(crate) struct Denials {
    /// In the order they were recorded; those that are over are dropped with the next record.
    recorded: Vec<Recorded>,
}

/// A denial that is in the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Recorded {
    person: PersonId,
    operation: u16,
    /// Until then the same is only counted.
    until: Timestamp,
}

impl Denials {
    /// Whether a denial is one for the log, where `max` may be there in a window.
    fn is_news(&self, person: PersonId, operation: u16, now: Timestamp, max: u32) -> bool {
        let lately = self.recorded.iter().filter(|denied| now < denied.until);
        let mut count = 0;
        for denied in lately {
            if (denied.person, denied.operation) == (person, operation) {
                return false;
            }
            count += 1;
        }
        count < max
    }
}
