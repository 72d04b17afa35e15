//! Whether tenants may be made, and people come and go.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use crate::model::command::{
    AddPeopleV1, CreateTenantV1, DoneV1, NewPersonV1, OrgRole, PeopleAddedV1, PersonKind, PersonV1,
    Reply, TenantCreatedV1,
};
use crate::model::decision::{Decision, Request};
use crate::model::event::{self, Event, LeftGroupV1};
use crate::model::group;
use crate::model::limits::{check_count, check_name};
use crate::model::permission::{self, Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::State;
use crate::wire::{PersonId, TenantId};

use super::EXTERNAL_ID_LEN_MAX;

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
    check_super_admins(request, &add.people)?;

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

fn check_super_admins(request: &Request<'_>, people: &[NewPersonV1]) -> Result<(), Refusal> {
    let is_new = |person: &&NewPersonV1| person.role == OrgRole::SuperAdmin;
    let new = people.iter().filter(is_new).count();
    if new == 0 {
        return Ok(());
    }
    let known = request.tenant.people.iter();
    let known = known.filter(|person| person.role == OrgRole::SuperAdmin && !person.has_departed());
    let limit = request.limits.super_admins_max;
    if known.count() + new > limit as usize {
        return Err(Refusal::TooManySuperAdmins { limit });
    }
    Ok(())
}

/// One event for all the leaver's groups, however many: they are gone from all at once (SPEC D7).
pub(crate) fn decide_depart(request: &Request<'_>, depart: &PersonV1) -> Result<Decision, Refusal> {
    request.permit(Operation::DepartPerson, Subject::Person(depart.person))?;
    let tenant = request.tenant;
    let leaver = tenant.active_person(depart.person)?;
    let memberships = tenant.person(leaver).memberships().iter();
    let groups = memberships.map(|membership| {
        let fate = group::fate_without(tenant, tenant.group(membership.group), &[leaver]);
        LeftGroupV1 {
            group: membership.group.id(),
            successor: fate.successor,
            status: fate.status,
        }
    });
    let groups: Vec<_> = groups.collect();
    let orphaned = groups.iter().filter_map(|left| {
        let index = tenant.find_group(left.group)?;
        let fate = group::Fate {
            successor: left.successor,
            status: left.status,
        };
        group::life::orphaned(tenant, index, &[leaver], fate)
    });
    let orphaned: Vec<_> = orphaned.collect();
    let event = Event::PersonDeparted(event::PersonDepartedV1 {
        person: depart.person,
        groups,
    });
    let mut decision = Decision::accepted(event, Reply::Done(DoneV1 {}));
    decision.events.extend(orphaned);
    Ok(decision)
}
