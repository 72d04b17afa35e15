//! A gateway's connection seen from outside: many people on one stream, and each message on it once.
#![cfg(all(feature = "server", feature = "client"))]
#![allow(clippy::unwrap_used)] // What cannot be set up fails its test.

mod quic;
#[allow(dead_code)] // The core's own tests use all of it.
#[path = "shard_gateways/client.rs"]
mod table;

use std::sync::Arc;

use quic::{Client, Deliveries, GATEWAY, House, Lane, token_of};
use table::Client as Table;
use throng::engine::{Clock, ExecuteError, ManualClock};
use throng::model::Refusal;
use throng::model::command::{
    Binding, ConfigureWatchV1, CreateTrainingGroupV1, DeviceOfPersonV1, GroupKind, JoinAsViewerV1,
    LeaveAsViewerV1, MembersV1, NewGroupV1, PersonV1, Reply, TaggedCommand, WatchV1,
};
use throng::quic::Limits;
use throng::wire::{
    Ack, AckItem, Attach, AttachEntry, Attached, DepartmentId, Detach, DeviceId, Frame, FrameKind,
    GroupId, PersonId, Refused, TenantId, Timestamp,
};

const TENANT: TenantId = TenantId(1);

/// A gateway's connection and its table.
struct Through {
    client: Client,
    lane: Lane,
    deliveries: Option<Deliveries>,
    table: Table,
}

fn entry(person: u64) -> AttachEntry {
    AttachEntry {
        person: PersonId(person),
        device: DeviceId(1),
        cursors: Vec::new(),
    }
}

fn attach(people: impl Iterator<Item = u64>) -> Vec<u8> {
    let people = people.map(entry).collect();
    let live_only = true;
    Attach { live_only, people }.encode()
}

impl Through {
    async fn enter(house: &House) -> Self {
        let client = house.enter(GATEWAY).await;
        let lane = Lane::open(&client.connection).await;
        Self {
            client,
            lane,
            deliveries: None,
            table: Table::default(),
        }
    }

    /// Attaches people on device 1, live; how many groups each is in.
    async fn attach(&mut self, people: std::ops::RangeInclusive<u64>) -> Vec<usize> {
        self.lane
            .send(FrameKind::Attach, 7, &attach(people.clone()))
            .await;
        let mut groups = Vec::new();
        for person in people {
            self.table.attach((person, 1));
            let frame = self.lane.frame().await;
            assert_eq!((frame.kind, frame.request), (FrameKind::Attached, 7));
            let attached = Attached::read(frame.payload()).unwrap();
            assert_eq!(
                (attached.person, attached.device),
                (PersonId(person), DeviceId(1))
            );
            groups.push(attached.groups.len());
        }
        groups
    }

    /// Reads deliveries until `holds` of the table.
    async fn read_until(&mut self, holds: impl Fn(&Table) -> bool) {
        if self.deliveries.is_none() {
            self.deliveries = Some(self.client.deliveries().await);
        }
        let deliveries = self.deliveries.as_mut().unwrap();
        while !holds(&self.table) {
            let table = &mut self.table;
            deliveries
                .read(|header, body| table.read_one(header, body))
                .await;
        }
    }

    async fn refused(&mut self, request: u64) -> Refused {
        let frame: Frame = self.lane.frame().await;
        assert_eq!((frame.kind, frame.request), (FrameKind::Refused, request));
        Refused::read(frame.payload()).unwrap()
    }
}

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
    // On another device, whose changes cannot be taken for the first one's.
    let again = AttachEntry {
        person: PersonId(1),
        device: DeviceId(2),
        cursors: vec![throng::wire::Cursor::new(group, first)],
    };
    let (live_only, people) = (false, vec![again]);
    gateway.table.attach((1, 2));
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
        .read_until(|table| table.given[&(1, 2)].get(&group.0) == Some(&expected))
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

impl Through {
    /// Whose refusal comes next, and its code; attaches are passed over.
    async fn refused_or_attached(&mut self, request: u64) -> (u64, u16) {
        loop {
            let frame = self.lane.frame().await;
            assert_eq!(frame.request, request);
            if frame.kind == FrameKind::Refused {
                let refused = Refused::read(frame.payload()).unwrap();
                return (refused.subject, refused.code);
            }
        }
    }
}

/// A training group of person 1's that 2 watches, in a window of an hour from now.
fn training_group(house: &House, opens: Timestamp) -> GroupId {
    let group = NewGroupV1 {
        kind: GroupKind::Training,
        name: "induction".into(),
        owner: PersonId(1),
        members: Vec::new(),
        departments: Vec::new(),
        binding: Binding::None,
        department: DepartmentId(0),
        team: String::new(),
        follows_department: false,
    };
    let watch = watch(opens);
    let create = TaggedCommand::CreateTrainingGroup(CreateTrainingGroupV1 { group, watch });
    match house.engine.call(TENANT, create) {
        Ok(Reply::GroupCreated(created)) => created.group,
        other => panic!("{other:?}"),
    }
}

const HOUR_US: i64 = 3_600_000_000;

fn watch(opens: Timestamp) -> WatchV1 {
    WatchV1 {
        password: "sesame".into(),
        opens,
        closes: opens.plus_micros(HOUR_US),
    }
}

fn join(house: &House, group: GroupId, viewer: u64, password: &str) -> Result<(), Refusal> {
    let join = TaggedCommand::JoinAsViewer(JoinAsViewerV1 {
        group,
        viewer: PersonId(viewer),
        password: password.into(),
    });
    match house.engine.call(TENANT, join) {
        Ok(_) => Ok(()),
        Err(ExecuteError::Refused(refusal)) => Err(refusal),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn viewers_stream_a_training_group_through_a_gateway_until_its_window_closes() {
    let clock = Arc::new(ManualClock::at(Timestamp(HOUR_US)));
    let house = House::by(Arc::clone(&clock) as Arc<dyn Clock>).with_people(10);
    let opens = house.engine.now();
    let group = training_group(&house, opens);
    for viewer in 2..=5 {
        assert_eq!(join(&house, group, viewer, "sesame"), Ok(()));
    }
    assert_eq!(
        join(&house, group, 6, "simsim"),
        Err(Refusal::WrongPassword { group })
    );
    let mut speaker = house.enter(&token_of(1)).await;
    speaker.publish(group, "before anybody has tuned in").await;
    let mut gateway = Through::enter(&house).await;
    // Who has no seat reads nothing.
    assert_eq!(gateway.attach(1..=6).await, [1, 1, 1, 1, 1, 0]);
    // One viewer on a connection of their own.
    let mut alone = house.enter(&token_of(2)).await;
    let (_lane, attached) = alone.attach(2).await;
    assert_eq!(attached.groups[0].first(), attached.groups[0].head().next());
    let first = speaker.publish(group, "live").await.sequence.0;
    assert_eq!(join(&house, group, 6, "sesame"), Ok(()));
    let second = speaker.publish(group, "live, to one more").await.sequence.0;
    house
        .engine
        .call(
            TENANT,
            TaggedCommand::LeaveAsViewer(LeaveAsViewerV1 {
                group,
                viewer: PersonId(3),
            }),
        )
        .expect("leaves");
    let third = speaker
        .publish(group, "live, to one fewer")
        .await
        .sequence
        .0;
    // A viewer never publishes.
    let payload = quic::text_envelope(group, 9, "me too");
    alone
        .requests
        .send(FrameKind::Publish, 9, payload.bytes())
        .await;
    let refused = alone.requests.frame().await;
    assert_eq!(refused.kind, FrameKind::Refused);
    let not_a_member = 5;
    assert_eq!(Refused::read(refused.payload()).unwrap().code, not_a_member);

    clock.advance(HOUR_US as u64);
    let last = speaker.publish(group, "for members").await.sequence.0;
    gateway
        .read_until(|table| table.crossed.contains_key(&(group.0, last)))
        .await;
    assert!(gateway.table.crossed.values().all(|times| *times == 1));
    let given = |person: u64| gateway.table.given[&(person, 1)][&group.0].clone();
    assert_eq!(given(2), [first, second, third]);
    assert_eq!(given(3), [first, second]);
    assert_eq!(given(6), [second, third]);
    // Person 1 came from the head on, as everybody here.
    assert_eq!(given(1), [first, second, third, last]);
    let bodies = alone.deliveries().await.take(3).await;
    let bodies: Vec<_> = bodies.iter().map(|(sequence, _)| sequence.0).collect();
    assert_eq!(bodies, [first, second, third]);

    // It is closed for who comes now, seat or none.
    gateway
        .lane
        .send(
            FrameKind::Detach,
            8,
            &Detach {
                people: vec![(PersonId(4), DeviceId(1))],
            }
            .encode(),
        )
        .await;
    gateway.table.detach((4, 1));
    assert_eq!(gateway.attach(4..=4).await, [0]);
    let closed = join(&house, group, 7, "sesame");
    assert!(
        matches!(closed, Err(Refusal::WatchClosed { .. })),
        "{closed:?}"
    );
    // Set anew, it is open for who attaches again.
    let watch = watch(house.engine.now());
    house
        .engine
        .call(
            TENANT,
            TaggedCommand::ConfigureWatch(ConfigureWatchV1 { group, watch }),
        )
        .expect("another window");
    assert_eq!(gateway.attach(7..=7).await, [0]);
    gateway
        .lane
        .send(
            FrameKind::Detach,
            8,
            &Detach {
                people: vec![(PersonId(5), DeviceId(1))],
            }
            .encode(),
        )
        .await;
    gateway.table.detach((5, 1));
    assert_eq!(gateway.attach(5..=5).await, [1]);
    let again = speaker.publish(group, "live again").await.sequence.0;
    gateway
        .read_until(|table| table.crossed.contains_key(&(group.0, again)))
        .await;
    assert_eq!(gateway.table.given[&(5, 1)][&group.0], [again]);
    assert!(!gateway.table.given[&(2, 1)][&group.0].contains(&again));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_that_is_closed_early_ends_its_viewers_at_once() {
    let clock = Arc::new(ManualClock::at(Timestamp(HOUR_US)));
    let house = House::by(clock).with_people(4);
    let group = training_group(&house, house.engine.now());
    join(&house, group, 2, "sesame").unwrap();
    let mut gateway = Through::enter(&house).await;
    gateway.attach(1..=2).await;
    let mut speaker = house.enter(&token_of(1)).await;
    let live = speaker.publish(group, "live").await.sequence.0;
    let watch = watch(house.engine.now().plus_micros(HOUR_US));
    house
        .engine
        .call(
            TENANT,
            TaggedCommand::ConfigureWatch(ConfigureWatchV1 { group, watch }),
        )
        .expect("later than now");
    let last = speaker.publish(group, "for members").await.sequence.0;
    gateway
        .read_until(|table| table.crossed.contains_key(&(group.0, last)))
        .await;
    assert_eq!(gateway.table.given[&(2, 1)][&group.0], [live]);
    assert_eq!(gateway.table.given[&(1, 1)][&group.0], [live, last]);
    assert_eq!(gateway.table.changes, 2 + 1);
}
