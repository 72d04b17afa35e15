//! People with their entries: added, and written anew (SPEC D3).

use std::collections::BTreeSet;

use crate::model::command::{
    AddPeopleV2, DoneV1, NewPersonV2, OrgRole, PeopleAddedV1, PersonKind, PersonStatus, Reply,
    UpdatePersonV1,
};
use crate::model::decision::{Decision, Request};
use crate::model::department::{self, Following};
use crate::model::event::{self, Event};
use crate::model::limits::check_count;
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::{DepartmentIndex, Tenant};
use crate::wire::{DepartmentId, PersonId};

use super::profile::{self, Entry};
use super::role::check_super_admins;
use super::{Person, account};

pub(crate) fn decide_add_people_v2(
    request: &Request<'_>,
    add: &AddPeopleV2,
) -> Result<Decision, Refusal> {
    request.permit(Operation::AddPeople, Subject::Tenant)?;
    check_count("people", add.people.len(), request.limits.new_people_max)?;
    let mut seen = Seen::default();
    for person in &add.people {
        check_person(request.tenant, person)?;
        let entry = Entry::from(person);
        entry.check_free(request.tenant, None)?;
        seen.check_new(&entry)?;
    }
    let roles = add.people.iter().map(|person| person.role);
    check_super_admins(request, roles, None)?;

    let first = PersonId(request.tenant.people.len() as u64 + 1);
    let ids = (first.0..).map(PersonId);
    let invited = ids.clone().zip(&add.people);
    let invited = invited.filter(|(_, person)| person.invited);
    let invited: Vec<_> = invited.map(|(id, _)| id).collect();
    let mut events = vec![Event::PeopleAddedV2(event::PeopleAddedV2 {
        first,
        people: add.people.clone(),
    })];
    if !invited.is_empty() {
        events.extend(account::issue(request, &invited));
    }
    let people: Vec<_> = ids.take(add.people.len()).collect();
    let mut following = Following::default();
    for (id, new) in people.iter().zip(&add.people) {
        let departments = check_departments(request.tenant, &new.departments)?;
        let joins = department::follow(request.tenant, None, &[], &departments);
        following.note(*id, None, &joins);
    }
    following.append_to(request, &mut events)?;
    Ok(Decision::new(
        events,
        Ok(Reply::PeopleAdded(PeopleAddedV1 { people })),
    ))
}

/// Whether a new person is what they must be, apart from what others have.
pub(crate) fn check_person(tenant: &Tenant, person: &NewPersonV2) -> Result<(), Refusal> {
    Entry::from(person).check()?;
    let is_employee = person.kind == PersonKind::Employee;
    if person.role != OrgRole::Employee && !is_employee {
        return Err(Refusal::Invalid {
            field: "role",
            rule: "only an employee has a role in the enterprise",
        });
    }
    if person.role == OrgRole::DepartmentAdmin {
        return Err(Refusal::Invalid {
            field: "role",
            rule: "a department admin is appointed together with the departments",
        });
    }
    if !is_employee && (person.invited || !person.departments.is_empty()) {
        return Err(Refusal::Invalid {
            field: "kind",
            rule: "only an employee is invited and works in departments",
        });
    }
    check_departments(tenant, &person.departments)?;
    Ok(())
}

/// The departments in order of index: each is there, once.
pub(crate) fn check_departments(
    tenant: &Tenant,
    departments: &[DepartmentId],
) -> Result<Vec<DepartmentIndex>, Refusal> {
    let find = |department: &DepartmentId| {
        let found = tenant.departments.find(*department);
        let found = found.filter(|index| !tenant.departments.get(*index).removed);
        found.ok_or(Refusal::NoSuchDepartment {
            department: *department,
        })
    };
    let found = departments.iter().map(find);
    let mut found = found.collect::<Result<Vec<_>, _>>()?;
    found.sort_unstable();
    if found.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Refusal::Invalid {
            field: "departments",
            rule: "each department once",
        });
    }
    Ok(found)
}

/// What one command has given out already.
#[derive(Default)]
struct Seen<'a> {
    external_ids: BTreeSet<&'a str>,
    employee_numbers: BTreeSet<&'a str>,
    mobiles: BTreeSet<&'a str>,
}

impl<'a> Seen<'a> {
    fn check_new(&mut self, entry: &Entry<'a>) -> Result<(), Refusal> {
        let twice = |seen: &mut BTreeSet<&'a str>, text| !str::is_empty(text) && !seen.insert(text);
        if twice(&mut self.external_ids, entry.external_id) {
            return Err(Refusal::DuplicateExternalId);
        }
        if twice(&mut self.employee_numbers, entry.employee_number) {
            let field = "employee_number";
            return Err(Refusal::AlreadyInUse { field });
        }
        if twice(&mut self.mobiles, entry.mobile) {
            let field = "mobile";
            return Err(Refusal::AlreadyInUse { field });
        }
        Ok(())
    }
}

pub(crate) fn decide_update_person(
    request: &Request<'_>,
    update: &UpdatePersonV1,
) -> Result<Decision, Refusal> {
    let person = update.person;
    request.permit(Operation::UpdatePerson, Subject::Person(person))?;
    let index = request.tenant.active_person(person)?;
    let entry = Entry::from(update);
    entry.check()?;
    entry.check_free(request.tenant, Some(index))?;

    let event = Event::ProfileSet(event::ProfileSetV1 {
        person,
        name: update.name.clone(),
        external_id: update.external_id.clone(),
        employee_number: update.employee_number.clone(),
        mobile: update.mobile.clone(),
        email: update.email.clone(),
        position: update.position.clone(),
    });
    Ok(Decision::accepted(event, Reply::Done(DoneV1 {})))
}

pub(crate) fn add_people_v2(tenant: &mut Tenant, added: &event::PeopleAddedV2) {
    if added.first != PersonId(tenant.people.len() as u64 + 1) {
        return;
    }
    for new in &added.people {
        let mut person = Person::new(&new.name, new.kind, new.role);
        if new.invited {
            person.status = PersonStatus::Invited;
            person.activated = false;
        }
        if let Some(index) = tenant.push_person(person) {
            profile::set(tenant, index, new.into());
            department::enter(tenant, index, &new.departments);
        }
    }
}

pub(crate) fn set_profile(tenant: &mut Tenant, set: &event::ProfileSetV1) {
    if let Some(index) = tenant.find_person(set.person) {
        profile::set(tenant, index, set.into());
    }
}
