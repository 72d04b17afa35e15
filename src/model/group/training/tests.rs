use crate::model::command::{
    Actor, ConfigureWatchV1, GroupV1, ListViewersV1, Reply, TaggedCommand as T,
};
use crate::model::event::Event;
use crate::model::town::{ALICE, BOB, CAROL, DAVE, ERIN, Town, by, watch};
use crate::model::{Limits, Refusal, State};
use crate::wire::{GroupId, PersonId, Sequence, Timestamp};

fn town() -> (Town, GroupId) {
    let mut town = Town::with_employees(5);
    let group = town.training_group(ALICE, &[BOB]);
    (town, group)
}

fn room(town: &mut Town, group: GroupId, room: u32) -> Vec<PersonId> {
    let list = T::ListViewers(ListViewersV1 { group, room });
    match town.ask(Actor::Enterprise, list) {
        Ok(Reply::Viewers(viewers)) => viewers.viewers,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_viewer_joins_by_password_takes_no_sequence_and_never_publishes() {
    let (mut town, group) = town();
    assert_eq!(town.watch(by(CAROL), CAROL, group, "sesame"), Ok(0));
    let record = town.last.clone().unwrap();
    assert!(record.applied.takes.is_empty());
    assert!(record.project().envelopes.is_empty());
    assert_eq!(town.look_at(group).head, Sequence(1));
    assert_eq!(town.look_at(group).members, 2, "viewers are apart");
    assert_eq!(
        town.say(CAROL, group),
        Err(Refusal::NotAMember {
            person: CAROL,
            group
        })
    );
    town.say(BOB, group).unwrap();
    town.ask(by(CAROL), T::GetGroup(GroupV1 { group }))
        .expect("a viewer reads about what they watch");
}

#[test]
fn watching_twice_is_watching_once() {
    let (mut town, group) = town();
    town.watch(by(CAROL), CAROL, group, "sesame").unwrap();
    let records = town.log.len();
    assert_eq!(town.watch(by(CAROL), CAROL, group, "anything"), Ok(0));
    assert_eq!((town.log.len(), town.viewers(group)), (records, 1));
}

#[test]
fn who_may_speak_does_not_watch_and_who_comes_to_speak_watches_no_longer() {
    let (mut town, group) = town();
    assert_eq!(
        town.watch(by(BOB), BOB, group, "sesame"),
        Err(Refusal::AlreadyAMember { person: BOB, group })
    );
    town.watch(by(CAROL), CAROL, group, "sesame").unwrap();
    town.add(by(ALICE), group, &[CAROL]).unwrap();
    assert_eq!(town.viewers(group), 0);
    town.say(CAROL, group).unwrap();
    assert_eq!(town.replayed().hash(), town.state.hash());
}

#[test]
fn viewers_are_let_in_from_the_opening_until_before_the_closing() {
    let (mut town, group) = town();
    let opens = town.now.plus_micros(1_000_000);
    let configure = ConfigureWatchV1 {
        group,
        watch: watch("sesame", opens),
    };
    assert!(matches!(
        town.ask(by(CAROL), T::ConfigureWatch(configure.clone())),
        Err(Refusal::NotPermitted { .. })
    ));
    town.ask(by(ALICE), T::ConfigureWatch(configure)).unwrap();
    let closes = opens.plus_micros(3_600_000_000);
    let closed = Err(Refusal::WatchClosed {
        group,
        opens,
        closes,
    });
    assert_eq!(town.watch(by(CAROL), CAROL, group, "sesame"), closed);
    town.now = opens;
    town.watch(by(CAROL), CAROL, group, "sesame").unwrap();
    town.now = closes.plus_micros(-1);
    town.watch(by(DAVE), DAVE, group, "sesame").unwrap();
    town.now = closes;
    assert_eq!(town.watch(by(ERIN), ERIN, group, "sesame"), closed);
}

#[test]
fn another_password_is_asked_of_those_who_come_later() {
    let (mut town, group) = town();
    town.watch(by(CAROL), CAROL, group, "sesame").unwrap();
    let now = town.now;
    let configure = ConfigureWatchV1 {
        group,
        watch: watch("simsim", now),
    };
    town.ask(by(ALICE), T::ConfigureWatch(configure)).unwrap();
    assert_eq!(town.viewers(group), 1);
    let wrong = town.watch(by(DAVE), DAVE, group, "sesame");
    assert_eq!(wrong, Err(Refusal::WrongPassword { group }));
    town.watch(by(DAVE), DAVE, group, "simsim").unwrap();
}

#[test]
fn five_wrong_guesses_in_a_minute_are_recorded_one_by_one_and_bar_the_sixth() {
    let (mut town, group) = town();
    let began = town.now;
    for n in 0..5 {
        town.now = began.plus_micros(n * 10_000_000);
        let wrong = town.watch(by(CAROL), CAROL, group, "open");
        assert_eq!(wrong, Err(Refusal::WrongPassword { group }));
        assert!(matches!(
            &town.last.as_ref().unwrap().events[..],
            [Event::WatchPasswordWrong(wrong)] if wrong.viewer == CAROL
        ));
    }
    let retry_at = began.plus_micros(60_000_000);
    let barred = Err(Refusal::TooManyGuesses { retry_at });
    for state in [
        State::from_snapshot(&town.state.to_snapshot()).unwrap(),
        town.replayed(),
    ] {
        assert_eq!(state.hash(), town.state.hash());
        town.state = state;
        assert_eq!(
            town.watch(by(CAROL), CAROL, group, "sesame"),
            barred,
            "even the right one"
        );
        assert!(town.last.is_none());
    }
    town.watch(by(DAVE), DAVE, group, "sesame")
        .expect("another person's guesses are their own");
    town.now = retry_at;
    let wrong = town.watch(by(CAROL), CAROL, group, "open");
    assert_eq!(wrong, Err(Refusal::WrongPassword { group }));
    let retry_at = began.plus_micros(70_000_000);
    assert_eq!(
        town.watch(by(CAROL), CAROL, group, "sesame"),
        Err(Refusal::TooManyGuesses { retry_at }),
        "any minute counts, not the calendar's"
    );
    town.now = retry_at;
    town.watch(by(CAROL), CAROL, group, "sesame").unwrap();
}

#[test]
fn guesses_of_a_minute_ago_cost_nothing() {
    let (mut town, group) = town();
    let hash = |town: &Town| {
        let tenant = &town.state.tenants[0];
        tenant.creation.audiences.guesses.living(town.now).count()
    };
    for person in [CAROL, DAVE, ERIN] {
        town.watch(by(person), person, group, "open").unwrap_err();
    }
    assert_eq!(hash(&town), 3);
    town.now = town.now.plus_micros(60_000_000);
    assert_eq!(hash(&town), 0);
    town.watch(by(CAROL), CAROL, group, "open").unwrap_err();
    assert_eq!(hash(&town), 1);
}

#[test]
fn rooms_are_filled_seat_by_seat_and_nobody_changes_rooms() {
    let limits = Limits {
        training_room_people_max: 2,
        training_viewers_max: 4,
        ..Limits::default()
    };
    let mut town = Town::with_employees(8).limited(limits);
    let group = town.training_group(ALICE, &[]);
    let rooms: Vec<_> = (3..=6)
        .map(PersonId)
        .map(|person| town.watch(by(person), person, group, "sesame").unwrap())
        .collect();
    assert_eq!(rooms, [0, 0, 1, 1]);
    let seventh = PersonId(7);
    assert_eq!(
        town.watch(by(seventh), seventh, group, "sesame"),
        Err(Refusal::GroupFull { group, cap: 4 })
    );
    town.stop_watching(by(PersonId(4)), PersonId(4), group)
        .unwrap();
    assert_eq!(room(&mut town, group, 0), [PersonId(3)]);
    assert_eq!(room(&mut town, group, 1), [PersonId(5), PersonId(6)]);
    town.state = core::mem::take(&mut town.state).with_limits(limits);
    let bytes = town.state.to_snapshot();
    town.state = State::from_snapshot(&bytes).unwrap().with_limits(limits);
    assert_eq!(
        town.watch(by(seventh), seventh, group, "sesame"),
        Ok(0),
        "the seat that came free"
    );
    assert_eq!(room(&mut town, group, 0), [PersonId(3), seventh]);
    assert_eq!(town.viewers(group), 4);
}

#[test]
fn who_leaves_who_departs_and_who_is_in_no_group_any_more_watches_nothing() {
    let (mut town, group) = town();
    for person in [CAROL, DAVE, ERIN] {
        town.watch(by(person), person, group, "sesame").unwrap();
    }
    assert!(matches!(
        town.stop_watching(by(CAROL), DAVE, group),
        Err(Refusal::NotPermitted { .. })
    ));
    town.stop_watching(by(DAVE), DAVE, group).unwrap();
    assert_eq!(
        town.stop_watching(by(DAVE), DAVE, group),
        Err(Refusal::NotAMember {
            person: DAVE,
            group
        })
    );
    town.depart(ERIN).unwrap();
    assert_eq!(town.viewers(group), 1);
    town.dissolve(by(ALICE), group).unwrap();
    assert_eq!(
        town.watch(by(DAVE), DAVE, group, "sesame"),
        Err(Refusal::GroupDissolved { group })
    );
    let bytes = town.state.to_snapshot();
    let again = State::from_snapshot(&bytes).unwrap();
    assert_eq!(again.hash(), town.state.hash());
    assert_eq!(town.replayed().hash(), town.state.hash());
    assert!(town.state.tenants[0].creation.audiences.watching.is_empty());
}

#[test]
fn customers_watch_too_and_do_not_speak() {
    let (mut town, group) = town();
    let customer = town.customers(1)[0];
    town.watch(by(customer), customer, group, "sesame").unwrap();
    assert_eq!(
        town.add(by(ALICE), group, &[customer]),
        Err(Refusal::NotAnEmployee { person: customer })
    );
}

#[test]
fn only_a_training_group_of_ones_own_enterprise_is_watched() {
    let (mut town, group) = town();
    let internal = town.internal_group(ALICE, &[BOB, CAROL]);
    assert!(matches!(
        town.watch(by(DAVE), DAVE, internal, "sesame"),
        Err(Refusal::Invalid { field: "group", .. })
    ));
    assert!(matches!(
        town.watch(by(DAVE), CAROL, group, "sesame"),
        Err(Refusal::NotPermitted { .. })
    ));
    town.tenant = town.create_tenant("UTC", Timestamp(0));
    town.employees(1);
    assert_eq!(
        town.watch(by(ALICE), ALICE, group, "sesame"),
        Err(Refusal::NoSuchGroup { group })
    );
}

#[test]
fn a_viewers_seat_costs_a_few_bytes() {
    let mut town = Town::with_employees(1);
    for _ in 0..5 {
        town.employees(2_000);
    }
    let group = town.training_group(ALICE, &[]);
    for person in (2..=10_001).map(PersonId) {
        town.watch(Actor::Enterprise, person, group, "sesame")
            .unwrap();
    }
    assert_eq!(town.viewers(group), 10_000);
    let training = town.state.tenants[0].groups[0].training.as_ref().unwrap();
    let map = training.by_viewer.capacity() * size_of::<(PersonId, u32)>();
    assert!(training.seats.capacity() * 4 + map <= 32 * 10_000);
}
