//! Search over QUIC (SPEC S12, A1): a server, the client library, and who finds what.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use throng::client::{Client, Credentials, Finding, RequestError, Settings};
use throng::engine::{Engine, ManualClock, Message, Options, SearchRoom, Searching};
use throng::log::{Memory, Storage};
use throng::model::command::{
    EraseContentV1, FoundV1, OrgRole, Reply, SearchArchiveV1, SetOrgRoleV1, TaggedCommand as T,
};
use throng::model::event::{ArchiveSearchedV1, Event, decode_all};
use throng::quic::Limits;
use throng::wire::{
    ClientMessageId, FrameKind, GroupId, PersonId, RecordNumber, Refused, TenantId, Timestamp,
    encode_frame,
};

use crate::quic::{House, token_of};
use crate::town::NOON;

const TENANT: TenantId = TenantId(1);
/// The token of an operator of tenant 1, and of tenant 2: their own systems.
const BACKEND: &str = "2 1 0 0 3600";
const NEIGHBOUR: &str = "2 2 0 0 3600";
const NOT_PERMITTED: u16 = 11;
const INVALID: u16 = 19;
const DAY_US: u64 = 86_400_000_000;

/// What outlives a server.
struct Disks {
    log: Arc<dyn Storage>,
    index: Arc<dyn Storage>,
    clock: Arc<ManualClock>,
}

impl Disks {
    fn new() -> Self {
        Self {
            log: Arc::new(Memory::new()),
            index: Arc::new(Memory::new()),
            clock: Arc::new(ManualClock::at(NOON)),
        }
    }

    fn house(&self) -> House {
        self.house_with(16, Limits::default())
    }

    fn house_with(&self, at_once_max: usize, limits: Limits) -> House {
        let mut searching = Searching::new(Arc::clone(&self.index));
        searching.every = Duration::from_millis(5);
        searching.at_once_max = at_once_max;
        let mut options = Options::default();
        options.search = Some(searching);
        let (log, clock) = (Arc::clone(&self.log), self.clock.clone());
        let engine = Engine::open_on(log, options, clock, [7; 32]).unwrap();
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        House::of(engine, listen, 1, limits)
    }
}

fn say(house: &House, group: GroupId, person: u64, id: u128, text: &str) {
    let message = Message::text(group, PersonId(person), ClientMessageId(id), text);
    let said = house.engine.publish(TENANT, &message).unwrap();
    said.wait().unwrap();
}

/// Until all that is durable now is indexed.
async fn indexed(house: &House) {
    let (durable, began) = (house.engine.durable(), Instant::now());
    while house.engine.stats().searched < durable {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "it is not indexed"
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn connect(house: &House, token: &str) -> Client {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(house.certificate.clone()).unwrap();
    let credentials = Credentials::Token(token.to_owned());
    let (address, settings) = (house.server.local_addr(), Settings::new(roots));
    let connecting = Client::connect(address, "localhost", &credentials, &settings);
    let (client, driver) = connecting.await.expect("welcomed");
    tokio::spawn(driver.run());
    client
}

fn asked(words: &str) -> SearchArchiveV1 {
    SearchArchiveV1 {
        words: words.to_owned(),
        group: GroupId(0),
        person: PersonId(0),
        from: Timestamp(i64::MIN),
        until: Timestamp(i64::MAX),
        after: 0,
        hits: 100,
    }
}

async fn rest_of(finding: &mut Finding) -> Vec<FoundV1> {
    let mut found = Vec::new();
    while let Some(hit) = finding.next().await {
        found.push(hit.unwrap());
    }
    found
}

async fn found(client: &Client, asked: SearchArchiveV1) -> Vec<String> {
    let hits = rest_of(&mut client.search(asked)).await.into_iter();
    hits.map(|hit| String::from_utf8(hit.body).unwrap())
        .collect()
}

/// What the archive says was searched for.
fn searches(house: &House) -> Vec<(RecordNumber, PersonId, ArchiveSearchedV1)> {
    let records = house.engine.reader().read(RecordNumber(0), usize::MAX);
    let mut searches = Vec::new();
    for record in records.unwrap() {
        let header = record.envelope.header();
        for event in decode_all(&record.private).unwrap() {
            if let Event::ArchiveSearched(it) = event {
                searches.push((header.record(), header.sender(), it));
            }
        }
    }
    searches
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_entitled_find_by_words_group_person_and_time_and_nobody_else_finds_anything() {
    let house = Disks::new().house();
    let group = house.with_a_group(3).await;
    house.with_another_tenant();
    say(&house, group, 1, 1, "季度预算 draft");
    say(&house, group, 2, 2, "预算 is final");
    say(&house, group, 2, 3, "午饭");
    indexed(&house).await;

    let backend = connect(&house, BACKEND).await;
    let hits = rest_of(&mut backend.search(asked("预算"))).await;
    let of = |hit: &FoundV1| (hit.sender.0, hit.sequence.0, hit.kind, hit.sent_at);
    assert_eq!(
        hits.iter().map(of).collect::<Vec<_>>(),
        [(2, 3, 1, NOON), (1, 2, 1, NOON)]
    );
    let record = house
        .engine
        .reader()
        .read(hits[0].record, 1)
        .unwrap()
        .remove(0);
    assert_eq!(
        record.envelope.body(),
        hits[0].body,
        "the record is the evidence"
    );
    let narrowed = SearchArchiveV1 {
        group,
        person: PersonId(1),
        ..asked("")
    };
    assert_eq!(found(&backend, narrowed).await, ["季度预算 draft"]);
    let later = SearchArchiveV1 {
        from: NOON.plus_micros(1),
        ..asked("预算")
    };
    assert_eq!(found(&backend, later).await, [""; 0]);

    let refused = |answer: Option<Result<FoundV1, RequestError>>| match answer {
        Some(Err(RequestError::Refused(why))) => why,
        other => panic!("{other:?}"),
    };
    let before = searches(&house).len();
    let person = connect(&house, &token_of(2)).await;
    let why = refused(person.search(asked("预算")).next().await);
    assert_eq!(
        why.code, NOT_PERMITTED,
        "not even what they said themselves"
    );
    assert_eq!(searches(&house).len(), before);
    let promote = T::SetOrgRole(SetOrgRoleV1 {
        person: PersonId(3),
        role: OrgRole::SuperAdmin,
        departments: Vec::new(),
    });
    house.engine.call(TENANT, promote).unwrap();
    let admin = connect(&house, &token_of(3)).await;
    assert_eq!(found(&admin, asked("预算")).await.len(), 2);
    let (_, who, what) = searches(&house).pop().unwrap();
    assert_eq!((who, &*what.words), (PersonId(3), "预算"));

    let neighbour = connect(&house, NEIGHBOUR).await;
    assert_eq!(found(&neighbour, asked("预算")).await, [""; 0]);
    let of_ours = SearchArchiveV1 {
        group,
        ..asked("预算")
    };
    refused(neighbour.search(of_ours).next().await);
    let durable = house.engine.durable();
    let no_words = refused(backend.search(asked("！？")).next().await);
    assert_eq!(no_words.code, INVALID);
    assert_eq!(
        house.engine.durable(),
        durable,
        "it is not on record either"
    );
    let none_wanted = SearchArchiveV1 {
        hits: 0,
        ..asked("预算")
    };
    assert_eq!(
        refused(backend.search(none_wanted).next().await).code,
        INVALID
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_goes_on_after_a_restart_where_it_was_and_each_page_is_a_record() {
    let disks = Disks::new();
    let house = disks.house();
    let group = house.with_a_group(3).await;
    for id in 1..=25 {
        say(&house, group, 1, id, &format!("消息 {id}"));
    }
    indexed(&house).await;
    let asked = SearchArchiveV1 {
        hits: 4,
        ..asked("消息")
    };
    let client = connect(&house, BACKEND).await;
    let mut finding = client.search(asked.clone());
    let mut bodies = Vec::new();
    for _ in 0..10 {
        bodies.push(finding.next().await.unwrap().unwrap().body);
    }
    assert!(finding.has_more());
    let pages = searches(&house);
    assert_eq!(
        pages.len(),
        3,
        "the tenth is on the third page, and none was asked for ahead"
    );
    assert_eq!(finding.search(), pages[2].0);
    let cursors: Vec<u64> = pages.iter().map(|(.., page)| page.after).collect();
    assert!(cursors[0] == 0 && cursors[1] > cursors[2] && cursors[2] > 0);

    let after = finding.cursor();
    house.server.stop(Duration::from_secs(5));
    house.engine.close().unwrap();
    let house = disks.house();
    indexed(&house).await;
    assert_eq!(house.engine.stats().search_documents, 25);
    // What was said since belongs before what is left, and is on none of its pages.
    say(&house, group, 1, 26, "消息 26");
    indexed(&house).await;
    let client = connect(&house, BACKEND).await;
    let mut finding = client.search(SearchArchiveV1 { after, ..asked });
    bodies.extend(rest_of(&mut finding).await.into_iter().map(|hit| hit.body));
    let expected = (1..=25).rev().map(|id| format!("消息 {id}").into_bytes());
    assert!(bodies.into_iter().eq(expected));
    assert!(!finding.has_more());
    assert_eq!(house.engine.stats().searches, 4, "fifteen in fours");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_erased_is_found_by_nobody() {
    let disks = Disks::new();
    let house = disks.house();
    let group = house.with_a_group(3).await;
    say(&house, group, 1, 1, "机密 today");
    disks.clock.advance(DAY_US);
    say(&house, group, 1, 2, "机密 tomorrow");
    indexed(&house).await;
    let client = connect(&house, BACKEND).await;
    assert_eq!(found(&client, asked("机密")).await.len(), 2);
    let day = NOON.utc_day();
    let erase = T::EraseContent(EraseContentV1 {
        group,
        first_day: day,
        last_day: day,
        reason: "a request of the person concerned".to_owned(),
    });
    house.engine.call(TENANT, erase).unwrap();
    assert_eq!(
        found(&client, asked("机密")).await,
        ["机密 tomorrow"],
        "at once"
    );
    indexed(&house).await;
    assert_eq!(found(&client, asked("today")).await, [""; 0]);
    assert_eq!(house.engine.stats().search_documents, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_messages_make_short_pages_that_a_frame_takes() {
    let house = Disks::new().house();
    let group = house.with_a_group(3).await;
    let lens = [
        65_000, 100, 30_000, 65_529, 65_529, 20_000, 20_000, 20_000, 1,
    ];
    for (id, len) in (1..).zip(lens) {
        say(&house, group, 1, id, &format!("消息 {}", "x".repeat(len)));
    }
    indexed(&house).await;
    let mut raw = house.enter(BACKEND).await;
    let (mut after, mut pages, mut found) = (0, 0, 0);
    loop {
        let page = T::SearchArchive(SearchArchiveV1 {
            after,
            ..asked("消息")
        });
        let Reply::ArchiveFound(page) = raw.command(&page).await else {
            panic!("a page");
        };
        (pages, found) = (pages + 1, found + page.hits.len());
        assert!(!page.hits.is_empty());
        after = page.cursor;
        if after == 0 {
            break;
        }
    }
    assert_eq!((pages, found), (4, lens.len()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn searches_beyond_what_there_is_room_for_are_answered_busy_and_leave_no_record() {
    let house = Disks::new().house_with(3, Limits::default());
    let group = house.with_a_group(3).await;
    say(&house, group, 1, 1, "消息");
    indexed(&house).await;
    let room = || house.engine.search_room(&asked("消息")).unwrap();
    let taken: Vec<SearchRoom> = (0..3).map(|_| room()).collect();
    let mut raw = house.enter(BACKEND).await;
    let body = T::SearchArchive(asked("消息")).encode();
    let kind = FrameKind::command(0x0ea);
    raw.requests.send(kind, 1, &body).await;
    assert_eq!(raw.requests.frame().await.kind, FrameKind::Busy);
    assert_eq!(searches(&house).len(), 0);
    drop(taken);

    // Five in one datagram: two have room among the answers that one connection has not read.
    let mut frames = Vec::new();
    for request in 2..=6 {
        encode_frame(kind, request, &body, &mut frames);
    }
    raw.requests.send.write_all(&frames).await.unwrap();
    let (mut pages, mut busy) = (0, 0);
    for _ in 2..=6 {
        let frame = raw.requests.frame().await;
        match frame.kind {
            FrameKind::Busy => busy += 1,
            FrameKind::Reply(0x1b3) => pages += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((pages, busy), (2, 3));
    assert_eq!(searches(&house).len(), 2);
    assert_eq!(house.engine.stats().searches, 2);
    let all: Vec<SearchRoom> = (0..3).map(|_| room()).collect();
    assert_eq!(all.len(), 3, "all room is given back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_goes_while_it_searches_gives_its_room_back() {
    let house = Disks::new().house_with(1, Limits::default());
    let group = house.with_a_group(3).await;
    say(&house, group, 1, 1, "消息");
    indexed(&house).await;
    let body = T::SearchArchive(asked("消息")).encode();
    for _ in 0..5 {
        let mut raw = house.enter(BACKEND).await;
        raw.requests.send(FrameKind::command(0x0ea), 1, &body).await;
        raw.connection.close(0_u32.into(), b"");
    }
    // Refused by the model: given back as well.
    let mut raw = house.enter(&token_of(2)).await;
    let began = Instant::now();
    let refused = async |raw: &mut crate::quic::Client| loop {
        assert!(began.elapsed() < Duration::from_secs(20), "no room");
        raw.requests.send(FrameKind::command(0x0ea), 1, &body).await;
        let frame = raw.requests.frame().await;
        if frame.kind != FrameKind::Busy {
            return Refused::read(frame.payload()).unwrap().code;
        }
    };
    for _ in 0..3 {
        assert_eq!(refused(&mut raw).await, NOT_PERMITTED);
    }
    let client = connect(&house, BACKEND).await;
    assert_eq!(found(&client, asked("消息")).await, ["消息"]);
}
