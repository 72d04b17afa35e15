use crate::model::Refusal;
use crate::model::command::{
    Actor, DeviceOfPersonV1, DeviceStateV1, PersonV1, Platform, RegisterDeviceV1, Reply,
    TaggedCommand as T,
};
use crate::model::limits::Limits;
use crate::model::town::{ALICE, BOB, CAROL, Town, message};
use crate::wire::{DeviceId, PersonId};

const PHONE: DeviceId = DeviceId(11);
const LAPTOP: DeviceId = DeviceId(12);

fn from(person: PersonId, device: DeviceId) -> Actor {
    Actor::Person { person, device }
}

fn register(
    town: &mut Town,
    actor: Actor,
    person: PersonId,
    device: DeviceId,
    platform: Platform,
) -> Result<Reply, Refusal> {
    let register = RegisterDeviceV1 {
        person,
        device,
        platform,
    };
    town.ask(actor, T::RegisterDevice(register))
}

fn revoke(
    town: &mut Town,
    actor: Actor,
    person: PersonId,
    device: DeviceId,
) -> Result<Reply, Refusal> {
    town.ask(actor, T::RevokeDevice(DeviceOfPersonV1 { person, device }))
}

fn devices(town: &mut Town, actor: Actor, person: PersonId) -> Vec<DeviceStateV1> {
    match town.ask(actor, T::ListDevices(PersonV1 { person })) {
        Ok(Reply::Devices(devices)) => devices.devices,
        other => panic!("{other:?}"),
    }
}

/// Alice on both of her devices.
fn town() -> Town {
    let mut town = Town::with_employees(3);
    for (device, platform) in [(PHONE, Platform::Mobile), (LAPTOP, Platform::Desktop)] {
        register(&mut town, from(ALICE, device), ALICE, device, platform).unwrap();
    }
    town
}

#[test]
fn a_new_device_is_an_event_and_a_known_one_is_none() {
    let mut town = town();
    let records = town.log.len();
    let phone = from(ALICE, PHONE);
    register(&mut town, phone, ALICE, PHONE, Platform::Mobile).unwrap();
    assert_eq!(town.log.len(), records);
    register(&mut town, phone, ALICE, PHONE, Platform::Web).unwrap();
    assert_eq!(town.log.len(), records + 1, "it is another kind of device");
    let listed = devices(&mut town, phone, ALICE);
    let seen = |device, platform| DeviceStateV1 {
        device,
        platform,
        first_seen: town.now,
        revoked: false,
    };
    let expected = [seen(PHONE, Platform::Web), seen(LAPTOP, Platform::Desktop)];
    assert_eq!(listed, expected);
    town.assert_kept();
}

#[test]
fn a_device_is_registered_by_who_asks_from_it_or_by_a_gateway() {
    let mut town = Town::with_employees(2);
    let laptop = from(ALICE, LAPTOP);
    let another = register(&mut town, laptop, ALICE, PHONE, Platform::Mobile);
    assert!(matches!(
        another,
        Err(Refusal::Invalid {
            field: "device",
            ..
        })
    ));
    let none = register(
        &mut town,
        Actor::Enterprise,
        ALICE,
        DeviceId(0),
        Platform::Web,
    );
    assert!(matches!(
        none,
        Err(Refusal::Invalid {
            field: "device",
            ..
        })
    ));
    let anothers = register(&mut town, laptop, BOB, LAPTOP, Platform::Mobile);
    assert!(matches!(anothers, Err(Refusal::NotPermitted { .. })));
    register(&mut town, Actor::Enterprise, ALICE, PHONE, Platform::Mobile).unwrap();
    let others = town.ask(from(BOB, PHONE), T::ListDevices(PersonV1 { person: ALICE }));
    assert!(matches!(others, Err(Refusal::NotPermitted { .. })));
}

#[test]
fn a_revoked_device_asks_for_nothing_and_the_others_do() {
    let mut town = town();
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    let (phone, laptop) = (from(ALICE, PHONE), from(ALICE, LAPTOP));
    revoke(&mut town, laptop, ALICE, PHONE).unwrap();
    assert_eq!(town.projection().revoked, [(ALICE, PHONE)]);
    assert!(town.projection().departed.is_empty());
    let refused = Refusal::DeviceRevoked { device: PHONE };
    let mut from_phone = message(ALICE, group, 1, 1);
    from_phone.device = PHONE;
    for actor in [phone, Actor::Enterprise] {
        let said = town.publish(actor, from_phone);
        assert_eq!(said.unwrap_err(), refused, "carried by a gateway or not");
    }
    let list = T::ListDevices(PersonV1 { person: ALICE });
    assert_eq!(town.ask(phone, list), Err(refused.clone()));
    for actor in [phone, Actor::Enterprise] {
        let again = register(&mut town, actor, ALICE, PHONE, Platform::Web);
        assert_eq!(again, Err(refused.clone()));
    }
    town.publish(laptop, message(ALICE, group, 2, 2)).unwrap();
    town.publish(from(BOB, PHONE), message(BOB, group, 3, 3))
        .expect("another person's device of the same number is another device");
    assert!(devices(&mut town, laptop, ALICE)[0].revoked);
    town.assert_kept();
}

#[test]
fn only_a_device_that_is_known_is_revoked_and_only_once() {
    let mut town = town();
    let laptop = from(ALICE, LAPTOP);
    let unknown = revoke(&mut town, laptop, ALICE, DeviceId(99));
    assert!(matches!(
        unknown,
        Err(Refusal::Invalid {
            field: "device",
            ..
        })
    ));
    let by_another = revoke(&mut town, from(BOB, LAPTOP), ALICE, PHONE);
    assert!(matches!(by_another, Err(Refusal::NotPermitted { .. })));
    revoke(&mut town, Actor::Enterprise, ALICE, PHONE).unwrap();
    let records = town.log.len();
    revoke(&mut town, laptop, ALICE, PHONE).unwrap();
    assert_eq!(town.log.len(), records);
}

#[test]
fn the_oldest_device_in_use_makes_room_and_never_one_that_is_locked_out() {
    let limits = Limits {
        devices_per_person_max: 3,
        ..Limits::default()
    };
    let mut town = Town::with_employees(1).limited(limits);
    let see = |town: &mut Town, device| {
        let device = DeviceId(device);
        register(town, Actor::Enterprise, ALICE, device, Platform::Web)
    };
    for device in 1..=3 {
        see(&mut town, device).unwrap();
    }
    revoke(&mut town, Actor::Enterprise, ALICE, DeviceId(1)).unwrap();
    see(&mut town, 4).unwrap();
    let listed = devices(&mut town, Actor::Enterprise, ALICE);
    let listed: Vec<_> = listed.iter().map(|known| known.device.0).collect();
    assert_eq!(listed, [1, 3, 4]);
    assert!(see(&mut town, 1).is_err(), "still locked out");
    see(&mut town, 2).expect("what was forgotten is a new device");
    town.assert_kept();
}

#[test]
fn nothing_is_remembered_of_a_leavers_devices() {
    let mut town = town();
    revoke(&mut town, Actor::Enterprise, ALICE, PHONE).unwrap();
    town.depart_to(ALICE, PersonId(0)).unwrap();
    assert!(town.tenant().devices.is_empty());
    let refused = Err(Refusal::Departed { person: ALICE });
    let again = register(&mut town, Actor::Enterprise, ALICE, PHONE, Platform::Web);
    assert_eq!(again, refused);
    town.assert_kept();
}
