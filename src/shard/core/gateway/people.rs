//! Coming online through a gateway, going, and acknowledging.

use super::super::Core;
use super::super::attach::{Floors, start};
use super::super::slab::Key;
use super::{Gateway, Reading};
use crate::engine::AttachedPerson;
use crate::wire::{Cursor, DeviceId, GroupId, PersonId, ReaderChange, Sequence, TenantId};

impl Core {
    /// A person comes online through a gateway; `attached` is the engine's answer, `cursors` what the
    /// gateway says of this person and device.
    ///
    /// Where each group is read from is as in [`attach`](Self::attach), and told as a change. Who is
    /// there already begins anew.
    pub fn attach_through(
        &mut self,
        gateway: u64,
        attached: &AttachedPerson,
        cursors: &[Cursor],
        live_only: bool,
    ) {
        let Some(key) = self.gateway_of(gateway) else {
            return;
        };
        let who = (attached.person, attached.device);
        self.forget_person(key, who);
        let floors = Floors::of(cursors);
        let mut readings = Vec::with_capacity(attached.groups.len());
        for group in &attached.groups {
            let (id, live_from) = (group.group(), group.head().0 + 1);
            let (_, at) = start(group, floors.floor(id), live_only);
            let closes = attached.watches_until(id);
            let viewer = closes.is_some();
            self.begin(key, id, (who, viewer), (at, live_from));
            if viewer {
                self.watch(attached.tenant, id, closes);
            }
            readings.push(self.gateways[key].reading(id, live_from, viewer));
        }
        readings.sort_unstable_by_key(|reading| reading.group);
        self.gateways[key].people.insert(who, readings);
    }

    /// A person goes offline. The gateway knows, but not which of the changes it has yet to read were
    /// told before: it is told that they are gone, so that those of a later attach are known from them.
    pub fn detach_through(&mut self, gateway: u64, person: PersonId, device: DeviceId) {
        let who = (person, device);
        if let Some(key) = self.gateway_of(gateway)
            && self.gateways[key].people.contains_key(&who)
        {
            self.forget_person(key, who);
            self.change(key, GroupId(0), ReaderChange::Gone, (who, false), 0);
            self.give_up_if_overrun(key);
        }
    }

    /// A person on a gateway has everything of `group` up to and including `floor`.
    ///
    /// Never beyond what was sent to the gateway. A group that they do not read, or only watch, is ignored.
    pub fn ack_through(&mut self, gateway: u64, person: PersonId, group: GroupId, floor: Sequence) {
        let Some(key) = self.gateway_of(gateway) else {
            return;
        };
        let gateway = &self.gateways[key];
        let readings = gateway.people.range(all_devices(person));
        let is_reading = |readings: &Vec<Reading>| {
            let reading = find(readings, group).ok().map(|index| readings[index]);
            reading.is_some_and(|reading| reading.is_open && reading.viewer_since.is_none())
        };
        let Some(through) = gateway.groups.get(&group) else {
            return;
        };
        if readings.map(|(_, readings)| readings).any(is_reading) {
            let sent = self.subscriptions[through.live].next.saturating_sub(1);
            let floor = Sequence(floor.0.min(sent));
            let place = (gateway.tenant, person, group);
            self.acknowledge(place, floor);
        }
    }

    /// Somebody's sessions end, on one device or on all: every gateway they are on is told.
    pub(in super::super) fn end_through(
        &mut self,
        tenant: TenantId,
        person: PersonId,
        device: Option<DeviceId>,
    ) {
        for index in 0..self.gateway_keys.len() {
            let key = self.gateway_keys[index];
            let gateway = &self.gateways[key];
            if gateway.tenant != tenant {
                continue;
            }
            let here = gateway.people.range(all_devices(person));
            let ending = here.map(|(who, _)| *who);
            let ending = ending.filter(|who| device.is_none_or(|device| device == who.1));
            for who in ending.collect::<Vec<_>>() {
                self.forget_person(key, who);
                self.change(key, GroupId(0), ReaderChange::Gone, (who, false), 0);
            }
            self.give_up_if_overrun(key);
        }
    }

    fn forget_person(&mut self, key: Key<Gateway>, who: (PersonId, DeviceId)) {
        let readings = self.gateways[key].people.remove(&who);
        for reading in readings.into_iter().flatten() {
            if self.gateways[key].is_reading(&reading) {
                let viewers = u32::from(reading.viewer_since.is_some());
                self.count_out(key, reading.group, (1, viewers), 0);
            }
        }
    }
}

/// A person's devices in a gateway's table.
pub(super) fn all_devices(person: PersonId) -> std::ops::RangeInclusive<(PersonId, DeviceId)> {
    (person, DeviceId(0))..=(person, DeviceId(u32::MAX))
}

/// Where a group is among readings, or would be.
pub(super) fn find(readings: &[Reading], group: GroupId) -> Result<usize, usize> {
    readings.binary_search_by_key(&group, |reading| reading.group)
}
