//! Flipped bits (SPEC A8): every single one of a small archive, and thousands at random over a large one.
//! Each that hits durable bytes is found, in the file and at the place where it is; none shortens the log
//! in silence.
//!
//! `THRONG_FLIP_BYTES=1073741824 THRONG_FLIPS=10000` makes the large archive 1 GiB with 10,000 flips.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::written::{Written, append, open, segments};
use throng::archive;
use throng::log::storage::{Faulty, Memory, Random};
use throng::log::{Config, Entry, Log, Storage};
use throng::wire::RecordNumber;

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn every_single_flipped_bit_of_a_small_archive_is_found_where_it_is() {
    let disk = Faulty::new(12);
    let (mut log, _) = open(&disk, 0).expect("a new log opens");
    append(&mut log, 24);
    log.close().expect("it closes");
    let files = segments(&disk);
    assert!(files.len() > 1, "several segments");
    let last = files.len() - 1;
    let mut found = 0;
    for (at, (name, contents)) in files.iter().enumerate() {
        for bit in 0..contents.len() * 8 {
            let flip = |bytes: &mut Vec<u8>| bytes[bit / 8] ^= 1 << (bit % 8);
            disk.damage(name, flip);
            let report = archive::verify(&disk, 1, &|_| {}).expect("it can be read");
            disk.damage(name, flip);
            if at == last && bit / 8 >= contents.len() - 64 {
                // The commit frame at the very end has nothing behind it to prove it.
                assert!(
                    report.torn.is_some() || !report.is_sound(),
                    "{name} bit {bit}"
                );
                continue;
            }
            let damage = report.damage.first();
            let damage = damage.unwrap_or_else(|| panic!("{name} bit {bit} is not found"));
            let offset = damage.offset as usize;
            assert_eq!(&damage.file, name, "bit {bit}");
            assert!(
                offset <= bit / 8 && bit / 8 < offset + 1024,
                "{damage}: bit {bit}"
            );
            found += 1;
        }
    }
    assert!(found > 30_000, "{found}");
    let report = archive::verify(&disk, 1, &|_| {}).expect("it can be read");
    assert!(report.is_sound(), "every flip was taken back");
}

#[test]
fn no_flipped_bit_hides_behind_another() {
    let disk = Faulty::new(12);
    let (mut log, _) = open(&disk, 0).expect("a new log opens");
    append(&mut log, 24);
    log.close().expect("it closes");
    let (name, contents) = segments(&disk).remove(0);
    // In the first record's header.
    disk.damage(&name, |bytes| bytes[304] ^= 1);
    let mut random = Random::new(3);
    for at in 1_024..contents.len() {
        let bit = 1 << random.below(8);
        disk.damage(&name, |bytes| bytes[at] ^= bit);
        let report = archive::verify(&disk, 1, &|_| {}).expect("it can be read");
        disk.damage(&name, |bytes| bytes[at] ^= bit);
        let near = |offset: u64| (offset..offset + 1_024).contains(&(at as u64));
        let first = &report.damage[0];
        assert!(first.offset <= 304, "byte {at}: {first}");
        assert!(
            report.damage[1..].iter().any(|it| near(it.offset)),
            "byte {at}: {:?}",
            report.damage
        );
    }
}

/// Segments of 1 MiB, batches of four records of about 1 KiB.
fn large(bytes: u64) -> Arc<Memory> {
    let storage = Arc::new(Memory::new());
    let config = Config::default().with_segment_bytes(1 << 20);
    let (mut log, _) = Log::open(storage.clone(), config, [7; 32]).expect("a new log opens");
    let mut random = Random::new(5);
    let mut written = 0;
    while written < bytes {
        let next = log.next().0;
        let batch: Vec<_> = (next..next + 4)
            .map(|number| Written::with_body(number, 1_024, &mut random))
            .collect();
        let entries: Vec<Entry<'_>> = batch.iter().map(Written::entry).collect();
        log.append(&entries).expect("it appends");
        written += batch.iter().map(Written::len).sum::<u64>();
    }
    log.close().expect("it closes");
    storage
}

#[test]
fn random_flips_over_a_large_archive_are_all_found_where_they_are() {
    let bytes = from_environment("THRONG_FLIP_BYTES").unwrap_or(64 << 20);
    let flips = from_environment("THRONG_FLIPS").unwrap_or(625);
    let storage = large(bytes);
    let report = archive::verify(&*storage, 2, &|_| {}).expect("it can be read");
    assert!(report.is_sound());
    let names = storage.names().expect("names").into_iter();
    let names: Vec<_> = names.filter(|name| name.ends_with(".segment")).collect();
    let used = names.iter().map(|name| used_len(&storage, name));
    let used: Vec<_> = used.collect();
    let mut random = Random::new(11);
    let mut hit: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut residue = 0;
    for _ in 0..flips {
        let which = random.below(names.len() as u64) as usize;
        let name = &names[which];
        let file = storage.open(name).expect("it is there");
        let at = random.below(file.len().expect("a length"));
        let mut byte = [0];
        file.read_at(&mut byte, at).expect("readable");
        byte[0] ^= 1 << random.below(8);
        file.write_at(&mut [std::io::IoSlice::new(&byte)], at)
            .expect("written");
        if at < used[which] {
            hit.entry(name.clone()).or_default().push(at);
        } else {
            residue += 1;
        }
    }
    let report = archive::verify(&*storage, 2, &|_| {}).expect("it can be read");
    let mut damage: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for found in &report.damage {
        damage.entry(&found.file).or_default().push(found.offset);
    }
    let mut found = 0;
    for (name, flips) in &hit {
        let places = damage.get_mut(name.as_str());
        let places = places.unwrap_or_else(|| panic!("{name} is said to be sound"));
        places.sort_unstable();
        for flip in flips {
            let before = places.partition_point(|place| place <= flip);
            let place = before.checked_sub(1).map(|at| places[at]);
            // In the same frame, or in the batch whose own header was hit.
            let is_near = place.is_some_and(|place| flip - place < 8 * 1024);
            assert!(
                is_near,
                "{name} at {flip}: the nearest damage is at {place:?}"
            );
            found += 1;
        }
    }
    for place in damage.keys() {
        assert!(
            hit.contains_key(*place) || *place == "meta",
            "{place} was not touched"
        );
    }
    println!(
        "{flips} flips over {} MiB in {} segments: {found} in durable bytes, all found; {residue} beyond",
        bytes >> 20,
        names.len()
    );
    assert!(found * 10 > flips * 8, "{found} of {flips}");
}

/// Where a segment's last batch ends.
fn used_len(storage: &Memory, name: &str) -> u64 {
    let file = storage.open(name).expect("it is there");
    let mut bytes = vec![0; file.len().expect("a length") as usize];
    file.read_at(&mut bytes, 0).expect("readable");
    let last = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0) as u64;
    last / 16 * 16 + 16
}

#[test]
fn what_lies_beyond_the_end_is_reported_as_residue() {
    let disk = Faulty::new(3);
    let (mut log, _) = open(&disk, 0).expect("a new log opens");
    append(&mut log, 3);
    log.close().expect("it closes");
    let (name, contents) = segments(&disk).remove(0);
    disk.damage(&name, |bytes| bytes[contents.len() + 200] ^= 1);
    let report = archive::verify(&disk, 1, &|_| {}).expect("it can be read");
    assert!(report.is_sound(), "{report:?}");
    assert!(report.residue_bytes > 0);
    assert_eq!(report.records, 3);
    let read = archive::inspect(&disk, RecordNumber(2));
    read.expect("what is there is read");
}
