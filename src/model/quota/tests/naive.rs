//! Any history of policies, messages, freezes and clocks, against the rules written plainly.
//!
//! The naive side keeps every charge and every version of a policy for ever, scans them all, and
//! finds windows by its own arithmetic.

use proptest::prelude::*;

use crate::model::command::{
    Actor, PolicyId, PolicyV1, QuotaScope as Scope, QuotaUnit as Unit, QuotaWindow, WhenExceeded,
};
use crate::model::town::quotas::daily;
use crate::model::town::{ALICE, BOB, CAROL, Town, at};
use crate::model::{Refusal, State};
use crate::wire::{GroupId, PersonId, Timestamp};

const SECOND_US: i64 = 1_000_000;
const DAY_US: i64 = 86_400 * SECOND_US;
const SHANGHAI_US: i64 = 8 * 3_600 * SECOND_US;
const SCOPES: [Scope; 4] = [Scope::Tenant, Scope::Sender, Scope::Group, Scope::Member];
const ENTERPRISE: Actor = Actor::Enterprise;

type Holder = (GroupId, PersonId);

#[derive(Clone, Debug)]
enum Step {
    Say(PersonId, GroupId),
    Set(PolicyV1),
    Remove(u16),
    Release(u16, Holder),
    Clock(i64),
    Restart,
}

/// What comes of a step, as far as both sides tell it.
#[derive(Clone, PartialEq, Debug)]
enum Outcome {
    Done,
    Exceeded(PolicyId, Holder, u32, u32, Timestamp, bool),
    Frozen(PolicyId, Holder),
    NoSuchPolicy,
    Invalid,
}

struct Version {
    from: i64,
    /// None where the policy ends.
    says: Option<PolicyV1>,
}

struct Charge {
    holder: Holder,
    at: i64,
    ends: i64,
}

struct Naive {
    id: PolicyId,
    versions: Vec<Version>,
    charges: Vec<Charge>,
    frozen: Vec<Holder>,
}

impl Naive {
    fn current(&self, now: i64) -> &Version {
        let mut versions = self.versions.iter().rev();
        versions.find(|version| version.from <= now).unwrap()
    }

    fn is_over(&self, now: i64) -> bool {
        let pending = self.versions.iter().any(|version| version.from > now);
        !pending && self.current(now).says.is_none()
    }

    fn living(&self, holder: Holder, now: i64) -> Vec<i64> {
        let charges = self.charges.iter();
        let living = charges.filter(|charge| charge.holder == holder && charge.ends > now);
        let mut ends: Vec<_> = living.map(|charge| charge.ends).collect();
        ends.sort_unstable();
        ends
    }

    /// The version that will hold once what was decided has come.
    fn change(&mut self, now: i64, says: Option<PolicyV1>) {
        let current = self.current(now);
        let (since, rules) = (current.from, current.says.clone());
        let of_current = self.charges.iter().filter(|charge| charge.at >= since);
        let open = of_current.map(|charge| charge.ends).max();
        let from = match (open.filter(|ends| *ends > now), rules) {
            (Some(_), Some(rules)) if rules.window == QuotaWindow::Rolling => ends_of(&rules, now),
            (Some(ends), Some(_)) => ends,
            _ => now,
        };
        self.versions.retain(|version| version.from <= now);
        self.versions.push(Version { from, says });
    }
}

/// When the window that `now` is in ends.
fn ends_of(policy: &PolicyV1, now: i64) -> i64 {
    let offset = if policy.zone.is_empty() {
        SHANGHAI_US
    } else {
        0
    };
    let day = (now + offset).div_euclid(DAY_US);
    let next_day = match policy.window {
        QuotaWindow::Rolling => return now + i64::from(policy.length_s) * SECOND_US,
        QuotaWindow::Day => day + 1,
        // The first day of the epoch was a Thursday.
        QuotaWindow::IsoWeek => ((day + 3).div_euclid(7) + 1) * 7 - 3,
        QuotaWindow::Month => {
            let mut first = at("2026-02-01T00:00:00Z").0 / DAY_US;
            let mut lengths = [28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].into_iter();
            while first <= day {
                first += lengths.next().expect("histories are shorter than a year");
            }
            first
        }
    };
    next_day * DAY_US - offset
}

struct World {
    town: Town,
    policies: Vec<Naive>,
}

impl World {
    fn expected(&mut self, step: &Step, now: i64) -> Outcome {
        match step {
            Step::Say(person, group) => self.say(*person, *group, now),
            Step::Set(policy) => self.set(policy, now),
            Step::Remove(id) => {
                let known = self.policies.iter_mut();
                let mut known = known.filter(|known| !known.is_over(now));
                match known.find(|known| known.id == PolicyId(*id)) {
                    Some(known) if known.versions.last().unwrap().says.is_none() => {}
                    Some(known) => known.change(now, None),
                    None => return Outcome::NoSuchPolicy,
                }
                Outcome::Done
            }
            Step::Release(id, holder) => {
                let known = self.policies.iter_mut();
                let mut known = known.filter(|known| !known.is_over(now));
                match known.find(|known| known.id == PolicyId(*id)) {
                    Some(known) => known.frozen.retain(|frozen| frozen != holder),
                    None => return Outcome::NoSuchPolicy,
                }
                Outcome::Done
            }
            Step::Clock(_) | Step::Restart => Outcome::Done,
        }
    }

    fn set(&mut self, policy: &PolicyV1, now: i64) -> Outcome {
        let known = self.policies.iter_mut();
        let mut known = known.filter(|known| !known.is_over(now));
        let Some(known) = known.find(|known| known.id == policy.policy) else {
            let says = Some(policy.clone());
            self.policies.retain(|known| known.id != policy.policy);
            self.policies.push(Naive {
                id: policy.policy,
                versions: vec![Version { from: now, says }],
                charges: Vec::new(),
                frozen: Vec::new(),
            });
            self.policies.sort_by_key(|known| known.id);
            return Outcome::Done;
        };
        let mut said = known.versions.iter().filter_map(|v| v.says.as_ref());
        if said.any(|said| said.scope != policy.scope) {
            return Outcome::Invalid;
        }
        if known.versions.last().unwrap().says.as_ref() != Some(policy) {
            known.change(now, Some(policy.clone()));
        }
        Outcome::Done
    }

    fn say(&mut self, person: PersonId, group: GroupId, now: i64) -> Outcome {
        let (nobody, nowhere) = (PersonId(0), GroupId(0));
        let mut charges = Vec::new();
        for (at, known) in self.policies.iter().enumerate() {
            let Some(policy) = known.current(now).says.clone() else {
                continue;
            };
            let holder = match policy.scope {
                Scope::Tenant => (nowhere, nobody),
                Scope::Sender => (nowhere, person),
                Scope::Group => (group, nobody),
                _ => (group, person),
            };
            charges.push((at, policy, holder));
        }
        for (at, policy, holder) in &charges {
            if self.policies[*at].frozen.contains(holder) {
                return Outcome::Frozen(policy.policy, *holder);
            }
        }
        for (at, policy, holder) in &charges {
            let living = self.policies[*at].living(*holder, now);
            let used = living.len() as u32;
            if used < policy.limit {
                continue;
            }
            let missing = (used - policy.limit) as usize;
            let frees = living.get(missing).or(living.last());
            let retry_at = frees.copied().unwrap_or_else(|| ends_of(policy, now));
            let freezes = policy.exceeded == WhenExceeded::Freeze;
            if freezes {
                self.policies[*at].frozen.push(*holder);
            }
            let (id, limit) = (policy.policy, policy.limit);
            return Outcome::Exceeded(id, *holder, used, limit, Timestamp(retry_at), freezes);
        }
        for (at, policy, holder) in charges {
            let ends = ends_of(&policy, now);
            self.policies[at].charges.push(Charge {
                holder,
                at: now,
                ends,
            });
        }
        Outcome::Done
    }

    fn actual(&mut self, step: &Step) -> Outcome {
        let town = &mut self.town;
        let outcome = match step {
            Step::Say(person, group) => town.say(*person, *group).map(|_| ()),
            Step::Set(policy) => town.set_policy(ENTERPRISE, policy.clone()).map(|_| ()),
            Step::Remove(id) => town.remove_policy(ENTERPRISE, *id).map(|_| ()),
            Step::Release(id, (group, person)) => {
                let released = town.release_freeze(ENTERPRISE, *id, *group, *person);
                released.map(|_| ())
            }
            Step::Clock(micros) => {
                town.now = town.now.plus_micros(*micros);
                Ok(())
            }
            Step::Restart => {
                town.state = State::from_snapshot(&town.state.to_snapshot()).unwrap();
                Ok(())
            }
        };
        match outcome {
            Ok(()) => Outcome::Done,
            Err(Refusal::QuotaExceeded {
                policy,
                group,
                person,
                used,
                limit,
                retry_at,
                frozen,
            }) => Outcome::Exceeded(policy, (group, person), used, limit, retry_at, frozen),
            Err(Refusal::Frozen {
                policy,
                group,
                person,
                ..
            }) => Outcome::Frozen(policy, (group, person)),
            Err(Refusal::NoSuchPolicy { .. }) => Outcome::NoSuchPolicy,
            Err(Refusal::Invalid { .. }) => Outcome::Invalid,
            Err(other) => panic!("{other}"),
        }
    }
}

fn person() -> impl Strategy<Value = PersonId> {
    prop::sample::select(vec![ALICE, BOB, CAROL])
}

fn group() -> impl Strategy<Value = GroupId> {
    prop::sample::select(vec![GroupId(1), GroupId(2)])
}

fn policy() -> impl Strategy<Value = PolicyV1> {
    let window = prop::sample::select(vec![
        QuotaWindow::Day,
        QuotaWindow::IsoWeek,
        QuotaWindow::Month,
        QuotaWindow::Rolling,
    ]);
    // Each id mostly has a scope of its own, or most policies would be refused as another kind.
    let id = (16..20_u16, 0..12_usize);
    (id, window, any::<bool>(), 0..5_u32, any::<bool>()).prop_map(
        |((id, other), window, utc, limit, freeze)| {
            let scope = SCOPES.get(other).unwrap_or(&SCOPES[usize::from(id) - 16]);
            let rolling = window == QuotaWindow::Rolling;
            let zone = if utc && !rolling { "UTC" } else { "" };
            PolicyV1 {
                window,
                zone: zone.to_owned(),
                length_s: if rolling { 1 + limit * 1_800 } else { 0 },
                exceeded: if freeze {
                    WhenExceeded::Freeze
                } else {
                    WhenExceeded::Reject
                },
                ..daily(id, *scope, Unit::Messages, limit)
            }
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let holder = (
        prop::sample::select(vec![GroupId(0), GroupId(1), GroupId(2)]),
        prop::sample::select(vec![PersonId(0), ALICE, BOB]),
    );
    let seconds = vec![
        -3_600, -1, 1, 20, 1_799, 1_800, 3_600, 36_000, 86_400, 500_000,
    ];
    prop_oneof![
        12 => (person(), group()).prop_map(|(person, group)| Step::Say(person, group)),
        3 => policy().prop_map(Step::Set),
        1 => (16..20_u16).prop_map(Step::Remove),
        2 => (16..20_u16, holder).prop_map(|(id, holder)| Step::Release(id, holder)),
        3 => prop::sample::select(seconds).prop_map(|seconds| Step::Clock(seconds * SECOND_US)),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn any_history_of_policies_and_messages_is_counted_exactly(
        steps in prop::collection::vec(step(), 1..120)
    ) {
        let mut town = Town::with_employees(3);
        for _ in 0..2 {
            town.internal_group(ALICE, &[BOB, CAROL]);
        }
        let mut world = World { town, policies: Vec::new() };
        for step in steps {
            let now = world.town.now.max(world.town.state.clock).0;
            let expected = world.expected(&step, now);
            prop_assert_eq!(world.actual(&step), expected, "{:?}", step);
            world.town.check_counts();
        }
        prop_assert_eq!(world.town.replayed().hash(), world.town.state.hash());
    }
}
