//! How sessions behind their rings read from the log, one behaviour a test.

use crate::shard_world::{ALICE, BOB, CLUB, LONG, TEAM, World, message, messages, team_of_two};
use throng::engine::Item;
use throng::shard::{Config, Flushed};
use throng::wire::{Kind, Priority, Sequence, Timestamp};

#[test]
fn a_reconnected_device_reads_on_after_its_cursor_from_log_and_ring() {
    let mut world = team_of_two();
    world.attach(2, BOB, &[(TEAM, 2)]);
    world.publish_many(TEAM, 8, LONG);
    world.attach(1, ALICE, &[(TEAM, 4)]);
    world.settle();
    assert_eq!(world.sent(1), messages(TEAM, 5..=10));
}

#[test]
fn what_is_published_while_a_session_catches_up_comes_after_it() {
    let mut world = team_of_two();
    world.publish_many(TEAM, 5, b"missed");
    world.attach(1, ALICE, &[(TEAM, 2)]);
    world.flush();
    world.publish_many(TEAM, 3, b"live");
    world.flush();
    assert_eq!(
        world.sent(1),
        [],
        "nothing ahead of what the log has yet to give"
    );
    world.answer(0, 2);
    world.flush();
    assert_eq!(world.sent(1), messages(TEAM, 3..=4));
    world.publish(TEAM, b"live too");
    world.settle();
    assert_eq!(world.sent(1), messages(TEAM, 3..=11));
}

#[test]
fn a_group_goes_when_its_last_session_does_and_comes_back_empty() {
    let mut world = team_of_two();
    world.attach_live(1, ALICE);
    world.publish(TEAM, b"in the ring");
    world.detach(1);
    assert_eq!((world.core.sessions(), world.core.groups()), (0, 0));
    assert_eq!(world.flush_strides(1), Flushed::Done);
    world.attach(2, BOB, &[(TEAM, 2)]);
    world.flush();
    assert_eq!(world.asked.len(), 1, "from the log: the ring is gone");
    world.settle();
    assert_eq!(world.sent(2), [message(TEAM, 3)]);
}

#[test]
fn a_range_is_read_once_however_many_wait_for_it() {
    let mut world = World::with_small_rings();
    for person in 0..50 {
        world.join(TEAM, person);
    }
    world.publish_many(TEAM, 100, b"history");
    for person in 0..50 {
        world.attach(person, person, &[(TEAM, 50 + person)]);
    }
    world.flush();
    assert_eq!(
        world.asked.len(),
        1,
        "those a little ahead wait for the answer of those behind"
    );
    let asked = world.asked[0];
    assert_eq!((asked.from, asked.to), (Sequence(51), Sequence(150)));
    world.answer(0, usize::MAX);
    world.flush();
    for person in 0..50 {
        assert_eq!(world.sent(person), messages(TEAM, 51 + person..=150));
    }
}

#[test]
fn questions_to_the_log_are_bounded_and_everybody_gets_an_answer() {
    let mut world = World::new(Config {
        fetches: 2,
        fetch_sequences: 3,
        ..Config::default()
    });
    for person in 0..20 {
        world.join(100 + person, person);
        world.publish_many(100 + person, 9, b"history");
        world.attach(person, person, &[]);
    }
    world.flush();
    while !world.asked.is_empty() {
        assert!(world.asked.len() <= 2);
        world.answer(0, 2);
        world.flush();
    }
    for person in 0..20 {
        assert_eq!(world.sent(person), messages(100 + person, 1..=10));
    }
}

#[test]
fn an_answer_is_kept_until_those_who_waited_have_had_their_turn() {
    let mut world = World::new(Config {
        fetches: 1,
        ..Config::default()
    });
    for person in 0..40 {
        world.join(TEAM, person);
    }
    world.join(CLUB, 99);
    world.publish_many(TEAM, 20, b"history");
    for person in 0..40 {
        world.attach(person, person, &[(TEAM, 40)]);
    }
    world.attach(99, 99, &[]);
    world.flush();
    assert_eq!(world.asked.len(), 1);
    world.answer(0, usize::MAX);
    while world.flush_strides(0) == Flushed::More {
        assert_eq!(world.asked, [], "the one place is taken");
    }
    for person in 0..40 {
        assert_eq!(world.sent(person), messages(TEAM, 41..=60));
    }
    world.settle();
    assert_eq!(world.sent(99), [message(CLUB, 1)]);
}

#[test]
fn a_range_that_cannot_be_read_holds_up_only_its_group_and_skips_nothing() {
    let mut world = team_of_two();
    world.join(CLUB, ALICE);
    world.publish(TEAM, b"unreadable for now");
    world.attach(1, ALICE, &[(TEAM, 2), (CLUB, 1)]);
    world.flush();
    world.fail(0);
    world.publish(TEAM, b"waits");
    world.publish(CLUB, b"goes on");
    world.flush();
    assert_eq!(world.sent(1), [message(CLUB, 2)]);
    assert_eq!(world.asked, [], "not asked again before its time");
    assert!(world.core.has_failed_fetches());
    world.settle();
    assert_eq!(world.sent(1)[1..], messages(TEAM, 3..=4));
    assert!(!world.core.has_failed_fetches());
}

#[test]
fn an_answer_that_is_not_what_was_asked_is_not_delivered() {
    let mut world = team_of_two();
    world.publish_many(TEAM, 4, b"history");
    world.attach(1, ALICE, &[(TEAM, 2)]);
    world.flush();
    let fetch = world.asked.remove(0);
    let log = &world.groups[&TEAM].envelopes;
    let with_a_gap = Ok(vec![log[2].clone(), log[4].clone()]);
    world.core.on_item(&Item::Fetched {
        fetch,
        result: with_a_gap,
    });
    world.flush();
    assert_eq!(world.sent(1), [message(TEAM, 3)]);
    world.settle();
    assert_eq!(world.sent(1), messages(TEAM, 3..=6));
}

#[test]
fn a_jump_of_the_live_stream_is_filled_from_the_log() {
    let mut world = team_of_two();
    world.attach_live(1, ALICE);
    for _ in 0..5 {
        world.record(TEAM, Kind::Text, Priority::Normal, b"lost on the way");
    }
    world.publish(TEAM, b"arrives");
    world.settle();
    assert_eq!(world.sent(1), messages(TEAM, 3..=8));
}

#[test]
fn groups_take_turns_in_being_read() {
    let mut world = World::new(Config {
        fetches: 1,
        fetch_sequences: 2,
        ..Config::default()
    });
    for group in [TEAM, CLUB] {
        world.join(group, ALICE);
        world.publish_many(group, 9, b"history");
    }
    world.attach(1, ALICE, &[]);
    world.flush();
    let mut asked = Vec::new();
    while let Some(fetch) = world.asked.first() {
        asked.push(fetch.group.0);
        world.answer(0, usize::MAX);
        world.flush();
    }
    assert_eq!(asked[..4], [TEAM, CLUB, TEAM, CLUB]);
    assert_eq!(world.sent(1).len(), 20);
}

#[test]
fn an_answer_serves_those_whose_own_question_failed() {
    let mut world = team_of_two();
    world.publish_many(TEAM, 3, b"history");
    world.attach(1, ALICE, &[(TEAM, 2)]);
    world.flush();
    world.fail(0);
    world.attach(2, BOB, &[(TEAM, 2)]);
    world.flush();
    world.answer(0, usize::MAX);
    world.flush();
    assert_eq!(world.sent(1), messages(TEAM, 3..=5));
    assert_eq!(world.sent(2), messages(TEAM, 3..=5));
}

#[test]
fn what_is_gone_is_dropped_from_rings_and_answers_and_read_again() {
    let mut world = World::new(Config::default());
    for person in 1..=3 {
        world.join(TEAM, person);
    }
    world.attach_live(1, 1);
    world.publish_many(TEAM, 5, b"secret");
    world.flush();
    let forget = Item::Forget {
        before: Timestamp(i64::MAX),
    };
    world.core.on_item(&forget);
    world.attach(2, 2, &[(TEAM, 3)]);
    world.flush();
    assert_eq!(world.asked.len(), 1, "the ring has nothing any more");
    // It may have been read before the record that says what is gone.
    world.core.on_item(&forget);
    world.answer(0, usize::MAX);
    world.flush();
    assert_eq!(world.sent(2), [], "what was on its way is not taken");
    world.core.retry_fetches();
    world.flush();
    world.answer(0, usize::MAX);
    world.flush();
    assert_eq!(world.sent(2), messages(TEAM, 4..=8));
    // The same range, of which an answer would be kept.
    world.core.on_item(&forget);
    world.attach(3, 3, &[(TEAM, 3)]);
    world.flush();
    assert_eq!(world.asked.len(), 1, "no answer of before is kept");
    world.answer(0, usize::MAX);
    world.flush();
    assert_eq!(world.sent(3), messages(TEAM, 4..=8));
}
