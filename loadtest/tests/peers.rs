//! `throng-loadtest peers` end to end, small: every peer that is installed gets everything to all its
//! subscribers, once and in order, through the real server.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const CONNECTIONS: u64 = 20;
/// What there is on machines with all peers.
const ALL: [&str; 7] = [
    "nats",
    "nats-tls",
    "redis",
    "mosquitto",
    "mosquitto-tls",
    "quinn",
    "floor",
];

fn peers(arguments: &[&str]) -> Output {
    let connections = CONNECTIONS.to_string();
    Command::new(env!("CARGO_BIN_EXE_throng-loadtest"))
        .args(["peers", "--seconds", "1", "--rounds", "1"])
        .args(["--connections", &connections, "--json", "-"])
        .args(arguments)
        .output()
        .expect("the program of this package runs")
}

fn json(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// Runs all peers under `shape` and checks that each took part exactly or was skipped.
fn everybody_gets_everything(shape: &str, messages: u64) {
    let output = peers(&["--shape", shape, "--peers", &ALL.join(",")]);
    let report = json(&output);
    let said = String::from_utf8_lossy(&output.stderr);
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let skipped = list(&report["skipped"]);
    for skipped in &skipped {
        println!("skipped: {} ({})", skipped["system"], skipped["reason"]);
    }
    let took_part = list(&report["shapes"][0]["peers"]);
    assert_eq!(took_part.len() + skipped.len(), ALL.len());
    for peer in took_part {
        let system = &peer["system"];
        assert_eq!(peer["failures"], serde_json::json!([]), "{system}: {said}");
        let median = &peer["median"];
        let expected = CONNECTIONS * messages;
        assert_eq!(median["deliveries"], expected, "{system}: {said}");
        for wrong in ["lost", "duplicated", "reordered", "corrupted"] {
            assert_eq!(median[wrong], 0, "{system}: {wrong}");
        }
        assert_ne!(peer["version"], "unknown", "{system}");
        assert!(median["server_cpu_us_per_delivery"].is_f64(), "{system}");
    }
    assert!(output.status.success(), "{said}");
}

#[test]
fn a_lone_message_reaches_everybody_through_every_installed_peer() {
    everybody_gets_everything("lone", 20);
}

#[test]
fn a_burst_reaches_everybody_through_every_installed_peer() {
    everybody_gets_everything("burst", 100);
}

#[test]
fn a_peer_that_is_not_installed_is_skipped_with_a_word_on_how_to_install_it() {
    let output = Command::new(env!("CARGO_BIN_EXE_throng-loadtest"))
        .args(["peers", "--shape", "lone", "--seconds", "0.1", "--rounds"])
        .args(["1", "--connections", "20", "--json", "-"])
        .args(["--peers", "nats,floor"])
        .env("PATH", "/nowhere")
        .output()
        .unwrap();
    let report = json(&output);
    if Path::new("/usr/sbin/nats-server").exists() {
        println!("skipped: a nats-server outside PATH is found, too");
        return;
    }
    let skipped = report["skipped"][0].clone();
    assert_eq!(skipped["system"], "nats");
    assert!(skipped["reason"].as_str().unwrap().contains("pip install"));
    assert_eq!(report["shapes"][0]["peers"][0]["system"], "floor");
    assert!(output.status.success());
}

#[test]
fn a_server_that_cannot_be_started_fails_the_run_and_not_the_other_peers() {
    let output = peers(&[
        "--shape",
        "lone",
        "--peers",
        "redis,floor",
        "--redis-server",
        "/bin/false",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let peers = json(&output)["shapes"][0]["peers"].clone();
    assert!(peers[0]["failures"][0].as_str().unwrap().contains("redis"));
    assert_eq!(peers[1]["median"]["lost"], 0);
}

#[test]
fn the_picture_is_drawn_where_it_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let svg = dir.path().join("peers.svg");
    let at = svg.to_str().unwrap();
    let output = peers(&["--shape", "lone", "--peers", "floor", "--svg", at]);
    assert!(output.status.success());
    let drawn = std::fs::read_to_string(&svg).unwrap();
    assert!(drawn.starts_with("<svg ") && drawn.ends_with("</svg>\n"));
}

#[test]
fn a_lone_message_comes_as_often_as_is_asked_for_and_the_load_is_said() {
    let output = peers(&["--shape", "lone", "--peers", "floor", "--rate", "5"]);
    let median = json(&output)["shapes"][0]["peers"][0]["median"].clone();
    assert_eq!(median["deliveries"], CONNECTIONS * 5);
    let load = median["load"].as_f64().unwrap();
    assert!((0.0..1.0).contains(&load), "{load}");

    let output = peers(&["--shape", "lone", "--peers", "floor", "--rate", "0"]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("--rate is 0; it must be above 0"), "{said}");
}
