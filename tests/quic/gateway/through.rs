//! A gateway that speaks the bytes, and keeps its table as docs/wire.md says.

use throng::wire::{
    Attach, AttachEntry, Attached, DeviceId, FrameKind, PersonId, Refused, TenantId,
};

use crate::gateway::table::Client as Table;
use crate::quic::{Client, Deliveries, GATEWAY, House, Lane};

pub(crate) const TENANT: TenantId = TenantId(1);

/// A gateway's connection and its table.
pub(crate) struct Through {
    pub(crate) client: Client,
    pub(crate) lane: Lane,
    deliveries: Option<Deliveries>,
    pub(crate) table: Table,
}

fn entry(person: u64) -> AttachEntry {
    AttachEntry {
        person: PersonId(person),
        device: DeviceId(1),
        cursors: Vec::new(),
    }
}

pub(crate) fn attach(people: impl Iterator<Item = u64>) -> Vec<u8> {
    let people = people.map(entry).collect();
    let live_only = true;
    Attach { live_only, people }.encode()
}

impl Through {
    pub(crate) async fn enter(house: &House) -> Self {
        let client = house.enter(GATEWAY).await;
        let lane = Lane::open(&client.connection).await;
        Self {
            client,
            lane,
            deliveries: None,
            table: Table::default(),
        }
    }

    /// Attaches people on device 1, live; how many groups each is in.
    pub(crate) async fn attach(&mut self, people: std::ops::RangeInclusive<u64>) -> Vec<usize> {
        self.lane
            .send(FrameKind::Attach, 7, &attach(people.clone()))
            .await;
        let mut groups = Vec::new();
        for person in people {
            self.table.attach((person, 1));
            let frame = self.lane.frame().await;
            assert_eq!((frame.kind, frame.request), (FrameKind::Attached, 7));
            let attached = Attached::read(frame.payload()).unwrap();
            assert_eq!(
                (attached.person, attached.device),
                (PersonId(person), DeviceId(1))
            );
            groups.push(attached.groups.len());
        }
        groups
    }

    /// Reads deliveries until `holds` of the table.
    pub(crate) async fn read_until(&mut self, holds: impl Fn(&Table) -> bool) {
        if self.deliveries.is_none() {
            self.deliveries = Some(self.client.deliveries().await);
        }
        let deliveries = self.deliveries.as_mut().unwrap();
        while !holds(&self.table) {
            let table = &mut self.table;
            deliveries
                .read(|header, body| table.read_one(header, body))
                .await;
        }
    }

    /// Whose refusal comes next, and its code; attaches are passed over.
    pub(crate) async fn refused_or_attached(&mut self, request: u64) -> (u64, u16) {
        loop {
            let frame = self.lane.frame().await;
            assert_eq!(frame.request, request);
            if frame.kind == FrameKind::Refused {
                let refused = Refused::read(frame.payload()).unwrap();
                return (refused.subject, refused.code);
            }
        }
    }
}
