//! Policies set, changed and removed: when that takes effect, and for whom.

use crate::model::command::{
    Actor, ListPoliciesV1, PolicyId, PolicyStateV1, PolicyV1, QuotaScope as Scope, QuotaSenders,
    QuotaUnit as Unit, QuotaWindow, Reply, TaggedCommand as T, WhenExceeded,
};
use crate::model::town::quotas::{daily, freezing, rolling};
use crate::model::town::{ALICE, BOB, CAROL, Town, at, by};
use crate::model::{Limits, Refusal, State};
use crate::wire::{GroupId, PersonId, Timestamp};

const NO_GROUP: GroupId = GroupId(0);
const OWN: u16 = 16;
const ENTERPRISE: Actor = Actor::Enterprise;

fn town() -> (Town, GroupId) {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    (town, group)
}

fn messages(limit: u32) -> PolicyV1 {
    daily(OWN, Scope::Sender, Unit::Messages, limit)
}

fn policies(town: &mut Town) -> Vec<PolicyStateV1> {
    match town.ask(ENTERPRISE, T::ListPolicies(ListPoliciesV1 {})) {
        Ok(Reply::Policies(list)) => list.policies,
        other => panic!("{other:?}"),
    }
}

/// How many messages the speaker gets through.
fn passes(town: &mut Town, speaker: PersonId, group: GroupId) -> usize {
    let passed = (0..20).take_while(|_| town.say(speaker, group).is_ok());
    let passed = passed.count();
    town.check_counts();
    passed
}

#[test]
fn a_new_policy_counts_from_the_moment_it_is_set() {
    let (mut town, group) = town();
    assert_eq!(passes(&mut town, ALICE, group), 20);
    town.set_policy(ENTERPRISE, messages(3)).unwrap();
    assert_eq!(passes(&mut town, ALICE, group), 3);
    assert_eq!(
        town.balance(OWN, NO_GROUP, ALICE).window_ends,
        at("2026-03-02T00:00:00+08:00")
    );
}

#[test]
fn a_change_waits_for_the_window_that_is_open_and_holds_for_everybody() {
    let (mut town, group) = town();
    town.set_policy(ENTERPRISE, messages(5)).unwrap();
    town.say(ALICE, group).unwrap();
    town.set_policy(ENTERPRISE, messages(3)).unwrap();
    assert_eq!(passes(&mut town, BOB, group), 5, "who had used nothing too");
    assert_eq!(passes(&mut town, ALICE, group), 4);
    let midnight = at("2026-03-02T00:00:00+08:00");
    let listed = policies(&mut town).pop().unwrap();
    assert_eq!(listed.now, Some(messages(5)));
    assert_eq!(
        (listed.next_from, listed.next),
        (midnight, Some(messages(3)))
    );
    town.now = midnight;
    let listed = policies(&mut town).pop().unwrap();
    assert_eq!((listed.now, listed.next), (Some(messages(3)), None));
    assert_eq!(passes(&mut town, ALICE, group), 3);
}

#[test]
fn the_latest_of_several_changes_holds() {
    let (mut town, group) = town();
    town.set_policy(ENTERPRISE, messages(5)).unwrap();
    town.say(ALICE, group).unwrap();
    for limit in [1, 9, 2] {
        town.set_policy(ENTERPRISE, messages(limit)).unwrap();
    }
    let records = town.log.len();
    town.set_policy(ENTERPRISE, messages(2)).unwrap();
    assert_eq!(town.log.len(), records, "nothing changed");
    town.clock("2026-03-02T00:00:00+08:00");
    assert_eq!(passes(&mut town, ALICE, group), 2);
}

#[test]
fn a_change_of_window_leaves_neither_gap_nor_overlap() {
    let (mut town, group) = town();
    town.set_policy(ENTERPRISE, messages(2)).unwrap();
    assert_eq!(passes(&mut town, ALICE, group), 2);
    let monthly = PolicyV1 {
        window: QuotaWindow::Month,
        zone: "Europe/Berlin".to_owned(),
        ..messages(3)
    };
    town.set_policy(ENTERPRISE, monthly).unwrap();
    town.clock("2026-03-01T23:59:59+08:00");
    assert_eq!(passes(&mut town, BOB, group), 2, "today is a day still");
    town.clock("2026-03-02T00:00:00+08:00");
    assert_eq!(passes(&mut town, ALICE, group), 3);
    town.clock("2026-03-31T23:59:59+02:00");
    assert_eq!(passes(&mut town, ALICE, group), 0);
    town.clock("2026-04-01T00:00:00+02:00");
    assert_eq!(passes(&mut town, ALICE, group), 3);
}

#[test]
fn a_rolling_policy_changes_when_all_it_counts_has_ended() {
    let (mut town, group) = town();
    let start = town.now;
    town.set_policy(ENTERPRISE, rolling(messages(2), 60))
        .unwrap();
    town.say(ALICE, group).unwrap();
    town.now = start.plus_micros(10_000_000);
    town.set_policy(ENTERPRISE, rolling(messages(5), 60))
        .unwrap();
    assert_eq!(passes(&mut town, ALICE, group), 1);
    town.now = start.plus_micros(69_999_999);
    assert_eq!(passes(&mut town, ALICE, group), 1, "the old limit of 2");
    town.now = start.plus_micros(70_000_000);
    assert_eq!(
        passes(&mut town, ALICE, group),
        4,
        "the one before still counts"
    );
}

#[test]
fn a_removed_policy_ends_with_its_window_and_leaves_its_id_free() {
    let (mut town, group) = town();
    town.set_policy(ENTERPRISE, freezing(messages(1))).unwrap();
    assert_eq!(passes(&mut town, ALICE, group), 1);
    town.remove_policy(ENTERPRISE, OWN).unwrap();
    town.say(ALICE, group).unwrap_err();
    town.clock("2026-03-02T00:00:00+08:00");
    assert_eq!(
        passes(&mut town, ALICE, group),
        20,
        "its freezes end with it"
    );
    let gone = town.remove_policy(ENTERPRISE, OWN);
    let policy = PolicyId(OWN);
    assert_eq!(gone, Err(Refusal::NoSuchPolicy { policy }));
    let other = rolling(daily(OWN, Scope::Group, Unit::Messages, 2), 60);
    town.set_policy(ENTERPRISE, other).unwrap();
    assert_eq!(
        passes(&mut town, ALICE, group),
        2,
        "and frozen by none before"
    );
    town.remove_policy(ENTERPRISE, OWN).unwrap();
    town.now = town.now.plus_micros(60_000_000);
    let replaced = daily(OWN, Scope::Group, Unit::Messages, 3);
    town.set_policy(ENTERPRISE, replaced).unwrap();
    assert_eq!(passes(&mut town, ALICE, group), 3, "its counts are its own");
}

#[test]
fn a_preset_can_be_switched_off_and_on_again() {
    let (mut town, group) = town();
    town.remove_policy(ENTERPRISE, 1).unwrap();
    for _ in 0..501 {
        town.mass_send(ALICE, &[group], 0).unwrap();
    }
    assert!(town.balances(NO_GROUP, ALICE).is_empty());
    let preset = freezing(daily(1, Scope::Sender, Unit::MassSends, 1));
    town.set_policy(ENTERPRISE, preset).unwrap();
    town.mass_send(ALICE, &[group], 0).unwrap();
    town.mass_send(ALICE, &[group], 0).unwrap_err();
    town.check_counts();
}

#[test]
fn a_freeze_outlives_a_change_of_its_policy() {
    let (mut town, group) = town();
    town.set_policy(ENTERPRISE, freezing(messages(1))).unwrap();
    assert_eq!(passes(&mut town, ALICE, group), 1);
    town.set_policy(ENTERPRISE, messages(9)).unwrap();
    town.clock("2026-03-09T00:00:00+08:00");
    assert!(matches!(
        town.say(ALICE, group),
        Err(Refusal::Frozen { .. })
    ));
    town.release_freeze(ENTERPRISE, OWN, NO_GROUP, ALICE)
        .unwrap();
    assert_eq!(passes(&mut town, ALICE, group), 9);
}

#[test]
fn what_may_allow_more_is_approved_by_somebody_else() {
    let (mut town, _) = town();
    let admin = by(town.super_admin());
    let ten = freezing(messages(10));
    town.set_policy(admin, ten.clone())
        .expect("a new one allows nothing more");
    let lower = PolicyV1 {
        limit: 9,
        ..ten.clone()
    };
    town.set_policy(admin, lower).unwrap();
    for raised in [
        ten.clone(),
        PolicyV1 {
            limit: 9,
            exceeded: WhenExceeded::Reject,
            ..ten.clone()
        },
        PolicyV1 {
            limit: 9,
            window: QuotaWindow::Month,
            ..ten.clone()
        },
    ] {
        let asked = town.set_policy(admin, raised);
        assert!(matches!(asked, Ok(Reply::ApprovalPending(_))));
    }
    let removed = town.remove_policy(admin, OWN);
    assert!(matches!(removed, Ok(Reply::ApprovalPending(_))));
    let nobodys = town.set_policy(by(ALICE), messages(1));
    assert!(matches!(nobodys, Err(Refusal::NotPermitted { .. })));
}

#[test]
fn a_policy_that_could_not_be_counted_is_refused() {
    let (mut town, _) = town();
    let with = |change: fn(&mut PolicyV1)| {
        let mut policy = messages(5);
        change(&mut policy);
        policy
    };
    let cases: [(&str, PolicyV1); 11] = [
        ("scope", with(|policy| policy.scope = Scope::Customer)),
        ("scope", with(|policy| policy.unit = Unit::ApiCalls)),
        ("scope", daily(OWN, Scope::Member, Unit::MassSends, 1)),
        ("scope", daily(OWN, Scope::Group, Unit::PersonTimes, 1)),
        (
            "senders",
            PolicyV1 {
                senders: QuotaSenders::Personal,
                ..daily(OWN, Scope::Group, Unit::Messages, 1)
            },
        ),
        (
            "zone",
            with(|policy| policy.zone = "Mars/Olympus".to_owned()),
        ),
        (
            "zone",
            rolling(with(|policy| policy.zone = "UTC".to_owned()), 60),
        ),
        ("length_s", with(|policy| policy.length_s = 60)),
        ("length_s", rolling(messages(1), 0)),
        ("length_s", rolling(messages(1), 31 * 86_400 + 1)),
        ("limit", rolling(messages(10_001), 60)),
    ];
    for (wrong, policy) in cases {
        let refused = town.set_policy(ENTERPRISE, policy);
        let named = matches!(refused, Err(Refusal::Invalid { field, .. }) if field == wrong);
        assert!(named, "{wrong}: {refused:?}");
    }
    for id in [0, 9, 15] {
        let reserved = daily(id, Scope::Sender, Unit::Messages, 1);
        town.set_policy(ENTERPRISE, reserved).unwrap_err();
    }
    assert!(town.last.is_none());
}

#[test]
fn what_a_policy_counts_never_changes() {
    let (mut town, _) = town();
    town.set_policy(ENTERPRISE, messages(5)).unwrap();
    for other in [
        daily(OWN, Scope::Group, Unit::Messages, 5),
        daily(OWN, Scope::Sender, Unit::MassSends, 5),
        daily(1, Scope::Tenant, Unit::MassSends, 5),
    ] {
        let refused = town.set_policy(ENTERPRISE, other);
        assert!(matches!(
            refused,
            Err(Refusal::Invalid {
                field: "policy",
                ..
            })
        ));
    }
}

#[test]
fn a_tenant_has_so_many_policies_and_no_more() {
    let (town, _) = town();
    let mut town = town.limited(Limits {
        quota_policies_max: 6,
        ..Limits::default()
    });
    for id in [OWN, OWN + 1] {
        let policy = daily(id, Scope::Sender, Unit::Messages, 5);
        town.set_policy(ENTERPRISE, policy).unwrap();
    }
    let policy = daily(OWN + 2, Scope::Sender, Unit::Messages, 5);
    let refused = town.set_policy(ENTERPRISE, policy.clone());
    assert_eq!(refused, Err(Refusal::TooManyPolicies { limit: 6 }));
    town.remove_policy(ENTERPRISE, OWN).unwrap();
    town.set_policy(ENTERPRISE, policy).unwrap();
}

#[test]
fn policies_charges_and_freezes_survive_a_restart() {
    let (mut town, group) = town();
    town.set_policy(ENTERPRISE, freezing(messages(2))).unwrap();
    let by_minute = rolling(daily(OWN + 1, Scope::Member, Unit::Messages, 4), 60);
    town.set_policy(ENTERPRISE, by_minute).unwrap();
    for _ in 0..3 {
        let _ = town.say(ALICE, group);
        town.now = town.now.plus_micros(1_000_000);
    }
    town.set_policy(ENTERPRISE, messages(9)).unwrap();
    town.say(BOB, group).unwrap();
    for state in [
        State::from_snapshot(&town.state.to_snapshot()).unwrap(),
        town.replayed(),
    ] {
        assert_eq!(state.hash(), town.state.hash());
        town.state = state;
        assert!(matches!(
            town.say(ALICE, group),
            Err(Refusal::Frozen { .. })
        ));
        assert_eq!(town.balance(OWN, NO_GROUP, BOB).used, 1);
        assert_eq!(town.balance(OWN + 1, group, ALICE).used, 2);
        assert_eq!(policies(&mut town).pop().unwrap().now.unwrap().length_s, 60);
        let first = policies(&mut town).remove(3);
        assert_eq!(first.next, Some(messages(9)));
        town.check_counts();
    }
}

#[test]
fn what_has_ended_leaves_no_trace_in_the_state() {
    let (mut town, group) = town();
    town.set_policy(ENTERPRISE, rolling(messages(3), 60))
        .unwrap();
    for person in [ALICE, BOB, CAROL] {
        town.say(person, group).unwrap();
    }
    town.now = town.now.plus_micros(60_000_000);
    for _ in 0..3 {
        town.say(ALICE, group).unwrap();
    }
    let quotas = &town.state.tenants[0].quotas;
    assert_eq!((quotas.accounts.len(), quotas.sweep.len()), (1, 1));
}

#[test]
fn another_tenants_quotas_are_nobody_elses() {
    let (mut town, group) = town();
    town.set_policy(ENTERPRISE, messages(1)).unwrap();
    assert_eq!(passes(&mut town, ALICE, group), 1);
    town.tenant = town.create_tenant("UTC", Timestamp(i64::MAX));
    town.employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    assert_eq!(passes(&mut town, ALICE, group), 20);
    let policy = PolicyId(OWN);
    let gone = town.remove_policy(ENTERPRISE, OWN);
    assert_eq!(gone, Err(Refusal::NoSuchPolicy { policy }));
}
