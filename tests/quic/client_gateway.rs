//! The client library's gateway against a real server: everyone on one connection is given everything
//! once, however they come and go.
#![cfg(all(feature = "server", feature = "client"))]
#![allow(clippy::unwrap_used)] // What cannot be set up fails its test.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::quic::{GATEWAY, House, OPERATOR, token_of};
use throng::client::gateway::{
    Delivery, Gateway, GatewayDriver, Newcomer, Newcomers, Over, ReaderKey, Readers, TableLimits,
};
use throng::client::{
    CloseReason, ConnectError, Credentials, GroupCursor, Message, NotMade, RequestError, Settings,
};
use throng::wire::{ClientMessageId, DeviceId, GroupId, Kind, PersonId, Priority};
use tokio::task::JoinHandle;

const PATIENCE: Duration = Duration::from_secs(20);

/// Who was given which sequence, as it came; urgent ones too.
#[derive(Clone, Debug, Default)]
struct Given(Arc<Mutex<Vec<(u64, u64)>>>);

impl Readers for Given {
    fn deliver(&mut self, reader: ReaderKey, delivery: &Delivery<'_>) {
        let sequence = delivery.header().sequence().0;
        let body = delivery.envelope().body();
        assert_eq!(body, delivery.body());
        self.0.lock().unwrap().push((reader.0, sequence));
    }
}

impl Given {
    fn of(&self, reader: u64) -> Vec<u64> {
        let given = self.0.lock().unwrap();
        let given = given.iter().filter(|(who, _)| *who == reader);
        given.map(|(_, sequence)| *sequence).collect()
    }

    /// Waits until `reader` has been given exactly `expected`.
    async fn wait(&self, reader: u64, expected: &[u64]) {
        let waiting = async {
            while self.of(reader).len() < expected.len() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let _ = tokio::time::timeout(PATIENCE, waiting).await;
        assert_eq!(self.of(reader), expected, "reader {reader}");
    }
}

fn settings(house: &House) -> Settings {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(house.certificate.clone()).unwrap();
    Settings::new(roots)
}

async fn connect(
    house: &House,
    token: &str,
) -> Result<(Gateway, GatewayDriver<Given>, Given), ConnectError> {
    let given = Given::default();
    let (gateway, driver) = Gateway::connect(
        house.server.local_addr(),
        "localhost",
        &Credentials::Token(token.to_owned()),
        &settings(house),
        TableLimits::default(),
        given.clone(),
    )
    .await?;
    Ok((gateway, driver, given))
}

async fn gateway(house: &House) -> (Gateway, JoinHandle<Over<Given>>, Given) {
    let (gateway, driver, given) = connect(house, GATEWAY).await.unwrap();
    (gateway, tokio::spawn(driver.run()), given)
}

/// People on device 1 whose keys are their numbers.
fn newcomers(people: impl IntoIterator<Item = u64>) -> Newcomers {
    let newcomer = |person| Newcomer {
        person: PersonId(person),
        device: DeviceId(1),
        key: ReaderKey(person),
        cursors: Vec::new(),
    };
    Newcomers {
        people: people.into_iter().map(newcomer).collect(),
        incarnation: None,
        live_only: true,
    }
}

fn message(group: GroupId, id: u128, priority: Priority) -> Message {
    Message {
        group,
        kind: Kind::Text,
        priority,
        client_message_id: ClientMessageId(id),
        body: format!("第{id}条").into_bytes().into(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_on_a_gateway_is_given_each_message_once_in_order() {
    let house = House::open();
    let group = house.with_a_group(100).await;
    let (gateway, driving, given) = gateway(&house).await;
    let attached = gateway.attach(newcomers(1..=100)).await.unwrap();
    assert!(attached.iter().all(|(_, _, result)| result.is_ok()));
    let mut sequences = Vec::new();
    for id in 1..=50 {
        let (sender, message) = (
            PersonId(id % 100 + 1),
            message(group, id.into(), Priority::Normal),
        );
        let published = gateway.publish(sender, DeviceId(1), message).await.unwrap();
        sequences.push(published.sequence.0);
    }
    for reader in 1..=100 {
        given.wait(reader, &sequences).await;
    }
    let cursors = gateway
        .cursors(vec![(PersonId(7), DeviceId(1))])
        .await
        .unwrap();
    let [Some(cursors)] = &cursors[..] else {
        panic!("{cursors:?}");
    };
    assert_eq!(Some(&cursors[0].floor.0), sequences.last());
    gateway.close().await;
    let over = driving.await.unwrap();
    let by_goodbye = matches!(
        over.reason,
        CloseReason::Done | CloseReason::ByServer { .. }
    );
    assert!(by_goodbye, "{}", over.reason);
    assert_eq!(over.table.repeated(), 0);
    assert_eq!(over.table.readers().count(), 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_goes_and_comes_again_misses_nothing_and_is_given_nothing_twice() {
    let house = House::open();
    let group = house.with_a_group(3).await;
    let (gateway, _driving, given) = gateway(&house).await;
    let from_their_join = |people: &[u64]| Newcomers {
        live_only: false,
        ..newcomers(people.iter().copied())
    };
    gateway.attach(from_their_join(&[1, 2])).await.unwrap();
    let (mut last, who) = (0, (PersonId(1), DeviceId(1)));
    for round in 0..20 {
        let kept: Vec<GroupCursor> = gateway.detach(vec![who]).await.unwrap().remove(0).unwrap();
        let urgent = [Priority::Normal, Priority::Urgent][round % 2];
        let message = message(group, round as u128, urgent);
        let sent = gateway.publish(PersonId(3), DeviceId(1), message);
        last = sent.await.unwrap().sequence.0;
        let mut again = from_their_join(&[1]);
        again.people[0].cursors = kept;
        again.incarnation = Some(gateway.welcome().incarnation);
        // Nobody waits for anything in between: changes of the attach before are still on their way.
        gateway.attach(again).await.unwrap();
    }
    let all: Vec<_> = (1..=last).collect();
    for reader in [1, 2] {
        let waiting = async {
            while given.of(reader).len() < all.len() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let _ = tokio::time::timeout(PATIENCE, waiting).await;
        let mut given = given.of(reader);
        given.sort_unstable(); // Urgent ones came ahead.
        assert_eq!(given, all, "reader {reader}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_refused_is_named_and_the_others_are_online() {
    let house = House::open();
    house.with_a_group(3).await;
    let (gateway, _driving, _) = gateway(&house).await;
    let attached = gateway.attach(newcomers([1, 99, 2])).await.unwrap();
    let refused = attached.iter().filter(|(_, _, result)| result.is_err());
    let refused: Vec<_> = refused.map(|(person, _, _)| person.0).collect();
    assert_eq!(refused, [99]);
    let error = gateway.attach(newcomers([2])).await.unwrap_err();
    assert!(matches!(
        error,
        RequestError::NotMade(NotMade::AttachedTwice { .. })
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_gateway_may_be_one() {
    let house = House::open();
    house.with_a_group(3).await;
    for token in [OPERATOR, &token_of(1)] {
        let refused = connect(&house, token).await;
        assert!(matches!(refused, Err(ConnectError::NotAGateway(_))));
    }
}
