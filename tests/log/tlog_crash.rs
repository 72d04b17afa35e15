//! The transparency log on a disk that crashes at any boundary: nothing that was ever signed and
//! visible is contradicted by what a later open holds.

#![allow(clippy::unwrap_used)] // A test's own helpers may panic.

use std::sync::Arc;

use crate::crashes::{self, Folder, Work};
use crate::written::{self, Written};
use throng::archive::tlog::{
    Checkpoint, Edge, OpenError, Part, Publisher, SigningKey, Tile, leaf_hash, read_hashes,
    read_tile, size_of, tiles_of,
};
use throng::log::storage::{Fault, Faulty, Random};
use throng::log::{Config, Entry, Log, OpenError as LogError, Recovered, Storage, StorageError};
use throng::wire::RecordNumber;

const BATCHES: u64 = 10;

fn folder(disk: &Faulty) -> Folder {
    Folder::of(disk, "tlog/")
}

fn inside(name: &str) -> String {
    format!("tlog/{name}")
}

/// With segments long enough that most boundaries are the transparency log's.
fn open(disk: &Faulty, seed: u64) -> Result<(Log, Recovered), LogError> {
    let mut config = Config::default().with_segment_bytes(32 * 1024);
    config.check_threads = 1;
    let mut random = Random::new(seed);
    let entropy = std::array::from_fn(|_| random.number() as u8);
    Log::open(Arc::new(disk.clone()), config, entropy)
}

fn key() -> SigningKey {
    SigningKey::new("crash.example", [9; 32]).unwrap()
}

fn publisher(disk: &Faulty, log: &Log, recovered: &Recovered) -> Result<Publisher, OpenError> {
    let identity = (recovered.log, recovered.incarnation);
    Publisher::open(Arc::new(folder(disk)), &key(), identity, &log.reader())
}

/// What the world may have seen.
#[derive(Default)]
struct Seen {
    /// Every checkpoint that was ever visible.
    checkpoints: Vec<Vec<u8>>,
    /// The size of the last one that was said to be published.
    published: u64,
}

impl Seen {
    fn look(&mut self, disk: &Faulty) {
        if let Some(note) = disk.contents("tlog/checkpoint")
            && self.checkpoints.last() != Some(&note)
        {
            self.checkpoints.push(note);
        }
    }
}

/// Appends and publishes until done or the power is gone.
fn run(disk: &Faulty, seed: u64, seen: &mut Seen) {
    let mut random = Random::new(seed ^ 0x7106);
    let Ok((mut log, recovered)) = open(disk, seed) else {
        return;
    };
    let Ok(mut publisher) = publisher(disk, &log, &recovered) else {
        return;
    };
    for _ in 0..BATCHES {
        let from = log.next().0;
        // Often a few, sometimes enough to fill a tile and begin the next.
        let count = if random.below(3) == 0 {
            130
        } else {
            1 + random.below(9)
        };
        let batch: Vec<_> = (from..from + count)
            .map(|it| Written::new(it, &mut random))
            .collect();
        let entries: Vec<Entry<'_>> = batch.iter().map(Written::entry).collect();
        if log.append(&entries).is_err() {
            return;
        }
        if random.below(2) == 0 {
            let next = RecordNumber(publisher.next());
            let commitments = log.reader().commitments(next, 1_000).expect("readable");
            let published = publisher.publish(&commitments);
            seen.look(disk);
            match published {
                Ok(()) => seen.published = publisher.signed(),
                Err(_) => return,
            }
        }
    }
}

/// The roots of a log's first records, by how many: 0, 1, 2 and so on.
fn roots(log: &Log) -> Vec<[u8; 32]> {
    let mut edge = Edge::default();
    let commitments = log
        .reader()
        .commitments(RecordNumber(0), 100_000)
        .expect("readable");
    let mut roots = vec![edge.root()];
    for commitment in commitments {
        edge.push(leaf_hash(&commitment), |_, _| ());
        roots.push(edge.root());
    }
    roots
}

/// What must hold after a crash.
fn check(disk: &Faulty, seed: u64, seen: &mut Seen) {
    let (log, recovered) = open(disk, seed ^ 1).expect("a crash never keeps a log from opening");
    let mut publisher = publisher(disk, &log, &recovered).expect("nor its transparency log");
    assert!(
        !publisher.is_rebuilding(),
        "a crash costs no tile that was signed"
    );
    assert!(
        publisher.signed() >= seen.published,
        "what was said to be published is"
    );
    seen.look(disk);
    let public = publisher.verifying_key();
    let roots = roots(&log);
    let root = |size: u64| {
        *roots
            .get(size as usize)
            .expect("records that were signed are there")
    };
    for note in &seen.checkpoints {
        let checkpoint = Checkpoint::verify(note, &public).expect("whole and signed");
        assert_eq!(checkpoint.root, root(checkpoint.size), "contradicted");
    }
    let folder = folder(disk);
    let size = publisher.signed();
    for tile in tiles_of(0, size) {
        read_tile(&folder, tile)
            .expect("every tile of the checkpoint is there and as long as it should be");
    }
    // And it goes on: all that is durable is published, and proves to be one tree with the old.
    let next = RecordNumber(publisher.next());
    let rest = log.reader().commitments(next, 10_000).expect("readable");
    publisher.publish(&rest).expect("the disk is fine");
    seen.published = publisher.signed();
    assert_eq!(publisher.signed(), log.next().0);
    for full in tiles_of(0, publisher.signed()).filter(Tile::is_full) {
        let left = folder.names_in(&full.partial_folder()).expect("readable");
        assert_eq!(left, [""; 0], "partial tiles go, whenever a crash has come");
    }
    let begins = disk.contents("tlog/beginning").is_some();
    assert_eq!(begins, publisher.signed() == 0);
    let read = |tile| read_hashes(&folder, tile);
    let (signed, whole) = (root(size), root(log.next().0));
    let proof = throng::archive::tlog::consistency(size, log.next().0, read).expect("readable");
    throng::archive::tlog::verify_consistency((size, &signed), (log.next().0, &whole), &proof)
        .expect("one history");
    seen.look(disk);
}

impl Work for Seen {
    const SEEDS: u64 = 500;
    const EXHAUSTIVE_SEEDS: u64 = 4;
    const BOUNDARIES: u64 = 160;

    fn new(_: u64) -> Self {
        Self::default()
    }

    fn work(&mut self, disk: &Faulty, seed: u64) {
        run(disk, seed, self);
    }

    fn recover(&self, disk: &Faulty, seed: u64) {
        if let Ok((log, recovered)) = open(disk, seed) {
            drop(publisher(disk, &log, &recovered));
        }
    }

    fn check(&mut self, disk: &Faulty, seed: u64) {
        check(disk, seed, self);
    }
}

#[test]
fn no_signed_checkpoint_is_contradicted_after_a_crash_at_a_boundary_of_any_seed() {
    crashes::at_a_boundary_of_each_seed::<Seen>();
}

#[test]
fn no_signed_checkpoint_is_contradicted_after_a_crash_at_any_boundary() {
    crashes::at_every_boundary_of_some_seeds::<Seen>();
}

#[test]
fn an_error_at_every_boundary_is_tried_again_and_contradicts_nothing() {
    for fault in [Fault::Io, Fault::NoSpace, Fault::Short] {
        let mut retried = 0;
        for boundary in 0..80 {
            let disk = Faulty::new(boundary);
            let (mut log, recovered) = open(&disk, 1).unwrap();
            let mut publisher = publisher(&disk, &log, &recovered).unwrap();
            let mut seen = Seen::default();
            written::append(&mut log, 250);
            publish(&mut publisher, &log).unwrap();
            written::append(&mut log, 300);
            disk.plan(disk.boundaries() + boundary, fault);
            if publish(&mut publisher, &log).is_err() {
                retried += 1;
                seen.look(&disk);
                written::append(&mut log, 1);
                publish(&mut publisher, &log).expect("the disk is fine again");
            }
            seen.published = publisher.signed();
            drop((log, publisher));
            check(&disk.restart(), 1, &mut seen);
        }
        assert!((20..80).contains(&retried), "{retried} boundaries");
    }
}

#[test]
fn what_a_visible_checkpoint_speaks_of_stays_whole_while_it_is_tried_again() {
    let mut retried = 0;
    for first in 0..80 {
        for second in 0..80 {
            let disk = Faulty::new(1);
            let (mut log, recovered) = open(&disk, 1).unwrap();
            let mut publisher = publisher(&disk, &log, &recovered).unwrap();
            written::append(&mut log, 250);
            publish(&mut publisher, &log).unwrap();
            written::append(&mut log, 300);
            disk.plan(disk.boundaries() + first, Fault::Io);
            let failed = publish(&mut publisher, &log).is_err();
            let visible = size_of(&disk.contents("tlog/checkpoint").unwrap());
            if !failed || visible != Some(550) {
                break;
            }
            written::append(&mut log, 1);
            disk.plan(disk.boundaries() + second, Fault::Io);
            if publish(&mut publisher, &log).is_ok() {
                break;
            }
            retried += 1;
            if size_of(&disk.contents("tlog/checkpoint").unwrap()) == Some(550) {
                for tile in tiles_of(0, 550) {
                    let whole = read_tile(&folder(&disk), tile);
                    whole.unwrap_or_else(|error| panic!("{first}, {second}: {error}"));
                }
            }
        }
    }
    assert!(retried > 10, "{retried} boundaries");
}

fn publish(publisher: &mut Publisher, log: &Log) -> Result<(), StorageError> {
    let next = RecordNumber(publisher.next());
    publisher.publish(&log.reader().commitments(next, 10_000).expect("readable"))
}

/// A disk with a log of 600 records, all published.
fn published(disk: &Faulty) -> (Log, Recovered) {
    let (mut log, recovered) = open(disk, 5).unwrap();
    let mut publisher = publisher(disk, &log, &recovered).unwrap();
    for _ in 0..6 {
        written::append(&mut log, 100);
        publish(&mut publisher, &log).unwrap();
    }
    (log, recovered)
}

#[test]
fn partial_tiles_go_once_the_full_one_is_there() {
    let disk = Faulty::new(1);
    let (log, _) = published(&disk);
    let mut names = folder(&disk).names().unwrap();
    names.sort();
    assert_eq!(log.next().0, 600);
    assert_eq!(
        names,
        [
            "checkpoint",
            "tile/0/000",
            "tile/0/001",
            "tile/0/002.p/88",
            "tile/1/000.p/1",
            "tile/1/000.p/2",
            "tile/entries/000",
            "tile/entries/001",
            "tile/entries/002.p/88",
        ]
    );
}

#[test]
fn tiles_that_are_lost_or_damaged_are_made_again_from_the_log() {
    for name in ["tile/0/002.p/88", "tile/1/000.p/2"] {
        for removed in [true, false] {
            let disk = Faulty::new(2);
            let (mut log, recovered) = published(&disk);
            let before = disk.contents("tlog/checkpoint");
            let good = disk.contents(&inside(name));
            if removed {
                disk.remove(&inside(name)).unwrap();
            } else {
                disk.damage(&inside(name), |bytes| bytes[40] ^= 1);
            }
            let mut publisher = publisher(&disk, &log, &recovered).unwrap();
            assert!(publisher.is_rebuilding(), "{name}");
            assert_eq!(
                disk.contents("tlog/checkpoint"),
                before,
                "the old one stands meanwhile"
            );
            publish(&mut publisher, &log).unwrap();
            assert!(!publisher.is_rebuilding());
            assert_eq!(disk.contents(&inside(name)), good);
            written::append(&mut log, 1);
            publish(&mut publisher, &log).unwrap();
            let mut seen = Seen::default();
            drop((log, publisher));
            check(&disk, 5, &mut seen);
        }
    }
}

#[test]
fn a_log_that_contradicts_what_was_signed_is_refused_by_name() {
    let (log, recovered) = published(&Faulty::new(3));
    let refused = |change: &dyn Fn(&Faulty), log: &Log, recovered: &Recovered| {
        let disk = Faulty::new(3);
        published(&disk);
        change(&disk);
        publisher(&disk, log, recovered)
            .expect_err("it contradicts")
            .to_string()
    };
    // Another history of the same length, under the same identity.
    let other = Faulty::new(4);
    let (mut longer, _) = open(&other, 6).unwrap();
    written::append(&mut longer, 700);
    let error = refused(&|_| (), &longer, &recovered);
    assert!(
        error.contains("the first 600 records were signed with root"),
        "{error}"
    );
    // A shorter one: an old copy.
    let other = Faulty::new(4);
    let (mut shorter, _) = open(&other, 5).unwrap();
    written::append(&mut shorter, 599);
    let error = refused(&|_| (), &shorter, &recovered);
    assert!(
        error.contains("600 records were published and signed, the log holds 599"),
        "{error}"
    );
    // Another log's, and an older life of this one.
    let foreign = Recovered {
        log: [0; 16],
        ..recovered.clone()
    };
    assert!(
        refused(&|_| (), &log, &foreign).contains("the published checkpoint is of crash.example/")
    );
    let older = Recovered {
        incarnation: recovered.incarnation - 1,
        ..recovered.clone()
    };
    assert!(
        refused(&|_| (), &log, &older).contains("the published checkpoint is of crash.example/")
    );
    // A checkpoint that nobody signed.
    let forge = |disk: &Faulty| {
        disk.damage("tlog/checkpoint", |note| {
            let at = note.windows(5).position(|it| it == b"\n600\n").unwrap();
            note[at + 1] = b'5';
        });
    };
    let error = refused(&forge, &log, &recovered);
    assert!(error.contains("is not of this text"), "{error}");
}

#[test]
fn a_repaired_log_begins_a_new_origin_and_keeps_the_old_checkpoint() {
    let disk = Faulty::new(5);
    let (log, recovered) = published(&disk);
    let old = disk.contents("tlog/checkpoint").unwrap();
    let repaired = Recovered {
        incarnation: recovered.incarnation + 1,
        ..recovered.clone()
    };
    let mut publisher = publisher(&disk, &log, &repaired).unwrap();
    assert_eq!((publisher.next(), publisher.signed()), (0, 0));
    publish(&mut publisher, &log).unwrap();
    let kept = disk
        .contents(&format!("tlog/checkpoint.{}", recovered.incarnation))
        .unwrap();
    assert_eq!(kept, old);
    let new = disk.contents("tlog/checkpoint").unwrap();
    let checkpoint = Checkpoint::verify(&new, &publisher.verifying_key()).unwrap();
    assert_eq!(checkpoint.size, 600);
    assert!(
        checkpoint
            .origin
            .ends_with(&format!("/{}", repaired.incarnation))
    );
    assert!(Checkpoint::verify(&old, &publisher.verifying_key()).is_err());
    let tile = tiles_of(0, 600)
        .find(|tile| tile.part() == Part::Entries)
        .unwrap();
    read_tile(&folder(&disk), tile).unwrap();
}
