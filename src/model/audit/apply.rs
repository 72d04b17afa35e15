//! What was denied lately, after another denial.

use super::Recorded;
use super::event::OperationDeniedV1;
use crate::model::state::Tenant;
use crate::wire::Timestamp;

pub(crate) fn note(tenant: &mut Tenant, denied: &OperationDeniedV1, at: Timestamp) {
    let recorded = &mut tenant.denials.recorded;
    recorded.retain(|earlier| at < earlier.until);
    recorded.push(Recorded {
        person: denied.person,
        operation: denied.operation,
        until: denied.until,
    });
}
