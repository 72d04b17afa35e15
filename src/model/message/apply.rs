//! A message takes its place, and is remembered.

use crate::model::Stamp;
use crate::model::event::{GroupStatus, PublishedV1};
use crate::model::state::{PersonIndex, Tenant};
use crate::wire::{ClientMessageId, GroupId, Take};

use super::{Key, Original};

pub(crate) fn publish(tenant: &mut Tenant, stamp: &Stamp, published: &PublishedV1) -> Option<Take> {
    let take = take_place(tenant, stamp, published.group)?;
    let key = Key {
        group: published.group,
        client_message_id: stamp.client_message_id,
    };
    if let Some(sender) = tenant.find_person(stamp.sender) {
        let place = take.sequence.0;
        remember(tenant, stamp, sender, key, published.body_digest, place);
    }
    Some(take)
}

/// The group's next sequence, for a message.
pub(crate) fn take_place(tenant: &mut Tenant, stamp: &Stamp, group: GroupId) -> Option<Take> {
    let index = tenant.find_group(group)?;
    let sender = tenant.find_person(stamp.sender);
    let group = tenant.group_mut(index);
    if group.status != GroupStatus::Active {
        return None;
    }
    group.note_speech(sender, stamp.timestamp);
    let ordinal = group.message_ordinal;
    group.activity.note_message(ordinal, stamp.timestamp);
    Some(group.take_message(index))
}

/// A message without a client message id is never a retry, and is not remembered.
pub(crate) fn remember(
    tenant: &mut Tenant,
    stamp: &Stamp,
    sender: PersonIndex,
    key: Key,
    body_digest: u64,
    place: u64,
) {
    if key.client_message_id != ClientMessageId(0) {
        let original = Original::new(key, body_digest, place, stamp.record, stamp.timestamp);
        tenant.remembered.remember(sender, original);
    }
}
