//! The shard's state machine: groups with their rings, sessions with their cursors, and nothing else.
//!
//! Bytes, answers and turns come in as calls; what is to be sent goes out through a [`Sink`] and what
//! is to be read through [`Core::take_fetches`]. Between the two a message exists once, in its ring;
//! a session only points at it. There is nothing to grow: a slow session's cursor falls behind, and a
//! cursor behind the ring reads from the log.

mod acknowledge;
mod attach;
mod catch_up;
mod chunks;
mod flush;
mod gateway;
mod membership;
mod memory;
mod ring;
mod sink;
mod slab;
mod subscription;
mod urgent;
mod viewers;

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

pub use acknowledge::AckedCursor;
pub use memory::Memory;
pub use sink::{Flushed, Sink};

use self::catch_up::CatchUp;
use self::chunks::Chunks;
use self::flush::{Prepared, Span};
use self::gateway::Gateway;
use self::memory::Budget;
use self::ring::Ring;
use self::slab::{Key, Slab};
use self::subscription::{Place, Subscription};
use self::urgent::Urgents;
use super::Config;
use crate::engine::Item;
use crate::wire::{Envelope, GroupId, PersonId, Priority, Sequence, TenantId, Timestamp};

/// One shard's sessions and the groups they read. Owned by one thread; does no IO and knows no time.
///
/// Each turn of the owner's loop: [`on_item`](Self::on_item) for whatever the engine released,
/// [`flush`](Self::flush), then [`take_fetches`](Self::take_fetches).
#[derive(Debug)]
pub struct Core {
    config: Config,
    groups: Slab<Group>,
    group_keys: FxHashMap<(TenantId, GroupId), Key<Group>>,
    sessions: Slab<Session>,
    session_keys: FxHashMap<u64, Key<Session>>,
    people: FxHashMap<(TenantId, PersonId), Vec<Key<Session>>>,
    subscriptions: Slab<Subscription>,
    gateways: Slab<Gateway>,
    /// All of them, for what concerns whoever is on any.
    gateway_keys: Vec<Key<Gateway>>,
    /// Gateways whose owner must close them.
    overrun: Vec<u64>,
    /// Groups with deliveries that their members' cursors have not been marked for. Here and in
    /// `ready`, an entry stands while the flag of what it names does.
    dirty_groups: Vec<Key<Group>>,
    /// Sessions with dirty cursors and room, first come first served.
    ready: VecDeque<Key<Session>>,
    /// Those of them that are behind: they take turns when `ready` is empty.
    behind: VecDeque<Key<Session>>,
    /// How many sessions have ever left `behind`: tells when all who were in it have had their turn.
    turns: u64,
    urgents: Urgents,
    /// What came for groups read here since everything was last flushed.
    unflushed_bytes: usize,
    catch_up: CatchUp,
    memory: Budget,
    /// Sessions that wait for room.
    blocked: usize,
    acknowledged: FxHashMap<(TenantId, PersonId, GroupId), Sequence>,
    /// One write's chunks, what they are, and whose: kept for their memory only.
    chunks: Chunks,
    prepared: Option<Prepared>,
    spans: Vec<Span>,
    gathered: Vec<Key<Subscription>>,
}

/// A group that some session here reads.
#[derive(Debug)]
struct Group {
    tenant: TenantId,
    id: GroupId,
    ring: Ring,
    members: Vec<Key<Subscription>>,
    dirty: bool,
    /// The last urgent sequence; 0 for none.
    urgent: u64,
    /// When its watch window closes, where somebody here may be a viewer.
    closes: Option<Timestamp>,
}

/// One attached device, or one of a gateway's two sessions.
#[derive(Debug)]
struct Session {
    id: u64,
    /// Its dirty cursors, a list through [`Subscription::next_dirty`].
    dirty: Option<DirtyList>,
    /// It is in [`Core::ready`].
    ready: bool,
    /// Its sink took less than it was given; it waits for [`Core::writable`].
    blocked: bool,
    /// Some dirty cursor has an urgent envelope ahead.
    urgent: bool,
    /// It reads from the log, was left without room, or had more ahead than one write takes.
    behind: bool,
    kind: SessionKind,
    /// Apart, so that a walk over sessions touches what it needs.
    roster: Box<Roster>,
}

// A walk over a group's members touches less than a cache line of each session.
const _: () = assert!(size_of::<Option<Session>>() <= 40);

/// Whom a session's stream is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SessionKind {
    /// One person's device.
    Person,
    /// Everybody on a gateway: its live cursors, and who reads what.
    Gateway,
    /// The same stream: what people who came later on the gateway still have to be sent.
    CatchUp,
}

/// Whose session it is, and of what.
#[derive(Debug)]
struct Roster {
    tenant: TenantId,
    /// 0 for a gateway's.
    person: PersonId,
    gateway: Option<Key<Gateway>>,
    /// By group, for deltas and acknowledgements.
    subscriptions: Vec<(Key<Group>, Key<Subscription>)>,
    left: LeftGroups,
}

impl Session {
    /// Whether it can be written to now and waits for nothing else.
    fn is_free(&self) -> bool {
        // A gateway is ready with nothing dirty while there are changes to be told first.
        !self.blocked && !self.ready && self.dirty.is_none()
    }
}

#[derive(Debug, Clone, Copy)]
struct DirtyList {
    first: Key<Subscription>,
    last: Key<Subscription>,
}

/// Groups a session was removed from while attached, with the sequence its client stands before:
/// what a later join must skip from. Bounded; of those forgotten the whole past is skipped.
#[derive(Debug, Default)]
struct LeftGroups {
    latest: VecDeque<(GroupId, u64)>,
    forgotten: bool,
}

impl Core {
    /// An empty shard.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let config = config.in_range();
        Self {
            catch_up: CatchUp::new(memory::answers_max(&config)),
            memory: Budget::default(),
            blocked: 0,
            config,
            groups: Slab::default(),
            group_keys: FxHashMap::default(),
            sessions: Slab::default(),
            session_keys: FxHashMap::default(),
            people: FxHashMap::default(),
            subscriptions: Slab::default(),
            gateways: Slab::default(),
            gateway_keys: Vec::new(),
            overrun: Vec::new(),
            dirty_groups: Vec::new(),
            ready: VecDeque::new(),
            behind: VecDeque::new(),
            turns: 0,
            urgents: Urgents::default(),
            unflushed_bytes: 0,
            acknowledged: FxHashMap::default(),
            chunks: Chunks::default(),
            prepared: None,
            spans: Vec::new(),
            gathered: Vec::new(),
        }
    }

    /// Takes what the engine released. Answers and stops are its owner's to act on, and so are ends of
    /// sessions but for those of people on gateways.
    pub fn on_item(&mut self, item: &Item) {
        match item {
            Item::Deliver(envelope) => self.deliver(envelope),
            Item::Membership(delta) => self.on_membership(delta),
            Item::Window(window) => self.on_window(window),
            Item::Forget { before } => self.forget(*before),
            Item::Fetched { fetch, result } => self.on_fetched(fetch, result),
            Item::Ended {
                tenant,
                person,
                device,
            } => self.end_through(*tenant, *person, *device),
            Item::Answer { .. }
            | Item::Attached { .. }
            | Item::Pulled { .. }
            | Item::Stopped
            | Item::Records { .. } => {}
        }
    }

    /// Its stream has room again.
    pub fn writable(&mut self, session: u64) {
        if let Some(&key) = self.session_keys.get(&session) {
            self.unblock(key);
            if let Some(gateway) = self.sessions[key].roster.gateway {
                self.unblock(self.gateways[gateway].catch_up);
            }
        }
    }

    fn unblock(&mut self, key: Key<Session>) {
        self.set_blocked(key, false);
        self.make_ready(key);
    }

    /// Counted, because what those without room hold is budgeted.
    fn set_blocked(&mut self, key: Key<Session>, is_blocked: bool) {
        let was_blocked = std::mem::replace(&mut self.sessions[key].blocked, is_blocked);
        self.blocked = self.blocked + usize::from(is_blocked) - usize::from(was_blocked);
    }

    /// Whether a flush would offer anything to anyone, urgent envelopes apart.
    #[must_use]
    pub fn has_work(&self) -> bool {
        !self.dirty_groups.is_empty() || !self.ready.is_empty() || !self.behind.is_empty()
    }

    /// Whether so much has come that a flush should wait no longer: rings might overrun sessions that
    /// are not behind.
    #[must_use]
    pub fn is_pressed(&self) -> bool {
        self.unflushed_bytes >= self.config.ring_bytes / 2
    }

    /// How many sessions are attached; a gateway counts as two.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// How many sessions wait for room.
    #[must_use]
    pub fn blocked(&self) -> usize {
        self.blocked
    }

    /// Whether every session that is not behind has been offered all there is, since the last flush.
    #[must_use]
    pub fn is_live_served(&self) -> bool {
        self.ready.is_empty() && self.dirty_groups.is_empty()
    }

    /// How many groups have a ring here.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Appends to the group's ring. Its members are marked at the next flush, once for all that came.
    fn deliver(&mut self, envelope: &Envelope) {
        let header = envelope.header();
        let Some(&key) = self.group_keys.get(&(header.tenant(), header.group())) else {
            return;
        };
        self.check_viewers(key, header);
        let group = &mut self.groups[key];
        let sequence = header.sequence().0;
        let bytes = envelope.bytes().clone();
        let len = bytes.len();
        let before = group.ring.bytes();
        if !group.ring.push(sequence, bytes, self.config.ring_bytes) {
            return;
        }
        self.unflushed_bytes += len;
        self.memory.rings = self.memory.rings + group.ring.bytes() - before;
        if header.priority() == Priority::Urgent {
            group.urgent = sequence;
            self.urgents.push(key, sequence);
        }
        if !group.dirty {
            group.dirty = true;
            self.dirty_groups.push(key);
        }
        self.shed(key);
    }

    /// Lists a cursor as dirty with its session, and its session as ready.
    fn mark_dirty(&mut self, key: Key<Subscription>) {
        let subscription = &mut self.subscriptions[key];
        if subscription.place == Place::Dirty {
            return;
        }
        subscription.place = Place::Dirty;
        subscription.next_dirty = None;
        let session_key = subscription.session;
        let session = &mut self.sessions[session_key];
        session.dirty = match session.dirty {
            None => Some(DirtyList {
                first: key,
                last: key,
            }),
            Some(DirtyList { first, last }) => {
                self.subscriptions[last].next_dirty = Some(key);
                Some(DirtyList { first, last: key })
            }
        };
        self.make_ready(session_key);
    }

    fn make_ready(&mut self, key: Key<Session>) {
        let session = &self.sessions[key];
        if session.ready || session.blocked {
            return;
        }
        if session.dirty.is_some() || self.has_changes_to_tell(key) {
            let session = &mut self.sessions[key];
            session.ready = true;
            let is_behind = session.behind || session.kind == SessionKind::CatchUp;
            if is_behind && !session.urgent {
                self.behind.push_back(key);
            } else {
                self.ready.push_back(key);
            }
        }
    }

    fn subscription_of(
        &self,
        session: Key<Session>,
        group: Key<Group>,
    ) -> Option<Key<Subscription>> {
        let list = &self.sessions[session].roster.subscriptions;
        let index = list.binary_search_by_key(&group, |entry| entry.0).ok()?;
        Some(list[index].1)
    }
}
