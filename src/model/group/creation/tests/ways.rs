//! The ways of making a group of people named (SPEC G3).

use crate::model::command::{
    Actor, CreateTrainingGroupV1, GroupKind, NewGroupV1, TaggedCommand as T,
};
use crate::model::event::Event;
use crate::model::town::{ALICE, BOB, CAROL, DAVE, Town, by, new_group, watch};
use crate::model::{Refusal, Stamp, State, apply};
use crate::wire::{GroupId, Kind, PersonId, Timestamp};

#[test]
fn a_group_needs_two_others_and_a_training_group_none() {
    let mut town = Town::with_employees(3);
    let two = new_group(GroupKind::Internal, ALICE, &[BOB]);
    assert_eq!(
        town.create_v2(by(ALICE), two),
        Err(Refusal::TooFewMembers { need: 2, have: 1 })
    );
    let group = town.training_group(ALICE, &[]);
    assert_eq!(town.look_at(group).members, 1);
}

#[test]
fn the_2001st_person_of_a_group_is_refused() {
    let mut town = Town::with_employees(2_000);
    let late = town.employees(1)[0];
    let all: Vec<_> = (2..=2_000).map(PersonId).collect();
    let mut too_many = all.clone();
    too_many.push(late);
    let (group, cap) = (GroupId(0), 2_000);
    let full = Err(Refusal::GroupFull { group, cap });
    let new = new_group(GroupKind::Internal, ALICE, &too_many);
    assert_eq!(town.create_v2(by(ALICE), new), full);
    let group = town
        .create_v2(by(ALICE), new_group(GroupKind::Internal, ALICE, &all))
        .unwrap();
    assert_eq!(town.look_at(group).members, 2_000);
    assert_eq!(
        town.add(by(ALICE), group, &[late]),
        Err(Refusal::GroupFull { group, cap })
    );
}

#[test]
fn who_does_not_exist_has_left_or_is_named_twice_is_in_no_new_group() {
    let mut town = Town::with_employees(4);
    town.depart(DAVE).unwrap();
    let stranger = PersonId(99);
    let cases = [
        (stranger, Refusal::NoSuchPerson { person: stranger }),
        (DAVE, Refusal::Departed { person: DAVE }),
    ];
    for (person, refusal) in cases {
        let new = new_group(GroupKind::Internal, ALICE, &[BOB, person]);
        assert_eq!(town.create_v2(by(ALICE), new), Err(refusal));
    }
    for members in [[BOB, BOB], [BOB, ALICE]] {
        let new = new_group(GroupKind::Internal, ALICE, &members);
        assert!(matches!(
            town.create_v2(by(ALICE), new),
            Err(Refusal::Invalid {
                field: "members",
                ..
            })
        ));
    }
}

#[test]
fn names_and_teams_have_1_to_64_characters() {
    let mut town = Town::with_employees(3);
    let new = new_group(GroupKind::Internal, ALICE, &[BOB, CAROL]);
    for bad in ["", &"群".repeat(65)] {
        let named = NewGroupV1 {
            name: bad.to_owned(),
            ..new.clone()
        };
        assert!(matches!(
            town.create_v2(by(ALICE), named),
            Err(Refusal::Invalid { field: "name", .. })
        ));
        let of_team = NewGroupV1 {
            team: bad.to_owned(),
            ..new.clone()
        };
        assert!(matches!(
            town.create_v2(by(ALICE), of_team),
            Err(Refusal::Invalid { field: "team", .. })
        ));
    }
}

#[test]
fn a_training_group_is_made_with_its_password_and_in_no_other_way() {
    let mut town = Town::with_employees(3);
    let without = new_group(GroupKind::Training, ALICE, &[BOB, CAROL]);
    assert!(matches!(
        town.create_v2(Actor::Enterprise, without),
        Err(Refusal::Invalid { field: "kind", .. })
    ));
    assert!(
        town.create(Actor::Enterprise, GroupKind::Training, ALICE, &[BOB, CAROL])
            .is_err()
    );
    let now = town.now;
    let create = |kind, watch| {
        let group = new_group(kind, ALICE, &[BOB, CAROL]);
        T::CreateTrainingGroup(CreateTrainingGroupV1 { group, watch })
    };
    for refused in [
        create(GroupKind::Internal, watch("sesame", now)),
        create(GroupKind::Training, watch("", now)),
        create(GroupKind::Training, watch(&"x".repeat(65), now)),
        create(GroupKind::Training, watch("sesame", Timestamp(i64::MAX))),
    ] {
        let refused = town.ask(Actor::Enterprise, refused);
        assert!(matches!(refused, Err(Refusal::Invalid { .. })));
    }
}

#[test]
fn the_password_is_in_no_record() {
    let mut town = Town::with_employees(3);
    town.training_group(ALICE, &[BOB, CAROL]);
    let mut bytes = Vec::new();
    crate::model::event::encode_all(&town.last.as_ref().unwrap().events, &mut bytes);
    bytes.extend(town.state.to_snapshot());
    assert!(!bytes.windows(6).any(|part| part == b"sesame"));
}

#[test]
fn only_the_enterprise_names_another_owner() {
    let mut town = Town::with_employees(3);
    let new = new_group(GroupKind::Internal, BOB, &[ALICE, CAROL]);
    assert!(matches!(
        town.create_v2(by(ALICE), new.clone()),
        Err(Refusal::NotPermitted { .. })
    ));
    let group = town.create_v2(Actor::Enterprise, new).unwrap();
    assert_eq!(town.look_at(group).owner, BOB);
    assert_eq!(town.origin(group).creator, PersonId(0));
}

#[test]
fn a_new_group_is_shown_to_those_who_are_in_it() {
    let mut town = Town::with_employees(3);
    let new = new_group(GroupKind::Internal, ALICE, &[BOB, CAROL]);
    let group = town.create_v2(by(ALICE), new).unwrap();
    assert_eq!(town.last.as_ref().unwrap().stamp.kind, Kind::GroupCreated);
    let shown = town.projection();
    let people: Vec<_> = shown.deltas.iter().map(|delta| delta.person).collect();
    assert_eq!(people, [ALICE, BOB, CAROL]);
    assert_eq!(shown.envelopes[0].header().group(), group);
}

#[test]
fn an_event_that_is_not_the_tenants_next_group_changes_nothing() {
    let mut town = Town::with_employees(3);
    let new = new_group(GroupKind::Internal, ALICE, &[BOB, CAROL]);
    town.create_v2(by(ALICE), new).unwrap();
    let record = town.last.clone().unwrap();
    let hash = town.state.hash();
    let again = |state: &mut State, stamp: &Stamp, events: &[Event]| apply(state, stamp, events);
    let applied = again(&mut town.state, &record.stamp, &record.events);
    assert!(applied.takes.is_empty());
    assert_eq!(town.state.hash(), hash);
}

#[test]
fn systems_create_groups_for_a_verified_tenant_and_people_for_any() {
    let mut town = Town::with_employees(3);
    town.clock("2036-01-01T00:00:00Z");
    let internal = GroupKind::Internal;
    let refused = town.create(Actor::Enterprise, internal, ALICE, &[BOB, CAROL]);
    assert_eq!(refused, Err(Refusal::NotVerified));
    let direct = town.create(Actor::Enterprise, GroupKind::Direct, ALICE, &[BOB]);
    assert_eq!(direct, Err(Refusal::NotVerified));
    town.create(by(ALICE), internal, ALICE, &[BOB, CAROL])
        .unwrap();
}
