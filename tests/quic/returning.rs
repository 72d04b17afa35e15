//! Coming back: resumed sessions, address tokens, and the door that asks everybody anew, whatever they
//! bring and wherever they move (SPEC D9).
#![cfg(all(feature = "server", feature = "client"))]

use crate::quic;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::quic::{House, token_of};
use bytes::Bytes;
use quinn::Endpoint;
use rustls::server::ProducesTickets;
use throng::client::{
    Client, CloseCode, CloseReason, ConnectError, Credentials, Cursors, Driver, Settings,
};
use throng::engine::{Engine, SystemClock};
use throng::model::command::{DeviceOfPersonV1, SetTenantPolicyV1, TaggedCommand};
use throng::quic::{Limits, Server};
use throng::wire::{DeviceId, PersonId, TenantId};

const NOT_PERMITTED: u64 = 6;

/// Tickets that were taken by the server: sessions resumed.
#[derive(Debug)]
struct CountedTickets {
    tickets: Arc<dyn ProducesTickets>,
    taken: AtomicUsize,
}

impl ProducesTickets for CountedTickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        self.tickets.lifetime()
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.tickets.encrypt(plain)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        let plain = self.tickets.decrypt(cipher)?;
        self.taken.fetch_add(1, Ordering::Relaxed);
        Some(plain)
    }
}

/// A house that counts the sessions it resumes.
fn counting_house() -> (House, Arc<CountedTickets>) {
    let (certificate, tls) = quic::tls();
    let counted = Arc::new(CountedTickets {
        tickets: rustls::crypto::ring::Ticketer::new().expect("random bytes"),
        taken: AtomicUsize::new(0),
    });
    let mut tls = Arc::unwrap_or_clone(tls);
    tls.ticketer = counted.clone();
    let engine = Engine::in_memory(Arc::new(SystemClock::default()), 1);
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let options = quic::options(listen, 1, Arc::new(tls), Limits::default());
    let house = House {
        server: Server::start(&engine, options).expect("the server starts"),
        certificate,
        engine,
        host: None,
    };
    (house, counted)
}

fn settings(house: &House) -> Settings {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(house.certificate.clone()).expect("a certificate");
    Settings::new(roots)
}

async fn connect(
    house: &House,
    person: u64,
    settings: &Settings,
) -> Result<(Client, Driver), ConnectError> {
    let credentials = Credentials::Token(token_of(person));
    let address = house.server.local_addr();
    Client::connect(address, "localhost", &credentials, settings).await
}

/// Comes, gets what a connection leaves for the next, and goes.
async fn visit(house: &House, person: u64, settings: &Settings) {
    let (client, driver) = connect(house, person, settings).await.expect("welcome");
    let driver = tokio::spawn(driver.run());
    client
        .attach(Cursors::default(), true)
        .await
        .expect("online");
    client.close().await;
    driver.await.expect("the driver ends");
}

fn returned(house: &House) -> u64 {
    house
        .server
        .stats()
        .iter()
        .map(|shard| shard.returning)
        .sum()
}

fn revoke_device(house: &House, person: u64) {
    let device = DeviceOfPersonV1 {
        person: PersonId(person),
        device: DeviceId(1),
    };
    let revoke = TaggedCommand::RevokeDevice(device);
    house.engine.call(TenantId(1), revoke).expect("locked out");
}

fn allow_only(house: &House, networks: &[&str]) {
    let policy = SetTenantPolicyV1 {
        requires_second_factor: false,
        ip_allow_list: networks.iter().map(|&network| network.into()).collect(),
    };
    let policy = TaggedCommand::SetTenantPolicy(policy);
    house.engine.call(TenantId(1), policy).expect("a policy");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_back_with_the_same_settings_is_known_and_its_session_resumed() {
    let (house, tickets) = counting_house();
    let house = house.with_people(3);
    let settings = settings(&house);
    visit(&house, 1, &settings).await;
    assert_eq!(
        (tickets.taken.load(Ordering::Relaxed), returned(&house)),
        (0, 0)
    );
    visit(&house, 1, &settings.clone()).await;
    assert_eq!(tickets.taken.load(Ordering::Relaxed), 1);
    quic::until("it is known", || returned(&house) == 1).await;
    visit(&house, 1, &settings).await;
    assert_eq!(
        tickets.taken.load(Ordering::Relaxed),
        2,
        "each leaves a new one"
    );
    let stranger = self::settings(&house);
    visit(&house, 1, &stranger).await;
    assert_eq!(tickets.taken.load(Ordering::Relaxed), 2);
    quic::until("three known", || returned(&house) == 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_out_device_is_disconnected_and_a_resumed_session_does_not_let_it_in() {
    let (house, tickets) = counting_house();
    let house = house.with_people(3);
    let settings = settings(&house);
    let (client, driver) = connect(&house, 1, &settings).await.expect("welcome");
    let driver = tokio::spawn(driver.run());
    client
        .attach(Cursors::default(), true)
        .await
        .expect("online");
    revoke_device(&house, 1);
    let reason = driver.await.expect("the driver ends");
    let CloseReason::ByServer {
        code,
        reason,
        retry_after,
    } = reason
    else {
        panic!("{reason} is not the server's");
    };
    assert_eq!((code, retry_after), (CloseCode::NotPermitted, None));
    assert!(reason.contains("locked out"), "{reason}");

    let refused = connect(&house, 1, &settings).await.expect_err("locked out");
    assert_eq!(tickets.taken.load(Ordering::Relaxed), 1, "it was resumed");
    let ConnectError::Closed(CloseReason::ByServer { code, reason, .. }) = refused else {
        panic!("{refused} is not the server's");
    };
    assert_eq!(code, CloseCode::NotPermitted);
    assert!(reason.contains("not admitted"), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_sent_away_is_told_when_to_come_back() {
    let house = House::open().with_people(3);
    let (client, driver) = connect(&house, 1, &settings(&house))
        .await
        .expect("welcome");
    let driver = tokio::spawn(driver.run());
    client
        .attach(Cursors::default(), true)
        .await
        .expect("online");
    let server = house.server;
    let stopped = tokio::task::spawn_blocking(move || server.stop(Duration::from_secs(5)));
    let reason = driver.await.expect("the driver ends");
    let asked = reason.retry_after().expect("a time to stay away");
    assert!((2..4).contains(&asked.as_secs()), "{asked:?}");
    stopped.await.expect("stopped");
}

const UNSHAKEN: &str = "nobody panics while holding it";

/// Address tokens as somebody else kept them: always the same one, or one of their own making.
struct Hoard(Mutex<Option<Bytes>>);

impl quinn::TokenStore for Hoard {
    fn insert(&self, _: &str, token: Bytes) {
        self.0.lock().expect(UNSHAKEN).get_or_insert(token);
    }

    fn take(&self, _: &str) -> Option<Bytes> {
        self.0.lock().expect(UNSHAKEN).clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_token_that_is_forged_or_used_again_makes_a_newcomer_and_no_error() {
    let house = House::open().with_people(3);
    let hoard = Arc::new(Hoard(Mutex::new(None)));
    let mut client = settings(&house)
        .quic(&Credentials::Token(String::new()))
        .expect("settings");
    client.token_store(hoard.clone());
    let endpoint = Endpoint::client(([127, 0, 0, 1], 0).into()).expect("a socket");
    let enter = async || {
        let connecting =
            endpoint.connect_with(client.clone(), house.server.local_addr(), "localhost");
        let connection = connecting.expect("an address").await.expect("a handshake");
        house.enter_on(connection, &token_of(1)).await
    };
    let first = enter().await;
    quic::until("a token", || hoard.0.lock().unwrap().is_some()).await;
    let _second = enter().await;
    quic::until("it is known", || returned(&house) == 1).await;
    let _third = enter().await;
    drop(first);
    *hoard.0.lock().unwrap() = Some(Bytes::from_static(&[7; 80]));
    let _forger = enter().await;
    quic::until("all are in", || house.server.stats()[0].handshakes == 4).await;
    assert_eq!(returned(&house), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_signs_in_from_outside_the_tenants_networks() {
    let house = House::open().with_people(3);
    allow_only(&house, &["10.0.0.0/8"]);
    let refused = connect(&house, 1, &settings(&house))
        .await
        .expect_err("outside");
    let ConnectError::Closed(CloseReason::ByServer { code, reason, .. }) = refused else {
        panic!("{refused} is not the server's");
    };
    assert_eq!(code, CloseCode::NotPermitted);
    assert!(reason.contains("not admitted"), "{reason}");
    allow_only(&house, &["10.0.0.0/8", "127.0.0.0/8"]);
    visit(&house, 1, &settings(&house)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_moves_to_another_address_is_asked_about_again_at_the_door() {
    let house = House::open();
    let group = house.with_a_group(3).await;
    allow_only(&house, &["127.0.0.1/32"]);
    let at = |address: [u8; 4]| UdpSocket::bind(SocketAddr::from((address, 0))).expect("a socket");
    let endpoint = Endpoint::client(([127, 0, 0, 1], 0).into()).expect("a socket");
    let connection = house.dial_from(&endpoint).await.expect("a handshake");
    let mut client = house.enter_on(connection, &token_of(1)).await;
    client.publish(group, "from the office").await;

    endpoint.rebind(at([127, 0, 0, 1])).expect("another port");
    client.publish(group, "from the office, another port").await;

    endpoint
        .rebind(at([127, 0, 0, 2]))
        .expect("another address");
    let text = quic::text_envelope(group, 99, "from the train");
    let frame = throng::wire::FrameKind::Publish;
    client.requests.send(frame, 99, text.bytes()).await;
    let (code, reason) = client.closed().await;
    assert_eq!(code, NOT_PERMITTED, "{reason}");
    assert!(reason.contains("not admitted"), "{reason}");
}
