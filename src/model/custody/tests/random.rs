//! Random histories of retention, holds, erasure and announcements.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::model::announcement;
use crate::model::custody::changes_what_is_gone;

#[derive(Clone, Debug)]
enum Step {
    Retain(usize, u32),
    /// By which groups: both, the first, the second.
    Hold(usize, i32, i32),
    /// One of those placed.
    Release(usize),
    Erase(usize, i32, i32),
    Expire,
    Wait(i64),
    /// In the first group or the second; or it is taken down.
    Announce(usize, bool),
    /// The state as a snapshot has it.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let day = -30..12_i32;
    prop_oneof![
        2 => (0..3_usize, prop_oneof![Just(0), 1..25_u32]).prop_map(|(of, days)| Step::Retain(of, days)),
        3 => (0..3_usize, day.clone(), 0..15_i32).prop_map(|(of, first, more)| Step::Hold(of, first, first + more)),
        2 => (0..6_usize).prop_map(Step::Release),
        2 => (0..3_usize, day, 0..6_i32).prop_map(|(of, first, more)| Step::Erase(of, first, first + more)),
        4 => Just(Step::Expire),
        3 => (1..6_i64).prop_map(Step::Wait),
        2 => (0..2_usize, any::<bool>()).prop_map(|(of, down)| Step::Announce(of, down)),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Over random histories: nothing is lost while a hold that found it covers it; what is gone stays
    /// gone; what was erased is; without holds, exactly what is due and was erased is gone; and only
    /// the records that say so change it. An announcement goes with what was said on its day in its group.
    #[test]
    fn no_held_day_is_lost_and_no_lost_day_returns(steps in prop::collection::vec(step(), 1..60)) {
        let (mut town, team, customers) = town();
        let groups = [team, customers, GroupId(0)];
        let classes = [ContentClass::Internal, ContentClass::External, ContentClass::Ungrouped];
        let days = TODAY - 40..TODAY + 40;
        let mut due = [i32::MIN; 3];
        let mut retention = [0_u32; 3];
        let mut erased = BTreeSet::new();
        let mut gone = BTreeSet::new();
        // Each with what was there to be held when it was placed.
        let mut holds: Vec<(HoldId, BTreeSet<(usize, i32)>)> = Vec::new();
        let mut ever_held = false;
        // Of both groups, the record and the day of what stands.
        let mut announced = [None; 2];
        for step in steps {
            let records = town.log.len();
            match step {
                Step::Retain(of, days) => {
                    retain(&mut town, classes[of], days);
                    retention[of] = days;
                }
                Step::Hold(of, first, last) => {
                    let (first, last) = (TODAY + first, TODAY + last);
                    let of = [vec![], vec![team], vec![customers]][of].clone();
                    let covers = |at: usize| of.is_empty() || of.contains(&groups[at]);
                    let held = (0..3).filter(|at| covers(*at));
                    let held = held.flat_map(|at| (first..=last).map(move |day| (at, day)));
                    let held: BTreeSet<_> = held.filter(|unit| !gone.contains(unit)).collect();
                    if let Ok(hold) = hold(&mut town, &of, (first, last)) {
                        holds.push((hold, held));
                        ever_held = true;
                    } else {
                        prop_assert!(held.is_empty(), "refused with {held:?} to hold");
                    }
                }
                Step::Release(at) if at < holds.len() => {
                    let (hold, _) = holds.remove(at);
                    release(&mut town, hold).unwrap();
                }
                Step::Release(_) => {}
                Step::Erase(of, first, last) => {
                    let range = (TODAY + first, TODAY + last);
                    let done = erase(&mut town, groups[of], range).is_ok();
                    let units = (range.0..=range.1).map(|day| (of, day));
                    let is_held = units.clone().any(|unit| holds.iter().any(|(_, held)| held.contains(&unit)));
                    prop_assert!(!(done && is_held), "erased what is held");
                    prop_assert!(!done || range.1 < town.now.utc_day());
                    if done {
                        erased.extend(units);
                    }
                }
                Step::Expire => {
                    expire(&mut town);
                    for of in 0..3 {
                        if retention[of] > 0 {
                            due[of] = due[of].max(town.now.utc_day() - retention[of] as i32 - 1);
                        }
                    }
                }
                Step::Wait(days) => town.now = town.now.plus_micros(days * DAY_US),
                Step::Announce(of, down) => {
                    let text = if down { "" } else { "announced" };
                    announced[of] = (!down).then_some((town.next, town.now.utc_day()));
                    town.announce(by(ALICE), groups[of], text).unwrap();
                }
                Step::Restart => {
                    let before = town.state.to_snapshot();
                    town.state = State::from_snapshot(&before).unwrap();
                    prop_assert_eq!(town.state.to_snapshot(), before);
                }
            }
            let table = Gone::of(&town.state);
            let units = (0..3).flat_map(|at| days.clone().map(move |day| (at, day)));
            let now: BTreeSet<_> = units.filter(|(at, day)| table.has(town.tenant, groups[*at], *day)).collect();
            prop_assert!(gone.is_subset(&now), "came back: {:?}", gone.difference(&now));
            for (hold, held) in &holds {
                let lost: Vec<_> = held.intersection(&now).collect();
                prop_assert!(lost.is_empty(), "hold {hold} lost {lost:?}");
            }
            for unit in &now {
                prop_assert!(erased.contains(unit) || unit.1 <= due[unit.0], "{unit:?} was not due");
            }
            prop_assert!(erased.is_subset(&now));
            if !ever_held || holds.is_empty() {
                let missed: Vec<_> = (0..3)
                    .flat_map(|at| days.clone().map(move |day| (at, day)))
                    .filter(|unit| unit.1 <= due[unit.0] && !now.contains(unit))
                    .collect();
                prop_assert!(missed.is_empty(), "due and not gone: {missed:?}");
            }
            for (at, announced) in announced.iter().enumerate() {
                let settings = town.settings(by(BOB), groups[at]).unwrap();
                let lives = announced.filter(|(_, day)| !now.contains(&(at, *day)));
                prop_assert_eq!(settings.announced_in.0, announced.map_or(0, |(record, _)| record.0));
                prop_assert_eq!(settings.announcement_gone, announced.is_some() && lives.is_none());
                let standing = announcement(&town.state, town.tenant, groups[at]);
                prop_assert_eq!(standing, lives.map(|(record, _)| record));
            }
            let said = town.log[records..].iter().any(|record| changes_what_is_gone(&record.events));
            prop_assert!(said || now == gone, "nothing said so");
            gone = now;
        }
    }
}
