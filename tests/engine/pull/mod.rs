//! The pull of an enterprise's own archive (SPEC A6), from permission to pages.

#![allow(clippy::unwrap_used)] // A test's own helpers may panic.

mod world;

use crate::town;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::town::{NOON, Town};
use bytes::Bytes;
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use throng::archive::pull::PullKey;
use throng::engine::{Engine, Item, Options, Port};
use throng::log::storage::Faulty;
use throng::log::{Encryption, Erasure, Log, MasterKey, Record, Storage};
use throng::model::command::{
    EraseContentV1, GroupV1, PullGrantedV1, PullRecordsV1, Reply, SetArchivePullV1,
    TaggedCommand as T,
};
use throng::wire::{PulledPage, PulledRecord, RecordNumber, Timestamp};
use world::{World, act, asked, is_expected};

pub(crate) fn everything() -> PullRecordsV1 {
    PullRecordsV1 {
        from: RecordNumber(0),
        to: RecordNumber(u64::MAX),
        groups: Vec::new(),
        people: Vec::new(),
        since: Timestamp(i64::MIN),
        until: Timestamp(i64::MAX),
        records: 1_000,
        bytes: 256 * 1024,
        public_key: Vec::new(),
    }
}

fn grant(town: &Town, pull: &PullRecordsV1) -> Box<PullGrantedV1> {
    match town.call(T::PullRecords(pull.clone())) {
        Ok(Reply::PullGranted(granted)) => granted,
        other => panic!("{other:?}"),
    }
}

fn page_of(port: &mut Port, granted: Box<PullGrantedV1>) -> PulledPage {
    port.pull(9, granted).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut items = Vec::new();
    loop {
        port.poll(&mut items);
        for item in items.drain(..) {
            if let Item::Pulled { request, result } = item {
                assert_eq!(request, 9);
                return PulledPage::read(&result.unwrap()).unwrap();
            }
        }
        assert!(Instant::now() < deadline, "no page");
        std::thread::yield_now();
    }
}

pub(crate) fn page(town: &Town, pull: &PullRecordsV1) -> PulledPage {
    page_of(&mut town.engine.port(|| {}), grant(town, pull))
}

/// Every page of a pull, to its end.
fn pages(town: &Town, mut pull: PullRecordsV1) -> Vec<PulledPage> {
    let mut port = town.engine.port(|| {});
    let mut pages = Vec::new();
    loop {
        let page = page_of(&mut port, grant(town, &pull));
        let header = page.header;
        assert_eq!(header.tenant, town.tenant);
        assert!(!header.unreadable && !header.begins_later);
        assert!(header.next > pull.from || !header.more, "it gets on");
        pull.from = header.next;
        pages.push(page);
        if !header.more {
            return pages;
        }
    }
}

fn numbers(pages: &[PulledPage]) -> Vec<u64> {
    let records = pages.iter().flat_map(|page| &page.records);
    records.map(|record| record.record.0).collect()
}

/// Everything there is, by the reader that has nothing to do with pulls.
fn log_of(engine: &Engine) -> Vec<Record> {
    engine.reader().read(RecordNumber(0), usize::MAX).unwrap()
}

/// What stands in a page is what stands in the log.
fn assert_same(pulled: &PulledRecord, record: &Record, commitment: [u8; 32]) {
    let content = pulled.read(&pulled.content).unwrap();
    assert_eq!(pulled.record, record.envelope.header().record());
    assert_eq!(content.view, record.envelope.body());
    assert_eq!(content.private, record.private);
    let header = content.header;
    let listed = match content.takes.as_slice() {
        [] => throng::wire::Take::of_header(&header).into_iter().collect(),
        takes => takes.to_vec(),
    };
    assert_eq!(listed, record.takes);
    assert_eq!(pulled.commitment, commitment);
    assert!(!pulled.erased && pulled.is_as_committed());
    let computed = Sha256::new()
        .chain_update(pulled.head())
        .chain_update(&pulled.content);
    assert_eq!(commitment, <[u8; 32]>::from(computed.finalize()));
    assert_eq!(header, *record.envelope.header());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_pull_of_any_history_is_what_a_naive_reader_finds(
        acts in prop::collection::vec(act(), 1..60),
        asked in prop::collection::vec(asked(), 1..6),
    ) {
        let mut world = World::new();
        for act in &acts {
            world.play(act);
        }
        let reader = world.ours.engine.reader();
        let off: Vec<_> = world.off.iter().copied().collect();
        for asked in &asked {
            let pull = world.pull(asked);
            let pages = pages(&world.ours, pull.clone());
            // As of the last page: that it was pulled may be on it.
            let position = pages.last().unwrap().header.position;
            let log = log_of(&world.ours.engine);
            let commitments = reader.commitments(RecordNumber(0), log.len()).unwrap();
            let expected: Vec<_> = log
                .iter()
                .filter(|record| record.envelope.header().record() < position)
                .filter(|record| is_expected(record, world.ours.tenant, &pull, &off))
                .collect();
            let pulled: Vec<_> = pages.iter().flat_map(|page| &page.records).collect();
            let numbers = numbers(&pages);
            let wanted: Vec<_> = expected.iter().map(|it| it.envelope.header().record().0).collect();
            prop_assert_eq!(numbers, wanted, "{:?}", pull);
            for (pulled, record) in pulled.into_iter().zip(&expected) {
                assert_same(pulled, record, commitments[pulled.record.0 as usize]);
            }
            for page in &pages {
                prop_assert!(page.records.len() <= pull.records as usize);
                let bytes: usize = page.records.iter().map(|it| it.content.len()).sum();
                prop_assert!(page.records.len() == 1 || bytes <= pull.bytes as usize);
            }
        }
    }
}

#[test]
fn a_page_looks_through_a_bounded_part_of_the_log_and_gets_on() {
    let ours = Town::in_memory(3);
    let theirs = ours.neighbour(3);
    let group = theirs.group(3);
    let text = "x".repeat(60_000);
    for id in 1..=300 {
        theirs.say(group, theirs.people[0], id, &text).unwrap();
    }
    let last = ours.group(3);
    let pull = PullRecordsV1 {
        groups: vec![last],
        ..everything()
    };
    let pages = pages(&ours, pull);
    assert!(pages.len() > 2, "18 MB are more than one look");
    let without: Vec<_> = pages
        .iter()
        .filter(|page| page.records.is_empty())
        .collect();
    assert!(without.len() >= 2 && without.iter().all(|page| page.header.more));
    assert_eq!(numbers(&pages).len(), 1);
}

#[test]
fn a_pull_that_has_come_to_the_end_goes_on_there_when_there_is_more() {
    let town = Town::in_memory(3);
    let group = town.group(3);
    page(&town, &everything()); // From here on that it is pulled is on record.
    let all = pages(&town, everything());
    let end = all.last().unwrap().header.next;
    assert_eq!(end, town.engine.durable());
    let again = PullRecordsV1 {
        from: end,
        ..everything()
    };
    let nothing = page(&town, &again);
    assert_eq!((nothing.header.next, nothing.records.len()), (end, 0));
    assert!(!nothing.header.more);
    town.say(group, town.people[0], 1, "later").unwrap();
    let more = page(&town, &again);
    assert_eq!(more.records.len(), 1);
    assert_eq!(more.records[0].record, end);
    let beyond = PullRecordsV1 {
        from: RecordNumber(u64::MAX),
        ..everything()
    };
    let beyond = page(&town, &beyond);
    assert!(!beyond.header.more && beyond.records.is_empty());
}

#[test]
fn what_was_decided_after_the_permission_is_on_no_page_of_it() {
    let town = Town::in_memory(3);
    let group = town.group(3);
    let granted = grant(&town, &everything());
    let position = granted.position;
    let set = SetArchivePullV1 {
        group,
        pulled: false,
    };
    town.call(T::SetArchivePull(set)).unwrap();
    town.say(group, town.people[0], 1, "not for the archive")
        .unwrap();
    let page = page_of(&mut town.engine.port(|| {}), granted);
    assert_eq!(page.header.next, position);
    assert!(page.records.iter().all(|record| record.record < position));
    assert!(!page.header.more);
}

#[test]
fn an_erased_record_is_in_its_place_marked_and_empty() {
    let mut options = Options::default();
    options.log.encryption = Some(Encryption::new(MasterKey::new([0xb4; 32])));
    let config = options.log.clone();
    let disk = Faulty::new(1);
    let town = Town::on(Arc::new(disk.clone()), options, 3);
    let group = town.group(3);
    let said = town
        .say(group, town.people[0], 1, "the merger is on Friday")
        .unwrap();
    let before = page(&town, &everything());
    let find = |page: &PulledPage| -> PulledRecord {
        let found = page.records.iter().find(|it| it.record == said.record);
        found.unwrap().clone()
    };
    let sealed_at_rest = find(&before);
    let content = sealed_at_rest.read(&sealed_at_rest.content).unwrap();
    assert_eq!(content.view, b"the merger is on Friday"[..]);
    assert!(
        !sealed_at_rest.is_as_committed(),
        "the commitment is over what lies on the disk"
    );
    town.engine.clone().close().unwrap();

    let (mut log, _) = Log::open(Arc::new(disk.clone()), config.clone(), [3; 32]).unwrap();
    let today = NOON.utc_day();
    let erasure = Erasure {
        tenant: town.tenant,
        group,
        days: today..=today,
    };
    log.destroy_keys(&erasure).unwrap();
    log.close().unwrap();
    let mut options = Options::default();
    options.log = config;
    let engine = Engine::open_on(Arc::new(disk), options, town.clock.clone(), [9; 32]).unwrap();
    let town = town.reopened(engine);
    let after = page(&town, &everything());
    let erased = find(&after);
    assert!(erased.erased && !erased.is_as_committed());
    let left = erased.read(&erased.content).unwrap();
    assert_eq!(left.view, Bytes::new());
    assert_eq!(
        (left.header, left.private),
        (content.header, content.private)
    );
    assert_eq!(
        erased.commitment, sealed_at_rest.commitment,
        "its leaf stays"
    );
    let others = |page: &PulledPage| page.records.iter().filter(|it| !it.erased).count();
    assert!(others(&after) > 0 && others(&before) == before.records.len());
}

#[test]
fn what_is_erased_is_on_no_page_from_the_answer_on_and_keeps_its_leaf_when_the_disk_forgets_it() {
    let mut options = Options::default();
    options.log = options.log.with_segment_bytes(64 * 1024);
    let disk = Faulty::new(1);
    let town = Town::on(Arc::new(disk.clone()), options, 3);
    let group = town.group(3);
    let filler = "x".repeat(900);
    for id in 1..=200 {
        let text = format!("secret number {id:03}: {filler}");
        town.say(group, town.people[0], id, &text).unwrap();
    }
    let small = PullRecordsV1 {
        records: 20,
        ..everything()
    };
    let before = pages(&town, small.clone());
    let first = page(&town, &small);
    let day = NOON.utc_day();
    let erase = T::EraseContent(EraseContentV1 {
        group,
        first_day: day,
        last_day: day,
        reason: "case 17".to_owned(),
    });
    town.clock.advance(86_400_000_000);
    town.call(erase).unwrap();
    let commitments = |pages: &[PulledPage]| -> Vec<_> {
        let records = pages.iter().flat_map(|page| &page.records);
        records.map(|it| (it.record, it.commitment)).collect()
    };
    let assert_erased = |pages: &[PulledPage]| {
        let records: Vec<_> = pages.iter().flat_map(|page| &page.records).collect();
        assert_eq!(
            records.iter().filter(|it| it.erased).count(),
            200,
            "every message"
        );
        for record in records {
            let content = record.read(&record.content).unwrap();
            assert!(!content.view.starts_with(b"secret"), "{:?}", record.record);
        }
    };
    let now = PullRecordsV1 {
        records: 30,
        ..everything()
    };
    let now = pages(&town, now);
    assert_erased(&now);
    let (was, now) = (commitments(&before), commitments(&now));
    assert_eq!(now[..was.len()], was);

    let deadline = Instant::now() + Duration::from_secs(30);
    while town::is_on(&disk, b"secret number 030") {
        assert!(Instant::now() < deadline, "the disk does not forget");
        std::thread::yield_now();
    }
    // Goes on where a page ended whose segment is another file now.
    let rest = PullRecordsV1 {
        from: first.header.next,
        ..small.clone()
    };
    let rest = pages(&town, rest);
    let mut after = vec![page(&town, &small)];
    after.extend(rest);
    assert_erased(&after);
    assert_eq!(commitments(&after)[..was.len()], was);
}

#[test]
fn sealed_pages_say_the_same_to_the_holder_of_the_key_and_nothing_to_others() {
    let town = Town::in_memory(3);
    let group = town.group(3);
    for id in 1..=5 {
        town.say(group, town.people[0], id, "the merger is on Friday")
            .unwrap();
    }
    let key = PullKey::from_bytes(&[7; 32]).unwrap();
    let pull = PullRecordsV1 {
        public_key: key.public().to_vec(),
        ..everything()
    };
    // That they are pulled is on record before they are compared.
    page(&town, &pull);
    page(&town, &everything());
    let sealed = page(&town, &pull);
    let plain = page(&town, &everything());
    assert_eq!(sealed.records.len(), plain.records.len());
    let mut opening = key.opening(&sealed.header.encapsulated.unwrap()).unwrap();
    for (sealed, plain) in sealed.records.iter().zip(&plain.records) {
        assert!(
            sealed.read(&sealed.content).is_err(),
            "it is not readable as it is"
        );
        let opened = opening.open(sealed).unwrap();
        assert_eq!(opened, plain.content);
        assert_eq!(
            sealed.read(&opened).unwrap(),
            plain.read(&plain.content).unwrap()
        );
        assert_eq!(sealed.commitment, plain.commitment);
        let hides = !sealed.content.windows(6).any(|window| window == b"merger");
        assert!(hides && plain.content != sealed.content);
    }
    let again = page(&town, &pull).header.encapsulated;
    assert_ne!(
        again, sealed.header.encapsulated,
        "a key of its own for each page"
    );

    let no_key = PullRecordsV1 {
        public_key: vec![0; 32],
        ..everything()
    };
    let mut port = town.engine.port(|| {});
    port.pull(1, grant(&town, &no_key)).unwrap();
    let mut items = Vec::new();
    while items.is_empty() {
        port.poll(&mut items);
    }
    let refused = matches!(&items[..], [Item::Pulled { result: Err(_), .. }]);
    assert!(refused, "{items:?}");
}

#[test]
fn a_record_that_cannot_be_read_is_named_and_what_follows_can_be_asked_for() {
    let disk = Faulty::new(1);
    let town = Town::on(Arc::new(disk.clone()), Options::default(), 3);
    let group = town.group(3);
    let said = town
        .say(group, town.people[0], 1, "the merger is on Friday")
        .unwrap();
    town.say(group, town.people[0], 2, "and nothing else")
        .unwrap();
    for name in disk.names().unwrap() {
        disk.damage(&name, |bytes| {
            let at = bytes.windows(6).position(|window| window == b"merger");
            if let Some(at) = at {
                bytes[at] ^= 1;
            }
        });
    }
    let first = page(&town, &everything());
    assert!(first.header.unreadable && first.header.more);
    assert_eq!(first.header.next, said.record);
    let rest = PullRecordsV1 {
        from: said.record.next(),
        ..everything()
    };
    let rest = page(&town, &rest);
    assert!(!rest.header.unreadable);
    assert_eq!(rest.records[0].record, said.record.next());
}

#[test]
fn a_port_has_so_many_pulls_open_and_one_more_is_answered_busy() {
    let town = Town::in_memory(2);
    let mut port = town.engine.port(|| {});
    let granted = grant(&town, &everything());
    let taken = (0..1_000).take_while(|request| port.pull(*request, granted.clone()).is_ok());
    let taken = taken.count();
    assert_eq!(taken, 64);
    let mut items = Vec::new();
    while items.len() < taken {
        port.poll(&mut items);
    }
    port.pull(0, granted).unwrap();
}

#[test]
fn a_group_that_is_over_can_be_pulled() {
    let town = Town::in_memory(3);
    let group = town.group(3);
    let said = town.say(group, town.people[0], 1, "last words").unwrap();
    town.call(T::DissolveGroup(GroupV1 { group })).unwrap();
    let pull = PullRecordsV1 {
        groups: vec![group],
        ..everything()
    };
    let of_group = numbers(&pages(&town, pull));
    assert!(of_group.contains(&said.record.0));
}
