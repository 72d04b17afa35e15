//! Who may create groups, how many, and with whom (SPEC G4).

use crate::model::command::{
    Actor, Creators, GroupKind, NewGroupV1, OfTheEnterpriseV1, Reply, SetContactScopeV1,
    SetCreationPolicyV1, SetSelectableV1, TaggedCommand as T,
};
use crate::model::event::Event;
use crate::model::town::{ALICE, BOB, CAROL, DAVE, ERIN, Town, at, by, creation_policy, new_group};
use crate::model::{Limits, Refusal, State};
use crate::wire::{PersonId, Timestamp};

fn new() -> NewGroupV1 {
    of(ALICE)
}

fn of(owner: PersonId) -> NewGroupV1 {
    let others = [ALICE, BOB, CAROL].into_iter();
    let others: Vec<_> = others.filter(|other| *other != owner).collect();
    new_group(GroupKind::Internal, owner, &others[..2])
}

fn selectable(town: &mut Town, people: &[PersonId]) {
    let set = SetSelectableV1 {
        departments: Vec::new(),
        people: people.to_vec(),
    };
    town.ask(Actor::Enterprise, T::SetSelectable(set)).unwrap();
}

fn contacts(town: &mut Town, person: PersonId, people: &[PersonId]) {
    let set = SetContactScopeV1 {
        person,
        departments: Vec::new(),
        people: people.to_vec(),
    };
    town.ask(Actor::Enterprise, T::SetContactScope(set))
        .unwrap();
}

#[test]
fn the_sixth_group_of_a_day_is_refused_and_trips_risk_control_at_once() {
    let mut town = Town::with_employees(4);
    town.clock("2026-03-01T23:59:00+08:00");
    for _ in 0..5 {
        town.create_v2(by(ALICE), new()).unwrap();
    }
    let tripped = Err(Refusal::RiskControl {
        person: ALICE,
        since: town.now,
    });
    assert_eq!(town.create_v2(by(ALICE), new()), tripped);
    assert!(matches!(
        &town.last.as_ref().unwrap().events[..],
        [Event::RiskControlSet(set)] if set.person == ALICE && set.tripped
    ));
    let records = town.log.len();
    assert_eq!(town.create_v2(by(ALICE), new()), tripped);
    assert_eq!(town.log.len(), records, "one event however often one tries");
    town.clock("2026-03-02T09:00:00+08:00");
    assert_eq!(
        town.create_v2(by(ALICE), new()),
        tripped,
        "until an admin releases it"
    );
    town.create_v2(by(BOB), of(BOB))
        .expect("another person is untouched");
    town.create_v2(Actor::Enterprise, new())
        .expect("the enterprise is not counted");
    town.release_risk_control(Actor::Enterprise, ALICE).unwrap();
    town.create_v2(by(ALICE), new()).unwrap();
    assert_eq!(town.replayed().hash(), town.state.hash());
}

#[test]
fn a_release_lifts_the_hold_and_not_the_count() {
    let mut town = Town::with_employees(4);
    let admin = town.super_admin();
    for _ in 0..5 {
        town.create_v2(by(ALICE), new()).unwrap();
    }
    town.create_v2(by(ALICE), new()).unwrap_err();
    assert!(matches!(
        town.release_risk_control(by(BOB), ALICE),
        Err(Refusal::NotPermitted { .. })
    ));
    town.release_risk_control(by(admin), ALICE).unwrap();
    let records = town.log.len();
    town.release_risk_control(by(admin), ALICE).unwrap();
    town.release_risk_control(by(admin), DAVE).unwrap();
    assert_eq!(town.log.len(), records, "there is nothing to release");
    assert!(matches!(
        town.create_v2(by(ALICE), new()),
        Err(Refusal::RiskControl { .. })
    ));
}

#[test]
fn a_refused_creation_does_not_count() {
    let mut town = Town::with_employees(4);
    for _ in 0..20 {
        let lonely = new_group(GroupKind::Internal, ALICE, &[BOB]);
        town.create_v2(by(ALICE), lonely).unwrap_err();
    }
    for _ in 0..5 {
        town.create_v2(by(ALICE), new()).unwrap();
    }
    let lonely = new_group(GroupKind::Internal, ALICE, &[BOB]);
    town.create_v2(by(ALICE), lonely).unwrap_err();
    assert!(town.last.is_none(), "what is refused anyway trips nothing");
}

#[test]
fn a_day_ends_at_midnight_of_the_enterprises_zone_even_when_it_has_23_hours() {
    let mut town = Town::with_employees(0);
    town.tenant = town.create_tenant("Europe/Berlin", Timestamp(0));
    town.employees(4);
    town.clock("2026-03-29T00:00:00+01:00");
    for _ in 0..3 {
        town.create_v2(by(ALICE), new()).unwrap();
    }
    town.clock("2026-03-29T23:59:59+02:00");
    for _ in 0..2 {
        town.create_v2(by(ALICE), new()).unwrap();
    }
    let midnight = at("2026-03-30T00:00:00+02:00");
    let began = at("2026-03-29T00:00:00+01:00");
    assert_eq!(midnight.micros_since(began), 23 * 3_600_000_000);
    town.now = midnight;
    town.create_v2(by(ALICE), new()).unwrap();
    town.clock("2026-03-29T23:59:59+02:00");
    for _ in 0..4 {
        town.create_v2(by(ALICE), new())
            .expect("a clock that stepped back opens no window and closes none");
    }
    town.create_v2(by(ALICE), new()).unwrap_err();
}

#[test]
fn counts_and_holds_survive_a_restart() {
    let mut town = Town::with_employees(4);
    for _ in 0..5 {
        town.create_v2(by(ALICE), new()).unwrap();
    }
    town.create_v2(by(ALICE), new()).unwrap_err();
    for _ in 0..5 {
        town.create_v2(by(BOB), of(BOB)).unwrap();
    }
    for state in [
        State::from_snapshot(&town.state.to_snapshot()).unwrap(),
        town.replayed(),
    ] {
        town.state = state;
        for person in [ALICE, BOB] {
            let refused = town.create_v2(by(person), of(person));
            assert!(matches!(refused, Err(Refusal::RiskControl { .. })));
        }
    }
}

#[test]
fn a_conversation_of_two_counts_for_nobody_and_is_not_locked() {
    let mut town = Town::with_employees(9);
    town.set_creation_policy(creation_policy(Creators::Nobody));
    for other in 2..=9 {
        town.direct(by(ALICE), ALICE, PersonId(other)).unwrap();
    }
}

#[test]
fn how_many_a_day_is_configuration() {
    let limits = Limits {
        groups_created_per_day_max: 1,
        ..Limits::default()
    };
    let mut town = Town::with_employees(3).limited(limits);
    town.create_v2(by(ALICE), new()).unwrap();
    town.create_v2(by(ALICE), new()).unwrap_err();
}

#[test]
fn under_the_security_lock_nobody_creates_but_the_enterprise() {
    let mut town = Town::with_employees(3);
    let admin = town.super_admin();
    town.set_creation_policy(creation_policy(Creators::Nobody));
    let locked = Err(Refusal::CreationLocked { mobile: false });
    assert_eq!(town.create_v2(by(ALICE), new()), locked);
    let kind = GroupKind::External;
    assert_eq!(
        town.create_v2(by(admin), new_group(kind, admin, &[BOB, CAROL])),
        locked,
        "nobody is nobody"
    );
    assert_eq!(
        town.create(by(ALICE), GroupKind::Internal, ALICE, &[BOB, CAROL]),
        locked,
        "by an older client neither"
    );
    town.create_v2(Actor::Enterprise, new()).unwrap();
    town.state = State::from_snapshot(&town.state.to_snapshot()).unwrap();
    assert_eq!(town.create_v2(by(ALICE), new()), locked);
}

#[test]
fn only_the_people_listed_create() {
    let mut town = Town::with_employees(3);
    town.set_creation_policy(SetCreationPolicyV1 {
        people: vec![CAROL, BOB, BOB],
        ..creation_policy(Creators::People)
    });
    assert_eq!(
        town.create_v2(by(ALICE), new()),
        Err(Refusal::NotACreator { person: ALICE })
    );
    town.create_v2(by(BOB), of(BOB)).unwrap();
    town.state = State::from_snapshot(&town.state.to_snapshot()).unwrap();
    town.create_v2(by(CAROL), of(CAROL)).unwrap();
}

#[test]
fn where_approval_is_needed_a_person_waits_for_it() {
    let mut town = Town::with_employees(3);
    town.set_creation_policy(creation_policy(Creators::WithApproval));
    assert!(matches!(
        town.create_v2(by(ALICE), new()),
        Err(Refusal::NeedsApproval { .. })
    ));
    town.create_v2(Actor::Enterprise, new()).unwrap();
}

#[test]
fn the_policy_is_the_enterprises_and_the_super_admins_to_set_and_to_read() {
    let mut town = Town::with_employees(3);
    let admin = town.super_admin();
    let policy = SetCreationPolicyV1 {
        people: vec![BOB],
        ..creation_policy(Creators::People)
    };
    let set = T::SetCreationPolicy(policy.clone());
    assert!(matches!(
        town.ask(by(ALICE), set.clone()),
        Err(Refusal::NotPermitted { .. })
    ));
    town.ask(by(admin), set).unwrap();
    selectable(&mut town, &[BOB, CAROL]);
    let get = T::GetCreationPolicy(OfTheEnterpriseV1 {});
    assert!(town.ask(by(ALICE), get.clone()).is_err());
    let Ok(Reply::CreationPolicy(read)) = town.ask(by(admin), get) else {
        panic!("not read");
    };
    assert_eq!(read.policy, policy);
    assert_eq!(read.selectable.people, [BOB, CAROL]);
    let stranger = SetCreationPolicyV1 {
        people: vec![PersonId(99)],
        ..creation_policy(Creators::People)
    };
    assert_eq!(
        town.ask(Actor::Enterprise, T::SetCreationPolicy(stranger)),
        Err(Refusal::NoSuchPerson {
            person: PersonId(99)
        })
    );
}

#[test]
fn only_who_may_be_selected_is_in_a_new_group_or_added_to_one() {
    let mut town = Town::with_employees(5);
    selectable(&mut town, &[BOB, CAROL]);
    let group = town.create_v2(by(ALICE), new()).unwrap();
    let not_selectable = Refusal::NotSelectable { person: DAVE };
    let with_dave = new_group(GroupKind::Internal, ALICE, &[BOB, DAVE]);
    assert_eq!(
        town.create_v2(by(ALICE), with_dave.clone()),
        Err(not_selectable.clone())
    );
    assert_eq!(
        town.add(by(ALICE), group, &[DAVE]),
        Err(not_selectable.clone())
    );
    assert_eq!(town.direct(by(ALICE), ALICE, DAVE), Err(not_selectable));
    town.create_v2(Actor::Enterprise, with_dave).unwrap();
    town.add(Actor::Enterprise, group, &[DAVE]).unwrap();
    selectable(&mut town, &[]);
    town.add(by(ALICE), group, &[ERIN])
        .expect("nobody named is everyone");
}

#[test]
fn a_creator_with_a_narrower_scope_selects_from_both() {
    let mut town = Town::with_employees(5);
    contacts(&mut town, ALICE, &[BOB, CAROL, DAVE]);
    selectable(&mut town, &[BOB, CAROL, ERIN]);
    town.state = State::from_snapshot(&town.state.to_snapshot()).unwrap();
    town.create_v2(by(ALICE), new()).unwrap();
    for out in [DAVE, ERIN] {
        let with = new_group(GroupKind::Internal, ALICE, &[BOB, out]);
        assert_eq!(
            town.create_v2(by(ALICE), with),
            Err(Refusal::NotSelectable { person: out })
        );
    }
    let by_bob = new_group(GroupKind::Internal, BOB, &[CAROL, ERIN]);
    town.create_v2(by(BOB), by_bob)
        .expect("another creator's scope is their own");
    contacts(&mut town, ALICE, &[]);
    let wider = new_group(GroupKind::Internal, ALICE, &[BOB, ERIN]);
    town.create_v2(by(ALICE), wider).unwrap();
}

#[test]
fn a_scope_is_of_employees_and_leaves_contacts_to_those_they_belong_to() {
    let mut town = Town::with_employees(3);
    let admin = town.super_admin();
    let customer = town.customers(1)[0];
    selectable(&mut town, &[BOB]);
    let external = new_group(GroupKind::External, admin, &[BOB, customer]);
    town.create_v2(by(admin), external).unwrap();
}

#[test]
fn a_department_admins_external_group_waits_for_approval() {
    let mut town = Town::with_employees(3);
    let index = town.state.tenants[0].find_person(ALICE).unwrap();
    town.state.tenants[0].person_mut(index).role = crate::model::command::OrgRole::DepartmentAdmin;
    let external = new_group(GroupKind::External, ALICE, &[BOB, CAROL]);
    let asked = town.ask(by(ALICE), T::CreateGroupV2(external.clone()));
    assert!(matches!(asked, Ok(Reply::ApprovalPending(_))));
    assert!(matches!(
        town.create_v2(
            by(BOB),
            NewGroupV1 {
                owner: BOB,
                members: vec![ALICE, CAROL],
                ..external
            }
        ),
        Err(Refusal::NotPermitted { .. })
    ));
    assert!(town.state.tenants[0].groups.is_empty());
}
