//! Whether tenants may be made, and people of whom nothing but the name is written come.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use crate::model::command::{
    AddPeopleV1, CreateTenantV1, NewPersonV1, OrgRole, PeopleAddedV1, PersonKind, Reply,
    TenantCreatedV1,
};
use crate::model::decision::{Decision, Request};
use crate::model::event::{self, Event};
use crate::model::limits::{check_count, check_name};
use crate::model::permission::{self, Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::State;
use crate::wire::{PersonId, TenantId};

use super::EXTERNAL_ID_LEN_MAX;
use super::role::check_super_admins;

pub(crate) fn decide_create_tenant(
    state: &State,
    actor: crate::model::command::Actor,
    create: &CreateTenantV1,
) -> Result<Decision, Refusal> {
    permission::check_node(actor, Operation::CreateTenant)?;
    check_name("name", &create.name)?;
    TimeZone::get(&create.zone).map_err(|_| Refusal::Invalid {
        field: "zone",
        rule: "an IANA time zone name, such as Asia/Shanghai",
    })?;
    let next = u32::try_from(state.tenants.len() + 1).expect("a tenant takes more than a byte");
    let tenant = TenantId(next);
    let event = Event::TenantCreated(event::TenantCreatedV1 {
        tenant,
        name: create.name.clone(),
        zone: create.zone.clone(),
        verified_until: create.verified_until,
        succession: create.succession,
    });
    let reply = Reply::TenantCreated(TenantCreatedV1 { tenant });
    Ok(Decision::accepted(event, reply))
}

pub(crate) fn decide_add_people(
    request: &Request<'_>,
    add: &AddPeopleV1,
) -> Result<Decision, Refusal> {
    request.permit(Operation::AddPeople, Subject::Tenant)?;
    let limit = request.limits.people_per_command_max;
    check_count("people", add.people.len(), limit)?;
    let mut seen = BTreeSet::new();
    for person in &add.people {
        check_person(person)?;
        let id = person.external_id.as_str();
        if !id.is_empty() && (request.tenant.external_ids.contains_key(id) || !seen.insert(id)) {
            return Err(Refusal::DuplicateExternalId);
        }
    }
    let roles = add.people.iter().map(|person| person.role);
    check_super_admins(request, roles, None)?;

    let first = PersonId(request.tenant.people.len() as u64 + 1);
    let event = Event::PeopleAdded(event::PeopleAddedV1 {
        first,
        people: add.people.clone(),
    });
    let people = (first.0..).take(add.people.len()).map(PersonId).collect();
    let reply = Reply::PeopleAdded(PeopleAddedV1 { people });
    Ok(Decision::accepted(event, reply))
}

fn check_person(person: &NewPersonV1) -> Result<(), Refusal> {
    check_name("name", &person.name)?;
    if person.external_id.len() > EXTERNAL_ID_LEN_MAX {
        return Err(Refusal::Invalid {
            field: "external_id",
            rule: "at most 64 bytes",
        });
    }
    if person.role == OrgRole::SuperAdmin && person.kind != PersonKind::Employee {
        return Err(Refusal::Invalid {
            field: "role",
            rule: "only an employee is a super admin",
        });
    }
    Ok(())
}
