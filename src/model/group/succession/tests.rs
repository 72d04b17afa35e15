use crate::model::Refusal;
use crate::model::command::{Actor, CreateTenantV1, Reply, Succession, TaggedCommand as T};
use crate::model::town::{ALICE, BOB, CAROL, DAVE, Town};
use crate::wire::{Kind, PersonId, Timestamp};

#[test]
fn the_longest_serving_admin_succeeds_an_owner_who_leaves() {
    let mut town = Town::with_employees(5);
    let group = town.internal_group(ALICE, &[BOB, CAROL, DAVE]);
    for admin in [DAVE, CAROL] {
        town.appoint(group, admin);
    }
    town.leave(ALICE, group).unwrap();
    assert_eq!(town.look_at(group).owner, DAVE);
    town.leave(DAVE, group).unwrap();
    assert_eq!(town.look_at(group).owner, CAROL);
    town.leave(CAROL, group).unwrap();
    assert_eq!(
        town.look_at(group).owner,
        BOB,
        "no admin: the longest-serving member"
    );
}

#[test]
fn with_join_order_admins_have_no_precedence() {
    let mut town = Town::with_employees(0);
    let create = CreateTenantV1 {
        name: "Other".to_owned(),
        zone: "UTC".to_owned(),
        verified_until: Timestamp(i64::MAX),
        succession: Succession::JoinOrder,
    };
    let Ok(Reply::TenantCreated(created)) = town.ask(Actor::Node, T::CreateTenant(create)) else {
        panic!("not created");
    };
    town.tenant = created.tenant;
    town.employees(4);
    let group = town.internal_group(ALICE, &[DAVE, BOB, CAROL]);
    town.appoint(group, CAROL);
    town.leave(ALICE, group).unwrap();
    assert_eq!(
        town.look_at(group).owner,
        DAVE,
        "ties go by the creation list"
    );
}

#[test]
fn only_employees_succeed_and_without_one_an_external_group_is_disabled() {
    let mut town = Town::with_employees(2);
    let customers = town.customers(2);
    let group = town.external_group(ALICE, &[customers[0], BOB, customers[1]]);
    town.leave(ALICE, group).unwrap();
    assert_eq!(town.look_at(group).owner, BOB);
    town.depart(BOB).unwrap();
    assert_eq!(town.look_at(group).owner, PersonId(0));
    let disabled = Err(Refusal::GroupDisabled { group });
    assert_eq!(town.say(customers[0], group), disabled);
    let newcomer = town.employees(1);
    assert_eq!(town.add(Actor::Enterprise, group, &newcomer), disabled);
    town.leave(customers[0], group)
        .expect("leaving always works");
    town.leave(customers[1], group).unwrap();
    assert!(town.look_at(group).dissolved, "an empty group is dissolved");
}

#[test]
fn the_last_to_leave_dissolves_the_group() {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.remove(Actor::Enterprise, group, &[ALICE, BOB])
        .unwrap();
    town.leave(CAROL, group).unwrap();
    assert_eq!(town.last.as_ref().unwrap().stamp.kind, Kind::Dissolved);
    assert!(town.look_at(group).dissolved);
}
