//! Placeholder of the port's types while the engine is being written; replaced by the real ones.

use crate::model::command::Reply;
use crate::model::{MembershipDelta, Refusal};
use crate::wire::{
    AttachedGroup, DeviceId, Envelope, GroupId, PersonId, RecordNumber, Sequence, TenantId,
};

/// What a port yields.
#[derive(Debug, Clone)]
pub enum Item {
    /// An envelope of a group.
    Deliver(Envelope),
    /// A membership change.
    Membership(MembershipDelta),
    /// The answer to a command.
    Answer {
        /// Which request.
        request: u64,
        /// Its outcome.
        result: Result<Reply, Refusal>,
    },
    /// The answer to an attach.
    Attached {
        /// Which session.
        session: u64,
        /// Everything before it is in the answer.
        position: RecordNumber,
        /// The person's groups.
        result: Result<AttachedPerson, Refusal>,
    },
    /// The answer to a fetch.
    Fetched {
        /// What was asked.
        fetch: Fetch,
        /// Contiguous from the first asked, possibly fewer.
        result: Result<Vec<Envelope>, FetchError>,
    },
}

/// A range of a group to read from the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetch {
    /// Whose.
    pub tenant: TenantId,
    /// Which group.
    pub group: GroupId,
    /// First sequence.
    pub from: Sequence,
    /// Last sequence.
    pub to: Sequence,
}

/// Who came online, with what they may read.
#[derive(Debug, Clone)]
pub struct AttachedPerson {
    /// Whose.
    pub tenant: TenantId,
    /// Who.
    pub person: PersonId,
    /// Where.
    pub device: DeviceId,
    /// What.
    pub groups: Vec<AttachedGroup>,
}

/// Why a range could not be read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the range could not be read")]
pub struct FetchError;

/// The queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy {
    /// When to try again.
    pub retry_after_us: u64,
}

/// Stands for the engine.
#[derive(Debug, Clone)]
pub struct Engine;

/// Stands for a shard's port.
#[derive(Debug)]
pub struct Port;

impl Engine {
    /// A port.
    pub fn port(&self, _wake: impl Fn() + Send + Sync + 'static) -> Port {
        Port
    }
}

impl Port {
    /// Refuses.
    pub fn attach(&self, _: u64, _: TenantId, _: PersonId, _: DeviceId) -> Result<(), Busy> {
        Err(Busy { retry_after_us: 1 })
    }

    /// Nothing.
    pub fn detach(&self, _: u64) {}

    /// Refuses.
    pub fn fetch(&self, _: Fetch) -> Result<(), Busy> {
        Err(Busy { retry_after_us: 1 })
    }

    /// Nothing.
    pub fn poll(&mut self, _: &mut Vec<Item>) {}
}
