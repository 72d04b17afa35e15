//! The tree and the groups that follow it, once more and as plainly as can be: every membership is
//! worked out from all people and all departments, before and after.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::model::command::{
    Actor, FollowDepartmentV1, PersonRowV1, RenameDepartmentV1, SyncPeopleV1, TaggedCommand as T,
};
use crate::model::event::GroupStatus;
use crate::model::state::DepartmentIndex;
use crate::model::town::{NO_DEPARTMENT, Town};
use crate::model::{Limits, State};
use crate::wire::{DepartmentId, GroupId, PersonId};

const CAP: usize = 5;
const PEOPLE: u64 = 8;
const NAMES: [&str; 3] = ["a", "b", "c"];

fn limits() -> Limits {
    Limits {
        internal_members_max: CAP as u32,
        department_levels_max: 4,
        ..Limits::default()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Create(&'static str, u64),
    Rename(u64, &'static str),
    Move(u64, u64),
    Remove(u64),
    Place(u64, Vec<u64>),
    Follow(u64, u64),
    Add(u64, u64),
    TakeOut(u64, u64),
    Depart(u64),
    /// Whom, by external id, and the paths given.
    Sync(Vec<(u64, Vec<Vec<&'static str>>)>),
    Restart,
}

struct Department {
    name: String,
    parent: u64,
    removed: bool,
}

#[derive(Default)]
struct Person {
    external_id: u64,
    departments: BTreeSet<u64>,
    departed: bool,
}

#[derive(Default)]
struct Group {
    department: Option<u64>,
    members: BTreeSet<u64>,
    by_hand: BTreeSet<u64>,
    over: bool,
}

/// Ids count from 1; 0 is what is above the roots.
#[derive(Default)]
struct Naive {
    departments: Vec<Department>,
    people: Vec<Person>,
    groups: Vec<Group>,
}

impl Naive {
    fn stands(&self, id: u64) -> bool {
        let at = (id as usize).wrapping_sub(1);
        self.departments.get(at).is_some_and(|it| !it.removed)
    }

    fn above(&self, id: u64) -> Vec<u64> {
        match id {
            0 => Vec::new(),
            id => {
                let parent = self.departments[id as usize - 1].parent;
                [vec![id], self.above(parent)].concat()
            }
        }
    }

    fn below(&self, id: u64) -> Vec<u64> {
        let all = 1..=self.departments.len() as u64;
        all.filter(|it| self.stands(*it) && self.above(*it).contains(&id))
            .collect()
    }

    fn child(&self, parent: u64, name: &str) -> Option<u64> {
        let mut all = 1..=self.departments.len() as u64;
        all.find(|id| {
            let it = &self.departments[*id as usize - 1];
            !it.removed && it.parent == parent && it.name == name
        })
    }

    fn create(&mut self, name: &str, parent: u64) -> u64 {
        self.departments.push(Department {
            name: name.to_owned(),
            parent,
            removed: false,
        });
        self.departments.len() as u64
    }

    /// Who is in the department or below.
    fn inside(&self, department: u64) -> BTreeSet<u64> {
        let below = self.below(department);
        let people = (1..).zip(&self.people);
        let inside = people.filter(|(_, it)| it.departments.iter().any(|id| below.contains(id)));
        inside.map(|(id, _)| id).collect()
    }

    /// Who is inside what each group follows.
    fn insides(&self) -> Vec<BTreeSet<u64>> {
        let groups = self.groups.iter();
        let inside = |group: &Group| group.department.map(|it| self.inside(it));
        groups
            .map(|group| inside(group).unwrap_or_default())
            .collect()
    }

    /// Groups after a change; who comes to one comes in the order given.
    fn follow(&mut self, before: &[BTreeSet<u64>], order: &[u64]) {
        let after = self.insides();
        for (at, group) in self.groups.iter_mut().enumerate() {
            if group.over {
                continue;
            }
            let mut gone = before[at].difference(&after[at]);
            let leaves: Vec<_> = gone
                .by_ref()
                .filter(|it| group.members.contains(it) && !group.by_hand.contains(it))
                .collect();
            for person in &leaves {
                group.members.remove(person);
            }
            for person in order {
                let is_new = after[at].contains(person) && !before[at].contains(person);
                if is_new && group.members.len() < CAP {
                    group.members.insert(*person);
                }
            }
            group.end_if_empty();
        }
    }

    fn step(&mut self, step: &Step) -> bool {
        let everybody: Vec<_> = (1..=self.people.len() as u64).collect();
        let before = self.insides();
        match step {
            Step::Create(name, parent) => {
                let fits = (*parent == 0 || self.stands(*parent))
                    && self.child(*parent, name).is_none()
                    && self.above(*parent).len() < 4;
                if fits {
                    self.create(name, *parent);
                }
                fits
            }
            Step::Rename(id, name) => {
                let fits = self.stands(*id) && {
                    let it = &self.departments[*id as usize - 1];
                    self.child(it.parent, name).is_none_or(|other| other == *id)
                };
                if fits {
                    self.departments[*id as usize - 1].name = (*name).to_owned();
                }
                fits
            }
            Step::Move(id, parent) => {
                if !self.stands(*id) || (*parent != 0 && !self.stands(*parent)) {
                    return false;
                }
                let it = &self.departments[*id as usize - 1];
                if it.parent == *parent {
                    return true;
                }
                let own_level = self.above(*id).len();
                let levels = self.below(*id).into_iter();
                let levels = levels.map(|it| self.above(it).len() - own_level + 1);
                let height = levels.max().unwrap_or(1);
                let fits = !self.above(*parent).contains(id)
                    && self.child(*parent, &it.name).is_none()
                    && self.above(*parent).len() + height <= 4;
                if fits {
                    self.departments[*id as usize - 1].parent = *parent;
                    self.follow(&before, &everybody);
                }
                fits
            }
            Step::Remove(id) => {
                let is_bound = |group: &Group| group.department == Some(*id) && !group.over;
                let fits = self.stands(*id)
                    && self.below(*id).len() == 1
                    && self.inside(*id).is_empty()
                    && !self.groups.iter().any(is_bound);
                if fits {
                    self.departments[*id as usize - 1].removed = true;
                }
                fits
            }
            Step::Place(person, departments) => {
                let fits = !self.people[*person as usize - 1].departed
                    && departments.iter().all(|id| self.stands(*id));
                if fits {
                    let to = departments.iter().copied().collect();
                    self.people[*person as usize - 1].departments = to;
                    self.follow(&before, &everybody);
                }
                fits
            }
            Step::Follow(group, department) => {
                let at = *group as usize - 1;
                let fits = !self.groups[at].over
                    && self.stands(*department)
                    && self.groups[at]
                        .department
                        .is_none_or(|it| it == *department);
                if fits {
                    let inside = self.inside(*department);
                    let it = &mut self.groups[at];
                    if it.department.replace(*department).is_none() {
                        it.by_hand = it.members.difference(&inside).copied().collect();
                    }
                    for person in inside {
                        if it.members.len() < CAP {
                            it.members.insert(person);
                        }
                    }
                }
                fits
            }
            Step::Add(group, person) => {
                let departed = self.people[*person as usize - 1].departed;
                let it = &mut self.groups[*group as usize - 1];
                let fits =
                    !it.over && !departed && it.members.len() < CAP && it.members.insert(*person);
                if fits {
                    it.by_hand.insert(*person);
                }
                fits
            }
            Step::TakeOut(group, person) => {
                let departed = self.people[*person as usize - 1].departed;
                let it = &mut self.groups[*group as usize - 1];
                !it.over && !departed && it.loses(*person)
            }
            Step::Depart(person) => {
                let it = &mut self.people[*person as usize - 1];
                let fits = !it.departed;
                it.departed = true;
                it.departments.clear();
                for group in &mut self.groups {
                    group.loses(*person);
                }
                fits
            }
            Step::Sync(rows) => {
                let mut seen = BTreeSet::new();
                let mut order = Vec::new();
                for (external_id, paths) in rows {
                    let mut known = (1..).zip(&self.people);
                    let known = known.find(|(_, it)| it.external_id == *external_id);
                    let departed = known.is_some_and(|(_, it)| it.departed);
                    let known = known.map(|(id, _)| id);
                    if departed || !seen.insert(*external_id) {
                        continue;
                    }
                    let places = paths.iter().map(|path| {
                        let names = path.iter();
                        names.fold(0, |at, name| {
                            let found = self.child(at, name);
                            found.unwrap_or_else(|| self.create(name, at))
                        })
                    });
                    let places: BTreeSet<_> = places.collect();
                    let person = known.unwrap_or_else(|| {
                        self.people.push(Person {
                            external_id: *external_id,
                            ..Person::default()
                        });
                        self.people.len() as u64
                    });
                    if !places.is_empty() {
                        self.people[person as usize - 1].departments = places;
                    }
                    order.push(person);
                }
                self.follow(&before, &order);
                true
            }
            Step::Restart => true,
        }
    }
}

impl Group {
    fn loses(&mut self, person: u64) -> bool {
        self.by_hand.remove(&person);
        let was_in = self.members.remove(&person);
        self.end_if_empty();
        was_in
    }

    fn end_if_empty(&mut self) {
        if self.members.is_empty() {
            self.over = true;
        }
    }
}

fn row(external_id: u64, paths: &[Vec<&str>]) -> PersonRowV1 {
    PersonRowV1 {
        row: 0,
        external_id: external_id.to_string(),
        name: "Person".to_owned(),
        employee_number: String::new(),
        mobile: String::new(),
        email: String::new(),
        position: String::new(),
        departments: paths.iter().map(|path| path.join("/")).collect(),
    }
}

fn sync(rows: Vec<PersonRowV1>) -> T {
    T::SyncPeople(SyncPeopleV1 {
        rows,
        dry_run: false,
        create_departments: true,
    })
}

/// Both, side by side: eight people, three groups of three.
fn settled() -> (Town, Naive) {
    let mut town = Town::with_employees(0).limited(limits());
    let mut naive = Naive::default();
    let rows = (1..=PEOPLE).map(|id| row(id, &[])).collect();
    town.ask(Actor::Enterprise, sync(rows)).unwrap();
    naive.step(&Step::Sync((1..=PEOPLE).map(|id| (id, vec![])).collect()));
    for first in 1..=3 {
        let members = [first, first + 1, first + 2];
        town.internal_group(PersonId(first), &[PersonId(first + 1), PersonId(first + 2)]);
        naive.groups.push(Group {
            members: members.into(),
            ..Group::default()
        });
    }
    (town, naive)
}

/// Whether the model agreed to the step.
fn asked(town: &mut Town, step: &Step) -> bool {
    let actor = Actor::Enterprise;
    let departments = |list: &[u64]| list.iter().copied().map(DepartmentId).collect::<Vec<_>>();
    match step {
        Step::Create(name, parent) => town
            .create_department(actor, name, DepartmentId(*parent))
            .is_ok(),
        Step::Rename(id, name) => {
            let rename = RenameDepartmentV1 {
                department: DepartmentId(*id),
                name: (*name).to_owned(),
            };
            town.ask(actor, T::RenameDepartment(rename)).is_ok()
        }
        Step::Move(id, parent) => town
            .move_department(actor, DepartmentId(*id), DepartmentId(*parent))
            .is_ok(),
        Step::Remove(id) => town.remove_department(DepartmentId(*id)).is_ok(),
        Step::Place(person, to) => town
            .move_person(actor, PersonId(*person), &departments(to))
            .is_ok(),
        Step::Follow(group, department) => {
            let follow = FollowDepartmentV1 {
                group: GroupId(*group),
                department: DepartmentId(*department),
            };
            town.ask(actor, T::FollowDepartment(follow)).is_ok()
        }
        Step::Add(group, person) => town
            .add(actor, GroupId(*group), &[PersonId(*person)])
            .is_ok(),
        Step::TakeOut(group, person) => town
            .remove(actor, GroupId(*group), &[PersonId(*person)])
            .is_ok(),
        Step::Depart(person) => town.depart(PersonId(*person)).is_ok(),
        Step::Sync(rows) => {
            let rows = rows.iter().map(|(id, paths)| row(*id, paths)).collect();
            town.ask(actor, sync(rows)).is_ok()
        }
        Step::Restart => {
            let read = State::from_snapshot(&town.state.to_snapshot()).unwrap();
            assert_eq!(read.hash(), town.state.hash());
            town.state = read.with_limits(limits());
            true
        }
    }
}

fn compare(town: &Town, naive: &Naive, step: &Step) {
    let tenant = town.state.tenant(town.tenant).unwrap();
    for (known, plain) in tenant.departments.list.iter().zip(&naive.departments) {
        let parent = known.parent.map_or(NO_DEPARTMENT, DepartmentIndex::id);
        assert_eq!(known.removed, plain.removed, "{step:?}");
        assert!(known.removed || (&*known.name, parent.0) == (&*plain.name, plain.parent));
    }
    for (known, plain) in tenant.people.iter().zip(&naive.people) {
        let departments = known.departments.iter().map(|it| it.id().0);
        assert!(
            departments.eq(plain.departments.iter().copied()),
            "{step:?}"
        );
    }
    for (known, plain) in tenant.groups.iter().zip(&naive.groups) {
        let members: BTreeSet<_> = known.members.iter().map(|it| it.id().0).collect();
        assert_eq!(members, plain.members, "{step:?}");
        assert_eq!(
            known.status == GroupStatus::Dissolved,
            plain.over,
            "{step:?}"
        );
        let owner = known.owner.map(|owner| owner.id().0);
        assert_eq!(owner.is_none(), plain.over, "{step:?}");
        assert!(
            owner.is_none_or(|owner| members.contains(&owner)),
            "{step:?}"
        );
    }
    let takes = town.last.iter().flat_map(|last| &last.applied.takes);
    let mut groups: Vec<_> = takes.map(|take| take.group).collect();
    groups.sort_unstable();
    assert!(groups.windows(2).all(|pair| pair[0] != pair[1]), "{step:?}");
}

fn step() -> impl Strategy<Value = Step> {
    let name = || prop::sample::select(&NAMES[..]);
    let department = || 1..9_u64;
    let parent = || 0..9_u64;
    let person = || 1..=PEOPLE;
    let group = || 1..=3_u64;
    let some = prop::collection::btree_set(department(), 0..3);
    let path = prop::collection::vec(name(), 1..4);
    let rows = prop::collection::vec((1..11_u64, prop::collection::vec(path, 0..3)), 1..6);
    prop_oneof![
        6 => (name(), parent()).prop_map(|(name, parent)| Step::Create(name, parent)),
        1 => (department(), name()).prop_map(|(id, name)| Step::Rename(id, name)),
        4 => (department(), parent()).prop_map(|(id, parent)| Step::Move(id, parent)),
        2 => department().prop_map(Step::Remove),
        10 => (person(), some).prop_map(|(person, to)| Step::Place(person, to.into_iter().collect())),
        4 => (group(), department()).prop_map(|(group, to)| Step::Follow(group, to)),
        3 => (group(), person()).prop_map(|(group, person)| Step::Add(group, person)),
        3 => (group(), person()).prop_map(|(group, person)| Step::TakeOut(group, person)),
        1 => person().prop_map(Step::Depart),
        5 => rows.prop_map(Step::Sync),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn groups_follow_their_departments_through_any_history(
        steps in prop::collection::vec(step(), 1..60)
    ) {
        let (mut town, mut naive) = settled();
        for step in &steps {
            assert_eq!(asked(&mut town, step), naive.step(step), "{step:?}");
            compare(&town, &naive, step);
        }
        prop_assert_eq!(town.replayed().hash(), town.state.hash());
    }
}
