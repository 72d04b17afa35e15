use crate::model::command::{Actor, FollowDepartmentV1, Reply, TaggedCommand as T};
use crate::model::event::{Event, FollowRefusedV1, GroupStatus, LeaveCause};
use crate::model::town::{ALICE, BOB, CAROL, DAVE, ERIN, NO_DEPARTMENT, Town, by};
use crate::model::{Limits, Refusal};
use crate::wire::{DepartmentId, GroupId, Kind, MembershipBody, PersonId, Sequence};

/// Research with Platform below it, and Sales; a group of Alice, Bob and Carol follows Research.
fn company() -> (Town, GroupId, [DepartmentId; 3]) {
    let mut town = Town::with_employees(8);
    let research = town.department("Research", NO_DEPARTMENT);
    let platform = town.department("Platform", research);
    let sales = town.department("Sales", NO_DEPARTMENT);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.follow(group, research);
    (town, group, [research, platform, sales])
}

fn follow(town: &mut Town, group: GroupId, department: DepartmentId) -> Result<Reply, Refusal> {
    let follow = FollowDepartmentV1 { group, department };
    town.ask(Actor::Enterprise, T::FollowDepartment(follow))
}

fn refused_of(town: &Town) -> Vec<PersonId> {
    let events = &town.log.last().unwrap().events;
    let refused = events.iter().filter_map(|event| match event {
        Event::FollowRefused(FollowRefusedV1 { person, .. }) => Some(*person),
        _ => None,
    });
    refused.collect()
}

#[test]
fn a_newcomer_joins_and_a_mover_leaves_and_joins_in_one_record() {
    let (mut town, research_group, [research, _, sales]) = company();
    let sales_group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.follow(sales_group, sales);
    town.place(DAVE, &[research]);
    assert_eq!(town.people_in(research_group), [ALICE, BOB, CAROL, DAVE]);
    let records = town.log.len();
    town.place(DAVE, &[sales]);
    assert_eq!(town.log.len(), records + 1, "one record");
    assert_eq!(town.people_in(research_group), [ALICE, BOB, CAROL]);
    assert_eq!(town.people_in(sales_group), [ALICE, BOB, CAROL, DAVE]);
}

#[test]
fn the_group_sees_who_came_and_went_and_the_watchers_from_which_sequence() {
    let (mut town, group, [research, ..]) = company();
    town.place(DAVE, &[research]);
    let shown = town.projection();
    let [envelope] = shown.envelopes.as_slice() else {
        panic!("one group sees it: {shown:?}");
    };
    assert_eq!(envelope.header().kind(), Kind::Joined);
    let [delta] = shown.deltas.as_slice() else {
        panic!("one membership begins: {shown:?}");
    };
    assert_eq!((delta.person, delta.joined), (DAVE, true));
    assert_eq!(delta.at, envelope.header().sequence());

    town.place(DAVE, &[]);
    let shown = town.projection();
    let header = shown.envelopes[0].header();
    assert_eq!((header.kind(), header.group()), (Kind::Left, group));
    let body = MembershipBody::read(shown.envelopes[0].body()).unwrap();
    assert_eq!(
        (body.detail, body.people),
        (LeaveCause::Moved as u8, vec![DAVE])
    );
    assert!(!shown.deltas[0].joined);
}

#[test]
fn who_is_below_the_department_belongs_to_its_group() {
    let (mut town, group, [research, platform, _]) = company();
    town.place(DAVE, &[platform]);
    assert!(town.people_in(group).contains(&DAVE));
    town.place(DAVE, &[research]);
    let takes = town.last.as_ref().unwrap().applied.takes.len();
    assert_eq!(takes, 0, "they stay within it");
    assert!(town.people_in(group).contains(&DAVE));
}

#[test]
fn who_is_also_there_through_another_department_stays() {
    let (mut town, group, [research, platform, sales]) = company();
    town.place(DAVE, &[research, platform, sales]);
    town.place(DAVE, &[platform, sales]);
    assert!(town.people_in(group).contains(&DAVE));
    town.place(DAVE, &[sales]);
    assert!(!town.people_in(group).contains(&DAVE));
}

#[test]
fn who_was_brought_by_hand_stays_when_they_move() {
    let (mut town, group, [research, _, sales]) = company();
    town.add(Actor::Enterprise, group, &[DAVE]).unwrap();
    for departments in [&[research][..], &[sales], &[]] {
        town.place(DAVE, departments);
        assert!(town.people_in(group).contains(&DAVE), "{departments:?}");
    }
    town.place(DAVE, &[research]);
    town.remove(Actor::Enterprise, group, &[DAVE]).unwrap();
    town.place(DAVE, &[]);
    town.place(DAVE, &[research]);
    assert!(town.people_in(group).contains(&DAVE), "they come anew");
    town.place(DAVE, &[]);
    assert!(
        !town.people_in(group).contains(&DAVE),
        "being brought by hand ended with being removed"
    );
}

#[test]
fn who_left_by_themselves_is_not_fetched_back_within_the_department() {
    let (mut town, group, [research, platform, _]) = company();
    town.place(DAVE, &[research]);
    town.leave(DAVE, group).unwrap();
    town.place(DAVE, &[platform]);
    assert!(!town.people_in(group).contains(&DAVE));
}

#[test]
fn a_full_group_keeps_the_move_and_records_who_found_no_place() {
    let limits = Limits {
        internal_members_max: 4,
        ..Limits::default()
    };
    let (mut town, group, [research, ..]) = company();
    town = town.limited(limits);
    town.place(DAVE, &[research]);
    let head = town.look_at(group).head;
    town.place(ERIN, &[research]);
    assert_eq!(refused_of(&town), [ERIN]);
    assert_eq!(town.look_at(group).head, head, "it takes no sequence");
    assert_eq!(town.people_in(group), [ALICE, BOB, CAROL, DAVE]);
    let tenant = town.state.tenant(town.tenant).unwrap();
    assert_eq!(tenant.people[4].departments.len(), 1, "the move stands");

    town.remove(Actor::Enterprise, group, &[CAROL]).unwrap();
    town.follow(group, research);
    assert!(town.people_in(group).contains(&ERIN), "once there is room");
    town.follow(group, research);
    assert!(town.last.is_none(), "nobody is missing");
}

#[test]
fn a_group_that_begins_to_follow_takes_in_the_department() {
    let mut town = Town::with_employees(8);
    let research = town.department("Research", NO_DEPARTMENT);
    let platform = town.department("Platform", research);
    town.place(BOB, &[research]);
    town.place(DAVE, &[platform]);
    town.place(ERIN, &[platform, research]);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.follow(group, research);
    assert_eq!(town.people_in(group), [ALICE, BOB, CAROL, DAVE, ERIN]);
    assert_eq!(town.look_at(group).head, Sequence(2), "one place for all");
    for person in [ALICE, BOB, CAROL, DAVE, ERIN] {
        town.place(person, &[research]);
        town.place(person, &[]);
    }
    assert_eq!(
        town.people_in(group),
        [ALICE, CAROL],
        "who was in it without the department stays"
    );
}

#[test]
fn a_group_follows_one_department_and_an_external_one_none() {
    let (mut town, group, [research, _, sales]) = company();
    let refused = follow(&mut town, group, sales);
    assert!(matches!(
        refused,
        Err(Refusal::Invalid { field: "group", .. })
    ));
    let customer = town.customers(1)[0];
    let external = town.external_group(ALICE, &[BOB, customer]);
    let refused = follow(&mut town, external, sales);
    assert!(matches!(
        refused,
        Err(Refusal::Invalid { field: "group", .. })
    ));
    let member = FollowDepartmentV1 {
        group,
        department: research,
    };
    let refused = town.ask(by(ALICE), T::FollowDepartment(member));
    assert!(
        matches!(refused, Err(Refusal::NotPermitted { .. })),
        "its owner does not run the department"
    );
    town.dissolve(Actor::Enterprise, group).unwrap();
    let refused = follow(&mut town, group, research);
    assert_eq!(refused, Err(Refusal::GroupDissolved { group }));
    town.place(DAVE, &[research]);
    assert!(town.last.as_ref().unwrap().applied.takes.is_empty());
}

#[test]
fn an_owner_who_moves_away_is_succeeded() {
    let mut town = Town::with_employees(5);
    let research = town.department("Research", NO_DEPARTMENT);
    for person in [ALICE, BOB, CAROL] {
        town.place(person, &[research]);
    }
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.follow(group, research);
    town.appoint(group, CAROL);
    town.place(ALICE, &[]);
    assert_eq!(town.look_at(group).owner, CAROL);
    town.place(CAROL, &[]);
    assert_eq!(town.look_at(group).owner, BOB);
    town.place(BOB, &[]);
    let shown = town.projection();
    assert_eq!(shown.envelopes[0].header().kind(), Kind::Dissolved);
    assert!(town.look_at(group).dissolved, "an empty group is over");
    town.remove_department(research)
        .expect("a dissolved group is bound to nothing");
}

#[test]
fn nobody_enters_a_disabled_group_and_who_moves_still_leaves_it() {
    let (mut town, group, [research, ..]) = company();
    town.place(DAVE, &[research]);
    let tenant = town.state.tenant_mut(town.tenant).unwrap();
    tenant.groups[0].status = GroupStatus::Disabled;
    town.place(ERIN, &[research]);
    assert!(!town.people_in(group).contains(&ERIN));
    assert!(refused_of(&town).is_empty(), "it is not for want of room");
    town.place(DAVE, &[]);
    assert!(!town.people_in(group).contains(&DAVE));
}

#[test]
fn a_department_that_moves_takes_its_people_into_other_groups() {
    let (mut town, group, [research, platform, sales]) = company();
    let sales_group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.follow(sales_group, sales);
    let below = town.department("Below", platform);
    town.place(DAVE, &[platform]);
    town.place(ERIN, &[below, research]);
    town.add(Actor::Enterprise, group, &[PersonId(6)]).unwrap();
    town.place(PersonId(6), &[below]);
    town.move_department(Actor::Enterprise, platform, sales)
        .unwrap();
    assert_eq!(
        town.people_in(group),
        [ALICE, BOB, CAROL, ERIN, PersonId(6)],
        "Erin is there through Research too, the sixth by hand"
    );
    assert_eq!(
        town.people_in(sales_group),
        [ALICE, BOB, CAROL, DAVE, ERIN, PersonId(6)]
    );
    let takes = &town.log.last().unwrap().applied.takes;
    assert_eq!(takes.len(), 2, "one place in each group");
}

#[test]
fn a_large_department_moves_in_smaller_parts_where_groups_follow() {
    let limits = Limits {
        moved_people_max: 2,
        moved_departments_max: 3,
        ..Limits::default()
    };
    let (mut town, _, [research, platform, sales]) = company();
    town = town.limited(limits);
    for person in [DAVE, ERIN, PersonId(6)] {
        town.place(person, &[platform]);
    }
    let refused = town.move_department(Actor::Enterprise, platform, sales);
    let what = "people";
    assert_eq!(refused, Err(Refusal::TooMuchAtOnce { what, limit: 2 }));
    let other = town.department("Other", research);
    town.move_department(Actor::Enterprise, platform, other)
        .expect("no group changes");
    for name in ["a", "b", "c"] {
        town.department(name, sales);
    }
    let refused = town.move_department(Actor::Enterprise, sales, research);
    let what = "departments";
    assert_eq!(refused, Err(Refusal::TooMuchAtOnce { what, limit: 3 }));
}

#[test]
fn a_leaver_is_in_a_following_group_no_more_and_not_by_hand_either() {
    let (mut town, group, [research, ..]) = company();
    town.add(Actor::Enterprise, group, &[DAVE]).unwrap();
    town.place(DAVE, &[research]);
    town.depart(DAVE).unwrap();
    assert!(!town.people_in(group).contains(&DAVE));
    let tenant = town.state.tenant(town.tenant).unwrap();
    let by_hand: Vec<_> = tenant.departments.by_hand.values().flatten().collect();
    assert_eq!(by_hand.len(), 3, "Alice, Bob and Carol");
    assert_eq!(town.replayed().hash(), town.state.hash());
}
