//! What becomes of an index whose bytes are not what was written: it is noticed, or it makes no difference.

#![cfg(feature = "search")]
#![allow(clippy::unwrap_used)] // A test's own helpers may panic.

use std::sync::Arc;

use crate::searched::{Line, lines, random_archive, random_query};
use throng::archive::search::QueryRefused;
use throng::log::storage::{Faulty, Random};
use throng::log::{Memory, Storage};
use throng::wire::GroupId;

#[test]
fn damaged_bytes_never_panic_and_never_yield_what_the_log_does_not_say() {
    let (mut noticed, mut searched) = (0, 0);
    for seed in 0..60 {
        let random = &mut Random::new(seed);
        let archive = random_archive(random, 30, seed % 2 == 0);
        let disk = Faulty::new(seed);
        let storage: Arc<dyn Storage> = Arc::new(disk.clone());
        let mut index = archive.index(&storage).unwrap();
        archive.follow(&mut index, 7).unwrap();
        let names = disk.names().unwrap();
        let name = &names[random.below(names.len() as u64) as usize];
        disk.damage(name, |bytes| {
            let at = random.below(bytes.len() as u64) as usize;
            match random.below(3) {
                0 => bytes.truncate(at),
                _ => bytes[at] ^= 1 << random.below(8),
            }
        });
        let mut index = archive.index(&storage).unwrap();
        noticed += u32::from(index.next().0 == 0);
        let search = index.search(archive.log.reader());
        for _ in 0..20 {
            let query = random_query(random, &archive);
            match search.find(&query) {
                Ok(page) => {
                    let expected = archive.naive(&query);
                    for line in lines(&page.hits, query.tenant) {
                        assert!(expected.contains(&line));
                    }
                    searched += 1;
                }
                Err(QueryRefused::Index(error)) => {
                    assert!(error.is_damage() && index.is_damaged(), "{error}");
                }
                Err(QueryRefused::NoWords) => {}
                Err(error) => panic!("{error}"),
            }
        }
        // Whoever keeps it makes it again.
        let broken = archive.follow(&mut index, 9).is_err() || index.is_damaged();
        if broken {
            noticed += 1;
            index.clear().unwrap();
            archive.follow(&mut index, 9).unwrap();
        }
        if broken || index.next() == archive.log.next() {
            let mut index = archive.index(&storage).unwrap();
            if index.next().0 == 0 {
                archive.follow(&mut index, 9).unwrap();
            }
        }
    }
    assert!(noticed > 20 && searched > 100, "{noticed} {searched}");
}

/// Bytes with checksums that fit, as nobody but somebody who means it writes them.
#[test]
fn forged_parts_never_panic_and_never_yield_what_the_log_does_not_say() {
    let (mut noticed, mut searched) = (0, 0);
    for seed in 0..seeds(40) {
        let random = &mut Random::new(seed);
        let archive = random_archive(random, 30, false);
        let storage: Arc<dyn Storage> = Arc::new(Memory::new());
        let mut index = archive.index(&storage).unwrap();
        archive.follow(&mut index, 7).unwrap();
        let files = archive.files(&storage);
        let names = storage.names().unwrap();
        let name = &names[random.below(names.len() as u64) as usize];
        let mut bytes = files.read_whole(name, u64::MAX).unwrap();
        let at = random.below(bytes.len() as u64) as usize;
        match random.below(3) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = 0xff,
            _ => bytes.truncate(at),
        }
        files.replace(name, &bytes).unwrap();
        let mut index = archive.index(&storage).unwrap();
        let search = index.search(archive.log.reader());
        for _ in 0..20 {
            let query = random_query(random, &archive);
            if let Ok(page) = search.find(&query) {
                let expected = archive.naive(&query);
                let found = lines(&page.hits, query.tenant);
                assert!(found.iter().all(|line| same_but_deleted(line, &expected)));
                searched += 1;
            }
        }
        let erased = index.erase(|_, group, _| group == GroupId(1));
        noticed += u32::from(erased.is_err() || index.is_damaged());
    }
    assert!(noticed > 0 && searched > 100, "{noticed} {searched}");
}

/// Whether a line is among them; that it was deleted is only marked where the index knows.
fn same_but_deleted(line: &Line, expected: &[Line]) -> bool {
    let marked = |deleted| Line {
        deleted,
        ..line.clone()
    };
    expected.iter().any(|it| *it == marked(it.deleted))
}

/// `THRONG_SEEDS=n` asks for more.
fn seeds(default: u64) -> u64 {
    let asked = std::env::var("THRONG_SEEDS").ok();
    asked.map_or(default, |asked| asked.parse().expect("a number"))
}
