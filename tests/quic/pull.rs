//! The pull of the archive over QUIC (SPEC A6): a server, the client library, and clients that misbehave.
#![cfg(all(feature = "server", feature = "client"))]
#![allow(clippy::unwrap_used)] // A test that cannot go on says where.

use crate::quic;
use std::time::Duration;

use crate::quic::{House, token_of};
use throng::archive::pull::PullKey;
use throng::client::{Client, Credentials, PullError, Pulled, Pulling, RequestError, Settings};
use throng::engine::Message;
use throng::log::Record;
use throng::model::command::{OrgRole, PullRecordsV1, SetOrgRoleV1, TaggedCommand as T};
use throng::model::event::{Event, decode_all};
use throng::quic::Limits;
use throng::wire::{
    ClientMessageId, FrameKind, GroupId, PersonId, RecordNumber, Refused, TenantId, Timestamp,
};

const TENANT: TenantId = TenantId(1);
/// The token of an operator of tenant 1: its own systems.
const BACKEND: &str = "2 1 0 0 3600";

fn everything() -> PullRecordsV1 {
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

async fn connect(house: &House, token: &str) -> Client {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(house.certificate.clone()).unwrap();
    let credentials = Credentials::Token(token.to_owned());
    let settings = Settings::new(roots);
    let address = house.server.local_addr();
    let connected = Client::connect(address, "localhost", &credentials, &settings).await;
    let (client, driver) = connected.expect("welcomed");
    tokio::spawn(driver.run());
    client
}

/// So many messages of `len` bytes each, and a group of another tenant among them.
fn talk(house: &House, group: GroupId, count: u128, len: usize) {
    for id in 1..=count {
        let text = format!("{id} {}", "x".repeat(len));
        let message = Message::text(group, PersonId(1), ClientMessageId(id), &text);
        let said = house.engine.publish(TENANT, &message).unwrap();
        if id == count {
            said.wait().unwrap();
        }
    }
}

fn log_of(house: &House) -> Vec<Record> {
    let log = house.engine.reader().read(RecordNumber(0), usize::MAX);
    let mut log = log.unwrap();
    log.retain(|record| {
        record.envelope.header().tenant() == TENANT && !says_pulled(&record.private)
    });
    log
}

/// That somebody pulls is a record, too, which comes with whatever is pulled after it: left aside here.
fn says_pulled(private: &[u8]) -> bool {
    let events = decode_all(private).unwrap();
    matches!(&events[..], [Event::ArchivePulled(_)])
}

/// Whether a record was pulled that says so.
fn is_of_a_pull(pulled: &Pulled) -> bool {
    let content = pulled.content.as_ref();
    content.is_some_and(|content| says_pulled(&content.private))
}

async fn rest_of(pulling: &mut Pulling) -> Vec<Pulled> {
    let mut pulled = Vec::new();
    while let Some(record) = pulling.next().await {
        pulled.push(record.unwrap());
    }
    pulled.retain(|it| !is_of_a_pull(it));
    pulled
}

#[track_caller]
fn assert_is_log(pulled: &[Pulled], log: &[Record]) {
    assert_eq!(pulled.len(), log.len());
    for (pulled, record) in pulled.iter().zip(log) {
        let content = pulled.content.as_ref().unwrap();
        assert_eq!(content.header, *record.envelope.header());
        assert_eq!(content.view, record.envelope.body());
        assert_eq!(content.private, record.private);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_ranges_on_several_connections_come_together_as_the_log() {
    let house = House::with(2, Limits::default());
    let group = house.with_a_group(3).await;
    house.with_another_tenant();
    talk(&house, group, 1_500, 700);
    let log = log_of(&house);
    let end = house.engine.durable().0;
    let ranges = 4;
    let len = end.div_ceil(ranges);
    let pulls = (0..ranges).map(|number| {
        let pull = PullRecordsV1 {
            from: RecordNumber(number * len),
            to: RecordNumber(number * len + len - 1),
            ..everything()
        };
        let house = &house;
        async move {
            let client = connect(house, BACKEND).await;
            rest_of(&mut client.pull(pull)).await
        }
    });
    let mut pulled = Vec::new();
    let [first, second, third, fourth] =
        <[_; 4]>::try_from(pulls.collect::<Vec<_>>()).ok().unwrap();
    let (first, second, third, fourth) = tokio::join!(first, second, third, fourth);
    for range in [first, second, third, fourth] {
        assert!(!range.is_empty());
        pulled.extend(range);
    }
    assert_is_log(&pulled, &log);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pull_goes_on_on_another_connection_where_it_was_cut_off() {
    let house = House::open();
    let group = house.with_a_group(3).await;
    talk(&house, group, 600, 2_000);
    let log = log_of(&house);
    let (mut pulled, mut from, mut connections) = (Vec::new(), RecordNumber(0), 0);
    loop {
        let client = connect(&house, BACKEND).await;
        connections += 1;
        let mut pulling = client.pull(PullRecordsV1 {
            from,
            ..everything()
        });
        for _ in 0..170 {
            match pulling.next().await {
                Some(record) => pulled.push(record.unwrap()),
                None => break,
            }
        }
        pulled.retain(|it| !is_of_a_pull(it));
        from = pulling.next_record();
        drop(pulling);
        client.close().await;
        if pulled.len() == log.len() {
            break;
        }
    }
    assert_is_log(&pulled, &log);
    assert!(connections > 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pull_at_its_end_brings_what_is_added_when_it_is_asked_again() {
    let house = House::open();
    let group = house.with_a_group(3).await;
    let client = connect(&house, BACKEND).await;
    let mut pulling = client.pull(everything());
    let first = rest_of(&mut pulling).await;
    talk(&house, group, 3, 10);
    let second = rest_of(&mut pulling).await;
    assert_eq!(second.len(), 3);
    let pulled = [first, second].concat();
    assert_is_log(&pulled, &log_of(&house));
    let bounded = PullRecordsV1 {
        to: RecordNumber(2),
        ..everything()
    };
    let mut bounded = client.pull(bounded);
    assert_eq!(rest_of(&mut bounded).await.len(), 2);
    assert_eq!(bounded.next_record(), RecordNumber(3));
    assert_eq!(
        rest_of(&mut bounded).await.len(),
        0,
        "the range is over for good"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sealed_records_are_opened_by_the_puller_and_carried_as_they_are_without_the_key() {
    let house = House::open();
    let group = house.with_a_group(3).await;
    talk(&house, group, 300, 2_000);
    let key = || PullKey::from_bytes(&[5; 32]).unwrap();
    let client = connect(&house, BACKEND).await;
    let mut opened = client.pull(everything()).sealed_to(key());
    let opened = rest_of(&mut opened).await;
    assert_is_log(&opened, &log_of(&house));
    let sealed = PullRecordsV1 {
        public_key: key().public().to_vec(),
        ..everything()
    };
    let carried = rest_of(&mut client.pull(sealed)).await;
    assert!(
        carried
            .iter()
            .all(|it| it.content.is_none() && it.sealed.is_some())
    );
    let pages = carried
        .iter()
        .filter(|it| matches!(it.sealed, Some((_, 0))));
    assert!(pages.count() > 1, "each page has a key of its own");
    let another = PullKey::from_bytes(&[6; 32]).unwrap();
    let mut wrong = client.pull(everything()).sealed_to(another);
    wrong.next().await.unwrap().unwrap();
}

fn refused(result: Option<Result<Pulled, PullError>>) -> Refused {
    match result {
        Some(Err(PullError::Request(RequestError::Refused(refused)))) => refused,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_pull_is_refused_and_the_denial_is_in_the_archive() {
    const NOT_PERMITTED: u16 = 11;
    const PULL_ARCHIVE: u16 = 151;
    let house = House::open();
    house.with_a_group(3).await;
    let person = connect(&house, &token_of(2)).await;
    let why = refused(person.pull(everything()).next().await);
    assert_eq!(why.code, NOT_PERMITTED);
    let log = log_of(&house);
    let events = log.iter().flat_map(|it| decode_all(&it.private).unwrap());
    let denied: Vec<_> = events
        .filter_map(|event| match event {
            Event::OperationDenied(it) => Some((it.person, it.operation, it.refusal)),
            _ => None,
        })
        .collect();
    assert_eq!(denied, [(PersonId(2), PULL_ARCHIVE, NOT_PERMITTED)]);

    let promote = T::SetOrgRole(SetOrgRoleV1 {
        person: PersonId(2),
        role: OrgRole::SuperAdmin,
        departments: Vec::new(),
    });
    house.engine.call(TENANT, promote).unwrap();
    let why = refused(person.pull(everything()).next().await);
    assert_eq!(why.code, NOT_PERMITTED, "one admin alone takes nothing out");
    let backend = connect(&house, BACKEND).await;
    let pulled = rest_of(&mut backend.pull(everything())).await;
    assert_is_log(&pulled, &log_of(&house));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_pulled_is_refused_by_its_rule_and_the_connection_goes_on() {
    const INVALID: u16 = 19;
    const NO_SUCH_GROUP: u16 = 3;
    const TOO_MUCH_AT_ONCE: u16 = 44;
    let house = House::open();
    house.with_a_group(3).await;
    house.with_another_tenant();
    let client = connect(&house, BACKEND).await;
    let backwards = PullRecordsV1 {
        from: RecordNumber(9),
        to: RecordNumber(8),
        ..everything()
    };
    let no_records = PullRecordsV1 {
        records: 0,
        ..everything()
    };
    let many = PullRecordsV1 {
        groups: (1..=8_192).map(GroupId).collect(),
        ..everything()
    };
    let unknown = PullRecordsV1 {
        groups: vec![GroupId(99)],
        ..everything()
    };
    let no_point = PullRecordsV1 {
        public_key: vec![0; 32],
        ..everything()
    };
    let asked = [
        (no_records, INVALID),
        (many, TOO_MUCH_AT_ONCE),
        (unknown, NO_SUCH_GROUP),
        (no_point, INVALID),
    ];
    for (pull, code) in asked {
        assert_eq!(refused(client.pull(pull).next().await).code, code);
    }
    assert!(
        client.pull(backwards.clone()).next().await.is_none(),
        "nothing is between"
    );
    let mut raw = house.enter(BACKEND).await;
    let body = T::PullRecords(backwards).encode();
    let pull = FrameKind::command(0x1b0);
    raw.requests.send(pull, 1, &body).await;
    let frame = raw.requests.frame().await;
    assert_eq!(frame.kind, FrameKind::Refused);
    assert_eq!(Refused::read(frame.payload()).unwrap().code, INVALID);
    raw.requests.send(pull, 2, b"no body at all..").await;
    assert_eq!(
        raw.closed().await.0,
        1,
        "what is no body breaks the protocol"
    );
    assert!(!rest_of(&mut client.pull(everything())).await.is_empty());
    let as_command = client.command(T::PullRecords(everything())).await;
    assert!(
        matches!(as_command, Err(RequestError::NotMade(_))),
        "{as_command:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_puller_that_never_reads_holds_four_pages_and_delays_nobody() {
    let house = House::open();
    let group = house.with_a_group(3).await;
    talk(&house, group, 700, 2_000);
    // Room for less than a page: none is written to its end, however the requests are spread in time.
    let mut little = quinn::TransportConfig::default();
    little.stream_receive_window((64_u32 * 1024).into());
    let endpoint = quinn::Endpoint::client("0.0.0.0:0".parse().unwrap()).unwrap();
    let connection = house.dial_with(&endpoint, little).await.unwrap();
    let stalled = house.enter_on(connection, BACKEND).await;
    let mut requests = stalled.requests;
    let body = T::PullRecords(everything()).encode();
    for request in 1..=200 {
        requests
            .send(FrameKind::command(0x1b0), request, &body)
            .await;
    }
    let stats = || house.server.stats().remove(0);
    quic::until("all but four are answered busy", || {
        stats().busy_answers == 196
    })
    .await;
    let mut member = house.enter(&token_of(3)).await;
    let mut another = house.enter(&token_of(2)).await;
    let (_lane, _) = another.attach(2).await;
    let mut deliveries = another.deliveries().await;
    for number in 0..50 {
        member.publish(group, &format!("live {number}")).await;
    }
    let live = async {
        loop {
            let taken = deliveries.take(1).await;
            if taken.iter().any(|(_, body)| body == b"live 49") {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), live)
        .await
        .unwrap();
    let reading = connect(&house, BACKEND).await;
    let pulled = rest_of(&mut reading.pull(everything())).await;
    assert_is_log(&pulled, &log_of(&house));
    let (mut pages, mut busy) = (0, 0);
    while pages < 4 || busy < 196 {
        let frame = requests.frame().await;
        match frame.kind {
            FrameKind::Busy => busy += 1,
            FrameKind::Pulled => {
                let part = throng::wire::PulledPart::read(frame.payload()).unwrap();
                pages += usize::from(part.last);
            }
            other => panic!("{other:?}"),
        }
    }
    requests.send(FrameKind::command(0x1b0), 201, &body).await;
    assert_eq!(
        requests.frame().await.kind,
        FrameKind::Pulled,
        "there is room again"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_answers_pass_between_the_parts_of_a_page() {
    let house = House::open();
    let group = house.with_a_group(3).await;
    talk(&house, group, 600, 2_000);
    let stalled = house.enter("1 1 0 0 3600").await;
    let mut requests = stalled.requests;
    let body = T::PullRecords(everything()).encode();
    for request in 1..=4 {
        requests
            .send(FrameKind::command(0x1b0), request, &body)
            .await;
    }
    let get = T::GetGroup(throng::model::command::GroupV1 { group });
    requests
        .send(FrameKind::command(get.tag()), 9, &get.encode())
        .await;
    let mut last_parts = 0;
    loop {
        let frame = requests.frame().await;
        match frame.kind {
            FrameKind::Pulled => {
                let part = throng::wire::PulledPart::read(frame.payload()).unwrap();
                last_parts += usize::from(part.last);
            }
            FrameKind::Reply(_) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(
        last_parts < 4,
        "an answer of a few bytes has waited for a megabyte"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pull_is_on_record_once_however_many_pages_connections_and_tries_it_takes() {
    let house = House::open();
    let group = house.with_a_group(3).await;
    talk(&house, group, 300, 2_000);
    for from in [0, 0, 100] {
        let client = connect(&house, BACKEND).await;
        let pull = PullRecordsV1 {
            from: RecordNumber(from),
            records: 20,
            ..everything()
        };
        assert!(rest_of(&mut client.pull(pull)).await.len() >= 200);
        client.close().await;
    }
    let records = house.engine.reader().read(RecordNumber(0), usize::MAX);
    let records = records.unwrap();
    let pulls: Vec<_> = records
        .iter()
        .filter(|it| says_pulled(&it.private))
        .collect();
    let [pull] = pulls[..] else {
        panic!("{}", pulls.len());
    };
    assert_eq!(
        pull.envelope.header().sender(),
        PersonId(0),
        "the enterprise's systems"
    );
}
