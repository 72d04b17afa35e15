//! What every tenant has: mass sends a day, and a limit of its own.

use crate::model::command::{
    Actor, PersonV1, PolicyId, QuotaPolicy, Reply, SetQuotaV1, TaggedCommand as T,
};
use crate::model::town::{ALICE, BOB, CAROL, Town, at, by};
use crate::model::{Limits, Refusal, State};
use crate::wire::{GroupId, PersonId, RecordNumber, Timestamp};

const POLICY: PolicyId = PolicyId::MASS_SENDS_PER_SENDER_AND_DAY;
const NO_GROUP: GroupId = GroupId(0);

fn town() -> (Town, Vec<GroupId>) {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    (town, vec![group])
}

fn limit(town: &mut Town, actor: Actor, limit: u32) -> Result<Reply, Refusal> {
    let policy = QuotaPolicy::MassSendsPerSenderPerDay;
    town.ask(actor, T::SetQuota(SetQuotaV1 { policy, limit }))
}

fn release(town: &mut Town, actor: Actor, person: PersonId) -> Result<Reply, Refusal> {
    town.ask(actor, T::ReleaseFreeze(PersonV1 { person }))
}

fn exceeded(used: u32, limit: u32, retry_at: Timestamp) -> Result<RecordNumber, Refusal> {
    Err(Refusal::QuotaExceeded {
        policy: POLICY,
        group: NO_GROUP,
        person: ALICE,
        used,
        limit,
        retry_at,
        frozen: true,
    })
}

#[test]
fn the_501st_mass_send_of_a_day_is_refused_and_freezes_the_sender() {
    let (mut town, groups) = town();
    town.clock("2026-03-01T23:59:00+08:00");
    for _ in 0..500 {
        town.mass_send(ALICE, &groups, 0).unwrap();
    }
    let midnight = at("2026-03-02T00:00:00+08:00");
    let frozen_at = town.now;
    assert_eq!(
        town.mass_send(ALICE, &groups, 0),
        exceeded(500, 500, midnight)
    );
    town.clock("2026-03-02T00:00:01+08:00");
    let frozen = Err(Refusal::Frozen {
        policy: POLICY,
        group: NO_GROUP,
        person: ALICE,
        since: frozen_at,
    });
    assert_eq!(
        town.mass_send(ALICE, &groups, 0),
        frozen,
        "a freeze outlives midnight"
    );
    town.mass_send(BOB, &groups, 0)
        .expect("another sender is untouched");
}

#[test]
fn being_refused_again_and_again_makes_one_record() {
    let (mut town, groups) = town();
    limit(&mut town, Actor::Enterprise, 1).unwrap();
    town.mass_send(ALICE, &groups, 0).unwrap();
    let records = town.log.len();
    for _ in 0..100 {
        town.mass_send(ALICE, &groups, 0).unwrap_err();
    }
    assert_eq!(town.log.len(), records + 1);
}

#[test]
fn a_release_lifts_the_freeze_and_not_the_count() {
    let (mut town, groups) = town();
    let admin = town.super_admin();
    limit(&mut town, by(admin), 2).unwrap();
    for _ in 0..2 {
        town.mass_send(ALICE, &groups, 0).unwrap();
    }
    town.mass_send(ALICE, &groups, 0).unwrap_err();
    assert!(matches!(
        release(&mut town, by(BOB), ALICE),
        Err(Refusal::NotPermitted { .. })
    ));
    release(&mut town, by(admin), ALICE).unwrap();
    let midnight = at("2026-03-02T00:00:00+08:00");
    assert_eq!(town.mass_send(ALICE, &groups, 0), exceeded(2, 2, midnight));
    release(&mut town, Actor::Enterprise, ALICE).unwrap();
    town.now = midnight;
    town.mass_send(ALICE, &groups, 0)
        .expect("a new day, and no freeze");
    assert_eq!(town.quota(ALICE).used, 1);
}

#[test]
fn releasing_who_is_not_frozen_changes_nothing() {
    let (mut town, _) = town();
    release(&mut town, Actor::Enterprise, ALICE).unwrap();
    assert!(town.last.is_none());
}

#[test]
fn a_limit_applies_from_the_next_window_on() {
    let (mut town, groups) = town();
    for _ in 0..3 {
        town.mass_send(ALICE, &groups, 0).unwrap();
    }
    assert!(matches!(
        limit(&mut town, by(BOB), 1_000),
        Err(Refusal::NotPermitted { .. })
    ));
    limit(&mut town, Actor::Enterprise, 1).unwrap();
    for sender in [ALICE, BOB, BOB] {
        let sent = town.mass_send(sender, &groups, 0);
        sent.expect("today's window keeps its limit for everybody (SPEC Q5)");
    }
    town.clock("2026-03-02T00:00:00+08:00");
    town.mass_send(ALICE, &groups, 0).unwrap();
    let midnight = at("2026-03-03T00:00:00+08:00");
    assert_eq!(town.mass_send(ALICE, &groups, 0), exceeded(1, 1, midnight));
}

#[test]
fn a_limit_applies_at_once_where_no_window_is_open() {
    let (mut town, groups) = town();
    limit(&mut town, Actor::Enterprise, 9).unwrap();
    limit(&mut town, Actor::Enterprise, 1).unwrap();
    town.mass_send(ALICE, &groups, 0).unwrap();
    town.mass_send(ALICE, &groups, 0).unwrap_err();
}

#[test]
fn raising_a_limit_needs_the_approval_of_another_super_admin() {
    let (mut town, _) = town();
    let admin = town.super_admin();
    limit(&mut town, by(admin), 400).unwrap();
    let raised = limit(&mut town, by(admin), 401);
    assert!(matches!(raised, Ok(Reply::ApprovalPending(_))));
    limit(&mut town, Actor::Enterprise, 401).expect("the backend answers for itself");
}

#[test]
fn the_nodes_default_is_configuration() {
    let (town, groups) = town();
    let mut town = town.limited(Limits {
        mass_sends_per_day_max: 0,
        ..Limits::default()
    });
    town.mass_send(ALICE, &groups, 0).unwrap_err();
    assert_eq!(town.quota(ALICE).limit, 0);
}

#[test]
fn what_is_left_can_be_asked() {
    let (mut town, groups) = town();
    town.mass_send(ALICE, &groups, 0).unwrap();
    let quota = town.quota(ALICE);
    assert_eq!((quota.used, quota.limit, quota.frozen), (1, 500, false));
    assert_eq!(quota.window_ends, at("2026-03-02T00:00:00+08:00"));
    town.now = quota.window_ends;
    let tomorrow = town.quota(ALICE);
    assert_eq!(
        (tomorrow.used, tomorrow.window_ends),
        (0, at("2026-03-03T00:00:00+08:00"))
    );
    let others = town.ask(by(BOB), T::GetQuotas(PersonV1 { person: ALICE }));
    assert!(matches!(others, Err(Refusal::NotPermitted { .. })));
}

#[test]
fn a_clock_that_goes_back_opens_no_new_window() {
    let (mut town, groups) = town();
    limit(&mut town, Actor::Enterprise, 1).unwrap();
    town.clock("2026-03-02T00:00:00+08:00");
    town.mass_send(ALICE, &groups, 0).unwrap();
    town.clock("2026-03-01T23:00:00+08:00");
    let retry_at = at("2026-03-03T00:00:00+08:00");
    assert_eq!(town.mass_send(ALICE, &groups, 0), exceeded(1, 1, retry_at));
}

#[test]
fn nothing_is_decided_before_the_latest_record() {
    let (mut town, groups) = town();
    town.clock("2026-03-02T00:00:00+08:00");
    town.mass_send(ALICE, &groups, 0).unwrap();
    town.clock("2026-03-01T23:00:00+08:00");
    let ends = town.quota(BOB).window_ends;
    assert_eq!(
        ends,
        at("2026-03-03T00:00:00+08:00"),
        "who has used nothing is in today too"
    );
}

#[test]
fn a_day_of_25_hours_has_one_quota() {
    let mut town = Town::with_employees(0);
    town.tenant = town.create_tenant("Europe/Berlin", Timestamp(i64::MAX));
    town.employees(3);
    let groups = [town.internal_group(ALICE, &[BOB, CAROL])];
    limit(&mut town, Actor::Enterprise, 2).unwrap();
    town.clock("2026-10-25T00:00:00+02:00");
    town.mass_send(ALICE, &groups, 0).unwrap();
    town.clock("2026-10-25T23:59:59+01:00");
    town.mass_send(ALICE, &groups, 0).unwrap();
    let midnight = at("2026-10-26T00:00:00+01:00");
    assert_eq!(
        midnight.0 - at("2026-10-25T00:00:00+02:00").0,
        25 * 3_600_000_000
    );
    assert_eq!(town.mass_send(ALICE, &groups, 0), exceeded(2, 2, midnight));
}

#[test]
fn counts_and_freezes_survive_a_restart() {
    let (mut town, groups) = town();
    limit(&mut town, Actor::Enterprise, 1).unwrap();
    town.mass_send(ALICE, &groups, 0).unwrap();
    town.mass_send(ALICE, &groups, 0).unwrap_err();
    town.mass_send(BOB, &groups, 0).unwrap();
    for state in [
        State::from_snapshot(&town.state.to_snapshot()).unwrap(),
        town.replayed(),
    ] {
        town.state = state;
        assert!(matches!(
            town.mass_send(ALICE, &groups, 0),
            Err(Refusal::Frozen { .. })
        ));
        assert_eq!(town.quota(BOB).used, 1);
    }
}
