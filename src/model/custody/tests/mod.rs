//! Custody by its rules: what is kept, held, erased, and who may say so.

mod announcements;
mod random;
mod recorded;

use super::Gone;
use super::command::*;
use crate::model::command::{Actor, Reply, TaggedCommand as T};
use crate::model::town::{ALICE, BOB, CAROL, Town, by};
use crate::model::{Limits, Refusal, State};
use crate::wire::{GroupId, HoldId, TenantId};

const DAY_US: i64 = 86_400_000_000;
/// The UTC day on which every town begins.
const TODAY: i32 = 20_513;

fn reason() -> String {
    "case 17".to_owned()
}

fn retain(town: &mut Town, class: ContentClass, days: u32) {
    let set = SetRetentionV1 {
        class,
        days,
        reason: reason(),
    };
    let done = town.ask(Actor::Enterprise, T::SetRetention(set));
    done.expect("the enterprise sets its retention");
}

fn hold(town: &mut Town, groups: &[GroupId], days: (i32, i32)) -> Result<HoldId, Refusal> {
    let place = PlaceHoldV1 {
        groups: groups.to_vec(),
        first_day: days.0,
        last_day: days.1,
        reason: reason(),
    };
    match town.ask(Actor::Enterprise, T::PlaceHold(place))? {
        Reply::HoldPlaced(placed) => Ok(placed.hold),
        other => panic!("{other:?}"),
    }
}

fn release(town: &mut Town, hold: HoldId) -> Result<Reply, Refusal> {
    let reason = reason();
    let release = ReleaseHoldV1 { hold, reason };
    town.ask(Actor::Enterprise, T::ReleaseHold(release))
}

fn erase(town: &mut Town, group: GroupId, days: (i32, i32)) -> Result<Reply, Refusal> {
    let erase = EraseContentV1 {
        group,
        first_day: days.0,
        last_day: days.1,
        reason: reason(),
    };
    town.ask(Actor::Enterprise, T::EraseContent(erase))
}

fn expire(town: &mut Town) {
    let done = town.ask(Actor::System, T::ExpireContent(ExpireContentV1 {}));
    done.expect("Throng itself may");
}

fn is_gone(town: &Town, group: GroupId, day: i32) -> bool {
    Gone::of(&town.state).has(town.tenant, group, day)
}

/// A town with an internal and an external group.
fn town() -> (Town, GroupId, GroupId) {
    let mut town = Town::with_employees(4);
    let team = town.internal_group(ALICE, &[BOB, CAROL]);
    let customers = town.external_group(ALICE, &[BOB, CAROL]);
    (town, team, customers)
}

#[test]
fn content_expires_by_its_class_once_its_days_are_over() {
    let (mut town, team, customers) = town();
    assert_eq!(town.now.utc_day(), TODAY);
    retain(&mut town, ContentClass::Internal, 30);
    expire(&mut town);
    assert!(
        !is_gone(&town, team, TODAY - 30),
        "the thirtieth day after is not over"
    );
    assert!(is_gone(&town, team, TODAY - 31));
    assert!(!is_gone(&town, customers, TODAY - 31), "kept for ever");
    assert!(!is_gone(&town, GroupId(0), TODAY - 31));

    let before = town.next;
    expire(&mut town);
    assert_eq!(
        town.next, before,
        "nothing new is due, and nothing is recorded"
    );
    town.now = town.now.plus_micros(DAY_US);
    expire(&mut town);
    assert!(is_gone(&town, team, TODAY - 30));

    retain(&mut town, ContentClass::Internal, 0);
    expire(&mut town);
    assert!(
        is_gone(&town, team, TODAY - 30),
        "what is gone never comes back"
    );
    assert!(!is_gone(&town, team, TODAY - 29));
}

#[test]
fn a_hold_beats_retention_until_it_is_released() {
    let (mut town, team, customers) = town();
    retain(&mut town, ContentClass::Internal, 10);
    retain(&mut town, ContentClass::External, 10);
    let held = hold(&mut town, &[team], (TODAY - 100, TODAY - 50)).unwrap();
    expire(&mut town);
    assert!(!is_gone(&town, team, TODAY - 100));
    assert!(!is_gone(&town, team, TODAY - 50));
    assert!(is_gone(&town, team, TODAY - 49), "not held");
    assert!(is_gone(&town, customers, TODAY - 60), "another group");
    release(&mut town, held).unwrap();
    assert!(is_gone(&town, team, TODAY - 60), "due long since");
    let again = release(&mut town, held);
    assert!(
        matches!(again, Err(Refusal::Invalid { field: "hold", .. })),
        "{again:?}"
    );
}

#[test]
fn what_two_holds_cover_is_kept_until_both_are_released() {
    let (mut town, team, customers) = town();
    retain(&mut town, ContentClass::Internal, 10);
    retain(&mut town, ContentClass::External, 10);
    let days = (TODAY - 100, TODAY - 50);
    let first = hold(&mut town, &[], days).unwrap();
    expire(&mut town);
    // Placed when its class had expired, but the first has kept it.
    let second = hold(&mut town, &[team], (TODAY - 60, TODAY - 55)).unwrap();
    release(&mut town, first).unwrap();
    assert!(!is_gone(&town, team, TODAY - 60), "the second covers it");
    let refused = erase(&mut town, team, (TODAY - 60, TODAY - 60));
    assert_eq!(refused, Err(Refusal::Held { hold: second }));
    release(&mut town, second).unwrap();
    assert!(is_gone(&town, team, TODAY - 60));
    assert!(is_gone(&town, customers, TODAY - 60));
}

#[test]
fn a_hold_brings_nothing_back() {
    let (mut town, team, _) = town();
    retain(&mut town, ContentClass::Internal, 10);
    expire(&mut town);
    let late = hold(&mut town, &[team], (TODAY - 100, TODAY - 50));
    assert!(
        matches!(
            late,
            Err(Refusal::Invalid {
                field: "last_day",
                ..
            })
        ),
        "{late:?}"
    );
    hold(&mut town, &[team], (TODAY - 100, TODAY)).unwrap();
    assert!(is_gone(&town, team, TODAY - 50));
    town.now = town.now.plus_micros(40 * DAY_US);
    expire(&mut town);
    assert!(!is_gone(&town, team, TODAY), "held before it was due");
    assert!(is_gone(&town, team, TODAY + 1));
}

#[test]
fn erased_content_is_gone_at_once_and_what_is_held_or_of_today_is_not_erased() {
    let (mut town, team, customers) = town();
    let held = hold(&mut town, &[customers], (TODAY - 5, TODAY - 5)).unwrap();
    erase(&mut town, team, (TODAY - 7, TODAY - 1)).unwrap();
    assert!(is_gone(&town, team, TODAY - 7) && is_gone(&town, team, TODAY - 1));
    assert!(!is_gone(&town, team, TODAY - 8) && !is_gone(&town, team, TODAY));
    let refused = erase(&mut town, customers, (TODAY - 7, TODAY - 1));
    assert_eq!(refused, Err(Refusal::Held { hold: held }));
    let today = erase(&mut town, team, (TODAY, TODAY));
    assert!(
        matches!(
            today,
            Err(Refusal::Invalid {
                field: "last_day",
                ..
            })
        ),
        "{today:?}"
    );
    let nobodys = erase(&mut town, GroupId(77), (TODAY - 1, TODAY - 1));
    assert_eq!(nobodys, Err(Refusal::NoSuchGroup { group: GroupId(77) }));
    erase(&mut town, GroupId(0), (TODAY - 1, TODAY - 1)).unwrap();
    assert!(is_gone(&town, GroupId(0), TODAY - 1));
    assert!(
        !Gone::of(&town.state).has(TenantId(2), team, TODAY - 1),
        "another enterprise's"
    );
}

#[test]
fn one_person_alone_neither_erases_nor_releases_nor_shortens() {
    let (mut town, team, _) = town();
    let (admin, other) = (town.super_admin(), town.super_admin());
    let held = hold(&mut town, &[team], (TODAY - 5, TODAY - 4)).unwrap();
    let asked = [
        T::EraseContent(EraseContentV1 {
            group: team,
            first_day: TODAY - 9,
            last_day: TODAY - 9,
            reason: reason(),
        }),
        T::ReleaseHold(ReleaseHoldV1 {
            hold: held,
            reason: reason(),
        }),
        T::SetRetention(SetRetentionV1 {
            class: ContentClass::Internal,
            days: 1,
            reason: reason(),
        }),
    ];
    for command in asked {
        let denied = town.ask(by(ALICE), command.clone());
        assert!(
            matches!(denied, Err(Refusal::NotPermitted { .. })),
            "{denied:?}"
        );
        let pending = town.ask(by(admin), command);
        let Ok(Reply::ApprovalPending(pending)) = pending else {
            panic!("{pending:?}")
        };
        let own = town.decide(by(admin), pending.approval, true);
        assert!(matches!(own, Err(Refusal::OwnApproval { .. })), "{own:?}");
        assert!(!is_gone(&town, team, TODAY - 5), "nothing yet");
        town.decide(by(other), pending.approval, true).unwrap();
    }
    assert!(is_gone(&town, team, TODAY - 9));
    expire(&mut town);
    assert!(
        is_gone(&town, team, TODAY - 5),
        "released, and one day is over"
    );
}

#[test]
fn bounds_are_kept() {
    let (town, team, customers) = town();
    let mut town = town.limited(Limits {
        holds_max: 1,
        hold_groups_max: 1,
        erasures_max: 2,
        ..Limits::default()
    });
    let days = (TODAY - 9, TODAY - 9);
    let field = |refused: Result<HoldId, Refusal>| match refused {
        Err(Refusal::Invalid { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(field(hold(&mut town, &[team, customers], days)), "groups");
    assert_eq!(field(hold(&mut town, &[team], (9, 8))), "last_day");
    assert_eq!(field(hold(&mut town, &[team], (i32::MIN, 8))), "first_day");
    hold(&mut town, &[customers], days).unwrap();
    assert_eq!(field(hold(&mut town, &[customers], days)), "groups");
    erase(&mut town, team, days).unwrap();
    erase(&mut town, team, (TODAY - 8, TODAY - 8)).unwrap(); // One range with the first.
    erase(&mut town, team, (TODAY - 2, TODAY - 2)).unwrap();
    let third = erase(&mut town, team, (TODAY - 5, TODAY - 5));
    assert!(matches!(third, Err(Refusal::Invalid { .. })), "{third:?}");
}

#[test]
fn the_audit_trail_expires_by_its_own_retention_and_any_hold_of_its_day_keeps_it() {
    let (mut town, team, _) = town();
    let over = |town: &Town, day: i32| Gone::of(&town.state).trail_is_over(town.tenant, day);
    let node = |town: &Town, day: i32| Gone::of(&town.state).trail_is_over(TenantId(0), day);
    retain(&mut town, ContentClass::Internal, 10);
    expire(&mut town);
    assert!(!over(&town, TODAY - 1_000), "kept for ever");
    assert!(is_gone(&town, team, TODAY - 11));

    // A hold of any group, though its content has expired: the trail has not.
    let held = (TODAY - 60, TODAY - 50);
    hold(&mut town, &[team], held).expect_err("nothing expires that it would keep");
    retain(&mut town, ContentClass::AuditTrail, 30);
    let held = hold(&mut town, &[team], held).unwrap();
    expire(&mut town);
    assert!(over(&town, TODAY - 31) && !over(&town, TODAY - 30));
    assert!(!over(&town, TODAY - 50) && !over(&town, TODAY - 60));
    assert!(over(&town, TODAY - 49) && over(&town, TODAY - 61));
    assert!(node(&town, TODAY - 49) && !node(&town, TODAY - 50));
    assert!(
        is_gone(&town, team, TODAY - 50),
        "a hold brings nothing back"
    );
    assert_eq!(Gone::of(&town.state).trail_through(), Some(TODAY - 31));

    release(&mut town, held).unwrap();
    assert!(over(&town, TODAY - 50));
    retain(&mut town, ContentClass::AuditTrail, 0);
    expire(&mut town);
    assert!(over(&town, TODAY - 31), "what is over stays so");

    let state = State::from_snapshot(&town.state.to_snapshot()).unwrap();
    assert_eq!(state.hash(), town.state.hash());
    let other = TenantId(town.tenant.0 + 1);
    assert!(!Gone::of(&town.state).trail_is_over(other, TODAY - 1_000));
}
