//! Fan-out in process: one group, everybody in it online, the receiver reading each payload.
//!
//! Criterion's time is one wave; its throughput is deliveries. *Lone* delivers one message a flush,
//! *burst* 64; *taken* is a sink that keeps what it is given, as a connection does, *read* one that
//! reads in place, as a callback does. The payload is 256 bytes, and every one differs. Beside them, with
//! the same readers on the same thread: tokio's broadcast channel, polled by whoever knows that something
//! has come and by a task each, and a channel per member. *Shards* is
//! a burst to the same members on one thread and on two.

use std::cell::Cell;
use std::hint::black_box;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use throng::engine::{AttachedPerson, Item};
use throng::shard::{Config, Core, Flushed, Sink};
use throng::wire::{
    AttachedGroup, DeviceId, Envelope, GroupId, HeaderFields, Kind, PersonId, Sequence, TenantId,
};

const TENANT: TenantId = TenantId(1);
const GROUP: GroupId = GroupId(1);
const PAYLOAD_LEN: usize = 256;
const MEMBERS: [u64; 4] = [200, 2_000, 20_000, 100_000];

/// Adds up the payload, eight bytes at a time: every cache line of it is touched.
fn read(envelope: &[u8]) -> u64 {
    let words = envelope[envelope.len() - PAYLOAD_LEN..].chunks_exact(8);
    words.fold(0, |sum: u64, word| {
        let word: [u8; 8] = word.try_into().expect("eight bytes");
        sum.wrapping_add(u64::from_le_bytes(word))
    })
}

/// Reads every payload where it is.
#[derive(Default)]
struct Reading {
    sum: u64,
    deliveries: u64,
}

impl Sink for Reading {
    fn write(&mut self, _: u64, chunks: &[Bytes]) -> usize {
        for chunk in chunks {
            self.sum = self.sum.wrapping_add(read(chunk));
        }
        self.deliveries += chunks.len() as u64;
        chunks.len()
    }
}

/// Reads every payload and keeps the envelope away from the core.
#[derive(Default)]
struct Taking(Reading);

impl Sink for Taking {
    fn write(&mut self, session: u64, chunks: &[Bytes]) -> usize {
        let taken = self.0.write(session, chunks);
        for chunk in chunks {
            drop(black_box(chunk.clone()));
        }
        taken
    }
}

struct Hall {
    core: Core,
    head: u64,
}

impl Hall {
    fn with(members: u64) -> Self {
        let mut core = Core::new(Config::default());
        for person in 1..=members {
            let group = AttachedGroup::new(GROUP, Sequence(1), Sequence(1), Sequence(1));
            let attached = AttachedPerson {
                tenant: TENANT,
                person: PersonId(person),
                device: DeviceId(1),
                groups: vec![group],
                watched: Vec::new(),
            };
            core.attach(person, &attached, &[], true);
        }
        Self { core, head: 1 }
    }

    /// Messages that differ, made outside the time that is taken.
    fn messages(&mut self, count: u64) -> Vec<Item> {
        let envelopes = self.envelopes(count).into_iter();
        envelopes.map(Item::Deliver).collect()
    }

    fn envelopes(&mut self, count: u64) -> Vec<Envelope> {
        let sequences = self.head + 1..=self.head + count;
        self.head += count;
        let envelopes = sequences.map(|sequence| {
            let fields = HeaderFields {
                kind: Kind::Text,
                tenant: TENANT,
                group: GROUP,
                sequence: Sequence(sequence),
                ..HeaderFields::default()
            };
            let mut payload = [0x5a; PAYLOAD_LEN];
            payload[..8].copy_from_slice(&sequence.to_le_bytes());
            Envelope::new(&fields, &payload).expect("a short body")
        });
        envelopes.collect()
    }

    fn wave(&mut self, items: &[Item], sink: &mut impl Sink) {
        for item in items {
            self.core.on_item(item);
        }
        while self.core.flush(sink, || true) == Flushed::More {}
    }
}

fn fan_out(criterion: &mut Criterion) {
    fan_out_into::<Reading>(criterion, "read");
    fan_out_into::<Taking>(criterion, "taken");
}

fn fan_out_into<S: Sink + Default>(criterion: &mut Criterion, sink: &str) {
    for (shape, messages) in [("lone", 1), ("burst", 64)] {
        let mut group = criterion.benchmark_group(format!("fanout/{shape}/{sink}"));
        group
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(2))
            .sample_size(10);
        for members in MEMBERS {
            let mut hall = Hall::with(members);
            let mut sink = S::default();
            group.throughput(Throughput::Elements(members * messages));
            group.bench_function(BenchmarkId::from_parameter(members), |bencher| {
                bencher.iter_custom(|waves| {
                    let mut elapsed = Duration::ZERO;
                    for _ in 0..waves {
                        let items = hall.messages(messages);
                        let begun = std::time::Instant::now();
                        hall.wave(&items, &mut sink);
                        elapsed += begun.elapsed();
                    }
                    elapsed
                });
            });
            black_box(&sink);
        }
        group.finish();
    }
}

/// A channel of the field with a receiver per member.
trait Channels {
    fn with(members: u64) -> Self;
    fn send(&mut self, envelope: &Bytes);
    /// Reads everything that has come to everyone; how many.
    fn read_all(&mut self, sum: &mut u64) -> u64;
}

struct Broadcast {
    sender: tokio::sync::broadcast::Sender<Bytes>,
    receivers: Vec<tokio::sync::broadcast::Receiver<Bytes>>,
}

impl Channels for Broadcast {
    fn with(members: u64) -> Self {
        let (sender, _) = tokio::sync::broadcast::channel(64);
        let receivers = (0..members).map(|_| sender.subscribe()).collect();
        Self { sender, receivers }
    }

    fn send(&mut self, envelope: &Bytes) {
        self.sender
            .send(envelope.clone())
            .expect("somebody receives");
    }

    fn read_all(&mut self, sum: &mut u64) -> u64 {
        let mut count = 0;
        for receiver in &mut self.receivers {
            while let Ok(envelope) = receiver.try_recv() {
                *sum = sum.wrapping_add(read(&envelope));
                count += 1;
            }
        }
        count
    }
}

/// The broadcast channel as it is used: a task each, woken for what has come.
struct BroadcastTasks {
    sender: tokio::sync::broadcast::Sender<Bytes>,
    runtime: tokio::runtime::Runtime,
    tasks: tokio::task::LocalSet,
    read: Rc<Cell<(u64, u64)>>,
}

impl Channels for BroadcastTasks {
    fn with(members: u64) -> Self {
        let (sender, _) = tokio::sync::broadcast::channel::<Bytes>(64);
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let (runtime, tasks) = (runtime.expect("a runtime"), tokio::task::LocalSet::new());
        let read_so_far = Rc::new(Cell::new((0, 0)));
        for _ in 0..members {
            let (mut receiver, so_far) = (sender.subscribe(), read_so_far.clone());
            tasks.spawn_local(async move {
                while let Ok(envelope) = receiver.recv().await {
                    let (count, sum): (u64, u64) = so_far.get();
                    so_far.set((count + 1, sum.wrapping_add(read(&envelope))));
                }
            });
        }
        Self {
            sender,
            runtime,
            tasks,
            read: read_so_far,
        }
    }

    fn send(&mut self, envelope: &Bytes) {
        self.sender
            .send(envelope.clone())
            .expect("somebody receives");
    }

    fn read_all(&mut self, sum: &mut u64) -> u64 {
        let all = self.sender.receiver_count() as u64 * self.sender.len() as u64;
        let read = &self.read;
        self.tasks.block_on(&self.runtime, async {
            while read.get().0 < all {
                tokio::task::yield_now().await;
            }
        });
        let (count, read_sum) = read.take();
        *sum = sum.wrapping_add(read_sum);
        count
    }
}

struct ChannelEach {
    senders: Vec<tokio::sync::mpsc::Sender<Bytes>>,
    receivers: Vec<tokio::sync::mpsc::Receiver<Bytes>>,
}

impl Channels for ChannelEach {
    fn with(members: u64) -> Self {
        let channels = (0..members).map(|_| tokio::sync::mpsc::channel(64));
        let (senders, receivers) = channels.unzip();
        Self { senders, receivers }
    }

    fn send(&mut self, envelope: &Bytes) {
        for sender in &self.senders {
            sender.try_send(envelope.clone()).expect("everybody reads");
        }
    }

    fn read_all(&mut self, sum: &mut u64) -> u64 {
        let mut count = 0;
        for receiver in &mut self.receivers {
            while let Ok(envelope) = receiver.try_recv() {
                *sum = sum.wrapping_add(read(&envelope));
                count += 1;
            }
        }
        count
    }
}

fn channels(criterion: &mut Criterion) {
    channels_of::<Broadcast>(criterion, "tokio_broadcast");
    channels_of::<BroadcastTasks>(criterion, "tokio_broadcast_tasks");
    channels_of::<ChannelEach>(criterion, "channel_per_member");
}

fn channels_of<C: Channels>(criterion: &mut Criterion, name: &str) {
    for (shape, messages) in [("lone", 1), ("burst", 64)] {
        let mut group = criterion.benchmark_group(format!("fanout/{shape}/{name}"));
        group
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(2))
            .sample_size(10);
        for members in MEMBERS {
            let mut hall = Hall::with(0);
            let mut channels = C::with(members);
            let mut sum = 0;
            group.throughput(Throughput::Elements(members * messages));
            group.bench_function(BenchmarkId::from_parameter(members), |bencher| {
                bencher.iter_custom(|waves| {
                    let mut elapsed = Duration::ZERO;
                    for _ in 0..waves {
                        let envelopes = hall.envelopes(messages);
                        let begun = std::time::Instant::now();
                        for envelope in &envelopes {
                            channels.send(envelope.bytes());
                        }
                        assert_eq!(channels.read_all(&mut sum), members * messages);
                        elapsed += begun.elapsed();
                    }
                    elapsed
                });
            });
            black_box(sum);
        }
        group.finish();
    }
}

/// Shards on threads of their own, each with its part of the members.
struct Shards {
    shards: Vec<(mpsc::Sender<Vec<Envelope>>, mpsc::Receiver<u64>)>,
}

impl Shards {
    fn with(count: u64, members: u64) -> Self {
        let shards = (0..count).map(|_| {
            let (waves, to_do) = mpsc::channel::<Vec<Envelope>>();
            let (done, deliveries) = mpsc::channel();
            std::thread::spawn(move || {
                let mut hall = Hall::with(members / count);
                let mut sink = Reading::default();
                for envelopes in to_do {
                    let before = sink.deliveries;
                    let items: Vec<_> = envelopes.into_iter().map(Item::Deliver).collect();
                    hall.wave(&items, &mut sink);
                    if done.send(sink.deliveries - before).is_err() {
                        return;
                    }
                }
                black_box(sink.sum);
            });
            (waves, deliveries)
        });
        Self {
            shards: shards.collect(),
        }
    }

    fn wave(&self, envelopes: &[Envelope]) -> u64 {
        for (waves, _) in &self.shards {
            waves.send(envelopes.to_vec()).expect("the shard lives");
        }
        let done = self.shards.iter();
        done.map(|(_, done)| done.recv().expect("the shard lives"))
            .sum()
    }
}

/// The same members on one shard and on two.
fn shards(criterion: &mut Criterion) {
    const MEMBERS: u64 = 20_000;
    const MESSAGES: u64 = 64;
    let mut group = criterion.benchmark_group("fanout/shards");
    group
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .sample_size(10)
        .throughput(Throughput::Elements(MEMBERS * MESSAGES));
    for count in [1, 2] {
        let shards = Shards::with(count, MEMBERS);
        let mut hall = Hall::with(0);
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter_custom(|waves| {
                let mut elapsed = Duration::ZERO;
                for _ in 0..waves {
                    let envelopes = hall.envelopes(MESSAGES);
                    let begun = std::time::Instant::now();
                    assert_eq!(shards.wave(&envelopes), MEMBERS * MESSAGES);
                    elapsed += begun.elapsed();
                }
                elapsed
            });
        });
    }
    group.finish();
}

criterion_group!(benches, fan_out, channels, shards);
criterion_main!(benches);
