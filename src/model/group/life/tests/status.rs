use super::{invalid, not_permitted};
use crate::model::command::{Actor, GroupRole, OrgRole, PersonKind};
use crate::model::event::{Event, GroupStatus};
use crate::model::town::{ALICE, BOB, CAROL, DAVE, ERIN, Town, by};
use crate::model::{MembershipDelta, Refusal, attach};
use crate::wire::{GroupId, Kind, PersonId, Sequence};

const NOBODY: PersonId = PersonId(0);

fn town() -> (Town, GroupId) {
    let mut town = Town::with_employees(5);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    (town, group)
}

/// Alice alone for the company, with two customers.
fn external() -> (Town, GroupId, [PersonId; 2]) {
    let mut town = Town::with_employees(2);
    let customers = town.customers(2);
    let group = town.external_group(ALICE, &customers);
    (town, group, [customers[0], customers[1]])
}

fn deltas(town: &Town) -> Vec<(PersonId, bool, bool, Sequence)> {
    let deltas = town.projection().deltas.into_iter();
    let plain = |delta: MembershipDelta| (delta.person, delta.joined, delta.view_only, delta.at);
    deltas.map(plain).collect()
}

#[test]
fn in_a_disabled_group_everything_is_refused_and_nobody_sees_it() {
    let (mut town, group) = town();
    let disabled = town.disable(Actor::Enterprise, group).unwrap();
    assert_eq!(
        deltas(&town),
        [ALICE, BOB, CAROL].map(|person| (person, false, true, disabled))
    );
    assert_eq!(
        town.projection().envelopes[0].header().kind(),
        Kind::Disabled
    );
    let refused = || Refusal::GroupDisabled { group };
    assert_eq!(town.say(ALICE, group), Err(refused()));
    assert_eq!(town.add(by(ALICE), group, &[DAVE]), Err(refused()));
    assert_eq!(town.announce(by(ALICE), group, "x"), Err(refused()));
    assert_eq!(town.mute_all(by(ALICE), group, true), Err(refused()));
    assert_eq!(town.hide(BOB, group), Err(refused()));
    assert_eq!(town.settings(by(ALICE), group), Err(refused()));
    assert_eq!(town.members_as(by(BOB), group), Err(refused()));
    assert_eq!(town.disable(Actor::Enterprise, group), Err(refused()));
    for person in [ALICE, BOB, CAROL] {
        assert!(town.groups_of(person).is_empty());
    }
    let status = town.settings(Actor::Enterprise, group).unwrap().status;
    assert_eq!(status, GroupStatus::Disabled, "who could enable it reads");
}

#[test]
fn leavers_are_removed_from_a_disabled_group_and_its_owner_is_succeeded() {
    let (mut town, group) = town();
    town.disable(Actor::Enterprise, group).unwrap();
    town.leave(CAROL, group).unwrap();
    town.depart(ALICE).unwrap();
    let settings = town.settings(Actor::Enterprise, group).unwrap();
    assert_eq!(
        (settings.status, settings.owner),
        (GroupStatus::Disabled, BOB)
    );
    assert!(town.orphaned(Actor::Enterprise).unwrap().is_empty());
    town.enable(Actor::Enterprise, group, NOBODY).unwrap();
    town.say(BOB, group).unwrap();
}

#[test]
fn an_enabled_group_is_seen_again_from_the_sequence_of_enabling() {
    let (mut town, group) = town();
    town.do_not_disturb(by(BOB), group, BOB).unwrap();
    town.disable(Actor::Enterprise, group).unwrap();
    let enabled = town.enable(Actor::Enterprise, group, NOBODY).unwrap();
    assert_eq!(
        deltas(&town),
        [ALICE, BOB, CAROL].map(|person| (person, true, true, enabled))
    );
    let state = town.look_at(group);
    assert_eq!((state.owner, state.head), (ALICE, enabled));
    assert_eq!(town.groups_of(BOB), [group]);
    assert!(town.settings(by(BOB), group).unwrap().do_not_disturb);
    let once_more = town.enable(Actor::Enterprise, group, NOBODY);
    assert!(invalid(once_more, "group"));
}

#[test]
fn the_group_is_not_brought_back_to_who_had_hidden_it() {
    let (mut town, group) = town();
    town.hide(BOB, group).unwrap();
    town.disable(Actor::Enterprise, group).unwrap();
    let enabled = town.enable(Actor::Enterprise, group, NOBODY).unwrap();
    assert_eq!(
        deltas(&town),
        [ALICE, CAROL].map(|person| (person, true, true, enabled))
    );
    assert!(town.groups_of(BOB).is_empty());
}

#[test]
fn owners_disable_nothing_and_department_admins_their_own_subtree_only() {
    let (mut town, group) = town();
    let boss = town.super_admin();
    assert!(not_permitted(town.disable(by(ALICE), group)));
    let head = ERIN;
    town.state.tenants[0].people[4].role = OrgRole::DepartmentAdmin;
    assert!(not_permitted(town.disable(by(head), group)));
    town.disable(by(boss), group).unwrap();
    assert!(not_permitted(town.enable(by(ALICE), group, NOBODY)));
    town.enable(by(boss), group, NOBODY).unwrap();
}

#[test]
fn a_group_may_change_hands_as_it_is_enabled() {
    let (mut town, group) = town();
    town.disable(Actor::Enterprise, group).unwrap();
    town.enable(Actor::Enterprise, group, BOB).unwrap();
    let members = town.members(group);
    let roles: Vec<_> = members.iter().map(|member| member.role).collect();
    assert_eq!(
        roles,
        [GroupRole::Admin, GroupRole::Owner, GroupRole::Member]
    );
    town.disable(Actor::Enterprise, group).unwrap();
    town.enable(Actor::Enterprise, group, DAVE).unwrap();
    assert_eq!(town.look_at(group).owner, DAVE);
    assert_eq!(town.members(group).len(), 4);
}

#[test]
fn an_external_group_without_an_employee_is_disabled_and_super_admins_are_told() {
    let (mut town, group, customers) = external();
    let boss = town.super_admin();
    let left = town.leave(ALICE, group).unwrap();
    let record = town.last.clone().unwrap();
    assert!(matches!(record.events[1], Event::GroupOrphaned(_)));
    assert_eq!(record.stamp.kind, Kind::Left);
    let expected = [
        (ALICE, false, false, left),
        (customers[0], false, true, left),
        (customers[1], false, true, left),
    ];
    assert_eq!(deltas(&town), expected);
    assert_eq!(town.orphaned(by(boss)), Ok(vec![group]));
    assert!(not_permitted(town.orphaned(by(BOB))));
    assert!(town.groups_of(customers[0]).is_empty());
    assert_eq!(
        town.say(customers[0], group),
        Err(Refusal::GroupDisabled { group })
    );
}

#[test]
fn who_leaves_the_company_orphans_each_group_where_they_were_alone() {
    let (mut town, group, customers) = external();
    let other = town.external_group(ALICE, &customers);
    let shared = town.external_group(ALICE, &[BOB, customers[0]]);
    town.depart(ALICE).unwrap();
    let view = deltas(&town).into_iter().filter(|delta| delta.2).count();
    assert_eq!(view, 4, "two customers in each of the two");
    assert_eq!(town.orphaned(Actor::Enterprise), Ok(vec![group, other]));
    assert_eq!(town.look_at(shared).owner, BOB);
    assert_eq!(town.groups_of(customers[0]), [shared]);
}

#[test]
fn an_orphaned_group_comes_back_only_with_an_employee_to_own_it() {
    let (mut town, group, customers) = external();
    town.leave(ALICE, group).unwrap();
    let without = town.enable(Actor::Enterprise, group, NOBODY);
    assert!(invalid(without, "owner"));
    let person = customers[0];
    let refused = town.enable(Actor::Enterprise, group, person);
    assert_eq!(refused, Err(Refusal::NotAnEmployee { person }));
    let enabled = town.enable(Actor::Enterprise, group, BOB).unwrap();
    let expected = [
        (BOB, true, false, enabled),
        (customers[0], true, true, enabled),
        (customers[1], true, true, enabled),
    ];
    assert_eq!(deltas(&town), expected, "the new owner joins for it");
    assert_eq!(town.look_at(group).owner, BOB);
    assert!(town.orphaned(Actor::Enterprise).unwrap().is_empty());
    town.say(customers[0], group).unwrap();
}

#[test]
fn a_new_owner_who_has_to_join_needs_a_place() {
    let mut town = Town::with_employees(2);
    let customers = town.customers(2);
    let group = town.external_group(ALICE, &customers);
    let mut town = town.limited(crate::model::Limits {
        external_members_max: 2,
        ..crate::model::Limits::default()
    });
    town.leave(ALICE, group).unwrap();
    let full = Refusal::GroupFull { group, cap: 2 };
    assert_eq!(town.enable(Actor::Enterprise, group, BOB), Err(full));
}

#[test]
fn the_last_to_leave_a_disabled_group_dissolves_it() {
    let (mut town, group) = town();
    town.disable(Actor::Enterprise, group).unwrap();
    let everybody = [ALICE, BOB, CAROL];
    town.remove(Actor::Enterprise, group, &everybody).unwrap();
    assert!(town.look_at(group).dissolved);
    let refused = town.enable(Actor::Enterprise, group, ALICE);
    assert_eq!(refused, Err(Refusal::GroupDissolved { group }));
}

#[test]
fn ties_of_succession_are_broken_by_the_order_of_the_list() {
    let mut town = Town::with_employees(5);
    let group = town.internal_group(ALICE, &[DAVE, BOB, CAROL]);
    town.leave(ALICE, group).unwrap();
    assert_eq!(town.look_at(group).owner, DAVE);
    town.leave(DAVE, group).unwrap();
    assert_eq!(town.look_at(group).owner, BOB);
}

#[test]
fn a_super_admin_dissolves_any_group_and_inherits_its_history() {
    let (mut town, group) = town();
    let boss = town.super_admin();
    town.dissolve(by(boss), group).unwrap();
    let settings = town.settings(by(boss), group).unwrap();
    assert_eq!(settings.heirs, [boss]);
    assert_eq!(settings.status, GroupStatus::Dissolved);
    let own = town.internal_group(ALICE, &[BOB, CAROL]);
    town.dissolve(by(ALICE), own).unwrap();
    let settings = town.settings(by(boss), own).unwrap();
    assert!(settings.heirs.is_empty(), "an owner inherits nothing");
}

#[test]
fn only_a_dissolved_group_is_deleted_and_then_it_is_not_there() {
    let (mut town, group) = town();
    let boss = town.super_admin();
    assert!(invalid(town.delete_group(by(boss), group), "group"));
    town.dissolve(by(ALICE), group).unwrap();
    assert!(not_permitted(town.delete_group(by(ALICE), group)));
    town.delete_group(by(boss), group).unwrap();
    let gone = Refusal::NoSuchGroup { group };
    assert_eq!(town.settings(by(ALICE), group), Err(gone.clone()));
    assert_eq!(town.say(ALICE, group), Err(gone.clone()));
    assert_eq!(town.delete_group(by(boss), group), Err(gone.clone()));
    assert_eq!(town.members_as(by(boss), group), Err(gone));
    assert!(town.settings(by(boss), group).unwrap().deleted);
}

#[test]
fn every_way_out_ends_reading_at_the_sequence_it_takes() {
    type WayOut = fn(&mut Town, GroupId) -> bool;
    let ways: [WayOut; 4] = [
        |town, group| town.leave(CAROL, group).is_ok(),
        |town, group| town.remove(by(ALICE), group, &[CAROL]).is_ok(),
        |town, _| town.depart(CAROL).is_ok(),
        |town, group| town.disable(Actor::Enterprise, group).is_ok(),
    ];
    for way_out in ways {
        let (mut town, group) = town();
        town.say(BOB, group).unwrap();
        assert!(way_out(&mut town, group));
        let head = town.state.tenants[0].groups[0].head;
        let shown = deltas(&town);
        let carols = shown.iter().find(|delta| delta.0 == CAROL).unwrap();
        assert_eq!((carols.1, carols.3), (false, head));
        assert!(town.say(CAROL, group).is_err());
        assert!(
            attach(&town.state, town.tenant, CAROL)
                .unwrap_or_default()
                .is_empty()
        );
    }
}

#[test]
fn an_admin_removes_another_admin_and_not_the_owner() {
    let (mut town, group) = town();
    town.add(by(ALICE), group, &[DAVE]).unwrap();
    town.appoint(group, BOB);
    town.appoint(group, CAROL);
    assert!(not_permitted(town.remove(by(BOB), group, &[ALICE])));
    town.remove(by(BOB), group, &[CAROL, DAVE]).unwrap();
    assert_eq!(town.members(group).len(), 2);
}

#[test]
fn hiding_is_ones_own_and_lasts_until_one_restores() {
    let (mut town, group) = town();
    let head = town.look_at(group).head;
    town.hide(CAROL, group).unwrap();
    assert!(town.projection().envelopes.is_empty() && deltas(&town).is_empty());
    assert!(town.groups_of(CAROL).is_empty());
    assert_eq!(town.hidden_from(CAROL), [group]);
    assert_eq!(town.groups_of(BOB), [group]);
    town.say(BOB, group).unwrap();
    assert!(
        town.groups_of(CAROL).is_empty(),
        "a message brings it not back"
    );
    town.restore(CAROL, group).unwrap();
    let from = head.next().next();
    assert_eq!(deltas(&town), [(CAROL, true, true, from)]);
    assert!(town.projection().envelopes.is_empty());
    assert_eq!(town.groups_of(CAROL), [group]);
    assert_eq!(town.look_at(group).head, head.next());
}

#[test]
fn hiding_twice_and_restoring_what_is_seen_write_no_record() {
    let (mut town, group) = town();
    town.restore(BOB, group).unwrap();
    assert!(town.last.is_none());
    town.hide(BOB, group).unwrap();
    town.hide(BOB, group).unwrap();
    assert!(town.last.is_none());
    let person = DAVE;
    let outsider = town.hide(person, group);
    assert_eq!(outsider, Err(Refusal::NotAMember { person, group }));
}

#[test]
fn customers_hide_groups_too() {
    let (mut town, group, customers) = external();
    town.hide(customers[0], group).unwrap();
    assert!(town.groups_of(customers[0]).is_empty());
    let kind = town.state.tenants[0].people[2].kind;
    assert_eq!(kind, PersonKind::Customer);
}
