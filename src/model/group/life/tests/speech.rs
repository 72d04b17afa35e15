use super::{invalid, not_permitted};
use crate::model::Refusal;
use crate::model::town::{ALICE, BOB, CAROL, DAVE, Town, by, message};
use crate::wire::{GroupId, Kind, PersonId, Timestamp};

const FOREVER: Timestamp = Timestamp(i64::MAX);
const SECOND_US: i64 = 1_000_000;

/// Alice owns, Bob is an admin, Carol and Dave are plain members.
fn town() -> (Town, GroupId) {
    let mut town = Town::with_employees(5);
    let group = town.internal_group(ALICE, &[BOB, CAROL, DAVE]);
    town.appoint(group, BOB);
    (town, group)
}

#[test]
fn who_is_muted_is_silent_until_the_time_is_over() {
    let (mut town, group) = town();
    let until = town.now.plus_micros(60 * SECOND_US);
    town.mute(by(BOB), group, CAROL, until).unwrap();
    assert_eq!(
        town.projection().envelopes[0].header().kind(),
        Kind::Configured
    );
    assert_eq!(town.say(CAROL, group), Err(Refusal::Muted { group, until }));
    assert_eq!(town.settings(by(CAROL), group).unwrap().muted_until, until);
    town.say(DAVE, group).expect("only Carol");
    town.now = until.plus_micros(-1);
    assert!(town.say(CAROL, group).is_err());
    town.now = until;
    town.say(CAROL, group).unwrap();
}

#[test]
fn a_mute_is_lifted_early_and_leaving_does_not_lift_it() {
    let (mut town, group) = town();
    town.mute(by(ALICE), group, CAROL, FOREVER).unwrap();
    town.leave(CAROL, group).unwrap();
    town.add(by(ALICE), group, &[CAROL]).unwrap();
    assert!(matches!(town.say(CAROL, group), Err(Refusal::Muted { .. })));
    let now = town.now;
    town.mute(by(ALICE), group, CAROL, now).unwrap();
    town.say(CAROL, group).unwrap();
    town.mute(by(ALICE), group, DAVE, FOREVER).unwrap();
    town.leave(DAVE, group).unwrap();
    town.mute(by(ALICE), group, DAVE, now)
        .expect("who is away is pardoned too");
    assert!(matches!(
        town.mute(by(ALICE), group, DAVE, FOREVER),
        Err(Refusal::NotAMember { .. })
    ));
}

#[test]
fn owner_and_admins_are_never_silent_and_only_they_mute() {
    let (mut town, group) = town();
    for leader in [ALICE, BOB] {
        let muted = town.mute(by(BOB), group, leader, FOREVER);
        assert!(invalid(muted, "person"));
    }
    assert!(not_permitted(town.mute(by(CAROL), group, DAVE, FOREVER)));
    assert!(not_permitted(town.mute_all(by(CAROL), group, true)));
    assert!(not_permitted(town.slow_mode(by(DAVE), group, 10)));
    town.mute(by(BOB), group, CAROL, FOREVER).unwrap();
    town.appoint(group, CAROL);
    town.say(CAROL, group).expect("an admin now");
}

#[test]
fn when_all_are_muted_owner_and_admins_still_speak() {
    let (mut town, group) = town();
    town.mute_all(by(BOB), group, true).unwrap();
    let until = Timestamp(0);
    for person in [CAROL, DAVE] {
        assert_eq!(
            town.say(person, group),
            Err(Refusal::Muted { group, until })
        );
    }
    town.say(ALICE, group).unwrap();
    town.say(BOB, group).unwrap();
    town.mute_all(by(ALICE), group, false).unwrap();
    town.say(CAROL, group).unwrap();
}

#[test]
fn in_slow_mode_a_member_waits_between_two_messages() {
    let (mut town, group) = town();
    town.say(CAROL, group).unwrap();
    town.slow_mode(by(BOB), group, 30).unwrap();
    town.say(CAROL, group)
        .expect("what came before is not counted");
    let retry_at = town.now.plus_micros(30 * SECOND_US);
    let refused = Refusal::SlowMode { group, retry_at };
    assert_eq!(town.say(CAROL, group), Err(refused));
    town.say(DAVE, group).expect("each their own");
    for _ in 0..2 {
        town.say(ALICE, group).unwrap();
        town.say(BOB, group).unwrap();
    }
    town.now = retry_at.plus_micros(-1);
    assert!(town.say(CAROL, group).is_err());
    town.now = retry_at;
    town.say(CAROL, group).unwrap();
    assert!(invalid(town.slow_mode(by(BOB), group, 86_401), "seconds"));
}

#[test]
fn slow_mode_switched_off_remembers_nobody() {
    let (mut town, group) = town();
    town.slow_mode(by(BOB), group, 30).unwrap();
    town.say(CAROL, group).unwrap();
    town.say(DAVE, group).unwrap();
    let spoke = |town: &Town| {
        town.state.tenants[0].groups[0]
            .settings()
            .speech
            .spoke
            .len()
    };
    assert_eq!(spoke(&town), 2);
    town.leave(DAVE, group).unwrap();
    assert_eq!(spoke(&town), 1, "who left is forgotten");
    town.slow_mode(by(BOB), group, 0).unwrap();
    assert_eq!(spoke(&town), 0);
    town.say(CAROL, group).unwrap();
    assert_eq!(spoke(&town), 0);
}

#[test]
fn a_retry_of_a_message_is_answered_though_its_sender_is_muted_now() {
    let (mut town, group) = town();
    let first = town
        .publish(by(CAROL), message(CAROL, group, 9, 1))
        .unwrap();
    town.mute(by(ALICE), group, CAROL, FOREVER).unwrap();
    let again = town
        .publish(by(CAROL), message(CAROL, group, 9, 1))
        .unwrap();
    assert_eq!((again.sequence, again.duplicate), (first.sequence, true));
}

#[test]
fn a_message_of_the_enterprises_systems_is_not_bound() {
    use crate::model::command::{Actor, Publish};
    let (mut town, group) = town();
    town.mute_all(by(ALICE), group, true).unwrap();
    let system = Publish {
        kind: Kind::System,
        ..message(CAROL, group, 0, 0)
    };
    town.publish(Actor::Enterprise, system).unwrap();
}

#[test]
fn a_mass_send_is_refused_by_the_groups_alone_where_its_sender_is_silent() {
    let (mut town, group) = town();
    let silent = town.internal_group(ALICE, &[BOB, CAROL]);
    let slow = town.internal_group(ALICE, &[BOB, CAROL]);
    town.mute(by(ALICE), silent, CAROL, FOREVER).unwrap();
    town.slow_mode(by(ALICE), slow, 60).unwrap();
    town.say(CAROL, slow).unwrap();
    let sent = town.mass_send(CAROL, &[silent, group, slow], 7).unwrap();
    town.send_all();
    let progress = town.progress(sent);
    assert_eq!((progress.sent, progress.refused), (1, 2));
}

#[test]
fn a_mass_send_counts_as_having_spoken() {
    let (mut town, group) = town();
    town.slow_mode(by(ALICE), group, 60).unwrap();
    town.mass_send(CAROL, &[group], 7).unwrap();
    town.send_all();
    assert!(matches!(
        town.say(CAROL, group),
        Err(Refusal::SlowMode { .. })
    ));
}

#[test]
fn who_may_not_speak_because_they_are_no_member_is_told_that() {
    let (mut town, group) = town();
    town.mute_all(by(ALICE), group, true).unwrap();
    let person = PersonId(5);
    let refused = town.say(person, group);
    assert_eq!(refused, Err(Refusal::NotAMember { person, group }));
}
