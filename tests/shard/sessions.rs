//! What a session gets and when, one behaviour a test.

use crate::shard_world::{
    ALICE, BOB, CLUB, HALL, LONG, Sent, TEAM, TENANT, World, message, messages, skip, team_of_two,
};
use throng::engine::Item;
use throng::model::MembershipDelta;
use throng::shard::{AckedCursor, Config, Flushed};
use throng::wire::{Envelope, GroupId, HeaderFields, Kind, PersonId, Sequence, TenantId};

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
        view_only: false,
        viewer: false,
        at: Sequence(4),
    }));
    world.publish(TEAM, b"ours");
    world.settle();
    assert_eq!(world.sent(1), [message(TEAM, 3)]);
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
