use crate::model::command::{Actor, GroupKind, OpenFaceToFaceV1, Reply, TaggedCommand as T};
use crate::model::event::Event;
use crate::model::town::{ALICE, BOB, CAROL, DAVE, ERIN, Town, by};
use crate::model::{Limits, Refusal};
use crate::wire::{Kind, PersonId, Timestamp};

use super::assert_kept;

const MINUTE_US: i64 = 60_000_000;
const HERE: &str = "wx4g0ec1";
const THERE: &str = "wx4g0ec2";

#[test]
fn those_who_say_the_digits_in_the_place_become_a_group() {
    let mut town = Town::with_employees(5);
    let meeting = town.open_face_to_face(ALICE, "2580", HERE).unwrap().meeting;
    town.come(BOB, "2580", HERE).unwrap();
    let came = town.come(CAROL, "2580", HERE).unwrap();
    assert_eq!(came.people, [ALICE, BOB, CAROL]);
    assert_kept(&town);
    let group = town.start(ALICE, meeting).unwrap().group;
    let record = town.last.clone().unwrap();
    assert_eq!(record.stamp.kind, Kind::GroupCreated);
    let state = town.look_at(group);
    assert_eq!(
        (state.owner, state.members, state.name.as_str()),
        (ALICE, 3, "Here")
    );
    let records = town.log.len();
    assert_eq!(
        town.start(ALICE, meeting).unwrap().group,
        group,
        "started once"
    );
    assert_eq!(town.log.len(), records);
    assert_kept(&town);
}

#[test]
fn latecomers_join_the_group_while_the_digits_hold() {
    let mut town = Town::with_employees(5);
    let meeting = town.open_face_to_face(ALICE, "2580", HERE).unwrap().meeting;
    town.come(BOB, "2580", HERE).unwrap();
    town.come(CAROL, "2580", HERE).unwrap();
    let group = town.start(ALICE, meeting).unwrap().group;
    assert_eq!(town.come(DAVE, "2580", HERE).unwrap().group, group);
    let record = town.last.clone().unwrap();
    assert_eq!(record.stamp.kind, Kind::Joined);
    assert_eq!(town.look_at(group).members, 4);
    town.dissolve(Actor::Enterprise, group).unwrap();
    let dissolved = Err(Refusal::GroupDissolved { group });
    assert_eq!(town.come(ERIN, "2580", HERE), dissolved);
}

#[test]
fn the_same_digits_elsewhere_are_another_group() {
    let mut town = Town::with_employees(5);
    let here = town.open_face_to_face(ALICE, "2580", HERE).unwrap();
    let there = town.open_face_to_face(BOB, "2580", THERE).unwrap();
    assert_ne!(here.meeting, there.meeting);
    assert_eq!(
        town.come(CAROL, "2580", HERE).unwrap().meeting,
        here.meeting
    );
    assert_eq!(
        town.come(DAVE, "2580", THERE).unwrap().meeting,
        there.meeting
    );
}

#[test]
fn opening_with_digits_that_are_open_here_comes_to_that_group() {
    let mut town = Town::with_employees(5);
    let first = town.open_face_to_face(ALICE, "2580", HERE).unwrap();
    let second = town.open_face_to_face(BOB, "2580", HERE).unwrap();
    assert_eq!(second.meeting, first.meeting);
    assert_eq!(second.people, [ALICE, BOB]);
}

#[test]
fn the_digits_hold_ten_minutes_and_are_free_then() {
    let mut town = Town::with_employees(5);
    let start = town.now;
    let first = town.open_face_to_face(ALICE, "2580", HERE).unwrap();
    town.come(BOB, "2580", HERE).unwrap();
    town.now = start.plus_micros(10 * MINUTE_US - 1);
    town.come(CAROL, "2580", HERE).expect("the last moment");
    town.now = start.plus_micros(10 * MINUTE_US);
    assert_eq!(
        town.come(DAVE, "2580", HERE),
        Err(Refusal::NoSuchFaceToFace)
    );
    assert_eq!(
        town.start(ALICE, first.meeting),
        Err(Refusal::NoSuchFaceToFace)
    );
    let second = town.open_face_to_face(DAVE, "2580", HERE).unwrap();
    assert_eq!(second.people, [DAVE], "another group, from nobody");
    assert_kept(&town);
}

#[test]
fn five_wrong_guesses_a_minute_and_no_more() {
    let mut town = Town::with_employees(3);
    let start = town.now;
    town.open_face_to_face(ALICE, "2580", HERE).unwrap();
    let elsewhere = town.come(BOB, "2580", THERE);
    assert_eq!(elsewhere, Err(Refusal::NoSuchFaceToFace));
    for digits in ["2581", "258", "25800", "二五八零"] {
        assert_eq!(town.come(BOB, digits, HERE), Err(Refusal::NoSuchFaceToFace));
        let record = town.last.clone().unwrap();
        assert!(matches!(record.events.as_slice(), [Event::CodeGuessed(_)]));
    }
    let barred = Refusal::TooManyGuesses {
        retry_at: start.plus_micros(MINUTE_US),
    };
    assert_eq!(town.come(BOB, "2580", HERE), Err(barred.clone()));
    let by_opening = town.open_face_to_face(BOB, "2580", HERE);
    assert_eq!(by_opening, Err(barred), "opening is no way around");
    town.come(CAROL, "2580", HERE)
        .expect("others are untouched");
    town.now = start.plus_micros(MINUTE_US);
    town.come(BOB, "2580", HERE).unwrap();
}

#[test]
fn a_group_needs_two_others_who_are_still_there() {
    let mut town = Town::with_employees(3);
    let meeting = town.open_face_to_face(ALICE, "2580", HERE).unwrap().meeting;
    town.come(BOB, "2580", HERE).unwrap();
    let few = Err(Refusal::TooFewMembers { need: 2, have: 1 });
    assert_eq!(town.start(ALICE, meeting), few);
    town.come(CAROL, "2580", HERE).unwrap();
    town.depart(BOB).unwrap();
    assert_eq!(town.start(ALICE, meeting), few);
}

#[test]
fn only_who_opened_it_starts_it_and_to_strangers_it_is_not_there() {
    let mut town = Town::with_employees(4);
    let meeting = town.open_face_to_face(ALICE, "2580", HERE).unwrap().meeting;
    town.come(BOB, "2580", HERE).unwrap();
    town.come(CAROL, "2580", HERE).unwrap();
    let refused = town.start(BOB, meeting);
    assert!(matches!(refused, Err(Refusal::NotPermitted { .. })));
    assert_eq!(town.start(DAVE, meeting), Err(Refusal::NoSuchFaceToFace));
}

#[test]
fn customers_come_to_external_groups_which_employees_may_not_open() {
    let mut town = Town::with_employees(3);
    let admin = town.super_admin();
    let customer = town.customers(1)[0];
    town.open_face_to_face(ALICE, "2580", HERE).unwrap();
    let person = customer;
    let refused = town.come(customer, "2580", HERE);
    assert_eq!(refused, Err(Refusal::NotAnEmployee { person }));
    let refused = town.open_face_to_face(customer, "1111", HERE);
    assert!(matches!(refused, Err(Refusal::NotPermitted { .. })));
    let mut open_external = |person: PersonId| {
        let open = OpenFaceToFaceV1 {
            person,
            digits: "0000".to_owned(),
            location: HERE.to_owned(),
            name: "客户".to_owned(),
            kind: GroupKind::External,
        };
        town.ask(by(person), T::OpenFaceToFace(open))
    };
    let refused = open_external(BOB);
    assert!(matches!(refused, Err(Refusal::NotPermitted { .. })));
    let Ok(Reply::FaceToFace(opened)) = open_external(admin) else {
        panic!("a super admin makes external groups");
    };
    town.come(customer, "0000", HERE).unwrap();
    town.come(BOB, "0000", HERE).unwrap();
    let group = town.start(admin, opened.meeting).unwrap().group;
    assert_eq!(town.look_at(group).kind, GroupKind::External);
}

#[test]
fn the_last_place_face_to_face_goes_to_one() {
    let limits = Limits {
        internal_members_max: 3,
        ..Limits::default()
    };
    let mut town = Town::with_employees(5).limited(limits);
    let meeting = town.open_face_to_face(ALICE, "2580", HERE).unwrap().meeting;
    town.come(BOB, "2580", HERE).unwrap();
    town.come(CAROL, "2580", HERE).unwrap();
    let full = town.come(DAVE, "2580", HERE);
    assert!(matches!(full, Err(Refusal::GroupFull { cap: 3, .. })));
    let group = town.start(ALICE, meeting).unwrap().group;
    let full = Err(Refusal::GroupFull { group, cap: 3 });
    assert_eq!(town.come(DAVE, "2580", HERE), full);
}

#[test]
fn nobody_tries_digits_by_opening_many() {
    let mut town = Town::with_employees(2);
    for digits in ["0001", "0002", "0003", "0004", "0005"] {
        town.open_face_to_face(ALICE, digits, HERE).unwrap();
    }
    let refused = town.open_face_to_face(ALICE, "0006", HERE);
    assert_eq!(refused, Err(Refusal::TooManyFaceToFace { limit: 5 }));
    town.open_face_to_face(BOB, "0006", HERE).unwrap();
    town.now = town.now.plus_micros(10 * MINUTE_US);
    town.open_face_to_face(ALICE, "0006", HERE)
        .expect("the others are over");
}

#[test]
fn digits_and_places_are_checked_when_it_is_opened() {
    let mut town = Town::with_employees(1);
    let mut field =
        |digits: &str, location: &str| match town.open_face_to_face(ALICE, digits, location) {
            Err(Refusal::Invalid { field, .. }) => field,
            other => panic!("{other:?}"),
        };
    assert_eq!(field("123", HERE), "digits");
    assert_eq!(field("+123", HERE), "digits");
    assert_eq!(field("1234", ""), "location");
    assert_eq!(field("1234", &"x".repeat(129)), "location");
}

#[test]
fn another_tenants_digits_are_not_there() {
    let mut town = Town::with_employees(1);
    town.open_face_to_face(ALICE, "2580", HERE).unwrap();
    town.tenant = town.create_tenant("UTC", Timestamp(0));
    let stranger = town.employees(1)[0];
    assert_eq!(
        town.come(stranger, "2580", HERE),
        Err(Refusal::NoSuchFaceToFace)
    );
}
