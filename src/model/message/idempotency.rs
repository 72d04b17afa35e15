//! The memory of what each sender has sent, by which a retry is told from news (SPEC S3).
//!
//! A sender's last 1,024 messages of the last 24 hours, 64 bytes each, allocated as they come. What
//! has expired is invisible at once, to hashes and snapshots too, and freed as others publish: one
//! other sender is looked at per message, so that nothing ever walks them all.

use std::collections::VecDeque;
use std::hash::BuildHasher;

use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::model::state::PersonIndex;
use crate::wire::{ClientMessageId, GroupId, RecordNumber, Timestamp};

/// Messages remembered of one sender (SPEC S3). Part of what replay computes: not configuration.
pub(crate) const REMEMBERED_MAX: usize = 1_024;
/// How long a message is remembered, in microseconds: 24 hours (SPEC S3).
pub(crate) const REMEMBERED_FOR_US: i64 = 24 * 3_600_000_000;

/// By which a retry is recognised, beside tenant and sender.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Key {
    /// 0 for a mass send.
    pub(crate) group: GroupId,
    pub(crate) client_message_id: ClientMessageId,
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

/// One sender's messages, oldest first, and a hash index that is never cleaned up.
///
/// Messages are numbered as they come. A bucket names its latest message and each message the one
/// before it in its bucket; only the oldest message is ever dropped, so a chain ends where it
/// names one that is gone.
#[derive(Default)]
struct Sent {
    originals: VecDeque<Original>,
    /// Beside each original: the number of the one before it in its bucket.
    before: VecDeque<u32>,
    /// A power of two of them, or none.
    buckets: Vec<u32>,
    /// The number of the oldest original; numbers wrap around.
    first: u32,
}

impl Sent {
    /// The newest of that name: an expired one may have had it too.
    fn find(&self, key: Key) -> Option<&Original> {
        let mut number = *self.buckets.get(self.bucket_of(key))?;
        let mut end = self.originals.len();
        loop {
            let at = number.wrapping_sub(self.first) as usize;
            if at >= end {
                return None;
            }
            let original = &self.originals[at];
            if original.key() == key {
                return Some(original);
            }
            end = at;
            number = self.before[at];
        }
    }

    fn push(&mut self, original: Original) {
        if self.originals.len() == REMEMBERED_MAX {
            self.pop();
        }
        if self.originals.len() == self.buckets.len() {
            self.grow();
        }
        self.originals.push_back(original);
        self.link(self.originals.len() - 1);
    }

    fn pop(&mut self) {
        self.originals.pop_front();
        self.before.pop_front();
        self.first = self.first.wrapping_add(1);
    }

    fn grow(&mut self) {
        let nothing = self.first.wrapping_sub(1);
        let count = (self.buckets.len() * 2).max(4);
        self.buckets = vec![nothing; count];
        self.before.clear();
        for at in 0..self.originals.len() {
            self.link(at);
        }
    }

    fn link(&mut self, at: usize) {
        let bucket = self.bucket_of(self.originals[at].key());
        let number = self.first.wrapping_add(at as u32);
        let before = core::mem::replace(&mut self.buckets[bucket], number);
        self.before.push_back(before);
    }

    /// Ids are the sender's own choice: bad ones make chains of at most 1,024, for that sender.
    fn bucket_of(&self, key: Key) -> usize {
        FxBuildHasher.hash_one(key) as usize & self.buckets.len().wrapping_sub(1)
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

    /// Whether `sender` wrote what is at `place` in `group`, as far as is remembered at `now`.
    pub(crate) fn has_at(
        &self,
        sender: PersonIndex,
        group: GroupId,
        place: u64,
        now: Timestamp,
    ) -> bool {
        let sent = self.by_sender.get(&sender);
        let mut originals = sent.into_iter().flat_map(|sent| sent.originals.iter());
        originals.any(|original| {
            original.group == group && original.place == place && original.lives_at(now)
        })
    }

    /// Whether `sender` wrote to `group` since `from`, as far as is remembered: newest first, until
    /// there are no more than `left` to look at.
    pub(crate) fn has_written(
        &self,
        sender: PersonIndex,
        group: GroupId,
        from: Timestamp,
        left: &mut usize,
    ) -> bool {
        let sent = self.by_sender.get(&sender);
        let newest_first = sent
            .into_iter()
            .flat_map(|sent| sent.originals.iter().rev());
        for original in newest_first.take_while(|original| original.timestamp >= from) {
            if *left == 0 {
                return false;
            }
            *left -= 1;
            if original.group == group {
                return true;
            }
        }
        false
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_finds_what_a_plain_search_finds() {
        let mut sent = Sent {
            first: u32::MAX - 2_000,
            ..Sent::default()
        };
        let mut plain: VecDeque<Original> = VecDeque::new();
        let key = |id: u64| Key {
            group: GroupId(id % 3),
            client_message_id: ClientMessageId((id % 700).into()),
        };
        for n in 0..6_000_u64 {
            let id = n.wrapping_mul(0x5851_f42d_4c95_7f2d) >> 40;
            let record = RecordNumber(n);
            let original = Original::new(key(id), n, n, record, Timestamp(n as i64));
            if plain.len() == REMEMBERED_MAX {
                plain.pop_front();
            }
            plain.push_back(original);
            sent.push(original);
            if n % 1_000 == 999 {
                let now = Timestamp(n as i64 - 300 + REMEMBERED_FOR_US);
                plain.retain(|original| original.lives_at(now));
                sent.forget_expired(now);
            }
            let wanted = key(id.wrapping_add(n));
            let newest = plain.iter().rev().find(|o| o.key() == wanted);
            assert_eq!(sent.find(wanted), newest, "message {n}");
        }
    }

    #[test]
    fn a_sender_who_sends_little_costs_little() {
        let mut sent = Sent::default();
        let key = Key {
            group: GroupId(1),
            client_message_id: ClientMessageId(1),
        };
        sent.push(Original::new(key, 0, 0, RecordNumber(0), Timestamp(0)));
        let bytes = sent.originals.capacity() * size_of::<Original>()
            + (sent.before.capacity() + sent.buckets.capacity()) * size_of::<u32>();
        assert!(bytes <= 256, "{bytes}");
    }
}
