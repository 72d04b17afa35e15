//! A person's entry in the directory (SPEC D3): beyond the name what the enterprise writes of them.
//!
//! Backend's id, employee number and mobile each name one person of the tenant. A leaver keeps
//! theirs, so that re-running last year's roster finds who has left instead of hiring them again;
//! number and mobile pass to whoever is given them anew.

use std::collections::HashMap;

use crate::model::command::{NewPersonV1, NewPersonV2, UpdatePersonV1};
use crate::model::event::ProfileSetV1;
use crate::model::limits::{check_length, check_name};
use crate::model::refusal::Refusal;
use crate::model::state::{PersonIndex, Tenant};

use super::{EXTERNAL_ID_LEN_MAX, Person, phone};

/// Bytes an e-mail address may have (RFC 5321, 4.5.3.1.3, without the brackets).
pub(crate) const EMAIL_LEN_MAX: usize = 254;

/// What is written of a person; each is empty where nothing is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Profile {
    pub(crate) external_id: Box<str>,
    pub(crate) employee_number: Box<str>,
    /// E.164.
    pub(crate) mobile: Box<str>,
    pub(crate) email: Box<str>,
    pub(crate) position: Box<str>,
}

/// Who a text names. Nothing depends on the order of the table, whose keys are the enterprise's own:
/// so they are hashed with a secret, and looking one of 100,000 up costs a fifth of what a tree does.
pub(crate) type Holders = HashMap<Box<str>, PersonIndex>;

/// An entry as a command or an event says it.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a str,
    pub(crate) external_id: &'a str,
    pub(crate) employee_number: &'a str,
    pub(crate) mobile: &'a str,
    pub(crate) email: &'a str,
    pub(crate) position: &'a str,
}

macro_rules! entry_of {
    ($($body:ty),*) => {
        $(impl<'a> From<&'a $body> for Entry<'a> {
            fn from(body: &'a $body) -> Self {
                Self {
                    name: &body.name,
                    external_id: &body.external_id,
                    employee_number: &body.employee_number,
                    mobile: &body.mobile,
                    email: &body.email,
                    position: &body.position,
                }
            }
        })*
    };
}
entry_of!(NewPersonV2, UpdatePersonV1, ProfileSetV1);

impl<'a> From<&'a NewPersonV1> for Entry<'a> {
    fn from(new: &'a NewPersonV1) -> Self {
        Self {
            name: &new.name,
            external_id: &new.external_id,
            employee_number: "",
            mobile: "",
            email: "",
            position: "",
        }
    }
}

impl Entry<'_> {
    /// Whether each part is what it must be; whether it is free is another question.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        check_name("name", self.name)?;
        if self.external_id.len() > EXTERNAL_ID_LEN_MAX {
            return Err(Refusal::Invalid {
                field: "external_id",
                rule: "at most 64 bytes",
            });
        }
        check_length("employee_number", self.employee_number)?;
        check_length("position", self.position)?;
        if !self.mobile.is_empty() && !phone::is_e164(self.mobile) {
            return Err(Refusal::Invalid {
                field: "mobile",
                rule: "an E.164 number, such as +8613800138000",
            });
        }
        if !self.email.is_empty() && !is_email(self.email) {
            return Err(Refusal::Invalid {
                field: "email",
                rule: "an address, such as wang@example.com, of at most 254 bytes",
            });
        }
        Ok(())
    }

    /// Whether what names a person is free, or is `own` already.
    pub(crate) fn check_free(
        &self,
        tenant: &Tenant,
        own: Option<PersonIndex>,
    ) -> Result<(), Refusal> {
        let holder = tenant.external_ids.get(self.external_id).copied();
        if holder.is_some() && holder != own {
            return Err(Refusal::DuplicateExternalId);
        }
        let taken = |holder: Option<PersonIndex>| {
            holder.is_some_and(|it| Some(it) != own && !tenant.person(it).has_departed())
        };
        if taken(find_by_employee_number(tenant, self.employee_number)) {
            let field = "employee_number";
            return Err(Refusal::AlreadyInUse { field });
        }
        if taken(find_by_mobile(tenant, self.mobile)) {
            let field = "mobile";
            return Err(Refusal::AlreadyInUse { field });
        }
        Ok(())
    }
}

/// Whether `text` has the shape of an address. Only a message to it can tell whether it is one.
pub(crate) fn is_email(text: &str) -> bool {
    let unprintable = |c: char| c.is_whitespace() || c.is_control();
    text.len() <= EMAIL_LEN_MAX
        && !text.contains(unprintable)
        && text.split_once('@').is_some_and(|(local, host)| {
            !local.is_empty() && !host.is_empty() && !host.contains('@')
        })
}

/// Who has the employee number, or had it last.
pub(crate) fn find_by_employee_number(tenant: &Tenant, number: &str) -> Option<PersonIndex> {
    tenant.employee_numbers.get(number).copied()
}

/// Who has the mobile, or had it last.
pub(crate) fn find_by_mobile(tenant: &Tenant, mobile: &str) -> Option<PersonIndex> {
    tenant.mobiles.get(mobile).copied()
}

/// Writes the whole entry. What somebody else of the company has stays with them.
pub(crate) fn set(tenant: &mut Tenant, index: PersonIndex, entry: Entry<'_>) {
    let old = tenant.person_mut(index).profile.take().unwrap_or_default();
    release(&mut tenant.external_ids, &old.external_id, index);
    release(&mut tenant.employee_numbers, &old.employee_number, index);
    release(&mut tenant.mobiles, &old.mobile, index);
    let people = &tenant.people;
    claim(&mut tenant.external_ids, people, entry.external_id, index);
    claim(
        &mut tenant.employee_numbers,
        people,
        entry.employee_number,
        index,
    );
    claim(&mut tenant.mobiles, people, entry.mobile, index);
    let profile = Profile {
        external_id: entry.external_id.into(),
        employee_number: entry.employee_number.into(),
        mobile: entry.mobile.into(),
        email: entry.email.into(),
        position: entry.position.into(),
    };
    let person = tenant.person_mut(index);
    if *person.name != *entry.name {
        person.name = entry.name.into();
    }
    // Most of a tenant may be people of whom nothing is written.
    person.profile = (profile != Profile::default()).then(|| Box::new(profile));
}

/// Of somebody of whom only the name was known.
pub(crate) fn set_external_id(tenant: &mut Tenant, index: PersonIndex, external_id: &str) {
    let name = tenant.person(index).name.clone();
    let entry = Entry {
        name: &name,
        external_id,
        employee_number: "",
        mobile: "",
        email: "",
        position: "",
    };
    set(tenant, index, entry);
}

fn claim(holders: &mut Holders, people: &[Person], text: &str, index: PersonIndex) {
    if text.is_empty() {
        return;
    }
    let holder = holders.get(text);
    if holder.is_none_or(|holder| people[holder.of()].has_departed()) {
        holders.insert(text.into(), index);
    }
}

fn release(holders: &mut Holders, text: &str, index: PersonIndex) {
    if holders.get(text) == Some(&index) {
        holders.remove(text);
    }
}
