//! Messages (SPEC S1, S3): who may publish where, and retries told from news.

mod apply;
mod decide;
mod idempotency;
pub(crate) mod snapshot;
#[cfg(test)]
mod tests;

pub(crate) use apply::{publish, remember, take_place};
pub(crate) use decide::{check_target, decide_publish};
pub(crate) use idempotency::{Key, Original, Remembered};
