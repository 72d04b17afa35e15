//! Training groups streamed to viewers over QUIC (SPEC L1): password, window, and nothing to say.

use std::sync::Arc;

use throng::engine::{Clock, ExecuteError, ManualClock};
use throng::model::Refusal;
use throng::model::command::{
    Binding, ConfigureWatchV1, CreateTrainingGroupV1, GroupKind, JoinAsViewerV1, LeaveAsViewerV1,
    NewGroupV1, Reply, TaggedCommand, WatchV1,
};
use throng::wire::{
    DepartmentId, Detach, DeviceId, FrameKind, GroupId, PersonId, Refused, Timestamp,
};

use crate::gateway::through::{TENANT, Through};
use crate::quic::{self, House, token_of};

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
