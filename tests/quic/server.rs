//! The QUIC server at work, seen from outside: from handshake to delivery, and to a graceful end.
#![cfg(all(feature = "server", feature = "client"))]

use crate::quic;
use std::time::Duration;

use crate::quic::{House, token_of};
use throng::quic::Limits;
use throng::wire::FrameKind;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_reaches_every_attached_member_once_and_in_order() {
    let house = House::open();
    let group = house.with_a_group(5).await;
    let mut members = Vec::new();
    for person in 1..=5 {
        let mut client = house.enter(&token_of(person)).await;
        let (lane, attached) = client.attach(person).await;
        assert_eq!(attached.groups.len(), 1);
        assert_eq!(attached.groups[0].group(), group);
        members.push((client, lane));
    }
    for number in 0..100u64 {
        let published = members[0]
            .0
            .publish(group, &format!("message {number}"))
            .await;
        assert!(!published.duplicate);
    }
    for (client, _) in &members {
        let delivered = client.deliveries().await.take(100).await;
        let texts = delivered.iter().map(|(_, body)| body.clone());
        let expected = (0..100).map(|number| format!("message {number}").into_bytes());
        assert!(texts.eq(expected), "lost, duplicated or reordered");
        let sequences: Vec<_> = delivered.iter().map(|(sequence, _)| sequence.0).collect();
        assert!(sequences.windows(2).all(|pair| pair[1] == pair[0] + 1));
    }
    let delivered = || {
        house
            .server
            .stats()
            .iter()
            .map(|s| s.deliveries)
            .sum::<u64>()
    };
    quic::until("500 deliveries", || delivered() >= 500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_one_group_are_served_by_every_shard() {
    let house = House::with(3, Limits::default());
    let group = house.with_a_group(24).await;
    let mut members = Vec::new();
    for person in 1..=24 {
        let mut client = house.enter(&token_of(person)).await;
        let (lane, _) = client.attach(person).await;
        members.push((client, lane));
    }
    members[0].0.publish(group, "to all").await;
    let mut streams = Vec::new();
    for (client, _) in &members {
        let mut deliveries = client.deliveries().await;
        assert_eq!(deliveries.take(1).await[0].1, b"to all");
        streams.push(deliveries);
    }
    let delivering = || {
        house
            .server
            .stats()
            .iter()
            .filter(|s| s.deliveries > 0)
            .count()
    };
    quic::until("several shards deliver", || delivering() > 1).await;
    // The operator has gone.
    quic::until("24 sessions", || house.server.sessions().len() == 24).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_answers_what_is_in_flight_and_says_that_it_is_shutting_down() {
    let house = House::open();
    let group = house.with_a_group(3).await;
    let mut member = house.enter(&token_of(1)).await;
    let (_lane, _) = member.attach(1).await;
    member.publish(group, "last words").await;
    let server = house.server;
    let stopped = tokio::task::spawn_blocking(move || server.stop(Duration::from_secs(5)));
    assert_eq!(
        member.closed().await,
        (4, "the server is shutting down".into())
    );
    assert_eq!(stopped.await.unwrap().shards_failed, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_urgent_message_passes_what_a_client_does_not_read() {
    const EARLIER: usize = 60;
    let house = House::open();
    let group = house.with_a_group(3).await;
    let mut sender = house.enter(&token_of(1)).await;
    let mut member = house.enter(&token_of(2)).await;
    let (_lane, _) = member.attach(2).await;
    let mut normal = member.deliveries().await;
    // More than a client takes in unread, and than the server keeps on its way to one.
    let long = "x".repeat(60_000);
    for _ in 0..EARLIER {
        sender.publish(group, &long).await;
    }
    let stand_backs = || {
        house
            .server
            .stats()
            .iter()
            .map(|shard| shard.stand_backs)
            .sum::<u64>()
    };
    assert_eq!(stand_backs(), 0, "for normal messages nothing stands back");
    let urgent = sender.publish_urgent(group, "the house is on fire").await;
    let mut ahead = member.deliveries().await;
    let first = ahead.take(1).await;
    assert_eq!(
        first,
        [(urgent.sequence, b"the house is on fire".to_vec())],
        "on a stream of its own, before anything was read of the other"
    );
    assert_eq!(stand_backs(), 1);
    let after = sender.publish(group, "all is well again").await;
    let mut sequences: Vec<_> = normal.take(EARLIER + 1).await;
    if sequences.last().map(|last| last.0) != Some(after.sequence) {
        sequences.extend(normal.take(1).await);
    }
    let sequences: Vec<_> = sequences.iter().map(|(sequence, _)| sequence.0).collect();
    assert!(
        sequences.windows(2).all(|pair| pair[0] < pair[1]),
        "in order"
    );
    assert_eq!(sequences.last(), Some(&after.sequence.0));
    let earlier = sequences
        .iter()
        .filter(|sequence| **sequence < urgent.sequence.0);
    assert_eq!(earlier.count(), EARLIER, "nothing is lost for it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_goodbye_is_honoured_after_the_answers_before_it() {
    let house = House::open();
    let group = house.with_a_group(3).await;
    let mut member = house.enter(&token_of(1)).await;
    let envelope = quic::text_envelope(group, 1, "and now goodbye");
    member
        .requests
        .send(FrameKind::Publish, 8, envelope.bytes())
        .await;
    member.requests.send(FrameKind::Goodbye, 9, &[]).await;
    let answer = member.requests.frame().await;
    assert_eq!((answer.kind, answer.request), (FrameKind::Published, 8));
    assert!(member.requests.try_frame().await.is_none());
    assert_eq!(member.closed().await, (0, "goodbye".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_detached_person_hears_nothing_until_attached_again() {
    let house = House::open();
    let group = house.with_a_group(3).await;
    let mut member = house.enter(&token_of(1)).await;
    let (mut lane, _) = member.attach(1).await;
    member.publish(group, "heard").await;
    let mut deliveries = member.deliveries().await;
    assert_eq!(deliveries.take(1).await[0].1, b"heard");
    let detach = throng::wire::Detach {
        people: vec![(throng::wire::PersonId(1), throng::wire::DeviceId(1))],
    };
    lane.send(FrameKind::Detach, 0, &detach.encode()).await;
    // Once this is refused, the detach before it is done.
    lane.send(FrameKind::Attach, 8, &quic::attach_of(2)).await;
    assert_eq!(lane.frame().await.kind, FrameKind::Refused);
    member.publish(group, "while away").await;
    lane.send(FrameKind::Attach, 9, &quic::attach_live(1)).await;
    assert_eq!(lane.frame().await.kind, FrameKind::Attached);
    member.publish(group, "heard again").await;
    assert_eq!(deliveries.take(1).await[0].1, b"heard again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_certificate_serves_newcomers_and_the_others_keep_their_connections() {
    let mut house = House::open();
    let group = house.with_a_group(3).await;
    let mut member = house.enter(&token_of(1)).await;
    let (certificate, tls) = quic::tls();
    house
        .server
        .reload_tls(tls)
        .expect("a usable configuration");
    assert!(
        house.dial().await.is_err(),
        "the old certificate is still shown"
    );
    house.certificate = certificate;
    house.enter(&token_of(2)).await;
    member.publish(group, "still connected").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_on_every_address_answers_from_the_one_that_was_asked() {
    let any = "0.0.0.0:0".parse().unwrap();
    for host in ["127.0.0.1", "127.0.0.2"] {
        let mut house = House::at(any, 2, Limits::default());
        house.host = Some(host.parse().unwrap());
        let group = house.with_a_group(3).await;
        let mut member = house.enter(&token_of(1)).await;
        let (_lane, _) = member.attach(1).await;
        member.publish(group, host).await;
        let delivered = member.deliveries().await.take(1).await;
        assert_eq!(delivered[0].1, host.as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_speaks_ipv6_and_from_the_ipv6_wildcard_ipv4_too() {
    if std::net::UdpSocket::bind("[::1]:0").is_err() {
        // A machine without IPv6 cannot show this.
        return;
    }
    for (listen, host) in [
        ("[::1]:0", "::1"),
        ("[::]:0", "::1"),
        ("[::]:0", "127.0.0.1"),
    ] {
        let mut house = House::at(listen.parse().unwrap(), 1, Limits::default());
        house.host = Some(host.parse().unwrap());
        let group = house.with_a_group(3).await;
        let mut member = house.enter(&token_of(1)).await;
        member.publish(group, "over any version").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_the_company_is_disconnected_and_the_others_stay() {
    let house = House::open();
    let group = house.with_a_group(3).await;
    let mut leaver = house.enter(&token_of(3)).await;
    let (_lane, _) = leaver.attach(3).await;
    let mut stays = house.enter(&token_of(1)).await;
    let (_lane, _) = stays.attach(1).await;
    let depart = throng::model::command::PersonV1 {
        person: throng::wire::PersonId(3),
    };
    let departed = throng::model::command::TaggedCommand::DepartPerson(depart);
    house
        .engine
        .call(throng::wire::TenantId(1), departed)
        .expect("they leave");
    let (code, reason) = leaver.closed().await;
    assert_eq!(
        (code, &*reason),
        (
            6,
            "the person has left the company, or the account is frozen"
        )
    );
    stays.publish(group, "still here").await;
}
