//! Joins and removals of people who are online, one behaviour a test.

use crate::shard_world::{
    ALICE, BOB, CLUB, LONG, TEAM, World, delta, message, messages, skip, team_of_two,
};
use throng::engine::Item;

#[test]
fn a_member_removed_at_a_sequence_gets_everything_before_it() {
    let mut world = team_of_two();
    world.attach_live(1, ALICE);
    world.attach_live(2, BOB);
    world.give_room(1, Some(0));
    world.publish_many(TEAM, 7, LONG);
    let removed = world.leave(TEAM, ALICE);
    world.publish_many(TEAM, 7, LONG);
    world.flush();
    world.give_room(1, None);
    world.settle();
    let mut expected = messages(TEAM, 3..=removed - 1);
    expected.push(skip(TEAM, removed, removed));
    assert_eq!(world.sent(1), expected, "though its ring had moved on");
}

#[test]
fn a_removed_member_gets_one_skip_and_nothing_more() {
    let mut world = team_of_two();
    world.attach_live(1, ALICE);
    world.attach_live(2, BOB);
    let removed = world.leave(TEAM, ALICE);
    world.publish(TEAM, b"not for Alice");
    world.settle();
    assert_eq!(world.sent(1), [skip(TEAM, removed, removed)]);
    assert_eq!(world.sent(2), messages(TEAM, removed..=removed + 1));
}

#[test]
fn one_who_joins_while_online_reads_from_the_join_on() {
    let mut world = team_of_two();
    world.publish(CLUB, b"before");
    world.attach_live(1, ALICE);
    let joined = world.join(CLUB, ALICE);
    world.publish(CLUB, b"after");
    world.settle();
    assert_eq!(world.sent(1), messages(CLUB, joined..=joined + 1));
}

#[test]
fn one_who_comes_back_while_online_skips_what_was_missed() {
    let mut world = team_of_two();
    world.attach_live(1, ALICE);
    world.attach_live(2, BOB);
    let removed = world.leave(TEAM, ALICE);
    world.flush();
    world.publish_many(TEAM, 3, b"not for Alice");
    let joined = world.join(TEAM, ALICE);
    world.settle();
    assert_eq!(
        world.sent(1),
        [
            skip(TEAM, removed, removed),
            skip(TEAM, removed + 1, joined - 1),
            message(TEAM, joined),
        ],
    );
}

#[test]
fn removals_and_returns_of_a_session_that_lags_are_all_kept_apart() {
    let mut world = team_of_two();
    world.attach_live(1, ALICE);
    world.give_room(1, Some(0));
    let mut expected = Vec::new();
    let mut first = 3;
    for _ in 0..4 {
        world.publish_many(TEAM, 2, LONG);
        let removed = world.leave(TEAM, ALICE);
        world.publish_many(TEAM, 2, LONG);
        let joined = world.join(TEAM, ALICE);
        expected.extend(messages(TEAM, first..=removed - 1));
        expected.push(skip(TEAM, removed, joined - 1));
        first = joined;
    }
    expected.push(message(TEAM, first));
    world.give_room(1, None);
    world.settle();
    assert_eq!(world.sent(1), expected);
}

#[test]
fn more_removals_than_are_kept_end_as_a_reconnect_would() {
    let mut world = team_of_two();
    world.attach_live(1, ALICE);
    world.give_room(1, Some(0));
    let mut joined = 0;
    for _ in 0..33 {
        world.leave(TEAM, ALICE);
        joined = world.join(TEAM, ALICE);
    }
    world.publish(TEAM, b"back");
    world.give_room(1, None);
    world.settle();
    let mut expected = vec![skip(TEAM, 3, joined - 1)];
    expected.extend(messages(TEAM, joined..=joined + 1));
    assert_eq!(world.sent(1), expected);
}

#[test]
fn a_return_to_one_of_too_many_left_groups_skips_all_before_it() {
    let mut world = World::with_small_rings();
    world.attach(1, ALICE, &[]);
    let groups = 100..1_200;
    for group in groups.clone() {
        world.join(group, ALICE);
        world.leave(group, ALICE);
        world.flush();
    }
    world.join(groups.start, ALICE);
    world.flush();
    let back = [skip(groups.start, 1, 2), message(groups.start, 3)];
    assert!(world.sent(1).ends_with(&back));
}

#[test]
fn deliveries_and_deltas_about_others_are_ignored() {
    let mut world = team_of_two();
    world.attach_live(1, ALICE);
    world.publish(CLUB, b"nobody here");
    world.join(CLUB, BOB);
    world.leave(TEAM, BOB);
    world.settle();
    assert_eq!(world.sent(1), [message(TEAM, 3)], "only that Bob left");
    assert_eq!(world.core.groups(), 1);
}

#[test]
fn what_comes_a_second_time_changes_nothing() {
    let mut world = team_of_two();
    world.attach_live(1, ALICE);
    world.attach_live(2, BOB);
    let left = world.leave(TEAM, ALICE);
    world.publish(TEAM, b"not for Alice");
    let back = world.join(TEAM, ALICE);
    world.publish(TEAM, b"for Alice");
    let left_club = {
        world.join(CLUB, ALICE);
        world.leave(CLUB, ALICE)
    };
    world.settle();
    let before = world.sent(1).to_vec();
    let team = [
        delta(TEAM, ALICE, false, left),
        delta(TEAM, ALICE, true, back),
    ];
    world.deliver_again(&team, TEAM, left);
    let club = [
        delta(CLUB, ALICE, true, left_club - 1),
        delta(CLUB, ALICE, false, left_club),
    ];
    world.deliver_again(&club, CLUB, left_club - 1);
    world.settle();
    assert_eq!(world.sent(1), before);
    let next = world.publish(TEAM, b"and on");
    world.settle();
    assert_eq!(world.sent(1).last(), Some(&message(TEAM, next)));
}

#[test]
fn a_removal_told_ahead_of_its_place_ends_there() {
    let mut world = team_of_two();
    world.attach_live(1, ALICE);
    let leaves = delta(TEAM, ALICE, false, 5);
    world.core.on_item(&Item::Membership(leaves));
    for sequence in 3..=6 {
        world.publish(TEAM, b"hello");
        world.flush();
        assert_eq!(world.core.groups(), usize::from(sequence < 4));
    }
    let mut expected = messages(TEAM, 3..=4);
    expected.push(skip(TEAM, 5, 5));
    assert_eq!(world.sent(1), expected);
}
