//! People as a snapshot has them, without memberships, which are written with their groups.

use crate::model::body::body;
use crate::model::command::{OrgRole, PersonKind, PersonStatus};
use crate::model::state::Tenant;
use crate::wire::PersonId;

use super::Person;

body! {
    /// People by id, and the names backends have for them.
    DirectoryStateV1 {
        people: Vec<PersonStateV2>,
        external_ids: Vec<ExternalIdV1>,
    }
}
body! {
    /// One person. Their departments are written with those.
    PersonStateV2 {
        name: String,
        kind: PersonKind,
        role: OrgRole,
        status: PersonStatus,
    }
}
body! {
    /// A backend's own id of a person.
    ExternalIdV1 {
        external_id: String,
        person: PersonId,
    }
}

pub(crate) fn write(tenant: &Tenant) -> DirectoryStateV1 {
    let external_ids = tenant.external_ids.iter().map(|(id, person)| ExternalIdV1 {
        external_id: id.to_string(),
        person: person.id(),
    });
    DirectoryStateV1 {
        people: tenant.people.iter().map(write_person).collect(),
        external_ids: external_ids.collect(),
    }
}

fn write_person(person: &Person) -> PersonStateV2 {
    // Destructured, so that a new field cannot be forgotten.
    let Person {
        name,
        kind,
        role,
        status,
        departments: _,
        memberships: _,
    } = person;
    PersonStateV2 {
        name: name.to_string(),
        kind: *kind,
        role: *role,
        status: *status,
    }
}

pub(crate) fn read(tenant: &mut Tenant, state: DirectoryStateV1) -> Result<(), &'static str> {
    for person in state.people {
        let mut known = Person::new(&person.name, person.kind, person.role);
        known.status = person.status;
        tenant.people.push(known);
    }
    for entry in state.external_ids {
        let person = tenant.find_person(entry.person).ok_or("an external id")?;
        tenant.external_ids.insert(entry.external_id.into(), person);
    }
    Ok(())
}
