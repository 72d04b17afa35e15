//! Viewers of training groups: live, while the window is open, and at no cost of their number.

use throng::engine::Item;
use throng::model::{MembershipDelta, WatchWindow};
use throng::wire::{
    AttachedGroup, DeviceId, GroupId, Kind, PersonId, Priority, Sequence, Timestamp,
};

use crate::gateways::client::Client;
use crate::gateways::order::{Came, GATEWAY, attach, came, open};
use crate::shard_world::{ALICE, BOB, HALL, Stream, TENANT, World, delta, message, messages, skip};

/// When the hall's window closes.
const CLOSES: Timestamp = Timestamp(1_000);

/// Alice speaks in the hall.
fn hall() -> World {
    let mut world = World::with_small_rings();
    world.join(HALL, ALICE);
    world
}

fn watching(world: &World, person: u64) -> throng::engine::AttachedPerson {
    let head = Sequence(world.groups[&HALL].head());
    let hall = GroupId(HALL);
    throng::engine::AttachedPerson {
        tenant: TENANT,
        person: PersonId(person),
        device: DeviceId(1),
        groups: vec![AttachedGroup::new(hall, head.next(), head, Sequence(1))],
        watched: vec![(hall, CLOSES)],
    }
}

fn watch_through(world: &mut World, person: u64) {
    let attached = watching(world, person);
    world.core.attach_through(GATEWAY, &attached, &[], false);
}

fn watch_alone(world: &mut World, session: u64, person: u64) {
    let attached = watching(world, person);
    world.streams.of.insert(session, Stream::default());
    world.core.attach(session, &attached, &[], false);
}

fn seat(world: &World, person: u64, joined: bool) -> MembershipDelta {
    let first = world.groups[&HALL].head() + 1;
    MembershipDelta {
        viewer: true,
        ..delta(HALL, person, joined, if joined { first } else { 0 })
    }
}

fn window(closes: i64, is_open: bool) -> Item {
    Item::Window(WatchWindow {
        tenant: TENANT,
        group: GroupId(HALL),
        is_open,
        closes: Timestamp(closes),
    })
}

#[test]
fn a_window_that_closes_is_one_change_and_one_envelope_however_many_watch() {
    let mut world = hall();
    open(&mut world);
    let mut client = Client::default();
    attach(&mut world, ALICE, true);
    client.attach((ALICE, 1));
    for person in 1_000..3_000 {
        watch_through(&mut world, person);
        client.attach((person, 1));
    }
    world.flush();
    let before = world.streams.of[&GATEWAY].chunks.len();
    world.now = Timestamp(999);
    world.publish(HALL, b"the last they see");
    world.now = CLOSES;
    world.publish(HALL, b"for members");
    world.publish(HALL, b"for members");
    world.flush();
    let chunks = &world.streams.of[&GATEWAY].chunks;
    assert_eq!(chunks.len(), before + 4, "three messages and one change");
    client.read(chunks);
    assert_eq!(client.changes, 2_001 + 1);
    for person in 1_000..3_000 {
        assert_eq!(client.given[&(person, 1)][&HALL], [2]);
    }
    assert_eq!(client.given[&(ALICE, 1)][&HALL], [2, 3, 4]);
    // Going, they are not counted out a second time.
    for person in 1_000..3_000 {
        world
            .core
            .detach_through(GATEWAY, PersonId(person), DeviceId(1));
    }
    world.publish(HALL, b"5");
    world.flush();
    assert!(came(&world).contains(&Came::Message(HALL, 5)));
}

#[test]
fn the_record_that_comes_when_the_window_is_over_is_not_for_viewers_on_their_own_connection_either()
{
    let mut world = hall();
    watch_alone(&mut world, BOB, BOB);
    world.now = Timestamp(999);
    world.publish(HALL, b"2");
    world.now = CLOSES;
    world.publish(HALL, b"3");
    world.publish(HALL, b"4");
    world.flush();
    assert_eq!(world.sent(BOB), [message(HALL, 2), skip(HALL, 3, 3)]);
}

#[test]
fn who_takes_a_seat_reads_from_then_on_and_who_gives_it_up_no_more() {
    let mut world = hall();
    open(&mut world);
    world.attach(BOB, BOB, &[]);
    let mut client = Client::default();
    client.attach((BOB, 1));
    attach(&mut world, BOB, true);
    world.publish(HALL, b"2");
    let joins = seat(&world, BOB, true);
    world.core.on_item(&Item::Membership(joins));
    world.core.on_item(&window(CLOSES.0, true));
    world.publish(HALL, b"3");
    world.flush();
    let leaves = seat(&world, BOB, false);
    world.core.on_item(&Item::Membership(leaves));
    world.publish(HALL, b"4");
    world.flush();
    let again = seat(&world, BOB, true);
    world.core.on_item(&Item::Membership(again));
    world.core.on_item(&window(CLOSES.0, true));
    world.publish(HALL, b"5");
    world.flush();
    client.read(&world.streams.of[&GATEWAY].chunks);
    assert_eq!(client.given[&(BOB, 1)][&HALL], [3, 5]);
    let own = [message(HALL, 3), skip(HALL, 4, 4), message(HALL, 5)];
    assert_eq!(world.sent(BOB), own);
}

#[test]
fn who_may_speak_now_reads_on_when_the_window_closes() {
    let mut world = hall();
    open(&mut world);
    let mut client = Client::default();
    client.attach((BOB, 1));
    watch_through(&mut world, BOB);
    watch_alone(&mut world, BOB, BOB);
    let joined = world.join(HALL, BOB);
    world.now = CLOSES;
    let last = world.publish(HALL, b"3");
    world.flush();
    client.read(&world.streams.of[&GATEWAY].chunks);
    assert_eq!(client.given[&(BOB, 1)][&HALL], [joined, last]);
    assert_eq!(world.sent(BOB), messages(HALL, joined..=last));
}

#[test]
fn a_window_that_is_set_anew_holds_for_those_who_watch() {
    let mut world = hall();
    open(&mut world);
    watch_through(&mut world, ALICE + 100);
    watch_alone(&mut world, BOB, BOB);
    // Later than it was.
    world.core.on_item(&window(2_000, true));
    world.now = CLOSES;
    world.publish(HALL, b"2");
    world.flush();
    assert_eq!(world.sent(BOB), [message(HALL, 2)]);
    // Over at once.
    world.core.on_item(&window(2_000, false));
    world.publish(HALL, b"3");
    world.flush();
    assert_eq!(world.sent(BOB), [message(HALL, 2)]);
    assert!(!came(&world).contains(&Came::Message(HALL, 3)));
    assert_eq!(world.core.groups(), 0, "nobody reads it");
}

#[test]
fn viewers_read_the_groups_end_and_nothing_of_a_group_that_is_disabled() {
    for (kind, last) in [(Kind::Dissolved, 2), (Kind::Disabled, 1)] {
        let mut world = hall();
        open(&mut world);
        let mut client = Client::default();
        client.attach((BOB, 1));
        watch_through(&mut world, BOB);
        watch_alone(&mut world, BOB, BOB);
        world.record(HALL, kind, Priority::Normal, &[]);
        world.deliver(HALL);
        world.publish(HALL, b"3");
        world.flush();
        client.read(&world.streams.of[&GATEWAY].chunks);
        let given = client.given[&(BOB, 1)].get(&HALL);
        let expected: Vec<u64> = (2..=last).collect();
        assert_eq!(given.map_or(&[][..], Vec::as_slice), expected);
        let mut own = messages(HALL, 2..=last);
        own.push(skip(HALL, last + 1, last + 1));
        assert_eq!(world.sent(BOB), own);
    }
}
