//! Reading from the log what is no longer in a ring: each range asked once for all who wait for it.
//!
//! Answers are kept beside the rings, a fixed number of them, until the room is needed for others and
//! every session that could take from them has had its turn. A session that had no room by then asks
//! again when it has. So memory is bounded whatever the number of sessions behind (invariant 5), and
//! a session behind the ring never holds up one that is live.

use bytes::Bytes;

use super::Core;
use super::slab::Key;
use super::subscription::{Place, Subscription};
use crate::engine::{Fetch, FetchError};
use crate::wire::{Envelope, GroupId, Header, Sequence, TenantId, Timestamp};

/// Ranges asked for and answers kept, and the cursors that need one.
#[derive(Debug)]
pub(super) struct CatchUp {
    answers: Vec<Answer>,
    answers_max: usize,
    /// What the kept ones take.
    bytes: usize,
    /// Cursors nothing has been asked for yet. An entry stands while its place says so: those that
    /// went or were served otherwise are passed over, not searched for.
    wanted: Vec<Key<Subscription>>,
    /// Cursors whose range could not be read; entries stand as in `wanted`.
    failed: Vec<Key<Subscription>>,
    /// The group asked for last: the next round goes on after it.
    reached: (TenantId, GroupId),
    /// One round's order, kept for its memory.
    order: Vec<(Position, Key<Subscription>)>,
}

/// A cursor's place among all: tenant, group, the sequence it needs.
type Position = (TenantId, GroupId, u64);

#[derive(Debug)]
struct Answer {
    fetch: Fetch,
    state: State,
}

#[derive(Debug)]
enum State {
    Asked {
        /// Something has been erased since: what comes may have been read before.
        is_stale: bool,
    },
    /// Kept at least until `Core::turns` has come to `until_turn`, or nobody is behind any more.
    Kept {
        envelopes: Vec<Bytes>,
        until_turn: u64,
    },
}

impl Answer {
    fn is_of(&self, tenant: TenantId, group: GroupId) -> bool {
        self.fetch.tenant == tenant && self.fetch.group == group
    }

    /// The envelopes from `next` on; empty when it is not among them.
    fn held(&self, next: u64) -> &[Bytes] {
        let State::Kept { envelopes, .. } = &self.state else {
            return &[];
        };
        let skipped = next.checked_sub(self.fetch.from.0);
        let skipped = skipped.and_then(|skipped| usize::try_from(skipped).ok());
        skipped
            .and_then(|skipped| envelopes.get(skipped..))
            .unwrap_or_default()
    }

    fn bytes(&self) -> usize {
        match &self.state {
            State::Asked { .. } => 0,
            State::Kept { envelopes, .. } => envelopes.iter().map(Bytes::len).sum(),
        }
    }

    fn will_come(&self) -> bool {
        matches!(self.state, State::Asked { .. })
    }

    fn will_have(&self, next: u64) -> bool {
        self.will_come() && (self.fetch.from.0..=self.fetch.to.0).contains(&next)
    }
}

impl CatchUp {
    pub(super) fn new(answers_max: usize) -> Self {
        Self {
            answers: Vec::with_capacity(answers_max),
            answers_max,
            bytes: 0,
            wanted: Vec::new(),
            failed: Vec::new(),
            reached: Default::default(),
            order: Vec::new(),
        }
    }

    /// What is kept of a group from `next` on.
    pub(super) fn held(&self, tenant: TenantId, group: GroupId, next: u64) -> &[Bytes] {
        let of_group = self
            .answers
            .iter()
            .filter(|answer| answer.is_of(tenant, group));
        of_group
            .map(|answer| answer.held(next))
            .max_by_key(|held| held.len())
            .unwrap_or_default()
    }

    pub(super) fn want(&mut self, key: Key<Subscription>) {
        self.wanted.push(key);
    }

    /// Nobody here reads the group any more. What was asked still counts until it is answered.
    pub(super) fn drop_group(&mut self, tenant: TenantId, group: GroupId) {
        self.answers.retain(|answer| {
            let stays = answer.will_come() || !answer.is_of(tenant, group);
            self.bytes -= if stays { 0 } else { answer.bytes() };
            stays
        });
    }

    /// What the answers kept take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Drops what was said before a time, and will not take what was asked for until now: some of it is
    /// gone. It is asked for again.
    pub(super) fn forget_before(&mut self, before: Timestamp) {
        self.answers.retain_mut(|answer| {
            let is_old = match &mut answer.state {
                State::Asked { is_stale } => {
                    *is_stale = true;
                    false
                }
                State::Kept { envelopes, .. } => {
                    let first = envelopes.first().map(|first| Header::read(first));
                    !matches!(first, Some(Ok(first)) if first.timestamp() >= before)
                }
            };
            self.bytes -= if is_old { answer.bytes() } else { 0 };
            !is_old
        });
    }

    fn forget(&mut self, index: usize) {
        let answer = self.answers.remove(index);
        self.bytes -= answer.bytes();
    }

    /// Makes room for one more answer; whether there is any. `turns` are those taken so far; `None`
    /// when nobody waits for one.
    fn make_room(&mut self, turns: Option<u64>) -> bool {
        if self.answers.len() < self.answers_max {
            return true;
        }
        // Oldest first: answers are in the order they were asked.
        let oldest = self.answers.iter().position(|answer| match answer.state {
            State::Asked { .. } => false,
            State::Kept { until_turn, .. } => turns.is_none_or(|turns| until_turn <= turns),
        });
        oldest.map(|index| self.forget(index)).is_some()
    }
}

impl Core {
    /// Appends what must be read from the log for sessions behind their rings.
    ///
    /// Each range is given once, whoever waits for it; its answer comes back as `Item::Fetched`. To be
    /// called after every flush: answers make room for further questions.
    pub fn take_fetches(&mut self, out: &mut Vec<Fetch>) {
        if self.catch_up.wanted.is_empty() {
            return;
        }
        let mut order = std::mem::take(&mut self.catch_up.order);
        order.extend(self.catch_up.wanted.drain(..).filter_map(|key| {
            let wanted = self.subscriptions.get(key);
            let wanted = wanted.filter(|wanted| wanted.place == Place::Wanted)?;
            let group = &self.groups[wanted.group];
            Some(((group.tenant, group.id, wanted.next), key))
        }));
        // Side by side in a group, so that those a little ahead wait for the answer of those behind.
        order.sort_unstable();
        order.dedup();
        let reached = self.catch_up.reached;
        let begin = order.partition_point(|((tenant, group, _), _)| (*tenant, *group) <= reached);
        order.rotate_left(begin);
        for &(position, key) in &order {
            self.ask(position, key, out);
        }
        order.clear();
        self.catch_up.order = order;
    }

    /// Lets what could not be read be asked for again. The owner calls it at its own pace, about once a second
    /// while [`has_failed_fetches`](Self::has_failed_fetches).
    pub fn retry_fetches(&mut self) {
        while let Some(key) = self.catch_up.failed.pop() {
            let failed = self.subscriptions.get(key);
            if failed.is_some_and(|failed| failed.place == Place::Failed) {
                self.subscriptions[key].place = Place::Wanted;
                self.catch_up.wanted.push(key);
            }
        }
    }

    /// Whether cursors wait because their range could not be read. They stay where they are: nothing
    /// is skipped, and the session's other groups go on.
    #[must_use]
    pub fn has_failed_fetches(&self) -> bool {
        !self.catch_up.failed.is_empty()
    }

    fn ask(&mut self, position: Position, key: Key<Subscription>, out: &mut Vec<Fetch>) {
        let (tenant, group, next) = position;
        let ring_base = self.groups[self.subscriptions[key].group].ring.base();
        let of_group = |answer: &&Answer| answer.is_of(tenant, group);
        let mut answers = self.catch_up.answers.iter().filter(of_group);
        if answers.any(|answer| answer.will_have(next)) {
            self.subscriptions[key].place = Place::Asked;
        } else if self.make_room() {
            let to = ring_base.min(next + self.config.fetch_sequences) - 1;
            let fetch = Fetch {
                tenant,
                group,
                from: Sequence(next),
                to: Sequence(to),
            };
            self.catch_up.answers.push(Answer {
                fetch,
                state: State::Asked { is_stale: false },
            });
            self.catch_up.reached = (tenant, group);
            self.subscriptions[key].place = Place::Asked;
            out.push(fetch);
        } else {
            self.catch_up.wanted.push(key);
        }
    }

    fn make_room(&mut self) -> bool {
        let turns = (!self.behind.is_empty()).then_some(self.turns);
        self.catch_up.make_room(turns)
    }

    /// Keeps what came and wakes those who waited for it.
    pub(super) fn on_fetched(&mut self, fetch: &Fetch, result: &Result<Vec<Envelope>, FetchError>) {
        let mut answers = self.catch_up.answers.iter();
        let Some(index) = answers.position(|answer| answer.will_come() && answer.fetch == *fetch)
        else {
            return;
        };
        let state = &self.catch_up.answers[index].state;
        let is_stale = matches!(state, State::Asked { is_stale: true });
        let envelopes = match result {
            Ok(envelopes) if !is_stale => self.keep(fetch, envelopes),
            _ => Vec::new(),
        };
        let failed = envelopes.is_empty();
        let Some(&group) = self.group_keys.get(&(fetch.tenant, fetch.group)) else {
            self.catch_up.answers.remove(index);
            return;
        };
        let members = std::mem::take(&mut self.groups[group].members);
        for &member in &members {
            let subscription = &self.subscriptions[member];
            if !(fetch.from.0..=fetch.to.0).contains(&subscription.next) {
                continue;
            }
            match subscription.place {
                Place::Asked if failed => {
                    self.subscriptions[member].place = Place::Failed;
                    self.catch_up.failed.push(member);
                }
                Place::Asked | Place::Wanted | Place::Failed if !failed => {
                    self.sessions[subscription.session].behind = true;
                    self.mark_dirty(member);
                }
                _ => {}
            }
        }
        self.groups[group].members = members;
        if failed {
            self.catch_up.answers.remove(index);
            return;
        }
        // Each of those who are behind now takes it in as many turns as it is writes long.
        let bytes: usize = envelopes.iter().map(Bytes::len).sum();
        let writes = bytes.div_ceil(self.config.catch_up_bytes);
        self.catch_up.bytes += bytes;
        self.catch_up.answers[index].state = State::Kept {
            envelopes,
            until_turn: self.turns + (writes * self.behind.len()) as u64,
        };
    }

    /// As much of an answer as is contiguous from what was asked and within bounds, the first always.
    fn keep(&self, fetch: &Fetch, envelopes: &[Envelope]) -> Vec<Bytes> {
        let mut room = self.config.fetch_bytes;
        let asked = fetch.from.0..=fetch.to.0;
        let expected = asked.zip(envelopes).take_while(|(sequence, envelope)| {
            let header = envelope.header();
            header.tenant() == fetch.tenant
                && header.group() == fetch.group
                && header.sequence().0 == *sequence
        });
        let kept = expected.map(|(_, envelope)| envelope.bytes().clone());
        let kept = kept.take_while(|bytes| {
            let has_room = room > 0;
            room = room.saturating_sub(bytes.len());
            has_room
        });
        kept.collect()
    }
}
