//! Version 3 and what is pulled lately: written only where there is some.

use super::v3::{self, TenantStateV3};
use crate::model::body::body;
use crate::model::pull;
use crate::model::state::Tenant;
use crate::wire::{TenantId, Timestamp};

body! {
    /// A whole state.
    StateV4 {
        clock: Timestamp,
        tenants: Vec<TenantStateV4>,
        work: Vec<TenantId>,
    }
}
body! {
    /// One tenant.
    TenantStateV4 {
        rest: TenantStateV3,
        pulls: pull::snapshot::PullsStateV1,
    }
}

pub(super) fn write_tenant(tenant: &Tenant, clock: Timestamp) -> TenantStateV4 {
    TenantStateV4 {
        rest: v3::write_tenant(tenant, clock),
        pulls: pull::snapshot::write(tenant, clock),
    }
}

pub(super) fn read_tenant(state: TenantStateV4) -> Result<Tenant, &'static str> {
    let TenantStateV4 { rest, pulls } = state;
    let mut tenant = v3::read_tenant(rest)?;
    pull::snapshot::read(&mut tenant, pulls)?;
    Ok(tenant)
}
