//! People who come through a gateway: one stream for all of them, and each message on it once.
//!
//! Of each group that somebody on it reads, a gateway has one *live* cursor, contiguous from where the
//! group was first read, and at most one that *catches up*: from the lowest sequence somebody who came
//! later still needs until it meets the live one. Both write to the same stream, and so does what
//! says who reads what from where: a change is written before anything else once it is known, so
//! it always comes before the first envelope it concerns. Neither a publish nor the end of a watch window
//! costs anything per person; what is kept of a person is who they are and where they read. The
//! changes not yet written are bounded (invariant 5): a gateway that does not read them is given up.

mod membership;
mod people;
mod tell;

use std::collections::{BTreeMap, VecDeque};

use rustc_hash::FxHashMap;

use super::slab::Key;
use super::subscription::{Place, Reader as CursorOf, Subscription};
use super::{Core, LeftGroups, Roster, Session, SessionKind};
use crate::wire::{DeviceId, GroupId, PersonId, Reader, ReaderChange, Sequence, TenantId};

/// What a turn of catching up may write: what is live waits for no more than this.
pub(super) const CATCH_UP_BYTES: usize = 16 * 1024;

/// Changes kept that a gateway has not taken; one more by a join or a removal, and it is given up.
/// Whoever attaches people holds them back long before.
const CHANGES_MAX: usize = 64 * 1024;

/// One gateway's people, what they read, and what it has not been told yet.
#[derive(Debug)]
pub(super) struct Gateway {
    /// Its number for its owner.
    id: u64,
    tenant: TenantId,
    pub(super) live: Key<Session>,
    pub(super) catch_up: Key<Session>,
    /// Where each person reads on each device, by group.
    people: BTreeMap<(PersonId, DeviceId), Vec<Reading>>,
    groups: FxHashMap<GroupId, GroupThrough>,
    /// Not written yet, in the order they hold.
    changes: VecDeque<(GroupId, Reader)>,
    /// Groups that may have no reader left.
    unread: Vec<GroupId>,
    /// How often viewers of any group have ended: which of them have is told by it, and no list of them.
    viewers_ended: u32,
    /// It was too slow for its changes: nothing more is kept for it.
    is_overrun: bool,
}

/// One group as a gateway reads it.
#[derive(Debug)]
struct GroupThrough {
    live: Key<Subscription>,
    catch_up: Option<Key<Subscription>>,
    /// On how many devices it is read.
    readers: u32,
    /// Of these, viewers.
    viewers: u32,
    /// Viewers who began before this ([`Gateway::viewers_ended`]) have ended.
    viewers_since: u32,
    /// Up to before this somebody who reads it no more still has to be sent it.
    end: u64,
    /// It is listed in [`Gateway::unread`].
    is_listed: bool,
}

/// Somebody's place in a group, on one device.
#[derive(Debug, Clone, Copy)]
struct Reading {
    group: GroupId,
    /// Before this the membership is known: earlier deltas come a second time.
    known: u64,
    /// As a viewer since then ([`Gateway::viewers_ended`]); as a member where there is none.
    viewer_since: Option<u32>,
    is_open: bool,
}

// A viewer of one group costs this and a device's entry.
const _: () = assert!(size_of::<Reading>() <= 32);

impl Gateway {
    /// Whether somebody is sent what they read there.
    fn is_reading(&self, reading: &Reading) -> bool {
        let has_ended = |since: u32| {
            let through = self.groups.get(&reading.group);
            through.is_none_or(|through| since < through.viewers_since)
        };
        reading.is_open && !reading.viewer_since.is_some_and(has_ended)
    }

    /// A reading from `known` on.
    fn reading(&self, group: GroupId, known: u64, viewer: bool) -> Reading {
        Reading {
            group,
            known,
            viewer_since: viewer.then_some(self.viewers_ended),
            is_open: true,
        }
    }
}

/// Groups a person has left that are remembered on a device, so that the same join a second time is told
/// from a new one. Only what the latest record changed can come twice.
const LEFT_MAX: usize = 64;

impl Core {
    /// A gateway of `tenant` comes online with nobody on it; its stream is that of `session`.
    pub fn open_gateway(&mut self, session: u64, tenant: TenantId) {
        self.close_gateway(session);
        let live = self.insert_gateway_session(session, tenant, SessionKind::Gateway);
        let catch_up = self.insert_gateway_session(session, tenant, SessionKind::CatchUp);
        let key = self.gateways.insert(Gateway {
            id: session,
            tenant,
            live,
            catch_up,
            people: BTreeMap::new(),
            groups: FxHashMap::default(),
            changes: VecDeque::new(),
            unread: Vec::new(),
            viewers_ended: 0,
            is_overrun: false,
        });
        for part in [live, catch_up] {
            self.sessions[part].roster.gateway = Some(key);
        }
        self.gateway_keys.push(key);
        self.session_keys.insert(session, live);
        self.reserve();
    }

    fn insert_gateway_session(
        &mut self,
        id: u64,
        tenant: TenantId,
        kind: SessionKind,
    ) -> Key<Session> {
        self.sessions.insert(Session {
            id,
            dirty: None,
            ready: false,
            blocked: false,
            behind: false,
            urgent: false,
            kind,
            roster: Box::new(Roster {
                tenant,
                person: PersonId(0),
                gateway: None,
                subscriptions: Vec::new(),
                left: LeftGroups::default(),
            }),
        })
    }

    /// A gateway goes offline, and everybody on it.
    pub fn close_gateway(&mut self, session: u64) {
        let Some(key) = self.gateway_of(session) else {
            return;
        };
        self.session_keys.remove(&session);
        self.gateway_keys.retain(|gateway| *gateway != key);
        let Gateway {
            live,
            catch_up,
            groups,
            ..
        } = self.gateways.remove(key);
        for part in [live, catch_up] {
            while self.pop_dirty(part).is_some() {}
        }
        for group in groups.into_values() {
            let cursors = group.catch_up.into_iter().chain([group.live]);
            cursors.for_each(|cursor| self.unsubscribe(cursor));
        }
        for part in [live, catch_up] {
            let gone = self.sessions.remove(part);
            self.blocked -= usize::from(gone.blocked);
        }
    }

    /// Changes of who reads what that a gateway has not taken yet. Whoever attaches people waits while they
    /// are many.
    #[must_use]
    pub fn changes_untold(&self, session: u64) -> usize {
        let gateway = self.gateway_of(session);
        gateway.map_or(0, |key| self.gateways[key].changes.len())
    }

    /// A gateway that was too slow for the changes of who reads what: it is told nothing more, and
    /// its owner must close it. Each is said once.
    pub fn take_overrun(&mut self) -> Option<u64> {
        self.overrun.pop()
    }

    fn gateway_of(&self, session: u64) -> Option<Key<Gateway>> {
        let key = self.session_keys.get(&session)?;
        self.sessions[*key].roster.gateway
    }

    /// Somebody on the gateway reads `group` from `at` on. Where nobody here has, it is read live from
    /// `live_from` on, which is the group's head and one.
    fn begin(
        &mut self,
        key: Key<Gateway>,
        group: GroupId,
        (who, viewer): ((PersonId, DeviceId), bool),
        (at, live_from): (u64, u64),
    ) {
        let tenant = self.gateways[key].tenant;
        let group_key = self.group_awaiting(tenant, group, live_from);
        if !self.gateways[key].groups.contains_key(&group) {
            let session = self.gateways[key].live;
            let cursor = Subscription::of_gateway(session, group_key, live_from, CursorOf::Gateway);
            let through = GroupThrough {
                live: self.subscribe(cursor),
                catch_up: None,
                readers: 0,
                viewers: 0,
                viewers_since: self.gateways[key].viewers_ended,
                end: 0,
                is_listed: false,
            };
            self.gateways[key].groups.insert(group, through);
        }
        if let Some(through) = self.gateways[key].groups.get_mut(&group) {
            through.readers += 1;
            through.viewers += u32::from(viewer);
        }
        self.change(key, group, ReaderChange::Begin, (who, viewer), at);
        self.catch_up_from(key, group, at);
    }

    /// Sees to it that everything from `at` on comes, where that is before the live cursor.
    fn catch_up_from(&mut self, key: Key<Gateway>, group: GroupId, at: u64) {
        let gateway = &self.gateways[key];
        let Some(through) = gateway.groups.get(&group) else {
            return;
        };
        let live = &self.subscriptions[through.live];
        if at >= live.next {
            return;
        }
        if let Some(behind) = through.catch_up {
            let cursor = &mut self.subscriptions[behind];
            if cursor.next > at {
                cursor.next = at;
                // Wherever it waited, that was for something else.
                if cursor.place != Place::Dirty {
                    cursor.place = Place::Idle;
                    self.mark_dirty(behind);
                }
            }
            return;
        }
        let cursor = Subscription::of_gateway(gateway.catch_up, live.group, at, CursorOf::CatchUp);
        let behind = self.subscribe(cursor);
        if let Some(through) = self.gateways[key].groups.get_mut(&group) {
            through.catch_up = Some(behind);
        }
    }

    /// So many devices, of them so many viewers', read `group` no more; up to before `end` it is still to be sent it.
    fn count_out(
        &mut self,
        key: Key<Gateway>,
        group: GroupId,
        (readers, viewers): (u32, u32),
        end: u64,
    ) {
        let Gateway { groups, unread, .. } = &mut self.gateways[key];
        let Some(through) = groups.get_mut(&group) else {
            return;
        };
        through.readers -= readers;
        through.viewers -= viewers;
        through.end = through.end.max(end);
        if through.readers == 0 && !through.is_listed {
            through.is_listed = true;
            unread.push(group);
        }
    }

    /// Keeps a change for the next write, unless the gateway is given up.
    fn change(
        &mut self,
        key: Key<Gateway>,
        group: GroupId,
        change: ReaderChange,
        ((person, device), viewer): ((PersonId, DeviceId), bool),
        at: u64,
    ) {
        let gateway = &mut self.gateways[key];
        if gateway.is_overrun {
            return;
        }
        let reader = Reader {
            person,
            device,
            change,
            viewer,
            at: Sequence(at),
        };
        gateway.changes.push_back((group, reader));
        let live = gateway.live;
        self.make_ready(live);
    }

    /// Gives a gateway up that has too much to be told; asked after what nobody can hold back.
    fn give_up_if_overrun(&mut self, key: Key<Gateway>) {
        let gateway = &mut self.gateways[key];
        if gateway.changes.len() > CHANGES_MAX && !gateway.is_overrun {
            gateway.is_overrun = true;
            gateway.changes = VecDeque::new();
            self.overrun.push(gateway.id);
        }
    }
}
