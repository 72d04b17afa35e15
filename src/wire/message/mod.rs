//! Payloads of fixed layout: what clients in other languages read and write (docs/wire.md).
//!
//! Each is a prefix of fixed size and, for some, a counted list or text behind it. They are read in
//! place; every count is checked against the bytes that are there (invariant 8).

mod answer;
mod attach;
mod pulled;
mod session;

pub use answer::{Busy, Published, Refused};
pub use attach::{Ack, AckItem, Attach, AttachEntry, Attached, AttachedGroup, Cursor, Detach};
pub use pulled::{
    FRAME_HEAD_LEN, PULLED_FRONT_LEN, PULLED_PAGE_LEN, PULLED_PAGE_LEN_MAX, PULLED_PART_LEN,
    PULLED_TAG_LEN, PulledContent, PulledFront, PulledHeader, PulledPage, PulledPart, PulledRecord,
};
pub use session::{Hello, Role, Welcome};

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// Why a payload is not what its frame kind says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// Shorter or longer than its own counts say.
    #[error("a payload of {need} bytes is announced, {have} are there")]
    Length {
        /// As announced.
        need: usize,
        /// As there is.
        have: usize,
    },
    /// A number that names nothing.
    #[error("{field} {found} is unknown")]
    Unknown {
        /// Which field.
        field: &'static str,
        /// As read.
        found: u32,
    },
    /// Text that is not UTF-8.
    #[error("{field} is not UTF-8")]
    NotUtf8 {
        /// Which field.
        field: &'static str,
    },
    /// Bits that must be zero are not.
    #[error("reserved bits are set")]
    Reserved,
}

/// A prefix and what follows it.
fn prefix<T>(bytes: &[u8]) -> Result<(&T, &[u8]), MessageError>
where
    T: FromBytes + KnownLayout + Immutable + Unaligned,
{
    T::ref_from_prefix(bytes).map_err(|_| MessageError::Length {
        need: size_of::<T>(),
        have: bytes.len(),
    })
}

/// Exactly `count` items at the front of `bytes`, and what follows them.
fn items<T>(bytes: &[u8], count: u32) -> Result<(&[T], &[u8]), MessageError>
where
    T: FromBytes + KnownLayout + Immutable + Unaligned,
{
    let need = (count as usize).saturating_mul(size_of::<T>());
    <[T]>::ref_from_prefix_with_elems(bytes, count as usize).map_err(|_| MessageError::Length {
        need,
        have: bytes.len(),
    })
}

fn nothing_left(rest: &[u8], whole: &[u8]) -> Result<(), MessageError> {
    if rest.is_empty() {
        return Ok(());
    }
    Err(MessageError::Length {
        need: whole.len() - rest.len(),
        have: whole.len(),
    })
}

fn count_of<T>(items: &[T]) -> U32 {
    u32::try_from(items.len())
        .expect("lists this side sends are bounded by construction")
        .into()
}
