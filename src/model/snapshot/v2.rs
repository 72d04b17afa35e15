//! The state as version 2 wrote it, which is the greater part of what is written now: one part an
//! aggregate, each in that aggregate's `snapshot` module.

use crate::model::body::body;
use crate::model::command::Succession;
use crate::model::state::Tenant;
use crate::model::{
    approval, audit, call, code, contact, department, directory, group, history, mass_send,
    message, quota,
};
use crate::wire::{TenantId, Timestamp};

body! {
    /// A whole state.
    StateV2 {
        clock: Timestamp,
        tenants: Vec<TenantStateV2>,
        work: Vec<TenantId>,
    }
}
body! {
    /// One tenant.
    TenantStateV2 {
        name: String,
        zone: String,
        verified_until: Timestamp,
        succession: Succession,
        requires_second_factor: bool,
        directory: directory::snapshot::DirectoryStateV1,
        contacts: contact::snapshot::ContactsStateV1,
        departments: department::snapshot::DepartmentsStateV1,
        groups: group::snapshot::GroupsStateV1,
        following: department::snapshot::FollowingStateV1,
        life: group::life::snapshot::LifeStateV1,
        remembered: message::snapshot::RememberedStateV1,
        quotas: quota::snapshot::QuotasStateV1,
        mass_sends: mass_send::snapshot::MassSendsStateV1,
        codes: code::snapshot::CodesStateV1,
        calls: call::snapshot::CallsStateV1,
        creation: group::creation::snapshot::CreationStateV1,
        approvals: approval::snapshot::ApprovalsStateV1,
        denials: audit::snapshot::DenialsStateV1,
        imports: history::snapshot::ImportsStateV1,
    }
}

pub(super) fn write_tenant(tenant: &Tenant, clock: Timestamp) -> TenantStateV2 {
    TenantStateV2 {
        name: tenant.name.to_string(),
        zone: tenant.zone_name.to_string(),
        verified_until: tenant.verified_until,
        succession: tenant.succession,
        requires_second_factor: tenant.requires_second_factor,
        directory: directory::snapshot::write(tenant),
        contacts: contact::snapshot::write(tenant),
        departments: department::snapshot::write(tenant),
        groups: group::snapshot::write(tenant),
        following: department::snapshot::write_following(tenant),
        life: group::life::snapshot::write(tenant),
        remembered: message::snapshot::write(tenant, clock),
        quotas: quota::snapshot::write(tenant, clock),
        mass_sends: mass_send::snapshot::write(tenant),
        codes: code::snapshot::write(tenant),
        calls: call::snapshot::write(tenant),
        creation: group::creation::snapshot::write(tenant, clock),
        approvals: approval::snapshot::write(tenant),
        denials: audit::snapshot::write(tenant),
        imports: history::snapshot::write(tenant),
    }
}

/// In an order in which each part finds what it names: people, departments, groups, the rest.
pub(super) fn read_tenant(state: TenantStateV2) -> Result<Tenant, &'static str> {
    let TenantStateV2 {
        name,
        zone,
        verified_until,
        succession,
        requires_second_factor,
        directory,
        contacts,
        departments,
        groups,
        following,
        life,
        remembered,
        quotas,
        mass_sends,
        codes,
        calls,
        creation,
        approvals,
        denials,
        imports,
    } = state;
    let mut tenant = Tenant::new(&name, &zone, verified_until, succession);
    tenant.requires_second_factor = requires_second_factor;
    directory::snapshot::read(&mut tenant, directory)?;
    contact::snapshot::read(&mut tenant, contacts)?;
    department::snapshot::read(&mut tenant, departments)?;
    group::snapshot::read(&mut tenant, groups)?;
    department::snapshot::read_following(&mut tenant, following)?;
    group::life::snapshot::read(&mut tenant, life)?;
    message::snapshot::read(&mut tenant, remembered)?;
    quota::snapshot::read(&mut tenant, quotas)?;
    mass_send::snapshot::read(&mut tenant, mass_sends)?;
    code::snapshot::read(&mut tenant, codes)?;
    call::snapshot::read(&mut tenant, calls)?;
    group::creation::snapshot::read(&mut tenant, creation)?;
    approval::snapshot::read(&mut tenant, approvals)?;
    audit::snapshot::read(&mut tenant, denials);
    history::snapshot::read(&mut tenant, imports)?;
    Ok(tenant)
}
