use crate::model::command::{
    Actor, GroupKind, GroupRole, MemberV1, RenameGroupV1, Reply, SetRoleV1, TaggedCommand as T,
};
use crate::model::town::{ALICE, BOB, CAROL, DAVE, ERIN, Town, at, by};
use crate::model::{Refusal, attach};
use crate::wire::{GroupId, Kind, MembershipBody, PersonId, Sequence, Timestamp};

fn set_role(
    town: &mut Town,
    actor: Actor,
    group: GroupId,
    person: PersonId,
    role: GroupRole,
) -> Result<Reply, Refusal> {
    let set = SetRoleV1 {
        group,
        person,
        role,
    };
    town.ask(actor, T::SetRole(set))
}

fn transfer(
    town: &mut Town,
    actor: Actor,
    group: GroupId,
    person: PersonId,
) -> Result<Reply, Refusal> {
    town.ask(actor, T::TransferOwnership(MemberV1 { group, person }))
}

#[allow(clippy::needless_pass_by_value)] // Reads better at its call sites.
fn not_permitted<T>(result: Result<T, Refusal>) -> bool {
    matches!(result, Err(Refusal::NotPermitted { .. }))
}

#[test]
fn a_group_needs_two_others() {
    let mut town = Town::with_employees(3);
    let kind = GroupKind::Internal;
    let refused = town.create(by(ALICE), kind, ALICE, &[BOB]);
    assert_eq!(refused, Err(Refusal::TooFewMembers { need: 2, have: 1 }));
    town.create(by(ALICE), kind, ALICE, &[BOB, CAROL]).unwrap();
}

#[test]
fn nobody_is_twice_in_the_list_of_a_new_group() {
    let mut town = Town::with_employees(3);
    for members in [[BOB, BOB], [ALICE, BOB]] {
        let refused = town.create(by(ALICE), GroupKind::Internal, ALICE, &members);
        assert!(matches!(
            refused,
            Err(Refusal::Invalid {
                field: "members",
                ..
            })
        ));
    }
}

#[test]
fn the_creator_owns_and_only_the_enterprise_names_another() {
    let mut town = Town::with_employees(3);
    let kind = GroupKind::Internal;
    assert!(not_permitted(town.create(
        by(BOB),
        kind,
        ALICE,
        &[BOB, CAROL]
    )));
    let group = town
        .create(Actor::Enterprise, kind, ALICE, &[BOB, CAROL])
        .unwrap();
    assert_eq!(town.look_at(group).owner, ALICE);
    assert_eq!(town.members(group)[0].role, GroupRole::Owner);
}

#[test]
fn an_internal_group_is_for_employees() {
    let mut town = Town::with_employees(3);
    let customer = town.customers(1)[0];
    let refused = town.create(by(ALICE), GroupKind::Internal, ALICE, &[BOB, customer]);
    let not_an_employee = Refusal::NotAnEmployee { person: customer };
    assert_eq!(refused, Err(not_an_employee.clone()));
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    assert_eq!(
        town.add(by(ALICE), group, &[customer]),
        Err(not_an_employee)
    );
}

#[test]
fn an_external_group_is_made_by_super_admins_and_the_enterprise_and_owned_by_an_employee() {
    let mut town = Town::with_employees(3);
    let customer = town.customers(1)[0];
    let admin = town.super_admin();
    let kind = GroupKind::External;
    assert!(not_permitted(town.create(
        by(ALICE),
        kind,
        ALICE,
        &[BOB, customer]
    )));
    town.create(by(admin), kind, admin, &[BOB, customer])
        .unwrap();
    let refused = town.create(Actor::Enterprise, kind, customer, &[ALICE, BOB]);
    assert_eq!(refused, Err(Refusal::NotAnEmployee { person: customer }));
}

#[test]
fn the_cap_of_an_internal_group_is_exact() {
    let mut town = Town::with_employees(2_000);
    let late = town.employees(2);
    let members: Vec<_> = (2..=1_999).map(PersonId).collect();
    let group = town.internal_group(ALICE, &members);
    let full = Err(Refusal::GroupFull { group, cap: 2_000 });
    assert_eq!(town.look_at(group).members, 1_999);
    assert_eq!(
        town.add(by(ALICE), group, &late),
        full,
        "a list that does not fit is refused whole"
    );
    assert_eq!(town.look_at(group).members, 1_999);
    town.add(by(ALICE), group, &late[..1]).unwrap();
    assert_eq!(town.add(by(ALICE), group, &late[1..]), full);
    town.leave(BOB, group).unwrap();
    town.add(by(ALICE), group, &late[1..])
        .expect("a place came free");
}

#[test]
fn a_new_group_over_its_cap_is_refused() {
    let mut town = Town::with_employees(1);
    let customers = town.customers(500);
    let refused = town.create(Actor::Enterprise, GroupKind::External, ALICE, &customers);
    let cap = 500;
    let group = GroupId(0);
    assert_eq!(refused, Err(Refusal::GroupFull { group, cap }));
    town.external_group(ALICE, &customers[1..]);
}

#[test]
fn when_verification_lapses_large_groups_keep_members_and_admit_none() {
    let mut town = Town::with_employees(1);
    let lapses = at("2026-04-01T00:00:00Z");
    town.tenant = town.create_tenant("UTC", lapses);
    town.employees(1);
    let customers = town.customers(500);
    let group = town.external_group(ALICE, &customers[..300]);
    let small = town.external_group(ALICE, &customers[..199]);
    town.now = Timestamp(lapses.0 - 1);
    town.add(by(ALICE), group, &customers[300..301]).unwrap();
    town.now = lapses;
    let full = |group| Err(Refusal::GroupFull { group, cap: 200 });
    assert_eq!(
        town.add(by(ALICE), group, &customers[301..302]),
        full(group)
    );
    let kept = town.look_at(group);
    assert_eq!((kept.members, kept.cap), (302, 200));
    assert_eq!(
        town.add(by(ALICE), small, &customers[301..302]),
        full(small)
    );
    town.say(customers[0], group).expect("members stay members");
}

#[test]
fn who_is_in_already_is_not_added_and_nobody_twice() {
    let mut town = Town::with_employees(5);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    let person = BOB;
    let refused = town.add(by(ALICE), group, &[DAVE, BOB]);
    assert_eq!(refused, Err(Refusal::AlreadyAMember { person, group }));
    assert!(town.add(by(ALICE), group, &[DAVE, DAVE]).is_err());
    assert!(town.add(by(ALICE), group, &[]).is_err());
    assert_eq!(town.look_at(group).members, 3);
    town.add(by(ALICE), group, &[DAVE, ERIN]).unwrap();
}

#[test]
fn who_has_left_the_company_is_not_added() {
    let mut town = Town::with_employees(4);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.depart(DAVE).unwrap();
    let refused = town.add(by(ALICE), group, &[DAVE]);
    assert_eq!(refused, Err(Refusal::Departed { person: DAVE }));
}

#[test]
fn nobody_joins_by_oneself_and_customers_invite_nobody() {
    let mut town = Town::with_employees(4);
    let customers = town.customers(2);
    let group = town.external_group(ALICE, &[BOB, customers[0]]);
    assert!(not_permitted(town.add(by(CAROL), group, &[CAROL])));
    assert!(not_permitted(town.add(
        by(customers[0]),
        group,
        &[customers[1]]
    )));
    town.add(by(BOB), group, &[CAROL])
        .expect("employees may invite");
    town.add(Actor::Enterprise, group, &[DAVE]).unwrap();
}

#[test]
fn admins_remove_anyone_but_the_owner() {
    let mut town = Town::with_employees(5);
    let group = town.internal_group(ALICE, &[BOB, CAROL, DAVE, ERIN]);
    set_role(&mut town, by(ALICE), group, BOB, GroupRole::Admin).unwrap();
    assert!(not_permitted(town.remove(by(CAROL), group, &[DAVE])));
    assert!(not_permitted(town.remove(by(BOB), group, &[DAVE, ALICE])));
    town.remove(by(BOB), group, &[DAVE]).unwrap();
    assert_eq!(
        town.remove(by(ALICE), group, &[DAVE]),
        Err(Refusal::NotAMember {
            person: DAVE,
            group
        })
    );
    town.remove(Actor::Enterprise, group, &[ALICE]).unwrap();
    assert_eq!(town.look_at(group).owner, BOB);
}

#[test]
fn removed_people_may_neither_speak_nor_read_from_the_next_sequence_on() {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.say(BOB, group).unwrap();
    let removed = town.remove(by(ALICE), group, &[BOB]).unwrap();
    assert_eq!(removed, Sequence(3));
    let projection = town.projection();
    let [delta] = projection.deltas[..] else {
        panic!("{projection:?}");
    };
    assert_eq!(
        (delta.person, delta.joined, delta.at),
        (BOB, false, removed)
    );
    let person = BOB;
    assert_eq!(
        town.say(BOB, group),
        Err(Refusal::NotAMember { person, group })
    );
    assert_eq!(
        town.leave(BOB, group),
        Err(Refusal::NotAMember { person, group })
    );
    assert_eq!(attach(&town.state, town.tenant, BOB), Ok(vec![]));
}

#[test]
fn a_newcomer_may_read_from_the_join_on() {
    let mut town = Town::with_employees(4);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.say(BOB, group).unwrap();
    let joined = town.add(by(ALICE), group, &[DAVE]).unwrap();
    let delta = town.projection().deltas[0];
    assert_eq!((delta.person, delta.joined, delta.at), (DAVE, true, joined));
    town.say(BOB, group).unwrap();
    let groups = attach(&town.state, town.tenant, DAVE).unwrap();
    let [read] = groups[..] else {
        panic!("{groups:?}");
    };
    assert_eq!((read.first(), read.head()), (joined, Sequence(4)));
    assert_eq!(read.membership_sequence(), joined);
}

#[test]
fn whoever_comes_back_reads_from_the_second_join_on() {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.leave(BOB, group).unwrap();
    town.say(ALICE, group).unwrap();
    let joined = town.add(by(ALICE), group, &[BOB]).unwrap();
    let groups = attach(&town.state, town.tenant, BOB).unwrap();
    assert_eq!(groups[0].first(), joined);
}

#[test]
fn the_owner_appoints_and_revokes_admins() {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    let admin = GroupRole::Admin;
    assert!(not_permitted(set_role(
        &mut town,
        by(BOB),
        group,
        CAROL,
        admin
    )));
    set_role(&mut town, by(ALICE), group, BOB, admin).unwrap();
    assert!(not_permitted(set_role(
        &mut town,
        by(BOB),
        group,
        CAROL,
        admin
    )));
    let envelope = town.log.last().unwrap().project().envelopes[0].clone();
    assert_eq!(envelope.header().kind(), Kind::RoleChanged);
    let body = MembershipBody::read(envelope.body()).unwrap();
    assert_eq!((body.detail, body.people), (1, vec![BOB]));
    set_role(&mut town, by(ALICE), group, BOB, GroupRole::Member).unwrap();
    assert_eq!(town.members(group)[1].role, GroupRole::Member);
    for (person, role) in [(BOB, GroupRole::Owner), (ALICE, GroupRole::Member)] {
        let refused = set_role(&mut town, by(ALICE), group, person, role);
        assert!(matches!(refused, Err(Refusal::Invalid { .. })));
    }
}

#[test]
fn a_customer_is_never_an_admin() {
    let mut town = Town::with_employees(2);
    let person = town.customers(1)[0];
    let group = town.external_group(ALICE, &[BOB, person]);
    let refused = set_role(&mut town, by(ALICE), group, person, GroupRole::Admin);
    assert_eq!(refused, Err(Refusal::NotAnEmployee { person }));
}

#[test]
fn ownership_goes_to_an_admin_and_the_owner_becomes_one() {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    let refused = transfer(&mut town, by(ALICE), group, BOB);
    assert!(matches!(
        refused,
        Err(Refusal::Invalid {
            field: "person",
            ..
        })
    ));
    set_role(&mut town, by(ALICE), group, BOB, GroupRole::Admin).unwrap();
    assert!(not_permitted(transfer(&mut town, by(BOB), group, BOB)));
    transfer(&mut town, by(ALICE), group, BOB).unwrap();
    let roles: Vec<_> = town
        .members(group)
        .iter()
        .map(|member| member.role)
        .collect();
    assert_eq!(
        roles,
        [GroupRole::Admin, GroupRole::Owner, GroupRole::Member]
    );
}

#[test]
fn members_do_not_rename_and_super_admins_rename_any() {
    let mut town = Town::with_employees(3);
    let admin = town.super_admin();
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    let rename = |name: &str| {
        T::RenameGroup(RenameGroupV1 {
            group,
            name: name.to_owned(),
        })
    };
    assert!(not_permitted(town.ask(by(BOB), rename("新"))));
    assert!(town.ask(by(ALICE), rename("")).is_err());
    town.ask(by(admin), rename("全员群")).unwrap();
    assert_eq!(town.look_at(group).name, "全员群");
    let record = town.log.last().unwrap();
    assert_eq!(record.stamp.kind, Kind::Described);
    assert_eq!(record.project().envelopes[0].body(), "全员群".as_bytes());
}

#[test]
fn a_dissolved_group_is_over_and_its_members_see_that() {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    assert!(not_permitted(town.dissolve(by(BOB), group)));
    let dissolved = town.dissolve(by(ALICE), group).unwrap();
    let projection = town.projection();
    assert_eq!(projection.envelopes[0].header().kind(), Kind::Dissolved);
    for delta in &projection.deltas {
        assert_eq!((delta.joined, delta.at), (false, dissolved.next()));
    }
    assert_eq!(projection.deltas.len(), 3);
    let over = Err(Refusal::GroupDissolved { group });
    assert_eq!(town.say(ALICE, group), over);
    assert_eq!(town.dissolve(Actor::Enterprise, group), over);
    assert_eq!(town.add(Actor::Enterprise, group, &[ALICE]), over);
    assert_eq!(town.remove(Actor::Enterprise, group, &[ALICE]), over);
    let state = town.look_at(group);
    assert_eq!(
        (state.members, state.head, state.owner),
        (0, dissolved, PersonId(0))
    );
}

#[test]
fn a_super_admin_dissolves_any_group() {
    let mut town = Town::with_employees(3);
    let admin = town.super_admin();
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.dissolve(by(admin), group).unwrap();
}

#[test]
fn a_list_of_members_comes_in_pages_by_id() {
    let mut town = Town::with_employees(1_100);
    let members: Vec<_> = (2..=1_100).rev().map(PersonId).collect();
    let group = town.internal_group(ALICE, &members);
    let page = |town: &mut Town, after| {
        let list = crate::model::command::ListMembersV1 {
            group,
            after,
            limit: u32::MAX,
        };
        match town.ask(by(ALICE), T::ListMembers(list)) {
            Ok(Reply::Members(page)) => page,
            other => panic!("{other:?}"),
        }
    };
    let first = page(&mut town, PersonId(0));
    assert_eq!((first.members.len(), first.more), (1_000, true));
    assert_eq!(first.members[999].person, PersonId(1_000));
    let second = page(&mut town, PersonId(1_000));
    assert_eq!((second.members.len(), second.more), (100, false));
}

#[test]
fn every_change_of_a_group_takes_the_next_sequence() {
    let mut town = Town::with_employees(5);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    set_role(&mut town, by(ALICE), group, BOB, GroupRole::Admin).unwrap();
    town.add(by(ALICE), group, &[DAVE]).unwrap();
    town.say(DAVE, group).unwrap();
    town.leave(DAVE, group).unwrap();
    transfer(&mut town, by(ALICE), group, BOB).unwrap();
    let takes: Vec<_> = town
        .log
        .iter()
        .flat_map(|record| &record.applied.takes)
        .collect();
    let sequences: Vec<_> = takes.iter().map(|take| take.sequence.0).collect();
    assert_eq!(sequences, [1, 2, 3, 4, 5, 6]);
    let memberships: Vec<_> = takes
        .iter()
        .map(|take| take.membership_sequence.0)
        .collect();
    assert_eq!(memberships, [1, 1, 3, 3, 5, 5]);
    let ordinals: Vec<_> = takes.iter().map(|take| take.message_ordinal).collect();
    assert_eq!(ordinals, [0, 0, 0, 1, 1, 1]);
}
