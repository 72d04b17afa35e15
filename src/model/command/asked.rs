//! Who asks what of the model, about whose data.

use super::TaggedCommand;
use crate::wire::{ClientMessageId, DeviceId, GroupId, Kind, PersonId, Priority, TenantId};

/// Who asks. Decided by how a connection authenticated, never by what it says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Actor {
    /// The node's own operator: may create tenants, and act for any.
    Node,
    /// The tenant's backend (an operator or gateway certificate): acts for the whole enterprise.
    Enterprise,
    /// A person on a device.
    Person {
        /// Who.
        person: PersonId,
        /// From where.
        device: DeviceId,
    },
    /// Throng itself: what a record before it left to be done (mass-send slices, timers).
    System,
}

/// One question to the model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command {
    /// Whose data it is about. Everything it names is looked up under this tenant (invariant 9).
    pub tenant: TenantId,
    /// Who asks.
    pub actor: Actor,
    /// Whether the asker proved a second factor, by a claim of their token (SPEC D9).
    pub second_factor: bool,
    /// What is asked.
    pub body: CommandBody,
}

/// What is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CommandBody {
    /// Publish one message to one group (SPEC S3).
    Publish(Publish),
    /// Everything that travels as a tagged body.
    Tagged(Box<TaggedCommand>),
    /// The next slice of what an earlier record left to be done; only [`Actor::System`].
    Continue,
}

impl From<TaggedCommand> for CommandBody {
    fn from(command: TaggedCommand) -> Self {
        Self::Tagged(Box::new(command))
    }
}

/// A message to publish. Its body stays outside the model, in the envelope's draft.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Publish {
    /// Where to.
    pub group: GroupId,
    /// Who says it: the actor, or whom a gateway carries.
    pub sender: PersonId,
    /// From which device.
    pub device: DeviceId,
    /// What it is; a message kind.
    pub kind: Kind,
    /// How soon it must be seen.
    pub priority: Priority,
    /// The sender's name for it, by which a retry is recognised.
    pub client_message_id: ClientMessageId,
    /// Keyed digest of kind, priority and body: the same id with another digest is refused (SPEC S3).
    pub body_digest: u64,
}
