//! What is remembered of each sender, as a snapshot has it.

use crate::model::body::body;
use crate::model::state::Tenant;
use crate::wire::{ClientMessageId, GroupId, PersonId, RecordNumber, Timestamp};

use super::{Key, Original, Remembered};

body! {
    /// What living messages each sender has sent, by sender.
    RememberedStateV1 {
        senders: Vec<SentV1>,
    }
}
body! {
    /// What one sender has sent, oldest first.
    SentV1 {
        sender: PersonId,
        originals: Vec<OriginalV1>,
    }
}
body! {
    /// The first result of a message.
    OriginalV1 {
        group: GroupId,
        client_message_id: ClientMessageId,
        body_digest: u64,
        place: u64,
        record: RecordNumber,
        timestamp: Timestamp,
    }
}

pub(crate) fn write(tenant: &Tenant, clock: Timestamp) -> RememberedStateV1 {
    let senders = tenant.remembered.living(clock).into_iter();
    let senders = senders.map(|(sender, originals)| SentV1 {
        sender: sender.id(),
        originals: originals.iter().map(write_original).collect(),
    });
    RememberedStateV1 {
        senders: senders.collect(),
    }
}

fn write_original(original: &Original) -> OriginalV1 {
    let key = original.key();
    OriginalV1 {
        group: key.group,
        client_message_id: key.client_message_id,
        body_digest: original.body_digest,
        place: original.place,
        record: original.record,
        timestamp: original.timestamp,
    }
}

pub(crate) fn read(tenant: &mut Tenant, state: RememberedStateV1) -> Result<(), &'static str> {
    let mut remembered = Remembered::default();
    for sent in state.senders {
        let sender = tenant.find_person(sent.sender).ok_or("a sender")?;
        for v1 in sent.originals {
            let key = Key {
                group: v1.group,
                client_message_id: v1.client_message_id,
            };
            let (record, timestamp) = (v1.record, v1.timestamp);
            let original = Original::new(key, v1.body_digest, v1.place, record, timestamp);
            remembered.remember(sender, original);
        }
    }
    tenant.remembered = remembered;
    Ok(())
}
