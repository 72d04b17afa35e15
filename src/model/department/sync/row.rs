//! One row by itself: whether its columns have their form, and whom it is about.

use std::collections::BTreeSet;

use crate::model::command::{Column, PersonRowV1, RowReason};
use crate::model::directory::profile::{self, EMAIL_LEN_MAX, Profile};
use crate::model::directory::{EXTERNAL_ID_LEN_MAX, phone};
use crate::model::limits::{check_length, check_name};
use crate::model::state::{PersonIndex, Tenant};

/// Where and why a row is refused.
pub(super) type Fault = (Column, RowReason);

/// Whether every column but the departments has its form.
pub(super) fn check_form(row: &PersonRowV1) -> Result<(), Fault> {
    let too_long = |column, is_short: bool| match is_short {
        true => Ok(()),
        false => Err((column, RowReason::TooLong)),
    };
    let invalid = |column, is_right: bool| match is_right {
        true => Ok(()),
        false => Err((column, RowReason::InvalidValue)),
    };
    let is_short = |text: &str| check_length("text", text).is_ok();
    let is_id = row.external_id.len() <= EXTERNAL_ID_LEN_MAX;
    let (mobile, email) = (row.mobile.as_str(), row.email.as_str());
    too_long(Column::ExternalId, is_id)?;
    invalid(Column::Name, !row.name.is_empty())?;
    too_long(Column::Name, check_name("name", &row.name).is_ok())?;
    too_long(Column::EmployeeNumber, is_short(&row.employee_number))?;
    invalid(Column::Mobile, mobile.is_empty() || phone::is_e164(mobile))?;
    too_long(Column::Email, email.len() <= EMAIL_LEN_MAX)?;
    invalid(Column::Email, email.is_empty() || profile::is_email(email))?;
    too_long(Column::Position, is_short(&row.position))
}

/// What names a person, the strongest first.
fn names(row: &PersonRowV1) -> [(Column, &str); 3] {
    [
        (Column::ExternalId, &row.external_id),
        (Column::EmployeeNumber, &row.employee_number),
        (Column::Mobile, &row.mobile),
    ]
}

fn names_of(profile: &Profile) -> [&str; 3] {
    [
        &profile.external_id,
        &profile.employee_number,
        &profile.mobile,
    ]
}

/// Who the rows of one command are about, and what they were given.
#[derive(Default)]
pub(super) struct Given<'a> {
    people: BTreeSet<PersonIndex>,
    names: BTreeSet<(Column, &'a str)>,
}

impl<'a> Given<'a> {
    /// The person a row is about; none for a new one.
    ///
    /// The strongest of a row's names that somebody has tells. But it tells of somebody else where a
    /// stronger one differs; and a leaver's weaker name passes on to whoever is new by a stronger one.
    pub(super) fn find(
        &self,
        tenant: &Tenant,
        row: &'a PersonRowV1,
    ) -> Result<Option<PersonIndex>, Fault> {
        let nothing = Profile::default();
        let names = names(row);
        let mut found: Option<PersonIndex> = None;
        let mut is_strongest = true;
        for (at, (column, name)) in names.into_iter().enumerate() {
            if name.is_empty() {
                continue;
            }
            let duplicate = Err((column, RowReason::DuplicateInTenant));
            if self.names.contains(&(column, name)) {
                return duplicate;
            }
            let holder = holder(tenant, column, name).filter(|it| found != Some(*it));
            if let Some(holder) = holder {
                let person = tenant.person(holder);
                let profile = person.profile.as_deref().unwrap_or(&nothing);
                let differs = |(had, (_, given)): (&str, &(Column, &str))| {
                    !had.is_empty() && !given.is_empty() && had != *given
                };
                let stronger = names_of(profile).into_iter().zip(&names).take(at);
                let is_other = found.is_some() || stronger.into_iter().any(differs);
                match person.has_departed() {
                    true if is_strongest => return Err((column, RowReason::Departed)),
                    true => {}
                    false if is_other || !tenant.is_employee(holder) => return duplicate,
                    false if self.people.contains(&holder) => return duplicate,
                    false => found = Some(holder),
                }
            }
            is_strongest = false;
        }
        Ok(found)
    }

    /// Notes a row that is not refused.
    pub(super) fn note(&mut self, row: &'a PersonRowV1, person: Option<PersonIndex>) {
        self.people.extend(person);
        let named = names(row).into_iter();
        self.names
            .extend(named.filter(|(_, name)| !name.is_empty()));
    }
}

fn holder(tenant: &Tenant, column: Column, name: &str) -> Option<PersonIndex> {
    match column {
        Column::ExternalId => tenant.external_ids.get(name).copied(),
        Column::EmployeeNumber => profile::find_by_employee_number(tenant, name),
        _ => profile::find_by_mobile(tenant, name),
    }
}
