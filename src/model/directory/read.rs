//! The directory as it is read: who is listed to whom with which departments (SPEC D2), and who sees
//! a mobile (SPEC D3).

use crate::model::command::{Actor, ListPeopleV1, PeoplePageV1, PersonEntryV1, PersonV1, Reply};
use crate::model::decision::Request;
use crate::model::department::Sight;
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::{DepartmentIndex, PersonIndex, Tenant};
use crate::wire::PersonId;

/// Entries of a page, at most.
pub(crate) const PAGE_MAX: usize = 1_000;

/// Employees looked at for a page, at most, once it has an entry to go on after.
const LOOKED_AT_MAX: usize = 10_000;

/// Who reads.
enum Reader<'a> {
    /// The enterprise's systems and super admins: everybody, departed and contacts too.
    Management,
    /// An employee: the colleagues there are, but not those of departments hidden from them alone.
    Employee(PersonIndex, Sight<'a>),
}

impl<'a> Reader<'a> {
    fn of(request: &Request<'a>) -> Result<Self, Refusal> {
        let Actor::Person { person, .. } = request.actor else {
            return Ok(Self::Management);
        };
        let index = request.tenant.usable_person(person)?;
        if request.tenant.is_super_admin(index) {
            return Ok(Self::Management);
        }
        Ok(Self::Employee(index, Sight::of(request.tenant, index)))
    }

    /// Whether the colleague is listed: who is in no department is hidden from nobody.
    fn sees(&mut self, tenant: &Tenant, index: PersonIndex) -> bool {
        let Self::Employee(reader, sight) = self else {
            return true;
        };
        let departments = &tenant.person(index).departments;
        let mut seen = departments.iter().map(|department| sight.sees(*department));
        *reader == index || departments.is_empty() || seen.any(|seen| seen)
    }

    fn sees_department(&mut self, reads: PersonIndex, department: DepartmentIndex) -> bool {
        match self {
            Self::Management => true,
            Self::Employee(reader, sight) => *reader == reads || sight.sees(department),
        }
    }

    /// Whether a mobile is within what the reader sees: their own, those of the departments they
    /// see, and those of their own contacts.
    fn sees_mobile(&mut self, tenant: &Tenant, index: PersonIndex) -> bool {
        let Self::Employee(reader, sight) = self else {
            return true;
        };
        let mut departments = tenant.person(index).departments.iter();
        *reader == index
            || departments.any(|department| sight.sees(*department))
            || tenant.contacts.belongs_to(index, *reader)
    }
}

pub(crate) fn list_people(request: &Request<'_>, list: &ListPeopleV1) -> Result<Reply, Refusal> {
    request.permit(Operation::ReadDirectory, Subject::Tenant)?;
    let tenant = request.tenant;
    let mut reader = Reader::of(request)?;
    let page = PAGE_MAX.min(list.limit as usize);
    let (people, more) = match reader {
        Reader::Management => {
            let last = tenant.people.len() as u64;
            let ids = (list.after.0.min(last) + 1..=last).map(PersonId);
            let people = ids.filter_map(|id| tenant.find_person(id));
            page_of(people, page)
        }
        Reader::Employee(..) => colleagues(tenant, &mut reader, list.after, page),
    };
    let entries = people.into_iter();
    let entries = entries.map(|index| entry(tenant, &mut reader, index));
    Ok(Reply::People(PeoplePageV1 {
        people: entries.collect(),
        more,
    }))
}

/// The first `page` of those an employee sees, and whether there may be more.
fn colleagues(
    tenant: &Tenant,
    reader: &mut Reader<'_>,
    after: PersonId,
    page: usize,
) -> (Vec<PersonIndex>, bool) {
    let employees = &tenant.employees;
    let start = employees.partition_point(|employee| employee.id() <= after);
    let mut listed = Vec::new();
    for (looked_at, employee) in employees[start..].iter().enumerate() {
        if looked_at >= LOOKED_AT_MAX && !listed.is_empty() {
            return (listed, true);
        }
        if tenant.person(*employee).has_departed() || !reader.sees(tenant, *employee) {
            continue;
        }
        if listed.len() >= page {
            return (listed, true);
        }
        listed.push(*employee);
    }
    (listed, false)
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
    let mut reader = Reader::of(request)?;
    let is_listed = match reader {
        Reader::Management => true,
        Reader::Employee(own, _) => {
            let is_colleague = tenant.is_employee(index) && !tenant.person(index).has_departed();
            own == index
                || is_colleague && reader.sees(tenant, index)
                || tenant.contacts.belongs_to(index, own)
        }
    };
    if !is_listed {
        return Err(no_such_person);
    }
    Ok(Reply::Person(entry(tenant, &mut reader, index)))
}

fn entry(tenant: &Tenant, reader: &mut Reader<'_>, index: PersonIndex) -> PersonEntryV1 {
    let person = tenant.person(index);
    let profile = person.profile.as_deref();
    let text = |part: Option<&str>| part.unwrap_or_default().to_owned();
    let mobile = profile.map(|profile| &*profile.mobile);
    let mobile = mobile.filter(|mobile| !mobile.is_empty() && reader.sees_mobile(tenant, index));
    let departments = person.departments.iter();
    let departments = departments.filter(|it| reader.sees_department(index, **it));
    let departments = departments.map(|it| tenant.departments.path(*it)).collect();
    PersonEntryV1 {
        person: index.id(),
        name: person.name.to_string(),
        external_id: text(profile.map(|it| &*it.external_id)),
        employee_number: text(profile.map(|it| &*it.employee_number)),
        mobile: text(mobile),
        email: text(profile.map(|it| &*it.email)),
        position: text(profile.map(|it| &*it.position)),
        departments,
        kind: person.kind,
        role: person.role,
        status: person.status,
    }
}
