//! What a gateway's client spends on its people: nothing per delivery (invariant 4), and what the limits
//! say for each of them.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used)] // What cannot be set up fails its test.

use crate::counting_allocator::{allocations_of, bytes_kept_by};
use throng::client::gateway::{Delivery, ReaderKey, Readers, Table, TableLimits};
use throng::wire::{
    DeviceId, Envelope, GroupId, HeaderFields, Kind, PersonId, Reader, ReaderChange, ReadersBody,
    Sequence,
};

const PEOPLE: u64 = 2_000;

#[derive(Default)]
struct Counting(u64);

impl Readers for Counting {
    fn deliver(&mut self, _: ReaderKey, delivery: &Delivery<'_>) {
        self.0 += delivery.body().len() as u64;
    }
}

fn attach(table: &mut Table) {
    for person in 1..=PEOPLE {
        let key = ReaderKey(person);
        table
            .attach(PersonId(person), DeviceId(1), key, [])
            .unwrap();
    }
}

/// Everybody reads `group` from `at` on, which is live from 100 on.
fn begin(table: &mut Table, group: u64, at: u64, of: &mut Counting) {
    let fields = HeaderFields {
        kind: Kind::Readers,
        group: GroupId(group),
        membership_sequence: Sequence(100),
        ..HeaderFields::default()
    };
    let begin = |person| Reader {
        person: PersonId(person),
        device: DeviceId(1),
        change: ReaderChange::Begin,
        viewer: false,
        at: Sequence(at),
    };
    let body = ReadersBody {
        readers: (1..=PEOPLE).map(begin).collect(),
    };
    let envelope = Envelope::new(&fields, &body.encode()).unwrap();
    table.on_readers(envelope.header(), &body, of).unwrap();
}

fn message(sequence: u64) -> Envelope {
    let fields = HeaderFields {
        kind: Kind::Text,
        group: GroupId(1),
        sequence: Sequence(sequence),
        ..HeaderFields::default()
    };
    Envelope::new(&fields, &[0x5a; 256]).unwrap()
}

#[test]
fn a_delivery_through_a_gateway_allocates_nothing() {
    let (mut table, mut readers) = (Table::new(TableLimits::default()), Counting::default());
    attach(&mut table);
    begin(&mut table, 1, 100, &mut readers);
    let messages: Vec<_> = (100..1_100).map(message).collect();
    let (first, rest) = messages.split_first().unwrap();
    let mut pass = |envelope: &Envelope| {
        let passed = table.on_message(envelope.header(), envelope.body(), &mut readers);
        passed.unwrap();
    };
    pass(first);
    assert_eq!(allocations_of(|| rest.iter().for_each(&mut pass)), 0);
    assert_eq!(readers.0, 1_000 * PEOPLE * 256);
}

#[test]
fn people_and_their_groups_cost_what_the_limits_say() {
    let (mut table, mut readers) = (Table::new(TableLimits::default()), Counting::default());
    let per_person = |bytes: i64| bytes / PEOPLE as i64;
    let ((), people) = bytes_kept_by(|| attach(&mut table));
    assert!(per_person(people) <= 350, "{} a person", per_person(people));
    let groups = 1..=32;
    let mut in_groups = |at| {
        let ((), kept) = bytes_kept_by(|| {
            for group in groups.clone() {
                begin(&mut table, group + 32 * at, at, &mut readers);
            }
        });
        per_person(kept) / 32
    };
    let in_step = in_groups(100);
    assert!(in_step <= 80, "{in_step} a reader in step");
    let behind = in_groups(99);
    assert!(behind <= 220, "{behind} a reader behind");
}
