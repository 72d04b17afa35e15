//! Why the server ends a connection: one typed reason, its application code and its one line.
//!
//! Every way in which bytes from outside can be wrong ends here (invariant 8). The codes are forever
//! (docs/wire.md).

use core::time::Duration;

use quinn_proto::VarInt;

use super::auth::AuthError;
use crate::model::Refusal;
use crate::wire::tagged::TaggedError;
use crate::wire::{EnvelopeError, FrameError, FrameKind, MessageError, TenantId, close_number};

/// The least that a client waits where too many come in at once.
const BUSY_RETRY: Duration = Duration::from_secs(1);
/// The least that a client waits when the server stops: a restart takes about as long.
const STOP_RETRY: Duration = Duration::from_secs(2);

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

    /// When the client had better come back, where that is later than at once. `serial` is the
    /// connection's number: by it, those who are told at the same moment come back spread over a
    /// time as long again.
    #[must_use]
    pub fn retry_after(&self, serial: u32) -> Option<Duration> {
        let least = match self {
            Self::Busy => BUSY_RETRY,
            Self::ShuttingDown => STOP_RETRY,
            _ => return None,
        };
        // Fibonacci hashing: numbers in a row are far apart.
        let spread = serial.wrapping_mul(0x9e37_79b9) >> 16;
        Some(least + least * spread / (1 << 16))
    }

    /// The number the connection with this serial number is closed with.
    pub(super) fn number(&self, serial: u32) -> VarInt {
        let number = close_number(self.code() as u8, self.retry_after(serial));
        VarInt::from_u64(number).expect("a code and a day in milliseconds are less than 2^62")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_are_sent_away_at_once_come_back_spread_over_a_time() {
        let retries = (0..2_000).map(|serial| CloseReason::ShuttingDown.retry_after(serial));
        let mut retries: Vec<_> = retries.flatten().collect();
        retries.sort_unstable();
        assert!(retries[0] >= STOP_RETRY && retries[1_999] < 2 * STOP_RETRY);
        let widest = retries.windows(2).map(|pair| pair[1] - pair[0]).max();
        assert!(widest < Some(Duration::from_millis(5)), "{widest:?}");
    }

    #[test]
    fn who_broke_a_rule_is_not_asked_back() {
        assert_eq!(CloseReason::DeviceRevoked.retry_after(1), None);
        assert_eq!(CloseReason::DeviceRevoked.number(1).into_inner(), 6);
        let busy = CloseReason::Busy.number(0).into_inner();
        assert_eq!(busy, 5 + 1_000 * 256);
    }
}
