//! What goes into a gateway's session and what comes out of it, but for deliveries.

use super::delivery::ReaderKey;
use crate::client::cursors::GroupCursor;
use crate::client::event::{Attachment, Event};
use crate::wire::{DeviceId, PersonId, Refused};

/// Somebody who comes online on one device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Newcomer {
    /// Who.
    pub person: PersonId,
    /// On which device.
    pub device: DeviceId,
    /// What [`super::Readers`] knows them by.
    pub key: ReaderKey,
    /// How far they have got; a group that is not listed is read from their join.
    pub cursors: Vec<GroupCursor>,
}

/// People who come online together: one call, in as many frames as it takes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Newcomers {
    /// At most [`super::PEOPLE_PER_CALL_MAX`].
    pub people: Vec<Newcomer>,
    /// The incarnation of the log that their cursors were taken in ([`crate::wire::Welcome::incarnation`]); none if
    /// they have none. Cursors of another log are void and dropped.
    pub incarnation: Option<u64>,
    /// Groups without a cursor are read from their head instead of from the person's join.
    pub live_only: bool,
}

/// What happened to what was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GatewayEvent {
    /// What every connection's session says: the welcome, answers to requests, and that it closes.
    Connection(Event),
    /// A person is online on a device.
    Attached {
        /// Who.
        person: PersonId,
        /// On which device.
        device: DeviceId,
        /// What they may read.
        attachment: Attachment,
    },
    /// A person is not online on a device: a rule refused.
    Refused {
        /// Who.
        person: PersonId,
        /// On which device.
        device: DeviceId,
        /// The rule.
        refused: Refused,
    },
}
