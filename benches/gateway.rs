//! A gateway's fan-out: one message, already decoded, to everyone on one connection who reads the
//! group, each of whom reads the payload.
//!
//! Criterion's time is one message; its throughput is deliveries. *In step* is everybody where the
//! group is, as they are but for a moment after they come; *walk* is the same without reading, what the
//! table itself costs. The payload is 256 bytes.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use throng::client::gateway::{Delivery, ReaderKey, Readers, Table, TableLimits};
use throng::wire::{
    DeviceId, Envelope, GroupId, HeaderFields, Kind, PersonId, Reader, ReaderChange, ReadersBody,
    Sequence,
};

const GROUP: GroupId = GroupId(1);
const PAYLOAD_LEN: usize = 256;
const READERS: [u64; 4] = [200, 2_000, 20_000, 100_000];

/// Adds up the payload, eight bytes at a time: every byte of it is read.
fn sum(payload: &[u8]) -> u64 {
    let words = payload.chunks_exact(8);
    words.fold(0, |sum: u64, word| {
        let word: [u8; 8] = word.try_into().expect("eight bytes");
        sum.wrapping_add(u64::from_le_bytes(word))
    })
}

/// Every reader reads the payload.
#[derive(Default)]
struct Reading(u64);

impl Readers for Reading {
    fn deliver(&mut self, reader: ReaderKey, delivery: &Delivery<'_>) {
        // Read for each anew, not once for all.
        let payload = black_box(delivery.body());
        self.0 = self.0.wrapping_add(sum(payload) ^ reader.0);
    }
}

/// Every reader is called and does next to nothing.
#[derive(Default)]
struct Walking(u64);

impl Readers for Walking {
    fn deliver(&mut self, reader: ReaderKey, _: &Delivery<'_>) {
        self.0 ^= black_box(reader.0);
    }
}

/// A table of `readers` people who read the group from its first message on.
fn hall(readers: u64, of: &mut impl Readers) -> Table {
    let mut table = Table::new(TableLimits::default());
    let people: Vec<_> = (1..=readers).map(PersonId).collect();
    for person in &people {
        let attached = table.attach(*person, DeviceId(1), ReaderKey(person.0), []);
        attached.expect("within the limits");
    }
    let fields = HeaderFields {
        kind: Kind::Readers,
        group: GROUP,
        membership_sequence: Sequence(1),
        ..HeaderFields::default()
    };
    for people in people.chunks(ReadersBody::MAX) {
        let begin = |person: &PersonId| Reader {
            person: *person,
            device: DeviceId(1),
            change: ReaderChange::Begin,
            viewer: false,
            at: Sequence(1),
        };
        let body = ReadersBody {
            readers: people.iter().map(begin).collect(),
        };
        let envelope = Envelope::new(&fields, &body.encode()).expect("cut to what a body holds");
        let told = table.on_readers(envelope.header(), &body, of);
        told.expect("everybody is attached");
    }
    table
}

fn message(sequence: u64) -> Envelope {
    let fields = HeaderFields {
        kind: Kind::Text,
        group: GROUP,
        sequence: Sequence(sequence),
        ..HeaderFields::default()
    };
    let mut payload = [0x5a; PAYLOAD_LEN];
    payload[..8].copy_from_slice(&sequence.to_le_bytes());
    Envelope::new(&fields, &payload).expect("a short body")
}

fn fan_out(criterion: &mut Criterion) {
    fan_out_to::<Reading>(criterion, "read");
    fan_out_to::<Walking>(criterion, "walk");
}

fn fan_out_to<R: Readers + Default>(criterion: &mut Criterion, what: &str) {
    let mut group = criterion.benchmark_group(format!("gateway/{what}"));
    group
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .sample_size(10);
    for people in READERS {
        let mut readers = R::default();
        let mut table = hall(people, &mut readers);
        let mut head = 0;
        group.throughput(Throughput::Elements(people));
        group.bench_function(BenchmarkId::from_parameter(people), |bencher| {
            bencher.iter_custom(|messages| {
                let messages: Vec<_> = (head + 1..=head + messages).map(message).collect();
                head += messages.len() as u64;
                let begun = std::time::Instant::now();
                for message in &messages {
                    let passed = table.on_message(message.header(), message.body(), &mut readers);
                    passed.expect("the group's next message");
                }
                begun.elapsed()
            });
        });
        black_box(&readers);
    }
    group.finish();
}

criterion_group!(benches, fan_out);
criterion_main!(benches);
