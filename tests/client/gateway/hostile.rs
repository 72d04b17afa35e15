//! A server that says what cannot be true, or too much, ends the connection with a typed error.

use throng::client::NotMade;
use throng::client::gateway::{ReaderKey, TableError, TableLimits};
use throng::wire::{DeviceId, GroupId, PersonId, ReaderChange, Sequence};

use super::scene::{GROUP, Scene, begin, change, cursor, end};

#[test]
fn a_reader_who_was_never_attached_is_refused() {
    let mut scene = Scene::of([1]);
    let error = scene.change_in(GROUP, 5, &[begin(1, 5), begin(9, 5)]);
    let person = PersonId(9);
    assert_eq!(error, Err(TableError::UnknownReader { person }));
    let gone = change(9, 1, ReaderChange::Gone, 0);
    let error = scene.change_in(GroupId(0), 0, &[gone]);
    assert_eq!(error, Err(TableError::UnknownReader { person }));
}

#[test]
fn a_message_of_a_group_nobody_was_said_to_read_is_refused() {
    let mut scene = Scene::of([1]);
    let error = scene.message_in(GROUP, 1);
    assert_eq!(error, Err(TableError::UnknownGroup { group: GROUP }));
}

#[test]
fn a_live_cursor_that_is_not_ours_is_refused() {
    let mut scene = Scene::of([1, 2]);
    scene.change(5, &[begin(1, 5)]);
    scene.messages([5]);
    for live_next in [5, 7] {
        let error = scene.change_in(GROUP, live_next, &[begin(2, 5)]);
        let expected = TableError::LiveCursor {
            group: GROUP,
            own: Sequence(6),
            theirs: Sequence(live_next),
        };
        assert_eq!(error, Err(expected));
    }
}

#[test]
fn a_gap_is_refused() {
    let mut scene = Scene::of([1]);
    scene.change(5, &[begin(1, 5)]);
    let error = scene.message_in(GROUP, 6);
    let expected = TableError::Gap {
        group: GROUP,
        expected: Sequence(5),
        found: Sequence(6),
    };
    assert_eq!(error, Err(expected));
}

#[test]
fn an_end_before_what_was_given_is_refused() {
    let mut scene = Scene::of([1]);
    scene.change(5, &[begin(1, 5)]);
    scene.messages([5, 6]);
    let error = scene.change_in(GROUP, 7, &[end(1, 6)]);
    assert!(matches!(error, Err(TableError::LateEnd { .. })));
}

#[test]
fn a_change_where_it_makes_no_sense_is_refused() {
    let gone = change(1, 1, ReaderChange::Gone, 0);
    for (group, live_next, change) in [
        (GROUP, 5, gone),
        (GroupId(0), 0, begin(1, 5)),
        (GROUP, 5, begin(1, 0)),
        (GROUP, 5, begin(1, u64::MAX)),
    ] {
        let mut scene = Scene::of([1]);
        let error = scene.change_in(group, live_next, &[change]);
        assert!(matches!(error, Err(TableError::MisplacedChange { .. })));
    }
}

#[test]
fn what_is_no_sequence_is_refused() {
    let mut scene = Scene::of([1]);
    for live_next in [0, u64::MAX] {
        let error = scene.change_in(GROUP, live_next, &[begin(1, 5)]);
        assert!(matches!(error, Err(TableError::NoSequence { .. })));
    }
    scene.change(5, &[begin(1, 5)]);
    for sequence in [0, u64::MAX] {
        let error = scene.message_in(GROUP, sequence);
        assert!(matches!(error, Err(TableError::NoSequence { .. })));
    }
}

#[test]
fn endless_groups_are_refused_but_those_nobody_reads_make_room() {
    let limits = TableLimits {
        groups_max: 3,
        ..TableLimits::default()
    };
    let mut scene = Scene::with_limits(limits);
    scene.attach(1, 1, &[]);
    scene.attach(2, 1, &[]);
    for group in 1..=3 {
        let reader = begin(1 + group % 2, 5);
        scene.change_in(GroupId(group), 5, &[reader]).unwrap();
    }
    let error = scene.change_in(GroupId(4), 5, &[begin(1, 5)]);
    let expected = TableError::TooManyGroups {
        group: GroupId(4),
        limit: 3,
    };
    assert_eq!(error, Err(expected));
    scene.detach(2, 1);
    scene.change_in(GroupId(4), 5, &[begin(1, 5)]).unwrap();
    scene
        .message_in(GroupId(3), 5)
        .expect("on its way when its reader was detached");
    scene.message_in(GroupId(4), 5).unwrap();
    assert_eq!(scene.calls.given(11, GroupId(4)), [5]);
}

#[test]
fn endless_readers_are_refused() {
    let limits = TableLimits {
        seats_max: 2,
        ..TableLimits::default()
    };
    let mut scene = Scene::with_limits(limits);
    for person in 1..=3 {
        scene.attach(person, 1, &[]);
    }
    let error = scene.change_in(GROUP, 5, &[begin(1, 5), begin(2, 5), begin(3, 5)]);
    assert!(matches!(
        error,
        Err(TableError::TooManySeats { limit: 2, .. })
    ));
}

#[test]
fn memberships_without_end_ahead_of_a_cursor_are_refused() {
    let mut scene = Scene::of([1]);
    scene.change(5_000, &[begin(1, 1)]);
    let changes = (1..100).flat_map(|round| [end(1, 10 * round), begin(1, 10 * round + 5)]);
    let changes: Vec<_> = changes.collect();
    let error = scene.change_in(GROUP, 5_000, &changes);
    assert!(matches!(error, Err(TableError::TooManySpans { .. })));
}

#[test]
fn attaches_are_bounded_and_each_device_comes_once() {
    let limits = TableLimits {
        readers_max: 2,
        people_max: 3,
        seats_max: 1,
        ..TableLimits::default()
    };
    let mut scene = Scene::with_limits(limits);
    let mut attach = |person, device, cursors| {
        let table = &mut scene.table;
        let attached = table.attach(PersonId(person), DeviceId(device), ReaderKey(0), cursors);
        if device == 3 {
            table.detach(PersonId(person), DeviceId(device));
        }
        attached
    };
    attach(1, 1, vec![]).unwrap();
    assert!(matches!(
        attach(1, 1, vec![]),
        Err(NotMade::AttachedTwice { .. })
    ));
    assert!(matches!(attach(0, 1, vec![]), Err(NotMade::Nobody { .. })));
    assert!(matches!(attach(1, 0, vec![]), Err(NotMade::Nobody { .. })));
    let mut other = cursor(4, &[]);
    other.group = GroupId(1);
    let cursors = vec![cursor(4, &[]), other];
    assert!(matches!(
        attach(2, 3, cursors),
        Err(NotMade::TooManyCursors { have: 2, limit: 1 })
    ));
    attach(2, 3, vec![]).unwrap();
    attach(3, 3, vec![]).unwrap();
    let error = attach(4, 3, vec![]);
    assert_eq!(error, Err(NotMade::TooManyReaders { limit: 3 }), "ever");
    attach(3, 1, vec![]).unwrap();
    let error = attach(2, 1, vec![]);
    assert_eq!(
        error,
        Err(NotMade::TooManyReaders { limit: 2 }),
        "at a time"
    );
}
