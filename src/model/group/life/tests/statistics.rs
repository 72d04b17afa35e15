use super::not_permitted;
use crate::model::command::{Actor, JoinSource};
use crate::model::group::Activity;
use crate::model::town::{ALICE, BOB, CAROL, DAVE, ERIN, Town, by, message};
use crate::wire::{GroupId, PersonId, Timestamp};

const QUARTER_US: i64 = 15 * 60 * 1_000_000;

fn town() -> (Town, GroupId) {
    let mut town = Town::with_employees(6);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    (town, group)
}

fn say(town: &mut Town, person: PersonId, group: GroupId, id: u128) {
    let message = message(person, group, id, 0);
    town.publish(by(person), message).unwrap();
}

#[test]
fn messages_and_senders_count_from_midnight_in_the_tenants_zone() {
    let (mut town, group) = town();
    town.clock("2026-03-01T23:59:59+08:00");
    say(&mut town, ALICE, group, 1);
    say(&mut town, BOB, group, 2);
    town.clock("2026-03-02T00:00:00+08:00");
    let none = town.statistics(by(ALICE), group).unwrap();
    assert_eq!((none.messages_today, none.active_senders_today), (0, 0));
    say(&mut town, BOB, group, 3);
    town.clock("2026-03-02T17:31:00+08:00");
    say(&mut town, BOB, group, 4);
    say(&mut town, CAROL, group, 5);
    let today = town.statistics(Actor::Enterprise, group).unwrap();
    assert_eq!((today.messages_today, today.active_senders_today), (3, 2));
    assert!(!today.active_senders_incomplete);
    town.clock("2026-03-03T00:00:00+08:00");
    let today = town.statistics(by(ALICE), group).unwrap();
    assert_eq!((today.messages_today, today.active_senders_today), (0, 0));
}

#[test]
fn joins_and_departures_count_for_today_and_for_7_days() {
    let (mut town, group) = town();
    town.clock("2026-03-01T12:00:00+08:00");
    town.add(by(ALICE), group, &[DAVE, ERIN]).unwrap();
    town.leave(CAROL, group).unwrap();
    town.clock("2026-03-02T12:00:00+08:00");
    town.depart(DAVE).unwrap();
    let of = town.statistics(by(ALICE), group).unwrap();
    assert_eq!((of.joined_today, of.left_today), (0, 1));
    assert_eq!((of.joined_7_days, of.left_7_days), (2, 2));
    town.clock("2026-03-08T12:15:00+08:00");
    let of = town.statistics(by(ALICE), group).unwrap();
    assert_eq!((of.joined_7_days, of.left_7_days), (0, 1));
}

#[test]
fn members_count_by_how_they_came_in() {
    let (mut town, group) = town();
    town.add(by(ALICE), group, &[DAVE]).unwrap();
    let of = town.statistics(by(ALICE), group).unwrap();
    assert_eq!(of.members, 4);
    let sources = of.sources.iter().map(|of| (of.source, of.members));
    let sources: Vec<_> = sources.collect();
    assert_eq!(sources, [(JoinSource::Created, 3), (JoinSource::Added, 1)]);
}

#[test]
fn plain_members_do_not_read_statistics() {
    let (mut town, group) = town();
    assert!(not_permitted(town.statistics(by(CAROL), group)));
    town.appoint(group, BOB);
    town.statistics(by(BOB), group).unwrap();
}

#[test]
fn a_group_where_little_goes_on_keeps_no_past() {
    let mut activity = Activity::default();
    for message in 0..10 {
        activity.note_message(message, Timestamp(100 * QUARTER_US));
    }
    assert!(activity.past.is_none());
    activity.note_message(10, Timestamp(101 * QUARTER_US));
    assert_eq!(activity.past.as_ref().unwrap().messages.len(), 1);
    activity.note_message(11, Timestamp(1_000 * QUARTER_US));
    assert!(activity.past.is_none(), "too old to be asked for");
    assert_eq!(size_of::<Activity>(), 16);
}

#[test]
fn what_is_kept_is_bounded_however_time_runs() {
    let mut activity = Activity::default();
    for step in 0..5_000_i64 {
        let quarter = if step % 7 == 0 { step / 2 } else { step };
        let at = Timestamp(quarter * QUARTER_US);
        activity.note_message(step as u64, at);
        activity.note_changes(1, 1, at);
    }
    let past = activity.past.unwrap();
    assert!(past.messages.len() <= 100 && past.changes.len() <= 7 * 24 * 4 + 1);
}

#[test]
fn messages_since_a_quarter_are_those_that_came_from_it_on() {
    let mut activity = Activity::default();
    let mut quarters = Vec::new();
    for message in 0..400_u64 {
        let quarter = 1_000 + (message * message / 1_700) as i64;
        quarters.push(quarter);
        activity.note_message(message, Timestamp(quarter * QUARTER_US + 5));
    }
    let last = quarters[399];
    for from in last - 95..=last + 1 {
        let plain = quarters.iter().filter(|quarter| **quarter >= from).count();
        let counted = activity.messages_since(Timestamp(from * QUARTER_US), 400);
        assert_eq!(counted as usize, plain, "since quarter {from}");
    }
}
