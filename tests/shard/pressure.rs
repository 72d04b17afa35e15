//! Those who are behind take turns after those who are live, and rings that must shrink lose nobody
//! anything (SPEC S5, S10).

use crate::shard_world;
use crate::shard_world::{ALICE, BOB, CLUB, LONG, TEAM, World, message, messages};
use throng::shard::{Config, Flushed};

/// Sessions of this world from this number on are the slow ones.
const SLOW: u64 = 100;

/// Bob of the club is live; so many others of the team are behind, with their answer of the log here.
fn live_among(slow: u64) -> World {
    let mut world = World::new(Config {
        ring_bytes: 16 * 1024,
        catch_up_bytes: 4 * 1024,
        ..Config::default()
    });
    for person in SLOW..SLOW + slow {
        world.join(TEAM, person);
    }
    world.join(CLUB, BOB);
    let head = slow;
    world.publish_many(TEAM, 12, LONG);
    world.attach_live(BOB, BOB);
    for person in SLOW..SLOW + slow {
        world.attach(person, person, &[(TEAM, head)]);
    }
    world.flush();
    world.answer(0, usize::MAX);
    world.streams.turns.clear();
    world
}

#[test]
fn a_live_session_comes_before_all_that_are_behind() {
    let mut world = live_among(50);
    world.publish(CLUB, b"now");
    assert_eq!(world.flush_strides(1), Flushed::More);
    assert_eq!(world.streams.turns[0], BOB);
}

#[test]
fn between_two_looks_at_the_budget_one_session_that_is_behind_writes_a_little() {
    let mut world = live_among(50);
    assert_eq!(world.flush_strides(0), Flushed::More);
    let behind = world.streams.turns.clone();
    assert_eq!(behind.len(), 1);
    let sent = world.sent(behind[0]).len();
    assert_eq!(sent, 1, "4 KiB at a time: one message of 6,000 bytes");
}

#[test]
fn those_who_are_behind_take_turns_and_all_catch_up() {
    let mut world = live_among(50);
    for _ in 0..50 {
        world.flush_strides(0);
    }
    let mut served = world.streams.turns.clone();
    served.sort_unstable();
    served.dedup();
    assert_eq!(served.len(), 50, "each has had one turn");
    world.settle();
    for person in SLOW..SLOW + 50 {
        assert_eq!(world.sent(person), messages(TEAM, 51..=62));
    }
}

#[test]
fn however_much_is_live_those_who_are_behind_get_somewhere() {
    let mut world = live_among(1);
    for other in 0..40 {
        world.join(CLUB, 200 + other);
        world.attach_live(200 + other, 200 + other);
    }
    world.flush_strides(0);
    while world.sent(SLOW).len() < 12 {
        let before = world.sent(SLOW).len();
        world.publish(CLUB, b"more than one flush has time for");
        world.publish(TEAM, b"a second dirty group");
        assert_eq!(world.flush_strides(0), Flushed::More);
        assert!(world.sent(SLOW).len() > before, "one turn a flush");
        world.streams.turns.clear();
    }
}

#[test]
fn a_session_that_was_without_room_is_behind_until_it_has_everything() {
    let mut world = World::new(Config {
        catch_up_bytes: 4 * 1024,
        ..Config::default()
    });
    world.join(TEAM, ALICE);
    world.join(TEAM, BOB);
    world.attach_live(ALICE, ALICE);
    world.attach_live(BOB, BOB);
    world.give_room(ALICE, Some(0));
    world.publish_many(TEAM, 4, LONG);
    world.flush();
    assert_eq!(world.core.blocked(), 1);
    world.give_room(ALICE, None);
    assert_eq!(world.core.blocked(), 0);
    world.streams.turns.clear();
    world.publish(TEAM, b"now");
    world.flush_strides(1);
    assert_eq!(world.streams.turns[0], BOB);
    world.flush();
    assert_eq!(world.sent(ALICE), messages(TEAM, 3..=7));
    world.streams.turns.clear();
    world.publish(TEAM, b"all the same again");
    world.flush_strides(1);
    assert!(world.streams.turns.contains(&ALICE), "it is live again");
}

/// Ten groups of Alice and Bob, with 64 KiB for their rings, a hundredth of which fits an eighth.
fn ten_groups() -> World {
    let mut world = World::new(Config {
        ring_bytes: 64 * 1024,
        memory_bytes: 64 * 1024,
        ..Config::default()
    });
    for group in 1..=10 {
        world.join(group, ALICE);
        world.join(group, BOB);
    }
    world.attach_live(ALICE, ALICE);
    world.attach(BOB, BOB, &[]);
    world.settle();
    world
}

#[test]
fn rings_stay_within_the_budget_and_every_reader_still_gets_everything() {
    let mut world = ten_groups();
    world.give_room(BOB, Some(0));
    for round in 0..20 {
        for group in 1..=10 {
            world.publish(group, LONG);
            let memory = world.core.memory();
            assert!(
                memory.used_bytes() <= memory.limit_bytes + 6_100,
                "{memory:?}"
            );
        }
        world.flush();
        let club = world
            .sent(ALICE)
            .iter()
            .filter(|sent| matches!(sent, shard_world::Sent::Message { group: 3, .. }));
        assert_eq!(club.count(), round + 1, "who is live misses nothing");
    }
    assert!(world.core.memory().shed > 0);
    world.give_room(BOB, None);
    world.settle();
    for group in 1..=10 {
        let of_group = |sent: &&shard_world::Sent| matches!(sent, shard_world::Sent::Message { group: of, .. } if *of == group);
        let got: Vec<_> = world.sent(BOB).iter().filter(of_group).copied().collect();
        assert_eq!(got, messages(group, 2..=22));
    }
}

#[test]
fn each_group_loses_what_is_above_its_share_the_oldest_first() {
    let mut world = ten_groups();
    world.publish_many(1, 9, LONG);
    world.flush();
    assert_eq!(world.core.memory().shed, 0);
    world.publish(2, LONG);
    world.publish(3, LONG);
    world.flush();
    let shed = world.core.memory().shed;
    assert!(shed > 0, "what one group lent it gives back");
    // The latest of each group are in their rings: nothing is asked of the log for them.
    let floors: Vec<_> = (1..=10)
        .map(|group| (group, if group == 1 { 10 } else { 2 }))
        .collect();
    world.attach(2 * SLOW, BOB, &floors);
    world.flush();
    assert_eq!(world.asked, []);
    assert_eq!(
        world.sent(2 * SLOW),
        [message(1, 11), message(2, 3), message(3, 3)]
    );
}

#[test]
fn what_is_used_elsewhere_leaves_rings_less() {
    let mut world = ten_groups();
    world.publish_many(1, 9, LONG);
    world.flush();
    world.core.set_elsewhere(60 * 1024);
    world.publish(2, b"one more");
    let memory = world.core.memory();
    assert!(memory.rings_bytes <= memory.limit_bytes / 8, "{memory:?}");
}

#[test]
fn an_urgent_envelope_is_not_shed_before_everybody_with_room_has_it() {
    let mut world = ten_groups();
    world.publish_many(1, 5, LONG);
    world.flush();
    world.publish_urgent(1, b"the house is on fire");
    world.core.set_elsewhere(64 * 1024);
    world.publish(2, LONG);
    let before = world.core.memory();
    assert!(before.rings_bytes > 5 * 6_000, "{before:?}");
    world.flush();
    assert_eq!(world.asked, [], "from the ring");
    assert_eq!(world.urgent(ALICE), [message(1, 8)]);
    world.publish(2, LONG);
    assert!(world.core.memory().rings_bytes < before.rings_bytes);
}

#[test]
fn groups_that_are_gone_and_answers_that_are_dropped_leave_nothing_in_the_books() {
    let mut world = ten_groups();
    world.publish_many(1, 20, LONG);
    world.flush();
    world.attach(ALICE + SLOW, ALICE, &[(1, 1)]);
    world.settle();
    assert!(world.core.memory().answers_bytes > 0);
    for session in [ALICE, BOB, ALICE + SLOW] {
        world.detach(session);
    }
    let memory = world.core.memory();
    assert_eq!((memory.rings_bytes, memory.answers_bytes), (0, 0));
}
