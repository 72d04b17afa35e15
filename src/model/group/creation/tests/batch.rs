//! Many groups in one call (SPEC G3).

use crate::model::command::{Actor, BatchItemV1, GroupKind, NewGroupV1, Reply};
use crate::model::town::{ALICE, BOB, CAROL, DAVE, Town, by, mass_send, new_group};
use crate::model::{Limits, Refusal, State};
use crate::wire::{GroupId, Kind, RecordNumber, Timestamp};

fn good() -> NewGroupV1 {
    new_group(GroupKind::Internal, ALICE, &[BOB, CAROL])
}

fn created(group: u64) -> BatchItemV1 {
    BatchItemV1 {
        group: GroupId(group),
        code: 0,
        text: String::new(),
    }
}

fn refused(refusal: &Refusal) -> BatchItemV1 {
    BatchItemV1 {
        group: GroupId(0),
        code: refusal.code(),
        text: refusal.to_string(),
    }
}

#[test]
fn each_group_of_a_batch_succeeds_or_fails_by_itself() {
    let mut town = Town::with_employees(4);
    town.depart(DAVE).unwrap();
    let lonely = new_group(GroupKind::Internal, ALICE, &[BOB]);
    let departed = new_group(GroupKind::Internal, ALICE, &[BOB, DAVE]);
    let training = new_group(GroupKind::Training, ALICE, &[BOB, CAROL]);
    let items = [good(), lonely, departed, training, good()];
    let (batch, _) = town.create_groups(Actor::Enterprise, 7, &items).unwrap();
    assert_eq!(town.batch(batch).unwrap().done, 0);
    let records = town.log.len();
    town.send_all();
    assert_eq!(town.log.len(), records + 5, "one record a group");
    let state = town.batch(batch).unwrap();
    assert_eq!(state.done, 5);
    assert_eq!(state.items[0], created(1));
    assert_eq!(
        state.items[1],
        refused(&Refusal::TooFewMembers { need: 2, have: 1 })
    );
    assert_eq!(state.items[2], refused(&Refusal::Departed { person: DAVE }));
    assert_eq!(state.items[3].code, 19);
    assert_eq!(state.items[4], created(2));
    town.say(BOB, GroupId(2)).unwrap();
    assert_eq!(town.replayed().hash(), town.state.hash());
}

#[test]
fn a_group_of_a_batch_is_shown_like_any_other() {
    let mut town = Town::with_employees(3);
    town.create_groups(Actor::Enterprise, 7, &[good()]).unwrap();
    assert!(town.projection().envelopes.is_empty());
    let slice = town.state.next_slice().unwrap();
    assert_eq!((slice.body, slice.client_message_id.0), (None, 7));
    assert!(matches!(town.slice(), Reply::GroupCreated(_)));
    assert_eq!(town.last.as_ref().unwrap().stamp.kind, Kind::GroupCreated);
    let shown = town.projection();
    assert_eq!(shown.deltas.len(), 3);
    assert_eq!(shown.envelopes[0].header().group(), GroupId(1));
}

#[test]
fn a_batch_has_at_most_500_groups_and_the_501st_refuses_the_call() {
    let mut town = Town::with_employees(3);
    let many = vec![good(); 501];
    let refused = town.create_groups(Actor::Enterprise, 7, &many);
    assert!(matches!(
        refused,
        Err(Refusal::Invalid {
            field: "groups",
            ..
        })
    ));
    assert!(town.create_groups(Actor::Enterprise, 7, &[]).is_err());
    let (batch, _) = town
        .create_groups(Actor::Enterprise, 7, &many[1..])
        .unwrap();
    town.send_all();
    let state = town.batch(batch).unwrap();
    assert!(state.items.iter().all(|item| item.code == 0));
    assert_eq!((state.done, state.items[499].group), (500, GroupId(500)));
}

#[test]
fn a_batch_names_no_more_people_than_its_limit() {
    let limits = Limits {
        batch_people_max: 5,
        ..Limits::default()
    };
    let mut town = Town::with_employees(3).limited(limits);
    let three = [good(), good(), good()];
    assert!(town.create_groups(Actor::Enterprise, 7, &three).is_err());
    town.create_groups(Actor::Enterprise, 7, &three[1..])
        .unwrap();
}

#[test]
fn a_batch_is_the_enterprises_and_needs_a_verified_tenant() {
    let mut town = Town::with_employees(3);
    let admin = town.super_admin();
    for actor in [by(ALICE), by(admin)] {
        assert!(matches!(
            town.create_groups(actor, 7, &[good()]),
            Err(Refusal::NotPermitted { .. })
        ));
    }
    town.tenant = town.create_tenant("UTC", Timestamp(0));
    town.employees(3);
    assert_eq!(
        town.create_groups(Actor::Enterprise, 7, &[good()]),
        Err(Refusal::NotVerified)
    );
}

#[test]
fn a_retry_of_a_batch_answers_with_the_first() {
    let mut town = Town::with_employees(3);
    let (batch, duplicate) = town.create_groups(Actor::Enterprise, 7, &[good()]).unwrap();
    assert!(!duplicate);
    let again = town.create_groups(Actor::Enterprise, 7, &[good()]);
    assert_eq!(again, Ok((batch, true)), "while it is worked off");
    town.send_all();
    town.state = State::from_snapshot(&town.state.to_snapshot()).unwrap();
    let records = town.log.len();
    let again = town.create_groups(Actor::Enterprise, 7, &[good()]);
    assert_eq!(again, Ok((batch, true)), "and when it is done");
    assert_eq!(town.log.len(), records);
    let other = town.create_groups(Actor::Enterprise, 7, &[good(), good()]);
    assert_eq!(other, Err(Refusal::IdempotencyMismatch));
    let nameless = town.create_groups(Actor::Enterprise, 0, &[good()]);
    assert!(matches!(nameless, Err(Refusal::Invalid { .. })));
    town.create_groups(Actor::Enterprise, 8, &[good()]).unwrap();
    town.send_all();
}

#[test]
fn results_are_kept_for_seven_days() {
    let mut town = Town::with_employees(3);
    let (old, _) = town.create_groups(Actor::Enterprise, 7, &[good()]).unwrap();
    town.send_all();
    town.clock("2026-03-08T08:59:59+08:00");
    assert_eq!(
        town.create_groups(Actor::Enterprise, 7, &[good()]),
        Ok((old, true))
    );
    town.clock("2026-03-08T09:00:00+08:00");
    let (new, duplicate) = town.create_groups(Actor::Enterprise, 7, &[good()]).unwrap();
    assert!(new != old && !duplicate);
    let gone = Err(Refusal::NoSuchBatch { batch: old.0 });
    assert_eq!(town.batch(old), gone);
    town.send_all();
}

#[test]
fn a_batch_of_another_tenant_is_not_there() {
    let mut town = Town::with_employees(3);
    let (batch, _) = town.create_groups(Actor::Enterprise, 7, &[good()]).unwrap();
    town.create_tenant("UTC", Timestamp(0));
    town.tenant = crate::wire::TenantId(2);
    let hidden = Err(Refusal::NoSuchBatch { batch: batch.0 });
    assert_eq!(town.batch(batch), hidden);
    let never = RecordNumber(1_000);
    assert_eq!(
        town.batch(never),
        Err(Refusal::NoSuchBatch { batch: never.0 })
    );
}

#[test]
fn a_restart_goes_on_with_the_next_group() {
    let mut town = Town::with_employees(3);
    let items = vec![good(); 4];
    let (batch, _) = town.create_groups(Actor::Enterprise, 7, &items).unwrap();
    town.slice();
    town.slice();
    town.state = State::from_snapshot(&town.state.to_snapshot()).unwrap();
    town.send_all();
    let state = town.batch(batch).unwrap();
    let groups: Vec<_> = state.items.iter().map(|item| item.group.0).collect();
    assert_eq!(groups, [1, 2, 3, 4]);
    assert_eq!(town.replayed().hash(), town.state.hash());
}

#[test]
fn what_is_left_is_done_in_order_and_tenants_take_turns() {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    let (batch, _) = town
        .create_groups(Actor::Enterprise, 7, &[good(), good()])
        .unwrap();
    let send = town.mass_send(ALICE, &[group], 0).unwrap();
    town.tenant = town.create_tenant("UTC", town.now.plus_micros(1_000_000));
    town.employees(3);
    let (other, _) = town
        .create_groups(Actor::Enterprise, 7, &[good(), good()])
        .unwrap();
    let mut parents = Vec::new();
    while let Some(slice) = town.state.next_slice() {
        parents.push(slice.parent);
        town.slice();
    }
    assert_eq!(parents, [batch, other, batch, other, send]);
}

#[test]
fn two_items_that_race_for_the_same_pair_make_one_direct_group() {
    let mut town = Town::with_employees(2);
    let direct = new_group(GroupKind::Direct, ALICE, &[BOB]);
    let (batch, _) = town
        .create_groups(Actor::Enterprise, 7, &[direct.clone(), direct])
        .unwrap();
    town.send_all();
    let state = town.batch(batch).unwrap();
    assert_eq!(state.items[0], created(1));
    let already = Refusal::AlreadyAMember {
        person: BOB,
        group: GroupId(1),
    };
    assert_eq!(state.items[1], refused(&already));
}

#[test]
fn a_mass_send_goes_out_while_a_batch_is_left() {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    let send = mass_send(ALICE, &[group], 3);
    town.create_groups(Actor::Enterprise, 7, &[good()]).unwrap();
    let accepted = town.mass_send(ALICE, &send.groups, 3).unwrap();
    town.send_all();
    assert_eq!(town.progress(accepted).sent, 1);
}
