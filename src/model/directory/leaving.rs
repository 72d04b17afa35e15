//! Leaving the company (SPEC D7, M6): one event for everything, however much it is.
//!
//! From its record on the leaver is in no group and no department, and a colleague, where one is
//! named, is in their place. The colleague joins at the very sequence at which the leaver leaves:
//! each group takes one, and is never without an owner.

use crate::model::command::{DepartPersonV2, DoneV1, GroupKind, PersonStatus, PersonV1, Reply};
use crate::model::decision::{Decision, Request};
use crate::model::department;
use crate::model::event::{self, Event, GroupStatus, LeftGroupV1, LeftGroupV2};
use crate::model::group::{self, Fate, training};
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::{GroupIndex, PersonIndex, Tenant};
use crate::wire::{GroupId, PersonId, Take};

use super::device::forget_devices;
use super::role::{check_not_last_super_admin, run_nothing};

/// Without a colleague in their place: by the tenant's succession.
pub(crate) fn decide_depart(request: &Request<'_>, depart: &PersonV1) -> Result<Decision, Refusal> {
    let leaver = leaver(request, depart.person)?;
    let tenant = request.tenant;
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
    let fates = groups
        .iter()
        .map(|left| (left.group, left.successor, left.status));
    let orphaned = orphaned(tenant, leaver, fates);
    let event = Event::PersonDeparted(event::PersonDepartedV1 {
        person: depart.person,
        groups,
    });
    Ok(departed(event, orphaned))
}

pub(crate) fn decide_depart_v2(
    request: &Request<'_>,
    depart: &DepartPersonV2,
) -> Result<Decision, Refusal> {
    let leaver = leaver(request, depart.person)?;
    let tenant = request.tenant;
    let colleague = match depart.successor {
        PersonId(0) => None,
        successor => Some(colleague(request, leaver, successor)?),
    };
    let inherits = colleague.filter(|_| tenant.contacts.count(leaver) > 0);
    if let Some(heir) = inherits {
        tenant.check_deals_with_contacts(heir)?;
    }

    let memberships = tenant.person(leaver).memberships().iter();
    let groups = memberships.map(|membership| {
        let index = membership.group;
        let heir = colleague.filter(|heir| takes_over(request, index, leaver, *heir));
        left_group(tenant, index, leaver, heir)
    });
    let groups: Vec<_> = groups.collect();
    let fates = groups
        .iter()
        .map(|left| (left.group, left.successor, left.status));
    let orphaned = orphaned(tenant, leaver, fates);
    let event = Event::PersonDepartedV2(event::PersonDepartedV2 {
        person: depart.person,
        contacts_to: inherits.map_or(PersonId(0), PersonIndex::id),
        groups,
    });
    Ok(departed(event, orphaned))
}

fn departed(event: Event, orphaned: Vec<Event>) -> Decision {
    let mut decision = Decision::accepted(event, Reply::Done(DoneV1 {}));
    decision.events.extend(orphaned);
    decision
}

/// The groups that are left without an employee: their members see them no more (SPEC M6).
fn orphaned(
    tenant: &Tenant,
    leaver: PersonIndex,
    fates: impl Iterator<Item = (GroupId, PersonId, GroupStatus)>,
) -> Vec<Event> {
    let orphaned = fates.filter_map(|(group, successor, status)| {
        let index = tenant.find_group(group)?;
        let fate = Fate { successor, status };
        group::life::orphaned(tenant, index, &[leaver], fate)
    });
    orphaned.collect()
}

fn leaver(request: &Request<'_>, person: PersonId) -> Result<PersonIndex, Refusal> {
    request.permit(Operation::DepartPerson, Subject::Person(person))?;
    let leaver = request.tenant.active_person(person)?;
    check_not_last_super_admin(request, leaver)?;
    Ok(leaver)
}

/// Who is to be in the leaver's place: another employee, who can use the account.
fn colleague(
    request: &Request<'_>,
    leaver: PersonIndex,
    successor: PersonId,
) -> Result<PersonIndex, Refusal> {
    let tenant = request.tenant;
    let colleague = tenant.active_employee(successor)?;
    tenant.usable_person(successor)?;
    if colleague == leaver {
        return Err(Refusal::Invalid {
            field: "successor",
            rule: "somebody who stays",
        });
    }
    if !tenant.is_employee(leaver) {
        // Contacts own nothing that a colleague could take over.
        let person = leaver.id();
        return Err(Refusal::NotAnEmployee { person });
    }
    Ok(colleague)
}

/// Whether the colleague is put in the leaver's place in a group; else succession decides (SPEC M6).
fn takes_over(
    request: &Request<'_>,
    index: GroupIndex,
    leaver: PersonIndex,
    colleague: PersonIndex,
) -> bool {
    let tenant = request.tenant;
    let group = tenant.group(index);
    // Who talked to the leaver alone does not find somebody else there.
    if group.owner != Some(leaver) || group.kind == GroupKind::Direct {
        return false;
    }
    if group.kind == GroupKind::External && !tenant.deals_with_contacts(colleague) {
        return false;
    }
    // The leaver's place is free; a group above its cap admits none (SPEC D1).
    let cap = group::cap(tenant, request.limits, group.kind, request.now);
    let is_member = tenant.person(colleague).membership(index).is_some();
    is_member || group.members.len() <= cap as usize
}

fn left_group(
    tenant: &Tenant,
    index: GroupIndex,
    leaver: PersonIndex,
    heir: Option<PersonIndex>,
) -> LeftGroupV2 {
    let group = tenant.group(index);
    let Some(heir) = heir else {
        let fate = group::fate_without(tenant, group, &[leaver]);
        return LeftGroupV2 {
            group: index.id(),
            successor: fate.successor,
            joined: false,
            status: fate.status,
        };
    };
    LeftGroupV2 {
        group: index.id(),
        successor: heir.id(),
        joined: tenant.person(heir).membership(index).is_none(),
        status: group.status,
    }
}

pub(crate) fn depart(
    tenant: &mut Tenant,
    departed: &event::PersonDepartedV1,
    takes: &mut Vec<Take>,
) {
    let Some(leaver) = end_employment(tenant, departed.person) else {
        return;
    };
    takes.reserve_exact(departed.groups.len());
    for left in &departed.groups {
        let fate = Fate {
            successor: left.successor,
            status: left.status,
        };
        takes.extend(group::leave(tenant, left.group, &[leaver.id()], fate));
    }
}

pub(crate) fn depart_v2(
    tenant: &mut Tenant,
    departed: &event::PersonDepartedV2,
    takes: &mut Vec<Take>,
) {
    let Some(leaver) = end_employment(tenant, departed.person) else {
        return;
    };
    takes.reserve_exact(departed.groups.len());
    for left in &departed.groups {
        takes.extend(group::leave_to(tenant, leaver, left));
    }
    if let Ok(heir) = tenant.active_employee(departed.contacts_to) {
        tenant.contacts.inherit(leaver, heir);
    }
}

/// All that has nothing to do with groups. Their contacts wait for an heir.
fn end_employment(tenant: &mut Tenant, person: PersonId) -> Option<PersonIndex> {
    let leaver = tenant.find_person(person)?;
    run_nothing(tenant, leaver);
    tenant.person_mut(leaver).status = PersonStatus::Departed;
    department::remove_person(tenant, leaver);
    training::let_out_of_all(tenant, leaver);
    tenant.activations.remove(&leaver);
    tenant.contacts.forget_hand_overs(leaver);
    forget_devices(tenant, leaver);
    Some(leaver)
}
