//! The memory of what each sender has sent, by which a retry is told from news (SPEC S3).
//!
//! A sender's last 1,024 messages of the last 24 hours, 60 bytes each, allocated as they come. What
//! has expired is invisible at once, to hashes and snapshots too, and freed as others publish: one
//! other sender is looked at per message, so that nothing ever walks them all.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::model::state::PersonIndex;
use crate::wire::{ClientMessageId, GroupId, RecordNumber, Timestamp};

/// Messages remembered of one sender (SPEC S3). Part of what replay computes: not configuration.
pub(crate) const REMEMBERED_MAX: usize = 1_024;
/// How long a message is remembered, in microseconds: 24 hours (SPEC S3).
pub(crate) const REMEMBERED_FOR_US: i64 = 24 * 3_600_000_000;

/// By which a retry is recognised, beside tenant and sender.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Key {
    /// 0 for a mass send.
    pub(crate) group: GroupId,
    pub(crate) client_message_id: ClientMessageId,
}

impl Key {
    /// Few bits, scanned first: 1,024 of them are 4 KiB.
    fn fingerprint(self) -> u32 {
        let id = self.client_message_id.0;
        let mixed = (id as u64) ^ ((id >> 64) as u64) ^ self.group.0.rotate_left(32);
        (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
    }
}

/// The first result of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Original {
    group: GroupId,
    /// Bytes, since a u128's alignment would cost 8 bytes an entry.
    client_message_id: [u8; 16],
    pub(crate) body_digest: u64,
    /// The sequence taken; of a mass send, how many groups it goes to.
    pub(crate) place: u64,
    pub(crate) record: RecordNumber,
    pub(crate) timestamp: Timestamp,
}

const _: () = assert!(size_of::<Original>() == 56);

impl Original {
    pub(crate) fn new(
        key: Key,
        body_digest: u64,
        place: u64,
        record: RecordNumber,
        timestamp: Timestamp,
    ) -> Self {
        Self {
            group: key.group,
            client_message_id: key.client_message_id.0.to_le_bytes(),
            body_digest,
            place,
            record,
            timestamp,
        }
    }

    pub(crate) fn key(&self) -> Key {
        Key {
            group: self.group,
            client_message_id: ClientMessageId(u128::from_le_bytes(self.client_message_id)),
        }
    }

    fn lives_at(&self, now: Timestamp) -> bool {
        now.micros_since(self.timestamp) < REMEMBERED_FOR_US
    }
}

/// One sender's messages, oldest first.
#[derive(Default)]
struct Sent {
    fingerprints: VecDeque<u32>,
    originals: VecDeque<Original>,
}

impl Sent {
    fn find(&self, key: Key) -> Option<&Original> {
        let wanted = key.fingerprint();
        let (front, back) = self.fingerprints.as_slices();
        if !front.contains(&wanted) && !back.contains(&wanted) {
            return None;
        }
        // The newest: an expired one may have had the same name.
        self.originals
            .iter()
            .rev()
            .find(|original| original.key() == key)
    }

    fn push(&mut self, original: Original) {
        if self.originals.len() == REMEMBERED_MAX {
            self.pop();
        }
        self.fingerprints.push_back(original.key().fingerprint());
        self.originals.push_back(original);
    }

    fn pop(&mut self) {
        self.fingerprints.pop_front();
        self.originals.pop_front();
    }

    fn forget_expired(&mut self, now: Timestamp) {
        while let Some(oldest) = self.originals.front()
            && !oldest.lives_at(now)
        {
            self.pop();
        }
    }
}

/// What all senders of a tenant have sent.
#[derive(Default)]
pub(crate) struct Remembered {
    by_sender: FxHashMap<PersonIndex, Sent>,
    /// Every sender in `by_sender`; the first is next to have what expired freed.
    sweep: VecDeque<PersonIndex>,
}

impl Remembered {
    pub(crate) fn find(&self, sender: PersonIndex, key: Key, now: Timestamp) -> Option<&Original> {
        let original = self.by_sender.get(&sender)?.find(key)?;
        original.lives_at(now).then_some(original)
    }

    pub(crate) fn remember(&mut self, sender: PersonIndex, original: Original) {
        let sent = self.by_sender.entry(sender).or_insert_with(|| {
            self.sweep.push_back(sender);
            Sent::default()
        });
        sent.forget_expired(original.timestamp);
        sent.push(original);
        self.sweep_one(original.timestamp);
    }

    fn sweep_one(&mut self, now: Timestamp) {
        let Some(sender) = self.sweep.pop_front() else {
            return;
        };
        let Some(sent) = self.by_sender.get_mut(&sender) else {
            return;
        };
        sent.forget_expired(now);
        if sent.originals.is_empty() {
            self.by_sender.remove(&sender);
        } else {
            self.sweep.push_back(sender);
        }
    }

    /// What lives at `now`, by sender, oldest first.
    pub(crate) fn living(&self, now: Timestamp) -> Vec<(PersonIndex, Vec<Original>)> {
        let mut living = Vec::with_capacity(self.by_sender.len());
        for (sender, sent) in &self.by_sender {
            let originals = sent.originals.iter().copied();
            let originals: Vec<_> = originals.filter(|o| o.lives_at(now)).collect();
            if !originals.is_empty() {
                living.push((*sender, originals));
            }
        }
        living.sort_unstable_by_key(|(sender, _)| *sender);
        living
    }

    #[cfg(test)]
    pub(crate) fn senders(&self) -> usize {
        self.by_sender.len()
    }
}
