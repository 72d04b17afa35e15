//! Joins and removals of people on gateways, each told from its own sequence on (SPEC M5).

use super::super::Core;
use super::super::slab::Key;
use super::people::{all_devices, find};
use super::{Gateway, LEFT_MAX, Reading};
use crate::model::MembershipDelta;
use crate::wire::{DeviceId, PersonId, ReaderChange};

impl Core {
    /// Tells every gateway the person is on; deltas that come a second time change nothing.
    pub(in super::super) fn on_membership_through(&mut self, delta: &MembershipDelta) {
        for index in 0..self.gateway_keys.len() {
            let key = self.gateway_keys[index];
            let gateway = &self.gateways[key];
            if gateway.tenant != delta.tenant {
                continue;
            }
            let here = gateway.people.range(all_devices(delta.person));
            for who in here.map(|(who, _)| *who).collect::<Vec<_>>() {
                if delta.joined {
                    self.join_through(key, who, delta);
                } else {
                    self.leave_through(key, who, delta);
                }
            }
            self.give_up_if_overrun(key);
        }
    }

    fn join_through(
        &mut self,
        key: Key<Gateway>,
        who: (PersonId, DeviceId),
        delta: &MembershipDelta,
    ) {
        let at = delta.at.0;
        let Some(readings) = self.gateways[key].people.get_mut(&who) else {
            return;
        };
        let joined = Reading {
            group: delta.group,
            known: at,
            is_open: true,
        };
        match find(readings, delta.group) {
            Ok(index) => {
                let reading = &mut readings[index];
                if reading.is_open || at < reading.known {
                    return;
                }
                *reading = joined;
            }
            Err(index) => readings.insert(index, joined),
        }
        self.begin(key, delta.group, (who, false), (at, at));
    }

    fn leave_through(
        &mut self,
        key: Key<Gateway>,
        who: (PersonId, DeviceId),
        delta: &MembershipDelta,
    ) {
        let at = delta.at.0;
        let Some(readings) = self.gateways[key].people.get_mut(&who) else {
            return;
        };
        let Ok(index) = find(readings, delta.group) else {
            return;
        };
        let reading = &mut readings[index];
        if !reading.is_open || at < reading.known {
            return;
        }
        (reading.known, reading.is_open) = (at, false);
        let left = readings.iter().filter(|reading| !reading.is_open);
        if left.count() > LEFT_MAX {
            readings.retain(|reading| reading.is_open || reading.group == delta.group);
        }
        self.change(key, delta.group, ReaderChange::End, (who, false), at);
        self.count_out(key, delta.group, at);
    }
}
