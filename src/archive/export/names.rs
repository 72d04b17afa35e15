//! What people and groups are called as of a record: the directory, as far as mail needs it.
//!
//! Costs about a hundred bytes a person and a group of one tenant, which the engine has in memory
//! many times over.

use std::collections::{HashMap, HashSet};

use super::{ExportError, Job};
use crate::archive::state_before;
use crate::log::ReadError;
use crate::model::event::Event;
use crate::wire::{GroupId, PersonId, RecordNumber};

/// What records that were removed have left of a tenant: as of the first record that there is.
#[derive(Default)]
pub(super) struct Base {
    pub(super) names: Names,
    /// Who had left the company.
    pub(super) departed: HashSet<PersonId>,
}

impl Base {
    /// Nothing, where the log begins with record 0; else it takes the memory of a state for a moment.
    pub(super) fn of(job: &Job<'_>, begin: u64) -> Result<Self, ExportError> {
        let mut base = Self::default();
        if begin == 0 {
            return Ok(base);
        }
        let (state, position) = state_before(job.reader)?;
        if position.0 != begin {
            let (record, begin) = (RecordNumber(begin), position);
            return Err(ReadError::Removed { record, begin }.into());
        }
        let Ok(tenant) = state.tenant(job.grant.tenant) else {
            return Ok(base);
        };
        for (id, person) in (1..).map(PersonId).zip(&tenant.people) {
            base.names.people.insert(id, person.name.clone());
            if person.has_departed() {
                base.departed.insert(id);
            }
        }
        for (id, group) in (1..).map(GroupId).zip(&tenant.groups) {
            base.names.groups.insert(id, group.name.clone());
        }
        Ok(base)
    }
}

/// Names of one tenant, so far.
#[derive(Clone, Default, Debug)]
pub(super) struct Names {
    people: HashMap<PersonId, Box<str>>,
    groups: HashMap<GroupId, Box<str>>,
}

impl Names {
    /// Takes notice of what a record says, before the record is written.
    pub(super) fn apply(&mut self, events: &[Event]) {
        for event in events {
            match event {
                Event::PeopleAdded(added) => {
                    let names = added.people.iter().map(|person| &person.name);
                    self.add(added.first, names);
                }
                Event::PeopleAddedV2(added) => {
                    let names = added.people.iter().map(|person| &person.name);
                    self.add(added.first, names);
                }
                Event::ProfileSet(set) => {
                    self.people.insert(set.person, set.name.as_str().into());
                }
                Event::GroupCreated(created) => self.call(created.group, &created.name),
                Event::GroupCreatedV2(created) => self.call(created.group, &created.name),
                Event::BatchGroupCreated(item) => {
                    self.call(item.created.group, &item.created.name);
                }
                Event::GroupRenamed(renamed) => self.call(renamed.group, &renamed.name),
                _ => {}
            }
        }
    }

    fn add<'a>(&mut self, first: PersonId, names: impl Iterator<Item = &'a String>) {
        for (index, name) in (0..).zip(names) {
            let person = PersonId(first.0.saturating_add(index));
            self.people.insert(person, name.as_str().into());
        }
    }

    fn call(&mut self, group: GroupId, name: &str) {
        self.groups.insert(group, name.into());
    }

    /// `None` for nobody, and for who is not known.
    pub(super) fn person(&self, person: PersonId) -> Option<&str> {
        self.people.get(&person).map(|name| &**name)
    }

    /// `None` where it is not known or has no name.
    pub(super) fn group(&self, group: GroupId) -> Option<&str> {
        let name = self.groups.get(&group)?;
        (!name.is_empty()).then_some(&**name)
    }
}
