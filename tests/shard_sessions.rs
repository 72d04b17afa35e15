//! What a session gets and when, one behaviour a test.

mod shard_world;

use shard_world::{Sent, TENANT, World, message, messages, skip};
use throng::engine::Item;
use throng::model::MembershipDelta;
use throng::shard::{AckedCursor, Config, Flushed};
use throng::wire::{Envelope, GroupId, HeaderFields, Kind, PersonId, Sequence, TenantId};

const ALICE: u64 = 1;
const BOB: u64 = 2;
const TEAM: u64 = 10;
const CLUB: u64 = 11;
const HALL: u64 = 12;

/// Longer than a third of the smallest ring.
const LONG: &[u8] = &[0x5a; 6_000];

/// Alice and Bob, joined at sequences 1 and 2 of the team.
fn team_of_two() -> World {
    let mut world = World::with_small_rings();
    world.join(TEAM, ALICE);
    world.join(TEAM, BOB);
    world
}

#[test]
fn a_slow_member_never_delays_the_others() {
    let mut world = team_of_two();
    world.attach_live(1, ALICE);
    world.attach_live(2, BOB);
    world.give_room(1, Some(0));
    for sequence in 3..=40 {
        world.publish(TEAM, LONG);
        world.flush();
        assert_eq!(world.sent(2).last(), Some(&message(TEAM, sequence)));
    }
    assert_eq!(world.sent(1), []);
    world.give_room(1, None);
    world.settle();
    assert_eq!(world.sent(1), messages(TEAM, 3..=40));
    assert_eq!(world.sent(2), messages(TEAM, 3..=40));
}

#[test]
fn a_session_without_room_is_offered_nothing_until_it_has_some() {
    let mut world = team_of_two();
    world.attach_live(1, ALICE);
    world.give_room(1, Some(2));
    world.publish_many(TEAM, 2, b"taken");
    world.publish_many(TEAM, 1, b"not taken");
    world.flush();
    world.publish(TEAM, b"later");
    world.flush();
    assert_eq!(world.streams.of[&1].writes, 1);
    assert_eq!(world.sent(1), messages(TEAM, 3..=4));
    world.give_room(1, Some(9));
    world.flush();
    assert_eq!(world.sent(1), messages(TEAM, 3..=6));
}

#[test]
fn all_of_a_sessions_groups_travel_in_one_write() {
    let mut world = World::with_small_rings();
    for group in 1..=50 {
        world.join(group, ALICE);
    }
    world.attach_live(1, ALICE);
    for group in 1..=50 {
        world.publish_many(group, 3, b"hello");
    }
    world.flush();
    assert_eq!(world.streams.of[&1].writes, 1);
    assert_eq!(world.sent(1).len(), 150);
}

#[test]
fn sessions_take_turns_when_the_budget_runs_out() {
    let mut world = World::with_small_rings();
    for person in 0..100 {
        world.join(TEAM, person);
    }
    for person in 0..100 {
        world.attach_live(person, person);
    }
    let mut flushes = 0;
    loop {
        world.publish(TEAM, b"never ending");
        flushes += 1;
        world.flush_strides(0);
        if world.streams.turns.len() >= 100 {
            break;
        }
    }
    assert!(flushes > 1, "one call did not serve everybody");
    let mut first_turns = world.streams.turns[..100].to_vec();
    first_turns.sort_unstable();
    assert_eq!(
        first_turns,
        (0..100).collect::<Vec<_>>(),
        "nobody twice before everybody once"
    );
    assert_eq!(world.flush_strides(usize::MAX), Flushed::Done);
    for person in 0..100 {
        assert_eq!(world.sent(person).len(), flushes);
    }
}

#[test]
fn a_session_far_behind_takes_turns_with_the_others() {
    let mut world = World::new(Config {
        write_bytes: 4 * 1024,
        ..Config::default()
    });
    world.join(TEAM, ALICE);
    world.join(CLUB, BOB);
    world.attach_live(1, ALICE);
    world.attach_live(2, BOB);
    world.publish_many(TEAM, 10, &[0; 3_000]);
    world.publish(CLUB, b"short");
    world.flush();
    let of_bob = world.streams.turns.iter().position(|session| *session == 2);
    assert!(of_bob < Some(2), "after one turn of Alice's at most");
    assert_eq!(world.sent(1), messages(TEAM, 2..=11));
}

#[test]
fn groups_with_an_urgent_envelope_go_first_in_a_session() {
    let mut world = World::with_small_rings();
    for group in [TEAM, CLUB, HALL] {
        world.join(group, ALICE);
    }
    world.attach_live(1, ALICE);
    world.give_room(1, Some(0));
    world.publish(TEAM, b"normal");
    world.flush();
    world.publish(CLUB, b"normal");
    world.publish(HALL, b"before the urgent one");
    world.publish_urgent(HALL, b"urgent");
    world.give_room(1, Some(2));
    world.flush();
    assert_eq!(
        world.sent(1),
        messages(HALL, 2..=3),
        "and in the group's own order"
    );
    world.give_room(1, None);
    world.flush();
    assert_eq!(world.sent(1).len(), 4);
}

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
fn a_cursor_from_before_the_join_skips_to_it() {
    let mut world = team_of_two();
    world.publish_many(TEAM, 3, b"not for Alice");
    world.leave(TEAM, ALICE);
    let joined = world.join(TEAM, ALICE);
    world.attach(1, ALICE, &[(TEAM, 3)]);
    world.settle();
    assert_eq!(
        world.sent(1),
        [skip(TEAM, 4, joined - 1), message(TEAM, joined)]
    );
}

#[test]
fn a_cursor_past_the_head_is_taken_for_the_head() {
    let mut world = team_of_two();
    world.attach(1, ALICE, &[(TEAM, u64::MAX)]);
    world.publish(TEAM, b"next");
    world.settle();
    assert_eq!(world.sent(1), [message(TEAM, 3)]);
}

#[test]
fn a_cursor_in_a_group_of_others_gives_nothing() {
    let mut world = team_of_two();
    world.join(CLUB, BOB);
    world.attach(2, BOB, &[]);
    world.attach(1, ALICE, &[(TEAM, 2), (CLUB, 0), (404, 0)]);
    world.publish(CLUB, b"for Bob");
    world.settle();
    assert_eq!(world.sent(1), []);
}

#[test]
fn a_group_without_a_cursor_starts_at_the_join_or_live_at_the_head() {
    let mut world = team_of_two();
    world.publish(TEAM, b"before");
    world.attach(1, BOB, &[]);
    world.attach_live(2, BOB);
    world.publish(TEAM, b"after");
    world.settle();
    assert_eq!(world.sent(1), messages(TEAM, 2..=4));
    assert_eq!(world.sent(2), [message(TEAM, 4)]);
}

#[test]
fn a_cursor_counts_even_when_only_live_messages_are_asked_for() {
    let mut world = team_of_two();
    world.publish_many(TEAM, 3, b"missed");
    world.attach_with(1, ALICE, &[(TEAM, 3)], true);
    world.settle();
    assert_eq!(world.sent(1), messages(TEAM, 4..=5));
}

#[test]
fn every_device_of_a_person_gets_everything() {
    let mut world = team_of_two();
    world.attach(1, ALICE, &[(TEAM, 2)]);
    world.attach(2, ALICE, &[(TEAM, 1)]);
    world.publish(TEAM, b"hello");
    world.leave(TEAM, ALICE);
    world.settle();
    assert_eq!(world.sent(1), [message(TEAM, 3), skip(TEAM, 4, 4)]);
    assert_eq!(
        world.sent(2),
        [message(TEAM, 2), message(TEAM, 3), skip(TEAM, 4, 4)]
    );
}

#[test]
fn attaching_a_session_again_begins_anew() {
    let mut world = team_of_two();
    world.attach(1, ALICE, &[]);
    world.give_room(1, Some(0));
    world.publish(TEAM, b"hello");
    world.flush();
    world.attach(1, ALICE, &[(TEAM, 2)]);
    world.settle();
    assert_eq!(world.sent(1), [message(TEAM, 3)]);
    assert_eq!(world.core.sessions(), 1);
}

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
fn the_same_group_number_in_another_tenant_is_another_group() {
    let mut world = team_of_two();
    world.attach_live(1, ALICE);
    let fields = HeaderFields {
        kind: Kind::Text,
        tenant: TenantId(TENANT.0 + 1),
        group: GroupId(TEAM),
        sequence: Sequence(3),
        ..HeaderFields::default()
    };
    let foreign = Envelope::new(&fields, b"theirs").expect("a short body");
    world.core.on_item(&Item::Deliver(foreign));
    world.core.on_item(&Item::Membership(MembershipDelta {
        tenant: fields.tenant,
        group: fields.group,
        person: PersonId(ALICE),
        joined: false,
        at: Sequence(4),
    }));
    world.publish(TEAM, b"ours");
    world.settle();
    assert_eq!(world.sent(1), [message(TEAM, 3)]);
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
        world.record(
            TEAM,
            Kind::Text,
            throng::wire::Priority::Normal,
            b"lost on the way",
        );
    }
    world.publish(TEAM, b"arrives");
    world.settle();
    assert_eq!(world.sent(1), messages(TEAM, 3..=8));
}

#[test]
fn acknowledgements_are_coalesced_and_never_beyond_what_was_sent() {
    let mut world = team_of_two();
    world.attach(1, ALICE, &[(TEAM, 2)]);
    world.attach(2, ALICE, &[(TEAM, 2)]);
    world.publish_many(TEAM, 4, b"hello");
    world.give_room(2, Some(1));
    world.flush();
    world.core.ack(1, GroupId(TEAM), Sequence(5));
    world.core.ack(1, GroupId(TEAM), Sequence(4));
    world.core.ack(2, GroupId(TEAM), Sequence(u64::MAX));
    world.core.ack(2, GroupId(404), Sequence(1));
    world.core.ack(404, GroupId(TEAM), Sequence(1));
    let mut acked = Vec::new();
    world.core.take_acks(&mut acked);
    let expected = AckedCursor {
        tenant: TENANT,
        person: PersonId(ALICE),
        group: GroupId(TEAM),
        floor: Sequence(5),
    };
    assert_eq!(acked, [expected], "the furthest device, once");
    acked.clear();
    world.core.ack(2, GroupId(TEAM), Sequence(u64::MAX));
    world.core.take_acks(&mut acked);
    assert_eq!(
        acked,
        [],
        "the other device was sent one message, and said so"
    );
}

#[test]
fn a_session_that_is_gone_is_sent_nothing() {
    let mut world = team_of_two();
    world.attach_live(1, ALICE);
    world.attach_live(2, BOB);
    world.publish(TEAM, b"hello");
    world.flush_strides(0);
    world.publish(TEAM, b"again");
    world.detach(1);
    let before = world.sent(1).to_vec();
    world.attach_live(3, ALICE);
    world.settle();
    assert_eq!(world.sent(1), before);
    assert_eq!(world.sent(2), messages(TEAM, 3..=4));
    let nothing: [Sent; 0] = [];
    assert_eq!(world.sent(3), nothing);
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
