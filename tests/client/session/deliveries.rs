//! Deliveries: each once, acknowledged together, resumed by cursor.

use std::time::Duration;

use throng::client::{CursorError, Cursors, Limits, SessionError};
use throng::wire::{
    Envelope, HeaderFields, Kind, Priority, Sequence, StreamClass, TenantId, stream_opening,
};

use super::scene::{GROUP, Scene, TENANT, envelope, skip};

#[test]
fn deliveries_come_out_once_however_often_and_however_cut_they_arrive() {
    let mut scene = Scene::online(Cursors::default(), false, 0);
    let mut bytes = stream_opening(StreamClass::Normal).to_vec();
    for sequence in [1, 2, 2, 1, 3] {
        bytes.extend(envelope(sequence, Priority::Normal));
    }
    let mut out = Vec::new();
    for piece in bytes.chunks(7) {
        out.extend(scene.deliver(piece).unwrap());
    }
    assert_eq!(out, [1, 2, 3]);
    assert_eq!(scene.session.redelivered(), 2);
}

#[test]
fn an_urgent_message_may_come_early_and_is_not_new_in_its_turn() {
    let mut scene = Scene::online(Cursors::default(), false, 0);
    scene.open_deliveries();
    assert_eq!(scene.deliver(&envelope(3, Priority::Urgent)), Ok(vec![3]));
    for sequence in [1, 2] {
        scene
            .deliver(&envelope(sequence, Priority::Normal))
            .unwrap();
    }
    assert_eq!(scene.deliver(&envelope(3, Priority::Urgent)), Ok(vec![]));
    assert_eq!(scene.session.cursors().floor(GROUP), Some(Sequence(3)));
}

#[test]
fn a_skip_moves_the_cursor_and_is_handed_on() {
    let mut scene = Scene::online(Cursors::default(), false, 0);
    scene.open_deliveries();
    assert_eq!(scene.deliver(&skip(1, 4)), Ok(vec![-4]));
    assert_eq!(scene.deliver(&envelope(5, Priority::Normal)), Ok(vec![5]));
    assert_eq!(scene.session.cursors().floor(GROUP), Some(Sequence(5)));
}

#[test]
fn acknowledgements_are_coalesced_to_one_a_second() {
    let mut scene = Scene::online(Cursors::default(), false, 0);
    scene.open_deliveries();
    for sequence in 1..=5 {
        scene
            .deliver(&envelope(sequence, Priority::Normal))
            .unwrap();
        assert_eq!(scene.acks(), [], "not yet due");
        scene.now += Duration::from_millis(100);
    }
    scene.now += Duration::from_millis(499);
    assert_eq!(scene.acks(), []);
    scene.now += Duration::from_millis(1);
    assert_eq!(scene.acks(), [(GROUP.0, 5)]);
    assert_eq!(
        scene.session.timeout(),
        None,
        "nothing new, nothing to acknowledge"
    );
}

#[test]
fn an_urgent_message_is_acknowledged_at_once() {
    let mut scene = Scene::online(Cursors::default(), false, 0);
    scene.open_deliveries();
    scene.deliver(&envelope(1, Priority::Urgent)).unwrap();
    // It is first in no order; the floor is the one the attach began with.
    scene.deliver(&envelope(2, Priority::Normal)).unwrap();
    assert_eq!(scene.acks(), [(GROUP.0, 2)]);
}

#[test]
fn the_next_session_attaches_where_this_one_ended() {
    let mut scene = Scene::online(Cursors::default(), true, 40);
    scene.open_deliveries();
    for sequence in 41..=43 {
        scene
            .deliver(&envelope(sequence, Priority::Normal))
            .unwrap();
    }
    let mut scene = Scene::online(scene.session.into_cursors(), true, 50);
    scene.open_deliveries();
    assert_eq!(scene.deliver(&envelope(43, Priority::Normal)), Ok(vec![]));
    assert_eq!(scene.deliver(&envelope(44, Priority::Normal)), Ok(vec![44]));
}

#[test]
fn deliveries_of_another_tenant_or_before_an_attach_end_the_session() {
    let mut scene = Scene::welcomed();
    scene.open_deliveries();
    let error = scene
        .deliver(&envelope(1, Priority::Normal))
        .expect_err("nothing is attached");
    assert!(matches!(error, SessionError::StrayDelivery { .. }));

    let mut scene = Scene::online(Cursors::default(), false, 0);
    scene.open_deliveries();
    let fields = HeaderFields {
        tenant: TenantId(TENANT.0 + 1),
        group: GROUP,
        sequence: Sequence(1),
        kind: Kind::Text,
        ..HeaderFields::default()
    };
    let foreign = Envelope::new(&fields, b"").unwrap();
    let error = scene.deliver(foreign.bytes()).expect_err("another tenant");
    assert!(matches!(error, SessionError::StrayDelivery { .. }));
}

#[test]
fn endless_gaps_end_the_session() {
    let mut limits = Limits::default();
    limits.cursors.early_runs_max = 2;
    let mut scene = Scene::with_limits(limits);
    scene.welcome();
    scene
        .session
        .attach(Cursors::new(limits.cursors), false)
        .unwrap();
    scene.open_deliveries();
    let mut bytes = Vec::new();
    for sequence in [1, 3, 5, 7, 9] {
        bytes.extend(envelope(sequence, Priority::Normal));
    }
    let error = scene.deliver(&bytes).unwrap_err();
    assert!(matches!(
        error,
        SessionError::Cursor(CursorError::TooManyGaps { limit: 2, .. })
    ));
}
