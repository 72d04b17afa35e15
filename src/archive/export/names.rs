//! What people and groups are called as of a record: the directory, as far as mail needs it.
//!
//! Costs about a hundred bytes a person and a group of one tenant, which the engine has in memory
//! many times over.

use std::collections::HashMap;

use crate::model::event::Event;
use crate::wire::{GroupId, PersonId};

/// Names of one tenant, so far.
#[derive(Default)]
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
