//! Messages (SPEC S1, S3): who may publish where, and retries told from news.

mod apply;
pub(crate) mod command;
mod decide;
mod deletion;
pub(crate) mod event;
mod idempotency;
pub(crate) mod snapshot;
#[cfg(test)]
mod tests;

pub(crate) use apply::{publish, remember, take_place};
pub(crate) use decide::{check_target, decide_publish};
pub(crate) use deletion::{decide_delete, delete};
pub(crate) use idempotency::{Key, Original, Remembered};
