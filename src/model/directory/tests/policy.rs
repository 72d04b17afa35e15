use std::net::IpAddr;

use crate::model::command::{
    Actor, DeviceOfPersonV1, GetTenantPolicyV1, OrgRole, Platform, RegisterDeviceV1, Reply,
    SetTenantPolicyV1, TaggedCommand as T, TenantPolicyV1, VerifyTenantV1,
};
use crate::model::limits::Limits;
use crate::model::town::{ALICE, BOB, CAROL, DEVICE, Town, at, by};
use crate::model::{Refusal, admission};
use crate::wire::{DeviceId, PersonId, TenantId, Timestamp};

fn verify(town: &mut Town, actor: Actor, until: &str) -> Result<Reply, Refusal> {
    let verified_until = at(until);
    let verify = VerifyTenantV1 { verified_until };
    town.ask(actor, T::VerifyTenant(verify))
}

fn allow(town: &mut Town, networks: &[&str]) -> Result<Reply, Refusal> {
    let set = SetTenantPolicyV1 {
        requires_second_factor: false,
        ip_allow_list: networks.iter().map(ToString::to_string).collect(),
    };
    town.ask(Actor::Enterprise, T::SetTenantPolicy(set))
}

fn policy(town: &mut Town) -> TenantPolicyV1 {
    let get = T::GetTenantPolicy(GetTenantPolicyV1 {});
    match town.ask(Actor::Enterprise, get) {
        Ok(Reply::TenantPolicy(policy)) => policy,
        other => panic!("{other:?}"),
    }
}

fn enter(town: &Town, person: PersonId, address: &str) -> Result<(), Refusal> {
    let address: IpAddr = address.parse().unwrap();
    admission(&town.state, town.tenant, person, DEVICE, address)
}

#[test]
fn a_lapse_keeps_a_groups_members_and_admits_none_until_it_is_verified_again() {
    let limits = Limits {
        external_members_max: 6,
        external_members_max_unverified: 4,
        ..Limits::default()
    };
    let mut town = Town::with_employees(7).limited(limits);
    let people: Vec<_> = (2..=5).map(PersonId).collect();
    let group = town.external_group(ALICE, &people);
    let newcomer = [PersonId(6)];
    verify(&mut town, Actor::Node, "2026-06-01T00:00:00Z").unwrap();
    town.clock("2026-06-01T00:00:00Z");
    let full = Err(Refusal::GroupFull { group, cap: 4 });
    assert_eq!(town.add(by(ALICE), group, &newcomer), full);
    assert_eq!(town.look_at(group).members, 5, "who is in stays in");
    town.say(PersonId(5), group).unwrap();
    town.remove(by(ALICE), group, &[PersonId(5)]).unwrap();
    assert_eq!(town.add(by(ALICE), group, &newcomer), full, "full at 4");
    verify(&mut town, Actor::Node, "2027-06-01T00:00:00Z").unwrap();
    town.add(by(ALICE), group, &newcomer).unwrap();
    town.assert_kept();
}

#[test]
fn what_needs_a_verified_tenant_is_refused_from_the_moment_it_lapses() {
    let mut town = Town::with_employees(0);
    verify(&mut town, Actor::Node, "2026-06-01T00:00:00Z").unwrap();
    let required = |town: &Town, now: &str| town.tenant().require_verified(at(now));
    assert_eq!(required(&town, "2026-05-31T23:59:59Z"), Ok(()));
    assert_eq!(
        required(&town, "2026-06-01T00:00:00Z"),
        Err(Refusal::NotVerified)
    );
    assert_eq!(policy(&mut town).verified_until, at("2026-06-01T00:00:00Z"));
}

#[test]
fn only_the_node_verifies_a_tenant() {
    let mut town = Town::with_employees(0);
    let admin = town.super_admin();
    for actor in [Actor::Enterprise, Actor::System, by(admin)] {
        let refused = verify(&mut town, actor, "2027-01-01T00:00:00Z");
        assert!(matches!(refused, Err(Refusal::NotPermitted { .. })));
    }
    town.tenant = TenantId(2);
    let nowhere = verify(&mut town, Actor::Node, "2027-01-01T00:00:00Z");
    assert_eq!(nowhere, Err(Refusal::NoSuchTenant));
}

#[test]
fn people_come_in_from_the_networks_of_the_allow_list_only() {
    let mut town = Town::with_employees(1);
    assert_eq!(enter(&town, ALICE, "198.51.100.7"), Ok(()), "no list");
    allow(&mut town, &["10.1.2.3/8", "203.0.113.9", "2001:db8::/32"]).unwrap();
    for inside in ["10.9.9.9", "203.0.113.9", "2001:db8::1", "::ffff:10.0.0.1"] {
        assert_eq!(enter(&town, ALICE, inside), Ok(()), "{inside}");
    }
    for outside in ["11.0.0.1", "203.0.113.8", "2001:db9::1", "::1"] {
        let refused = enter(&town, ALICE, outside);
        assert_eq!(refused, Err(Refusal::AddressNotAllowed), "{outside}");
    }
    let canonical = ["10.0.0.0/8", "203.0.113.9/32", "2001:db8::/32"];
    assert_eq!(policy(&mut town).ip_allow_list, canonical);
    town.assert_kept();
    allow(&mut town, &[]).unwrap();
    assert_eq!(enter(&town, ALICE, "11.0.0.1"), Ok(()));
}

#[test]
fn a_list_that_is_none_or_too_long_is_refused() {
    let mut town = Town::with_employees(0);
    for wrong in [
        "",
        "10.0.0.0/33",
        "10.0.0",
        "example.com",
        "10.0.0.0-10.0.0.9",
    ] {
        let refused = allow(&mut town, &["10.0.0.0/8", wrong]);
        assert!(matches!(refused, Err(Refusal::Invalid { .. })), "{wrong}");
    }
    assert!(allow(&mut town, &["10.0.0.0/8"; 257]).is_err());
    allow(&mut town, &["10.0.0.0/8"; 256]).unwrap();
    assert_eq!(policy(&mut town).ip_allow_list.len(), 1, "each once");
}

#[test]
fn the_door_refuses_leavers_frozen_accounts_locked_devices_and_strangers() {
    let mut town = Town::with_employees(3);
    let address = "10.0.0.1";
    let register = RegisterDeviceV1 {
        person: CAROL,
        device: DEVICE,
        platform: Platform::Web,
    };
    town.ask(by(CAROL), T::RegisterDevice(register)).unwrap();
    assert_eq!(enter(&town, CAROL, address), Ok(()));
    let device = DEVICE;
    let person = CAROL;
    let revoke = DeviceOfPersonV1 { person, device };
    town.ask(Actor::Enterprise, T::RevokeDevice(revoke))
        .unwrap();
    town.depart(ALICE).unwrap();
    town.freeze(BOB);
    assert_eq!(
        enter(&town, ALICE, address),
        Err(Refusal::Departed { person: ALICE })
    );
    assert_eq!(
        enter(&town, BOB, address),
        Err(Refusal::AccountFrozen { person: BOB })
    );
    assert_eq!(
        enter(&town, CAROL, address),
        Err(Refusal::DeviceRevoked { device })
    );
    let on_another = admission(
        &town.state,
        town.tenant,
        CAROL,
        DeviceId(8),
        address.parse().unwrap(),
    );
    assert_eq!(on_another, Ok(()));
    town.tenant = town.create_tenant("UTC", Timestamp(0));
    let nobody = Refusal::NoSuchPerson { person: CAROL };
    assert_eq!(enter(&town, CAROL, address), Err(nobody));
}

#[test]
fn a_second_factor_is_demanded_by_who_has_one() {
    let mut town = Town::with_employees(0);
    let admin = town.super_admin();
    let demand = || {
        T::SetTenantPolicy(SetTenantPolicyV1 {
            requires_second_factor: true,
            ip_allow_list: Vec::new(),
        })
    };
    assert_eq!(
        town.ask(by(admin), demand()),
        Err(Refusal::SecondFactorRequired),
        "they would lock themselves out"
    );
    town.ask(Actor::Enterprise, demand()).unwrap();
    assert!(policy(&mut town).requires_second_factor);
    let set = town.set_org_role(by(admin), admin, OrgRole::SuperAdmin, &[]);
    assert_eq!(set, Err(Refusal::SecondFactorRequired));
    town.assert_kept();
}

#[test]
fn only_the_enterprise_and_super_admins_set_and_read_the_policy() {
    let mut town = Town::with_employees(1);
    let set = SetTenantPolicyV1 {
        requires_second_factor: false,
        ip_allow_list: Vec::new(),
    };
    let set = town.ask(by(ALICE), T::SetTenantPolicy(set));
    assert!(matches!(set, Err(Refusal::NotPermitted { .. })));
    let get = T::GetTenantPolicy(GetTenantPolicyV1 {});
    let get = town.ask(by(ALICE), get);
    assert!(matches!(get, Err(Refusal::NotPermitted { .. })));
}
