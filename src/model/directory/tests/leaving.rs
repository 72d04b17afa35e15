use crate::model::command::{
    Actor, GroupKind, NewPersonV2, OrgRole, PersonStatus, Reply, TaggedCommand as T, VerifyTenantV1,
};
use crate::model::event::{Event, GroupStatus};
use crate::model::limits::Limits;
use crate::model::town::{ALICE, BOB, CAROL, DAVE, ERIN, Town, by, directory::employee};
use crate::model::{MembershipDelta, Refusal, attach};
use crate::wire::{DepartmentId, GroupId, Kind, MembershipBody, PersonId, Sequence, Timestamp};

fn members(town: &mut Town, group: GroupId) -> Vec<PersonId> {
    town.members(group)
        .iter()
        .map(|member| member.person)
        .collect()
}

#[test]
fn a_named_colleague_is_put_in_the_leavers_place_in_one_record() {
    let mut town = Town::with_employees(5);
    let in_it = town.internal_group(ALICE, &[BOB, DAVE]);
    let not_in_it = town.internal_group(ALICE, &[BOB, CAROL]);
    let not_owned = town.internal_group(BOB, &[ALICE, CAROL]);
    let records = town.log.len();
    town.depart_to(ALICE, DAVE).unwrap();
    assert_eq!(town.log.len(), records + 1);
    assert_eq!(town.look_at(in_it).owner, DAVE);
    assert_eq!(members(&mut town, in_it), [BOB, DAVE]);
    assert_eq!(town.look_at(not_in_it).owner, DAVE);
    assert_eq!(members(&mut town, not_in_it), [BOB, CAROL, DAVE]);
    assert_eq!(town.look_at(not_owned).owner, BOB);
    assert_eq!(
        members(&mut town, not_owned),
        [BOB, CAROL],
        "only owned groups need somebody in the leaver's place"
    );
    town.say(DAVE, not_in_it).unwrap();
    let departed = Refusal::Departed { person: ALICE };
    assert_eq!(town.say(ALICE, in_it), Err(departed.clone()));
    assert_eq!(
        attach(&town.state, town.tenant, ALICE),
        Err(departed),
        "no history for the leaver"
    );
    town.assert_kept();
}

#[test]
fn the_colleague_joins_at_the_sequence_at_which_the_leaver_leaves() {
    let mut town = Town::with_employees(4);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.depart_to(ALICE, DAVE).unwrap();
    let record = town.last.clone().unwrap();
    assert_eq!(record.stamp.kind, Kind::Left);
    assert_eq!(record.applied.takes.len(), 1, "one sequence a group");
    let projection = town.projection();
    let tenant = town.tenant;
    let at = Sequence(2);
    let delta = |person, joined| MembershipDelta {
        view_only: false,
        viewer: false,
        tenant,
        group,
        person,
        joined,
        at,
    };
    assert_eq!(projection.deltas, [delta(DAVE, true), delta(ALICE, false)]);
    assert_eq!(projection.departed, [ALICE]);
    let [envelope] = &projection.envelopes[..] else {
        panic!("one envelope a group");
    };
    assert_eq!(envelope.header().kind(), Kind::Left);
    let body = MembershipBody::read(envelope.body()).unwrap();
    assert_eq!((body.detail, body.people), (2, vec![ALICE]));
    let joined = town.members(group)[2].joined;
    assert_eq!(joined, at, "the colleague reads from there");
    let attached = attach(&town.state, tenant, DAVE).unwrap();
    assert_eq!(attached.len(), 1);
}

#[test]
fn an_admin_who_succeeds_is_owner_and_no_admin_any_more() {
    let mut town = Town::with_employees(4);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.appoint(group, CAROL);
    town.appoint(group, BOB);
    town.depart_to(ALICE, CAROL).unwrap();
    let tenant = town.tenant();
    let state = tenant.group(tenant.find_group(group).unwrap());
    assert_eq!(state.owner, tenant.find_person(CAROL));
    assert_eq!(state.admins, [tenant.find_person(BOB).unwrap()]);
}

#[test]
fn the_leavers_place_in_a_full_group_is_the_colleagues() {
    let limits = Limits {
        internal_members_max: 3,
        ..Limits::default()
    };
    let mut town = Town::with_employees(4).limited(limits);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.depart_to(ALICE, DAVE).unwrap();
    assert_eq!(members(&mut town, group), [BOB, CAROL, DAVE]);
}

#[test]
fn a_group_above_its_cap_admits_no_colleague_and_passes_on_by_succession() {
    let limits = Limits {
        external_members_max: 4,
        external_members_max_unverified: 3,
        ..Limits::default()
    };
    let mut town = Town::with_employees(4).limited(limits);
    let customer = town.customers(1)[0];
    let group = town.external_group(ALICE, &[customer, BOB, CAROL]);
    verify(&mut town, Timestamp(0));
    town.depart_to(ALICE, DAVE).unwrap();
    assert_eq!(town.look_at(group).owner, BOB);
    assert_eq!(members(&mut town, group), [BOB, CAROL, customer]);
}

fn verify(town: &mut Town, verified_until: Timestamp) {
    let verify = VerifyTenantV1 { verified_until };
    town.ask(Actor::Node, T::VerifyTenant(verify)).unwrap();
}

#[test]
fn a_colleague_who_is_a_member_takes_over_above_the_cap_too() {
    let limits = Limits {
        external_members_max: 4,
        external_members_max_unverified: 3,
        ..Limits::default()
    };
    let mut town = Town::with_employees(4).limited(limits);
    let customer = town.customers(1)[0];
    let group = town.external_group(ALICE, &[BOB, customer, CAROL]);
    verify(&mut town, Timestamp(0));
    town.depart_to(ALICE, CAROL).unwrap();
    assert_eq!(town.look_at(group).owner, CAROL);
}

#[test]
fn a_colleague_keeps_a_group_alive_in_which_the_leaver_was_alone_or_with_customers() {
    let mut town = Town::with_employees(4);
    let customers = town.customers(2);
    let alone = town.internal_group(ALICE, &[BOB, CAROL]);
    town.remove(by(ALICE), alone, &[BOB, CAROL]).unwrap();
    let external = town.external_group(ALICE, &customers);
    town.depart_to(ALICE, DAVE).unwrap();
    for group in [alone, external] {
        assert_eq!(town.look_at(group).owner, DAVE);
    }
    town.say(DAVE, external).unwrap();
}

#[test]
fn who_has_not_activated_succeeds_in_no_external_group() {
    let mut town = Town::with_employees(3);
    let customer = town.customers(1)[0];
    let (invited, _) = town.invite("Li");
    let external = town.external_group(ALICE, &[BOB, customer]);
    let internal = town.internal_group(ALICE, &[BOB, CAROL]);
    town.depart_to(ALICE, invited).unwrap();
    assert_eq!(town.look_at(external).owner, BOB);
    assert_eq!(town.look_at(internal).owner, invited);
}

#[test]
fn disabled_groups_are_left_too() {
    let mut town = Town::with_employees(4);
    let customers = town.customers(2);
    let disabled = town.external_group(BOB, &customers);
    town.depart(BOB).unwrap();
    town.add(Actor::Enterprise, disabled, &[ALICE]).unwrap_err();
    let with_alice = town.external_group(ALICE, &customers);
    disable(&mut town, with_alice);
    town.depart_to(ALICE, CAROL).unwrap();
    let record = town.last.clone().unwrap();
    let Event::PersonDepartedV2(departed) = &record.events[0] else {
        panic!("{:?}", record.events);
    };
    assert_eq!(departed.groups[0].status, GroupStatus::Disabled);
    assert_eq!(record.applied.takes.len(), 1);
    let left = members(&mut town, with_alice);
    assert!(!left.contains(&ALICE) && left.contains(&CAROL));
    let tenant = town.tenant();
    let group = tenant.group(tenant.find_group(with_alice).unwrap());
    assert_eq!(
        group.status,
        GroupStatus::Disabled,
        "it comes back by itself no more than before"
    );
    assert_eq!(group.owner, tenant.find_person(CAROL), "but with an owner");
}

/// Outside the log: how groups are disabled is no business of the directory's.
fn disable(town: &mut Town, group: GroupId) {
    let tenant = town.state.tenant_mut(town.tenant).unwrap();
    let index = tenant.find_group(group).unwrap();
    tenant.group_mut(index).status = GroupStatus::Disabled;
}

#[test]
fn nobody_finds_a_stranger_in_a_conversation_of_two() {
    let mut town = Town::with_employees(4);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.remove(by(ALICE), group, &[CAROL]).unwrap();
    let tenant = town.state.tenant_mut(town.tenant).unwrap();
    let index = tenant.find_group(group).unwrap();
    tenant.group_mut(index).kind = GroupKind::Direct;
    town.depart_to(ALICE, DAVE).unwrap();
    assert!(!members(&mut town, group).contains(&DAVE));
}

#[test]
fn a_successor_is_another_employee_who_is_there() {
    let mut town = Town::with_employees(5);
    let customer = town.customers(1)[0];
    town.depart(BOB).unwrap();
    town.freeze(CAROL);
    let stranger = PersonId(99);
    for (successor, refusal) in [
        (BOB, Refusal::Departed { person: BOB }),
        (CAROL, Refusal::AccountFrozen { person: CAROL }),
        (customer, Refusal::NotAnEmployee { person: customer }),
        (stranger, Refusal::NoSuchPerson { person: stranger }),
    ] {
        assert_eq!(town.depart_to(ALICE, successor), Err(refusal));
    }
    assert!(matches!(
        town.depart_to(ALICE, ALICE),
        Err(Refusal::Invalid {
            field: "successor",
            ..
        })
    ));
    let of_a_customer = town.depart_to(customer, DAVE);
    assert_eq!(
        of_a_customer,
        Err(Refusal::NotAnEmployee { person: customer })
    );
    town.depart_to(customer, PersonId(0)).unwrap();
    town.depart_to(ALICE, ERIN).unwrap();
    let again = Err(Refusal::Departed { person: ALICE });
    assert_eq!(town.depart_to(ALICE, ERIN), again);
}

#[test]
fn without_a_colleague_named_succession_decides() {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[CAROL, BOB]);
    town.depart_to(ALICE, PersonId(0)).unwrap();
    assert_eq!(town.look_at(group).owner, CAROL);
}

#[test]
fn a_leaver_leaves_departments_offices_devices_and_codes_behind() {
    let mut town = Town::with_employees(0);
    let department = town.department("总部", DepartmentId(0));
    let works = |name| NewPersonV2 {
        departments: vec![department],
        invited: true,
        ..employee(name)
    };
    let people = town.hire(vec![works("Li"), works("Wang")]).unwrap();
    let role = OrgRole::DepartmentAdmin;
    for person in &people {
        town.set_org_role(Actor::Enterprise, *person, role, &[department])
            .unwrap();
    }
    town.depart_to(people[0], PersonId(0)).unwrap();
    town.depart(people[1]).unwrap();
    let tenant = town.tenant();
    let department = &tenant.departments.list[0];
    assert!(department.people.is_empty() && department.admins.is_empty());
    assert!(tenant.activations.is_empty());
    for person in people {
        let entry = town.entry(Actor::Enterprise, person).unwrap();
        assert_eq!(entry.status, PersonStatus::Departed);
        assert!(entry.departments.is_empty());
    }
}

#[test]
fn a_leaver_of_200_groups_is_replaced_in_all_of_them_in_one_record() {
    let mut town = Town::with_employees(4);
    let groups: Vec<_> = (0..200)
        .map(|_| town.internal_group(ALICE, &[BOB, CAROL]))
        .collect();
    town.depart_to(ALICE, DAVE).unwrap();
    let record = town.last.clone().unwrap();
    assert_eq!(record.applied.takes.len(), 200);
    let projection = town.projection();
    assert_eq!(projection.envelopes.len(), 200);
    assert_eq!(projection.deltas.len(), 400);
    for group in groups {
        assert_eq!(town.look_at(group).owner, DAVE);
    }
}

#[test]
fn a_person_of_another_tenant_neither_leaves_nor_succeeds() {
    let mut town = Town::with_employees(2);
    town.tenant = town.create_tenant("UTC", Timestamp(0));
    let nobody = Err(Refusal::NoSuchPerson { person: BOB });
    assert_eq!(town.depart_to(BOB, ALICE), nobody);
    town.employees(1);
    assert_eq!(town.depart_to(ALICE, BOB), nobody);
    assert!(matches!(
        town.depart_to(ALICE, PersonId(0)),
        Ok(Reply::Done(_))
    ));
}
