//! What keeps a server from starting is one line that says what to do, and exit code 2.

#![allow(clippy::unwrap_used)] // Also in what the tests share.

use crate::command;
use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;

use crate::command::{Serving, bootstrapped, complaint, place, run, run_well, serve, text, throng};

#[test]
fn a_second_process_on_the_same_data_directory_is_told_so_and_changes_nothing() {
    let place = place();
    bootstrapped(place.path());
    let first = Serving::start(&mut serve(place.path(), &[]));
    let line = complaint(&mut serve(place.path(), &[]));
    assert!(line.contains("already in use by another process"), "{line}");
    assert!(line.contains(text(place.path())), "{line}");
    let verify = ["archive", "verify", text(place.path())];
    let line = complaint(&mut throng(&verify));
    assert!(line.contains("already in use by another process"), "{line}");
    assert_eq!(first.get("/readyz").0, 200, "the first one goes on");
    assert!(first.stop().0.success());
    run_well(&verify);
}

#[test]
fn an_unknown_config_key_is_named_with_its_line() {
    let place = place();
    let file = place.path().join("throng.toml");
    fs::write(&file, "[server]\n\nshard = 2\n").unwrap();
    let line = complaint(&mut serve(place.path(), &["--config", text(&file)]));
    let expected = format!("{} line 3: unknown field `shard`", text(&file));
    assert!(line.starts_with(&expected), "{line}");
    assert!(line.contains("throng config print"), "{line}");
}

#[test]
fn a_value_out_of_range_is_named_with_its_range() {
    let place = place();
    let line = complaint(&mut serve(place.path(), &["--shards", "65"]));
    assert_eq!(line, "server.shards is 65; set it to 0 to 64");
    let mut command = serve(place.path(), &[]);
    command.env("THRONG_SHARD_RING_BYTES", "12");
    let line = complaint(&mut command);
    assert!(
        line.starts_with("THRONG_SHARD_RING_BYTES is `12`: "),
        "{line}"
    );
}

#[test]
fn a_hook_that_cannot_be_asked_safely_is_named() {
    let place = place();
    bootstrapped(place.path());
    let told = |url: &str| complaint(&mut serve(place.path(), &["--hook-url", url]));
    let line = told("http://127.0.0.1:1/");
    assert!(line.starts_with("cannot read the hook's secret "), "{line}");
    assert!(line.contains("[hook]"), "{line}");
    let secret = place.path().join("keys/hook.secret");
    fs::write(&secret, "  short \n").unwrap();
    let line = told("http://127.0.0.1:1/");
    assert!(line.contains("at least 16 bytes, 5 are there"), "{line}");
    fs::write(&secret, "0123456789abcdef\n").unwrap();
    let line = told("http://hook.example.com/");
    assert!(line.contains("is not https"), "{line}");
}

#[test]
fn an_unreadable_certificate_is_named() {
    let place = place();
    bootstrapped(place.path());
    let absent = "/nowhere/server.pem";
    let line = complaint(&mut serve(
        place.path(),
        &["--tls-certificate-file", absent],
    ));
    assert!(
        line.starts_with("cannot read /nowhere/server.pem: "),
        "{line}"
    );

    let certificate = place.path().join("tls/server.pem");
    fs::write(&certificate, "not a certificate").unwrap();
    let line = complaint(&mut serve(place.path(), &[]));
    let expected = format!("{} has no certificate in PEM", text(&certificate));
    assert!(line.starts_with(&expected), "{line}");
    assert!(line.contains("[tls]"), "{line}");

    fs::remove_file(&certificate).unwrap();
    let line = complaint(&mut serve(place.path(), &[]));
    assert!(
        line.starts_with("cannot read "),
        "a gap is not filled: {line}"
    );
}

#[test]
fn unreadable_token_keys_are_named() {
    let place = place();
    bootstrapped(place.path());
    let key = place.path().join("keys/token.pub.pem");
    fs::copy(place.path().join("keys/token.key.pem"), &key).unwrap();
    let line = complaint(&mut serve(place.path(), &[]));
    assert!(
        line.starts_with(&format!("{}: expected", text(&key))),
        "{line}"
    );
}

#[test]
fn a_port_in_use_is_named_with_its_protocol() {
    let place = place();
    bootstrapped(place.path());
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = udp.local_addr().unwrap();
    let line = complaint(&mut serve(
        place.path(),
        &["--listen", &address.to_string()],
    ));
    let expected = format!("UDP port {} of 127.0.0.1 is in use", address.port());
    assert!(line.starts_with(&expected), "{line}");

    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap();
    let line = complaint(&mut serve(place.path(), &["--http", &address.to_string()]));
    let expected = format!("cannot listen on TCP {address} for HTTP: ");
    assert!(line.starts_with(&expected), "{line}");
    assert!(line.contains("--http"), "{line}");
}

#[test]
fn two_servers_of_one_user_never_share_a_port() {
    let (one, other) = (place(), place());
    let first = Serving::start(&mut serve(one.path(), &["--shards", "2"]));
    let address = first.quic.to_string();
    let line = complaint(&mut serve(
        other.path(),
        &["--shards", "2", "--listen", &address],
    ));
    assert!(line.contains("in use"), "{line}");
}

#[test]
fn an_http_port_for_everybody_is_refused_unless_allowed() {
    let place = place();
    let line = complaint(&mut serve(place.path(), &["--http", "0.0.0.0:0"]));
    assert!(line.contains("http.allow_remote"), "{line}");
    let allowed = ["--http", "0.0.0.0:0", "--http-allow-remote"];
    assert!(
        Serving::start(&mut serve(place.path(), &allowed))
            .stop()
            .0
            .success()
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_system_in_memory_is_refused_unless_allowed() {
    let place = tempfile::tempdir_in("/dev/shm").unwrap();
    let line = complaint(&mut serve(place.path(), &[]));
    assert!(
        line.contains("tmpfs") && line.contains("--allow-tmpfs"),
        "{line}"
    );
    assert!(!place.path().join("tls").exists(), "nothing was made there");
    let allowed = Serving::start(&mut serve(place.path(), &["--allow-tmpfs"]));
    assert!(allowed.stop().0.success());
}

#[test]
fn a_data_directory_that_cannot_be_made_is_named() {
    let place = place();
    let file = place.path().join("file");
    fs::write(&file, "").unwrap();
    let line = complaint(&mut serve(&file.join("data"), &[]));
    assert!(line.starts_with("cannot make the data directory"), "{line}");
}

#[test]
fn damage_to_what_was_durable_keeps_the_server_from_starting_and_repair_is_the_way_out() {
    let place = place();
    bootstrapped(place.path());
    let verify = ["archive", "verify", text(place.path()), "--json"];
    let report: serde_json::Value = serde_json::from_str(&run_well(&verify)).unwrap();
    assert_eq!(report["records"], 2);
    assert_eq!(report["verified"], true);

    let segment = fs::read_dir(place.path().join("log"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|it| it == "segment"))
        .unwrap();
    flip_a_bit(&segment, 300);

    let damaged = run(&verify);
    assert_eq!(damaged.status.code(), Some(command::DAMAGED));
    let report: serde_json::Value = serde_json::from_slice(&damaged.stdout).unwrap();
    assert_eq!(report["verified"], false);
    assert_eq!(report["damage"][0]["record"], 0);

    let line = complaint(&mut serve(place.path(), &[]));
    assert!(
        line.contains("record 0") && line.contains("--accept-loss"),
        "{line}"
    );

    let repair = ["archive", "repair", text(place.path())];
    let hesitant = run(&repair);
    assert_eq!(hesitant.status.code(), Some(command::DAMAGED));
    assert!(String::from_utf8_lossy(&hesitant.stderr).contains("--accept-loss"));
    assert_eq!(
        run(&verify).status.code(),
        Some(command::DAMAGED),
        "nothing was changed"
    );

    let done = run_well(&[&repair[..], &["--accept-loss"]].concat());
    assert!(done.contains("ends before record 0"), "{done}");
    run_well(&verify);
    assert!(
        Serving::start(&mut serve(place.path(), &[]))
            .stop()
            .0
            .success()
    );
}

fn flip_a_bit(path: &Path, offset: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[offset] ^= 1;
    fs::write(path, bytes).unwrap();
}
