//! What the server does with bytes that are not the protocol, clients that do not keep to it, and
//! limits that are reached: a typed close or refusal, and everybody else goes on.
#![cfg(all(feature = "server", feature = "client"))]

use crate::quic;
use std::net::SocketAddr;
use std::time::Duration;

use crate::quic::{Client, House, Lane, attach_of, text_envelope, token_of};
use quinn::{ConnectionError, Endpoint};
use throng::quic::{CloseCode, Limits};
use throng::wire::{
    Ack, AckItem, ClientMessageId, Detach, DeviceId, FRAME_LEN_MAX, FrameKind, GroupId,
    HeaderFields, Hello, Kind, PersonId, Refused, Sequence, TenantId, encode_frame,
};

const PROTOCOL: u64 = CloseCode::Protocol as u64;
const UNAUTHENTICATED: u64 = CloseCode::Unauthenticated as u64;
const OVER_LIMIT: u64 = CloseCode::OverLimit as u64;
const NOT_PERMITTED: u64 = CloseCode::NotPermitted as u64;

fn frame(kind: FrameKind, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_frame(kind, 1, payload, &mut bytes);
    bytes
}

fn hello(token: &str) -> Vec<u8> {
    let tenant = TenantId(0);
    Hello { token, tenant }.encode()
}

/// The close that `bytes` on the request stream of an authenticated person bring about.
async fn close_of(house: &House, bytes: &[u8]) -> (u64, String) {
    let mut client = house.enter(&token_of(1)).await;
    client.requests.send.write_all(bytes).await.expect("sent");
    client.closed().await
}

/// The close that `bytes` as the very first bring about.
async fn close_of_first(house: &House, bytes: &[u8]) -> (u64, String) {
    let mut client = Client::new(house.dial().await.expect("a handshake")).await;
    client.requests.send.write_all(bytes).await.expect("sent");
    client.closed().await
}

async fn still_serves(house: &House) {
    house.enter(&token_of(2)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_frames_close_the_connection_as_a_protocol_error() {
    let house = House::open().with_people(9);
    let mut wrong_version = frame(FrameKind::Goodbye, &[]);
    wrong_version[6] = 9;
    let mut unknown_kind = frame(FrameKind::Goodbye, &[]);
    unknown_kind[4..6].copy_from_slice(&0x7777u16.to_le_bytes());
    let mut reserved = frame(FrameKind::Goodbye, &[]);
    reserved[7] = 1;
    let mut damaged = frame(
        FrameKind::Publish,
        text_envelope(GroupId(1), 1, "x").bytes(),
    );
    damaged[16 + 40] ^= 1;
    let envelope = text_envelope(GroupId(1), 1, "cut off");
    let truncated = frame(FrameKind::Publish, &envelope.bytes()[..96]);
    let trailing = frame(
        FrameKind::Publish,
        &[&envelope.bytes()[..], &[0; 16]].concat(),
    );
    let unknown_command = frame(FrameKind::command(0xfff), &[]);
    let bad_command = frame(FrameKind::command(0x010), &[0xff; 48]);
    let answer = frame(FrameKind::Welcome, &[]);
    let misplaced = frame(FrameKind::Attach, &attach_of(1));
    let second_hello = frame(FrameKind::Hello, &hello(""));
    for (bytes, says) in [
        (wrong_version, "version 9"),
        (unknown_kind, "kind 0x7777"),
        (reserved, "reserved bits"),
        (damaged, "checksum"),
        (truncated, "envelope of 112 bytes"),
        (trailing, "envelope of 112 bytes"),
        (unknown_command, "tag 4095 is unknown"),
        (bad_command, "not a valid body of tag 16"),
        (answer, "Welcome frame does not belong"),
        (misplaced, "Attach frame does not belong"),
        (second_hello, "Hello frame does not belong"),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), ""),
    ] {
        let (code, reason) = close_of(&house, &bytes).await;
        let oversized = code == OVER_LIMIT && bytes.starts_with(b"GET");
        assert!(code == PROTOCOL || oversized, "{code}: {reason}");
        assert!(reason.contains(says), "{reason:?} should say {says:?}");
    }
    still_serves(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_ends_inside_a_frame_or_is_reset_is_a_protocol_error() {
    let house = House::open().with_people(9);
    let mut client = house.enter(&token_of(1)).await;
    client
        .requests
        .send
        .write_all(&frame(FrameKind::Publish, &[1; 64])[..20])
        .await
        .unwrap();
    client.requests.send.finish().unwrap();
    assert_eq!(client.closed().await.0, PROTOCOL);
    let mut client = house.enter(&token_of(1)).await;
    client.requests.send.reset(7u32.into()).unwrap();
    let (code, reason) = client.closed().await;
    assert_eq!(code, PROTOCOL);
    assert!(reason.contains("request stream"), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_oversized_frame_is_refused_before_it_is_read() {
    let house = House::open().with_people(9);
    let mut oversized = frame(FrameKind::Publish, &[]);
    oversized[..4].copy_from_slice(&(FRAME_LEN_MAX + 1).to_le_bytes());
    assert_eq!(close_of(&house, &oversized).await.0, OVER_LIMIT);
    // Before Hello, frames are small.
    let mut early = frame(FrameKind::Hello, &[]);
    early[..4].copy_from_slice(&(8 * 1024u32 + 1).to_le_bytes());
    assert_eq!(close_of_first(&house, &early).await.0, OVER_LIMIT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_done_for_who_has_not_authenticated() {
    let house = House::open();
    let publish = frame(
        FrameKind::Publish,
        text_envelope(GroupId(1), 1, "x").bytes(),
    );
    let forged = frame(FrameKind::Hello, &hello("forged"));
    let anonymous = frame(FrameKind::Hello, &hello(""));
    for first in [publish, forged, anonymous] {
        let (code, reason) = close_of_first(&house, &first).await;
        assert_eq!(code, UNAUTHENTICATED, "{reason}");
    }
    assert_eq!(house.server.sessions().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newcomer_that_says_nothing_or_too_little_is_closed_in_time() {
    let limits = Limits {
        first_byte_timeout: Duration::from_millis(150),
        authentication_timeout: Duration::from_millis(400),
        ..Limits::default()
    };
    let house = House::with(1, limits);
    let silent = Client::new(house.dial().await.unwrap()).await;
    let mut slow = Client::new(house.dial().await.unwrap()).await;
    slow.requests.send.write_all(&[1]).await.unwrap();
    let (code, reason) = silent.closed().await;
    assert_eq!(
        (code, reason.as_str()),
        (UNAUTHENTICATED, "no request within 150 ms of connecting")
    );
    let (code, reason) = slow.closed().await;
    assert_eq!(
        (code, reason.as_str()),
        (
            UNAUTHENTICATED,
            "no valid Hello within 400 ms of connecting"
        )
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_ends_with_its_token() {
    let house = House::open().with_people(9);
    let client = house.enter("0 1 1 1 1").await;
    let (code, _) = client.closed().await;
    assert_eq!(code, CloseCode::TokenExpired as u64);
    assert_eq!(house.server.sessions().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_tenant_is_out_of_reach() {
    let house = House::open();
    let group = house.with_a_group(3).await;
    let fields = HeaderFields {
        kind: Kind::Text,
        tenant: TenantId(2),
        group,
        client_message_id: ClientMessageId(1),
        ..HeaderFields::default()
    };
    let envelope = throng::wire::Envelope::new(&fields, b"x").unwrap();
    let (code, reason) = close_of(&house, &frame(FrameKind::Publish, envelope.bytes())).await;
    assert_eq!(code, NOT_PERMITTED, "{reason}");
    // The same group id under one's own tenant is another group, and does not exist.
    house.with_another_tenant();
    let mut stranger = house.enter("0 2 1 1 3600").await;
    let envelope = text_envelope(group, 1, "x");
    stranger
        .requests
        .send(FrameKind::Publish, 5, envelope.bytes())
        .await;
    let answer = stranger.requests.frame().await;
    assert_eq!((answer.kind, answer.request), (FrameKind::Refused, 5));
    // No such tenant, or no such group.
    assert!([1, 3].contains(&Refused::read(answer.payload()).unwrap().code));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_attaches_acknowledges_or_detaches_for_somebody_else() {
    let house = House::open();
    house.with_a_group(3).await;
    for (token, person) in [(token_of(1), 2), ("2 1 0 0 3600".into(), 1)] {
        let client = house.enter(&token).await;
        let mut lane = Lane::open(&client.connection).await;
        lane.send(FrameKind::Attach, 3, &attach_of(person)).await;
        let answer = lane.frame().await;
        assert_eq!((answer.kind, answer.request), (FrameKind::Refused, 3));
        assert_eq!(Refused::read(answer.payload()).unwrap().code, 11);
    }
    let other = Ack {
        items: vec![AckItem::new(PersonId(2), GroupId(1), Sequence(1))],
    };
    let detach = Detach {
        people: vec![(PersonId(2), DeviceId(1))],
    };
    for (kind, payload) in [
        (FrameKind::Ack, other.encode()),
        (FrameKind::Detach, detach.encode()),
    ] {
        let mut client = house.enter(&token_of(1)).await;
        let (mut lane, _) = client.attach(1).await;
        lane.send(kind, 0, &payload).await;
        assert_eq!(client.closed().await.0, NOT_PERMITTED);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_attach_is_refused_and_the_first_stands() {
    let house = House::open();
    let group = house.with_a_group(3).await;
    let mut client = house.enter(&token_of(1)).await;
    let (mut lane, _) = client.attach(1).await;
    lane.send(FrameKind::Attach, 8, &attach_of(1)).await;
    assert_eq!(lane.frame().await.kind, FrameKind::Refused);
    client.publish(group, "still here").await;
    assert_eq!(client.deliveries().await.take(1).await[0].1, b"still here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_reads_no_answers_is_not_read_any_more() {
    let house = House::open();
    let group = house.with_a_group(3).await;
    let mut small = quinn::TransportConfig::default();
    small.stream_receive_window(4096u32.into());
    let endpoint = Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let connection = house.dial_with(&endpoint, small).await.unwrap();
    let mut client = house.enter_on(connection, &token_of(1)).await;
    let publish = frame(FrameKind::Publish, text_envelope(group, 1, "x").bytes());
    // Far more than windows and answer budget hold together; no answer is ever read.
    let flood = async {
        for _ in 0..100_000 {
            client
                .requests
                .send
                .write_all(&publish)
                .await
                .expect("the connection stands");
        }
    };
    let read = || house.server.stats()[0].requests;
    tokio::pin!(flood);
    let mut before = 0;
    loop {
        let pause = tokio::time::timeout(Duration::from_millis(500), &mut flood).await;
        assert!(
            pause.is_err(),
            "100,000 requests were read without an answer being read"
        );
        if read() == before {
            break;
        }
        before = read();
    }
    // 256 KiB of answers, 80 bytes each, and what was read before they were written.
    assert!(read() < 8_000, "{} requests read", read());
    let mut other = house.enter(&token_of(2)).await;
    other.publish(group, "unharmed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_reads_nothing_never_holds_up_the_others() {
    let house = House::open();
    let group = house.with_a_group(3).await;
    let mut deaf = house.enter(&token_of(1)).await;
    let (_lane, _) = deaf.attach(1).await;
    let mut member = house.enter(&token_of(2)).await;
    let (_lane, _) = member.attach(2).await;
    let text = "x".repeat(60_000);
    let mut deliveries = None;
    for number in 0..60 {
        member.publish(group, &text).await;
        let deliveries = match &mut deliveries {
            Some(deliveries) => deliveries,
            None => deliveries.insert(member.deliveries().await),
        };
        assert_eq!(deliveries.take(1).await.len(), 1, "message {number}");
    }
    assert!(
        deaf.connection.close_reason().is_none(),
        "slowness alone closes nothing"
    );
    assert_eq!(deaf.deliveries().await.take(60).await.len(), 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn above_the_rate_newcomers_prove_their_address_and_get_in() {
    let limits = Limits {
        retry_above_per_s: 0,
        ..Limits::default()
    };
    let house = House::with(1, limits).with_people(9);
    still_serves(&house).await;
    assert_eq!(house.server.stats()[0].retries, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_above_the_limit_are_refused_and_the_others_stand() {
    let limits = Limits {
        connections_max: 2,
        ..Limits::default()
    };
    let house = House::with(1, limits).with_people(9);
    let first = house.enter(&token_of(1)).await;
    let _second = house.enter(&token_of(2)).await;
    let third = house.dial().await;
    assert!(
        matches!(third, Err(ConnectionError::ConnectionClosed(_))),
        "{third:?}"
    );
    assert!(first.connection.close_reason().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_may_open_two_streams_and_no_more() {
    let house = House::open().with_people(9);
    let client = house.enter(&token_of(1)).await;
    let _second = Lane::open(&client.connection).await;
    let third = tokio::time::timeout(Duration::from_millis(300), client.connection.open_bi()).await;
    assert!(third.is_err(), "a third stream is permitted");
    let uni = tokio::time::timeout(Duration::from_millis(300), client.connection.open_uni()).await;
    assert!(uni.is_err(), "a unidirectional stream is permitted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn datagrams_that_are_not_quic_are_dropped() {
    let house = House::with(2, Limits::default()).with_people(9);
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    for len in (0..1400usize).step_by(7) {
        let bytes: Vec<u8> = (0..len)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (state >> 56) as u8
            })
            .collect();
        socket.send_to(&bytes, house.server.local_addr()).unwrap();
    }
    still_serves(&house).await;
    assert!(house.server.is_healthy());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_whose_address_changes_is_found_by_its_shard() {
    let house = House::with(4, Limits::default());
    let group = house.with_a_group(3).await;
    let endpoint = Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let mut client = Client::new(house.dial_from(&endpoint).await.unwrap()).await;
    let token = token_of(1);
    let hello = hello(&token);
    client.requests.send(FrameKind::Hello, 1, &hello).await;
    assert_eq!(client.requests.frame().await.kind, FrameKind::Welcome);
    // The kernel picks a socket by address and port: after some moves it picks another shard's.
    for number in 0..12 {
        endpoint
            .rebind(std::net::UdpSocket::bind("127.0.0.1:0").unwrap())
            .unwrap();
        client
            .publish(group, &format!("from address {number}"))
            .await;
    }
    let forwarded: u64 = house
        .server
        .stats()
        .iter()
        .map(|shard| shard.forwarded)
        .sum();
    assert!(
        forwarded > 0,
        "12 moves among 4 shards and no datagram was forwarded"
    );
}

#[test]
fn two_servers_do_not_share_a_port() {
    for shards in [1, 2] {
        let house = House::with(shards, Limits::default());
        let (_, tls) = quic::tls();
        let options = quic::options(house.server.local_addr(), shards, tls, Limits::default());
        let second = throng::quic::Server::start(&house.engine, options);
        let error = second.err().expect("the port is in use").to_string();
        assert!(
            error.contains("is in use: stop the other server"),
            "{error}"
        );
    }
}
