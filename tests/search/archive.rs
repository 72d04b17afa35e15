//! Search in the archive: what is found is what the log says, nothing less and nothing more, whatever
//! became of the index.

#![cfg(feature = "search")]
#![allow(clippy::unwrap_used)] // A test's own helpers may panic.

use std::sync::Arc;

use crate::searched::{
    Archive, DAY_US, TENANT, all, is_somewhere, lines, random_archive, random_query, text,
};
use throng::archive::search::{Index, MEMORY_MIN, Query, QueryRefused, WORDS_LEN_MAX};
use throng::log::storage::{Fault, Faulty, Random};
use throng::log::{Erasure, Gone, Memory, Storage};
use throng::model::command::ImportedMessageV1;
use throng::wire::{GroupId, Kind, PersonId, RecordNumber, Timestamp};

/// Compares some searches with looking at everything; how many hits they had.
fn compare(random: &mut Random, archive: &Archive, index: &Index, searches: u64) -> usize {
    let search = index.search(archive.log.reader());
    let mut found = 0;
    for _ in 0..searches {
        let query = random_query(random, archive);
        if query.check().is_err() {
            assert!(matches!(search.find(&query), Err(QueryRefused::NoWords)));
            continue;
        }
        let hits = all(&search, &query);
        let expected = archive.naive(&query);
        assert_eq!(lines(&hits, query.tenant), expected, "{query:?}");
        found += hits.len();
    }
    found
}

#[test]
fn what_is_found_is_what_looking_at_everything_finds() {
    let mut found = 0;
    for seed in 0..24 {
        let random = &mut Random::new(seed);
        let archive = random_archive(random, 120, seed % 2 == 0);
        let storage: Arc<dyn Storage> = Arc::new(Memory::new());
        let mut index = archive.index(&storage).unwrap();
        archive.follow(&mut index, 1 + random.below(40)).unwrap();
        found += compare(random, &archive, &index, 60);
        // Taken up again, and made again from nothing, it finds the same.
        let index = archive.index(&storage).unwrap();
        assert_eq!(index.next(), archive.log.next());
        found += compare(random, &archive, &index, 20);
        let storage: Arc<dyn Storage> = Arc::new(Memory::new());
        let (index, _) = archive.searched(&storage);
        found += compare(random, &archive, &index, 20);
    }
    assert!(found > 10_000, "{found} hits");
}

#[test]
fn an_index_goes_on_where_it_was_committed_and_that_of_another_log_is_not_believed() {
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let mut archive = Archive::new(false);
    archive.say(1, "第一条消息");
    let (mut index, search) = archive.searched(&storage);
    let query = Query::new(TENANT, "消息");
    archive.say(1, "第二条消息");
    assert_eq!(all(&search, &query).len(), 1, "nobody has read it yet");
    archive.follow(&mut index, 1).unwrap();
    assert_eq!(all(&search, &query).len(), 2);
    assert_eq!(archive.index(&storage).unwrap().next().0, 2);

    // A repaired log, an older copy, another log.
    let files = || archive.files(&storage);
    let durable = archive.log.next();
    let (log, incarnation) = archive.identity;
    let reopened = Index::open(files(), (log, incarnation), durable, MEMORY_MIN).unwrap();
    assert_eq!(reopened.next(), durable);
    for (identity, durable) in [
        ((log, incarnation + 1), durable.0),
        ((log, incarnation), durable.0 - 1),
        (([7; 16], incarnation), durable.0),
    ] {
        let storage = copy_of(&storage);
        let durable = RecordNumber(durable);
        let index = Index::open(archive.files(&storage), identity, durable, MEMORY_MIN).unwrap();
        assert_eq!((index.next().0, index.parts()), (0, 0));
    }
}

fn copy_of(storage: &Arc<dyn Storage>) -> Arc<dyn Storage> {
    let copy = Memory::new();
    for name in storage.names().unwrap() {
        let file = storage.open(&name).unwrap();
        let mut bytes = vec![0; file.len().unwrap() as usize];
        file.read_at(&mut bytes, 0).unwrap();
        let to = copy.create(&name).unwrap();
        to.write_at(&mut [std::io::IoSlice::new(&bytes)], 0)
            .unwrap();
    }
    Arc::new(copy)
}

#[test]
fn a_crash_at_any_boundary_leaves_an_index_that_goes_on_or_is_made_again() {
    for seed in 0..3 {
        let random = &mut Random::new(seed);
        let archive = random_archive(random, 40, seed == 1);
        let mut boundary = 0;
        loop {
            let disk = Faulty::new(seed);
            disk.plan(boundary, Fault::Crash);
            let storage: Arc<dyn Storage> = Arc::new(disk.clone());
            let crashed = match archive.index(&storage) {
                Ok(mut index) => archive.follow(&mut index, 4).is_err(),
                Err(_) => true,
            };
            let storage: Arc<dyn Storage> = Arc::new(disk.restart());
            let (index, _) = archive.searched(&storage);
            compare(random, &archive, &index, 3);
            if !crashed {
                break;
            }
            boundary += 1 + random.below(9);
        }
        assert!(boundary > 200, "{boundary} boundaries");
    }
}

#[test]
fn a_disk_that_fails_loses_nothing_and_the_index_goes_on_when_it_is_opened_again() {
    let random = &mut Random::new(5);
    let archive = random_archive(random, 30, false);
    for fault in [Fault::Io, Fault::NoSpace, Fault::Short] {
        for boundary in (0..120).step_by(7) {
            let disk = Faulty::new(boundary);
            disk.plan(boundary, fault);
            let storage: Arc<dyn Storage> = Arc::new(disk.clone());
            let failed = match archive.index(&storage) {
                Ok(mut index) => archive.follow(&mut index, 8),
                Err(error) => Err(error),
            };
            if let Err(error) = failed {
                assert!(!error.is_damage(), "{error}");
            }
            let (index, _) = archive.searched(&storage);
            compare(random, &archive, &index, 2);
        }
    }
}

#[test]
fn nothing_of_a_message_is_on_disk_where_the_log_is_sealed() {
    let disk = Faulty::new(1);
    let storage: Arc<dyn Storage> = Arc::new(disk.clone());
    for is_sealed in [true, false] {
        let mut archive = Archive::new(is_sealed);
        archive.say(1, "the merger is on friday, 收购定于星期五");
        let (index, search) = archive.searched(&storage);
        assert_eq!(all(&search, &Query::new(TENANT, "收购 Merger")).len(), 1);
        // What the library ends each of its files with, and what a list of parts begins with.
        for text in ["index_format_version", "\"rules\""] {
            assert_eq!(is_somewhere(&disk, text), !is_sealed, "{text}");
        }
        for word in ["friday", "收购", "merger is"] {
            assert!(!is_somewhere(&disk, word) || !is_sealed, "{word}");
        }
        assert!(index.knows(TENANT, "friday").unwrap() && index.knows(TENANT, "收购").unwrap());
    }
}

#[test]
fn what_retention_removes_from_the_log_leaves_the_index_and_is_not_read() {
    let storage: Arc<dyn Storage> = Arc::new(Faulty::new(1));
    let mut archive = Archive::new(false);
    for word in ["ancientword", "laterword", "latestword"] {
        for number in 0..20 {
            archive.say(1, &format!("{word} {number} 消息"));
        }
        assert!(archive.log.seal_segment().unwrap());
    }
    let mut index = archive.index(&storage).unwrap();
    archive.follow(&mut index, 27).unwrap();
    let search = index.search(archive.log.reader());
    let (mut compactor, snapshots) = (archive.log.compactor(), archive.log.snapshots());
    let over = Gone::new(|_, _, _| true).with_trail(|_, _| true);
    let before = RecordNumber(20);
    snapshots.write_base(before, b"state").unwrap();
    snapshots.write(before, b"state").unwrap();
    assert_eq!(compactor.remove_before(before, &over, None).unwrap(), 1);

    // Before the index knows of it: a hit that the log has no more is none.
    let found = |word| all(&search, &Query::new(TENANT, word)).len();
    assert_eq!((found("ancientword"), found("消息")), (0, 40));
    assert!(index.knows(TENANT, "ancientword").unwrap());
    index.begin_at(archive.log.reader().first()).unwrap();
    assert!(!index.knows(TENANT, "ancientword").unwrap());
    assert!(index.knows(TENANT, "laterword").unwrap());
    assert_eq!((found("laterword"), found("消息")), (20, 40));

    // Made again, it begins where the log does.
    index.clear().unwrap();
    index.begin_at(archive.log.reader().first()).unwrap();
    assert_eq!(index.next(), before);
    archive.follow(&mut index, 27).unwrap();
    assert_eq!((found("ancientword"), found("消息")), (0, 40));
}

#[test]
fn erased_words_are_gone_from_the_disk_and_the_others_stay() {
    let disk = Faulty::new(1);
    let storage: Arc<dyn Storage> = Arc::new(disk.clone());
    let mut archive = Archive::new(false);
    let today = archive.now.utc_day();
    for number in 0..40 {
        archive.say(1, &format!("ordinary {number} 普通消息"));
        archive.say(2, &format!("secretword{number} 机密内容"));
    }
    archive.now = Timestamp(archive.now.0 + DAY_US);
    archive.say(2, "tomorrowword 明日消息");
    let mut index = archive.index(&storage).unwrap();
    archive.follow(&mut index, 27).unwrap();
    let before = disk.names().unwrap();
    // Pending, not committed: looked at as well.
    archive.say(2, "pendingword 待定内容");
    for record in archive.log.reader().read(index.next(), 1).unwrap() {
        index.add(&record).unwrap();
    }
    let knows = |index: &Index, word| index.knows(TENANT, word).unwrap();
    assert!(knows(&index, "secretword7") && knows(&index, "机密"));

    let of = |group| move |tenant, of, _: i32| tenant == TENANT && of == GroupId(group);
    index
        .erase(|tenant, group, day| of(2)(tenant, group, day) && day == today)
        .unwrap();
    for word in ["secretword7", "机密", "密内", "密", "机"] {
        assert!(!knows(&index, word), "{word}");
    }
    for word in ["ordinary", "普通", "tomorrowword", "pendingword", "内容"] {
        assert!(knows(&index, word), "{word}");
    }
    // No file is left in which it could still be.
    let folder = |name: &String| name.split_once('/').map(|(folder, _)| folder.to_owned());
    let held: std::collections::BTreeSet<String> =
        disk.names().unwrap().iter().filter_map(folder).collect();
    assert_eq!(held.len(), index.parts());
    let rewritten = before
        .iter()
        .filter_map(folder)
        .filter(|it| held.contains(it));
    assert_eq!(rewritten.count(), 0, "every part had one of the words");
    index.erase(of(2)).unwrap();
    assert!(!knows(&index, "pendingword") && !knows(&index, "tomorrowword"));
    // Nor in the files as they are read by another.
    let again = archive.index(&storage).unwrap();
    assert!(!knows(&again, "pendingword") && knows(&again, "ordinary"));
    let search = index.search(archive.log.reader());
    assert_eq!(all(&search, &Query::new(TENANT, "普通")).len(), 40);
    assert_eq!(all(&search, &Query::new(TENANT, "消息")).len(), 40);
    assert_eq!(index.committed(), archive.log.next());
    index.erase(of(1)).unwrap();
    assert_eq!(index.parts(), 0);
}

#[test]
fn a_hit_whose_key_was_destroyed_is_not_shown_even_before_the_index_knows() {
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let mut archive = Archive::new(true);
    archive.say(1, "机密");
    archive.say(2, "机密");
    let (mut index, search) = archive.searched(&storage);
    let query = Query::new(TENANT, "机密");
    assert_eq!(all(&search, &query).len(), 2);
    let day = archive.now.utc_day();
    let erasure = Erasure {
        tenant: TENANT,
        group: GroupId(1),
        days: day..=day,
    };
    archive.log.destroy_keys(&erasure).unwrap();
    archive.lines[0].erased = true;
    assert_eq!(lines(&all(&search, &query), TENANT), archive.naive(&query));
    index
        .erase(|_, group, on| group == GroupId(1) && on == day)
        .unwrap();
    assert!(index.knows(TENANT, "机密").unwrap(), "of the other group");
    assert_eq!(lines(&all(&search, &query), TENANT), archive.naive(&query));
}

#[test]
fn cards_are_found_by_their_texts_and_opaque_messages_only_by_who_and_when() {
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let mut archive = Archive::new(false);
    let card = r#"{"title":"季度报告","sections":[{"text":"Figures of Q3"}],"count":3}"#;
    archive.say_as(1, 1, 1, Kind::NewsCard, card);
    archive.say_as(1, 1, 2, Kind::Opaque, "密文 ciphertext");
    archive.say_as(1, 1, 2, Kind::File, "no json 附件");
    let (_, search) = archive.searched(&storage);
    let count = |words| all(&search, &Query::new(TENANT, words)).len();
    assert_eq!(count("季度"), 1);
    assert_eq!(count("figures q3"), 1);
    assert_eq!(count("title"), 0, "a field's name is no text");
    assert_eq!(count("附件"), 1);
    assert_eq!(count("密文"), 0);
    let mut of_sender = Query::new(TENANT, "");
    of_sender.person = Some(PersonId(2));
    let hits = all(&search, &of_sender);
    let bodies: Vec<_> = hits.iter().map(|hit| (hit.kind, hit.body.len())).collect();
    assert_eq!(bodies, [(Kind::File, 14), (Kind::Opaque, 0)]);
}

#[test]
fn imported_history_is_found_message_by_message_at_its_own_time() {
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let mut archive = Archive::new(false);
    archive.say(1, "历史 today");
    let message = |number: i64| ImportedMessageV1 {
        sender: PersonId(number as u64 % 2),
        sender_name: "Old Name".to_owned(),
        sent_at: Timestamp(number * DAY_US),
        offset_s: 0,
        kind: Kind::Text as u8,
        body: format!("历史 {number}").into_bytes(),
    };
    let record = archive.import(1, (0..250).map(message).collect());
    let (_, search) = archive.searched(&storage);
    let mut query = Query::new(TENANT, "历史");
    query.until = Some(archive.now);
    let hits = all(&search, &query);
    assert_eq!(hits.len(), 250, "in pages of 100, within one record");
    let items: Vec<usize> = hits.iter().map(|hit| hit.item).collect();
    assert!(items.into_iter().eq((0..250).rev()));
    assert!(hits.iter().all(|hit| hit.record == record));
    assert_eq!(hits[0].imported_from.as_deref(), Some("Old Name"));
    query.from = Some(Timestamp(10 * DAY_US));
    query.until = Some(Timestamp(20 * DAY_US));
    query.person = Some(PersonId(1));
    assert_eq!(all(&search, &query).len(), 5);
}

#[test]
fn imported_history_is_erased_with_its_group_and_the_day_of_its_record() {
    for is_sealed in [false, true] {
        let storage: Arc<dyn Storage> = Arc::new(Memory::new());
        let mut archive = Archive::new(is_sealed);
        let (sent, written) = (Timestamp(5 * DAY_US), archive.now.utc_day());
        let message = |text: &str| ImportedMessageV1 {
            sender: PersonId(1),
            sender_name: String::new(),
            sent_at: sent,
            offset_s: 0,
            kind: Kind::Text as u8,
            body: text.as_bytes().to_vec(),
        };
        archive.import(1, vec![message("机密"), message("secretword")]);
        archive.import(2, vec![message("ordinary")]);
        let (mut index, search) = archive.searched(&storage);
        let knows = |index: &Index, word| index.knows(TENANT, word).unwrap();
        index
            .erase(|_, group, day| group == GroupId(1) && day == sent.utc_day())
            .unwrap();
        assert!(
            knows(&index, "机密") && knows(&index, "secretword"),
            "another day"
        );
        if is_sealed {
            let erasure = Erasure {
                tenant: TENANT,
                group: GroupId(1),
                days: written..=written,
            };
            archive.log.destroy_keys(&erasure).unwrap();
            let hits = all(&search, &Query::new(TENANT, "机密"));
            assert!(hits.is_empty(), "even before the index knows");
        }
        index
            .erase(|_, group, day| group == GroupId(1) && day == written)
            .unwrap();
        assert!(!knows(&index, "机密") && !knows(&index, "secretword"));
        assert_eq!(all(&search, &Query::new(TENANT, "ordinary")).len(), 1);
    }
}

#[test]
fn queries_are_bounded() {
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let mut archive = Archive::new(false);
    archive.say(1, "some");
    let (_, search) = archive.searched(&storage);
    let refused = |words: &str| search.find(&Query::new(TENANT, words)).unwrap_err();
    let long = "x".repeat(WORDS_LEN_MAX + 1);
    assert!(matches!(refused(&long), QueryRefused::TooLong { .. }));
    assert!(matches!(refused("！？"), QueryRefused::NoWords));
    let many: Vec<String> = (0..33).map(|number| number.to_string()).collect();
    assert!(matches!(
        refused(&many.join(" ")),
        QueryRefused::TooMany { count: 33 }
    ));
    let mut page = Query::new(TENANT, "some");
    page.hits_max = usize::MAX;
    assert_eq!(search.find(&page).unwrap().hits.len(), 1);
}

/// Parts stay few, and what is not committed stays within its memory. Prints how fast that was.
#[test]
fn parts_stay_few_and_memory_is_bounded() {
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let mut archive = Archive::new(false);
    let random = &mut Random::new(3);
    for number in 0..20_000_u64 {
        let text = format!("{} {number}", text(random));
        archive.say(1 + number % 7, &text);
    }
    let mut index = archive.index(&storage).unwrap();
    let began = std::time::Instant::now();
    archive.follow(&mut index, 100).unwrap();
    let took = began.elapsed();
    println!(
        "20,000 messages, 200 commits: {:.0} messages/s; {} parts",
        20_000.0 / took.as_secs_f64(),
        index.parts()
    );
    let other: Arc<dyn Storage> = Arc::new(Memory::new());
    let began = std::time::Instant::now();
    archive.searched(&other);
    let took = began.elapsed();
    println!(
        "in one commit: {:.0} messages/s",
        20_000.0 / took.as_secs_f64()
    );
    assert!(index.parts() < 24, "{} parts", index.parts());
    let search = index.search(archive.log.reader());
    assert_eq!(all(&search, &Query::new(TENANT, "19999")).len(), 1);

    // Long messages of many words fill the memory long before there are many of them.
    let mut archive = Archive::new(false);
    for number in 0..150_u64 {
        let words: Vec<String> = (0..6_000)
            .map(|word| format!("{:x}", word * 600 + number))
            .collect();
        archive.say(1, &words.join(" "));
    }
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let mut index = archive.index(&storage).unwrap();
    let (reader, mut filled) = (archive.log.reader(), 0);
    while index.next() < reader.durable() {
        for record in reader.read(index.next(), 1 << 20).unwrap() {
            index.add(&record).unwrap();
            if index.is_full() {
                index.commit().unwrap();
                filled += 1;
            }
        }
    }
    assert!(filled > 2, "{filled} times full");
}
