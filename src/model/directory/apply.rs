//! What tenants and people are after an event. An event that does not fit changes nothing.

use crate::model::command::PersonStatus;
use crate::model::event::{PeopleAddedV1, PersonDepartedV1, TenantCreatedV1};
use crate::model::group::{Fate, leave, training};
use crate::model::state::{State, Tenant};
use crate::wire::{PersonId, Take, TenantId};

use super::Person;

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
        tenant.people.push(person);
        let id = PersonId(tenant.people.len() as u64);
        if let Some(index) = tenant
            .find_person(id)
            .filter(|_| !new.external_id.is_empty())
        {
            let external_id = new.external_id.as_str().into();
            tenant.external_ids.entry(external_id).or_insert(index);
        }
    }
}

pub(crate) fn depart(tenant: &mut Tenant, departed: &PersonDepartedV1, takes: &mut Vec<Take>) {
    let Some(leaver) = tenant.find_person(departed.person) else {
        return;
    };
    tenant.person_mut(leaver).status = PersonStatus::Departed;
    training::let_out_of_all(tenant, leaver);
    takes.reserve_exact(departed.groups.len());
    for left in &departed.groups {
        let fate = Fate {
            successor: left.successor,
            status: left.status,
        };
        takes.extend(leave(tenant, left.group, &[departed.person], fate));
    }
}
