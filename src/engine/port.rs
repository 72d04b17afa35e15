//! A shard's door to the engine: commands in, released items out.
//!
//! Whatever a port yields is durable (invariant 2) and comes in record order (invariant 3). Nothing
//! here blocks: a full engine answers [`Busy`], a slow owner reads on from the log.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use crossbeam_channel::Sender;

use super::Busy;
use super::door::Door;
use super::fetch::FetchJob;
use super::outbox::{Outbox, Released};
use super::pull::{PageJob, PullJob};
use super::searches::SearchJob;
use super::sequencer::Control;
use super::sign_in::SignIn;
use crate::log::ReadError;
use crate::model::command::{Command, PullGrantedV1, Reply};
use crate::model::{MembershipDelta, Refusal, WatchWindow};
use crate::wire::{
    AttachedGroup, DeviceId, Draft, Envelope, GroupId, PersonId, RecordNumber, Sequence, TenantId,
    Timestamp,
};

/// A port's number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct PortId(pub u16);

/// Sequences of one group to be read from the log, both ends included.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Fetch {
    /// The enterprise.
    pub tenant: TenantId,
    /// The group.
    pub group: GroupId,
    /// The first sequence.
    pub from: Sequence,
    /// The last sequence.
    pub to: Sequence,
}

/// Why a fetch brought nothing.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The log could not be read.
    #[error("the log could not be read: {0}")]
    Read(#[source] Arc<ReadError>),
    /// The sequences are not in the log (any more).
    #[error("sequences {from} to {to} of group {group} are not in the log")]
    Missing {
        /// The group.
        group: GroupId,
        /// The first sequence asked for.
        from: Sequence,
        /// The last one.
        to: Sequence,
    },
}

/// A person who came online, and what they may read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AttachedPerson {
    /// The enterprise.
    pub tenant: TenantId,
    /// Who.
    pub person: PersonId,
    /// On which device.
    pub device: DeviceId,
    /// Their groups at the answer's position, those they watch among them; in group order.
    pub groups: Vec<AttachedGroup>,
    /// Which of them they watch, and until when (SPEC L1); in group order.
    pub watched: Vec<(GroupId, Timestamp)>,
}

impl AttachedPerson {
    /// Until when they read a group that they watch; none for a group they are a member of.
    #[must_use]
    pub fn watches_until(&self, group: GroupId) -> Option<Timestamp> {
        let index = self
            .watched
            .binary_search_by_key(&group, |watched| watched.0);
        index.ok().map(|index| self.watched[index].1)
    }
}

/// What a port yields.
#[derive(Debug)]
#[non_exhaustive]
pub enum Item {
    /// A group's next envelope; its header names tenant, group and sequence. May be of a group none
    /// of whose members is here any more: ignore it then.
    Deliver(Envelope),
    /// Somebody's membership changed. May be about somebody who is not here: ignore it then. Comes
    /// before the envelope of the same record; after an overflow both may come a second time.
    Membership(MembershipDelta),
    /// A training group's viewers read until another time, or no more.
    Window(WatchWindow),
    /// Some of what was said before this is gone: what is held of it is to be dropped, and read from the
    /// log again.
    Forget {
        /// The beginning of a UTC day.
        before: Timestamp,
    },
    /// The answer to a command.
    Answer {
        /// The owner's number for it.
        request: u64,
        /// What was decided.
        result: Result<Reply, Refusal>,
    },
    /// The answer to an attach. Everything before `position` is in the groups' heads, everything
    /// from it on follows as items.
    Attached {
        /// The owner's number for the session.
        session: u64,
        /// The first record that is not in it.
        position: RecordNumber,
        /// Who, and their groups.
        result: Result<AttachedPerson, Refusal>,
    },
    /// What the log had for a fetch: contiguous from its `from` on, possibly fewer than asked, never
    /// none.
    Fetched {
        /// The question.
        fetch: Fetch,
        /// The envelopes, in order.
        result: Result<Vec<Envelope>, FetchError>,
    },
    /// The page for a pull: laid out as docs/wire.md says.
    Pulled {
        /// The owner's number for it.
        request: u64,
        /// The page, or why there is none.
        result: Result<Bytes, Refusal>,
    },
    /// Somebody's sessions end.
    Ended {
        /// The enterprise.
        tenant: TenantId,
        /// Whose.
        person: PersonId,
        /// On which device; on all of them where there is none, because the person has left the
        /// company or the account is frozen (SPEC D7, D3).
        device: Option<DeviceId>,
    },
    /// The engine has stopped: nothing more will come, and no answer either.
    Stopped,
    #[doc(hidden)]
    Records {
        next: RecordNumber,
        result: Result<Vec<Item>, Arc<ReadError>>,
    },
}

/// What a membership delta counts for in an outbox's bound.
const DELTA_BYTES: usize = 64;

impl Item {
    /// What it counts for in an outbox; 0 for what is no projection and may not be dropped.
    pub(crate) fn projection_bytes(&self) -> usize {
        match self {
            Self::Deliver(envelope) => envelope.bytes().len(),
            Self::Membership(_) | Self::Ended { .. } | Self::Window(_) | Self::Forget { .. } => {
                DELTA_BYTES
            }
            Self::Answer { .. }
            | Self::Attached { .. }
            | Self::Fetched { .. }
            | Self::Pulled { .. }
            | Self::Stopped
            | Self::Records { .. } => 0,
        }
    }
}

/// One shard's connection to the engine. Dropping it takes all its sessions offline.
pub struct Port {
    pub(super) id: PortId,
    pub(super) door: Door,
    pub(super) control: Sender<Control>,
    pub(super) fetches: Sender<FetchJob>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) backlog: VecDeque<Released>,
    pub(super) fetched: Vec<Item>,
    pub(super) replay: Option<Replay>,
    pub(super) stopped: bool,
    pub(super) lost_records: u64,
    pub(super) released_at: Option<Instant>,
    pub(super) fetches_open: Cell<usize>,
    pub(super) pulls: Sender<PageJob>,
    pub(super) pulls_open: Cell<usize>,
    pub(super) searches: Sender<SearchJob>,
}

/// Fetches one port may have open; each brings at most [`super::fetch::FETCH_BYTES_MAX`].
const FETCHES_MAX: usize = 64;
/// Pulls one port may have open; each brings a page of 256 KiB at most, or of one longer record.
const PULLS_MAX: usize = 64;

/// Records being read from the log in place of projections that were dropped.
pub(super) struct Replay {
    next: RecordNumber,
    to: RecordNumber,
    asked: bool,
}

impl Port {
    /// The port's number.
    #[must_use]
    pub fn id(&self) -> PortId {
        self.id
    }

    /// Asks the model; answered by [`Item::Answer`] with the same `request` once the answer may be
    /// seen. `draft` holds the body of a publish or mass send.
    pub fn submit(&self, request: u64, command: Command, draft: Option<Draft>) -> Result<(), Busy> {
        self.door.submit(
            command,
            draft,
            super::sequencer::Asker::Port {
                port: self.id,
                request,
            },
        )
    }

    /// Asks whether a person may come in; answered by [`Item::Answer`] with the same `request`.
    pub fn sign_in(&self, request: u64, come: SignIn) -> Result<(), Busy> {
        self.door.sign_in(self.id, request, come)
    }

    /// Brings a person's session online; answered by [`Item::Attached`]. A session number that is
    /// online is taken offline first.
    pub fn attach(
        &self,
        session: u64,
        tenant: TenantId,
        person: PersonId,
        device: DeviceId,
    ) -> Result<(), Busy> {
        self.door.attach(self.id, session, tenant, person, device)
    }

    /// Takes a session offline; not answered, never refused.
    pub fn detach(&self, session: u64) {
        // An engine that has stopped has nobody online.
        let _ = self.control.send(Control::Detach {
            port: self.id,
            session,
        });
    }

    /// Asks for sequences from the log; answered by [`Item::Fetched`].
    pub fn fetch(&self, fetch: Fetch) -> Result<(), Busy> {
        if self.fetches_open.get() >= FETCHES_MAX {
            return Err(Busy::soon());
        }
        let job = FetchJob::Group {
            fetch,
            outbox: Arc::clone(&self.outbox),
        };
        self.fetches.send(job).map_err(|_| Busy::soon())?;
        self.fetches_open.set(self.fetches_open.get() + 1);
        Ok(())
    }

    /// Asks for the next page of what was granted; answered by [`Item::Pulled`] with the same `request`.
    pub fn pull(&self, request: u64, granted: Box<PullGrantedV1>) -> Result<(), Busy> {
        if self.pulls_open.get() >= PULLS_MAX {
            return Err(Busy::soon());
        }
        let outbox = Arc::clone(&self.outbox);
        let job = PullJob {
            request,
            granted,
            outbox,
        };
        let sent = self.pulls.send(PageJob::Pull(job));
        sent.map_err(|_| Busy::soon())?;
        self.pulls_open.set(self.pulls_open.get() + 1);
        Ok(())
    }

    /// Projections this port was too slow for and read from the log instead.
    #[must_use]
    pub fn lost_records(&self) -> u64 {
        self.lost_records
    }

    /// When the first of what the last [`Self::poll`] took was released, by this machine's monotonic
    /// clock; none when it took nothing new.
    #[must_use]
    pub fn released_at(&self) -> Option<Instant> {
        self.released_at
    }

    /// Appends everything that has been released since the last call, in order. The port's `wake`
    /// is called, once, when there is more.
    pub fn poll(&mut self, out: &mut Vec<Item>) {
        let taken = self.outbox.take(&mut self.backlog, &mut self.fetched);
        self.lost_records = taken.lost_records;
        self.released_at = taken.released_at;
        let mut replayed = None;
        for item in self.fetched.drain(..) {
            match item {
                Item::Records { next, result } => replayed = Some((next, result)),
                Item::Pulled { .. } => {
                    self.pulls_open.set(self.pulls_open.get() - 1);
                    out.push(item);
                }
                // Of a search or the audit trail; the room it took is given back already.
                Item::Answer { .. } => out.push(item),
                other => {
                    self.fetches_open.set(self.fetches_open.get() - 1);
                    out.push(other);
                }
            }
        }
        if let (Some((next, result)), Some(replay)) = (replayed, &mut self.replay) {
            replay.asked = false;
            // A record that cannot be read now is asked for again: nothing may be passed over.
            if let Ok(items) = result {
                out.extend(items);
                replay.next = next;
            }
        }
        self.advance(out);
        if taken.closed && !self.stopped && self.backlog.is_empty() {
            self.stopped = true;
            out.push(Item::Stopped);
        }
    }

    /// Hands on the backlog up to the next records that must be read from the log first.
    fn advance(&mut self, out: &mut Vec<Item>) {
        loop {
            if let Some(replay) = &mut self.replay {
                if replay.next <= replay.to {
                    if !replay.asked {
                        let job = FetchJob::Records {
                            from: replay.next,
                            to: replay.to,
                            outbox: Arc::clone(&self.outbox),
                        };
                        replay.asked = self.fetches.send(job).is_ok();
                    }
                    return;
                }
                self.replay = None;
            }
            match self.backlog.pop_front() {
                Some(Released::Item(item)) => out.push(item),
                Some(Released::Lost { from, to }) => {
                    self.replay = Some(Replay {
                        next: from,
                        to,
                        asked: false,
                    });
                }
                None => return,
            }
        }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        let _ = self.control.send(Control::ClosePort { port: self.id });
    }
}
