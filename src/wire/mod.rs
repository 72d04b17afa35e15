//! Bytes: ids, the fixed header, envelopes, frames and payloads of fixed layout. Knows nothing of
//! groups and does no IO; docs/wire.md describes every byte for other languages.
//!
//! Keeps invariant 4 (an envelope is made once and shared) and invariant 8 (nothing from outside is
//! read before it is checked, nor allocated for before it is bounded).

mod close;
mod delivery;
mod envelope;
mod frame;
mod header;
mod ids;
mod message;
mod readers;
mod record;
pub mod tagged;

pub use close::{close_number, read_close_number};
pub use delivery::{
    DeliveryDecoder, DeliveryError, MembershipBody, MovedBody, RemovalBody, STREAM_OPENING_LEN,
    SkipBody, SkipReason, StreamClass, stream_opening,
};
pub use envelope::{ALIGNMENT, Draft, Envelope, EnvelopeError, padded};
pub use frame::{
    FRAME_LEN_MAX, FRAME_LEN_MAX_UNAUTHENTICATED, FRAME_PREFIX_LEN, FRAME_VERSION, Frame,
    FrameDecoder, FrameError, FrameKind, SEARCH_PAGE_LEN_MAX, encode as encode_frame,
};
pub use header::{
    BODY_LEN_MAX, HEADER_LEN, HEADER_VERSION, Header, HeaderError, HeaderFields, Kind, Priority,
};
pub use ids::{
    ApprovalId, ClientMessageId, DepartmentId, DeviceId, ExportId, GroupId, HoldId, JoinCodeId,
    MatrixId, PersonId, RecordNumber, Sequence, TenantId, Timestamp,
};
pub use message::{
    Ack, AckItem, Attach, AttachEntry, Attached, AttachedGroup, Busy, Cursor, Detach,
    FRAME_HEAD_LEN, Hello, MessageError, PULLED_FRONT_LEN, PULLED_PAGE_LEN, PULLED_PAGE_LEN_MAX,
    PULLED_PART_LEN, PULLED_TAG_LEN, Published, PulledContent, PulledFront, PulledHeader,
    PulledPage, PulledPart, PulledRecord, Refused, Role, Welcome,
};
pub use readers::{Reader, ReaderChange, ReadersBody};
pub use record::Take;

/// The ALPN of Throng's QUIC protocol.
pub const ALPN: &[u8] = b"throng/1";
