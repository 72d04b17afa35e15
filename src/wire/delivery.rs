//! The delivery stream: a 16-byte opening, then envelopes end to end.
//!
//! One server-opened stream carries normal deliveries and one urgent ones. What is sent is the
//! envelope's own bytes: there is nothing to encode (invariant 4).

use rkyv::util::AlignedVec;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::envelope::{ALIGNMENT, Envelope, EnvelopeError, padded};
use super::header::{HEADER_LEN, Header};
use super::message::MessageError;
use super::{PersonId, Sequence};

/// Bytes that open a delivery stream.
pub const STREAM_OPENING_LEN: usize = 16;
const STREAM_MAGIC: [u8; 4] = *b"THRD";
const STREAM_VERSION: u8 = 1;

/// Which deliveries a stream carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum StreamClass {
    /// In each group's order.
    Normal = 0,
    /// Urgent ones, possibly ahead of that order.
    Urgent = 1,
}

/// The bytes that open a stream of `class`.
#[must_use]
pub const fn stream_opening(class: StreamClass) -> [u8; STREAM_OPENING_LEN] {
    let [t, h, r, d] = STREAM_MAGIC;
    let class = class as u8;
    [
        t,
        h,
        r,
        d,
        STREAM_VERSION,
        class,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
    ]
}

/// Why a delivery stream cannot be read on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// The opening is not one of this version.
    #[error("the stream does not open as a delivery stream of version {STREAM_VERSION}")]
    Opening,
    /// An envelope is not one.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The stream ended inside an envelope.
    #[error("the stream ended {have} bytes into an envelope")]
    Truncated {
        /// Bytes of the unfinished envelope.
        have: usize,
    },
}

/// Turns a delivery stream's bytes into envelopes, checked, without copying those that come whole.
#[derive(Debug, Default)]
pub struct DeliveryDecoder {
    class: Option<StreamClass>,
    partial: AlignedVec<ALIGNMENT>,
}

impl DeliveryDecoder {
    /// A decoder at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The stream's class, once its opening has come.
    #[must_use]
    pub fn class(&self) -> Option<StreamClass> {
        self.class
    }

    /// Reads `bytes` and hands each whole envelope's bytes to `each`.
    pub fn read(
        &mut self,
        mut bytes: &[u8],
        mut each: impl FnMut(&Header, &[u8]),
    ) -> Result<(), DeliveryError> {
        while !bytes.is_empty() {
            if self.class.is_none() {
                if !self.fill(&mut bytes, STREAM_OPENING_LEN) {
                    return Ok(());
                }
                self.class = Some(opening_class(&self.partial)?);
                self.partial.clear();
                continue;
            }
            if self.partial.is_empty() && bytes.len() >= HEADER_LEN {
                match whole(bytes)? {
                    Some((header, body, len)) => {
                        each(header, body);
                        bytes = &bytes[len..];
                        continue;
                    }
                    None => {
                        self.partial.extend_from_slice(bytes);
                        return Ok(());
                    }
                }
            }
            if !self.fill(&mut bytes, HEADER_LEN) {
                return Ok(());
            }
            let header = Header::read(&self.partial).map_err(EnvelopeError::from)?;
            if !self.fill(&mut bytes, padded(HEADER_LEN + header.body_len())) {
                return Ok(());
            }
            if let Some((header, body, _)) = whole(&self.partial)? {
                each(header, body);
            }
            self.partial.clear();
        }
        Ok(())
    }

    /// Whether the stream may end here.
    pub fn finish(&self) -> Result<(), DeliveryError> {
        match self.partial.len() {
            0 => Ok(()),
            have => Err(DeliveryError::Truncated { have }),
        }
    }

    /// Moves bytes into `partial` until it has `len`; whether it has.
    fn fill(&mut self, bytes: &mut &[u8], len: usize) -> bool {
        let take = bytes.len().min(len.saturating_sub(self.partial.len()));
        self.partial.extend_from_slice(&bytes[..take]);
        *bytes = &bytes[take..];
        self.partial.len() >= len
    }
}

fn opening_class(opening: &[u8]) -> Result<StreamClass, DeliveryError> {
    for class in [StreamClass::Normal, StreamClass::Urgent] {
        if opening == stream_opening(class) {
            return Ok(class);
        }
    }
    Err(DeliveryError::Opening)
}

type Whole<'a> = (&'a Header, &'a [u8], usize);

fn whole(bytes: &[u8]) -> Result<Option<Whole<'_>>, EnvelopeError> {
    match Envelope::check(bytes) {
        Ok(len) => {
            let header = Header::read(bytes)?;
            Ok(Some((
                header,
                &bytes[HEADER_LEN..HEADER_LEN + header.body_len()],
                len,
            )))
        }
        Err(EnvelopeError::Truncated { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Why sequences will not be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum SkipReason {
    /// The person was not a member then.
    NotAMember = 0,
    /// Their retention has ended.
    Expired = 1,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct SkipLayout {
    from: U64,
    to: U64,
    why: u8,
    reserved: [u8; 15],
}

/// The body of a `Skip`: the cursor moves to `to` as if `from..=to` had come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SkipBody {
    /// The first sequence that will not come.
    pub from: Sequence,
    /// The last one.
    pub to: Sequence,
    /// Why.
    pub why: SkipReason,
}

impl SkipBody {
    /// The body.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let layout = SkipLayout {
            from: self.from.0.into(),
            to: self.to.0.into(),
            why: self.why as u8,
            reserved: [0; 15],
        };
        layout.as_bytes().to_vec()
    }

    /// Reads a body.
    pub fn read(bytes: &[u8]) -> Result<Self, MessageError> {
        let layout = SkipLayout::ref_from_bytes(bytes).map_err(|_| MessageError::Length {
            need: size_of::<SkipLayout>(),
            have: bytes.len(),
        })?;
        let why = match layout.why {
            0 => SkipReason::NotAMember,
            1 => SkipReason::Expired,
            found => {
                return Err(MessageError::Unknown {
                    field: "skip reason",
                    found: found.into(),
                });
            }
        };
        Ok(Self {
            from: Sequence(layout.from.get()),
            to: Sequence(layout.to.get()),
            why,
        })
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct MembershipPrefix {
    count: U32,
    detail: u8,
    reserved: [u8; 11],
}

/// The body of a membership change: whom it is about. `detail` depends on the envelope's kind:
/// the new role for `RoleChanged` (0 member, 1 admin, 2 owner), the cause for `Left`
/// (0 left, 1 removed, 2 left the company, 3 moved to other departments); 0 otherwise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MembershipBody {
    /// See the type.
    pub detail: u8,
    /// Whom it is about; at most 8,000.
    pub people: Vec<PersonId>,
}

impl MembershipBody {
    /// The body.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let count = u32::try_from(self.people.len())
            .expect("a group's cap bounds it")
            .into();
        let mut out = MembershipPrefix {
            count,
            detail: self.detail,
            reserved: [0; 11],
        }
        .as_bytes()
        .to_vec();
        for person in &self.people {
            out.extend_from_slice(&person.0.to_le_bytes());
        }
        out
    }

    /// Reads a body.
    pub fn read(bytes: &[u8]) -> Result<Self, MessageError> {
        let (body, rest) = Self::read_prefix(bytes)?;
        if !rest.is_empty() {
            return Err(MessageError::Length {
                need: bytes.len() - rest.len(),
                have: bytes.len(),
            });
        }
        Ok(body)
    }

    /// Reads a body, and what follows it.
    fn read_prefix(bytes: &[u8]) -> Result<(Self, &[u8]), MessageError> {
        let short = |need| MessageError::Length {
            need,
            have: bytes.len(),
        };
        let (head, rest) = MembershipPrefix::ref_from_prefix(bytes)
            .map_err(|_| short(size_of::<MembershipPrefix>()))?;
        let list_len = (head.count.get() as usize).saturating_mul(8);
        let need = size_of::<MembershipPrefix>().saturating_add(list_len);
        let (list, rest) = rest.split_at_checked(list_len).ok_or_else(|| short(need))?;
        let list = <[U64]>::ref_from_bytes(list).map_err(|_| short(need))?;
        let body = Self {
            detail: head.detail,
            people: list.iter().map(|id| PersonId(id.get())).collect(),
        };
        Ok((body, rest))
    }
}

/// The body of a `Moved`: people joined and left at one place in the group's order. Two membership
/// bodies end to end, who joined first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MovedBody {
    /// Who joined; `detail` is 0.
    pub joined: MembershipBody,
    /// Who left; `detail` is the cause, as for `Left`.
    pub left: MembershipBody,
}

impl MovedBody {
    /// The body.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        [self.joined.encode(), self.left.encode()].concat()
    }

    /// Reads a body.
    pub fn read(bytes: &[u8]) -> Result<Self, MessageError> {
        let (joined, rest) = MembershipBody::read_prefix(bytes)?;
        let left = MembershipBody::read(rest)?;
        Ok(Self { joined, left })
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RemovalLayout {
    sequence: U64,
    by: u8,
    reserved: [u8; 7],
}

/// The body of a `Recall`: the message at `sequence` of the same group is not to be shown any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RemovalBody {
    /// Where the message is; that of a change removes nothing.
    pub sequence: Sequence,
    /// Who deleted it: 0 its author, 1 the group's owner or an admin, 2 the enterprise.
    pub by: u8,
}

impl RemovalBody {
    /// The body.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let layout = RemovalLayout {
            sequence: self.sequence.0.into(),
            by: self.by,
            reserved: [0; 7],
        };
        layout.as_bytes().to_vec()
    }

    /// Reads a body.
    pub fn read(bytes: &[u8]) -> Result<Self, MessageError> {
        let layout = RemovalLayout::ref_from_bytes(bytes).map_err(|_| MessageError::Length {
            need: size_of::<RemovalLayout>(),
            have: bytes.len(),
        })?;
        if layout.reserved != [0; 7] {
            return Err(MessageError::Reserved);
        }
        if layout.by > 2 {
            return Err(MessageError::Unknown {
                field: "who deleted",
                found: layout.by.into(),
            });
        }
        Ok(Self {
            sequence: Sequence(layout.sequence.get()),
            by: layout.by,
        })
    }
}
