//! A gateway's turn: what changed first, then what is live; catching up in small turns of its own.

use bytes::Bytes;

use super::super::sink::Sink;
use super::super::slab::Key;
use super::super::subscription::{Place, Subscription};
use super::super::{Core, Session, SessionKind};
use super::{Gateway, GroupThrough};
use crate::wire::{Envelope, GroupId, HeaderFields, Kind, Reader, ReadersBody, Sequence};

/// Changes looked at for one write: as many of them as are of one group travel in one envelope.
const CHANGES_PER_WRITE: usize = 4 * 1024;

impl Core {
    /// Whether a session is a gateway's that has changes to be told.
    pub(in super::super) fn has_changes_to_tell(&self, key: Key<Session>) -> bool {
        let session = &self.sessions[key];
        session.kind == SessionKind::Gateway
            && session
                .roster
                .gateway
                .is_some_and(|gateway| !self.gateways[gateway].changes.is_empty())
    }

    /// Writes what is to be told before any envelope; whether envelopes may follow in this turn.
    pub(in super::super) fn tell_changes(
        &mut self,
        session: Key<Session>,
        sink: &mut impl Sink,
    ) -> bool {
        let Some(key) = self.sessions[session].roster.gateway else {
            return true;
        };
        let live = self.gateways[key].live;
        if self.sessions[live].blocked {
            self.set_blocked(session, true);
            return false;
        }
        if self.gateways[key].changes.is_empty() {
            return true;
        }
        let (chunks, counts) = self.next_changes(key);
        let taken = sink.write(self.gateways[key].id, &chunks).min(chunks.len());
        let told: usize = counts[..taken].iter().sum();
        self.gateways[key].changes.drain(..told);
        if taken < chunks.len() {
            self.block_gateway_of(session);
            return false;
        }
        if self.gateways[key].changes.is_empty() {
            self.close_unread_groups_of(key);
            return true;
        }
        self.make_ready(live);
        self.make_ready(session);
        false
    }

    /// The gateway's stream has no more room, whichever of its sessions found out.
    pub(in super::super) fn block_gateway_of(&mut self, session: Key<Session>) {
        self.set_blocked(session, true);
        if let Some(gateway) = self.sessions[session].roster.gateway {
            let live = self.gateways[gateway].live;
            self.set_blocked(live, true);
        }
    }

    /// The next changes as envelopes, and how many each holds.
    ///
    /// Changes of different groups may pass each other; none passes somebody's going.
    fn next_changes(&mut self, key: Key<Gateway>) -> (Vec<Bytes>, Vec<usize>) {
        let gateway = &mut self.gateways[key];
        let changes = gateway.changes.make_contiguous();
        let is_gone = |change: &(GroupId, Reader)| change.0 == GroupId(0);
        let first_is = changes.first().map(is_gone);
        let alike = changes.iter().take(CHANGES_PER_WRITE);
        let end = alike
            .take_while(|change| Some(is_gone(change)) == first_is)
            .count();
        let changes = &mut changes[..end];
        changes.sort_by_key(|(group, _)| *group);
        let mut room = self.config.write_bytes;
        let (mut chunks, mut counts) = (Vec::new(), Vec::new());
        let runs = changes.chunk_by(|one, other| one.0 == other.0);
        for run in runs.flat_map(|run| run.chunks(ReadersBody::MAX)) {
            if room == 0 {
                break;
            }
            let group = run[0].0;
            let live = gateway.groups.get(&group);
            let live_next = live.map_or(0, |through| self.subscriptions[through.live].next);
            let fields = HeaderFields {
                kind: Kind::Readers,
                tenant: gateway.tenant,
                group,
                membership_sequence: Sequence(live_next),
                ..HeaderFields::default()
            };
            let envelope = readers(&fields, run);
            room = room.saturating_sub(envelope.bytes().len());
            chunks.push(envelope.bytes().clone());
            counts.push(run.len());
        }
        (chunks, counts)
    }

    /// Catching up reads up to where the live cursor is now.
    pub(in super::super) fn bound_catch_up(&mut self, key: Key<Subscription>) {
        if let Some(live_next) = self.live_next_of(key) {
            self.subscriptions[key].read_up_to(live_next);
        }
    }

    /// Whether a cursor that catches up has come to where the live one is.
    pub(in super::super) fn has_met_live(&self, key: Key<Subscription>) -> bool {
        let live_next = self.live_next_of(key);
        live_next.is_some_and(|live_next| self.subscriptions[key].next >= live_next)
    }

    /// Everybody on the gateway reads the group live.
    pub(in super::super) fn end_catch_up(&mut self, key: Key<Subscription>) {
        if let Some((gateway, group)) = self.place_of(key)
            && let Some(through) = self.gateways[gateway].groups.get_mut(&group)
        {
            through.catch_up = None;
        }
        self.unsubscribe(key);
    }

    fn place_of(&self, key: Key<Subscription>) -> Option<(Key<Gateway>, GroupId)> {
        let cursor = &self.subscriptions[key];
        let gateway = self.sessions[cursor.session].roster.gateway?;
        Some((gateway, self.groups[cursor.group].id))
    }

    fn live_next_of(&self, key: Key<Subscription>) -> Option<u64> {
        let (gateway, group) = self.place_of(key)?;
        let through = self.gateways[gateway].groups.get(&group)?;
        Some(self.subscriptions[through.live].next)
    }

    /// Drops groups that nobody on a gateway reads any more, once everything that somebody did read, and
    /// that they do no more, has been sent.
    pub(in super::super) fn close_unread_groups(&mut self) {
        for index in 0..self.gateway_keys.len() {
            self.close_unread_groups_of(self.gateway_keys[index]);
        }
    }

    fn close_unread_groups_of(&mut self, key: Key<Gateway>) {
        let gateway = &mut self.gateways[key];
        if gateway.unread.is_empty() || !gateway.changes.is_empty() {
            return;
        }
        let mut unread = std::mem::take(&mut gateway.unread);
        unread.retain(|group| self.is_still_to_be_read(key, *group));
        self.gateways[key].unread = unread;
    }

    /// Whether an unread group has to stay listed; drops it where it has not.
    fn is_still_to_be_read(&mut self, key: Key<Gateway>, group: GroupId) -> bool {
        let Some(through) = self.gateways[key].groups.get_mut(&group) else {
            return false;
        };
        if through.readers > 0 {
            through.is_listed = false;
            return false;
        }
        let GroupThrough {
            live,
            catch_up,
            end,
            ..
        } = *through;
        let mut cursors = catch_up.into_iter().chain([live]);
        if cursors.any(|cursor| self.subscriptions[cursor].next < end) {
            return true;
        }
        self.gateways[key].groups.remove(&group);
        for cursor in catch_up.into_iter().chain([live]) {
            self.take_off_dirty(cursor);
            self.unsubscribe(cursor);
        }
        false
    }

    /// Takes a cursor out of its session's list of dirty ones.
    pub(in super::super) fn take_off_dirty(&mut self, cursor: Key<Subscription>) {
        if self.subscriptions[cursor].place != Place::Dirty {
            return;
        }
        let session = self.subscriptions[cursor].session;
        let mut others = Vec::new();
        while let Some(dirty) = self.pop_dirty(session) {
            if dirty != cursor {
                others.push(dirty);
            }
        }
        for other in others {
            self.mark_dirty(other);
        }
    }
}

fn readers(fields: &HeaderFields, run: &[(GroupId, Reader)]) -> Envelope {
    let body = ReadersBody {
        readers: run.iter().map(|(_, reader)| *reader).collect(),
    };
    Envelope::new(fields, &body.encode()).expect("a run is cut to what a body holds")
}
