//! What costs how much, and on whose account.

use crate::model::command::{
    Actor, GroupKind, PolicyId, PolicyV1, QuotaScope as Scope, QuotaSenders, QuotaUnit as Unit,
    Reply, SenderClass, SetSenderClassV1, TaggedCommand as T,
};
use crate::model::event::Event;
use crate::model::town::codes::{Came, live_code};
use crate::model::town::quotas::{daily, freezing, rolling};
use crate::model::town::{ALICE, BOB, CAROL, DAVE, Town, at, by, message, new_group};
use crate::model::{Limits, Refusal};
use crate::wire::{GroupId, Kind, PersonId, Sequence, Timestamp};

const NO_GROUP: GroupId = GroupId(0);
const NOBODY: PersonId = PersonId(0);
const OWN: u16 = 16;

fn town(policy: PolicyV1) -> (Town, [GroupId; 2]) {
    let mut town = Town::with_employees(4);
    let groups = [(), ()].map(|()| town.internal_group(ALICE, &[BOB, CAROL]));
    town.set_policy(Actor::Enterprise, policy).unwrap();
    (town, groups)
}

fn messages(scope: Scope, limit: u32) -> PolicyV1 {
    daily(OWN, scope, Unit::Messages, limit)
}

fn exceeded(group: GroupId, person: PersonId, used: u32, retry_at: Timestamp) -> Refusal {
    Refusal::QuotaExceeded {
        policy: PolicyId(OWN),
        group,
        person,
        used,
        limit: used,
        retry_at,
        frozen: false,
    }
}

#[test]
fn a_policy_of_messages_counts_by_its_scope() {
    let midnight = at("2026-03-02T00:00:00+08:00");
    let cases = [
        (Scope::Tenant, [1, 1, 0, 0], NO_GROUP, NOBODY),
        (Scope::Sender, [1, 1, 0, 1], NO_GROUP, ALICE),
        (Scope::Group, [1, 1, 0, 0], GroupId(1), NOBODY),
        (Scope::Member, [1, 1, 0, 1], GroupId(1), ALICE),
    ];
    for (scope, passes, group, person) in cases {
        let (mut town, [first, second]) = town(messages(scope, 2));
        let elsewhere = matches!(scope, Scope::Group | Scope::Member);
        for (speaker, passes) in [ALICE, ALICE, ALICE, BOB].into_iter().zip(passes) {
            let said = town.say(speaker, first);
            let refusal = exceeded(group, person, 2, midnight);
            if passes == 1 {
                said.unwrap_or_else(|refusal| panic!("{scope:?}: {refusal}"));
            } else if speaker == ALICE {
                assert_eq!(said, Err(refusal), "{scope:?}");
            } else {
                assert!(said.is_err(), "{scope:?}");
            }
        }
        assert_eq!(town.say(ALICE, second).is_ok(), elsewhere, "{scope:?}");
        town.now = midnight;
        town.say(ALICE, first).expect("another day");
        town.check_counts();
    }
}

#[test]
fn a_message_and_its_charge_are_one_record_that_looks_like_any_message() {
    let (mut town, [group, _]) = town(messages(Scope::Sender, 2));
    let records = town.log.len();
    assert_eq!(town.say(ALICE, group), Ok(Sequence(2)));
    assert_eq!(town.log.len(), records + 1);
    let record = town.last.clone().unwrap();
    assert_eq!(record.stamp.kind, Kind::Text);
    assert!(matches!(
        record.events.as_slice(),
        [Event::Published(_), Event::Charged(_)]
    ));
    let shown = record.project();
    assert_eq!((shown.envelopes.len(), shown.deltas.len()), (1, 0));
}

#[test]
fn without_a_policy_a_message_costs_nothing() {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.say(ALICE, group).unwrap();
    assert_eq!(town.last.as_ref().unwrap().events.len(), 1);
}

#[test]
fn a_retry_of_a_message_is_free_and_a_refusal_costs_nothing() {
    let (mut town, [group, _]) = town(messages(Scope::Sender, 1));
    town.publish(by(ALICE), message(ALICE, group, 7, 0))
        .unwrap();
    let again = town.publish(by(ALICE), message(ALICE, group, 7, 0));
    assert!(again.unwrap().duplicate);
    let records = town.log.len();
    for _ in 0..3 {
        town.say(ALICE, group).unwrap_err();
    }
    assert_eq!(town.log.len(), records);
    assert_eq!(town.balance(OWN, NO_GROUP, ALICE).used, 1);
    town.check_counts();
}

#[test]
fn what_one_policy_refuses_no_other_is_charged_for() {
    let (mut town, [group, _]) = town(messages(Scope::Group, 1));
    let second = daily(OWN + 1, Scope::Sender, Unit::Messages, 9);
    town.set_policy(Actor::Enterprise, second).unwrap();
    town.say(ALICE, group).unwrap();
    town.say(ALICE, group).unwrap_err();
    assert_eq!(town.balance(OWN + 1, NO_GROUP, ALICE).used, 1);
    town.check_counts();
}

#[test]
fn a_rolling_window_is_exact_to_the_microsecond() {
    let (mut town, [group, _]) = town(rolling(messages(Scope::Sender, 2), 60));
    let start = town.now;
    let mut after = |us: i64| {
        town.now = start.plus_micros(us);
        let said = town.say(ALICE, group);
        town.check_counts();
        said.map(|_| ())
    };
    let second = 1_000_000;
    let busy = |until: i64| Err(exceeded(NO_GROUP, ALICE, 2, start.plus_micros(until)));
    assert_eq!(after(0), Ok(()));
    assert_eq!(after(30 * second), Ok(()));
    assert_eq!(after(60 * second - 1), busy(60 * second));
    assert_eq!(after(60 * second), Ok(()), "the first has just ended");
    assert_eq!(after(60 * second), busy(90 * second));
    assert_eq!(after(90 * second - 1), busy(90 * second));
    assert_eq!(after(90 * second), Ok(()));
    assert_eq!(after(500 * second), Ok(()));
    assert_eq!(after(500 * second), Ok(()));
    assert_eq!(after(500 * second), busy(560 * second));
}

#[test]
fn a_member_who_is_frozen_in_one_group_speaks_in_another() {
    let (mut town, [first, second]) = town(freezing(messages(Scope::Member, 1)));
    town.say(ALICE, first).unwrap();
    town.say(ALICE, first).unwrap_err();
    town.clock("2026-03-05T12:00:00+08:00");
    let frozen = town.say(ALICE, first);
    assert!(
        matches!(frozen, Err(Refusal::Frozen { group, person: ALICE, .. }) if group == first),
        "a freeze outlives midnight"
    );
    town.say(ALICE, second).unwrap();
    town.say(BOB, first).unwrap();
    assert!(town.balance(OWN, first, ALICE).frozen_since != Timestamp(0));
    let refused = town.release_freeze(by(BOB), OWN, first, ALICE);
    assert!(matches!(refused, Err(Refusal::NotPermitted { .. })));
    let admin = town.super_admin();
    town.release_freeze(by(admin), OWN, first, ALICE).unwrap();
    town.say(ALICE, first).unwrap();
}

#[test]
fn a_group_and_the_enterprise_itself_can_be_frozen_and_released() {
    for (scope, id) in [(Scope::Group, 1), (Scope::Tenant, 0)] {
        let (mut town, [first, _]) = town(freezing(messages(scope, 1)));
        town.say(ALICE, first).unwrap();
        let records = town.log.len();
        for _ in 0..3 {
            town.say(BOB, first).unwrap_err();
        }
        assert_eq!(town.log.len(), records + 1, "being frozen is one record");
        town.clock("2026-03-02T12:00:00+08:00");
        town.say(BOB, first).unwrap_err();
        let group = GroupId(id);
        town.release_freeze(Actor::Enterprise, OWN, group, NOBODY)
            .unwrap();
        town.say(BOB, first).unwrap();
    }
}

#[test]
fn a_personal_sender_reaches_200_people_a_day_each_once_a_target() {
    let mut town = Town::with_employees(101);
    let others: Vec<_> = (2..=101).map(PersonId).collect();
    let hundred = town.internal_group(ALICE, &others);
    let two = town.internal_group(ALICE, &[BOB, CAROL]);
    let personal = |person| {
        T::SetSenderClass(SetSenderClassV1 {
            person,
            class: SenderClass::Personal,
        })
    };
    town.ask(Actor::Enterprise, personal(ALICE)).unwrap();
    town.mass_send(ALICE, &[hundred, two], 0).unwrap();
    let refused = town.mass_send(ALICE, &[hundred], 0);
    assert_eq!(
        refused,
        Err(Refusal::QuotaExceeded {
            policy: PolicyId::PERSONAL_PERSON_TIMES_PER_DAY,
            group: NO_GROUP,
            person: ALICE,
            used: 102,
            limit: 200,
            retry_at: at("2026-03-02T00:00:00+08:00"),
            frozen: false,
        })
    );
    assert_eq!(town.quota(ALICE).used, 1, "the whole was refused");
    for _ in 0..4 {
        town.mass_send(BOB, &[hundred], 0)
            .expect("a standard sender reaches as many as there are");
    }
    town.check_counts();
}

#[test]
fn only_the_class_of_sender_that_is_named_is_counted() {
    let policy = PolicyV1 {
        senders: QuotaSenders::Standard,
        ..messages(Scope::Sender, 1)
    };
    let (mut town, [group, _]) = town(policy);
    let class = |person, class| T::SetSenderClass(SetSenderClassV1 { person, class });
    let personal = class(BOB, SenderClass::Personal);
    let refused = town.ask(by(BOB), personal.clone());
    assert!(matches!(refused, Err(Refusal::NotPermitted { .. })));
    let admin = town.super_admin();
    town.ask(by(admin), personal.clone()).unwrap();
    let records = town.log.len();
    town.ask(by(admin), personal).unwrap();
    assert_eq!(town.log.len(), records, "nothing changed");
    for _ in 0..2 {
        town.say(BOB, group).unwrap();
    }
    town.say(ALICE, group).unwrap();
    town.say(ALICE, group).unwrap_err();
    let standard = class(BOB, SenderClass::Standard);
    let raised = town.ask(by(admin), standard);
    assert!(matches!(raised, Ok(Reply::ApprovalPending(_))));
}

#[test]
fn a_backend_has_so_many_calls_in_any_minute_and_people_have_their_own() {
    let town = Town::with_employees(4);
    let mut town = town.limited(Limits {
        api_calls_per_minute_max: 2,
        ..Limits::default()
    });
    town.now = town.now.plus_micros(3_600_000_000);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.say(ALICE, group).unwrap();
    town.add(by(ALICE), group, &[DAVE]).unwrap();
    town.remove(Actor::Enterprise, group, &[DAVE]).unwrap();
    let (mass_sends, groups) = (town.now, town.state.tenants[0].groups.len());
    let refused = town.create(Actor::Enterprise, GroupKind::Internal, ALICE, &[BOB, CAROL]);
    let retry_at = mass_sends.plus_micros(60_000_000);
    assert_eq!(
        refused,
        Err(Refusal::QuotaExceeded {
            policy: PolicyId::API_CALLS_PER_MINUTE,
            group: NO_GROUP,
            person: NOBODY,
            used: 2,
            limit: 2,
            retry_at,
            frozen: false,
        })
    );
    assert_eq!(town.state.tenants[0].groups.len(), groups);
    town.look_at(group);
    town.set_policy(Actor::Enterprise, messages(Scope::Sender, 9))
        .expect("what changes quotas is no API call");
    town.now = retry_at;
    town.internal_group(ALICE, &[BOB, CAROL]);
    town.check_counts();
}

#[test]
fn groups_that_a_person_creates_are_counted() {
    let (mut town, _) = town(daily(OWN, Scope::Sender, Unit::GroupsCreated, 1));
    let create = |town: &mut Town, creator: PersonId| {
        town.create(by(creator), GroupKind::Internal, creator, &[CAROL, DAVE])
    };
    create(&mut town, ALICE).unwrap();
    let refused = create(&mut town, ALICE);
    assert!(matches!(refused, Err(Refusal::QuotaExceeded { .. })));
    create(&mut town, BOB).unwrap();
    town.internal_group(ALICE, &[BOB, CAROL]);
    town.check_counts();
}

#[test]
fn groups_of_a_batch_are_counted_and_the_one_too_many_is_refused_alone() {
    let (mut town, _) = town(daily(OWN, Scope::Tenant, Unit::GroupsCreated, 2));
    let group = new_group(GroupKind::Internal, ALICE, &[BOB, CAROL]);
    let items = [group.clone(), group.clone(), group];
    let (batch, _) = town.create_groups(Actor::Enterprise, 7, &items).unwrap();
    town.send_all();
    let state = town.batch(batch).unwrap();
    let codes: Vec<_> = state.items.iter().map(|item| item.code).collect();
    assert_eq!(codes, [0, 0, 15]);
    assert_eq!(town.balance(OWN, NO_GROUP, NOBODY).used, 2);
    town.check_counts();
    assert_eq!(town.replayed().hash(), town.state.hash());
}

#[test]
fn the_groups_that_follow_a_live_code_are_counted_on_who_made_it() {
    let (mut town, groups) = town(daily(OWN, Scope::Sender, Unit::GroupsCreated, 1));
    let code = live_code(groups[0], 3, "Next {n}", &[BOB]);
    let code = town.try_code(by(ALICE), code).unwrap().text;
    let joined = town.join_by(DAVE, &code).unwrap();
    assert_ne!(joined, Came::Into(groups[0]));
    assert_eq!(town.balance(OWN, NO_GROUP, ALICE).used, 1);
    assert_eq!(town.balance(OWN, NO_GROUP, DAVE).used, 0);
    town.check_counts();
}

#[test]
fn mass_sends_can_be_limited_for_the_whole_enterprise() {
    let (mut town, groups) = town(daily(OWN, Scope::Tenant, Unit::MassSends, 2));
    town.mass_send(ALICE, &groups, 0).unwrap();
    town.mass_send(BOB, &groups, 5).unwrap();
    town.mass_send(BOB, &groups, 5).expect("a retry is free");
    let midnight = at("2026-03-02T00:00:00+08:00");
    let refused = exceeded(NO_GROUP, NOBODY, 2, midnight);
    assert_eq!(town.mass_send(CAROL, &groups, 0), Err(refused));
    assert_eq!(town.quota(CAROL).used, 0);
    assert!(matches!(
        town.ask(
            by(BOB),
            T::ListPolicies(crate::model::command::ListPoliciesV1 {})
        ),
        Err(Refusal::NotPermitted { .. })
    ));
    assert!(matches!(town.balances(NO_GROUP, NOBODY).as_slice(), [of_all] if of_all.used == 2));
    town.check_counts();
    assert!(matches!(town.slice(), Reply::Published(_)));
}
