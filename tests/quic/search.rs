//! Search of the archive over QUIC where nothing is searched: what the wire, the library and the record say.
//!
//! Where an index is kept, see tests/search/over_quic.rs.

use throng::client::{Client, Credentials, RequestError, Settings};
use throng::model::command::{SearchArchiveV1, TaggedCommand as T};
use throng::model::event::{Event, decode_all};
use throng::wire::{FrameKind, GroupId, PersonId, RecordNumber, Refused, Timestamp};

use crate::quic::{House, token_of};

const SEARCH_ARCHIVE: u16 = 0x0ea;
const NOT_SEARCHED: u16 = 101;
/// The token of an operator of tenant 1: its own systems.
const BACKEND: &str = "2 1 0 0 3600";

fn asked() -> SearchArchiveV1 {
    SearchArchiveV1 {
        words: "预算".to_owned(),
        group: GroupId(0),
        person: PersonId(0),
        from: Timestamp(i64::MIN),
        until: Timestamp(i64::MAX),
        after: 0,
        hits: 100,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_search_is_told_so_where_nothing_is_searched_and_it_is_on_record() {
    const NOT_PERMITTED: u16 = 11;
    let house = House::open();
    house.with_a_group(3).await;
    let mut raw = house.enter(&token_of(2)).await;
    let body = T::SearchArchive(asked()).encode();
    let kind = FrameKind::command(SEARCH_ARCHIVE);
    raw.requests.send(kind, 7, &body).await;
    let frame = raw.requests.frame().await;
    let refused = Refused::read(frame.payload()).unwrap();
    assert_eq!(refused.code, NOT_PERMITTED, "{}", refused.text);
    let reader = house.engine.reader();
    let records = reader.read(RecordNumber(0), usize::MAX).unwrap();
    let events = records
        .iter()
        .flat_map(|record| decode_all(&record.private).unwrap());
    let denied: Vec<_> = events
        .filter_map(|event| match event {
            Event::OperationDenied(it) => Some((it.person, it.operation, it.refusal)),
            Event::ArchiveSearched(it) => panic!("{it:?}"),
            _ => None,
        })
        .collect();
    assert_eq!(denied, [(PersonId(2), 196, NOT_PERMITTED)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_keeps_no_index_refuses_a_search_by_its_own_rule_and_records_none() {
    let house = House::open();
    house.with_a_group(3).await;
    let mut raw = house.enter(BACKEND).await;
    let kind = FrameKind::command(SEARCH_ARCHIVE);
    let body = T::SearchArchive(asked()).encode();
    raw.requests.send(kind, 7, &body).await;
    let frame = raw.requests.frame().await;
    assert_eq!((frame.kind, frame.request), (FrameKind::Refused, 7));
    let refused = Refused::read(frame.payload()).unwrap();
    assert_eq!(
        (refused.code, refused.retry_at),
        (NOT_SEARCHED, Timestamp(0))
    );
    assert!(refused.text.contains("search.enabled"), "{}", refused.text);
    let get = T::GetGroup(throng::model::command::GroupV1 { group: GroupId(1) });
    raw.command(&get).await;

    let mut roots = rustls::RootCertStore::empty();
    roots.add(house.certificate.clone()).unwrap();
    let credentials = Credentials::Token(BACKEND.to_owned());
    let (address, settings) = (house.server.local_addr(), Settings::new(roots));
    let connecting = Client::connect(address, "localhost", &credentials, &settings);
    let (client, driver) = connecting.await.expect("welcomed");
    tokio::spawn(driver.run());
    let refused = client.search(asked()).next().await.unwrap().unwrap_err();
    let RequestError::Refused(why) = refused else {
        panic!("{refused}");
    };
    assert_eq!(why.code, NOT_SEARCHED);
    let reader = house.engine.reader();
    for record in reader.read(RecordNumber(0), usize::MAX).unwrap() {
        for event in decode_all(&record.private).unwrap() {
            let is_of_it = matches!(event, Event::ArchiveSearched(_) | Event::OperationDenied(_));
            assert!(
                !is_of_it,
                "nothing was searched, and nothing is said to have been"
            );
        }
    }
    assert_eq!(house.engine.stats().search_lag, 0);
}
