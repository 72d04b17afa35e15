//! Urgent messages: ahead of everything that waits, once where they can be, and never in place of order
//! (SPEC S2).

use crate::shard_world::{ALICE, BOB, LONG, TEAM, World, message, messages, team_of_two};
use throng::shard::Config;

/// Sessions of people whose sink takes urgent ones (see `Streams`).
const FIRST: u64 = 3;
const SECOND: u64 = 4;
/// One whose sink does not.
const WITHOUT: u64 = 5;

fn two_online() -> World {
    let mut world = team_of_two();
    world.attach_live(FIRST, ALICE);
    world.attach_live(SECOND, BOB);
    world
}

#[test]
fn an_urgent_message_to_who_has_everything_comes_once_and_ahead() {
    let mut world = two_online();
    let at = world.publish_urgent(TEAM, b"the house is on fire");
    world.flush();
    assert_eq!(world.urgent(FIRST), [message(TEAM, at)]);
    assert_eq!(world.sent(FIRST), []);
    world.publish(TEAM, b"all is well again");
    world.flush();
    assert_eq!(world.sent(FIRST), [message(TEAM, at + 1)]);
}

#[test]
fn an_urgent_message_reaches_who_has_no_room_for_anything_else() {
    let mut world = two_online();
    world.give_room(FIRST, Some(0));
    world.publish(TEAM, b"one that has to wait");
    world.flush();
    let at = world.publish_urgent(TEAM, b"the house is on fire");
    world.flush();
    assert_eq!(world.sent(FIRST), []);
    assert_eq!(world.urgent(FIRST), [message(TEAM, at)]);
    world.give_room(FIRST, None);
    world.flush();
    // Whoever was behind gets it again in its order, which the client drops.
    assert_eq!(world.sent(FIRST), messages(TEAM, at - 1..=at));
}

#[test]
fn an_urgent_message_goes_to_everybody_before_a_flush_goes_on() {
    let mut world = two_online();
    world.publish_many(TEAM, 3, LONG);
    world.publish_urgent(TEAM, b"the house is on fire");
    world.flush();
    assert_eq!(world.streams.turns[..2], [FIRST, SECOND]);
    assert_eq!(world.urgent(SECOND).len(), 1);
}

#[test]
fn only_urgent_ones_go_while_a_wave_waits() {
    let mut world = two_online();
    world.publish(TEAM, b"it waits for company");
    let at = world.publish_urgent(TEAM, b"the house is on fire");
    world.core.flush_urgent(&mut world.streams, || true);
    assert_eq!(world.urgent(FIRST), [message(TEAM, at)]);
    assert_eq!(world.sent(FIRST), []);
    assert!(world.core.has_work());
    world.flush();
    assert_eq!(world.sent(FIRST), messages(TEAM, at - 1..=at));
}

#[test]
fn an_urgent_message_is_not_for_who_was_removed_before_it() {
    let mut world = two_online();
    world.give_room(SECOND, Some(0));
    world.publish(TEAM, b"still theirs to read");
    world.flush();
    world.leave(TEAM, BOB);
    world.publish_urgent(TEAM, b"not theirs any more");
    world.flush();
    assert_eq!(world.urgent(SECOND), []);
    assert_eq!(world.urgent(FIRST).len(), 1);
}

#[test]
fn a_session_without_a_way_for_urgent_ones_gets_them_in_their_order() {
    let mut world = team_of_two();
    world.attach_live(WITHOUT, ALICE);
    world.publish(TEAM, b"before");
    let at = world.publish_urgent(TEAM, b"the house is on fire");
    world.flush();
    assert_eq!(world.sent(WITHOUT), messages(TEAM, at - 1..=at));
}

#[test]
fn a_walk_that_is_interrupted_goes_on_where_it_was_and_order_serves_whom_it_missed() {
    let mut world = World::new(Config::default());
    let people: Vec<u64> = (0..100).filter(|person| person % 3 != 2).collect();
    for &person in &people {
        world.join(TEAM, person);
        world.attach_live(person, person);
    }
    world.flush();
    let at = world.publish_urgent(TEAM, b"the house is on fire");
    world.flush_strides(1);
    let reached = people
        .iter()
        .filter(|person| !world.urgent(**person).is_empty());
    let reached = reached.count();
    assert!(0 < reached && reached < people.len(), "{reached}");
    world.leave(TEAM, people[0]);
    world.flush();
    for &person in &people {
        let early = world.urgent(person).contains(&message(TEAM, at));
        let in_order = world.sent(person).contains(&message(TEAM, at));
        assert!(early || in_order, "{person}");
    }
}
