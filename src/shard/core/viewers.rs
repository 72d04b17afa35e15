//! Viewers of training groups, who read live and only while a window is open (SPEC L1).
//!
//! When a window closes is known with the group, once, however many watch: the first envelope decided then
//! or later ends all viewers before it is given to anybody. That follows from the record alone, so it
//! is the same on every shard and after every restart.

use super::slab::Key;
use super::subscription::{Reader, Subscription};
use super::{Core, Group};
use crate::model::WatchWindow;
use crate::wire::{GroupId, Header, Kind, TenantId, Timestamp};

impl Core {
    /// Somebody here watches a group whose window closes then; not known yet where none is said.
    pub(super) fn watch(&mut self, tenant: TenantId, group: GroupId, closes: Option<Timestamp>) {
        if let Some(&key) = self.group_keys.get(&(tenant, group)) {
            let group = &mut self.groups[key];
            group.closes = closes.or(group.closes).or(Some(Timestamp(i64::MAX)));
        }
    }

    /// A window was set: it closes at another time, or is not open now.
    pub(super) fn on_window(&mut self, window: &WatchWindow) {
        let Some(&key) = self.group_keys.get(&(window.tenant, window.group)) else {
            return;
        };
        if self.groups[key].closes.is_none() {
            return;
        }
        if window.is_open {
            self.groups[key].closes = Some(window.closes);
            return;
        }
        let next = self.groups[key].ring.next();
        for viewer in self.end_viewers(key, next) {
            self.drop_viewer(viewer);
        }
    }

    /// Ends a group's viewers where what comes next is not for them.
    pub(super) fn check_viewers(&mut self, key: Key<Group>, header: &Header) {
        let Some(closes) = self.groups[key].closes else {
            return;
        };
        let sequence = header.sequence().0;
        let end = match header.kind() {
            _ if header.timestamp() >= closes => sequence,
            Kind::Disabled => sequence,
            // Everybody sees the group's end.
            Kind::Dissolved => sequence + 1,
            _ => return,
        };
        for viewer in self.end_viewers(key, end) {
            self.subscriptions[viewer].leave(end);
            self.mark_dirty_unless_waiting(viewer);
        }
    }

    /// Tells every gateway once; returns the cursors of viewers with a session of their own.
    fn end_viewers(&mut self, key: Key<Group>, end: u64) -> Vec<Key<Subscription>> {
        let group = &mut self.groups[key];
        group.closes = None;
        let (tenant, id) = (group.tenant, group.id);
        let members = group.members.iter().copied();
        let viewers = members.filter(|member| self.subscriptions[*member].reader == Reader::Viewer);
        let viewers = viewers.collect();
        self.end_viewers_through((tenant, id), end);
        viewers
    }

    /// A viewer is sent nothing more, not even what was still to come: no sequence says where that ends.
    pub(super) fn drop_viewer(&mut self, key: Key<Subscription>) {
        self.take_off_dirty(key);
        self.end_membership(key);
    }
}
