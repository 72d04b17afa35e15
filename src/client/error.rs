//! Every way a request, a session or a connection fails, typed.

use std::io;
use std::time::Duration;

use super::cursors::CursorError;
use super::gateway::TableError;
use super::lanes::Lane;
use crate::wire::tagged::TaggedError;
use crate::wire::{
    DeliveryError, DeviceId, FrameError, FrameKind, GroupId, MessageError, PersonId, Refused, Role,
    TenantId, read_close_number,
};

/// Why a request was not made; nothing was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotMade {
    /// The server has not said yet who this is.
    #[error("the session is not welcomed yet: wait for it")]
    NotWelcomed,
    /// [`super::Limits::in_flight_max`] or [`super::Limits::unsent_bytes_max`] is reached.
    #[error("too much is in flight: wait for answers")]
    Full,
    /// A body or command that no frame takes.
    #[error("{len} bytes are over the limit of {limit}")]
    TooLong {
        /// Bytes given.
        len: usize,
        /// Bytes a frame takes.
        limit: usize,
    },
    /// What is answered by a page and not by a reply.
    #[error(
        "records of the archive are pulled by a call of their own: `Client::pull`, or `throng pull`"
    )]
    IsAPull,
    /// The session is attached, or about to be.
    #[error("the session is attached already: one attach a connection")]
    AlreadyAttached,
    /// Person 0 or device 0, which are nobody.
    #[error("person {person} on device {device} is nobody: both are counted from 1")]
    Nobody {
        /// As given.
        person: PersonId,
        /// As given.
        device: DeviceId,
    },
    /// A gateway attaches a person's device once.
    #[error("person {person} is attached on device {device} already: detach them first")]
    AttachedTwice {
        /// Who.
        person: PersonId,
        /// On which device.
        device: DeviceId,
    },
    /// More people in one call than [`super::gateway::PEOPLE_PER_CALL_MAX`].
    #[error("{have} people are over the limit of {limit} a call: make several")]
    TooManyAtOnce {
        /// How many were given.
        have: usize,
        /// How many there may be.
        limit: usize,
    },
    /// [`super::gateway::TableLimits::readers_max`] or [`super::gateway::TableLimits::people_max`].
    #[error("a gateway connection carries {limit} people at most: open another")]
    TooManyReaders {
        /// How many there may be.
        limit: usize,
    },
    /// More cursors than a frame takes, or than a gateway keeps.
    #[error("{have} cursors are over the limit of {limit}: drop those of groups long left")]
    TooManyCursors {
        /// Cursors given.
        have: usize,
        /// Cursors there is room for.
        limit: usize,
    },
}

/// How the server broke the protocol. The connection is of no further use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// A stream that is not frames.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A payload that is not what its frame says.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// A reply that is not what its tag says.
    #[error(transparent)]
    Tagged(#[from] TaggedError),
    /// A delivery stream that is not envelopes.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    /// Sequences no bounded client can follow.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// Who reads what through a gateway cannot be as the server says.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A frame that has no place here.
    #[error("a {kind:?} frame has no place on the {lane:?} stream")]
    UnexpectedFrame {
        /// The frame.
        kind: FrameKind,
        /// The stream.
        lane: Lane,
    },
    /// An answer to nothing that was asked.
    #[error("request {request} is answered but was not asked")]
    UnknownRequest {
        /// The number answered.
        request: u64,
    },
    /// Parts of a page that do not follow one another, or are too many.
    #[error("the parts of the page that answers request {request} do not make one")]
    PageParts {
        /// The request.
        request: u64,
    },
    /// A delivery for another tenant, or before anything was attached, or without a sequence.
    #[error("a delivery of tenant {tenant} group {group} has no place in this session")]
    StrayDelivery {
        /// As delivered.
        tenant: TenantId,
        /// As delivered.
        group: GroupId,
    },
    /// The log changed its incarnation within one connection.
    #[error("the log's incarnation changed from {before} to {after} within one connection")]
    Incarnation {
        /// As welcomed.
        before: u64,
        /// As attached.
        after: u64,
    },
}

/// Why the server closed a connection: its application close code (docs/wire.md).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum CloseCode {
    /// 0: after a goodbye.
    Done,
    /// 1: this side broke the protocol.
    ProtocolError,
    /// 2: no valid token or certificate.
    Unauthenticated,
    /// 3: the token's time is over; connect with a new one.
    TokenExpired,
    /// 4: the server stops; connect again later.
    ShuttingDown,
    /// 5: over one of the server's limits.
    OverLimit,
    /// 6: what this connection may not do.
    NotPermitted,
    /// A code of a newer server.
    Other(u64),
}

impl CloseCode {
    /// The code with this number.
    #[must_use]
    pub fn from_u64(number: u64) -> Self {
        match number {
            0 => Self::Done,
            1 => Self::ProtocolError,
            2 => Self::Unauthenticated,
            3 => Self::TokenExpired,
            4 => Self::ShuttingDown,
            5 => Self::OverLimit,
            6 => Self::NotPermitted,
            other => Self::Other(other),
        }
    }

    /// The number on the wire.
    #[must_use]
    pub fn to_u64(self) -> u64 {
        match self {
            Self::Done => 0,
            Self::ProtocolError => 1,
            Self::Unauthenticated => 2,
            Self::TokenExpired => 3,
            Self::ShuttingDown => 4,
            Self::OverLimit => 5,
            Self::NotPermitted => 6,
            Self::Other(other) => other,
        }
    }
}

/// Why a connection is over.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// This side was done with it.
    #[error("closed by this side")]
    Done,
    /// The server closed it, and says why in one line.
    #[error("closed by the server ({code:?}): {reason}")]
    ByServer {
        /// Why, for programs.
        code: CloseCode,
        /// Why, for people.
        reason: String,
        /// How long the server asks to wait before connecting again; see [`super::Backoff`].
        retry_after: Option<Duration>,
    },
    /// Nothing was heard of the server for too long.
    #[error("nothing was heard of the server for the idle timeout")]
    Silent,
    /// QUIC or TLS failed.
    #[error("the connection failed: {0}")]
    Transport(quinn::ConnectionError),
    /// The server broke the protocol.
    #[error("the server broke the protocol: {0}")]
    Protocol(#[from] SessionError),
}

impl From<quinn::ConnectionError> for CloseReason {
    fn from(error: quinn::ConnectionError) -> Self {
        match error {
            quinn::ConnectionError::ApplicationClosed(close) => {
                let (code, retry_after) = read_close_number(close.error_code.into_inner());
                Self::ByServer {
                    code: CloseCode::from_u64(code),
                    reason: String::from_utf8_lossy(&close.reason).into_owned(),
                    retry_after,
                }
            }
            quinn::ConnectionError::LocallyClosed => Self::Done,
            quinn::ConnectionError::TimedOut => Self::Silent,
            other => Self::Transport(other),
        }
    }
}

impl CloseReason {
    /// How long the server asks to wait before connecting again, if it does.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::ByServer { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Why a request has no result.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// A rule refused; nothing was changed (SPEC P3).
    #[error("refused: {}", .0.text)]
    Refused(Refused),
    /// The server has no room for this one request: try again after this long.
    #[error("the server is busy: try again in {retry_after:?}")]
    Busy {
        /// When trying again is likely to work.
        retry_after: Duration,
    },
    /// Nothing was sent.
    #[error(transparent)]
    NotMade(#[from] NotMade),
    /// The connection ended first: whether the request was done is unknown. A publish or mass send
    /// tried again under the same client message id is done once (SPEC S3).
    #[error("the connection ended before the answer: {0}")]
    Closed(CloseReason),
    /// The connection was over already; its driver said why. Nothing was sent.
    #[error("the connection is over: connect again")]
    Over,
}

/// Why no connection was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No UDP socket.
    #[error("no UDP socket could be opened: {0}")]
    Socket(#[from] io::Error),
    /// The roots, certificate or key cannot be used.
    #[error("the TLS settings cannot be used: {0}")]
    Tls(#[from] rustls::Error),
    /// The address or server name cannot be connected to.
    #[error("the address or server name cannot be connected to: {0}")]
    Target(#[from] quinn::ConnectError),
    /// The server says no.
    #[error("refused: {}", .0.text)]
    Refused(Refused),
    /// The connection ended before the welcome.
    #[error("the connection ended before the welcome: {0}")]
    Closed(#[from] CloseReason),
    /// The certificate is not a gateway's.
    #[error("the server welcomes a {0:?}, not a gateway: connect with a gateway's certificate")]
    NotAGateway(Role),
    /// No welcome in time.
    #[error("no welcome from the server within {0:?}")]
    Deadline(Duration),
}

impl ConnectError {
    /// How long the server asks to wait before connecting again, if it does.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Closed(reason) => reason.retry_after(),
            _ => None,
        }
    }
}
