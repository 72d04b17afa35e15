//! Rows of a roster (SPEC D6): what each is to change, and all that follows from them, in one record.
//!
//! Each row succeeds or fails by itself. An empty column says nothing: what is written of a person
//! stays. So the same rows again change nothing, and a roster without a column loses nothing.

mod places;
mod row;

use crate::model::command::NewPersonV2;
use crate::model::command::{
    Column, OrgRole, PeopleSyncedV1, PersonKind, PersonRowV1, Reply, RowOutcome, RowOutcomeV1,
    RowReason, SyncPeopleV1,
};
use crate::model::decision::{Decision, Request};
use crate::model::directory;
use crate::model::directory::profile::Profile;
use crate::model::event::{Event, PeopleAddedV2, PersonMovedV1, ProfileSetV1};
use crate::model::limits::check_count;
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::{DepartmentIndex, PersonIndex};
use crate::wire::{DepartmentId, PersonId};

use self::places::{Place, Places};
use self::row::{Fault, Given, check_form};
use super::{Following, follow};

pub(crate) fn decide_sync(request: &Request<'_>, sync: &SyncPeopleV1) -> Result<Decision, Refusal> {
    request.permit(Operation::SyncPeople, Subject::Tenant)?;
    check_count("rows", sync.rows.len(), request.limits.sync_rows_max)?;
    let mut draft = Draft::new(request, sync.create_departments);
    let outcomes = sync.rows.iter().map(|row| draft.outcome(row)).collect();
    let events = draft.into_events()?;
    Ok(Decision::new(
        if sync.dry_run { Vec::new() } else { events },
        Ok(Reply::PeopleSynced(PeopleSyncedV1 { outcomes })),
    ))
}

/// The record that the rows make.
struct Draft<'a> {
    request: &'a Request<'a>,
    places: Places<'a>,
    given: Given<'a>,
    new: Vec<NewPersonV2>,
    /// Entries and departments of people there are.
    changes: Vec<Event>,
    following: Following,
}

impl<'a> Draft<'a> {
    fn new(request: &'a Request<'a>, create_departments: bool) -> Self {
        Self {
            request,
            places: Places::new(request.tenant, request.limits, create_departments),
            given: Given::default(),
            new: Vec::new(),
            changes: Vec::new(),
            following: Following::default(),
        }
    }

    fn outcome(&mut self, row: &'a PersonRowV1) -> RowOutcomeV1 {
        let (person, outcome, (column, reason)) = match self.take(row) {
            Ok((person, outcome)) => (person, outcome, (Column::None, RowReason::None)),
            Err(fault) => (PersonId(0), RowOutcome::Refused, fault),
        };
        RowOutcomeV1 {
            row: row.row,
            person,
            outcome,
            column,
            reason,
        }
    }

    /// Takes a row in; where it fails, nothing of it.
    fn take(&mut self, row: &'a PersonRowV1) -> Result<(PersonId, RowOutcome), Fault> {
        check_form(row)?;
        let found = self.given.find(self.request.tenant, row)?;
        let after = self.departments(row)?;
        self.given.note(row, found);
        Ok(match found {
            Some(index) => self.update(row, index, &after),
            None => self.create(row, &after),
        })
    }

    /// In order, each once. The last column that can fail: what it makes stays.
    fn departments(&mut self, row: &'a PersonRowV1) -> Result<Vec<Place>, Fault> {
        let fault = |reason| (Column::Department, reason);
        if row.departments.len() > self.request.limits.departments_per_person_max as usize {
            return Err(fault(RowReason::TooLong));
        }
        for path in &row.departments {
            self.places.check(path).map_err(fault)?;
        }
        let paths = row.departments.iter();
        let mut places: Vec<_> = paths.filter_map(|path| self.places.get(path)).collect();
        places.sort_unstable();
        places.dedup();
        Ok(places)
    }

    fn create(&mut self, row: &PersonRowV1, after: &[Place]) -> (PersonId, RowOutcome) {
        let known = self.request.tenant.people.len() as u64;
        let person = PersonId(known + self.new.len() as u64 + 1);
        self.new.push(NewPersonV2 {
            name: row.name.clone(),
            external_id: row.external_id.clone(),
            kind: PersonKind::Employee,
            role: OrgRole::Employee,
            employee_number: row.employee_number.clone(),
            mobile: row.mobile.clone(),
            email: row.email.clone(),
            position: row.position.clone(),
            departments: self.ids(after),
            invited: true,
        });
        let follow = follow(self.request.tenant, None, &[], &self.standing(after));
        self.following.note(person, None, &follow);
        (person, RowOutcome::Created)
    }

    fn update(
        &mut self,
        row: &PersonRowV1,
        index: PersonIndex,
        after: &[Place],
    ) -> (PersonId, RowOutcome) {
        let person = index.id();
        let changes = self.changes.len();
        let entry = entry_of(self.request, row, index);
        self.changes.extend(entry.map(Event::ProfileSet));
        let before = &self.request.tenant.person(index).departments;
        let here = before.iter().map(|index| Place::Known(*index));
        if !after.is_empty() && !here.eq(after.iter().copied()) {
            self.changes.push(Event::PersonMoved(PersonMovedV1 {
                person,
                departments: self.ids(after),
            }));
            let after = self.standing(after);
            let follow = follow(self.request.tenant, Some(index), before, &after);
            self.following.note(person, Some(index), &follow);
        }
        let outcome = if self.changes.len() > changes {
            RowOutcome::Updated
        } else {
            RowOutcome::Unchanged
        };
        (person, outcome)
    }

    /// In order of id.
    fn ids(&self, places: &[Place]) -> Vec<DepartmentId> {
        places.iter().map(|place| self.places.id(*place)).collect()
    }

    fn standing(&self, places: &[Place]) -> Vec<DepartmentIndex> {
        let places = places.iter();
        places
            .filter_map(|place| self.places.standing(*place))
            .collect()
    }

    /// In an order in which each event finds what it names.
    fn into_events(self) -> Result<Vec<Event>, Refusal> {
        let request = self.request;
        let mut events = self.places.into_events()?;
        if !self.new.is_empty() {
            let first = request.tenant.people.len() as u64 + 1;
            let count = self.new.len();
            events.push(Event::PeopleAddedV2(PeopleAddedV2 {
                first: PersonId(first),
                people: self.new,
            }));
            let invited: Vec<_> = (first..).take(count).map(PersonId).collect();
            events.extend(directory::issue(request, &invited));
        }
        events.extend(self.changes);
        self.following.append_to(request, &mut events)?;
        Ok(events)
    }
}

/// The person's whole entry with what the row says of it; none where that is so already.
fn entry_of(request: &Request<'_>, row: &PersonRowV1, index: PersonIndex) -> Option<ProfileSetV1> {
    let nothing = Profile::default();
    let person = request.tenant.person(index);
    let known = person.profile.as_deref().unwrap_or(&nothing);
    let says = |given: &str, known: &str| !given.is_empty() && given != known;
    let changes = says(&row.name, &person.name)
        || says(&row.external_id, &known.external_id)
        || says(&row.employee_number, &known.employee_number)
        || says(&row.mobile, &known.mobile)
        || says(&row.email, &known.email)
        || says(&row.position, &known.position);
    let or = |given: &str, known: &str| {
        let text = if given.is_empty() { known } else { given };
        text.to_owned()
    };
    changes.then(|| ProfileSetV1 {
        person: index.id(),
        name: row.name.clone(),
        external_id: or(&row.external_id, &known.external_id),
        employee_number: or(&row.employee_number, &known.employee_number),
        mobile: or(&row.mobile, &known.mobile),
        email: or(&row.email, &known.email),
        position: or(&row.position, &known.position),
    })
}
