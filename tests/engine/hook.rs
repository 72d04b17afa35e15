//! Outward calls over HTTP, against a server on this machine that says what a test tells it to.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used)] // A test's own helpers may panic.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::hmac;
use serde_json::{Value, json};
use throng::engine::{CallError, Callee};
use throng::hook::{Hook, HookError, HookOptions, SIGNATURE_HEADER};
use throng::model::OpenCall;
use throng::model::command::{ActivationV1, CallV1, CallVerdict, SendActivationsV1, VerifyJoinV1};
use throng::wire::{GroupId, JoinCodeId, PersonId, RecordNumber, TenantId, Timestamp};

const SECRET: &[u8] = b"0123456789abcdef";

/// A server for one request.
struct Backend {
    address: SocketAddr,
    heard: JoinHandle<String>,
}

impl Backend {
    fn says(answer: impl Into<String>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let answer = answer.into();
        let heard = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let heard = hear(&mut stream);
            // Whoever has heard enough may hang up.
            let _ = stream.write_all(answer.as_bytes());
            heard
        });
        Self { address, heard }
    }

    fn says_json(body: &str) -> Self {
        Self::says(response("200 OK", body))
    }

    fn hook(&self) -> Hook {
        hook(self.address, Duration::from_secs(10))
    }
}

fn response(status: &str, body: &str) -> String {
    let len = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {len}\r\nconnection: close\r\n\r\n{body}")
}

/// A whole request.
fn hear(stream: &mut TcpStream) -> String {
    let mut heard = Vec::new();
    let mut chunk = [0; 4_096];
    loop {
        let text = String::from_utf8_lossy(&heard);
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && body.len() >= content_length(head)
        {
            return text.into_owned();
        }
        let read = stream.read(&mut chunk).unwrap();
        assert!(read > 0, "half a request: {text}");
        heard.extend_from_slice(&chunk[..read]);
    }
}

fn content_length(head: &str) -> usize {
    let value = header(head, "content-length").expect("a length");
    value.parse().unwrap()
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
}

fn hook(address: SocketAddr, timeout: Duration) -> Hook {
    let options = HookOptions {
        url: format!("http://{address}/verify"),
        secret: SECRET.to_vec(),
        timeout,
        ca_pem: Vec::new(),
    };
    Hook::new(&options).unwrap()
}

fn call_of(what: CallV1) -> OpenCall {
    OpenCall {
        tenant: TenantId(7),
        call: RecordNumber(99),
        expires: Timestamp(0),
        what,
    }
}

fn verification() -> OpenCall {
    call_of(CallV1::VerifyJoin(VerifyJoinV1 {
        code: JoinCodeId(3),
        group: GroupId(5),
        person: PersonId(6),
        label: "春招".to_owned(),
        question: b"which child?".to_vec(),
    }))
}

#[test]
fn the_answer_is_what_the_backend_says() {
    for (body, verdict) in [
        (r#"{"verdict":"admitted"}"#, CallVerdict::Admitted),
        (r#" { "verdict" : "refused" } "#, CallVerdict::Refused),
    ] {
        let backend = Backend::says_json(body);
        assert_eq!(backend.hook().call(&verification()).unwrap(), verdict);
    }
}

#[test]
fn the_question_is_json_with_a_signature_over_its_time_and_bytes() {
    let backend = Backend::says_json(r#"{"verdict":"admitted"}"#);
    backend.hook().call(&verification()).unwrap();
    let heard = backend.heard.join().unwrap();
    let (head, body) = heard.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /verify HTTP/1.1\r\n"), "{head}");
    assert_eq!(header(head, "content-type"), Some("application/json"));
    let expected = json!({
        "event": "7-99", "tenant": 7, "call": 99, "kind": "verify-join",
        "group": 5, "person": 6, "label": "春招", "question": "d2hpY2ggY2hpbGQ/",
    });
    assert_eq!(serde_json::from_str::<Value>(body).unwrap(), expected);

    let signature = header(head, SIGNATURE_HEADER).unwrap();
    let (seconds, tag) = signature.split_once(",v1=").unwrap();
    let seconds = seconds.strip_prefix("t=").unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let signed = hmac::sign(&key, format!("{seconds}.{body}").as_bytes());
    let hex: String = signed
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(tag, hex);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    assert!(
        now.abs_diff(seconds.parse().unwrap()) < 60,
        "a signature of now"
    );
}

#[test]
fn activation_codes_go_out_the_same_way() {
    let backend = Backend::says_json(r#"{"verdict":"admitted"}"#);
    let activation = ActivationV1 {
        person: PersonId(6),
        code: "123456".to_owned(),
    };
    let codes = vec![activation];
    let call = call_of(CallV1::SendActivations(SendActivationsV1 { codes }));
    backend.hook().call(&call).unwrap();
    let heard = backend.heard.join().unwrap();
    let (_, body) = heard.split_once("\r\n\r\n").unwrap();
    let expected = json!({
        "event": "7-99", "tenant": 7, "call": 99, "kind": "send-activations",
        "codes": [{"person": 6, "code": "123456"}],
    });
    assert_eq!(serde_json::from_str::<Value>(body).unwrap(), expected);
}

#[test]
fn what_is_no_answer_is_garbage() {
    let long = format!(r#"{{"verdict":"admitted"{}}}"#, " ".repeat(5_000));
    for body in [
        "",
        "admitted",
        "{}",
        r#"{"verdict":"maybe"}"#,
        r#"{"verdict":"admitted","and":"more"}"#,
        r#"{"verdict":"admitted"}{"verdict":"refused"}"#,
        long.as_str(),
    ] {
        let backend = Backend::says_json(body);
        let answer = backend.hook().call(&verification());
        assert!(
            matches!(answer, Err(CallError::Garbage { .. })),
            "{body:.40}: {answer:?}"
        );
    }
}

#[test]
fn only_status_200_is_an_answer_and_no_redirect_is_followed() {
    let body = r#"{"verdict":"admitted"}"#;
    let elsewhere = "302 Found\r\nlocation: http://127.0.0.1:1/";
    for (status, code) in [
        ("500 Oops", 500),
        ("404 Not Found", 404),
        ("202 Accepted", 202),
        (elsewhere, 302),
    ] {
        let backend = Backend::says(response(status, body));
        let answer = backend.hook().call(&verification());
        assert!(
            matches!(answer, Err(CallError::Status { status }) if status == code),
            "{status}: {answer:?}"
        );
    }
}

#[test]
fn a_backend_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let hook = hook(listener.local_addr().unwrap(), Duration::from_millis(100));
    let answer = hook.call(&verification());
    assert!(matches!(answer, Err(CallError::TimedOut)), "{answer:?}");
}

#[test]
fn a_backend_that_is_not_there_or_talks_no_http_is_unreachable() {
    let nobody = TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap();
    let answer = hook(nobody, Duration::from_secs(10)).call(&verification());
    assert!(
        matches!(answer, Err(CallError::Unreachable(_))),
        "{answer:?}"
    );
    let backend = Backend::says("220 smtp ready\r\n\r\n");
    let answer = backend.hook().call(&verification());
    assert!(
        matches!(answer, Err(CallError::Unreachable(_))),
        "{answer:?}"
    );
}

#[test]
fn an_address_that_is_read_on_the_way_is_refused() {
    let made = |url: &str| {
        Hook::new(&HookOptions {
            url: url.to_owned(),
            secret: SECRET.to_vec(),
            timeout: Duration::from_secs(1),
            ca_pem: Vec::new(),
        })
    };
    for url in [
        "http://hook.example.com/",
        "http://10.0.0.1/",
        "http://127.0.0.1.example.com/",
        "ftp://127.0.0.1/",
        "hook.example.com",
        "/verify",
    ] {
        assert!(matches!(made(url), Err(HookError::Url { .. })), "{url}");
    }
    for url in [
        "http://127.0.0.1:8080/",
        "http://localhost/",
        "http://[::1]:8080/",
    ] {
        assert!(made(url).is_ok(), "{url}");
    }
    let unvouched = made("https://hook.example.com/");
    assert!(matches!(unvouched, Err(HookError::NoCertificate)));
}

#[test]
fn a_secret_that_could_be_guessed_is_refused() {
    let options = HookOptions {
        url: "http://127.0.0.1/".to_owned(),
        secret: SECRET[1..].to_vec(),
        timeout: Duration::from_secs(1),
        ca_pem: Vec::new(),
    };
    let refused = Hook::new(&options);
    assert!(matches!(refused, Err(HookError::Secret { have: 15 })));
    let hook = Hook::new(&HookOptions {
        secret: SECRET.to_vec(),
        ..options
    });
    let shown = format!("{:?}", hook.unwrap());
    assert!(!shown.contains("0123"), "a secret is not for logs: {shown}");
}
