//! Coming online and going: from an attach's answer to cursors, and back.

use super::slab::Key;
use super::subscription::{Place, Reader, Subscription};
use super::{Core, Group, LeftGroups, Ring, Roster, Session, SessionKind};
use crate::engine::AttachedPerson;
use crate::wire::{AttachedGroup, Cursor, GroupId, Sequence, TenantId};

impl Core {
    /// A session comes online; `attached` is the engine's answer, `cursors` what its client says.
    ///
    /// Per group it reads on after its cursor: a cursor before the person's join skips to it, one past
    /// the head is taken for the head, one of a group that is not the person's is ignored. Without a
    /// cursor it reads from the join, or from the head when `live_only`. A session that is already
    /// here begins anew.
    pub fn attach(
        &mut self,
        session: u64,
        attached: &AttachedPerson,
        cursors: &[Cursor],
        live_only: bool,
    ) {
        self.detach(session);
        let (tenant, person) = (attached.tenant, attached.person);
        let key = self.sessions.insert(Session {
            id: session,
            dirty: None,
            ready: false,
            blocked: false,
            urgent: false,
            behind: false,
            kind: SessionKind::Person,
            roster: Box::new(Roster {
                tenant,
                person,
                gateway: None,
                subscriptions: Vec::with_capacity(attached.groups.len()),
                left: LeftGroups::default(),
            }),
        });
        self.session_keys.insert(session, key);
        self.people.entry((tenant, person)).or_default().push(key);
        self.reserve();

        let floors = Floors::of(cursors);
        for group in &attached.groups {
            let (next, first) = start(group, floors.floor(group.group()), live_only);
            let head = group.head().0;
            let group_key = self.group_awaiting(tenant, group.group(), head + 1);
            let mut subscription = Subscription::skipping(key, group_key, next, first, head + 1);
            if let Some(closes) = attached.watches_until(group.group()) {
                subscription.reader = Reader::Viewer;
                self.watch(tenant, group.group(), Some(closes));
            }
            self.subscribe(subscription);
        }
    }

    /// A session goes offline. Groups that only it read are dropped with their rings.
    pub fn detach(&mut self, session: u64) {
        let Some(key) = self.session_keys.remove(&session) else {
            return;
        };
        while self.pop_dirty(key).is_some() {}
        while let Some(&(_, subscription)) = self.sessions[key].roster.subscriptions.last() {
            self.unsubscribe(subscription);
        }
        let gone = self.sessions.remove(key);
        self.blocked -= usize::from(gone.blocked);
        let Roster { tenant, person, .. } = *gone.roster;
        if let Some(sessions) = self.people.get_mut(&(tenant, person)) {
            sessions.retain(|session| *session != key);
            if sessions.is_empty() {
                self.people.remove(&(tenant, person));
            }
        }
    }

    /// The group, with a ring that waits for sequence `next` at least.
    ///
    /// One that nobody here was a member of for a while, but that somebody still had to be sent the end
    /// of, has missed what came meanwhile: its ring begins anew, and the log has what is between.
    pub(super) fn group_awaiting(
        &mut self,
        tenant: TenantId,
        id: GroupId,
        next: u64,
    ) -> Key<Group> {
        let key = *self.group_keys.entry((tenant, id)).or_insert_with(|| {
            self.groups.insert(Group {
                tenant,
                id,
                ring: Ring::awaiting(next),
                members: Vec::new(),
                dirty: false,
                urgent: 0,
                closes: None,
            })
        });
        let group = &mut self.groups[key];
        if group.ring.next() < next {
            self.memory.rings -= group.ring.bytes();
            group.ring.restart(next);
            if !group.dirty {
                group.dirty = true;
                self.dirty_groups.push(key);
            }
        }
        key
    }

    /// Lists a new cursor with its session and its group.
    pub(super) fn subscribe(&mut self, mut subscription: Subscription) -> Key<Subscription> {
        let (session_key, group_key) = (subscription.session, subscription.group);
        let group = &mut self.groups[group_key];
        subscription.member_index = index_of_next(&group.members);
        let is_ahead = subscription.is_ahead(group.ring.next());
        let key = self.subscriptions.insert(subscription);
        group.members.push(key);
        let session = &mut self.sessions[session_key];
        // A gateway has a table of its own, by group.
        if session.kind == SessionKind::Person {
            let list = &mut session.roster.subscriptions;
            let index = list.partition_point(|entry| entry.0 < group_key);
            list.insert(index, (group_key, key));
        }
        if is_ahead {
            self.mark_dirty(key);
        }
        key
    }

    /// Drops a cursor wherever it is listed, and its group when it was the last.
    pub(super) fn unsubscribe(&mut self, key: Key<Subscription>) {
        let subscription = &self.subscriptions[key];
        let (session_key, group_key) = (subscription.session, subscription.group);
        let member_index = subscription.member_index;
        assert_ne!(
            subscription.place,
            Place::Dirty,
            "it would stay in the list"
        );
        self.subscriptions.remove(key);

        let list = &mut self.sessions[session_key].roster.subscriptions;
        if let Ok(index) = list.binary_search_by_key(&group_key, |entry| entry.0) {
            list.remove(index);
        }
        let group = &mut self.groups[group_key];
        group.members.swap_remove(member_index as usize);
        if let Some(&moved) = group.members.get(member_index as usize) {
            self.subscriptions[moved].member_index = member_index;
        }
        if group.members.is_empty() {
            self.drop_group(group_key);
        }
    }

    fn drop_group(&mut self, key: Key<Group>) {
        self.urgents.drop_group(key);
        let group = self.groups.remove(key);
        self.memory.rings -= group.ring.bytes();
        self.group_keys.remove(&(group.tenant, group.id));
        self.catch_up.drop_group(group.tenant, group.id);
    }

    /// Room for every session and group to be listed, so that listing them later allocates nothing.
    pub(super) fn reserve(&mut self) {
        let sessions = self.sessions.len();
        for queue in [&mut self.ready, &mut self.behind] {
            queue.reserve(sessions.saturating_sub(queue.len()));
        }
    }
}

fn index_of_next(members: &[Key<Subscription>]) -> u32 {
    u32::try_from(members.len()).expect("a group has fewer members than the slab has keys")
}

/// Where a session starts: the sequence its client stands before, and the first it is sent.
pub(super) fn start(group: &AttachedGroup, floor: Option<Sequence>, live_only: bool) -> (u64, u64) {
    let (first, head) = (group.first().0, group.head().0);
    match floor {
        Some(floor) => {
            let next = floor.0.min(head) + 1;
            (next, next.max(first))
        }
        None if live_only => (head + 1, head + 1),
        None => (first, first),
    }
}

/// A client's cursors by group. Sorted, not hashed: group ids are the client's to choose.
pub(super) struct Floors(Vec<(GroupId, Sequence)>);

impl Floors {
    pub(super) fn of(cursors: &[Cursor]) -> Self {
        let floors = cursors.iter();
        let mut floors: Vec<_> = floors
            .map(|cursor| (cursor.group(), cursor.floor()))
            .collect();
        floors.sort_unstable();
        // Named twice: the lower one, which at worst is sent again.
        floors.dedup_by_key(|floor| floor.0);
        Self(floors)
    }

    pub(super) fn floor(&self, group: GroupId) -> Option<Sequence> {
        let index = self.0.binary_search_by_key(&group, |floor| floor.0).ok()?;
        Some(self.0[index].1)
    }
}

impl LeftGroups {
    /// Groups remembered per session.
    const MAX: usize = 1024;

    /// The client stands before `next` in `group`, and is sent nothing more.
    pub(super) fn remember(&mut self, group: GroupId, next: u64) {
        if self.latest.len() == Self::MAX {
            self.latest.pop_front();
            self.forgotten = true;
        }
        self.latest.push_back((group, next));
    }

    /// The sequence the client stands before in a group it joins at `at`; none for a join from before
    /// it left, which comes a second time.
    pub(super) fn recall(&mut self, group: GroupId, at: u64) -> Option<u64> {
        let Some(index) = self.latest.iter().position(|left| left.0 == group) else {
            return Some(if self.forgotten { 1 } else { at });
        };
        if at < self.latest[index].1 {
            return None;
        }
        self.latest.remove(index).map(|left| left.1)
    }
}
