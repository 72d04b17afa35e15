//! The envelope: header, body and padding in one aligned allocation, shared by everything that sends it.
//!
//! Made once, when a message is admitted; cloning is a reference count (invariant 4). Its length is
//! a multiple of 16, so that envelopes laid end to end stay aligned.

use bytes::Bytes;
use rkyv::util::AlignedVec;
use zerocopy::{FromBytes, IntoBytes};

use super::header::{BODY_LEN_MAX, HEADER_LEN, Header, HeaderError, HeaderFields};

/// Every frame and envelope is padded with zeros to a multiple of this many bytes.
pub const ALIGNMENT: usize = 16;

/// `len` rounded up to the next multiple of [`ALIGNMENT`].
#[must_use]
pub const fn padded(len: usize) -> usize {
    len.next_multiple_of(ALIGNMENT)
}

/// A header and its body, ready to be sent, kept and archived as they are.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    bytes: Bytes,
}

/// Why bytes are not an envelope.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// The header is not one.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The bytes end before the body and its padding do.
    #[error("an envelope of {need} bytes is announced, {have} are there")]
    Truncated {
        /// Bytes the header announces.
        need: usize,
        /// Bytes there are.
        have: usize,
    },
    /// More bytes than the header announces.
    #[error("an envelope of {need} bytes is announced, {have} are there")]
    Trailing {
        /// Bytes the header announces.
        need: usize,
        /// Bytes there are.
        have: usize,
    },
    /// Padding that is not zero.
    #[error("padding is not zero")]
    Padding,
    /// A body over [`BODY_LEN_MAX`].
    #[error("a body of {len} bytes is over the limit of {BODY_LEN_MAX}")]
    BodyTooLong {
        /// Bytes given.
        len: usize,
    },
}

/// A body in the allocation that will be its envelope, before its header is decided.
///
/// The door copies a body here, once; the sequencer seals it. Nothing copies it again until each
/// connection's packet encryption.
pub struct Draft {
    buffer: AlignedVec<ALIGNMENT>,
    body_len: u32,
}

impl Draft {
    /// Copies `body` behind room for a header.
    pub fn new(body: &[u8]) -> Result<Self, EnvelopeError> {
        let body_len = u32::try_from(body.len())
            .ok()
            .filter(|len| *len as usize <= BODY_LEN_MAX);
        let body_len = body_len.ok_or(EnvelopeError::BodyTooLong { len: body.len() })?;
        let len = padded(HEADER_LEN + body.len());
        let mut buffer = AlignedVec::with_capacity(len);
        buffer.resize(HEADER_LEN, 0);
        buffer.extend_from_slice(body);
        buffer.resize(len, 0);
        Ok(Self { buffer, body_len })
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.buffer[HEADER_LEN..HEADER_LEN + self.body_len as usize]
    }

    /// Bytes the envelope will take.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // Never empty: a header is always there.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Writes the header in place; `fields.body_len` is set from the body.
    #[must_use]
    pub fn seal(mut self, fields: &HeaderFields) -> Envelope {
        let header = Header::new(&HeaderFields {
            body_len: self.body_len,
            ..*fields
        });
        self.buffer[..HEADER_LEN].copy_from_slice(header.as_bytes());
        Envelope {
            bytes: Bytes::from_owner(self.buffer),
        }
    }
}

impl core::fmt::Debug for Draft {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Draft({} bytes)", self.body_len)
    }
}

impl Envelope {
    /// An envelope of `body`; `fields.body_len` is set from it.
    pub fn new(fields: &HeaderFields, body: &[u8]) -> Result<Self, EnvelopeError> {
        Ok(Draft::new(body)?.seal(fields))
    }

    /// The envelope that these are the [`bytes`](Self::bytes) of; not checked again.
    pub(crate) fn of_own_bytes(bytes: Bytes) -> Self {
        debug_assert!(Self::check(&bytes).is_ok_and(|len| len == bytes.len()));
        Self { bytes }
    }

    /// Checks that `bytes` are exactly one envelope and copies them into an aligned allocation.
    pub fn read(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        let need = Self::check(bytes)?;
        if bytes.len() > need {
            return Err(EnvelopeError::Trailing {
                need,
                have: bytes.len(),
            });
        }
        let mut buffer = AlignedVec::<ALIGNMENT>::with_capacity(need);
        buffer.extend_from_slice(bytes);
        Ok(Self {
            bytes: Bytes::from_owner(buffer),
        })
    }

    /// Checks the envelope at the front of `bytes`, which may go on, and returns its length.
    pub fn check(bytes: &[u8]) -> Result<usize, EnvelopeError> {
        let header = Header::read(bytes)?;
        let end = HEADER_LEN + header.body_len();
        let need = padded(end);
        if bytes.len() < need {
            return Err(EnvelopeError::Truncated {
                need,
                have: bytes.len(),
            });
        }
        if bytes[end..need].iter().any(|byte| *byte != 0) {
            return Err(EnvelopeError::Padding);
        }
        Ok(need)
    }

    /// The header, in place.
    #[must_use]
    pub fn header(&self) -> &Header {
        let header = Header::ref_from_prefix(&self.bytes);
        header
            .expect("an envelope is at least a header long by construction")
            .0
    }

    /// The body, without padding.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.bytes[HEADER_LEN..HEADER_LEN + self.header().body_len()]
    }

    /// Everything, padding included: what is sent.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl core::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.header().fmt(f)
    }
}
