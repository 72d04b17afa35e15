mod accounts;
mod devices;
mod hostile;
mod isolation;
mod leaving;
mod people;
mod policy;
mod roles;

use crate::model::Refusal;
use crate::model::attach;
use crate::model::command::{
    Actor, AddPeopleV1, CreateTenantV1, GroupRole, NewPersonV1, OrgRole, PersonKind, PersonV1,
    Reply, SetRoleV1, Succession, TaggedCommand as T,
};
use crate::model::directory::Membership;
use crate::model::state::PersonIndex;
use crate::model::town::{ALICE, BOB, CAROL, DAVE, Town, by, new_person};
use crate::wire::{GroupId, Kind, MembershipBody, PersonId, TenantId, Timestamp};

fn tenant(name: &str, zone: &str) -> T {
    T::CreateTenant(CreateTenantV1 {
        name: name.to_owned(),
        zone: zone.to_owned(),
        verified_until: Timestamp(0),
        succession: Succession::AdminFirst,
    })
}

fn add(town: &mut Town, people: Vec<NewPersonV1>) -> Result<Reply, Refusal> {
    town.ask(Actor::Enterprise, T::AddPeople(AddPeopleV1 { people }))
}

fn with_external_id(id: &str) -> NewPersonV1 {
    NewPersonV1 {
        external_id: id.to_owned(),
        ..new_person(PersonKind::Employee, OrgRole::Employee)
    }
}

#[test]
fn only_the_node_creates_tenants() {
    let mut town = Town::with_employees(1);
    for actor in [Actor::Enterprise, by(ALICE), Actor::System] {
        let refused = town.ask(actor, tenant("Other", "UTC"));
        assert!(
            matches!(refused, Err(Refusal::NotPermitted { .. })),
            "{refused:?}"
        );
    }
    let created = town.ask(Actor::Node, tenant("Other", "UTC")).unwrap();
    assert!(matches!(created, Reply::TenantCreated(created) if created.tenant == TenantId(2)));
}

#[test]
fn a_tenant_needs_a_name_and_a_zone_that_exists() {
    let mut town = Town::with_employees(0);
    let refused = |result| match result {
        Err(Refusal::Invalid { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(town.ask(Actor::Node, tenant("", "UTC"))), "name");
    assert_eq!(
        refused(town.ask(Actor::Node, tenant("A", "Mars/Olympus"))),
        "zone"
    );
    assert_eq!(refused(town.ask(Actor::Node, tenant("A", ""))), "zone");
}

#[test]
fn what_a_tenant_does_not_have_is_not_there_whoever_else_has_it() {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    let other = town.create_tenant("UTC", Timestamp(0));
    town.tenant = other;
    let depart = T::DepartPerson(PersonV1 { person: ALICE });
    assert_eq!(
        town.ask(Actor::Enterprise, depart),
        Err(Refusal::NoSuchPerson { person: ALICE })
    );
    assert_eq!(
        town.dissolve(Actor::Enterprise, group),
        Err(Refusal::NoSuchGroup { group })
    );
    let nobody = attach(&town.state, other, ALICE);
    assert_eq!(nobody, Err(Refusal::NoSuchPerson { person: ALICE }));
    town.tenant = TenantId(9);
    assert_eq!(add(&mut town, vec![]), Err(Refusal::NoSuchTenant));
    town.tenant = other;
    assert_eq!(town.employees(1), [ALICE], "ids are counted per tenant");
}

#[test]
fn people_are_added_all_or_none() {
    let mut town = Town::with_employees(1);
    let nameless = NewPersonV1 {
        name: String::new(),
        ..with_external_id("b")
    };
    assert!(add(&mut town, vec![with_external_id("a"), nameless]).is_err());
    add(&mut town, vec![with_external_id("a")]).expect("nothing was kept of the refused list");
}

#[test]
fn a_list_of_people_is_bounded() {
    let mut town = Town::with_employees(0);
    assert!(add(&mut town, vec![]).is_err());
    assert!(add(&mut town, vec![with_external_id(""); 2_001]).is_err());
    add(&mut town, vec![with_external_id(""); 2_000]).unwrap();
}

#[test]
fn external_ids_are_unique_in_a_tenant_and_at_most_64_bytes() {
    let mut town = Town::with_employees(0);
    let long = "x".repeat(65);
    assert!(add(&mut town, vec![with_external_id(&long)]).is_err());
    add(&mut town, vec![with_external_id(&long[1..])]).unwrap();
    add(
        &mut town,
        vec![with_external_id("a"), with_external_id("b")],
    )
    .unwrap();
    let duplicate = Err(Refusal::DuplicateExternalId);
    assert_eq!(add(&mut town, vec![with_external_id("a")]), duplicate);
    let twice = vec![with_external_id("c"), with_external_id("c")];
    assert_eq!(add(&mut town, twice), duplicate);
    town.tenant = town.create_tenant("UTC", Timestamp(0));
    add(&mut town, vec![with_external_id("a")]).expect("another tenant's ids are its own");
}

#[test]
fn a_fourth_super_admin_is_refused_until_one_leaves() {
    let mut town = Town::with_employees(0);
    let first = town.super_admin();
    town.super_admin();
    town.super_admin();
    let fourth = vec![new_person(PersonKind::Employee, OrgRole::SuperAdmin)];
    let refused = add(&mut town, fourth.clone());
    assert_eq!(refused, Err(Refusal::TooManySuperAdmins { limit: 3 }));
    town.depart(first).unwrap();
    add(&mut town, fourth).unwrap();
}

#[test]
fn a_customer_is_never_a_super_admin() {
    let mut town = Town::with_employees(0);
    let person = new_person(PersonKind::Customer, OrgRole::SuperAdmin);
    assert!(matches!(
        add(&mut town, vec![person]),
        Err(Refusal::Invalid { field: "role", .. })
    ));
}

#[test]
fn a_leaver_is_gone_from_every_group_in_one_record() {
    let mut town = Town::with_employees(4);
    let groups: Vec<_> = (0..200)
        .map(|_| town.internal_group(BOB, &[ALICE, CAROL]))
        .collect();
    let records = town.log.len();
    town.depart(ALICE).unwrap();
    assert_eq!(town.log.len(), records + 1);
    let record = town.last.clone().unwrap();
    assert_eq!(record.applied.takes.len(), 200);
    for group in groups {
        assert_eq!(
            town.say(ALICE, group),
            Err(Refusal::Departed { person: ALICE })
        );
        assert_eq!(town.look_at(group).members, 2);
    }
    let departed = Err(Refusal::Departed { person: ALICE });
    assert_eq!(attach(&town.state, town.tenant, ALICE), departed);
    assert_eq!(town.depart(ALICE), Err(Refusal::Departed { person: ALICE }));
}

#[test]
fn each_group_of_a_leaver_sees_its_own_and_no_other() {
    let mut town = Town::with_employees(4);
    let first = town.internal_group(ALICE, &[BOB, CAROL]);
    let second = town.internal_group(BOB, &[ALICE, DAVE]);
    town.depart(ALICE).unwrap();
    let record = town.last.clone().unwrap();
    assert_eq!(record.stamp.kind, Kind::Administrative);
    let projection = town.projection();
    assert_eq!(projection.departed, [ALICE], "for sessions to end");
    let groups: Vec<GroupId> = projection.deltas.iter().map(|delta| delta.group).collect();
    assert_eq!(groups, [first, second]);
    assert_eq!(projection.envelopes.len(), 2);
    for (envelope, group) in projection.envelopes.iter().zip([first, second]) {
        let header = envelope.header();
        assert_eq!((header.group(), header.kind()), (group, Kind::Left));
        assert_eq!(header.sequence().0, 2);
        let body = MembershipBody::read(envelope.body()).unwrap();
        assert_eq!((body.detail, body.people), (2, vec![ALICE]));
    }
}

#[test]
fn a_leaver_of_one_group_makes_a_record_of_that_group() {
    let mut town = Town::with_employees(3);
    town.internal_group(BOB, &[ALICE, CAROL]);
    town.depart(ALICE).unwrap();
    assert_eq!(town.last.as_ref().unwrap().stamp.kind, Kind::Left);
}

#[test]
fn owned_groups_of_a_leaver_pass_on_by_the_tenants_succession() {
    let mut town = Town::with_employees(4);
    let with_admin = town.internal_group(ALICE, &[BOB, CAROL]);
    let without = town.internal_group(ALICE, &[DAVE, BOB]);
    let set = SetRoleV1 {
        group: with_admin,
        person: CAROL,
        role: GroupRole::Admin,
    };
    town.ask(by(ALICE), T::SetRole(set)).unwrap();
    town.depart(ALICE).unwrap();
    assert_eq!(town.look_at(with_admin).owner, CAROL);
    assert_eq!(town.look_at(without).owner, DAVE);
}

#[test]
fn a_departed_person_acts_no_more() {
    let mut town = Town::with_employees(0);
    let admin = town.super_admin();
    town.depart(admin).unwrap();
    let people = vec![with_external_id("")];
    let refused = town.ask(by(admin), T::AddPeople(AddPeopleV1 { people }));
    assert_eq!(refused, Err(Refusal::Departed { person: admin }));
}

#[test]
fn a_person_who_never_was_acts_not_at_all() {
    let mut town = Town::with_employees(1);
    for stranger in [PersonId(0), PersonId(2), PersonId(u64::MAX)] {
        let refused = town.depart(stranger);
        assert_eq!(refused, Err(Refusal::NoSuchPerson { person: stranger }));
        let refused = town.leave(stranger, GroupId(1));
        assert!(refused.is_err());
    }
}

#[test]
fn a_membership_costs_at_most_40_bytes_with_its_reverse_index() {
    let mut town = Town::with_employees(300);
    let members: Vec<_> = (2..=200).map(PersonId).collect();
    let late: Vec<_> = (201..=300).map(PersonId).collect();
    for _ in 0..50 {
        let group = town.internal_group(ALICE, &members);
        for newcomer in &late {
            town.add(by(ALICE), group, &[*newcomer]).unwrap();
        }
    }
    let tenant = &town.state.tenants[0];
    let in_people = tenant.people.iter().map(|person| {
        size_of::<Vec<Membership>>() + person.memberships.capacity() * size_of::<Membership>()
    });
    let in_groups = tenant.groups.iter().map(|group| {
        size_of_val(&group.members) + group.members.capacity() * size_of::<PersonIndex>()
    });
    let bytes = in_people.sum::<usize>() + in_groups.sum::<usize>();
    assert!(
        bytes <= 40 * 300 * 50,
        "{} a membership",
        bytes / (300 * 50)
    );
}
