//! The audit trail over QUIC: a server, the client library, and who may not.

use throng::client::{Client, Credentials, RequestError, Settings};
use throng::model::command::{GroupV1, OrgRole, ReadAuditV1, SetOrgRoleV1, TaggedCommand as T};
use throng::model::event::{Event, decode_all};
use throng::wire::{GroupId, PersonId, RecordNumber, TenantId, Timestamp};

use crate::quic::{House, token_of};

const NOT_PERMITTED: u16 = 11;
const TENANT: TenantId = TenantId(1);
/// The token of an operator of tenant 1: its own systems.
const BACKEND: &str = "2 1 0 0 3600";

fn everything() -> ReadAuditV1 {
    ReadAuditV1 {
        actor: PersonId(0),
        person: PersonId(0),
        group: GroupId(0),
        kinds: Vec::new(),
        from: Timestamp(i64::MIN),
        until: Timestamp(i64::MAX),
        before: RecordNumber(0),
        entries: 2,
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

/// The records on the trail, and their first events.
async fn trail(client: &Client, asked: ReadAuditV1) -> Vec<(u64, Event)> {
    let (mut trail, mut found) = (client.audit(asked), Vec::new());
    while let Some(entry) = trail.next().await {
        let entry = entry.unwrap();
        let first = decode_all(&entry.events).unwrap().remove(0);
        found.push((entry.record.0, first));
    }
    assert!(!trail.has_more() && trail.damaged().is_empty());
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trail_is_read_page_by_page_by_those_entitled_and_each_page_is_on_record() {
    let house = House::open();
    let group = house.with_a_group(4).await;
    house.with_another_tenant();
    for person in [PersonId(2), PersonId(3)] {
        let role = if person.0 == 2 {
            OrgRole::SuperAdmin
        } else {
            OrgRole::AppAdmin
        };
        let departments = Vec::new();
        let set = SetOrgRoleV1 {
            person,
            role,
            departments,
        };
        house.engine.call(TENANT, T::SetOrgRole(set)).unwrap();
    }
    let logged = house.engine.durable();
    let ours = |found: &[(u64, Event)]| {
        let before = found.iter().filter(|(record, _)| *record < logged.0);
        before.map(|(record, _)| *record).collect::<Vec<_>>()
    };

    let backend = connect(&house, BACKEND).await;
    let all = trail(&backend, everything()).await;
    assert!(all.windows(2).all(|pair| pair[0].0 > pair[1].0));
    let reader = house.engine.reader();
    let log = reader.read(RecordNumber(0), usize::MAX).unwrap();
    let before = log.iter().take(logged.0 as usize).rev();
    let expected: Vec<_> = before
        .filter(|record| record.envelope.header().tenant() == TENANT)
        .map(|record| record.envelope.header().record().0)
        .collect();
    assert_eq!(ours(&all), expected, "of another tenant nothing");
    let admin = connect(&house, &token_of(2)).await;
    let again = trail(&admin, everything()).await;
    assert_eq!(ours(&again), ours(&all));
    let reads = again
        .iter()
        .filter(|(_, it)| matches!(it, Event::AuditRead(_)));
    assert!(reads.count() >= 2, "each page of the one before");
    let of_group = ReadAuditV1 {
        group,
        ..everything()
    };
    let of_group = trail(&backend, of_group).await;
    assert!(matches!(
        of_group.last(),
        Some((_, Event::GroupCreated(_) | Event::GroupCreatedV2(_)))
    ));

    for (person, denials) in [(3, 1), (4, 2)] {
        let other = connect(&house, &token_of(person)).await;
        let refused = other.audit(everything()).next().await.unwrap().unwrap_err();
        let RequestError::Refused(why) = refused else {
            panic!("{refused}");
        };
        assert_eq!(why.code, NOT_PERMITTED);
        let denied = trail(&backend, everything()).await;
        let denied = denied
            .iter()
            .filter(|(_, it)| matches!(it, Event::OperationDenied(_)));
        assert_eq!(denied.count(), denials, "it is on the trail itself");
        other.command(T::GetGroup(GroupV1 { group })).await.ok();
    }
}
