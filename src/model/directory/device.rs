//! Devices (SPEC D9): which ones a person has been seen on, and which are locked out.

use crate::model::command::{
    Actor, DeviceOfPersonV1, DeviceStateV1, DevicesV1, DoneV1, PersonV1, Platform,
    RegisterDeviceV1, Reply,
};
use crate::model::decision::{Decision, Request};
use crate::model::event::{self, Event};
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::Tenant;
use crate::wire::{DeviceId, PersonId, Timestamp};

/// One person's devices, in the order they were first seen.
#[derive(Default)]
pub(crate) struct Devices {
    pub(crate) list: Vec<Device>,
}

/// One device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Device {
    pub(crate) device: DeviceId,
    pub(crate) platform: Platform,
    pub(crate) first_seen: Timestamp,
    pub(crate) revoked: bool,
}

impl Devices {
    pub(crate) fn find(&self, device: DeviceId) -> Option<&Device> {
        self.list.iter().find(|known| known.device == device)
    }

    pub(crate) fn is_revoked(&self, device: DeviceId) -> bool {
        self.find(device).is_some_and(|known| known.revoked)
    }

    pub(crate) fn has_revoked(&self) -> bool {
        self.list.iter().any(|known| known.revoked)
    }

    /// What is forgotten first to make room: the oldest in use, so that what is locked out stays
    /// locked out as long as that can be.
    fn oldest(&self) -> DeviceId {
        let in_use = self.list.iter().find(|known| !known.revoked);
        let oldest = in_use.or(self.list.first());
        oldest.map_or(DeviceId(0), |oldest| oldest.device)
    }
}

/// Whether the person's device is a telephone or tablet. One that has not been registered counts as
/// none: whoever wants mobiles told apart registers devices (SPEC D9, G4).
pub(crate) fn is_mobile(tenant: &Tenant, person: PersonId, device: DeviceId) -> bool {
    let person = tenant.find_person(person);
    let devices = person.and_then(|person| tenant.devices.get(&person));
    let known = devices.and_then(|devices| devices.find(device));
    known.is_some_and(|known| known.platform == Platform::Mobile)
}

pub(crate) fn decide_register_device(
    request: &Request<'_>,
    register: &RegisterDeviceV1,
) -> Result<Decision, Refusal> {
    let person = register.person;
    request.permit(Operation::RegisterDevice, Subject::Person(person))?;
    let index = request.tenant.usable_person(person)?;
    let asks_from = match request.actor {
        Actor::Person { device, .. } => device,
        Actor::Node | Actor::Enterprise | Actor::System => register.device,
    };
    if register.device == DeviceId(0) || register.device != asks_from {
        return Err(Refusal::Invalid {
            field: "device",
            rule: "not 0, and the one that is asked from",
        });
    }
    request.tenant.check_device(index, register.device)?;
    let reply = Reply::Done(DoneV1 {});
    let devices = request.tenant.devices.get(&index);
    let known = devices.and_then(|devices| devices.find(register.device));
    if known.is_some_and(|known| known.platform == register.platform) {
        return Ok(Decision::answered(reply));
    }

    let max = request.limits.devices_per_person_max as usize;
    let is_full = known.is_none() && devices.is_some_and(|devices| devices.list.len() >= max);
    let forgotten = devices.filter(|_| is_full).map(Devices::oldest);
    let event = Event::DeviceRegistered(event::DeviceRegisteredV1 {
        person,
        device: register.device,
        platform: register.platform,
        forgotten: forgotten.unwrap_or(DeviceId(0)),
    });
    Ok(Decision::accepted(event, reply))
}

pub(crate) fn decide_revoke_device(
    request: &Request<'_>,
    revoke: &DeviceOfPersonV1,
) -> Result<Decision, Refusal> {
    let person = revoke.person;
    request.permit(Operation::RevokeDevice, Subject::Person(person))?;
    let index = request.tenant.active_person(person)?;
    let devices = request.tenant.devices.get(&index);
    let known = devices.and_then(|devices| devices.find(revoke.device));
    let known = known.ok_or(Refusal::Invalid {
        field: "device",
        rule: "a device of the person",
    })?;
    let reply = Reply::Done(DoneV1 {});
    if known.revoked {
        return Ok(Decision::answered(reply));
    }

    let device = revoke.device;
    let event = Event::DeviceRevoked(event::DeviceRevokedV1 { person, device });
    Ok(Decision::accepted(event, reply))
}

pub(crate) fn list_devices(request: &Request<'_>, list: &PersonV1) -> Result<Reply, Refusal> {
    request.permit(Operation::ReadPerson, Subject::Person(list.person))?;
    let index = request.tenant.active_person(list.person)?;
    let devices = request.tenant.devices.get(&index);
    let devices = devices.into_iter().flat_map(|devices| &devices.list);
    let devices = devices.map(|known| DeviceStateV1 {
        device: known.device,
        platform: known.platform,
        first_seen: known.first_seen,
        revoked: known.revoked,
    });
    Ok(Reply::Devices(DevicesV1 {
        devices: devices.collect(),
    }))
}

pub(crate) fn register_device(
    tenant: &mut Tenant,
    at: Timestamp,
    registered: &event::DeviceRegisteredV1,
) {
    let Ok(index) = tenant.active_person(registered.person) else {
        return;
    };
    let devices = tenant.devices.entry(index).or_default();
    let known = devices.list.iter_mut();
    if let Some(known) = known.into_iter().find(|it| it.device == registered.device) {
        known.platform = registered.platform;
        return;
    }
    let forgotten = registered.forgotten;
    devices.list.retain(|known| known.device != forgotten);
    devices.list.push(Device {
        device: registered.device,
        platform: registered.platform,
        first_seen: at,
        revoked: false,
    });
    let has_revoked = devices.has_revoked();
    tenant.person_mut(index).has_revoked_device = has_revoked;
}

pub(crate) fn revoke_device(tenant: &mut Tenant, revoked: &event::DeviceRevokedV1) {
    let Ok(index) = tenant.active_person(revoked.person) else {
        return;
    };
    let devices = tenant.devices.get_mut(&index);
    let mut known = devices.into_iter().flat_map(|devices| &mut devices.list);
    if let Some(known) = known.find(|known| known.device == revoked.device) {
        known.revoked = true;
        tenant.person_mut(index).has_revoked_device = true;
    }
}

/// Nothing is remembered of a leaver's devices: whoever has left is locked out on all of them.
pub(super) fn forget_devices(tenant: &mut Tenant, index: crate::model::state::PersonIndex) {
    tenant.devices.remove(&index);
    tenant.person_mut(index).has_revoked_device = false;
}
