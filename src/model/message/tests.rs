use crate::model::command::{Actor, Publish};
use crate::model::message::idempotency::{REMEMBERED_FOR_US, REMEMBERED_MAX};
use crate::model::town::{ALICE, BOB, CAROL, DAVE, Town, by, message};
use crate::model::{Refusal, State};
use crate::wire::{GroupId, Kind, PersonId, Sequence, Timestamp};

fn of_kind(kind: Kind, group: GroupId) -> Publish {
    Publish {
        kind,
        ..message(ALICE, group, 0, 0)
    }
}

#[test]
fn messages_take_the_groups_next_sequence_and_say_their_record() {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    let first = town
        .publish(by(ALICE), message(ALICE, group, 0, 0))
        .unwrap();
    let record = town.last.clone().unwrap();
    assert_eq!(first.sequence, Sequence(2));
    assert_eq!(first.record, record.stamp.record);
    assert_eq!(record.applied.takes[0].sequence, first.sequence);
    assert_eq!(town.say(BOB, group), Ok(Sequence(3)));
    let other = town.internal_group(BOB, &[ALICE, CAROL]);
    assert_eq!(
        town.say(BOB, other),
        Ok(Sequence(2)),
        "each group has its own order"
    );
}

#[test]
fn members_speak_and_others_do_not() {
    let mut town = Town::with_employees(4);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    let person = DAVE;
    assert_eq!(
        town.say(DAVE, group),
        Err(Refusal::NotAMember { person, group })
    );
    let nowhere = GroupId(99);
    assert_eq!(
        town.say(ALICE, nowhere),
        Err(Refusal::NoSuchGroup { group: nowhere })
    );
}

#[test]
fn nobody_speaks_for_another_but_a_gateway() {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    let refused = town.publish(by(BOB), message(ALICE, group, 0, 0));
    assert!(matches!(refused, Err(Refusal::NotPermitted { .. })));
    town.publish(Actor::Enterprise, message(ALICE, group, 0, 0))
        .unwrap();
}

#[test]
fn only_kinds_that_people_write_are_published() {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    for kind in [Kind::Administrative, Kind::Joined, Kind::Recall, Kind::Skip] {
        let refused = town.publish(by(ALICE), of_kind(kind, group));
        assert_eq!(refused, Err(Refusal::KindNotAllowed), "{kind:?}");
    }
    town.publish(by(ALICE), of_kind(Kind::TaskCard, group))
        .unwrap();
}

#[test]
fn a_message_of_the_enterprises_systems_comes_from_the_enterprise() {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    let refused = town.publish(by(ALICE), of_kind(Kind::System, group));
    assert!(matches!(refused, Err(Refusal::NotPermitted { .. })));
    town.publish(Actor::Enterprise, of_kind(Kind::System, group))
        .unwrap();
}

#[test]
fn opaque_messages_are_refused_in_external_groups() {
    let mut town = Town::with_employees(3);
    let internal = town.internal_group(ALICE, &[BOB, CAROL]);
    let external = town.external_group(ALICE, &[BOB, CAROL]);
    town.publish(by(ALICE), of_kind(Kind::Opaque, internal))
        .unwrap();
    let refused = town.publish(by(ALICE), of_kind(Kind::Opaque, external));
    assert_eq!(refused, Err(Refusal::KindNotAllowed));
}

#[test]
fn a_retry_returns_the_first_result_and_makes_no_record() {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    let first = town
        .publish(by(ALICE), message(ALICE, group, 7, 1))
        .unwrap();
    town.say(BOB, group).unwrap();
    let records = town.log.len();
    let again = town
        .publish(by(ALICE), message(ALICE, group, 7, 1))
        .unwrap();
    assert!(again.duplicate && !first.duplicate);
    assert_eq!(
        (again.sequence, again.record, again.timestamp),
        (first.sequence, first.record, first.timestamp)
    );
    assert_eq!(town.log.len(), records);
}

#[test]
fn a_mass_sends_id_is_no_messages_id() {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.mass_send(ALICE, &[group], 7).unwrap();
    let nowhere = GroupId(0);
    let refused = town.publish(by(ALICE), message(ALICE, nowhere, 7, 1));
    assert_eq!(refused, Err(Refusal::NoSuchGroup { group: nowhere }));
    let said = town
        .publish(by(ALICE), message(ALICE, group, 7, 1))
        .unwrap();
    assert!(!said.duplicate);
}

#[test]
fn the_same_id_with_another_body_is_refused() {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.publish(by(ALICE), message(ALICE, group, 7, 1))
        .unwrap();
    let refused = town.publish(by(ALICE), message(ALICE, group, 7, 2));
    assert_eq!(refused, Err(Refusal::IdempotencyMismatch));
}

#[test]
fn an_id_belongs_to_its_sender_and_group() {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    let other = town.internal_group(ALICE, &[BOB, CAROL]);
    town.publish(by(ALICE), message(ALICE, group, 7, 1))
        .unwrap();
    for (sender, group) in [(BOB, group), (ALICE, other)] {
        let published = town
            .publish(by(sender), message(sender, group, 7, 2))
            .unwrap();
        assert!(!published.duplicate);
    }
}

#[test]
fn a_message_without_an_id_is_never_a_retry() {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    assert_eq!(town.say(ALICE, group), Ok(Sequence(2)));
    assert_eq!(town.say(ALICE, group), Ok(Sequence(3)));
}

#[test]
fn a_retry_is_answered_though_the_sender_was_removed_meanwhile() {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.publish(by(BOB), message(BOB, group, 7, 1)).unwrap();
    town.remove(by(ALICE), group, &[BOB]).unwrap();
    assert!(
        town.publish(by(BOB), message(BOB, group, 7, 1))
            .unwrap()
            .duplicate
    );
    assert!(town.publish(by(BOB), message(BOB, group, 8, 1)).is_err());
}

#[test]
fn refusals_are_not_remembered() {
    let mut town = Town::with_employees(4);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    assert!(town.publish(by(DAVE), message(DAVE, group, 7, 1)).is_err());
    town.add(by(ALICE), group, &[DAVE]).unwrap();
    assert!(
        !town
            .publish(by(DAVE), message(DAVE, group, 7, 2))
            .unwrap()
            .duplicate
    );
}

#[test]
fn the_last_1024_messages_of_a_sender_are_remembered_and_no_more() {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    for id in 1..=REMEMBERED_MAX as u128 {
        town.publish(by(ALICE), message(ALICE, group, id, 0))
            .unwrap();
    }
    assert!(
        town.publish(by(ALICE), message(ALICE, group, 1, 0))
            .unwrap()
            .duplicate
    );
    town.publish(by(ALICE), message(ALICE, group, 2_000, 0))
        .unwrap();
    assert!(
        town.publish(by(ALICE), message(ALICE, group, 2, 0))
            .unwrap()
            .duplicate
    );
    assert!(
        !town
            .publish(by(ALICE), message(ALICE, group, 1, 0))
            .unwrap()
            .duplicate
    );
}

#[test]
fn a_message_is_remembered_for_24_hours_and_across_a_restart() {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    let said = town.now;
    town.publish(by(ALICE), message(ALICE, group, 7, 1))
        .unwrap();
    town.state = State::from_snapshot(&town.state.to_snapshot()).unwrap();
    town.now = Timestamp(said.0 + REMEMBERED_FOR_US - 1);
    assert!(
        town.publish(by(ALICE), message(ALICE, group, 7, 1))
            .unwrap()
            .duplicate
    );
    town.now = Timestamp(said.0 + REMEMBERED_FOR_US);
    let anew = town
        .publish(by(ALICE), message(ALICE, group, 7, 2))
        .unwrap();
    assert!(!anew.duplicate);
    assert!(
        town.publish(by(ALICE), message(ALICE, group, 7, 2))
            .unwrap()
            .duplicate
    );
}

#[test]
fn senders_who_fell_silent_cost_no_memory_once_others_publish() {
    let mut town = Town::with_employees(1_000);
    let members: Vec<_> = (2..=1_000).map(PersonId).collect();
    let group = town.internal_group(ALICE, &members);
    for sender in (1..=1_000).map(PersonId) {
        town.publish(by(sender), message(sender, group, 1, 0))
            .unwrap();
    }
    town.now = Timestamp(town.now.0 + REMEMBERED_FOR_US);
    town.publish(by(ALICE), message(ALICE, group, 2, 0))
        .unwrap();
    let hash = town.state.hash();
    assert_eq!(
        hash,
        State::from_snapshot(&town.state.to_snapshot())
            .unwrap()
            .hash()
    );
    for id in 3..1_100 {
        town.publish(by(ALICE), message(ALICE, group, id, 0))
            .unwrap();
    }
    assert_eq!(town.state.tenants[0].remembered.senders(), 1);
}

#[test]
fn nothing_of_another_tenant_is_a_retry() {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.publish(by(ALICE), message(ALICE, group, 7, 1))
        .unwrap();
    town.tenant = town.create_tenant("UTC", Timestamp(i64::MAX));
    town.employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    assert!(
        !town
            .publish(by(ALICE), message(ALICE, group, 7, 2))
            .unwrap()
            .duplicate
    );
}

#[test]
fn the_projection_of_a_message_is_its_own_envelope() {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.say(ALICE, group).unwrap();
    let projection = town.projection();
    assert!(projection.deltas.is_empty());
    let [envelope] = &projection.envelopes[..] else {
        panic!("{projection:?}");
    };
    let header = envelope.header();
    assert_eq!(
        (header.kind(), header.sequence()),
        (Kind::Text, Sequence(2))
    );
    assert_eq!(
        (header.message_ordinal(), envelope.body()),
        (1, &b"text"[..])
    );
}
