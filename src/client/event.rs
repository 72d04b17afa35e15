//! What goes into a session and what comes out of it.

use bytes::Bytes;

use crate::model::command::Reply;
use crate::wire::{
    AttachedGroup, Busy, ClientMessageId, GroupId, Header, Kind, Priority, Published, PulledPage,
    RecordNumber, Refused, SkipBody, Welcome,
};

/// A message to publish.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// Where to.
    pub group: GroupId,
    /// What it is; a message kind.
    pub kind: Kind,
    /// How soon it must be seen.
    pub priority: Priority,
    /// The sender's name for it: a retry under the same id is published once (SPEC S3).
    pub client_message_id: ClientMessageId,
    /// The message, at most 64 KiB.
    pub body: Bytes,
}

/// What a request is answered with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The message is in the log and on its way.
    Published(Published),
    /// The command is done.
    Reply(Box<Reply>),
    /// A page of the archive.
    Pulled(Box<PulledPage>),
    /// A rule refused; nothing was changed.
    Refused(Refused),
    /// Not taken: try again later.
    Busy(Busy),
}

/// The groups of the person who came online.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attachment {
    /// Every record before this one is in `groups`.
    pub position: RecordNumber,
    /// What may be read.
    pub groups: Vec<AttachedGroup>,
    /// The log is another than the cursors given were taken in: they were dropped.
    pub cursors_void: bool,
}

/// What happened to the session's requests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// The server knows who this is; requests may be made.
    Welcome(Welcome),
    /// The request with this number is answered.
    Answered {
        /// As returned when it was made.
        request: u64,
        /// The answer.
        answer: Answer,
    },
    /// The person is online.
    Attached(Attachment),
    /// The person is not online: refused or to be tried again.
    AttachFailed(Answer),
    /// The server is about to close the connection.
    Closing(Refused),
}

/// What arrived, once.
#[derive(Clone, Copy, Debug)]
pub enum Arrival<'a> {
    /// A message or a membership change.
    Envelope {
        /// Its header.
        header: &'a Header,
        /// Its body.
        body: &'a [u8],
    },
    /// Sequences that will not come.
    Skip {
        /// Of which group.
        group: GroupId,
        /// Which and why.
        skip: SkipBody,
    },
}
