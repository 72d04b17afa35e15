//! Whatever is asked in whatever order, contacts are whose a table of pairs says they are.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::model::Refusal;
use crate::model::command::{
    Actor, ConfirmHandOverV1, HandOverContactV1, Reply, TaggedCommand as T,
};
use crate::model::limits::Limits;
use crate::model::town::Town;
use crate::wire::PersonId;

const EMPLOYEES: u64 = 4;
const CONTACTS: u64 = 5;
const MAX: usize = 4;
const UNTAGGED_MAX: usize = 2;

#[derive(Clone, Debug)]
enum Step {
    Link(u64, u64, bool),
    Tag(u64, u64, bool),
    HandOver(u64, u64, u64, bool),
    Confirm(u64, u64, u64),
    Depart(u64, u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let employee = || 1..=EMPLOYEES;
    let contact = || EMPLOYEES + 1..=EMPLOYEES + CONTACTS;
    let step = prop_oneof![
        6 => (employee(), contact(), any::<bool>()).prop_map(|(e, c, t)| Step::Link(e, c, t)),
        3 => (employee(), contact(), any::<bool>()).prop_map(|(e, c, t)| Step::Tag(e, c, t)),
        4 => (contact(), employee(), employee(), any::<bool>())
            .prop_map(|(c, f, t, share)| Step::HandOver(c, f, t, share)),
        4 => (contact(), employee(), employee()).prop_map(|(c, f, t)| Step::Confirm(c, f, t)),
        1 => (employee(), 0..=EMPLOYEES).prop_map(|(e, s)| Step::Depart(e, s)),
    ];
    prop::collection::vec(step, 0..60)
}

/// The rules as one would explain them.
#[derive(Default)]
struct Naive {
    /// Whether each (employee, contact) has a tag.
    pairs: BTreeMap<(u64, u64), bool>,
    waiting: BTreeMap<(u64, u64), (u64, bool)>,
    departed: Vec<u64>,
}

impl Naive {
    fn count(&self, employee: u64) -> usize {
        self.pairs.keys().filter(|(e, _)| *e == employee).count()
    }

    fn has_room(&self, employee: u64, contact: u64, tagged: bool) -> bool {
        let max = if tagged { MAX } else { MAX.min(UNTAGGED_MAX) };
        self.pairs.contains_key(&(employee, contact)) || self.count(employee) < max
    }

    fn give(&mut self, employee: u64, contact: u64, tagged: bool) {
        self.pairs.entry((employee, contact)).or_insert(tagged);
    }

    fn step(&mut self, step: &Step) -> bool {
        match *step {
            Step::Link(employee, contact, tagged) => {
                let here = !self.departed.contains(&employee);
                let fine = here && self.has_room(employee, contact, tagged);
                if fine {
                    self.give(employee, contact, tagged);
                }
                fine
            }
            Step::Tag(employee, contact, tagged) => {
                let here = !self.departed.contains(&employee);
                let count = self.count(employee);
                let Some(known) = self.pairs.get_mut(&(employee, contact)).filter(|_| here) else {
                    return false;
                };
                let fine = tagged || !*known || count <= UNTAGGED_MAX;
                if fine {
                    *known = tagged;
                }
                fine
            }
            Step::HandOver(contact, from, to, share) => {
                let Some(tagged) = self.pairs.get(&(from, contact)).copied() else {
                    return false;
                };
                if from == to || self.departed.contains(&to) {
                    return false;
                }
                if self.departed.contains(&from) {
                    self.pairs.remove(&(from, contact));
                    self.give(to, contact, tagged);
                    return true;
                }
                let fine = self.has_room(to, contact, tagged);
                if fine {
                    self.waiting.insert((from, contact), (to, share));
                }
                fine
            }
            Step::Confirm(contact, from, to) => {
                let waits = self.waiting.get(&(from, contact)).copied();
                let tagged = self.pairs.get(&(from, contact)).copied();
                let Some(((heir, share), tagged)) = waits.zip(tagged) else {
                    return false;
                };
                let here = !self.departed.contains(&to);
                let fine = heir == to && here && self.has_room(to, contact, tagged);
                if fine {
                    self.waiting.remove(&(from, contact));
                    self.give(to, contact, tagged);
                    if !share {
                        self.pairs.remove(&(from, contact));
                    }
                }
                fine
            }
            Step::Depart(leaver, heir) => {
                let gone = |person| self.departed.contains(&person);
                if gone(leaver) || gone(heir) || leaver == heir {
                    return false;
                }
                self.departed.push(leaver);
                self.waiting.retain(|(from, _), _| *from != leaver);
                if heir != 0 {
                    for ((employee, contact), tagged) in self.pairs.clone() {
                        if employee == leaver {
                            self.pairs.remove(&(leaver, contact));
                            self.give(heir, contact, tagged);
                        }
                    }
                }
                true
            }
        }
    }
}

fn tags(tagged: bool) -> &'static [&'static str] {
    if tagged { &["VIP"] } else { &[] }
}

fn ask(town: &mut Town, step: &Step) -> Result<Reply, Refusal> {
    let enterprise = Actor::Enterprise;
    let id = PersonId;
    match *step {
        Step::Link(employee, contact, tagged) => {
            let add = super::AddContactV1 {
                contact: id(contact),
                ..super::new_contact(id(employee), tags(tagged))
            };
            town.ask(enterprise, T::AddContact(add))
        }
        Step::Tag(employee, contact, tagged) => {
            super::tag(town, enterprise, id(employee), id(contact), tags(tagged))
        }
        Step::HandOver(contact, from, to, share) => {
            let hand = HandOverContactV1 {
                contact: id(contact),
                from: id(from),
                to: id(to),
                share,
            };
            town.ask(enterprise, T::HandOverContact(hand))
        }
        Step::Confirm(contact, from, to) => {
            let confirm = ConfirmHandOverV1 {
                contact: id(contact),
                from: id(from),
                to: id(to),
            };
            town.ask(enterprise, T::ConfirmHandOver(confirm))
        }
        Step::Depart(leaver, heir) => town.depart_to(id(leaver), id(heir)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn contacts_are_whose_a_table_of_pairs_says(steps in steps()) {
        let limits = Limits {
            contacts_per_employee_max: MAX as u32,
            untagged_contacts_max: UNTAGGED_MAX as u32,
            ..Limits::default()
        };
        let mut town = Town::with_employees(EMPLOYEES as usize).limited(limits);
        town.customers(CONTACTS as usize);
        let mut naive = Naive::default();
        for step in &steps {
            let answer = ask(&mut town, step);
            prop_assert_eq!(answer.is_ok(), naive.step(step), "{:?}: {:?}", step, answer);
        }
        for employee in 1..=EMPLOYEES {
            let page = super::page(&mut town, PersonId(employee), PersonId(0), 1_000);
            let found = page.contacts.iter();
            let found: Vec<_> = found.map(|it| (it.contact.0, !it.tags.is_empty())).collect();
            let pairs = naive.pairs.iter().filter(|((e, _), _)| *e == employee);
            let pairs: Vec<_> = pairs.map(|((_, contact), tagged)| (*contact, *tagged)).collect();
            prop_assert_eq!(page.count as usize, pairs.len());
            prop_assert_eq!(found, pairs);
        }
        town.assert_kept();
    }
}
