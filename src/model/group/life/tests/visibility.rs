//! What somebody online sees agrees with what they would come online with, through any history.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::model::attach;
use crate::model::command::Actor;
use crate::model::town::Town;
use crate::wire::{AttachedGroup, GroupId, PersonId};

#[derive(Clone, Debug)]
enum Step {
    Add(u64, u64),
    Remove(u64, u64),
    Leave(u64, u64),
    Depart(u64),
    Disable(u64),
    Enable(u64, u64),
    Dissolve(u64),
    Delete(u64),
    Hide(u64, u64),
    Restore(u64, u64),
    Say(u64, u64),
}

/// Who sees what, and who is a member of what, by deltas alone, from before the first group on.
#[derive(Default)]
struct Watcher {
    seen: BTreeMap<PersonId, BTreeSet<GroupId>>,
    members: BTreeMap<GroupId, BTreeSet<PersonId>>,
}

impl Watcher {
    fn watch(&mut self, town: &Town) {
        for delta in town.projection().deltas {
            let seen = self.seen.entry(delta.person).or_default();
            if delta.joined {
                seen.insert(delta.group);
            } else {
                seen.remove(&delta.group);
            }
            if delta.view_only {
                continue;
            }
            let members = self.members.entry(delta.group).or_default();
            let news = if delta.joined {
                members.insert(delta.person)
            } else {
                members.remove(&delta.person)
            };
            assert!(news, "a member is counted once: {delta:?}");
        }
    }

    /// Hiding ends nothing that is online, all else does.
    fn agrees(&self, town: &Town, people: u64) {
        let tenant = &town.state.tenants[0];
        for person in (1..=people).map(PersonId) {
            let index = tenant.find_person(person).unwrap();
            let mut seen = self.seen.get(&person).cloned().unwrap_or_default();
            seen.retain(|id| {
                let group = tenant.find_group(*id).unwrap();
                !tenant.group(group).is_hidden_from(index)
            });
            let attached = attach(&town.state, town.tenant, person).unwrap_or_default();
            let attached: BTreeSet<_> = attached.iter().map(AttachedGroup::group).collect();
            assert_eq!(seen, attached, "{person:?}");
            let member_of = crate::model::memberships(&town.state, town.tenant, person);
            for group in (1..=3).map(GroupId) {
                let counted = self.members[&group].contains(&person);
                assert_eq!(counted, member_of.contains(&group));
            }
        }
    }
}

fn take(town: &mut Town, step: &Step) {
    let enterprise = Actor::Enterprise;
    let of = |group: u64, person: u64| (GroupId(group), PersonId(person));
    // Most of it is refused by some rule or other, which is as good.
    match *step {
        Step::Add(group, person) => {
            let (group, person) = of(group, person);
            drop(town.add(enterprise, group, &[person]));
        }
        Step::Remove(group, person) => {
            let (group, person) = of(group, person);
            drop(town.remove(enterprise, group, &[person]));
        }
        Step::Leave(group, person) => drop(town.leave(PersonId(person), GroupId(group))),
        Step::Depart(person) => drop(town.depart(PersonId(person))),
        Step::Disable(group) => drop(town.disable(enterprise, GroupId(group))),
        Step::Enable(group, person) => {
            let (group, person) = of(group, person);
            drop(town.enable(enterprise, group, person));
        }
        Step::Dissolve(group) => drop(town.dissolve(enterprise, GroupId(group))),
        Step::Delete(group) => drop(town.delete_group(enterprise, GroupId(group))),
        Step::Hide(group, person) => drop(town.hide(PersonId(person), GroupId(group))),
        Step::Restore(group, person) => drop(town.restore(PersonId(person), GroupId(group))),
        Step::Say(group, person) => drop(town.say(PersonId(person), GroupId(group))),
    }
}

fn step() -> impl Strategy<Value = Step> {
    let (group, person) = (|| 1..4_u64, || 1..8_u64);
    prop_oneof![
        6 => (group(), person()).prop_map(|(g, p)| Step::Add(g, p)),
        3 => (group(), person()).prop_map(|(g, p)| Step::Remove(g, p)),
        3 => (group(), person()).prop_map(|(g, p)| Step::Leave(g, p)),
        1 => person().prop_map(Step::Depart),
        4 => group().prop_map(Step::Disable),
        6 => (group(), 0..8_u64).prop_map(|(g, p)| Step::Enable(g, p)),
        1 => group().prop_map(Step::Dissolve),
        1 => group().prop_map(Step::Delete),
        6 => (group(), person()).prop_map(|(g, p)| Step::Hide(g, p)),
        4 => (group(), person()).prop_map(|(g, p)| Step::Restore(g, p)),
        3 => (group(), person()).prop_map(|(g, p)| Step::Say(g, p)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whoever_is_online_sees_what_they_would_come_online_with(
        steps in prop::collection::vec(step(), 1..60)
    ) {
        let mut town = Town::with_employees(4);
        let customers = town.customers(3);
        let mut watcher = Watcher::default();
        let people = |ids: &[u64]| -> Vec<PersonId> { ids.iter().copied().map(PersonId).collect() };
        town.internal_group(PersonId(1), &people(&[2, 3]));
        watcher.watch(&town);
        town.external_group(PersonId(1), &customers);
        watcher.watch(&town);
        town.external_group(PersonId(2), &[PersonId(1), customers[0]]);
        watcher.watch(&town);
        for step in &steps {
            take(&mut town, step);
            if town.last.is_some() {
                watcher.watch(&town);
            }
            watcher.agrees(&town, 7);
        }
        prop_assert_eq!(town.replayed().hash(), town.state.hash());
    }
}
