//! Acknowledgements: how far each person has got, coalesced for whoever keeps it.

use super::Core;
use crate::wire::{GroupId, PersonId, Sequence, TenantId};

/// How far a person has got in a group, on whichever device got furthest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AckedCursor {
    /// Whose data.
    pub tenant: TenantId,
    /// Who.
    pub person: PersonId,
    /// Where.
    pub group: GroupId,
    /// Everything up to and including this has arrived.
    pub floor: Sequence,
}

/// Moved cursors kept until they are taken. Further ones are dropped: clients acknowledge again.
const ACKED_MAX: usize = 64 * 1024;

impl Core {
    /// A session's client has everything of `group` up to and including `floor`.
    ///
    /// Never beyond what was sent: a floor past it is taken for it. A group it does not read is ignored.
    pub fn ack(&mut self, session: u64, group: GroupId, floor: Sequence) {
        let Some(&session) = self.session_keys.get(&session) else {
            return;
        };
        let roster = &self.sessions[session].roster;
        let (tenant, person) = (roster.tenant, roster.person);
        let Some(&group_key) = self.group_keys.get(&(tenant, group)) else {
            return;
        };
        let Some(key) = self.subscription_of(session, group_key) else {
            return;
        };
        let subscription = &mut self.subscriptions[key];
        let floor = floor.0.min(subscription.next.saturating_sub(1));
        if floor <= subscription.acknowledged {
            return;
        }
        subscription.acknowledged = floor;
        self.acknowledge((tenant, person, group), Sequence(floor));
    }

    /// Keeps a moved cursor until it is taken.
    pub(super) fn acknowledge(&mut self, place: (TenantId, PersonId, GroupId), floor: Sequence) {
        if self.acknowledged.len() < ACKED_MAX || self.acknowledged.contains_key(&place) {
            let acknowledged = self.acknowledged.entry(place).or_default();
            *acknowledged = floor.max(*acknowledged);
        }
    }

    /// Appends the cursors that moved since this was last asked, each once.
    pub fn take_acks(&mut self, out: &mut Vec<AckedCursor>) {
        let moved = self.acknowledged.drain();
        out.extend(moved.map(|((tenant, person, group), floor)| AckedCursor {
            tenant,
            person,
            group,
            floor,
        }));
    }
}
