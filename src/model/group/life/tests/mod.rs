//! The rules of a group's life, one behaviour a test.

mod invitations;
mod settings;
mod speech;
mod statistics;
mod status;
mod visibility;

use crate::model::Refusal;

#[allow(clippy::needless_pass_by_value)] // Reads better at its call sites.
fn not_permitted<T>(result: Result<T, Refusal>) -> bool {
    matches!(result, Err(Refusal::NotPermitted { .. }))
}

#[allow(clippy::needless_pass_by_value)] // Reads better at its call sites.
fn invalid<T>(result: Result<T, Refusal>, of: &str) -> bool {
    matches!(result, Err(Refusal::Invalid { field, .. }) if field == of)
}
