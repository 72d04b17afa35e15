//! Mass sends as a snapshot has them.

use crate::model::body::body;
use crate::model::state::Tenant;
use crate::wire::{
    ClientMessageId, DeviceId, GroupId, Kind, PersonId, Priority, RecordNumber, Timestamp,
};

use super::{MassSend, MassSends};

body! {
    /// A tenant's mass sends in the order they go out.
    MassSendsStateV1 {
        list: Vec<MassSendStateV1>,
    }
}
body! {
    /// One mass send.
    MassSendStateV1 {
        record: RecordNumber,
        sender: PersonId,
        device: DeviceId,
        kind: u8,
        priority: u8,
        client_message_id: ClientMessageId,
        accepted_at: Timestamp,
        targets: u32,
        sent: u32,
        refused: u32,
        groups: Vec<GroupId>,
    }
}

pub(crate) fn write(tenant: &Tenant) -> MassSendsStateV1 {
    MassSendsStateV1 {
        list: tenant.mass_sends.list.iter().map(write_one).collect(),
    }
}

fn write_one(send: &MassSend) -> MassSendStateV1 {
    MassSendStateV1 {
        record: send.record,
        sender: send.sender.id(),
        device: send.device,
        kind: send.kind as u8,
        priority: send.priority as u8,
        client_message_id: send.client_message_id,
        accepted_at: send.accepted_at,
        targets: send.targets,
        sent: send.sent,
        refused: send.refused,
        groups: send.groups.clone(),
    }
}

pub(crate) fn read(tenant: &mut Tenant, state: MassSendsStateV1) -> Result<(), &'static str> {
    let mut sends = MassSends::default();
    for v1 in state.list {
        let what = "a mass send";
        let tried = v1.sent.checked_add(v1.refused).ok_or(what)?;
        let is_over = v1.groups.is_empty();
        let fits = if is_over {
            // What has gone out is in front of what has not.
            tried == v1.targets && sends.finished == sends.list.len()
        } else {
            tried < v1.targets && v1.groups.len() == v1.targets as usize
        };
        let follows = sends.list.back().is_none_or(|last| last.record < v1.record);
        if !fits || !follows {
            return Err(what);
        }
        sends.finished += usize::from(is_over);
        sends.list.push_back(MassSend {
            record: v1.record,
            sender: tenant.find_person(v1.sender).ok_or(what)?,
            device: v1.device,
            kind: Kind::from_u8(v1.kind).ok_or(what)?,
            priority: Priority::from_u8(v1.priority).ok_or(what)?,
            client_message_id: v1.client_message_id,
            accepted_at: v1.accepted_at,
            targets: v1.targets,
            sent: v1.sent,
            refused: v1.refused,
            groups: v1.groups,
        });
    }
    tenant.mass_sends = sends;
    Ok(())
}
