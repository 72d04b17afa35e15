//! Recent denials as a snapshot has them.

use super::{Denials, Recorded};
use crate::model::body::body;
use crate::model::state::Tenant;
use crate::wire::{PersonId, Timestamp};

body! {
    /// What was denied lately, in the order it was recorded.
    DenialsStateV1 {
        recorded: Vec<DeniedStateV1>,
    }
}
body! {
    /// One denial.
    DeniedStateV1 {
        person: PersonId,
        operation: u16,
        until: Timestamp,
    }
}

pub(crate) fn write(tenant: &Tenant) -> DenialsStateV1 {
    // Destructured, so that a new field cannot be forgotten.
    let Denials { recorded } = &tenant.denials;
    let write_one = |denied: &Recorded| {
        let Recorded {
            person,
            operation,
            until,
        } = *denied;
        DeniedStateV1 {
            person,
            operation,
            until,
        }
    };
    DenialsStateV1 {
        recorded: recorded.iter().map(write_one).collect(),
    }
}

/// A denial names whoever asked, who need not be anybody the tenant knows.
pub(crate) fn read(tenant: &mut Tenant, state: DenialsStateV1) {
    let recorded = state.recorded.into_iter().map(|denied| Recorded {
        person: denied.person,
        operation: denied.operation,
        until: denied.until,
    });
    tenant.denials.recorded = recorded.collect();
}
