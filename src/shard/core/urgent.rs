//! Urgent envelopes: offered at once, ahead of everything that is in order (SPEC S2).
//!
//! An urgent envelope is in its group's ring like any other, so that nobody can miss it. Beside that
//! it is walked to the members before any flush goes on, on a way of its own. Whoever stood right
//! before it has then passed it; whoever is behind gets it a second time in its order, which the
//! client drops. The walk may be interrupted, and members may come and go meanwhile: whom it misses,
//! order serves.

use std::collections::VecDeque;

use super::flush::STRIDE;
use super::sink::{Flushed, Sink};
use super::slab::Key;
use super::subscription::{Place, Reader, Subscription};
use super::{Core, Group};

/// Urgent envelopes on their way; further ones come in their order.
const URGENTS_MAX: usize = 1024;

/// Urgent envelopes that have not been offered to every member, oldest first.
#[derive(Debug, Default)]
pub(super) struct Urgents(VecDeque<Walk>);

#[derive(Debug, Clone, Copy)]
struct Walk {
    group: Key<Group>,
    sequence: u64,
    /// How many of the group's members have had their turn.
    walked: usize,
}

impl Urgents {
    pub(super) fn push(&mut self, group: Key<Group>, sequence: u64) {
        if self.0.len() < URGENTS_MAX {
            self.0.push_back(Walk {
                group,
                sequence,
                walked: 0,
            });
        }
    }

    /// Nobody here reads the group any more.
    pub(super) fn drop_group(&mut self, group: Key<Group>) {
        self.0.retain(|walk| walk.group != group);
    }
}

impl Core {
    /// Offers urgent envelopes until none is left or `budget` says no.
    pub(super) fn serve_urgents(
        &mut self,
        sink: &mut impl Sink,
        budget: &mut impl FnMut() -> bool,
    ) -> Flushed {
        while let Some(walk) = self.urgents.0.front().copied() {
            let group = &mut self.groups[walk.group];
            let mut envelope = None;
            if group.ring.base() <= walk.sequence && walk.sequence < group.ring.next() {
                let found = group.ring.range(walk.sequence..walk.sequence + 1);
                envelope = found.last().cloned();
            }
            let members = group.members.get(walk.walked..).unwrap_or_default();
            let (Some(envelope), false) = (envelope, members.is_empty()) else {
                self.urgents.0.pop_front();
                continue;
            };
            let stride = members.len().min(STRIDE);
            for index in walk.walked..walk.walked + stride {
                let members = &self.groups[walk.group].members;
                let member = members[index];
                if let Some(&next) = members.get(index + 1) {
                    sink.soon(self.sessions[self.subscriptions[next].session].id);
                }
                self.offer_urgent(member, walk.sequence, &envelope, sink);
            }
            if let Some(front) = self.urgents.0.front_mut() {
                front.walked += stride;
            }
            if !budget() {
                return Flushed::More;
            }
        }
        Flushed::Done
    }

    fn offer_urgent(
        &mut self,
        member: Key<Subscription>,
        sequence: u64,
        envelope: &bytes::Bytes,
        sink: &mut impl Sink,
    ) {
        let subscription = &self.subscriptions[member];
        if sequence < subscription.next || subscription.end() <= sequence {
            return;
        }
        // A gateway must know who reads what before, and gets it once more in its place: its readers who
        // come later still need it.
        let reader = subscription.reader;
        if reader == Reader::CatchUp || self.has_changes_to_tell(subscription.session) {
            return;
        }
        let subscription = &mut self.subscriptions[member];
        let is_next = subscription.next == sequence && reader != Reader::Gateway;
        let in_order = matches!(subscription.place, Place::Idle | Place::Dirty);
        let session = self.sessions[subscription.session].id;
        if sink.write_urgent(session, envelope) && is_next && in_order {
            subscription.next += 1;
        }
    }
}
