//! Search as the engine runs it: on record before it is made, a few moments behind, in nobody's way.

#![cfg(feature = "search")]
#![allow(clippy::unwrap_used)] // A test's own helpers may panic.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::town::{NOON, Town};
use throng::archive::search::{Index, MEMORY_MIN, Query, QueryRefused};
use throng::engine::{
    Engine, ExecuteError, Item, ManualClock, Options, SearchError, Searched, Searching,
};
use throng::log::storage::Faulty;
use throng::log::{Chunked, Config, Log, Memory, Storage};
use throng::model::command::{
    Actor, AnnounceV1, ArchiveFoundV1, DeleteMessageV1, EraseContentV1, PlaceHoldV1, Reply,
    SearchArchiveV1, SearchGrantedV1, TaggedCommand,
};
use throng::model::event::{self, Event};
use throng::wire::{DeviceId, GroupId, PersonId, Timestamp};

const DAY_US: i64 = 86_400_000_000;

fn searching(storage: &Arc<dyn Storage>) -> Options {
    let mut searching = Searching::new(Arc::clone(storage));
    searching.every = Duration::from_millis(5);
    let mut options = Options::default();
    options.search = Some(searching);
    options
}

fn memory() -> Arc<dyn Storage> {
    Arc::new(Memory::new())
}

/// Until all that is durable now is indexed.
fn indexed(engine: &Engine) {
    let (durable, began) = (engine.durable(), Instant::now());
    while engine.stats().searched < durable {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "it is not indexed"
        );
        std::thread::yield_now();
    }
}

fn as_person(town: &Town, person: PersonId, words: &str) -> Result<Searched, SearchError> {
    let actor = Actor::Person {
        person,
        device: DeviceId(1),
    };
    let query = Query::new(town.tenant, words);
    town.engine.search(actor, false, &query)
}

/// The texts that the enterprise finds.
fn found(town: &Town, words: &str) -> Vec<String> {
    let query = Query::new(town.tenant, words);
    let searched = town
        .engine
        .search(Actor::Enterprise, false, &query)
        .unwrap();
    let text = |body: &[u8]| String::from_utf8(body.to_vec()).unwrap();
    let hits = searched.page.hits.iter();
    hits.map(|hit| text(&hit.body)).collect()
}

#[test]
fn every_search_is_a_record_before_anything_is_found_and_only_the_entitled_search() {
    let town = Town::on(memory(), searching(&memory()), 3);
    let group = town.group(3);
    let said = town
        .say(group, town.people[1], 1, "季度预算 draft")
        .unwrap();
    town.say(group, town.people[2], 2, "午饭").unwrap();
    indexed(&town.engine);

    let before = town.engine.durable();
    let refused = as_person(&town, town.people[1], "预算").unwrap_err();
    assert!(
        matches!(refused, SearchError::Execute(ExecuteError::Refused(_))),
        "{refused}"
    );
    let mut query = Query::new(town.tenant, "预算 Draft");
    query.group = Some(group);
    query.person = Some(town.people[1]);
    let searched = town
        .engine
        .search(Actor::Enterprise, false, &query)
        .unwrap();
    assert!(before <= searched.search && searched.search < town.engine.durable());
    let hit = &searched.page.hits[0];
    assert_eq!((searched.page.hits.len(), hit.record), (1, said.record));
    assert_eq!(
        (hit.group, hit.sequence, hit.sender),
        (group, said.sequence, town.people[1])
    );

    let record = town
        .engine
        .reader()
        .read(searched.search, 1)
        .unwrap()
        .remove(0);
    let events = event::decode_all(&record.private).unwrap();
    let [Event::ArchiveSearched(asked)] = &events[..] else {
        panic!("a record of the search, not {events:?}");
    };
    assert_eq!(
        (&*asked.words, asked.group, asked.person),
        ("预算 Draft", group, town.people[1])
    );

    // What can find nothing is not put on record either.
    let durable = town.engine.durable();
    let query = Query::new(town.tenant, "！？");
    let refused = town.engine.search(Actor::Enterprise, false, &query);
    assert!(matches!(
        refused,
        Err(SearchError::Query(QueryRefused::NoWords))
    ));
    assert_eq!(town.engine.durable(), durable);

    // A message that members do not see any more is found, and marked.
    let sequence = said.sequence;
    town.call(TaggedCommand::DeleteMessage(DeleteMessageV1 {
        group,
        sequence,
    }))
    .unwrap();
    let deletion = town.engine.durable().0 - 1;
    indexed(&town.engine);
    let query = Query::new(town.tenant, "预算");
    let searched = town
        .engine
        .search(Actor::Enterprise, false, &query)
        .unwrap();
    assert_eq!(searched.page.hits[0].deleted.unwrap().0, deletion);
    assert_eq!(&*searched.page.hits[0].body, "季度预算 draft".as_bytes());
}

/// A page as a port brings it.
fn page_of(town: &Town, granted: Box<SearchGrantedV1>) -> Box<ArchiveFoundV1> {
    let mut port = town.engine.port(|| {});
    let room = town.engine.search_room(&granted.asked).unwrap();
    port.search(7, granted, room).unwrap();
    let (mut items, began) = (Vec::new(), Instant::now());
    loop {
        port.poll(&mut items);
        for item in items.drain(..) {
            if let Item::Answer { request: 7, result } = item {
                let Ok(Reply::ArchiveFound(page)) = result else {
                    panic!("a page, not {result:?}");
                };
                return page;
            }
        }
        assert!(began.elapsed() < Duration::from_secs(60), "no page came");
        std::thread::yield_now();
    }
}

#[test]
fn what_was_said_after_the_permission_is_on_no_page_of_it() {
    let town = Town::on(memory(), searching(&memory()), 3);
    let group = town.group(3);
    town.say(group, town.people[0], 1, "消息 before").unwrap();
    let asked = SearchArchiveV1 {
        words: "消息".to_owned(),
        group: GroupId(0),
        person: PersonId(0),
        from: Timestamp(i64::MIN),
        until: Timestamp(i64::MAX),
        after: 0,
        hits: 100,
    };
    let granted = town.call(TaggedCommand::SearchArchive(asked));
    let Ok(Reply::SearchGranted(granted)) = granted else {
        panic!("a permission, not {granted:?}");
    };
    town.say(group, town.people[0], 2, "消息 after").unwrap();
    indexed(&town.engine);
    assert_eq!(found(&town, "消息"), ["消息 after", "消息 before"]);
    let mut later = granted.clone();
    later.asked.after = u64::MAX;
    for granted in [granted, later] {
        let page = page_of(&town, granted);
        let bodies: Vec<_> = page.hits.iter().map(|hit| &*hit.body).collect();
        assert_eq!(bodies, ["消息 before".as_bytes()]);
    }
}

#[test]
fn an_engine_without_an_index_says_so_and_records_no_search() {
    let town = Town::on(memory(), Options::default(), 3);
    let durable = town.engine.durable();
    let query = Query::new(town.tenant, "预算");
    let refused = town.engine.search(Actor::Enterprise, false, &query);
    assert!(matches!(refused, Err(SearchError::Off)));
    assert_eq!(
        (town.engine.durable(), town.engine.stats().searched.0),
        (durable, 0)
    );
}

/// The index of a closed engine, and its log.
fn index_of(log: &Faulty, storage: &Arc<dyn Storage>) -> (Log, Index) {
    let (log, recovered) = Log::open(Arc::new(log.clone()), Config::default(), [9; 32]).unwrap();
    let identity = (recovered.log, recovered.incarnation);
    let files = Chunked::plain(Arc::clone(storage));
    let index = Index::open(files, identity, recovered.next, MEMORY_MIN).unwrap();
    (log, index)
}

#[test]
fn erased_content_leaves_the_index_and_what_is_held_stays() {
    let (disk, storage) = (Faulty::new(1), memory());
    let town = Town::on(Arc::new(disk.clone()), searching(&storage), 3);
    let (gone, held) = (town.group(3), town.group(3));
    let day = NOON.utc_day();
    for (id, group) in [(1, gone), (2, held)] {
        let text = format!("机密 secretof{}", group.0);
        town.say(group, town.people[0], id, &text).unwrap();
        let text = format!("公告 noticeof{}", group.0);
        let announce = AnnounceV1 { group, text };
        town.call(TaggedCommand::Announce(announce)).unwrap();
    }
    indexed(&town.engine);
    assert_eq!(found(&town, "公告").len(), 2);
    town.clock.advance(DAY_US as u64);
    town.say(gone, town.people[0], 3, "tomorrow").unwrap();
    let reason = || "a request of the person concerned".to_owned();
    let hold = PlaceHoldV1 {
        groups: vec![held],
        first_day: day,
        last_day: day,
        reason: reason(),
    };
    town.call(TaggedCommand::PlaceHold(hold)).unwrap();
    let erase = |group: GroupId| {
        TaggedCommand::EraseContent(EraseContentV1 {
            group,
            first_day: day,
            last_day: day,
            reason: reason(),
        })
    };
    town.call(erase(gone)).unwrap();
    let _ = town.call(erase(held));
    indexed(&town.engine);
    assert_eq!(found(&town, "机密"), [format!("机密 secretof{}", held.0)]);
    assert_eq!(found(&town, "公告"), [format!("公告 noticeof{}", held.0)]);
    assert_eq!(found(&town, "tomorrow"), ["tomorrow"]);
    let tenant = town.tenant;
    town.engine.close().unwrap();
    let (_log, index) = index_of(&disk, &storage);
    let knows = |word: &str| index.knows(tenant, word).unwrap();
    assert!(!knows(&format!("secretof{}", gone.0)) && knows("tomorrow"));
    assert!(knows(&format!("secretof{}", held.0)));
    assert!(!knows(&format!("noticeof{}", gone.0)) && knows(&format!("noticeof{}", held.0)));
}

#[test]
fn a_restarted_engine_goes_on_where_it_was_and_a_damaged_index_is_made_again() {
    let (disk, index_disk) = (Faulty::new(1), Faulty::new(2));
    let storage: Arc<dyn Storage> = Arc::new(index_disk.clone());
    let town = Town::on(Arc::new(disk.clone()), searching(&storage), 3);
    let group = town.group(3);
    for id in 1..=50 {
        town.say(group, town.people[0], id, &format!("消息 number{id}"))
            .unwrap();
    }
    town.engine.clone().close().unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp(NOON.0)));
    let open = |options| Engine::open_on(Arc::new(disk.clone()), options, clock.clone(), [8; 32]);
    let town = town.reopened(open(searching(&storage)).unwrap());
    indexed(&town.engine);
    assert_eq!(found(&town, "消息").len(), 50);
    town.engine.clone().close().unwrap();

    for name in index_disk.names().unwrap() {
        index_disk.damage(&name, |bytes| {
            let at = bytes.len() / 2;
            bytes[at] ^= 1;
        });
    }
    let town = town.reopened(open(searching(&storage)).unwrap());
    town.say(group, town.people[0], 51, "消息 more").unwrap();
    indexed(&town.engine);
    assert_eq!(found(&town, "消息").len(), 51);
    assert_eq!(found(&town, "number7"), ["消息 number7"]);
}

#[test]
fn a_disk_that_fails_under_the_index_holds_up_nobody_and_is_tried_again() {
    let index_disk = Faulty::new(3);
    let storage: Arc<dyn Storage> = Arc::new(index_disk.clone());
    let town = Town::on(memory(), searching(&storage), 3);
    let group = town.group(3);
    for id in 1..=20 {
        let boundary = index_disk.boundaries() + 3;
        index_disk.plan(boundary, throng::log::storage::Fault::NoSpace);
        let text = format!("消息 {id}");
        town.say(group, town.people[0], id, &text).unwrap();
    }
    let began = Instant::now();
    while town.engine.stats().search_failures == 0 {
        assert!(began.elapsed() < Duration::from_secs(60), "nothing failed");
        std::thread::yield_now();
    }
    index_disk.revive();
    indexed(&town.engine);
    assert_eq!(found(&town, "消息").len(), 20);
}
