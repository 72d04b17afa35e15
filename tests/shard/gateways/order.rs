//! What crosses to a gateway, how often, and in which order.

use bytes::Bytes;
use throng::engine::Item;
use throng::wire::{
    DeviceId, Envelope, GroupId, Kind, PersonId, Reader, ReaderChange, ReadersBody, Sequence,
};

use crate::gateways::client::Client;
use crate::shard_world::{ALICE, BOB, CLUB, LONG, Stream, TEAM, TENANT, World, team_of_two};

/// The gateway's number.
pub(crate) const GATEWAY: u64 = 100;

pub(crate) fn open(world: &mut World) {
    world.core.open_gateway(GATEWAY, TENANT);
    world.streams.of.insert(GATEWAY, Stream::default());
}

pub(crate) fn attach(world: &mut World, person: u64, live_only: bool) {
    let attached = world.attached(person);
    world
        .core
        .attach_through(GATEWAY, &attached, &[], live_only);
}

/// What a chunk is: its group and sequence, or its group and changes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Came {
    Message(u64, u64),
    Readers(u64, Vec<Reader>),
}

pub(crate) fn came(world: &World) -> Vec<Came> {
    let came = |chunk: &Bytes| {
        let envelope = Envelope::read(chunk).expect("an envelope");
        let group = envelope.header().group().0;
        match envelope.header().kind() {
            Kind::Readers => {
                let body = ReadersBody::read(envelope.body()).expect("readers");
                Came::Readers(group, body.readers)
            }
            _ => Came::Message(group, envelope.header().sequence().0),
        }
    };
    world.streams.of[&GATEWAY].chunks.iter().map(came).collect()
}

pub(crate) fn reader(person: u64, change: ReaderChange, at: u64) -> Reader {
    Reader {
        person: PersonId(person),
        device: DeviceId(1),
        change,
        viewer: false,
        at: Sequence(at),
    }
}

#[test]
fn a_message_crosses_once_however_many_read_it() {
    let mut world = World::with_small_rings();
    open(&mut world);
    let people = 1..=300;
    for person in people.clone() {
        world.join(TEAM, person);
    }
    let mut client = Client::default();
    for person in people.clone() {
        attach(&mut world, person, true);
        client.attach((person, 1));
    }
    let head = world.groups[&TEAM].head();
    for _ in 0..20 {
        world.publish(TEAM, b"to everybody");
        world.flush();
    }
    client.read(&world.streams.of[&GATEWAY].chunks);
    assert!(client.crossed.values().all(|times| *times == 1));
    assert_eq!((client.crossed.len(), client.changes), (20, 300));
    for person in people {
        let given = &client.given[&(person, 1)][&TEAM];
        assert!(given.iter().copied().eq(head + 1..=head + 20));
    }
}

#[test]
fn who_reads_comes_before_what_they_read_and_a_removal_before_what_they_do_not() {
    let mut world = team_of_two();
    open(&mut world);
    attach(&mut world, ALICE, true);
    world.publish(TEAM, b"3");
    let left = world.leave(TEAM, ALICE);
    let joined = world.join(TEAM, ALICE);
    world.flush();
    let changes = vec![
        reader(ALICE, ReaderChange::Begin, 3),
        reader(ALICE, ReaderChange::End, left),
        reader(ALICE, ReaderChange::Begin, joined),
    ];
    let messages = (3..=joined).map(|sequence| Came::Message(TEAM, sequence));
    let expected: Vec<_> = [Came::Readers(TEAM, changes)]
        .into_iter()
        .chain(messages)
        .collect();
    assert_eq!(came(&world), expected);
}

#[test]
fn whoever_came_later_and_needs_more_is_caught_up_beside_what_is_live() {
    let mut world = team_of_two();
    open(&mut world);
    let mut client = Client::default();
    world.publish_many(TEAM, 20, LONG);
    client.attach((ALICE, 1));
    attach(&mut world, ALICE, true);
    world.flush();
    client.attach((BOB, 1));
    attach(&mut world, BOB, false);
    // The ring has none of it any more: while the log is being asked, what is live goes on.
    world.publish(TEAM, b"23");
    world.flush();
    client.read(&world.streams.of[&GATEWAY].chunks);
    assert_eq!(client.given[&(ALICE, 1)][&TEAM], [23]);
    assert!(!client.given[&(BOB, 1)].contains_key(&TEAM));
    world.settle();
    client.read(&world.streams.of[&GATEWAY].chunks);
    assert!(client.given[&(BOB, 1)][&TEAM].iter().copied().eq(2..=23));
    assert_eq!(client.given[&(ALICE, 1)][&TEAM], [23]);
    // And from then on once for both.
    world.publish(TEAM, b"24");
    world.flush();
    client.read(&world.streams.of[&GATEWAY].chunks);
    assert_eq!(client.crossed[&(TEAM, 24)], 1);
    assert_eq!(client.given[&(BOB, 1)][&TEAM].last(), Some(&24));
}

#[test]
fn a_gateway_that_catches_up_is_live_after_one_small_write() {
    let mut world = team_of_two();
    open(&mut world);
    attach(&mut world, ALICE, true);
    world.flush();
    world.publish_many(TEAM, 2, LONG);
    world.flush();
    attach(&mut world, BOB, false);
    world.flush();
    let before = world.streams.of[&GATEWAY].writes;
    for _ in 0..3 {
        let asked = world.asked.len();
        if asked > 0 {
            world.answer(0, usize::MAX);
        }
        world.publish(TEAM, LONG);
        world.flush_strides(1);
    }
    let writes = world.streams.of[&GATEWAY].writes - before;
    let sent: Vec<_> = came(&world);
    assert!(writes >= 3 && sent.len() > 6);
    let live = world.groups[&TEAM].head();
    assert!(sent.contains(&Came::Message(TEAM, live)));
}

#[test]
fn a_group_that_nobody_on_a_gateway_reads_any_more_is_dropped_once_the_last_has_it_all() {
    let mut world = team_of_two();
    open(&mut world);
    attach(&mut world, ALICE, true);
    world.flush();
    world.give_room(GATEWAY, Some(0));
    world.publish(TEAM, b"3");
    world.leave(TEAM, ALICE);
    world.flush();
    assert_eq!(world.core.groups(), 1, "she still has to be sent 3");
    world.give_room(GATEWAY, None);
    world.flush();
    assert!(came(&world).contains(&Came::Message(TEAM, 3)));
    assert_eq!(world.core.groups(), 0);
}

#[test]
fn who_leaves_the_company_is_gone_from_every_gateway_on_every_device() {
    let mut world = team_of_two();
    world.join(CLUB, ALICE);
    open(&mut world);
    attach(&mut world, ALICE, true);
    let mut second = world.attached(ALICE);
    second.device = DeviceId(2);
    world.core.attach_through(GATEWAY, &second, &[], true);
    attach(&mut world, BOB, true);
    let revoked = Item::Ended {
        tenant: TENANT,
        person: PersonId(ALICE),
        device: Some(DeviceId(2)),
    };
    world.core.on_item(&revoked);
    world.publish(CLUB, b"to Alice's first device");
    let ended = Item::Ended {
        tenant: TENANT,
        person: PersonId(ALICE),
        device: None,
    };
    world.core.on_item(&ended);
    world.flush();
    let gone = came(&world).into_iter().filter_map(|came| match came {
        Came::Readers(0, readers) => Some(readers),
        _ => None,
    });
    let gone: Vec<_> = gone
        .flatten()
        .map(|gone| (gone.person, gone.device))
        .collect();
    let alice = PersonId(ALICE);
    assert_eq!(gone, [(alice, DeviceId(2)), (alice, DeviceId(1))]);
    assert_eq!(world.core.groups(), 1, "Bob's team");
}

#[test]
fn acknowledgements_of_a_gateways_people_are_theirs_and_never_beyond_what_was_sent() {
    let mut world = team_of_two();
    open(&mut world);
    attach(&mut world, ALICE, true);
    world.publish_many(TEAM, 3, b"to Alice");
    world.flush();
    let team = GroupId(TEAM);
    let core = &mut world.core;
    core.ack_through(GATEWAY, PersonId(ALICE), team, Sequence(4));
    core.ack_through(GATEWAY, PersonId(BOB), team, Sequence(4));
    let mut acked = Vec::new();
    core.take_acks(&mut acked);
    core.ack_through(GATEWAY, PersonId(ALICE), team, Sequence(u64::MAX));
    core.take_acks(&mut acked);
    let acked: Vec<_> = acked
        .iter()
        .map(|acked| (acked.person.0, acked.floor.0))
        .collect();
    assert_eq!(acked, [(ALICE, 4), (ALICE, 5)]);
}
