//! Customers as targets: reached one by one, charged one by one.

use crate::model::command::{
    Actor, ConfirmHandOverV1, GroupKind, HandOverContactV1, ListMassSendTargetsV1, MassSendV2,
    PersonStatus, PolicyId, QuotaScope, QuotaUnit, Reply, SenderClass, SetSenderClassV1,
    TaggedCommand as T, TargetOutcome as Became,
};
use crate::model::event::Event;
use crate::model::town::mass_sends::to_all;
use crate::model::town::quotas::{daily, freezing};
use crate::model::town::{ALICE, BOB, CAROL, Town, by};
use crate::model::{Refusal, State};
use crate::wire::{ClientMessageId, GroupId, Kind, PersonId, Sequence, TenantId, Timestamp};

const NO_GROUP: GroupId = GroupId(0);
const PER_MONTH: PolicyId = PolicyId::MASS_SENDS_PER_CUSTOMER_AND_MONTH;

fn town(customers: usize) -> (Town, Vec<PersonId>) {
    let mut town = Town::with_employees(3);
    let customers = town.customers(customers);
    town.serve(&[ALICE, BOB, CAROL], &customers);
    (town, customers)
}

fn received(town: &mut Town, customer: PersonId) -> u32 {
    town.balance(PER_MONTH.0, NO_GROUP, customer).used
}

#[test]
fn a_customer_is_reached_in_a_direct_group_that_the_same_record_makes() {
    let (mut town, customers) = town(1);
    let parent = town.mass_send_v2(to_all(ALICE, &[], &customers)).unwrap();
    let slice = town.state.next_slice().unwrap();
    assert_eq!((slice.parent, slice.body), (parent, Some(parent)));
    let Reply::Published(first) = town.slice() else {
        panic!("not published");
    };
    let record = town.last.clone().unwrap();
    assert_eq!(record.stamp.kind, Kind::Text);
    let [created, reached, charged] = record.events.as_slice() else {
        panic!("{:?}", record.events);
    };
    assert!(matches!(created, Event::GroupCreatedV2(made) if made.creator == ALICE));
    assert!(matches!(reached, Event::MassSendReached(_)));
    assert!(matches!(charged, Event::Charged(_)));
    let shown = record.project().envelopes;
    let shown: Vec<_> = shown
        .iter()
        .map(|envelope| {
            let header = envelope.header();
            (header.kind(), header.group(), header.sequence().0)
        })
        .collect();
    let group = first.group;
    assert_eq!(
        shown,
        [(Kind::GroupCreated, group, 1), (Kind::Text, group, 2)]
    );
    assert_eq!(first.sequence, Sequence(2));

    let again = town.reach(ALICE, &customers);
    let record = town.last.clone().unwrap();
    assert_eq!(record.events.len(), 2, "one group a pair");
    let target = town.targets(again)[0].clone();
    assert_eq!((target.sent_in, target.sequence), (group, Sequence(3)));
    assert_eq!(town.look_at(group).members, 2);
}

#[test]
fn a_customer_gets_four_a_month_and_the_fifth_refuses_only_them() {
    let (mut town, customers) = town(2);
    let [first, second] = customers[..] else {
        panic!("two customers");
    };
    for sender in [ALICE, BOB, ALICE, BOB] {
        town.reach(sender, &[first]);
    }
    let fifth = town.reach(CAROL, &[first, second]);
    let targets = town.targets(fifth);
    assert_eq!(
        (targets[0].outcome, targets[0].code, targets[0].policy),
        (Became::Refused, 15, PER_MONTH)
    );
    assert_eq!(targets[1].outcome, Became::Sent);
    assert_eq!(
        (received(&mut town, first), received(&mut town, second)),
        (4, 1)
    );
    assert_eq!(
        town.quota(CAROL).used,
        1,
        "the sender paid for one mass send"
    );
    town.clock("2026-03-31T23:59:59+08:00");
    let refused = town.reach(ALICE, &[first]);
    assert_eq!(town.outcomes(refused), [Became::Refused]);
    town.clock("2026-04-01T00:00:00+08:00");
    let next_month = town.reach(ALICE, &[first]);
    assert_eq!(town.outcomes(next_month), [Became::Sent]);
    town.check_counts();
}

#[test]
fn group_targets_charge_no_customer() {
    let (mut town, customers) = town(1);
    let group = town.external_group(ALICE, &[BOB, customers[0]]);
    let sent = town.mass_send_v2(to_all(ALICE, &[group], &customers));
    town.send_all();
    assert_eq!(town.outcomes(sent.unwrap()), [Became::Sent, Became::Sent]);
    assert_eq!(received(&mut town, customers[0]), 1);
}

#[test]
fn cancelling_stops_what_has_not_gone_out_and_refunds_nobody_who_paid() {
    let (mut town, customers) = town(4);
    let first = town.mass_send_v2(to_all(ALICE, &[], &customers)).unwrap();
    let second = town.mass_send_v2(to_all(BOB, &[], &customers)).unwrap();
    let third = town
        .mass_send_v2(to_all(BOB, &[], &customers[..1]))
        .unwrap();
    town.slice();
    let others = town.cancel(by(BOB), first);
    assert!(matches!(others, Err(Refusal::NotPermitted { .. })));
    town.cancel(by(ALICE), first).unwrap();
    town.cancel(by(BOB), second).unwrap();
    town.state = State::from_snapshot(&town.state.to_snapshot()).unwrap();
    assert_eq!(town.state.next_slice().unwrap().parent, third);
    town.send_all();
    let progress = town.progress_v2(first);
    assert_eq!((progress.sent, progress.cancelled), (1, 3));
    use Became::{Cancelled, Sent};
    assert_eq!(
        town.outcomes(first),
        [Sent, Cancelled, Cancelled, Cancelled]
    );
    assert_eq!(town.outcomes(second), [Cancelled; 4]);
    assert_eq!(town.outcomes(third), [Sent]);
    assert_eq!(received(&mut town, customers[0]), 2);
    assert_eq!(
        received(&mut town, customers[1]),
        0,
        "was not reached, and pays nothing"
    );
    assert_eq!((town.quota(ALICE).used, town.quota(BOB).used), (1, 2));
    let records = town.log.len();
    town.cancel(by(ALICE), first).unwrap();
    town.cancel(Actor::Enterprise, third).unwrap();
    assert_eq!(town.log.len(), records, "there is nothing to stop any more");
    town.check_counts();
    assert_eq!(town.replayed().hash(), town.state.hash());
}

#[test]
fn the_last_one_cancelled_leaves_the_tenant_nothing_to_do() {
    let (mut town, customers) = town(2);
    let only = town.mass_send_v2(to_all(ALICE, &[], &customers)).unwrap();
    town.cancel(by(ALICE), only).unwrap();
    assert!(!town.state.has_continuation());
    State::from_snapshot(&town.state.to_snapshot()).unwrap();
}

#[test]
fn customers_are_reached_by_verified_tenants_only() {
    let (mut town, customers) = town(2);
    let sent = town.mass_send_v2(to_all(ALICE, &[], &customers)).unwrap();
    town.slice();
    town.clock("2036-01-01T00:00:00Z");
    town.send_all();
    let targets = town.targets(sent);
    assert_eq!((targets[1].outcome, targets[1].code), (Became::Refused, 12));
    let refused = town.mass_send_v2(to_all(ALICE, &[], &customers));
    assert_eq!(refused, Err(Refusal::NotVerified));
    let group = town.create(by(ALICE), GroupKind::Internal, ALICE, &[BOB, CAROL]);
    town.mass_send_v2(to_all(ALICE, &[group.unwrap()], &[]))
        .expect("groups are the tenant's own");
}

#[test]
fn a_customer_is_reached_by_those_whose_contact_they_are() {
    let (mut town, customers) = town(2);
    let strangers = town.customers(1);
    let (contact, person) = (strangers[0], ALICE);
    let all = [customers[0], contact];
    let refused = town.mass_send_v2(to_all(ALICE, &[], &all));
    assert_eq!(refused, Err(Refusal::NotTheirContact { contact, person }));
    assert_eq!(town.quota(ALICE).used, 0);

    let sent = town.mass_send_v2(to_all(ALICE, &[], &customers)).unwrap();
    let hand = HandOverContactV1 {
        contact: customers[0],
        from: ALICE,
        to: BOB,
        share: false,
    };
    town.ask(Actor::Enterprise, T::HandOverContact(hand))
        .unwrap();
    let confirm = ConfirmHandOverV1 {
        contact: customers[0],
        from: ALICE,
        to: BOB,
    };
    town.ask(Actor::Enterprise, T::ConfirmHandOver(confirm))
        .unwrap();
    town.send_all();
    let code = Refusal::NotTheirContact { contact, person }.code();
    let targets = town.targets(sent);
    assert_eq!(
        (targets[0].outcome, targets[0].code),
        (Became::Refused, code),
        "handed over meanwhile"
    );
    assert_eq!(targets[1].outcome, Became::Sent);
}

#[test]
fn who_has_not_activated_or_is_frozen_reaches_no_customer() {
    let (mut town, customers) = town(1);
    for status in [PersonStatus::Invited, PersonStatus::Frozen] {
        let sent = town.mass_send_v2(to_all(BOB, &[], &customers)).unwrap();
        let bob = &mut town.state.tenants[0].people[1];
        (bob.status, bob.activated) = (status, status != PersonStatus::Invited);
        town.send_all();
        assert_eq!(town.outcomes(sent), [Became::Refused], "{status:?}");
        let send = T::MassSendV2(to_all(BOB, &[], &customers));
        let refused = town.ask(Actor::Enterprise, send).unwrap_err();
        let person = BOB;
        let expected = match status {
            PersonStatus::Invited => Refusal::NotActivated { person },
            _ => Refusal::AccountFrozen { person },
        };
        assert_eq!(refused, expected);
        let bob = &mut town.state.tenants[0].people[1];
        (bob.status, bob.activated) = (PersonStatus::Active, true);
    }
    assert_eq!(received(&mut town, customers[0]), 0);
}

#[test]
fn a_customer_who_is_gone_by_then_is_refused_alone() {
    let (mut town, customers) = town(2);
    let sent = town.mass_send_v2(to_all(ALICE, &[], &customers)).unwrap();
    town.depart(customers[0]).unwrap();
    town.send_all();
    let targets = town.targets(sent);
    assert_eq!((targets[0].outcome, targets[0].code), (Became::Refused, 14));
    assert_eq!(targets[1].outcome, Became::Sent);
}

#[test]
fn targets_that_could_never_be_are_refused_as_a_whole() {
    let (mut town, customers) = town(2);
    let mut refused = |send: MassSendV2| town.mass_send_v2(send).unwrap_err();
    let none = refused(to_all(ALICE, &[], &[]));
    assert!(matches!(
        none,
        Refusal::Invalid {
            field: "groups",
            ..
        }
    ));
    let twice = refused(to_all(ALICE, &[], &[customers[0]; 2]));
    assert!(matches!(
        twice,
        Refusal::Invalid {
            field: "customers",
            ..
        }
    ));
    let colleague = refused(to_all(ALICE, &[], &[customers[0], BOB]));
    assert!(matches!(
        colleague,
        Refusal::Invalid {
            field: "customers",
            ..
        }
    ));
    let person = PersonId(99);
    let nobody = refused(to_all(ALICE, &[], &[person]));
    assert_eq!(nobody, Refusal::NoSuchPerson { person });
    let sealed = MassSendV2 {
        kind: Kind::Opaque as u8,
        ..to_all(ALICE, &[], &customers)
    };
    assert_eq!(refused(sealed), Refusal::KindNotAllowed);
    let many = vec![customers[0]; 10_001];
    let many = refused(to_all(ALICE, &[], &many));
    assert!(matches!(
        many,
        Refusal::Invalid {
            field: "groups",
            ..
        }
    ));
    let nowhere = refused(to_all(ALICE, &[GroupId(9)], &customers));
    assert!(matches!(nowhere, Refusal::NoSuchGroup { .. }));
    assert_eq!(town.quota(ALICE).used, 0, "a refusal costs nothing");
}

#[test]
fn a_retry_is_free_and_another_list_of_customers_is_no_retry() {
    let (mut town, customers) = town(2);
    let named = |customers: &[PersonId]| MassSendV2 {
        client_message_id: ClientMessageId(7),
        ..to_all(ALICE, &[], customers)
    };
    let first = town.mass_send_v2(named(&customers)).unwrap();
    town.send_all();
    let records = town.log.len();
    assert_eq!(town.mass_send_v2(named(&customers)), Ok(first));
    assert_eq!(town.log.len(), records);
    let other = town.mass_send_v2(named(&customers[..1]));
    assert_eq!(other, Err(Refusal::IdempotencyMismatch));
    assert_eq!(town.quota(ALICE).used, 1);
}

#[test]
fn each_customer_is_one_person_time() {
    let (mut town, customers) = town(2);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    let class = SetSenderClassV1 {
        person: ALICE,
        class: SenderClass::Personal,
    };
    town.ask(Actor::Enterprise, T::SetSenderClass(class))
        .unwrap();
    let sent = town.mass_send_v2(to_all(ALICE, &[group], &customers));
    sent.unwrap();
    let policy = PolicyId::PERSONAL_PERSON_TIMES_PER_DAY;
    assert_eq!(town.balance(policy.0, NO_GROUP, ALICE).used, 4);
}

#[test]
fn a_policy_of_groups_refuses_only_that_group() {
    let (mut town, _) = town(0);
    let groups = [(), ()].map(|()| town.internal_group(ALICE, &[BOB, CAROL]));
    let policy = daily(16, QuotaScope::Group, QuotaUnit::MassSends, 1);
    town.set_policy(Actor::Enterprise, policy).unwrap();
    town.mass_send(BOB, &groups[..1], 0).unwrap();
    let both = town.mass_send(ALICE, &groups, 0).unwrap();
    town.send_all();
    assert_eq!(town.outcomes(both), [Became::Refused, Became::Sent]);
    assert_eq!(town.targets(both)[0].policy, PolicyId(16));
    town.check_counts();
}

#[test]
fn a_customer_policy_can_freeze_and_be_released() {
    let (mut town, customers) = town(1);
    let policy = freezing(daily(16, QuotaScope::Customer, QuotaUnit::MassSends, 1));
    town.set_policy(Actor::Enterprise, policy).unwrap();
    town.reach(ALICE, &customers);
    for _ in 0..2 {
        let refused = town.reach(ALICE, &customers);
        assert_eq!(town.outcomes(refused), [Became::Refused]);
    }
    town.clock("2026-03-02T12:00:00+08:00");
    let frozen = town.reach(ALICE, &customers);
    assert_eq!(
        town.targets(frozen)[0].code,
        16,
        "a freeze outlives midnight"
    );
    town.release_freeze(Actor::Enterprise, 16, NO_GROUP, customers[0])
        .unwrap();
    let released = town.reach(ALICE, &customers);
    assert_eq!(town.outcomes(released), [Became::Sent]);
}

#[test]
fn results_come_in_pages_to_the_sender_and_those_above() {
    let (mut town, customers) = town(3);
    let sent = town.reach(ALICE, &customers);
    let list = |after, limit| {
        T::ListMassSendTargets(ListMassSendTargetsV1 {
            mass_send: sent,
            after,
            limit,
        })
    };
    let mut page = |after, limit| match town.ask(by(ALICE), list(after, limit)) {
        Ok(Reply::MassSendTargets(page)) => {
            let customers = page.targets.iter().map(|target| target.customer);
            (customers.collect::<Vec<_>>(), page.more)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(page(0, 2), (customers[..2].to_vec(), true));
    assert_eq!(page(2, 2), (customers[2..].to_vec(), false));
    assert_eq!(page(9, 2), (Vec::new(), false));
    let others = town.ask(by(BOB), list(0, 9));
    assert!(matches!(others, Err(Refusal::NotPermitted { .. })));
    town.create_tenant("UTC", Timestamp(0));
    town.tenant = TenantId(2);
    let hidden = Err(Refusal::NoSuchMassSend { mass_send: sent.0 });
    assert_eq!(town.ask(Actor::Enterprise, list(0, 9)), hidden.clone());
    assert_eq!(town.cancel(Actor::Enterprise, sent), hidden);
}

#[test]
fn a_set_of_groups_is_addressed_as_one_and_no_group_gets_it_twice() {
    let (mut town, customers) = town(1);
    let groups: Vec<_> = (0..3)
        .map(|_| town.internal_group(ALICE, &[BOB, CAROL]))
        .collect();
    let matrix = town.matrix(&groups[1..]);
    let send = MassSendV2 {
        matrices: vec![matrix],
        ..to_all(ALICE, &groups[..2], &customers)
    };
    let sent = town.mass_send_v2(send.clone()).unwrap();
    town.send_all();
    let reached: Vec<_> = town.targets(sent).iter().map(|to| to.group).collect();
    assert_eq!(reached, [groups[0], groups[1], groups[2], NO_GROUP]);
    let none = MassSendV2 {
        matrices: vec![crate::wire::MatrixId(9)],
        ..send
    };
    assert!(matches!(
        town.mass_send_v2(none),
        Err(Refusal::NoSuchMatrix { .. })
    ));
}

#[test]
fn results_and_what_is_left_survive_a_restart() {
    let (mut town, customers) = town(3);
    let sent = town.mass_send_v2(to_all(ALICE, &[], &customers)).unwrap();
    town.slice();
    let before = town.targets(sent);
    town.state = State::from_snapshot(&town.state.to_snapshot()).unwrap();
    assert_eq!(town.targets(sent), before);
    town.send_all();
    assert_eq!(town.outcomes(sent), [Became::Sent; 3]);
    assert_eq!(town.replayed().hash(), town.state.hash());
    assert_eq!(town.progress_v2(sent).targets, 3);
}
