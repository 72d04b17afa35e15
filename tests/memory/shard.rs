//! Per delivery the core allocates nothing once it is warm (invariant 4), counted by the allocator.

use std::hint::black_box;

use crate::counting_allocator::allocations_of;
use crate::shard_world::{TEAM, World};
use bytes::Bytes;
use throng::engine::Item;
use throng::shard::{Config, Flushed, Sink};
use throng::wire::{Kind, Priority};

/// Takes every chunk away, as a connection does.
#[derive(Default)]
struct Taking {
    deliveries: u64,
    bytes: u64,
    refuse: bool,
}

impl Sink for Taking {
    fn write(&mut self, _: u64, chunks: &[Bytes]) -> usize {
        if self.refuse {
            return 0;
        }
        for chunk in chunks {
            let taken = chunk.clone();
            self.deliveries += 1;
            self.bytes += taken.len() as u64;
        }
        chunks.len()
    }
}

#[test]
fn a_delivery_allocates_nothing_once_the_core_is_warm() {
    const MEMBERS: u64 = 500;
    const GROUPS: std::ops::Range<u64> = TEAM..TEAM + 3;
    let mut world = World::new(Config::default());
    for group in GROUPS {
        for person in 0..MEMBERS {
            world.join(group, person);
        }
    }
    for person in 0..MEMBERS {
        world.attach_live(person, person);
    }
    let mut items = Vec::new();
    for _ in 0..2_000 {
        for group in GROUPS {
            world.record(group, Kind::Text, Priority::Normal, &[0x5a; 256]);
            let envelope = world.groups[&group].envelopes.last();
            items.push(Item::Deliver(envelope.expect("recorded").clone()));
        }
    }
    let mut core = world.core;
    let mut sink = Taking::default();
    let mut run = |items: &[Item]| {
        for (turn, wave) in items.chunks(8).enumerate() {
            // Now and then nobody has room, and a whole wave waits.
            sink.refuse = turn % 4 == 3;
            for item in wave {
                core.on_item(item);
            }
            while core.flush(&mut sink, || false) == Flushed::More {}
            if sink.refuse {
                (0..MEMBERS).for_each(|session| core.writable(session));
            }
        }
        sink.deliveries
    };
    let (warm_up, steady) = items.split_at(4_000);
    let before = run(warm_up);
    let mut after = 0;
    assert_eq!(allocations_of(|| after = run(steady)), 0);
    assert!(
        after - before >= 1_900 * MEMBERS,
        "the deliveries were made"
    );
}

/// Takes what many get in pieces, as a connection does.
#[derive(Default)]
struct Joining {
    envelopes: usize,
    pieces: usize,
}

impl Sink for Joining {
    fn write(&mut self, _: u64, chunks: &[Bytes]) -> usize {
        self.envelopes += chunks.len();
        chunks.len()
    }

    const JOINS: bool = true;

    fn write_joined(&mut self, _: u64, envelopes: &[Bytes], pieces: &[Bytes]) -> usize {
        self.envelopes += envelopes.len();
        self.pieces += pieces.len();
        envelopes.len()
    }
}

#[test]
fn a_burst_is_copied_once_however_many_members_get_it() {
    const WAVES: u64 = 100;
    let copied = |members: u64| {
        let mut world = World::new(Config::default());
        for person in 0..members {
            world.join(TEAM, person);
        }
        for person in 0..members {
            world.attach_live(person, person);
        }
        let mut items = Vec::new();
        for _ in 0..WAVES * 16 {
            world.record(TEAM, Kind::Text, Priority::Normal, &[0x5a; 256]);
            let envelope = world.groups[&TEAM].envelopes.last();
            items.push(Item::Deliver(envelope.expect("recorded").clone()));
        }
        let mut core = world.core;
        let mut sink = Joining::default();
        let (warm_up, steady) = items.split_at(items.len() / 2);
        let mut run = |items: &[Item]| {
            for wave in items.chunks(16) {
                wave.iter().for_each(|item| core.on_item(item));
                while core.flush(&mut sink, || true) == Flushed::More {}
            }
        };
        run(warm_up);
        let allocations = allocations_of(|| run(steady));
        assert_eq!(sink.envelopes as u64, WAVES * 16 * members);
        // The first of a wave's members gets the envelopes themselves.
        assert_eq!(sink.pieces as u64, WAVES * 2 * (members - 1));
        allocations
    };
    let (few, many) = (copied(3), copied(500));
    assert_eq!(few, many, "allocations of {} waves", WAVES / 2);
    assert!(few > 0);
}

#[test]
fn the_count_sees_an_allocation() {
    assert_eq!(allocations_of(|| drop(black_box(Box::new([0_u8; 64])))), 1);
}
