//! What others say of a served log: timestamps by `openssl ts`, cosignatures of a witness over HTTP, and what
//! auditors find with the commands, with OpenSSL and with the auditor in Go.

#![allow(clippy::unwrap_used)] // Also in what the tests share.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::authority::OpenSsl;
use crate::command::{self, Serving, bootstrapped, place, run, run_well, serve, text};
use crate::tlog_interop::{Auditor, append};
use crate::witness::TestWitness;
use throng::archive::tlog::SigningKey;

/// A witness behind HTTP, for as long as the test runs.
fn listening(witness: Arc<TestWitness>) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // A server that is being stopped may hang up.
            let _ = stream.and_then(|mut stream| answer(&witness, &mut stream));
        }
    });
    address
}

fn answer(witness: &TestWitness, stream: &mut TcpStream) -> std::io::Result<()> {
    let (mut heard, mut chunk) = (Vec::new(), [0; 4_096]);
    let body = loop {
        let read = stream.read(&mut chunk)?;
        heard.extend_from_slice(&chunk[..read]);
        let said = String::from_utf8_lossy(&heard).into_owned();
        if let Some((head, body)) = said.split_once("\r\n\r\n") {
            assert!(
                head.starts_with("POST /w1/add-checkpoint HTTP/1.1\r\n"),
                "{head}"
            );
            let head = head.to_lowercase();
            let len = head.split("content-length: ").nth(1).unwrap();
            let len: usize = len.lines().next().unwrap().trim().parse().unwrap();
            if body.len() == len {
                break body.to_owned();
            }
        }
        if read == 0 {
            return Ok(());
        }
    };
    let (status, body) = witness.answer(&body);
    let len = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} X\r\ncontent-length: {len}\r\nconnection: close\r\n\r\n{body}"
    )
}

fn log_key(data: &Path) -> SigningKey {
    SigningKey::parse(&fs::read_to_string(data.join("keys/tlog.key")).unwrap()).unwrap()
}

#[test]
fn auditors_check_timestamps_and_cosignatures_of_a_served_log_with_tools_from_elsewhere() {
    let place = place();
    let data = place.path().join("data");
    bootstrapped(&data);
    append(&data, 300);
    let authority = OpenSsl::new();
    let log = log_key(&data).verifying_key();
    let witness = Arc::new(TestWitness::new("witness.example/w1", 9, log.clone()));
    let other = TestWitness::new("witness.example/w2", 8, log).vkey();
    let vkey = witness.vkey();
    let listed = format!("{vkey} http://{}/w1/", listening(Arc::clone(&witness)));
    let command = authority.honest();
    let more = [
        ["--tlog-timestamp-command", &command],
        ["--tlog-timestamp-every", "1 s"],
        ["--tlog-witnesses", &listed],
        ["--tlog-witness-every", "100 ms"],
    ];
    let serving = Serving::start(&mut serve(&data, more.as_flattened()));
    let deadline = Instant::now() + Duration::from_secs(60);
    let metrics = loop {
        let metrics = serving.get("/metrics").1;
        let all = ["throng_timestamped_records", "throng_cosigned_records"];
        if all
            .iter()
            .all(|name| metrics.contains(&format!("\n{name} 302\n")))
        {
            break metrics;
        }
        assert!(Instant::now() < deadline, "{metrics}");
        std::thread::sleep(Duration::from_millis(20));
    };
    for never in [
        "throng_timestamp_failures_total",
        "throng_cosignature_failures_total",
    ] {
        assert!(metrics.contains(&format!("\n{never} 0\n")), "{metrics}");
    }
    let listed = serving.get("/timestamps").1;
    let last = listed.lines().last().unwrap();
    assert!(
        last.starts_with("timestamps/") && last.ends_with("/302"),
        "{listed}"
    );
    let covered = serving.get(&format!("/{last}.checkpoint")).1;
    assert_eq!(covered.lines().nth(1), Some("302"), "{covered}");
    let cosigned = serving.get("/cosigned").1;
    assert!(
        cosigned.contains("\n\u{2014} witness.example/w1 "),
        "{cosigned}"
    );
    let origin = covered.lines().next().unwrap();
    let key = log_key(&data).verifying_key().named(origin).unwrap();
    let auditor = Auditor::new(&key.to_string());
    let address = format!("http://{}", serving.http);
    let said = auditor.agrees(&address, &["-witness", &vkey]);
    assert!(
        said.contains(", 302 cosigned by witness.example/w1 at 2023-03-20T12:25:47Z"),
        "{said}"
    );
    assert!(serving.stop().0.success());

    let published = data.join("tlog");
    let objected = auditor.objects(&published, &["-witness", &other]);
    assert!(
        objected.contains("not cosigned by witness.example/w2"),
        "{objected}"
    );
    let [reply, checkpoint] =
        ["tsr", "checkpoint"].map(|it| published.join(format!("{last}.{it}")));
    assert!(authority.verifies(&checkpoint, &reply));
    let verify = ["archive", "verify", text(&data)];
    let said = run_well(&[&verify[..], &["--witness", &vkey]].concat());
    assert!(
        said.contains(" timestamps cover checkpoints of this log, the last one 302 records at "),
        "{said}"
    );
    assert!(
        said.contains("witness witness.example/w1 has cosigned 302 records at 2023-03-20T12:25:47"),
        "{said}"
    );
    let both = [
        &verify[..],
        &["--json", "--witness", &vkey, "--witness", &other],
    ]
    .concat();
    let missing = run(&both);
    assert_eq!(missing.status.code(), Some(command::DAMAGED));
    let said: serde_json::Value = serde_json::from_slice(&missing.stdout).unwrap();
    let said = &said["tlog"];
    assert_eq!(
        (&said["cosigned"], &said["verified"]),
        (&302.into(), &false.into())
    );
    assert_eq!(said["witnesses"][0]["time_s"], 1_679_315_147);
    assert!(said["witnesses"][1]["why_not"].is_string(), "{said}");
    run_well(&[&both[..], &["--witness-quorum", "1"]].concat());

    // A timestamp that is moved to another checkpoint is named.
    fs::write(&checkpoint, covered.replacen("302", "301", 1)).unwrap();
    let found = run(&verify);
    assert_eq!(found.status.code(), Some(command::DAMAGED));
    let said = String::from_utf8(found.stdout).unwrap();
    assert!(
        said.contains("/302.tsr: the timestamp is of something else"),
        "{said}"
    );
}

#[test]
fn a_witness_or_an_authority_that_cannot_be_asked_is_one_clear_line_at_the_start() {
    let place = place();
    let data = place.path().join("data");
    bootstrapped(&data);
    let key = TestWitness::new("witness.example/w1", 9, log_key(&data).verifying_key()).vkey();
    let twice = format!("{key} http://127.0.0.1:1/, {key} http://127.0.0.1:2/");
    let afar = format!("{key} http://witness.example/");
    for (flag, value, expected) in [
        (
            "--tlog-witnesses",
            "garbage",
            "not a key, a space and a prefix",
        ),
        (
            "--tlog-witnesses",
            "a+b+c http://127.0.0.1:1/",
            "no witness's key",
        ),
        ("--tlog-witnesses", &twice, "witness.example/w1 twice"),
        ("--tlog-witnesses", &afar, "is not https"),
        ("--tlog-timestamp-command", " ", "the command is empty"),
    ] {
        let line = command::complaint(&mut serve(&data, &[flag, value]));
        assert!(line.contains(expected) && line.contains("[tlog]"), "{line}");
    }
}
