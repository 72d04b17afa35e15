//! Frames of the request and attach streams: a 16-byte prefix, a payload, padding to 16.
//!
//! The decoder is sans-IO: bytes go in as they come, whole frames come out in aligned buffers. A
//! length is checked against its limit before anything is allocated for it (invariant 8).

use rkyv::util::AlignedVec;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::envelope::{ALIGNMENT, padded};

/// Bytes of a frame's prefix.
pub const FRAME_PREFIX_LEN: usize = 16;
/// The version this build writes.
pub const FRAME_VERSION: u8 = 1;
/// The longest payload of a frame before a session is authenticated, in bytes.
pub const FRAME_LEN_MAX_UNAUTHENTICATED: u32 = 8 * 1024;
/// The longest payload of a frame, in bytes: the longest message and its header, or 2,000-member lists.
pub const FRAME_LEN_MAX: u32 = 128 * 1024;
/// Bytes that the hits of one page of a search may take, so that a frame takes the page.
pub const SEARCH_PAGE_LEN_MAX: usize = 96 * 1024;

/// What a frame carries. Numbers are forever.
///
/// Commands of the model travel as `0x1000 + tag`, their replies as `0x9000 + tag`
/// ([`FrameKind::command`], [`FrameKind::reply`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub enum FrameKind {
    /// Client: who it is. First on every connection. [`super::Hello`].
    Hello,
    /// Client: an envelope to publish. Answered by `Published`, `Refused` or `Busy`.
    Publish,
    /// Client: attach people. [`super::Attach`].
    Attach,
    /// Client: detach people. [`super::Detach`].
    Detach,
    /// Client: how far people have got. [`super::Ack`]. Not answered.
    Ack,
    /// Client: leave after what is in flight is answered.
    Goodbye,
    /// Server: who you are. [`super::Welcome`].
    Welcome,
    /// Server: where a message went. [`super::Published`].
    Published,
    /// Server: the rule that refused. [`super::Refused`].
    Refused,
    /// Server: try this one request again later. [`super::Busy`].
    Busy,
    /// Server: an attached person's groups. [`super::Attached`].
    Attached,
    /// Server: the connection is about to be closed and why. [`super::Refused`].
    Closing,
    /// Server: part of a page of pulled records. [`super::PulledPart`].
    Pulled,
    /// Client: a command of the model with this tag.
    Command(u16),
    /// Server: the reply with this tag.
    Reply(u16),
}

const TAG_LIMIT: u16 = 0x1000;
const COMMAND_BASE: u16 = 0x1000;
const REPLY_BASE: u16 = 0x9000;

impl FrameKind {
    /// The number on the wire.
    #[must_use]
    pub fn to_u16(self) -> u16 {
        match self {
            Self::Hello => 0x0001,
            Self::Publish => 0x0002,
            Self::Attach => 0x0003,
            Self::Detach => 0x0004,
            Self::Ack => 0x0005,
            Self::Goodbye => 0x0006,
            Self::Welcome => 0x8001,
            Self::Published => 0x8002,
            Self::Refused => 0x8003,
            Self::Busy => 0x8004,
            Self::Attached => 0x8005,
            Self::Closing => 0x8006,
            Self::Pulled => 0x8007,
            Self::Command(tag) => COMMAND_BASE + tag,
            Self::Reply(tag) => REPLY_BASE + tag,
        }
    }

    /// The kind with this number.
    #[must_use]
    pub fn from_u16(number: u16) -> Option<Self> {
        Some(match number {
            0x0001 => Self::Hello,
            0x0002 => Self::Publish,
            0x0003 => Self::Attach,
            0x0004 => Self::Detach,
            0x0005 => Self::Ack,
            0x0006 => Self::Goodbye,
            0x8001 => Self::Welcome,
            0x8002 => Self::Published,
            0x8003 => Self::Refused,
            0x8004 => Self::Busy,
            0x8005 => Self::Attached,
            0x8006 => Self::Closing,
            0x8007 => Self::Pulled,
            COMMAND_BASE..0x2000 => Self::Command(number - COMMAND_BASE),
            REPLY_BASE..0xA000 => Self::Reply(number - REPLY_BASE),
            _ => return None,
        })
    }

    /// The kind of a command with `tag`, which is below 4,096.
    #[must_use]
    pub fn command(tag: u16) -> Self {
        assert!(tag < TAG_LIMIT, "tags are below {TAG_LIMIT}");
        Self::Command(tag)
    }

    /// The kind of a reply with `tag`, which is below 4,096.
    #[must_use]
    pub fn reply(tag: u16) -> Self {
        assert!(tag < TAG_LIMIT, "tags are below {TAG_LIMIT}");
        Self::Reply(tag)
    }
}

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Prefix {
    len: U32,
    kind: U16,
    version: u8,
    flags: u8,
    request: U64,
}

/// One whole frame.
#[derive(Clone)]
pub struct Frame {
    /// What the payload is.
    pub kind: FrameKind,
    /// The client's number for a request, echoed in its answer; 0 where none is expected.
    pub request: u64,
    payload: AlignedVec<ALIGNMENT>,
}

impl Frame {
    /// The payload, in a buffer aligned to 16.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }
}

impl core::fmt::Debug for Frame {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "{:?} #{} ({} bytes)",
            self.kind,
            self.request,
            self.payload.len()
        )
    }
}

/// Why a stream cannot be read on. The stream is of no further use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A payload longer than is allowed here.
    #[error("a frame of {len} bytes is over the limit of {limit}")]
    TooLong {
        /// As announced.
        len: u32,
        /// As allowed.
        limit: u32,
    },
    /// A version of another build.
    #[error("frame version {found} is not {FRAME_VERSION}")]
    Version {
        /// As read.
        found: u8,
    },
    /// A kind this build does not know.
    #[error("frame kind {found:#06x} is unknown")]
    Kind {
        /// As read.
        found: u16,
    },
    /// Bits or padding that must be zero are not.
    #[error("reserved bits or padding are set")]
    Reserved,
    /// The stream ended inside a frame.
    #[error("the stream ended {have} bytes into a frame")]
    Truncated {
        /// Bytes of the unfinished frame.
        have: usize,
    },
}

/// Appends a frame to `out`.
///
/// # Panics
/// When `payload` is over [`FRAME_LEN_MAX`]: what this side sends is bounded by construction.
pub fn encode(kind: FrameKind, request: u64, payload: &[u8], out: &mut Vec<u8>) {
    let len = u32::try_from(payload.len())
        .ok()
        .filter(|len| *len <= FRAME_LEN_MAX);
    let len = len.expect("frames this side sends are bounded by construction");
    let prefix = Prefix {
        len: len.into(),
        kind: kind.to_u16().into(),
        version: FRAME_VERSION,
        flags: 0,
        request: request.into(),
    };
    out.reserve(FRAME_PREFIX_LEN + padded(payload.len()));
    out.extend_from_slice(prefix.as_bytes());
    out.extend_from_slice(payload);
    out.resize(out.len() + padded(payload.len()) - payload.len(), 0);
}

/// Turns a stream of bytes into frames.
#[derive(Debug)]
pub struct FrameDecoder {
    limit: u32,
    prefix: [u8; FRAME_PREFIX_LEN],
    prefix_len: usize,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    kind: FrameKind,
    request: u64,
    len: usize,
    payload: AlignedVec<ALIGNMENT>,
}

impl FrameDecoder {
    /// A decoder that takes payloads of up to `limit` bytes.
    #[must_use]
    pub fn new(limit: u32) -> Self {
        Self {
            limit,
            prefix: [0; FRAME_PREFIX_LEN],
            prefix_len: 0,
            open: None,
        }
    }

    /// Changes the longest payload from the next frame on.
    pub fn set_limit(&mut self, limit: u32) {
        self.limit = limit;
    }

    /// Takes bytes from the front of `bytes` and returns the frame they complete. Call until it
    /// returns `None` with `bytes` empty.
    pub fn next(&mut self, bytes: &mut &[u8]) -> Result<Option<Frame>, FrameError> {
        if self.open.is_none() {
            let take = bytes.len().min(FRAME_PREFIX_LEN - self.prefix_len);
            self.prefix[self.prefix_len..self.prefix_len + take].copy_from_slice(&bytes[..take]);
            self.prefix_len += take;
            *bytes = &bytes[take..];
            if self.prefix_len < FRAME_PREFIX_LEN {
                return Ok(None);
            }
            self.open = Some(self.begin()?);
            self.prefix_len = 0;
        }
        let Some(open) = &mut self.open else {
            return Ok(None);
        };
        let whole = padded(open.len);
        let take = bytes.len().min(whole - open.payload.len());
        // Grows with what has come, not with what was announced.
        open.payload.extend_from_slice(&bytes[..take]);
        *bytes = &bytes[take..];
        if open.payload.len() < whole {
            return Ok(None);
        }
        let Some(mut open) = self.open.take() else {
            return Ok(None);
        };
        if open.payload[open.len..].iter().any(|byte| *byte != 0) {
            return Err(FrameError::Reserved);
        }
        open.payload.resize(open.len, 0);
        Ok(Some(Frame {
            kind: open.kind,
            request: open.request,
            payload: open.payload,
        }))
    }

    /// Whether the stream may end here.
    pub fn finish(&self) -> Result<(), FrameError> {
        let payload = self
            .open
            .as_ref()
            .map_or(0, |open| FRAME_PREFIX_LEN + open.payload.len());
        match self.prefix_len + payload {
            0 => Ok(()),
            have => Err(FrameError::Truncated { have }),
        }
    }

    fn begin(&self) -> Result<Open, FrameError> {
        let Ok(prefix) = Prefix::read_from_bytes(&self.prefix) else {
            return Err(FrameError::Truncated {
                have: self.prefix_len,
            });
        };
        if prefix.version != FRAME_VERSION {
            return Err(FrameError::Version {
                found: prefix.version,
            });
        }
        let len = prefix.len.get();
        if len > self.limit {
            return Err(FrameError::TooLong {
                len,
                limit: self.limit,
            });
        }
        let number = prefix.kind.get();
        let kind = FrameKind::from_u16(number).ok_or(FrameError::Kind { found: number })?;
        if prefix.flags != 0 {
            return Err(FrameError::Reserved);
        }
        Ok(Open {
            kind,
            request: prefix.request.get(),
            len: len as usize,
            payload: AlignedVec::new(),
        })
    }
}
