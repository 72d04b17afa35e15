//! Which ports a record concerns: those where somebody is online who sees it, and no others (invariant 6).

use super::port::{Item, PortId};
use super::sequencer::Sequencer;
use crate::model;
use crate::model::event::Event;
use crate::wire::{Envelope, Header, Kind, Take};

impl Sequencer {
    /// What a record shows, to the ports where it concerns somebody.
    pub(super) fn route(
        &mut self,
        envelope: &Envelope,
        takes: &[Take],
        events: &[Event],
    ) -> Vec<(PortId, Item)> {
        let mut items = Vec::new();
        let shown = model::project(envelope, takes, events);
        let ended: Vec<_> = shown.ended().collect();
        // Its members read a group's end, and are counted as such until they have been sent it.
        let ends = shown.envelopes.iter().map(Envelope::header);
        let ends = ends.filter(|header| header.kind() == Kind::Dissolved);
        let ends: Vec<_> = ends.map(Header::group).collect();
        let mut last = Vec::new();
        for delta in shown.deltas {
            let ports = self.online.ports_of((delta.tenant, delta.person));
            let told = ports.iter();
            items.extend(told.map(|(port, _)| (*port, Item::Membership(delta))));
            if ends.contains(&delta.group) {
                last.push(delta);
            } else {
                self.online.change(&delta);
            }
        }
        for window in shown.windows {
            let ports = self.online.ports(window.tenant, window.group).iter();
            items.extend(ports.map(|(port, _)| (*port, Item::Window(window))));
        }
        if let Some(before) = shown.forget_before {
            let ports = self.online.all_ports().iter();
            items.extend(ports.map(|port| (*port, Item::Forget { before })));
        }
        for envelope in shown.envelopes {
            let header = envelope.header();
            let ports = self.online.ports(header.tenant(), header.group());
            items.extend(
                ports
                    .iter()
                    .map(|(port, _)| (*port, Item::Deliver(envelope.clone()))),
            );
        }
        for delta in &last {
            self.online.change(delta);
        }
        let tenant = envelope.header().tenant();
        for group in ends {
            self.online.end_group(tenant, group);
        }
        for (person, device) in ended {
            let ports = self.online.ports_of((tenant, person));
            let ended = |(port, _): &(PortId, _)| {
                let item = Item::Ended {
                    tenant,
                    person,
                    device,
                };
                (*port, item)
            };
            items.extend(ports.iter().map(ended));
        }
        items
    }
}
