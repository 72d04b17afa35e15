//! Joins and removals of people who are online, each from its own sequence on (SPEC M5).
//!
//! A delta comes before its record's delivery, so a removal closes a cursor before anything from
//! there on can reach it, however far behind it is. Deltas that come a second time change nothing.

use super::slab::Key;
use super::subscription::{Reader, Subscription};
use super::{Core, Session};
use crate::model::MembershipDelta;

impl Core {
    /// Tells every session of the person; people who are not here are ignored.
    pub(super) fn on_membership(&mut self, delta: &MembershipDelta) {
        self.on_membership_through(delta);
        let person = (delta.tenant, delta.person);
        // Taken for the walk: neither a join nor a removal changes who is online.
        let Some(sessions) = self.people.get_mut(&person).map(std::mem::take) else {
            return;
        };
        for &session in &sessions {
            if delta.joined {
                self.join(session, delta);
            } else {
                self.leave(session, delta);
            }
        }
        self.people.insert(person, sessions);
    }

    fn join(&mut self, session: Key<Session>, delta: &MembershipDelta) {
        let at = delta.at.0;
        let here = self.group_keys.get(&(delta.tenant, delta.group));
        if let Some(key) = here.and_then(|group| self.subscription_of(session, *group)) {
            let subscription = &mut self.subscriptions[key];
            // Who may speak watches no more.
            if !delta.viewer {
                subscription.reader = Reader::Member;
            }
            subscription.rejoin(at);
            return;
        }
        let Some(next) = self.sessions[session].roster.left.recall(delta.group, at) else {
            return;
        };
        let group = self.group_awaiting(delta.tenant, delta.group, at);
        let mut subscription = Subscription::skipping(session, group, next, at, at);
        if delta.viewer {
            subscription.reader = Reader::Viewer;
            self.watch(delta.tenant, delta.group, None);
        }
        self.subscribe(subscription);
    }

    fn leave(&mut self, session: Key<Session>, delta: &MembershipDelta) {
        let Some(&group) = self.group_keys.get(&(delta.tenant, delta.group)) else {
            return;
        };
        let Some(key) = self.subscription_of(session, group) else {
            return;
        };
        let head_next = self.groups[group].ring.next();
        let subscription = &mut self.subscriptions[key];
        if delta.viewer {
            if subscription.reader == Reader::Viewer {
                self.drop_viewer(key);
            }
            return;
        }
        if subscription.leave(delta.at.0) && subscription.is_ahead(head_next) {
            self.mark_dirty_unless_waiting(key);
        }
    }

    /// Everything up to the removal and its `Skip` have been taken: nothing more is sent.
    pub(super) fn end_membership(&mut self, key: Key<Subscription>) {
        let Subscription {
            session,
            group,
            next,
            ..
        } = self.subscriptions[key];
        let group = self.groups[group].id;
        self.sessions[session].roster.left.remember(group, next);
        self.unsubscribe(key);
    }
}
