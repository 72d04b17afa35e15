//! Joins and removals of people on gateways, each told from its own sequence on (SPEC M5).

use super::super::Core;
use super::super::slab::Key;
use super::people::{all_devices, find};
use super::{Gateway, LEFT_MAX};
use crate::model::MembershipDelta;
use crate::wire::{DeviceId, GroupId, PersonId, ReaderChange, TenantId};

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
        let gateway = &mut self.gateways[key];
        let joined = gateway.reading(delta.group, at, delta.viewer);
        let Some(readings) = gateway.people.get(&who) else {
            return;
        };
        let place = find(readings, delta.group);
        let before = place.ok().map(|index| readings[index]);
        let is_reading = before.is_some_and(|before| gateway.is_reading(&before));
        let was_viewer = before.is_some_and(|before| before.viewer_since.is_some());
        let may_speak_now = is_reading && was_viewer && !delta.viewer;
        if before.is_some_and(|before| at < before.known) || (is_reading && !may_speak_now) {
            return;
        }
        if let Some(readings) = gateway.people.get_mut(&who) {
            match place {
                Ok(index) => readings[index] = joined,
                Err(index) => readings.insert(index, joined),
            }
        }
        if may_speak_now {
            self.change(key, delta.group, ReaderChange::End, (who, true), at);
            self.count_out(key, delta.group, (1, 1), at);
        }
        self.begin(key, delta.group, (who, delta.viewer), (at, at));
        if delta.viewer {
            self.watch(delta.tenant, delta.group, None);
        }
    }

    fn leave_through(
        &mut self,
        key: Key<Gateway>,
        who: (PersonId, DeviceId),
        delta: &MembershipDelta,
    ) {
        let gateway = &self.gateways[key];
        let Some(readings) = gateway.people.get(&who) else {
            return;
        };
        let (Ok(index), Some(through)) = (
            find(readings, delta.group),
            gateway.groups.get(&delta.group),
        ) else {
            return;
        };
        // A viewer's leaving takes no sequence: it holds from the next on.
        let at = if delta.viewer {
            let group = self.subscriptions[through.live].group;
            self.groups[group].ring.next()
        } else {
            delta.at.0
        };
        let reading = readings[index];
        let is_of_them = reading.viewer_since.is_some() == delta.viewer;
        if !gateway.is_reading(&reading) || !is_of_them || at < reading.known {
            return;
        }
        if let Some(readings) = self.gateways[key].people.get_mut(&who) {
            (readings[index].known, readings[index].is_open) = (at, false);
            let left = readings.iter().filter(|reading| !reading.is_open);
            if left.count() > LEFT_MAX {
                readings.retain(|reading| reading.is_open || reading.group == delta.group);
            }
        }
        let change = ReaderChange::End;
        self.change(key, delta.group, change, (who, delta.viewer), at);
        self.count_out(key, delta.group, (1, u32::from(delta.viewer)), at);
    }

    /// Every gateway's viewers of a group read it up to before `end`: one change each, whoever they are.
    pub(in super::super) fn end_viewers_through(
        &mut self,
        (tenant, group): (TenantId, GroupId),
        end: u64,
    ) {
        for index in 0..self.gateway_keys.len() {
            let key = self.gateway_keys[index];
            let gateway = &mut self.gateways[key];
            if gateway.tenant != tenant {
                continue;
            }
            let Some(through) = gateway.groups.get_mut(&group) else {
                continue;
            };
            let viewers = through.viewers;
            if viewers == 0 {
                continue;
            }
            gateway.viewers_ended += 1;
            through.viewers_since = gateway.viewers_ended;
            let everybody = ((PersonId(0), DeviceId(0)), true);
            self.change(key, group, ReaderChange::ViewersEnd, everybody, end);
            self.count_out(key, group, (viewers, viewers), end);
            self.give_up_if_overrun(key);
        }
    }
}
