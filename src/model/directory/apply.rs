//! What tenants and people of the first days are after an event. An event that does not fit changes
//! nothing.

use crate::model::event::{PeopleAddedV1, TenantCreatedV1};
use crate::model::state::{State, Tenant};
use crate::wire::{PersonId, TenantId};

use super::{Person, profile};

pub(crate) fn create_tenant(state: &mut State, created: &TenantCreatedV1) {
    let Ok(next) = u32::try_from(state.tenants.len() + 1) else {
        return;
    };
    if created.tenant != TenantId(next) {
        return;
    }
    state.tenants.push(Tenant::new(
        &created.name,
        &created.zone,
        created.verified_until,
        created.succession,
    ));
}

pub(crate) fn add_people(tenant: &mut Tenant, added: &PeopleAddedV1) {
    if added.first != PersonId(tenant.people.len() as u64 + 1) {
        return;
    }
    for new in &added.people {
        let person = Person::new(&new.name, new.kind, new.role);
        if let Some(index) = tenant.push_person(person) {
            profile::set(tenant, index, new.into());
        }
    }
}
