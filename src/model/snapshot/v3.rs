//! The state as it is written now: version 2 and what has come since.

use super::v2::{self, TenantStateV2};
use crate::model::body::body;
use crate::model::custody;
use crate::model::state::Tenant;
use crate::wire::{TenantId, Timestamp};

body! {
    /// A whole state.
    StateV3 {
        clock: Timestamp,
        tenants: Vec<TenantStateV3>,
        work: Vec<TenantId>,
    }
}
body! {
    /// One tenant.
    TenantStateV3 {
        rest: TenantStateV2,
        custody: custody::snapshot::CustodyStateV1,
    }
}

pub(super) fn write_tenant(tenant: &Tenant, clock: Timestamp) -> TenantStateV3 {
    TenantStateV3 {
        rest: v2::write_tenant(tenant, clock),
        custody: custody::snapshot::write(tenant),
    }
}

pub(super) fn read_tenant(state: TenantStateV3) -> Result<Tenant, &'static str> {
    let TenantStateV3 { rest, custody } = state;
    let mut tenant = v2::read_tenant(rest)?;
    custody::snapshot::read(&mut tenant, custody)?;
    Ok(tenant)
}
