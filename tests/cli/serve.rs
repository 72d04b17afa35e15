//! A running `throng serve`: ready, looked at, connected to, reloaded, stopped.

#![allow(clippy::unwrap_used)] // Also in what the tests share.

use crate::command;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::command::{Serving, bootstrapped, place, run, run_well, serve, text};
use nix::sys::signal::Signal;
use quinn::crypto::rustls::QuicClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use throng::client::{Client, ConnectError, Credentials, Settings};
use throng::model::command::{PersonV1, Reply, TaggedCommand};
use throng::quic::tls::development::make_tls_directory;
use throng::wire::{ALPN, FrameKind, Hello, PersonId, Role, TenantId, Timestamp, encode_frame};

fn roots(ca: &Path) -> rustls::RootCertStore {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(ca).unwrap())
        .unwrap();
    roots
}

/// A connection that was welcomed; its driver runs on the test's runtime.
pub(crate) async fn connect(
    serving: &Serving,
    ca: &Path,
    credentials: &Credentials,
) -> Result<Client, ConnectError> {
    let settings = Settings::new(roots(ca));
    let (client, driver) =
        Client::connect(serving.quic, "localhost", credentials, &settings).await?;
    tokio::spawn(driver.run());
    Ok(client)
}

pub(crate) fn token(data: &Path, more: &[&str]) -> Credentials {
    let whom = [
        "token",
        "--data",
        text(data),
        "--tenant",
        "1",
        "--device",
        "1",
    ];
    let printed = run_well(&[&whom[..], more].concat());
    Credentials::Token(printed.trim_end().to_owned())
}

fn certificate(certificate: &str, key: &str, tenant: u32) -> Credentials {
    Credentials::Certificate {
        chain: vec![CertificateDer::from_pem_file(certificate).unwrap()],
        key: PrivateKeyDer::from_pem_file(key).unwrap(),
        tenant: TenantId(tenant),
    }
}

#[test]
fn a_server_says_that_it_is_ready_in_one_line_and_stops_with_exit_code_0() {
    let place = place();
    bootstrapped(place.path());
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let serving = Serving::start(&mut serve(place.path(), &[]));
        let (quic, http, pid) = (serving.quic, serving.http, serving.pid());
        assert_eq!(
            serving.ready,
            format!("ready quic={quic} http={http} pid={pid}\n")
        );
        serving.signal(signal);
        let (status, rest) = serving.end();
        assert_eq!(status.code(), Some(command::DONE), "{signal}");
        assert_eq!(rest, "", "nothing but the ready line");
    }
}

#[test]
fn a_first_start_makes_what_is_missing_and_later_ones_keep_it() {
    let place = place();
    let data = place.path().join("new");
    assert!(Serving::start(&mut serve(&data, &[])).stop().0.success());
    let read = |name: &str| std::fs::read(data.join(name)).unwrap();
    let names = [
        "tls/ca.pem",
        "tls/server.key",
        "tls/operator.pem",
        "keys/token.key.pem",
    ];
    let made = names.map(read);
    assert!(Serving::start(&mut serve(&data, &[])).stop().0.success());
    assert_eq!(names.map(read), made);
    assert!(data.join("log").is_dir());
}

#[test]
fn health_readiness_and_metrics_are_served() {
    let place = place();
    bootstrapped(place.path());
    let serving = Serving::start(&mut serve(place.path(), &[]));
    assert_eq!(
        serving.get("/healthz"),
        (200, "{\"alive\":true}\n".to_owned())
    );
    let (status, body) = serving.get("/readyz");
    let ready: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &ready["ready"]), (200, &true.into()));
    let (status, metrics) = serving.get("/metrics");
    assert_eq!(status, 200);
    assert!(
        metrics.contains("\nthrong_log_durable_record 2\n"),
        "{metrics}"
    );
    assert!(metrics.contains("\nthrong_ready 1\n"), "{metrics}");
}

#[tokio::test]
async fn a_bootstrapped_admin_connects_with_a_token_and_the_operator_with_a_certificate() {
    let place = place();
    let made = bootstrapped(place.path());
    let path = |key: &str| made[key].as_str().unwrap().to_owned();
    assert_eq!((&made["tenant"], &made["person"]), (&1.into(), &1.into()));
    let serving = Serving::start(&mut serve(place.path(), &[]));
    let ca = path("ca");
    let ca = Path::new(&ca);

    let admin = token(place.path(), &["--person", "1"]);
    let admin = connect(&serving, ca, &admin).await.unwrap();
    assert_eq!(admin.welcome().role, Role::Person);
    assert_eq!(admin.welcome().tenant, TenantId(1));
    assert_eq!(admin.welcome().person, PersonId(1));

    let operator = certificate(&path("operator_cert"), &path("operator_key"), 1);
    let operator = connect(&serving, ca, &operator).await.unwrap();
    assert_eq!(operator.welcome().role, Role::Operator);
    let person = PersonId(1);
    let asked = TaggedCommand::GetQuotas(PersonV1 { person });
    let reply = operator.command(asked).await.unwrap();
    assert!(matches!(reply, Reply::Quotas(_)), "{reply:?}");
}

#[tokio::test]
async fn a_certificate_issued_for_a_gateway_connects_as_that_tenants_gateway() {
    let place = place();
    bootstrapped(place.path());
    let out = place.path().join("gateway");
    let data = text(place.path());
    let issue = [
        "certificate",
        "--data",
        data,
        "--tenant",
        "1",
        "--role",
        "gateway",
        "--out",
        text(&out),
    ];
    let printed = run_well(&issue);
    let [pem, key] = printed.lines().collect::<Vec<_>>()[..] else {
        panic!("two files: {printed}");
    };
    let again = run(&issue);
    assert_eq!(
        again.status.code(),
        Some(command::CANNOT_RUN),
        "never written over"
    );

    let serving = Serving::start(&mut serve(place.path(), &[]));
    let ca = place.path().join("tls/ca.pem");
    let gateway = connect(&serving, &ca, &certificate(pem, key, 0))
        .await
        .unwrap();
    assert_eq!(gateway.welcome().role, Role::Gateway);
    assert_eq!(gateway.welcome().tenant, TenantId(1));
}

#[tokio::test]
async fn a_token_that_lives_longer_than_configured_is_refused() {
    let place = place();
    bootstrapped(place.path());
    let serving = Serving::start(&mut serve(
        place.path(),
        &["--auth-token-lifetime-max", "2 min"],
    ));
    let ca = place.path().join("tls/ca.pem");
    let short = token(place.path(), &["--person", "1", "--ttl", "1 min"]);
    assert!(connect(&serving, &ca, &short).await.is_ok());
    let long = token(place.path(), &["--person", "1", "--ttl", "1 h"]);
    assert!(connect(&serving, &ca, &long).await.is_err());
}

#[tokio::test]
async fn certificates_are_read_again_on_sighup_and_bad_ones_are_not_taken() {
    let place = place();
    bootstrapped(place.path());
    let serving = Serving::start(&mut serve(place.path(), &["--logging-level", "off"]));
    let old = place.path().join("tls/ca.pem");
    let admin = token(place.path(), &["--person", "1"]);
    let standing = connect(&serving, &old, &admin).await.unwrap();

    let since_epoch = std::time::UNIX_EPOCH.elapsed().unwrap();
    let now = Timestamp(since_epoch.as_micros().try_into().unwrap());
    let new = make_tls_directory(&place.path().join("new"), now).unwrap();
    let (certificate, key) = (
        place.path().join("tls/server.pem"),
        place.path().join("tls/server.key"),
    );
    std::fs::copy(&new.server.certificate, &certificate).unwrap();
    // Half of the change: certificate and key do not go together, so the old ones stay.
    serving.signal(Signal::SIGHUP);
    assert!(connect(&serving, &old, &admin).await.is_ok());

    std::fs::copy(&new.server.key, &key).unwrap();
    serving.signal(Signal::SIGHUP);
    let deadline = Instant::now() + Duration::from_secs(20);
    while connect(&serving, &new.ca, &admin).await.is_err() {
        assert!(
            Instant::now() < deadline,
            "the new certificate is not shown"
        );
    }
    assert!(connect(&serving, &old, &admin).await.is_err());
    let person = PersonId(1);
    let asked = TaggedCommand::GetQuotas(PersonV1 { person });
    assert!(
        standing.command(asked).await.is_ok(),
        "what stands is untouched"
    );
}

/// Streams that are dropped are reset.
struct Silent {
    _connection: quinn::Connection,
    _streams: (quinn::SendStream, quinn::RecvStream),
}

/// Someone who says hello and has no room for so much as the welcome: while answers wait for a
/// client, a stop goes on for as long as it is allowed to.
async fn someone_who_takes_nothing(
    serving: &Serving,
    ca: &Path,
    credentials: &Credentials,
) -> Silent {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots(ca))
        .with_no_client_auth();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let mut config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    let mut transport = quinn::TransportConfig::default();
    transport.stream_receive_window(16_u32.into());
    config.transport_config(Arc::new(transport));
    let endpoint = quinn::Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let connecting = endpoint.connect_with(config, serving.quic, "localhost");
    let connection = connecting.unwrap().await.unwrap();
    let Credentials::Token(token) = credentials else {
        panic!("a person comes with a token");
    };
    let (mut requests, answers) = connection.open_bi().await.unwrap();
    let mut hello = Vec::new();
    let tenant = TenantId(0);
    let payload = Hello { token, tenant }.encode();
    encode_frame(FrameKind::Hello, 1, &payload, &mut hello);
    requests.write_all(&hello).await.unwrap();
    Silent {
        _connection: connection,
        _streams: (requests, answers),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_stopping_server_is_not_ready_and_a_second_signal_ends_it_at_once() {
    let place = place();
    bootstrapped(place.path());
    let patient = ["--server-drain", "10 min", "--shards", "1"];
    let serving = Serving::start(&mut serve(place.path(), &patient));
    let ca = place.path().join("tls/ca.pem");
    let admin = token(place.path(), &["--person", "1"]);
    let _silent = someone_who_takes_nothing(&serving, &ca, &admin).await;
    let wait_for = |path: &str, sign: &str| {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let (status, body) = serving.get(path);
            if body.contains(sign) {
                return status;
            }
            assert!(Instant::now() < deadline, "no {sign} in {body}");
        }
    };
    wait_for(
        "/metrics",
        "throng_connections_authenticated{shard=\"0\"} 1",
    );

    serving.signal(Signal::SIGTERM);
    let draining = r#"{"ready":false,"log":true,"shards":true,"draining":true}"#;
    assert_eq!(wait_for("/readyz", draining), 503);
    assert_eq!(serving.get("/healthz").0, 200);
    let asked = Instant::now();
    let (status, _) = serving.stop();
    assert!(status.success());
    assert!(asked.elapsed() < Duration::from_secs(60), "it did not wait");
    run_well(&["archive", "verify", text(place.path())]);
}

#[test]
fn what_was_bootstrapped_is_a_sound_archive_that_can_be_shown() {
    let place = place();
    bootstrapped(place.path());
    let data = text(place.path());
    let verified = run_well(&["archive", "verify", data]);
    assert!(
        verified.starts_with("sound: 2 records in 1 segments"),
        "{verified}"
    );
    let shown: serde_json::Value =
        serde_json::from_str(&run_well(&["archive", "inspect", data, "0"])).unwrap();
    assert_eq!(shown["record"], 0);
    let event = shown["events"][0].as_str().unwrap();
    assert!(
        event.contains("TenantCreated") && event.contains("Example"),
        "{event}"
    );
    let beyond = run(&["archive", "inspect", data, "2"]);
    assert_eq!(beyond.status.code(), Some(command::CANNOT_RUN));
}

#[test]
fn a_second_bootstrap_is_refused_and_a_token_needs_a_first() {
    let place = place();
    bootstrapped(place.path());
    let again = run(&["bootstrap", "--data", text(place.path())]);
    assert_eq!(again.status.code(), Some(command::CANNOT_RUN));
    assert!(String::from_utf8_lossy(&again.stderr).contains("2 records already"));

    let nowhere = place.path().join("nowhere");
    let token = [
        "token",
        "--data",
        text(&nowhere),
        "--tenant",
        "1",
        "--person",
        "1",
        "--device",
        "1",
    ];
    let refused = run(&token);
    assert_eq!(refused.status.code(), Some(command::CANNOT_RUN));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("throng bootstrap --data"));
}

#[test]
fn a_bootstrap_that_is_refused_leaves_nothing_behind() {
    let place = place();
    let data = place.path().join("data");
    let refused = run(&["bootstrap", "--data", text(&data), "--zone", "Mars/Phobos"]);
    assert_eq!(refused.status.code(), Some(command::CANNOT_RUN));
    assert!(!data.exists());
}
