use proptest::prelude::*;

use super::*;

/// What a server of `dialect` says to a subscriber: up to the subscription, then these payloads.
fn server_says(dialect: Dialect, payloads: &[Vec<u8>]) -> Vec<u8> {
    let mut said = match dialect {
        Dialect::Nats => b"INFO {\"max_payload\":1048576}\r\nPONG\r\nPING\r\n".to_vec(),
        Dialect::Redis => b"*3\r\n$9\r\nsubscribe\r\n$1\r\ng\r\n:1\r\n".to_vec(),
        Dialect::Mqtt => vec![0x20, 2, 0, 0, 0x90, 3, 0, 1, 0],
    };
    for payload in payloads {
        match dialect {
            Dialect::Nats => {
                said.extend(format!("MSG g 1 {}\r\n", payload.len()).bytes());
                said.extend_from_slice(payload);
                said.extend(b"\r\n");
            }
            Dialect::Redis => {
                let head = format!("*3\r\n$7\r\nmessage\r\n$1\r\ng\r\n${}\r\n", payload.len());
                said.extend(head.bytes());
                said.extend_from_slice(payload);
                said.extend(b"\r\n");
            }
            // A server's publish is a client's.
            Dialect::Mqtt => mqtt::publish(&mut said, payload),
        }
    }
    said
}

/// A subscriber that hears `said` in pieces, cut at `cuts`, and what it was given.
fn hear(
    dialect: Dialect,
    said: &[u8],
    cuts: &[usize],
) -> Result<(Conversation, Vec<Vec<u8>>), ProtocolError> {
    let mut conversation = Conversation::open(dialect, Role::Subscriber, 7, false);
    let mut heard = Vec::new();
    let mut ends: Vec<_> = cuts.iter().map(|cut| cut % (said.len() + 1)).collect();
    ends.push(said.len());
    ends.sort_unstable();
    let mut from = 0;
    for end in ends {
        conversation.on_bytes(&said[from..end], |payload| heard.push(payload.to_vec()))?;
        from = end;
    }
    Ok((conversation, heard))
}

fn dialects() -> impl Strategy<Value = Dialect> {
    prop::sample::select(vec![Dialect::Nats, Dialect::Redis, Dialect::Mqtt])
}

proptest! {
    #[test]
    fn payloads_come_out_whole_however_the_network_cuts_them(
        dialect in dialects(),
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 0..6),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let said = server_says(dialect, &payloads);
        let (conversation, heard) = hear(dialect, &said, &cuts).unwrap();
        prop_assert!(conversation.is_ready());
        prop_assert!(conversation.partial.is_empty());
        prop_assert_eq!(heard, payloads);
    }

    #[test]
    fn garbage_is_refused_or_waited_on_and_never_kept_beyond_the_bound(
        dialect in dialects(),
        garbage in prop::collection::vec(any::<u8>(), 0..2_000),
        cuts in prop::collection::vec(any::<usize>(), 0..4),
    ) {
        if let Ok((conversation, _)) = hear(dialect, &garbage, &cuts) {
            prop_assert!(conversation.partial.len() <= FRAME_MAX);
        }
    }

    #[test]
    fn a_changed_byte_never_panics(
        dialect in dialects(),
        at in any::<usize>(),
        byte in any::<u8>(),
        cuts in prop::collection::vec(any::<usize>(), 0..4),
    ) {
        let mut said = server_says(dialect, &[b"hello".to_vec(), vec![7; 300]]);
        let at = at % said.len();
        said[at] = byte;
        // Whether it is noticed depends on the byte; either is an answer.
        let _ = hear(dialect, &said, &cuts);
    }
}

#[test]
fn a_frame_without_an_end_is_refused_at_the_bound() {
    for (dialect, start) in [(Dialect::Nats, &b"INFO "[..]), (Dialect::Redis, b"+")] {
        let mut conversation = Conversation::open(dialect, Role::Subscriber, 0, false);
        conversation.on_bytes(start, |_| {}).unwrap();
        let flood = vec![b'x'; FRAME_MAX];
        let refused = conversation.on_bytes(&flood, |_| {});
        assert_eq!(refused, Err(ProtocolError::TooLong { dialect }));
    }
}

#[test]
fn a_length_beyond_the_bound_is_refused_before_anything_of_it_comes() {
    for (dialect, said) in [
        (Dialect::Nats, &b"MSG g 1 70000\r\n"[..]),
        (Dialect::Redis, b"*3\r\n$70000\r\n"),
        (Dialect::Mqtt, &[0x30, 0xFF, 0xFF, 0xFF, 0x7F]),
    ] {
        let refused = hear(dialect, said, &[]).map(|_| ());
        assert_eq!(refused, Err(ProtocolError::TooLong { dialect }));
    }
}

#[test]
fn a_server_that_says_no_is_heard_with_its_reason() {
    let says = |dialect, said: &[u8]| hear(dialect, said, &[]).unwrap_err().to_string();
    let denied = says(Dialect::Nats, b"-ERR 'Authorization Violation'\r\n");
    assert!(denied.contains("Authorization Violation"));
    let denied = says(Dialect::Redis, b"-NOAUTH Authentication required.\r\n");
    assert!(denied.contains("NOAUTH"));
    let denied = says(Dialect::Mqtt, &[0x20, 2, 0, 5]);
    assert!(denied.contains("code 5"));
    let denied = says(Dialect::Mqtt, &[0x90, 3, 0, 1, 0x80]);
    assert!(denied.contains("subscription"));
}

#[test]
fn nats_subscribes_behind_its_greeting_and_answers_pings() {
    let said = server_says(Dialect::Nats, &[]);
    let (conversation, _) = hear(Dialect::Nats, &said, &[]).unwrap();
    let sent = String::from_utf8(conversation.unsent).unwrap();
    let lines: Vec<_> = sent.split("\r\n").collect();
    assert!(lines[0].starts_with("CONNECT {"), "{sent}");
    assert_eq!(lines[1..], ["SUB g 1", "PING", "PONG", ""]);
}

#[test]
fn nats_over_tls_says_nothing_between_greeting_and_handshake() {
    let mut conversation = Conversation::open(Dialect::Nats, Role::Publisher, 0, true);
    conversation
        .on_bytes(b"INFO {\"tls_required\":true}\r\n", |_| {})
        .unwrap();
    assert!(conversation.wants_tls() && conversation.unsent.is_empty());
    conversation.secured();
    assert!(!conversation.wants_tls());
    assert!(conversation.unsent.starts_with(b"CONNECT "));
}

#[test]
fn an_mqtt_publisher_is_ready_once_it_is_connected() {
    let mut conversation = Conversation::open(Dialect::Mqtt, Role::Publisher, 3, false);
    assert_eq!(
        conversation.unsent,
        b"\x10\x0e\0\x04MQTT\x04\x02\0\0\0\x02c3"
    );
    conversation.on_bytes(&[0x20, 2, 0, 0], |_| {}).unwrap();
    assert!(conversation.is_ready());
}

#[test]
fn what_is_published_is_as_each_protocol_has_it() {
    let publish = |dialect| {
        let mut conversation = Conversation::open(dialect, Role::Publisher, 0, false);
        conversation.unsent.clear();
        conversation.publish(b"hello");
        conversation.unsent
    };
    assert_eq!(publish(Dialect::Nats), b"PUB g 5\r\nhello\r\n");
    assert_eq!(
        publish(Dialect::Redis),
        b"*3\r\n$7\r\nPUBLISH\r\n$1\r\ng\r\n$5\r\nhello\r\n"
    );
    assert_eq!(publish(Dialect::Mqtt), b"\x30\x08\0\x01ghello");
}
