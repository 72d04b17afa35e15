mod customers;
mod hostile;

use crate::model::command::{
    Actor, CommandBody, GetMassSendV1, MassSendV1, Reply, TaggedCommand as T,
};
use crate::model::town::{ALICE, BOB, CAROL, DAVE, DEVICE, Town, by, mass_send};
use crate::model::{Refusal, State};
use crate::wire::{GroupId, Kind, RecordNumber, Sequence, TenantId, Timestamp};

fn town(groups: usize) -> (Town, Vec<GroupId>) {
    let mut town = Town::with_employees(4);
    let groups = (0..groups).map(|_| town.internal_group(ALICE, &[BOB, CAROL]));
    let groups = groups.collect();
    (town, groups)
}

fn send(town: &mut Town, actor: Actor, send: MassSendV1, digest: u64) -> Result<Reply, Refusal> {
    town.execute(actor, T::MassSend(send).into(), digest)
        .outcome
}

#[test]
fn a_mass_send_is_one_record_with_the_charge_and_one_per_group() {
    let (mut town, groups) = town(3);
    let records = town.log.len();
    let parent = town.mass_send(ALICE, &groups, 5).unwrap();
    assert_eq!(town.log.len(), records + 1);
    let record = town.last.clone().unwrap();
    assert_eq!(
        (record.stamp.record, record.stamp.kind),
        (parent, Kind::Administrative)
    );
    assert!(record.applied.takes.is_empty());
    for group in &groups {
        let slice = town.state.next_slice().unwrap();
        assert_eq!((slice.parent, slice.body), (parent, Some(parent)));
        assert_eq!(
            (slice.sender, slice.device, slice.kind),
            (ALICE, DEVICE, Kind::Text)
        );
        let Reply::Published(published) = town.slice() else {
            panic!("not published");
        };
        assert_eq!((published.group, published.sequence), (*group, Sequence(2)));
        let record = town.last.clone().unwrap();
        assert_eq!(record.stamp.kind, Kind::Text);
        assert_eq!(record.applied.takes[0].message_ordinal, 1);
        assert_eq!(record.project().envelopes.len(), 1);
    }
    assert!(!town.state.has_continuation());
    let progress = town.progress(parent);
    assert_eq!(
        (progress.targets, progress.sent, progress.refused),
        (3, 3, 0)
    );
    assert_eq!(town.quota(ALICE).used, 1, "it costs 1 whatever its targets");
}

#[test]
fn continuing_with_nothing_left_does_nothing() {
    let (mut town, _) = town(1);
    assert!(matches!(town.slice(), Reply::Done(_)));
    assert!(town.last.is_none());
}

#[test]
fn only_throng_itself_continues() {
    let (mut town, groups) = town(1);
    town.mass_send(ALICE, &groups, 0).unwrap();
    for actor in [Actor::Node, Actor::Enterprise, by(ALICE)] {
        let refused = town.execute(actor, CommandBody::Continue, 0).outcome;
        assert!(matches!(refused, Err(Refusal::NotPermitted { .. })));
    }
}

#[test]
fn a_target_that_changed_meanwhile_is_refused_alone() {
    let (mut town, groups) = town(4);
    let parent = town.mass_send(BOB, &groups, 0).unwrap();
    town.dissolve(Actor::Enterprise, groups[0]).unwrap();
    town.leave(BOB, groups[2]).unwrap();
    assert!(matches!(town.slice(), Reply::Done(_)));
    assert!(town.last.as_ref().unwrap().applied.takes.is_empty());
    assert!(town.projection().envelopes.is_empty());
    town.send_all();
    let progress = town.progress(parent);
    assert_eq!(
        (progress.targets, progress.sent, progress.refused),
        (4, 2, 2)
    );
    assert_eq!(town.quota(BOB).used, 1, "the sender is not refunded");
}

#[test]
fn a_sender_who_left_the_company_sends_no_further() {
    let (mut town, groups) = town(3);
    let parent = town.mass_send(BOB, &groups, 0).unwrap();
    town.slice();
    town.depart(BOB).unwrap();
    town.send_all();
    let progress = town.progress(parent);
    assert_eq!((progress.sent, progress.refused), (1, 2));
}

#[test]
fn every_group_must_be_right_when_it_is_accepted() {
    let (mut town, mut groups) = town(2);
    let refused =
        |town: &mut Town, groups: &[GroupId]| town.mass_send(ALICE, groups, 0).unwrap_err();
    assert!(matches!(refused(&mut town, &[]), Refusal::Invalid { .. }));
    let twice = [groups[0], groups[0]];
    assert!(matches!(
        refused(&mut town, &twice),
        Refusal::Invalid { .. }
    ));
    groups.push(GroupId(99));
    let group = GroupId(99);
    assert_eq!(refused(&mut town, &groups), Refusal::NoSuchGroup { group });
    let person = DAVE;
    let group = groups[0];
    assert_eq!(
        town.mass_send(DAVE, &groups[..2], 0),
        Err(Refusal::NotAMember { person, group })
    );
    assert_eq!(town.quota(ALICE).used, 0, "a refusal costs nothing");
}

#[test]
fn a_list_of_targets_is_bounded() {
    let (mut town, groups) = town(1);
    let many = vec![groups[0]; 10_001];
    assert!(matches!(
        town.mass_send(ALICE, &many, 0),
        Err(Refusal::Invalid {
            field: "groups",
            ..
        })
    ));
}

#[test]
fn what_a_mass_send_says_is_checked_like_a_message() {
    let mut town = Town::with_employees(3);
    let external = [town.external_group(ALICE, &[BOB, CAROL])];
    let said = |change: fn(&mut MassSendV1)| {
        let mut send = mass_send(ALICE, &external, 0);
        change(&mut send);
        send
    };
    let cases: [(MassSendV1, Refusal); 3] = [
        (
            said(|send| send.kind = Kind::Joined as u8),
            Refusal::KindNotAllowed,
        ),
        (said(|send| send.kind = 200), Refusal::KindNotAllowed),
        (
            said(|send| send.kind = Kind::Opaque as u8),
            Refusal::KindNotAllowed,
        ),
    ];
    for (command, refusal) in cases {
        assert_eq!(send(&mut town, by(ALICE), command, 0), Err(refusal));
    }
    for command in [
        said(|send| send.priority = 9),
        said(|send| send.body = vec![0; 64 * 1024 + 1]),
    ] {
        let refused = send(&mut town, by(ALICE), command, 0);
        assert!(matches!(refused, Err(Refusal::Invalid { .. })));
    }
    let system = said(|send| send.kind = Kind::System as u8);
    let refused = send(&mut town, by(ALICE), system.clone(), 0);
    assert!(matches!(refused, Err(Refusal::NotPermitted { .. })));
    send(&mut town, Actor::Enterprise, system, 0).unwrap();
}

#[test]
fn customers_do_not_mass_send_and_nobody_does_for_another() {
    let mut town = Town::with_employees(2);
    let customer = town.customers(1)[0];
    let groups = [town.external_group(ALICE, &[BOB, customer])];
    assert_eq!(
        town.mass_send(customer, &groups, 0),
        Err(Refusal::NotAnEmployee { person: customer })
    );
    let refused = send(&mut town, by(BOB), mass_send(ALICE, &groups, 0), 0);
    assert!(matches!(refused, Err(Refusal::NotPermitted { .. })));
}

#[test]
fn a_retry_of_a_mass_send_is_free() {
    let (mut town, groups) = town(2);
    let parent = town.mass_send(ALICE, &groups, 5).unwrap();
    town.send_all();
    let records = town.log.len();
    for state in [None, Some(town.state.to_snapshot())] {
        if let Some(bytes) = state {
            town.state = State::from_snapshot(&bytes).unwrap();
        }
        let again = send(&mut town, by(ALICE), mass_send(ALICE, &groups, 5), 1);
        let Ok(Reply::MassSendAccepted(again)) = again else {
            panic!("{again:?}");
        };
        assert_eq!(
            (again.mass_send, again.targets, again.duplicate),
            (parent, 2, true)
        );
    }
    assert_eq!(town.log.len(), records);
    assert_eq!(town.quota(ALICE).used, 1);
}

#[test]
fn the_same_id_with_another_body_or_other_groups_is_refused() {
    let (mut town, groups) = town(2);
    town.mass_send(ALICE, &groups, 5).unwrap();
    let mismatch = Err(Refusal::IdempotencyMismatch);
    let other_groups = mass_send(ALICE, &groups[..1], 5);
    assert_eq!(send(&mut town, by(ALICE), other_groups, 1), mismatch);
    let other_body = mass_send(ALICE, &groups, 5);
    assert_eq!(send(&mut town, by(ALICE), other_body, 2), mismatch);
}

#[test]
fn tenants_take_turns() {
    let (mut town, groups) = town(3);
    town.mass_send(ALICE, &groups, 0).unwrap();
    town.tenant = town.create_tenant("UTC", Timestamp(i64::MAX));
    town.employees(3);
    let other: Vec<_> = (0..2)
        .map(|_| town.internal_group(ALICE, &[BOB, CAROL]))
        .collect();
    town.mass_send(ALICE, &other, 0).unwrap();
    let mut turns = Vec::new();
    while let Some(slice) = town.state.next_slice() {
        turns.push(slice.tenant.0);
        town.slice();
    }
    assert_eq!(turns, [1, 2, 1, 2, 1]);
}

#[test]
fn mass_sends_of_a_tenant_go_out_in_order() {
    let (mut town, groups) = town(2);
    let first = town.mass_send(ALICE, &groups, 0).unwrap();
    let second = town.mass_send(ALICE, &groups, 0).unwrap();
    let mut order = Vec::new();
    while let Some(slice) = town.state.next_slice() {
        order.push(slice.parent);
        town.slice();
    }
    assert_eq!(order, [first, first, second, second]);
}

#[test]
fn what_is_left_to_send_survives_a_restart() {
    let (mut town, groups) = town(3);
    let parent = town.mass_send(ALICE, &groups, 0).unwrap();
    town.slice();
    town.state = State::from_snapshot(&town.state.to_snapshot()).unwrap();
    town.send_all();
    assert_eq!(town.progress(parent).sent, 3);
    assert_eq!(town.replayed().hash(), town.state.hash());
}

#[test]
fn progress_is_for_the_sender_and_the_enterprise() {
    let (mut town, groups) = town(1);
    let parent = town.mass_send(ALICE, &groups, 0).unwrap();
    let get = |mass_send| T::GetMassSend(GetMassSendV1 { mass_send });
    town.ask(by(ALICE), get(parent)).unwrap();
    assert!(matches!(
        town.ask(by(BOB), get(parent)),
        Err(Refusal::NotPermitted { .. })
    ));
    let none = Err(Refusal::NoSuchMassSend { mass_send: 0 });
    assert_eq!(town.ask(by(ALICE), get(RecordNumber(0))), none);
    town.create_tenant("UTC", Timestamp(i64::MAX));
    town.tenant = TenantId(2);
    let hidden = Err(Refusal::NoSuchMassSend {
        mass_send: parent.0,
    });
    assert_eq!(town.ask(Actor::Enterprise, get(parent)), hidden);
}

#[test]
fn progress_can_be_asked_for_seven_days_after_the_start() {
    let (mut town, groups) = town(1);
    let old = town.mass_send(ALICE, &groups, 0).unwrap();
    town.send_all();
    town.clock("2026-03-08T08:59:59+08:00");
    town.mass_send(ALICE, &groups, 0).unwrap();
    assert_eq!(town.progress(old).sent, 1);
    town.clock("2026-03-08T09:00:00+08:00");
    town.mass_send(ALICE, &groups, 0).unwrap();
    let get = T::GetMassSend(GetMassSendV1 { mass_send: old });
    let gone = Err(Refusal::NoSuchMassSend { mass_send: old.0 });
    assert_eq!(town.ask(by(ALICE), get), gone);
    town.send_all();
}
