//! Why the server ends a connection: one typed reason, its application code and its one line.
//!
//! Every way in which bytes from outside can be wrong ends here (invariant 8). The codes are forever
//! (docs/wire.md).

use quinn_proto::VarInt;

use super::auth::AuthError;
use crate::model::Refusal;
use crate::wire::tagged::TaggedError;
use crate::wire::{EnvelopeError, FrameError, FrameKind, MessageError, TenantId};

/// The application error code of a close.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum CloseCode {
    /// The client said goodbye.
    Goodbye = 0,
    /// Bytes that are not the protocol.
    Protocol = 1,
    /// Not, or not in time, authenticated.
    Unauthenticated = 2,
    /// The token or certificate has expired: come back with a new one.
    TokenExpired = 3,
    /// The server is going: come back later, or elsewhere.
    ShuttingDown = 4,
    /// Over a limit.
    OverLimit = 5,
    /// Something the connection's identity may never do.
    NotPermitted = 6,
}

impl From<CloseCode> for VarInt {
    fn from(code: CloseCode) -> Self {
        Self::from_u32(code as u32)
    }
}

/// One of the two streams a client opens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum ClientStream {
    /// The first: Hello, then requests.
    Requests,
    /// The second: attach, detach, acknowledgements.
    Attachments,
}

impl core::fmt::Display for ClientStream {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Requests => "request stream",
            Self::Attachments => "attach stream",
        })
    }
}

/// Why a connection was closed by the server. The text is what the client is told.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// Everything asked before the goodbye has been answered.
    #[error("goodbye")]
    Goodbye,
    /// Bytes of a stream that are not frames.
    #[error("{stream}: {error}")]
    Frame {
        /// Which stream.
        stream: ClientStream,
        /// What is wrong.
        error: FrameError,
    },
    /// A frame that does not belong on its stream, or not any more.
    #[error("{stream}: a {kind:?} frame does not belong here")]
    Unexpected {
        /// Which stream.
        stream: ClientStream,
        /// Which frame.
        kind: FrameKind,
    },
    /// A payload that is not what its frame says.
    #[error("{kind:?}: {error}")]
    Payload {
        /// Which frame.
        kind: FrameKind,
        /// What is wrong.
        error: MessageError,
    },
    /// A publish that carries no envelope.
    #[error("Publish: {error}")]
    Envelope {
        /// What is wrong.
        error: EnvelopeError,
    },
    /// A command this build cannot read.
    #[error("command: {error}")]
    Command {
        /// What is wrong.
        error: TaggedError,
    },
    /// The client gave up a stream that lives as long as the connection.
    #[error("{stream}: it was reset or stopped, but lives as long as the connection")]
    StreamGone {
        /// Which stream.
        stream: ClientStream,
    },
    /// The client stopped the deliveries it attached for.
    #[error("the delivery stream was stopped: detach instead")]
    DeliveryStopped,
    /// The client allows the server no stream for deliveries.
    #[error("attaching needs one server-opened unidirectional stream to be permitted")]
    NoDeliveryStream,
    /// Something other than Hello came first.
    #[error("the first frame is Hello, not {kind:?}")]
    NotHello {
        /// What came.
        kind: FrameKind,
    },
    /// The token or certificate proves nothing.
    #[error("{error}")]
    Unauthenticated {
        /// Why not.
        error: AuthError,
    },
    /// An empty token, and no client certificate either.
    #[error("an empty token needs a client certificate")]
    NoCertificate,
    /// Nothing came in time.
    #[error("no request within {limit_ms} ms of connecting")]
    FirstByteLate {
        /// The limit.
        limit_ms: u64,
    },
    /// No valid Hello came in time.
    #[error("no valid Hello within {limit_ms} ms of connecting")]
    AuthenticationLate {
        /// The limit.
        limit_ms: u64,
    },
    /// The token's or certificate's time is over.
    #[error("the token or certificate has expired")]
    TokenExpired,
    /// The server is stopping.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// A request about another tenant (SPEC D1).
    #[error("this connection speaks for tenant {own} only")]
    OtherTenant {
        /// The connection's own.
        own: TenantId,
    },
    /// The person has left the company (SPEC D7), or the account is frozen (SPEC D3).
    #[error("the person has left the company, or the account is frozen")]
    Departed,
    /// The device is locked out (SPEC D9).
    #[error("the device is locked out: sign in from another")]
    DeviceRevoked,
    /// The enterprise does not let them in, or not from there (SPEC D9).
    #[error("not admitted: {refusal}")]
    NotAdmitted {
        /// By which rule.
        refusal: Refusal,
    },
    /// Too much is on its way to be let in now.
    #[error("too many come in at once: come back in a moment")]
    Busy,
    /// A gateway did not read who reads what as fast as it changed.
    #[error("too many changes of who reads what wait to be read: attach everybody again")]
    GatewayBehind,
    /// An acknowledgement or detach for somebody else.
    #[error("{kind:?}: a person speaks for themselves only")]
    OtherPerson {
        /// Which frame.
        kind: FrameKind,
    },
}

impl CloseReason {
    /// Whether the client brought it on itself.
    #[must_use]
    pub fn is_for_cause(&self) -> bool {
        !matches!(
            self.code(),
            CloseCode::Goodbye | CloseCode::TokenExpired | CloseCode::ShuttingDown
        )
    }

    /// The code that goes with it.
    #[must_use]
    pub fn code(&self) -> CloseCode {
        match self {
            Self::Goodbye => CloseCode::Goodbye,
            Self::Frame {
                error: FrameError::TooLong { .. },
                ..
            } => CloseCode::OverLimit,
            Self::Frame { .. }
            | Self::Unexpected { .. }
            | Self::Payload { .. }
            | Self::Envelope { .. }
            | Self::Command { .. }
            | Self::StreamGone { .. }
            | Self::DeliveryStopped
            | Self::NoDeliveryStream => CloseCode::Protocol,
            Self::NotHello { .. }
            | Self::Unauthenticated { .. }
            | Self::NoCertificate
            | Self::FirstByteLate { .. }
            | Self::AuthenticationLate { .. } => CloseCode::Unauthenticated,
            Self::TokenExpired => CloseCode::TokenExpired,
            Self::ShuttingDown => CloseCode::ShuttingDown,
            Self::Busy | Self::GatewayBehind => CloseCode::OverLimit,
            Self::OtherTenant { .. }
            | Self::OtherPerson { .. }
            | Self::Departed
            | Self::DeviceRevoked
            | Self::NotAdmitted { .. } => CloseCode::NotPermitted,
        }
    }
}
