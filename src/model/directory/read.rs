//! The directory as it is read (SPEC D3): who is listed to whom, and who sees a mobile.

use crate::model::command::{
    Actor, ListPeopleV1, OrgRole, PeoplePageV1, PersonEntryV1, PersonV1, Reply,
};
use crate::model::decision::Request;
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::{DepartmentIndex, PersonIndex, Tenant};
use crate::wire::PersonId;

/// Entries of a page, at most.
pub(crate) const PAGE_MAX: usize = 1_000;

/// Who reads.
#[derive(Clone, Copy)]
enum Reader {
    /// The enterprise's systems and super admins: everybody, departed and contacts too.
    Management,
    /// An employee: the colleagues there are.
    Employee(PersonIndex),
}

impl Reader {
    fn of(request: &Request<'_>) -> Result<Self, Refusal> {
        let Actor::Person { person, .. } = request.actor else {
            return Ok(Self::Management);
        };
        let index = request.tenant.usable_person(person)?;
        if request.tenant.is_super_admin(index) {
            return Ok(Self::Management);
        }
        Ok(Self::Employee(index))
    }

    /// Whether a mobile is within what the reader sees: their own, those of departments they work
    /// in or run, sub-departments included, and those of their own contacts.
    fn sees_mobile(self, tenant: &Tenant, index: PersonIndex) -> bool {
        let Self::Employee(reader) = self else {
            return true;
        };
        let departments = &tenant.departments;
        let works_above = |department: DepartmentIndex| {
            let own = &tenant.person(reader).departments;
            own.iter()
                .any(|own| departments.is_within(department, *own))
        };
        let is_admin = tenant.person(reader).role == OrgRole::DepartmentAdmin;
        let mut theirs = tenant.person(index).departments.iter();
        reader == index
            || theirs.any(|department| {
                works_above(*department) || is_admin && departments.is_run_by(*department, reader)
            })
            || tenant.contacts.belongs_to(index, reader)
    }
}

pub(crate) fn list_people(request: &Request<'_>, list: &ListPeopleV1) -> Result<Reply, Refusal> {
    request.permit(Operation::ReadDirectory, Subject::Tenant)?;
    let tenant = request.tenant;
    let reader = Reader::of(request)?;
    let page = PAGE_MAX.min(list.limit as usize);
    let (people, more) = match reader {
        Reader::Management => {
            let last = tenant.people.len() as u64;
            let ids = (list.after.0.min(last) + 1..=last).map(PersonId);
            let people = ids.filter_map(|id| tenant.find_person(id));
            page_of(people, page)
        }
        Reader::Employee(_) => {
            let start = tenant
                .employees
                .partition_point(|employee| employee.id() <= list.after);
            let employees = tenant.employees[start..].iter().copied();
            page_of(
                employees.filter(|it| !tenant.person(*it).has_departed()),
                page,
            )
        }
    };
    let entries = people.into_iter();
    Ok(Reply::People(PeoplePageV1 {
        people: entries.map(|index| entry(tenant, reader, index)).collect(),
        more,
    }))
}

/// The first `page`, and whether there are more.
fn page_of(people: impl Iterator<Item = PersonIndex>, page: usize) -> (Vec<PersonIndex>, bool) {
    let mut taken: Vec<_> = people.take(page + 1).collect();
    let more = taken.len() > page;
    taken.truncate(page);
    (taken, more)
}

pub(crate) fn get_person(request: &Request<'_>, get: &PersonV1) -> Result<Reply, Refusal> {
    let tenant = request.tenant;
    let is_oneself = matches!(request.actor, Actor::Person { person, .. } if person == get.person);
    if is_oneself {
        request.permit(Operation::ReadPerson, Subject::Person(get.person))?;
    } else {
        request.permit(Operation::ReadDirectory, Subject::Tenant)?;
    }
    let person = get.person;
    let no_such_person = Refusal::NoSuchPerson { person };
    let index = tenant.find_person(person).ok_or(no_such_person.clone())?;
    let reader = Reader::of(request)?;
    let is_listed = match reader {
        Reader::Management => true,
        Reader::Employee(own) => {
            let is_colleague = tenant.is_employee(index) && !tenant.person(index).has_departed();
            own == index || is_colleague || tenant.contacts.belongs_to(index, own)
        }
    };
    if !is_listed {
        return Err(no_such_person);
    }
    Ok(Reply::Person(entry(tenant, reader, index)))
}

fn entry(tenant: &Tenant, reader: Reader, index: PersonIndex) -> PersonEntryV1 {
    let person = tenant.person(index);
    let profile = person.profile.as_deref();
    let text = |part: Option<&str>| part.unwrap_or_default().to_owned();
    let mobile = profile.map(|profile| &*profile.mobile);
    let mobile = mobile.filter(|mobile| !mobile.is_empty() && reader.sees_mobile(tenant, index));
    let departments = person.departments.iter();
    PersonEntryV1 {
        person: index.id(),
        name: person.name.to_string(),
        external_id: text(profile.map(|it| &*it.external_id)),
        employee_number: text(profile.map(|it| &*it.employee_number)),
        mobile: text(mobile),
        email: text(profile.map(|it| &*it.email)),
        position: text(profile.map(|it| &*it.position)),
        departments: departments.map(|it| path(tenant, *it)).collect(),
        kind: person.kind,
        role: person.role,
        status: person.status,
    }
}

/// A department as people write it: from its root down, "总部/研发/平台".
fn path(tenant: &Tenant, department: DepartmentIndex) -> String {
    let upwards = tenant.departments.upwards(department);
    let names = upwards.map(|index| &*tenant.departments.get(index).name);
    let mut names: Vec<_> = names.collect();
    names.reverse();
    names.join("/")
}
