//! The fan-out: everyone is given each message of their memberships once, in order.

use throng::client::gateway::TableLimits;
use throng::wire::{
    DeviceId, GroupId, PersonId, Reader, ReaderChange, Sequence, SkipBody, SkipReason,
};

use super::scene::{Call, GROUP, Scene, begin, change, cursor, end};

#[test]
fn one_message_reaches_everyone_who_reads_the_group_and_nobody_else() {
    let mut scene = Scene::of(1..=4);
    scene.change(5, &[begin(1, 5), begin(2, 5), begin(3, 5)]);
    scene.messages([5, 6]);
    for reader in [11, 21, 31] {
        assert_eq!(scene.given(reader), [5, 6]);
    }
    assert!(
        scene.given(41).is_empty(),
        "who reads nothing is given nothing"
    );
}

#[test]
fn who_is_behind_catches_up_beside_the_live_messages_and_is_given_each_once() {
    let mut scene = Scene::of([1, 2, 3]);
    scene.change(10, &[begin(1, 10), begin(2, 7), begin(3, 8)]);
    scene.messages([10, 7, 11, 8, 9, 7, 12, 10, 11, 12, 13]);
    assert_eq!(scene.given(11), [10, 11, 12, 13]);
    assert_eq!(scene.given(21), [7, 8, 9, 10, 11, 12, 13]);
    assert_eq!(scene.given(31), [8, 9, 10, 11, 12, 13]);
}

#[test]
fn a_repeat_is_nobodys_and_is_counted() {
    let mut scene = Scene::of([1]);
    scene.change(5, &[begin(1, 5)]);
    scene.messages([5, 5, 3, 4]);
    assert_eq!(scene.given(11), [5]);
    assert_eq!(scene.table.repeated(), 3);
}

#[test]
fn who_joins_later_waits_for_their_first_message() {
    let mut scene = Scene::of([1, 2]);
    scene.change(5, &[begin(1, 5), begin(2, 7)]);
    scene.messages([5, 6, 7, 8]);
    assert_eq!(scene.given(21), [7, 8]);
}

#[test]
fn a_removal_told_early_ends_in_its_place() {
    let mut scene = Scene::of([1, 2]);
    scene.change(5, &[begin(1, 5), begin(2, 5)]);
    scene.change(5, &[end(1, 7)]);
    scene.messages([5, 6, 7, 8]);
    let expected = [
        Call::Began(5),
        Call::Message(5),
        Call::Message(6),
        Call::Ended(7),
    ];
    assert_eq!(scene.calls.of(11), expected);
    assert_eq!(scene.given(21), [5, 6, 7, 8]);
}

#[test]
fn a_removal_told_in_its_place_ends_at_once() {
    let mut scene = Scene::of([1]);
    scene.change(5, &[begin(1, 5)]);
    scene.messages([5, 6]);
    scene.change(7, &[end(1, 7)]);
    assert_eq!(scene.calls.of(11).last(), Some(&Call::Ended(7)));
    scene.messages([7]);
    assert_eq!(scene.given(11), [5, 6]);
}

#[test]
fn who_is_removed_and_joins_again_while_behind_skips_what_lies_between() {
    let mut scene = Scene::of([1, 2]);
    scene.change(20, &[begin(1, 3), begin(2, 20)]);
    scene.change(20, &[end(1, 5), begin(1, 8)]);
    scene.messages([20, 3, 4, 5, 6, 7, 8, 9]);
    let expected = [
        Call::Began(3),
        Call::Message(3),
        Call::Message(4),
        Call::Skip(5, 7),
        Call::Message(8),
        Call::Message(9),
    ];
    assert_eq!(scene.calls.of(11), expected);
}

#[test]
fn who_joins_again_after_their_end_skips_what_lies_between() {
    let mut scene = Scene::of([1, 2]);
    scene.change(5, &[begin(1, 5), begin(2, 5)]);
    scene.change(5, &[end(1, 6)]);
    scene.messages([5, 6, 7]);
    scene.change(8, &[change(1, 0, ReaderChange::Begin, 9)]);
    scene.messages([8, 9]);
    let expected = [
        Call::Began(5),
        Call::Message(5),
        Call::Ended(6),
        Call::Skip(6, 8),
        Call::Began(9),
        Call::Message(9),
    ];
    assert_eq!(scene.calls.of(11), expected);
}

#[test]
fn a_cursor_before_the_join_skips_to_it_and_one_past_it_is_kept_to() {
    let mut scene = Scene::default();
    scene.attach(1, 1, &[cursor(4, &[])]);
    scene.attach(2, 1, &[cursor(8, &[])]);
    scene.change(10, &[begin(1, 7)]);
    // Told of a join before the attach was decided, with the cursor not looked at yet.
    scene.change(10, &[change(2, 0, ReaderChange::Begin, 7), begin(2, 9)]);
    scene.messages([7, 8, 9, 10]);
    assert_eq!(scene.calls.of(11)[..2], [Call::Skip(5, 6), Call::Began(7)]);
    assert_eq!(scene.given(11), [7, 8, 9, 10]);
    assert_eq!(scene.given(21), [9, 10]);
}

#[test]
fn a_join_is_for_all_of_a_persons_devices_and_an_attach_for_one() {
    let mut scene = Scene::default();
    scene.attach(1, 1, &[]);
    scene.attach(1, 2, &[]);
    scene.change(5, &[begin(1, 5)]);
    scene.messages([5]);
    scene.change(6, &[change(1, 0, ReaderChange::End, 6)]);
    scene.change(6, &[change(1, 0, ReaderChange::Begin, 6)]);
    scene.messages([6]);
    assert_eq!(scene.given(11), [5, 6]);
    assert_eq!(scene.given(12), [6]);
}

#[test]
fn an_urgent_message_is_given_ahead_once_and_in_its_turn_to_whoever_came_later() {
    let mut scene = Scene::of([1, 2, 3, 4]);
    scene.change(5, &[begin(1, 5), begin(2, 3)]);
    scene.urgent(7, 1);
    scene.urgent(7, 1);
    scene.change(5, &[begin(3, 5), begin(4, 4)]);
    scene.messages([5, 3, 6, 4, 5, 6, 7, 7, 8]);
    assert_eq!(scene.given(11), [7, 5, 6, 8], "in step");
    assert_eq!(scene.given(21), [7, 3, 4, 5, 6, 8], "behind");
    assert_eq!(scene.given(31), [5, 6, 7, 8], "came later");
    assert_eq!(scene.given(41), [4, 5, 6, 7, 8], "came later, from before");
}

#[test]
fn an_urgent_message_sent_after_a_change_that_is_not_known_yet_waits_for_its_turn() {
    let mut scene = Scene::of([1, 2]);
    scene.change(5, &[begin(1, 5), begin(2, 5)]);
    scene.urgent(7, 6);
    assert!(
        scene.given(11).is_empty(),
        "who is a member at 7 is not known"
    );
    scene.change(5, &[end(1, 6)]);
    scene.messages([5, 6, 7]);
    assert_eq!(scene.given(11), [5]);
    assert_eq!(scene.given(21), [5, 6, 7]);
}

#[test]
fn an_urgent_message_of_a_group_not_known_yet_comes_in_its_turn() {
    let mut scene = Scene::of([1]);
    scene.urgent(5, 1);
    scene.change(5, &[begin(1, 5)]);
    scene.messages([5]);
    assert_eq!(scene.given(11), [5]);
}

#[test]
fn more_urgent_messages_than_are_remembered_come_in_their_turn() {
    let limits = TableLimits {
        early_max: 2,
        ..TableLimits::default()
    };
    let mut scene = Scene::with_limits(limits);
    scene.attach(1, 1, &[]);
    scene.change(5, &[begin(1, 5)]);
    for sequence in [6, 7, 8] {
        scene.urgent(sequence, 1);
    }
    scene.messages([5, 6, 7, 8]);
    assert_eq!(scene.given(11), [6, 7, 5, 8]);
    scene.urgent(10, 1);
    scene.messages([9, 10]);
    assert_eq!(scene.given(11)[4..], [10, 9], "room is made in their turn");
}

#[test]
fn viewers_end_together_and_members_go_on() {
    let mut scene = Scene::of([1, 2, 3]);
    let viewer = |person, at| Reader {
        viewer: true,
        ..begin(person, at)
    };
    scene.change(5, &[begin(1, 5), viewer(2, 5), viewer(3, 6)]);
    scene.messages([5]);
    scene.change(6, &[change(0, 0, ReaderChange::ViewersEnd, 7)]);
    scene.messages([6, 7]);
    assert_eq!(scene.given(11), [5, 6, 7]);
    assert_eq!(scene.given(21), [5, 6]);
    assert_eq!(scene.given(31), [6]);
    assert_eq!(scene.calls.of(31).last(), Some(&Call::Ended(7)));
}

#[test]
fn who_is_gone_is_told_so_and_given_nothing_more() {
    let mut scene = Scene::of([1, 2]);
    scene.attach(1, 2, &[]);
    scene.change(
        5,
        &[
            begin(1, 5),
            change(1, 2, ReaderChange::Begin, 5),
            begin(2, 5),
        ],
    );
    scene.gone(1);
    scene
        .change_in(GroupId(0), 0, &[change(1, 2, ReaderChange::Gone, 0)])
        .unwrap();
    scene.messages([5]);
    for reader in [11, 12] {
        assert_eq!(scene.calls.of(reader), [Call::Began(5), Call::Gone]);
    }
    assert_eq!(scene.given(21), [5]);
    scene.attach(1, 1, &[]);
}

#[test]
fn who_is_detached_is_forgotten_at_once_whatever_is_still_on_its_way() {
    let mut scene = Scene::of([1, 2]);
    scene.change(5, &[begin(1, 5)]);
    scene.messages([5]);
    assert_eq!(scene.detach(1, 1), Some(vec![cursor(5, &[])]));
    assert_eq!(scene.detach(1, 1), None);
    scene.messages([6]);
    scene.change(7, &[end(1, 7)]);
    scene.change(7, &[begin(1, 7)]);
    scene.messages([7]);
    assert_eq!(scene.given(11), [5]);
    // The server had stopped reading the group and begins anew where it is by now.
    scene.change(20, &[begin(2, 20)]);
    scene.messages([20]);
    assert_eq!(scene.given(21), [20]);
}

#[test]
fn who_is_attached_again_reads_nothing_that_was_said_of_them_before() {
    let mut scene = Scene::of([1]);
    scene.detach(1, 1);
    scene.attach(1, 1, &[]);
    scene.change(5, &[begin(1, 5)]);
    scene.messages([5]);
    scene.gone(1);
    assert!(
        scene.calls.of(11).is_empty(),
        "all that was of the first attach"
    );
    scene.change(9, &[begin(1, 8)]);
    scene.messages([9, 8]);
    assert_eq!(
        scene.given(11),
        [8],
        "what is live came before what is next"
    );
    scene.messages([9]);
    scene.gone(1);
    let expected = [
        Call::Began(8),
        Call::Message(8),
        Call::Message(9),
        Call::Gone,
    ];
    assert_eq!(scene.calls.of(11), expected);
}

#[test]
fn who_is_refused_may_try_again() {
    let mut scene = Scene::of([1]);
    scene.table.on_refused(PersonId(1), DeviceId(1));
    scene.attach(1, 1, &[]);
    scene.detach(1, 1);
    scene.table.on_refused(PersonId(1), DeviceId(1));
    scene.attach(1, 1, &[]);
    scene.change(5, &[begin(1, 5)]);
    scene.messages([5]);
    assert_eq!(scene.given(11), [5]);
}

#[test]
fn what_will_not_come_is_skipped_for_whoever_was_to_be_given_it() {
    let mut scene = Scene::of([1, 2]);
    scene.change(10, &[begin(1, 3), begin(2, 10)]);
    let skip = SkipBody {
        from: Sequence(1),
        to: Sequence(6),
        why: SkipReason::Expired,
    };
    scene
        .table
        .on_skip(GROUP, skip, &mut scene.calls)
        .expect("behind the live cursor");
    scene.messages([7, 8, 9, 10]);
    assert_eq!(scene.calls.of(11)[1], Call::Skip(3, 6));
    assert_eq!(scene.given(11), [7, 8, 9, 10]);
    assert_eq!(scene.given(21), [10]);
}

#[test]
fn the_next_connection_goes_on_where_this_one_ended_with_what_came_ahead() {
    let mut scene = Scene::of([1, 2]);
    scene.change(5, &[begin(1, 5), begin(2, 3)]);
    scene.urgent(8, 1);
    scene.messages([5, 3]);
    let kept = [scene.detach(1, 1).unwrap(), scene.detach(2, 1).unwrap()];
    assert_eq!(kept[0], [cursor(5, &[(8, 8)])]);
    assert_eq!(kept[1], [cursor(3, &[(8, 8)])]);

    let mut scene = Scene::default();
    scene.attach(1, 1, &kept[0]);
    scene.attach(2, 1, &kept[1]);
    scene.change(7, &[begin(1, 6), begin(2, 4)]);
    scene.messages([7, 4, 5, 6, 7, 8, 9]);
    assert_eq!(scene.given(11), [6, 7, 9]);
    assert_eq!(scene.given(21), [4, 5, 6, 7, 9]);
}

#[test]
fn members_are_acknowledged_by_group_and_viewers_never() {
    let mut scene = Scene::of([1, 2, 3, 4]);
    let viewer = Reader {
        viewer: true,
        ..begin(4, 5)
    };
    scene.change(5, &[begin(1, 5), begin(2, 3), begin(3, 9), viewer]);
    assert_eq!(scene.acks(), [], "nothing has come");
    scene.messages([5, 6, 3]);
    assert_eq!(scene.acks(), [(1, GROUP.0, 6), (2, GROUP.0, 3)]);
    assert_eq!(scene.acks(), [], "each once");
    scene.messages([5]);
    assert_eq!(scene.acks(), [], "a repeat moves nobody");
}
