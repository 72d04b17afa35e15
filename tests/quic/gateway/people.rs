//! Who comes, reads, goes and is refused through a gateway.

use throng::model::command::{DeviceOfPersonV1, MembersV1, PersonV1, TaggedCommand};
use throng::quic::Limits;
use throng::wire::{
    Ack, AckItem, Attach, AttachEntry, Cursor, Detach, DeviceId, FrameKind, GroupId, PersonId,
};

use crate::gateway::through::{TENANT, Through, attach};
use crate::quic::{self, House, token_of};

fn members(group: GroupId, people: &[u64]) -> MembersV1 {
    MembersV1 {
        group,
        people: people.iter().copied().map(PersonId).collect(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_envelope_a_message_crosses_to_a_gateway_and_all_300_people_on_it_read_it() {
    let house = House::open();
    let group = house.with_a_group(300).await;
    let mut gateway = Through::enter(&house).await;
    assert_eq!(gateway.attach(1..=300).await, vec![1; 300]);
    let mut author = house.enter(&token_of(5)).await;
    let mut published = Vec::new();
    for number in 0..20 {
        let message = author.publish(group, &format!("message {number}")).await;
        published.push(message.sequence.0);
    }
    let last = published[19];
    gateway
        .read_until(|table| table.crossed.contains_key(&(group.0, last)))
        .await;
    assert!(gateway.table.crossed.values().all(|times| *times == 1));
    assert_eq!(
        (gateway.table.crossed.len(), gateway.table.changes),
        (20, 300)
    );
    for person in 1..=300 {
        assert_eq!(gateway.table.given[&(person, 1)][&group.0], published);
    }
    quic::until("300 attached", || house.server.stats()[0].attached == 300).await;
    gateway.client.connection.close(0u32.into(), b"");
    quic::until("nobody attached", || house.server.stats()[0].attached == 0).await;
    quic::until("nobody online", || house.engine.stats().sessions == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn joins_removals_leavers_and_revoked_devices_come_before_what_follows_them() {
    let house = House::open();
    let group = house.with_a_group(8).await;
    // A device is known, and can be revoked, once its person has signed in from it.
    drop(house.enter(&token_of(4)).await);
    let mut gateway = Through::enter(&house).await;
    gateway.attach(1..=8).await;
    let mut author = house.enter(&token_of(5)).await;
    let before = author.publish(group, "to all eight").await.sequence.0;
    let call = |command| house.engine.call(TENANT, command).expect("done");
    call(TaggedCommand::RemoveMembers(members(group, &[2])));
    author.publish(group, "not to 2").await;
    call(TaggedCommand::AddMembers(members(group, &[2])));
    call(TaggedCommand::DepartPerson(PersonV1 {
        person: PersonId(3),
    }));
    call(TaggedCommand::RevokeDevice(DeviceOfPersonV1 {
        person: PersonId(4),
        device: DeviceId(1),
    }));
    let last = author.publish(group, "to six").await.sequence.0;
    gateway
        .read_until(|table| table.crossed.contains_key(&(group.0, last)))
        .await;
    assert_eq!(gateway.table.gone, [(3, 1), (4, 1)]);
    let given = |person: u64| &gateway.table.given[&(person, 1)][&group.0];
    let all: Vec<_> = (before..=last).collect();
    assert_eq!(*given(1), all);
    // 2 reads up to the removal and on from the join.
    let of_two: Vec<_> = all
        .iter()
        .copied()
        .filter(|at| !(before + 1..before + 3).contains(at))
        .collect();
    assert_eq!(*given(2), of_two);
    assert!(gateway.table.crossed.values().all(|times| *times == 1));
    quic::until("six attached", || house.server.stats()[0].attached == 6).await;
    // Eight began; 2 was removed and came back, 3 left the group and the company, 4's device is gone.
    assert_eq!(gateway.table.changes, 8 + 2 + 2 + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_detached_reads_no_more_and_may_come_again_with_a_cursor() {
    let house = House::open();
    let group = house.with_a_group(3).await;
    let mut gateway = Through::enter(&house).await;
    gateway.attach(1..=2).await;
    let mut author = house.enter(&token_of(3)).await;
    let first = author.publish(group, "to both").await.sequence;
    gateway
        .read_until(|table| table.crossed.contains_key(&(group.0, first.0)))
        .await;
    let items = vec![
        AckItem::new(PersonId(1), group, first),
        AckItem::new(PersonId(9), group, first),
    ];
    gateway
        .lane
        .send(FrameKind::Ack, 8, &Ack { items }.encode())
        .await;
    let people = vec![(PersonId(1), DeviceId(1)), (PersonId(9), DeviceId(1))];
    gateway
        .lane
        .send(FrameKind::Detach, 9, &Detach { people }.encode())
        .await;
    gateway.table.detach((1, 1));
    quic::until("one attached", || house.server.stats()[0].attached == 1).await;
    author.publish(group, "to 2 alone").await;
    let again = AttachEntry {
        person: PersonId(1),
        device: DeviceId(1),
        cursors: vec![Cursor::new(group, first)],
    };
    let (live_only, people) = (false, vec![again]);
    gateway.table.attach((1, 1));
    gateway
        .lane
        .send(
            FrameKind::Attach,
            10,
            &Attach { live_only, people }.encode(),
        )
        .await;
    assert_eq!(gateway.lane.frame().await.kind, FrameKind::Attached);
    let last = author.publish(group, "to both again").await.sequence.0;
    let expected: Vec<_> = (first.0 + 1..=last).collect();
    gateway
        .read_until(|table| table.given[&(1, 1)].get(&group.0) == Some(&expected))
        .await;
    assert!(gateway.table.given[&(2, 1)][&group.0].ends_with(&expected));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_people_attach_in_a_few_frames_and_are_all_answered() {
    const PEOPLE: u64 = 10_000;
    let house = House::open().with_people(2_000);
    for _ in 1..PEOPLE / 2_000 {
        house.add_people(2_000);
    }
    let mut gateway = Through::enter(&house).await;
    for frame in 0..4 {
        let people = frame * 2_500 + 1..=(frame + 1) * 2_500;
        gateway
            .lane
            .send(FrameKind::Attach, frame, &attach(people))
            .await;
    }
    for person in 1..=PEOPLE {
        let frame = gateway.lane.frame().await;
        assert_eq!(
            (frame.kind, frame.request),
            (FrameKind::Attached, (person - 1) / 2_500)
        );
    }
    quic::until("all attached", || {
        house.server.stats()[0].attached == PEOPLE
    })
    .await;
    gateway.client.connection.close(0u32.into(), b"");
    quic::until("nobody online", || house.engine.stats().sessions == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_people_here_already_and_one_too_many_are_refused_by_name() {
    let limits = Limits {
        gateway_people_max: 3,
        ..Limits::default()
    };
    let house = House::with(1, limits);
    house.with_a_group(3).await;
    // Person 1 of tenant 2 is nobody in tenant 1 but its own person 1.
    house.with_another_tenant();
    let mut gateway = Through::enter(&house).await;
    gateway.attach(1..=1).await;
    let people = [1, 99, 2, 2, 3];
    gateway
        .lane
        .send(FrameKind::Attach, 8, &attach(people.into_iter()))
        .await;
    let mut refused = Vec::new();
    for _ in 0..4 {
        let refusal = gateway.refused_or_attached(8).await;
        refused.push(refusal);
    }
    refused.sort_unstable();
    let no_such_person = 2;
    let not_permitted = 11;
    let too_much = 44;
    assert_eq!(
        refused,
        [
            (1, not_permitted),
            (2, not_permitted),
            (3, too_much),
            (99, no_such_person)
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attach_that_is_not_what_it_says_closes_the_connection() {
    let house = House::open();
    house.with_a_group(3).await;
    let framed = |payload: &[u8]| {
        let mut bytes = Vec::new();
        throng::wire::encode_frame(FrameKind::Attach, 1, payload, &mut bytes);
        bytes
    };
    // A frame that says it is as long as 10,001 people.
    let mut too_long = framed(&attach(1..=3));
    too_long[..4].copy_from_slice(&(16 + 10_001 * 16u32).to_le_bytes());
    // A list that says so, in a frame of a hundred.
    let mut too_short = attach(1..=100);
    too_short[..4].copy_from_slice(&10_001u32.to_le_bytes());
    let mut flagged = attach(1..=3);
    flagged[5] = 0x80;
    let bytes = [
        (too_long, 5),
        (framed(&too_short), 1),
        (framed(&flagged), 1),
        (framed(&[7; 33]), 1),
    ];
    for (bytes, code) in bytes {
        let mut gateway = Through::enter(&house).await;
        gateway.lane.send.write_all(&bytes).await.unwrap();
        assert_eq!(gateway.client.closed().await.0, code);
    }
    quic::until("nobody online", || house.engine.stats().sessions == 0).await;
}
