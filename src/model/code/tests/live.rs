use crate::model::command::{Actor, GroupKind, LiveCodeV1};
use crate::model::event::Event;
use crate::model::town::codes::{Came, live_code, plain_code};
use crate::model::town::{ALICE, BOB, CAROL, DAVE, ERIN, Town};
use crate::model::{Limits, Refusal};
use crate::wire::{GroupId, PersonId};

use super::assert_kept;

/// Employees 1 to 5 run things; an external group of ALICE, BOB and CAROL, and customers to come.
fn parents(customers: usize) -> (Town, GroupId, Vec<PersonId>) {
    let mut town = Town::with_employees(5);
    let group = town.external_group(ALICE, &[BOB, CAROL]);
    let customers = town.customers(customers);
    (town, group, customers)
}

fn name_of(town: &Town, group: GroupId) -> String {
    let tenant = &town.state.tenants[0];
    tenant.groups[group.0 as usize - 1].name.to_string()
}

#[test]
fn a_live_code_moves_on_exactly_when_its_group_has_reached_the_threshold() {
    let (mut town, group, customers) = parents(8);
    let code = town.code(live_code(group, 5, "家长群 {n}", &[DAVE, ERIN]));
    let came: Vec<_> = customers
        .iter()
        .map(|customer| town.join_by(*customer, &code.text).unwrap())
        .collect();
    let second = GroupId(group.0 + 1);
    let third = GroupId(group.0 + 2);
    // Three were in the first; an owner is in each of the next.
    let into = [group, group, second, second, second, second, third, third];
    assert_eq!(came, into.map(Came::Into));
    assert_eq!(town.look_at(group).members, 5);
    assert_eq!(town.look_at(second).members, 5);
    assert_eq!(town.look_at(second).owner, DAVE);
    assert_eq!(town.look_at(third).owner, ERIN, "admins take turns");
    assert_eq!(name_of(&town, second), "家长群 2");
    assert_eq!(name_of(&town, third), "家长群 3");
    assert_eq!(town.look_at(third).kind, GroupKind::External);
    let made = town.log.iter().flat_map(|record| &record.events);
    let made = made.filter(|event| matches!(event, Event::JoinCodeMoved(_)));
    assert_eq!(made.count(), 2, "the threshold is crossed once a group");
    let state = town.code_state(code.code);
    assert_eq!((state.target, state.groups, state.joined), (third, 3, 8));
    assert_kept(&town);
}

#[test]
fn the_next_group_is_made_by_the_join_that_needs_it() {
    let (mut town, group, customers) = parents(1);
    let code = town.code(live_code(group, 3, "家长群", &[DAVE]));
    let records = town.log.len();
    let came = town.join_by(customers[0], &code.text);
    let next = GroupId(group.0 + 1);
    assert_eq!(came, Ok(Came::Into(next)));
    assert_eq!(town.log.len(), records + 1, "one record");
    let record = town.last.clone().unwrap();
    assert_eq!(record.applied.takes.len(), 1, "one place in one group");
    assert_eq!(
        name_of(&town, next),
        "家长群 2",
        "a template without a number gets one"
    );
    assert_eq!(town.projection().deltas.len(), 2, "its owner and who came");
}

#[test]
fn a_live_code_moves_on_from_a_group_that_others_filled() {
    let limits = Limits {
        external_members_max: 4,
        ..Limits::default()
    };
    let (town, group, customers) = parents(3);
    let mut town = town.limited(limits);
    let code = town.code(live_code(group, 4, "家长群 {n}", &[DAVE]));
    town.add(Actor::Enterprise, group, &customers[..1]).unwrap();
    let came = town.join_by(customers[1], &code.text);
    assert_eq!(came, Ok(Came::Into(GroupId(group.0 + 1))));
    assert_eq!(town.look_at(group).members, 4, "the cap holds");
}

#[test]
fn a_cap_that_shrank_below_the_threshold_moves_the_code_on_too() {
    let (mut town, group, customers) = parents(2);
    let code = town.code(live_code(group, 5, "家长群 {n}", &[DAVE]));
    town = town.limited(Limits {
        external_members_max: 4,
        ..Limits::default()
    });
    assert_eq!(
        town.join_by(customers[0], &code.text),
        Ok(Came::Into(group))
    );
    let next = GroupId(group.0 + 1);
    assert_eq!(town.join_by(customers[1], &code.text), Ok(Came::Into(next)));
}

#[test]
fn who_is_in_an_earlier_group_of_a_live_code_does_not_join_the_next() {
    let (mut town, group, customers) = parents(3);
    let code = town.code(live_code(group, 4, "家长群 {n}", &[DAVE]));
    for customer in &customers {
        town.join_by(*customer, &code.text).unwrap();
    }
    let person = customers[0];
    let already = Err(Refusal::AlreadyAMember { person, group });
    assert_eq!(town.join_by(person, &code.text), already);
}

#[test]
fn an_admin_who_left_misses_their_turn() {
    let (mut town, group, customers) = parents(1);
    let code = town.code(live_code(group, 3, "家长群 {n}", &[DAVE, ERIN]));
    town.depart(DAVE).unwrap();
    town.join_by(customers[0], &code.text).unwrap();
    assert_eq!(town.look_at(GroupId(group.0 + 1)).owner, ERIN);
}

#[test]
fn with_no_admin_left_the_last_groups_owner_owns_the_next() {
    let (mut town, group, customers) = parents(1);
    let code = town.code(live_code(group, 3, "家长群 {n}", &[DAVE]));
    town.depart(DAVE).unwrap();
    town.join_by(customers[0], &code.text).unwrap();
    assert_eq!(town.look_at(GroupId(group.0 + 1)).owner, ALICE);
}

#[test]
fn an_admin_whose_turn_it_is_may_be_the_one_who_joins() {
    let (mut town, group, _) = parents(0);
    let code = town.code(live_code(group, 3, "家长群 {n}", &[DAVE]));
    let next = GroupId(group.0 + 1);
    assert_eq!(town.join_by(DAVE, &code.text), Ok(Came::Into(next)));
    let state = town.look_at(next);
    assert_eq!((state.owner, state.members), (DAVE, 1));
    assert_kept(&town);
}

#[test]
fn a_live_code_whose_group_was_dissolved_lets_nobody_in() {
    let (mut town, group, customers) = parents(1);
    let code = town.code(live_code(group, 3, "家长群 {n}", &[DAVE]));
    town.dissolve(Actor::Enterprise, group).unwrap();
    let dissolved = Err(Refusal::GroupDissolved { group });
    assert_eq!(town.join_by(customers[0], &code.text), dissolved);
}

#[test]
fn a_live_part_is_checked_when_it_is_made() {
    let (mut town, group, customers) = parents(1);
    let field = |result| match result {
        Err(Refusal::Invalid { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    let mut tried = |create| town.try_code(Actor::Enterprise, create).map(|_| ());
    assert_eq!(
        field(tried(live_code(group, 1, "群 {n}", &[DAVE]))),
        "threshold"
    );
    assert_eq!(
        field(tried(live_code(group, 501, "群 {n}", &[DAVE]))),
        "threshold"
    );
    assert_eq!(
        field(tried(live_code(group, 5, "", &[DAVE]))),
        "name_template"
    );
    let long = "群".repeat(60);
    assert_eq!(
        field(tried(live_code(group, 5, &long, &[DAVE]))),
        "name_template"
    );
    assert_eq!(field(tried(live_code(group, 5, "群 {n}", &[]))), "admins");
    let person = customers[0];
    let refused = tried(live_code(group, 5, "群 {n}", &[person]));
    assert_eq!(refused, Err(Refusal::NotAnEmployee { person }));
}

#[test]
fn a_live_code_moves_on_at_200_unless_it_says_otherwise() {
    let (mut town, group, _) = parents(0);
    let code = town.code(live_code(group, 0, "家长群 {n}", &[DAVE]));
    let live: LiveCodeV1 = town.code_state(code.code).live.unwrap();
    assert_eq!(live.threshold, 200);
    let plain = town.code(plain_code(group));
    assert_eq!(town.code_state(plain.code).live, None);
}

#[test]
fn an_internal_groups_next_belongs_to_the_same_team_and_counts_for_nobody() {
    let mut town = Town::with_employees(5);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    let code = town.code(live_code(group, 3, "项目群 {n}", &[BOB]));
    let next = GroupId(group.0 + 1);
    assert_eq!(town.join_by(DAVE, &code.text), Ok(Came::Into(next)));
    let groups = &town.state.tenants[0].groups;
    assert!(groups[0].team.is_some());
    assert_eq!(groups[0].team, groups[1].team);
    let record = town.last.clone().unwrap();
    let Event::GroupCreatedV2(created) = &record.events[0] else {
        panic!("{:?}", record.events);
    };
    assert_eq!(
        created.day_ends, created.day_starts,
        "no creation of DAVE's"
    );
    assert_eq!(created.creator, PersonId(0));
}
