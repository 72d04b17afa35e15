use crate::model::Refusal;
use crate::model::command::{Actor, OrgRole};
use crate::model::town::{ALICE, BOB, CAROL, DAVE, Town, by, message};
use crate::wire::{GroupId, Kind, PersonId, RemovalBody, Sequence};

const DAY_US: i64 = 86_400_000_000;

/// Alice owns, Bob is an admin; what Carol says is at the sequence.
fn town() -> (Town, GroupId, Sequence) {
    let mut town = Town::with_employees(5);
    let group = town.internal_group(ALICE, &[BOB, CAROL, DAVE]);
    town.appoint(group, BOB);
    let said = town.publish(by(CAROL), message(CAROL, group, 9, 1));
    (town, group, said.unwrap().sequence)
}

fn removal(town: &Town) -> RemovalBody {
    let shown = town.projection().envelopes.remove(0);
    assert_eq!(shown.header().kind(), Kind::Recall);
    RemovalBody::read(shown.body()).unwrap()
}

#[allow(clippy::needless_pass_by_value)] // Reads better at its call sites.
fn not_permitted<T>(result: Result<T, Refusal>) -> bool {
    matches!(result, Err(Refusal::NotPermitted { .. }))
}

#[test]
fn an_author_recalls_a_message_within_a_day_to_the_microsecond() {
    let (mut late, group, sequence) = town();
    late.now = late.now.plus_micros(DAY_US);
    assert!(not_permitted(late.delete_message(
        by(CAROL),
        group,
        sequence
    )));
    let (mut town, group, sequence) = town();
    town.now = town.now.plus_micros(DAY_US - 1);
    let deleted = town.delete_message(by(CAROL), group, sequence).unwrap();
    assert_eq!(deleted, sequence.next(), "it takes a sequence of its own");
    assert_eq!(removal(&town), RemovalBody { sequence, by: 0 });
}

#[test]
fn nobody_recalls_what_another_has_said() {
    let (mut town, group, sequence) = town();
    for person in [DAVE, PersonId(5)] {
        let deleted = town.delete_message(by(person), group, sequence);
        assert!(not_permitted(deleted));
    }
    let own_elsewhere = town.internal_group(DAVE, &[CAROL, BOB]);
    for id in 1..=2 {
        let said = message(DAVE, own_elsewhere, id, 1);
        town.publish(by(DAVE), said).unwrap();
    }
    let deleted = town.delete_message(by(DAVE), group, sequence);
    assert!(not_permitted(deleted), "the same sequence of another group");
}

#[test]
fn owner_and_admins_delete_any_message_of_their_group() {
    for leader in [ALICE, BOB] {
        let (mut town, group, sequence) = town();
        town.now = town.now.plus_micros(30 * DAY_US);
        town.delete_message(by(leader), group, sequence).unwrap();
        assert_eq!(removal(&town), RemovalBody { sequence, by: 1 });
    }
}

#[test]
fn who_runs_the_enterprise_deletes_any_message() {
    let (mut town, group, sequence) = town();
    let boss = town.super_admin();
    for actor in [by(boss), Actor::Enterprise] {
        town.delete_message(actor, group, sequence).unwrap();
        assert_eq!(removal(&town), RemovalBody { sequence, by: 2 });
    }
    town.state.tenants[0].people[4].role = OrgRole::DepartmentAdmin;
    let outside = town.delete_message(by(PersonId(5)), group, sequence);
    assert!(not_permitted(outside), "not of their subtree");
}

#[test]
fn an_author_who_has_left_the_group_recalls_nothing_there() {
    let (mut town, group, sequence) = town();
    town.leave(CAROL, group).unwrap();
    assert!(not_permitted(town.delete_message(
        by(CAROL),
        group,
        sequence
    )));
}

#[test]
fn an_author_who_is_silent_still_recalls() {
    let (mut town, group, sequence) = town();
    town.mute_all(by(ALICE), group, true).unwrap();
    town.delete_message(by(CAROL), group, sequence).unwrap();
}

#[test]
fn only_what_the_group_has_had_is_deleted_and_only_while_it_is_in_use() {
    let (mut town, group, sequence) = town();
    let head = town.look_at(group).head;
    for sequence in [Sequence(0), head.next()] {
        let refused = town.delete_message(by(ALICE), group, sequence);
        let is_sequence = |field: &str| field == "sequence";
        assert!(matches!(refused, Err(Refusal::Invalid { field, .. }) if is_sequence(field)));
    }
    town.disable(Actor::Enterprise, group).unwrap();
    let refused = town.delete_message(by(ALICE), group, sequence);
    assert_eq!(refused, Err(Refusal::GroupDisabled { group }));
}

#[test]
fn a_deletion_counts_as_no_message() {
    let (mut town, group, sequence) = town();
    town.delete_message(by(ALICE), group, sequence).unwrap();
    let deleted = town.projection().envelopes.remove(0);
    assert_eq!(deleted.header().message_ordinal(), 1);
    assert_eq!(town.replayed().hash(), town.state.hash());
}
