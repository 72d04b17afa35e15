//! Who is meant by a key of a file: people by external id, employee number and mobile.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::groups::People;
use super::person::Person;
use super::phone::{self, Region};

use crate::wire::PersonId;

/// People by their keys, filled from the directory's pages.
#[derive(Debug, Default)]
pub struct Index {
    region: Region,
    /// One map a kind of key, in the order they are tried; nobody where two people have the key.
    external_ids: HashMap<String, Option<PersonId>>,
    employee_numbers: HashMap<String, Option<PersonId>>,
    mobiles: HashMap<String, Option<PersonId>>,
}

impl Index {
    /// Nobody yet; mobiles without a country code are of `region`.
    #[must_use]
    pub fn new(region: Region) -> Self {
        Self {
            region,
            ..Self::default()
        }
    }

    /// Notes one person.
    pub fn add(&mut self, person: PersonId, entry: &Person) {
        note(&mut self.external_ids, &entry.external_id, person);
        note(&mut self.employee_numbers, &entry.employee_number, person);
        note(&mut self.mobiles, &entry.mobile, person);
    }
}

fn note(map: &mut HashMap<String, Option<PersonId>>, key: &str, person: PersonId) {
    if key.is_empty() {
        return;
    }
    match map.entry(key.to_owned()) {
        Entry::Vacant(vacant) => {
            vacant.insert(Some(person));
        }
        Entry::Occupied(mut taken) if *taken.get() != Some(person) => {
            taken.insert(None);
        }
        Entry::Occupied(_) => {}
    }
}

impl People for Index {
    /// By external id, else by employee number, else by mobile, as a row of people is found.
    fn find(&self, key: &str) -> Option<PersonId> {
        let known = self.external_ids.get(key);
        let known = known.or_else(|| self.employee_numbers.get(key));
        match known {
            Some(person) => *person,
            None => {
                let mobile = phone::normalise(key, self.region)?;
                self.mobiles.get(&mobile).copied().flatten()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(external_id: &str, employee_number: &str, mobile: &str) -> Person {
        Person {
            external_id: external_id.to_owned(),
            employee_number: employee_number.to_owned(),
            mobile: mobile.to_owned(),
            ..Person::default()
        }
    }

    #[test]
    fn a_key_finds_its_person_by_external_id_then_number_then_mobile() {
        let mut index = Index::new(Region::default());
        index.add(PersonId(1), &person("7", "A1", "+8613800138000"));
        index.add(PersonId(2), &person("", "7", ""));
        assert_eq!(index.find("7"), Some(PersonId(1)));
        assert_eq!(index.find("A1"), Some(PersonId(1)));
        assert_eq!(index.find("138 0013 8000"), Some(PersonId(1)));
        assert_eq!(index.find("nobody"), None);
    }

    #[test]
    fn a_key_of_two_people_finds_neither() {
        let mut index = Index::default();
        index.add(PersonId(1), &person("", "7", ""));
        index.add(PersonId(2), &person("", "7", ""));
        assert_eq!(index.find("7"), None);
    }
}
