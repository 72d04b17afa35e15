//! People as a snapshot has them, without memberships, which are written with their groups.

use crate::model::body::body;
use crate::model::command::{OrgRole, PersonKind, PersonStatus, Platform};
use crate::model::state::{PersonIndex, Tenant};
use crate::wire::{DeviceId, PersonId, Timestamp};

use super::device::Device;
use super::profile::Profile;
use super::{Activation, AllowList, Devices, Holders, Person};

body! {
    /// People by id, who holds what names them, and what belongs to their accounts.
    DirectoryStateV1 {
        people: Vec<PersonStateV2>,
        /// Who holds their own external id, by person id.
        external_ids: Vec<PersonId>,
        /// Likewise.
        employee_numbers: Vec<PersonId>,
        /// Likewise.
        mobiles: Vec<PersonId>,
        /// In order of person.
        activations: Vec<ActivationStateV1>,
        /// In order of person.
        devices: Vec<DevicesStateV1>,
        ip_allow_list: Vec<String>,
    }
}
body! {
    /// One person. Their departments are written with those.
    PersonStateV2 {
        name: String,
        kind: PersonKind,
        role: OrgRole,
        status: PersonStatus,
        activated: bool,
        profile: Option<ProfileStateV1>,
    }
}
body! {
    /// What is written of a person.
    ProfileStateV1 {
        external_id: String,
        employee_number: String,
        mobile: String,
        email: String,
        position: String,
    }
}
body! {
    /// A one-time code.
    ActivationStateV1 {
        person: PersonId,
        code: Option<String>,
        expires: Timestamp,
        guesses: u32,
    }
}
body! {
    /// One person's devices, in the order they were first seen.
    DevicesStateV1 {
        person: PersonId,
        list: Vec<DeviceSeenV1>,
    }
}
body! {
    /// One device.
    DeviceSeenV1 {
        device: DeviceId,
        platform: Platform,
        first_seen: Timestamp,
        revoked: bool,
    }
}

pub(crate) fn write(tenant: &Tenant) -> DirectoryStateV1 {
    let holders = |holders: &Holders| {
        let mut people: Vec<_> = holders.values().map(|person| person.id()).collect();
        people.sort_unstable();
        people
    };
    DirectoryStateV1 {
        people: tenant.people.iter().map(write_person).collect(),
        external_ids: holders(&tenant.external_ids),
        employee_numbers: holders(&tenant.employee_numbers),
        mobiles: holders(&tenant.mobiles),
        activations: tenant.activations.iter().map(write_activation).collect(),
        devices: write_devices(tenant),
        ip_allow_list: tenant.ip_allow_list.to_texts(),
    }
}

fn write_person(person: &Person) -> PersonStateV2 {
    // Destructured, so that a new field cannot be forgotten.
    let Person {
        name,
        kind,
        role,
        status,
        activated,
        has_revoked_device: _, // their devices say it
        departments: _,
        profile,
        memberships: _,
    } = person;
    PersonStateV2 {
        name: name.to_string(),
        kind: *kind,
        role: *role,
        status: *status,
        activated: *activated,
        profile: profile.as_deref().map(write_profile),
    }
}

fn write_profile(profile: &Profile) -> ProfileStateV1 {
    let Profile {
        external_id,
        employee_number,
        mobile,
        email,
        position,
    } = profile;
    ProfileStateV1 {
        external_id: external_id.to_string(),
        employee_number: employee_number.to_string(),
        mobile: mobile.to_string(),
        email: email.to_string(),
        position: position.to_string(),
    }
}

fn write_activation((person, activation): (&PersonIndex, &Activation)) -> ActivationStateV1 {
    let Activation {
        code,
        expires,
        guesses,
    } = activation;
    ActivationStateV1 {
        person: person.id(),
        code: code.as_deref().map(str::to_owned),
        expires: *expires,
        guesses: *guesses,
    }
}

fn write_devices(tenant: &Tenant) -> Vec<DevicesStateV1> {
    let mut devices: Vec<_> = tenant.devices.iter().collect();
    devices.sort_unstable_by_key(|(person, _)| **person);
    let seen = |known: &Device| {
        let Device {
            device,
            platform,
            first_seen,
            revoked,
        } = *known;
        DeviceSeenV1 {
            device,
            platform,
            first_seen,
            revoked,
        }
    };
    let devices = devices.into_iter().map(|(person, devices)| DevicesStateV1 {
        person: person.id(),
        list: devices.list.iter().map(seen).collect(),
    });
    devices.collect()
}

pub(crate) fn read(tenant: &mut Tenant, state: DirectoryStateV1) -> Result<(), &'static str> {
    for person in state.people {
        let mut known = Person::new(&person.name, person.kind, person.role);
        known.status = person.status;
        known.activated = person.activated;
        known.profile = person
            .profile
            .map(|profile| Box::new(read_profile(profile)));
        tenant.push_person(known).ok_or("a person")?;
    }
    let held = |profile: &Profile| profile.external_id.clone();
    tenant.external_ids = read_holders(tenant, &state.external_ids, held)?;
    let held = |profile: &Profile| profile.employee_number.clone();
    tenant.employee_numbers = read_holders(tenant, &state.employee_numbers, held)?;
    let held = |profile: &Profile| profile.mobile.clone();
    tenant.mobiles = read_holders(tenant, &state.mobiles, held)?;
    for activation in state.activations {
        read_activation(tenant, activation)?;
    }
    for devices in state.devices {
        read_devices(tenant, &devices)?;
    }
    let allow_list = AllowList::parse(&state.ip_allow_list);
    tenant.ip_allow_list = allow_list.ok_or("a network of the allow-list")?;
    Ok(())
}

fn read_profile(state: ProfileStateV1) -> Profile {
    Profile {
        external_id: state.external_id.into(),
        employee_number: state.employee_number.into(),
        mobile: state.mobile.into(),
        email: state.email.into(),
        position: state.position.into(),
    }
}

fn read_holders(
    tenant: &Tenant,
    people: &[PersonId],
    held: impl Fn(&Profile) -> Box<str>,
) -> Result<Holders, &'static str> {
    let mut holders = Holders::new();
    for person in people {
        let index = tenant.find_person(*person).ok_or("who holds a name")?;
        let profile = tenant.person(index).profile.as_deref();
        let text = profile.map(&held).filter(|text| !text.is_empty());
        let text = text.ok_or("a name somebody holds")?;
        if holders.insert(text, index).is_some() {
            return Err("a name two people hold");
        }
    }
    Ok(holders)
}

fn read_activation(tenant: &mut Tenant, state: ActivationStateV1) -> Result<(), &'static str> {
    let person = tenant.find_person(state.person);
    let person = person.ok_or("whose a one-time code is")?;
    let activation = Activation {
        code: state.code.map(String::into_boxed_str),
        expires: state.expires,
        guesses: state.guesses,
    };
    match tenant.activations.insert(person, activation) {
        None => Ok(()),
        Some(_) => Err("a person's second one-time code"),
    }
}

fn read_devices(tenant: &mut Tenant, state: &DevicesStateV1) -> Result<(), &'static str> {
    let person = tenant.find_person(state.person);
    let person = person.ok_or("whose devices are")?;
    let mut devices = Devices::default();
    for seen in &state.list {
        if devices.find(seen.device).is_some() {
            return Err("a device a second time");
        }
        devices.list.push(Device {
            device: seen.device,
            platform: seen.platform,
            first_seen: seen.first_seen,
            revoked: seen.revoked,
        });
    }
    tenant.person_mut(person).has_revoked_device = devices.has_revoked();
    match tenant.devices.insert(person, devices) {
        None => Ok(()),
        Some(_) => Err("a person's devices a second time"),
    }
}
