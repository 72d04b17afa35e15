//! Durable append: records of 256 bytes in batches of 1, 64 and 1,024, one write and one sync each;
//! what sealing adds to that; and how fast such a log is verified, opened and read again.
//!
//! Prints the device's own `fdatasync` first, at the size of each batch, since that is most of the
//! figure. `TMPDIR` chooses the device.

use std::hint::black_box;
use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use throng::archive;
use throng::log::{
    Algorithm, Config, Directory, Encryption, Entry, Log, MasterKey, Memory, Storage, entry_len,
};
use throng::wire::{GroupId, Header, HeaderFields, Kind, RecordNumber, Sequence, TenantId};

const BODY_LEN: usize = 256;
const PRIVATE_LEN: usize = 64;
const BATCH_LENS: [usize; 3] = [1, 64, 1024];
/// Syncs measured per size.
const SYNCS: usize = 200;

fn headers(from: u64, count: usize) -> Vec<Header> {
    let header = |record| {
        Header::new(&HeaderFields {
            kind: Kind::Text,
            tenant: TenantId(1),
            group: GroupId(1 + record % 50),
            sequence: Sequence(1 + record / 50),
            record: RecordNumber(record),
            body_len: BODY_LEN as u32,
            ..HeaderFields::default()
        })
    };
    (from..from + count as u64).map(header).collect()
}

/// What the device does with one write of `len` bytes and one sync, into preallocated space.
fn print_device(storage: &dyn Storage, len: usize) {
    let file = storage.create("probe").expect("a file");
    file.allocate((len * SYNCS) as u64).expect("space");
    file.sync().expect("a sync");
    let bytes = vec![7; len];
    let mut times: Vec<Duration> = (0..SYNCS)
        .map(|number| {
            let start = Instant::now();
            let slices = &mut [IoSlice::new(&bytes)];
            file.write_at(slices, (number * len) as u64)
                .expect("a write");
            file.sync().expect("a sync");
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    let (p50, p99) = (times[SYNCS / 2], times[SYNCS * 99 / 100]);
    println!("device: write and fdatasync of {len} bytes: p50 {p50:.0?}, p99 {p99:.0?}");
    storage.remove("probe").expect("it is there");
}

/// Appends a batch and returns how long the log took.
fn append(log: &mut Log, batch_len: usize) -> Duration {
    let (body, private) = ([0x61; BODY_LEN], [0x62; PRIVATE_LEN]);
    let headers = headers(log.next().0, batch_len);
    let entry = |header| Entry {
        header,
        takes: &[],
        view: &body,
        private: &private,
    };
    let entries: Vec<Entry<'_>> = headers.iter().map(entry).collect();
    let start = Instant::now();
    log.append(black_box(&entries)).expect("it appends");
    start.elapsed()
}

fn open(storage: &Arc<dyn Storage>) -> Log {
    open_with(storage, None)
}

/// With parts sealed by this cipher, or not at all.
fn open_with(storage: &Arc<dyn Storage>, algorithm: Option<Algorithm>) -> Log {
    let mut config = Config::default();
    config.encryption = algorithm.map(|algorithm| Encryption {
        algorithm,
        ..Encryption::new(MasterKey::new([7; 32]))
    });
    let opened = Log::open(storage.clone(), config, [1; 32]);
    opened.expect("it opens").0
}

fn log_append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("log_append");
    for batch_len in BATCH_LENS {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let storage = Directory::open(directory.path()).expect("nobody has it");
        let storage: Arc<dyn Storage> = Arc::new(storage);
        let record_len = entry_len(0, BODY_LEN, PRIVATE_LEN) as usize;
        print_device(&*storage, batch_len * record_len);
        let mut log = open(&storage);
        group.throughput(Throughput::Elements(batch_len as u64));
        group.bench_function(format!("durable_256B_batch_{batch_len}"), |bencher| {
            bencher.iter_custom(|rounds| (0..rounds).map(|_| append(&mut log, batch_len)).sum());
        });
    }
    group.finish();
}

/// What sealing costs apart from the disk: the same batch to memory, in plain and with either cipher.
fn log_seal(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("log_seal");
    group.throughput(Throughput::Elements(64));
    let ciphers = [
        ("plain", None),
        ("aes_256_gcm", Some(Algorithm::Aes256Gcm)),
        ("sm4_gcm", Some(Algorithm::Sm4Gcm)),
    ];
    for (name, algorithm) in ciphers {
        group.bench_function(format!("memory_256B_batch_64_{name}"), |bencher| {
            bencher.iter_custom(|rounds| {
                // A log for each run, since memory is not without end.
                let storage: Arc<dyn Storage> = Arc::new(Memory::new());
                let mut log = open_with(&storage, algorithm);
                (0..rounds).map(|_| append(&mut log, 64)).sum()
            });
        });
    }
    group.finish();
}

/// Records of the log that is read: three segments.
const READ_RECORDS: u64 = 600 * 1024;

fn log_read(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let storage = Directory::open(directory.path()).expect("nobody has it");
    let storage: Arc<dyn Storage> = Arc::new(storage);
    let mut log = open(&storage);
    while log.next().0 < READ_RECORDS {
        append(&mut log, 1024);
    }
    log.close().expect("it closes");

    let mut group = criterion.benchmark_group("log_read");
    group.throughput(Throughput::Elements(READ_RECORDS));
    group.bench_function("verify_256B_two_threads", |bencher| {
        bencher.iter(|| {
            let report = archive::verify(&*storage, 2, &|_| {}).expect("it can be read");
            assert!(report.is_sound() && report.records == READ_RECORDS);
        });
    });
    group.bench_function("open_256B_two_threads", |bencher| {
        bencher.iter(|| assert_eq!(open(&storage).next().0, READ_RECORDS));
    });
    let reader = open(&storage).reader();
    group.bench_function("read_256B_in_order", |bencher| {
        bencher.iter(|| {
            let mut next = 0;
            while next < READ_RECORDS {
                let records = reader.read(RecordNumber(next), 1 << 20).expect("intact");
                next += black_box(records).len() as u64;
            }
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10)
        .measurement_time(Duration::from_secs(4));
    targets = log_append, log_seal, log_read
}
criterion_main!(benches);
