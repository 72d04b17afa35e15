//! The fixed header: the same 96 bytes on the wire, in memory and in the log (docs/wire.md).
//!
//! Little endian and without alignment of its own, so it is read in place from any buffer. Its
//! checksum covers the header only: a checksum of a body would outlive the body's erasure.

use zerocopy::little_endian::{I64, U16, U32, U64, U128};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{
    ClientMessageId, DeviceId, GroupId, PersonId, RecordNumber, Sequence, TenantId, Timestamp,
};

/// Bytes of a header.
pub const HEADER_LEN: usize = 96;
/// The version this build writes.
pub const HEADER_VERSION: u8 = 1;
/// The longest body of a message, in bytes (SPEC S1).
pub const BODY_LEN_MAX: usize = 64 * 1024;

/// What an envelope holds. Numbers are forever; a gap is room for its neighbours' relatives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[non_exhaustive]
pub enum Kind {
    /// A record that no group sees: an administrative change.
    Administrative = 0,
    /// UTF-8 text (SPEC S1).
    Text = 1,
    /// UTF-8 markdown.
    Markdown = 2,
    /// A news card, as JSON.
    NewsCard = 3,
    /// A reference to a file, as JSON.
    File = 4,
    /// A reference to an image, as JSON.
    Image = 5,
    /// A reference to an audio recording, as JSON.
    Audio = 6,
    /// A reference to a video, as JSON.
    Video = 7,
    /// A reference to a mini program, as JSON.
    MiniProgram = 8,
    /// A task card with buttons, as JSON.
    TaskCard = 9,
    /// A message of the enterprise's systems, UTF-8.
    System = 10,
    /// A live event, as JSON.
    LiveEvent = 11,
    /// End-to-end encrypted bytes: archived as they are, refused in external groups.
    Opaque = 12,
    /// Reserved: an edit of an earlier message.
    Edit = 32,
    /// An earlier message was deleted; the body says which ([`super::RemovalBody`]).
    Recall = 33,
    /// What stands where content was erased from the log (SPEC A4); the body is empty.
    Tombstone = 34,
    /// The group was created; the body lists its first members ([`super::MembershipBody`]).
    GroupCreated = 64,
    /// People joined; the body lists them.
    Joined = 65,
    /// People left or were removed; the body lists them.
    Left = 66,
    /// A role changed hands; the body lists whom.
    RoleChanged = 67,
    /// The group was dissolved; nothing follows.
    Dissolved = 68,
    /// The group was renamed; the body is UTF-8.
    Described = 69,
    /// The group has another announcement; the body is UTF-8, empty where there is none any more.
    Announced = 70,
    /// The group's settings or rules of speaking changed; clients ask for them again.
    Configured = 71,
    /// People joined and left as their departments changed; the body lists them
    /// ([`super::MovedBody`]).
    Moved = 72,
    /// The group was put out of use: its members are not shown it any more.
    Disabled = 73,
    /// The group is in use again.
    Enabled = 74,
    /// Not from the log: moves a cursor past sequences that will not be sent ([`super::SkipBody`]).
    Skip = 128,
    /// Not from the log: who reads the group through this gateway from here on ([`super::ReadersBody`]).
    Readers = 129,
}

impl Kind {
    /// The kind with this number.
    #[must_use]
    pub fn from_u8(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Administrative,
            1 => Self::Text,
            2 => Self::Markdown,
            3 => Self::NewsCard,
            4 => Self::File,
            5 => Self::Image,
            6 => Self::Audio,
            7 => Self::Video,
            8 => Self::MiniProgram,
            9 => Self::TaskCard,
            10 => Self::System,
            11 => Self::LiveEvent,
            12 => Self::Opaque,
            32 => Self::Edit,
            33 => Self::Recall,
            34 => Self::Tombstone,
            64 => Self::GroupCreated,
            65 => Self::Joined,
            66 => Self::Left,
            67 => Self::RoleChanged,
            68 => Self::Dissolved,
            69 => Self::Described,
            70 => Self::Announced,
            71 => Self::Configured,
            72 => Self::Moved,
            73 => Self::Disabled,
            74 => Self::Enabled,
            128 => Self::Skip,
            129 => Self::Readers,
            _ => return None,
        })
    }

    /// Whether people write this kind: it may be published and counts as a message (an ordinal).
    #[must_use]
    pub fn is_message(self) -> bool {
        (1..32).contains(&(self as u8))
    }
}

/// How soon a message must be seen (SPEC S2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default, PartialOrd, Ord)]
#[repr(u8)]
pub enum Priority {
    /// In order with everything else.
    #[default]
    Normal = 0,
    /// May arrive ahead of earlier normal messages.
    Urgent = 1,
    /// Stays open until it is acted on.
    Task = 2,
}

impl Priority {
    /// The priority with this number.
    #[must_use]
    pub fn from_u8(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Normal),
            1 => Some(Self::Urgent),
            2 => Some(Self::Task),
            _ => None,
        }
    }
}

/// The bytes of a header, as they are. Valid once [`Header::check`] has passed.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Header {
    version: u8,
    kind: u8,
    flags: U16,
    tenant: U32,
    group: U64,
    sequence: U64,
    sender: U64,
    timestamp_us: I64,
    record: U64,
    membership_sequence: U64,
    message_ordinal: U64,
    client_message_id: U128,
    device: U32,
    body_len: U32,
    priority: u8,
    reserved: [u8; 3],
    checksum: U32,
}

const _: () = assert!(size_of::<Header>() == HEADER_LEN && HEADER_LEN.is_multiple_of(16));

/// Why 96 bytes are not a header this build can read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// Fewer than [`HEADER_LEN`] bytes.
    #[error("a header takes {HEADER_LEN} bytes, {have} are there")]
    Truncated {
        /// Bytes there are.
        have: usize,
    },
    /// A version of another build.
    #[error(
        "header version {found} is not {HEADER_VERSION}: the other side speaks a newer or older format"
    )]
    Version {
        /// The version read.
        found: u8,
    },
    /// The checksum does not match: the bytes changed on their way.
    #[error("header checksum {found:#010x} should be {expected:#010x}")]
    Checksum {
        /// As read.
        found: u32,
        /// As computed.
        expected: u32,
    },
    /// A kind this build does not know.
    #[error("kind {found} is unknown")]
    Kind {
        /// As read.
        found: u8,
    },
    /// A priority this build does not know.
    #[error("priority {found} is unknown")]
    Priority {
        /// As read.
        found: u8,
    },
    /// Bits that must be zero are not.
    #[error("reserved bits are set")]
    Reserved,
    /// A body longer than [`BODY_LEN_MAX`].
    #[error("a body of {found} bytes is over the limit of {BODY_LEN_MAX}")]
    BodyTooLong {
        /// As read.
        found: u32,
    },
}

/// What goes into a header; the version, reserved bits and checksum are the wire's own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeaderFields {
    /// What the body is.
    pub kind: Kind,
    /// How soon it must be seen.
    pub priority: Priority,
    /// The enterprise.
    pub tenant: TenantId,
    /// The group, or 0 for a record no single group owns.
    pub group: GroupId,
    /// The place in the group's order; 0 where there is none.
    pub sequence: Sequence,
    /// Who caused it; 0 for the enterprise's systems.
    pub sender: PersonId,
    /// From which device; 0 for none.
    pub device: DeviceId,
    /// When it was decided.
    pub timestamp: Timestamp,
    /// Its number in the log.
    pub record: RecordNumber,
    /// The group's latest membership change at or before this sequence.
    pub membership_sequence: Sequence,
    /// How many messages the group has up to and including this.
    pub message_ordinal: u64,
    /// The sender's name for it; 0 where there is none.
    pub client_message_id: ClientMessageId,
    /// Bytes of the body, at most [`BODY_LEN_MAX`].
    pub body_len: u32,
}

impl Default for HeaderFields {
    fn default() -> Self {
        Self {
            kind: Kind::Administrative,
            priority: Priority::Normal,
            tenant: TenantId(0),
            group: GroupId(0),
            sequence: Sequence(0),
            sender: PersonId(0),
            device: DeviceId(0),
            timestamp: Timestamp(0),
            record: RecordNumber(0),
            membership_sequence: Sequence(0),
            message_ordinal: 0,
            client_message_id: ClientMessageId(0),
            body_len: 0,
        }
    }
}

impl Header {
    /// A header of these fields, with its checksum.
    #[must_use]
    pub fn new(fields: &HeaderFields) -> Self {
        let mut header = Self {
            version: HEADER_VERSION,
            kind: fields.kind as u8,
            flags: U16::ZERO,
            tenant: fields.tenant.0.into(),
            group: fields.group.0.into(),
            sequence: fields.sequence.0.into(),
            sender: fields.sender.0.into(),
            timestamp_us: fields.timestamp.0.into(),
            record: fields.record.0.into(),
            membership_sequence: fields.membership_sequence.0.into(),
            message_ordinal: fields.message_ordinal.into(),
            client_message_id: fields.client_message_id.0.into(),
            device: fields.device.0.into(),
            body_len: fields.body_len.into(),
            priority: fields.priority as u8,
            reserved: [0; 3],
            checksum: U32::ZERO,
        };
        header.checksum = header.expected_checksum().into();
        header
    }

    /// Reads and checks the header at the front of `bytes`, in place.
    pub fn read(bytes: &[u8]) -> Result<&Self, HeaderError> {
        let (header, _) = Self::ref_from_prefix(bytes)
            .map_err(|_| HeaderError::Truncated { have: bytes.len() })?;
        header.check()?;
        Ok(header)
    }

    /// Whether every field is one this build can trust.
    pub fn check(&self) -> Result<(), HeaderError> {
        if self.version != HEADER_VERSION {
            return Err(HeaderError::Version {
                found: self.version,
            });
        }
        let (found, expected) = (self.checksum.get(), self.expected_checksum());
        if found != expected {
            return Err(HeaderError::Checksum { found, expected });
        }
        if Kind::from_u8(self.kind).is_none() {
            return Err(HeaderError::Kind { found: self.kind });
        }
        if Priority::from_u8(self.priority).is_none() {
            return Err(HeaderError::Priority {
                found: self.priority,
            });
        }
        if self.flags.get() != 0 || self.reserved != [0; 3] {
            return Err(HeaderError::Reserved);
        }
        if self.body_len.get() as usize > BODY_LEN_MAX {
            return Err(HeaderError::BodyTooLong {
                found: self.body_len.get(),
            });
        }
        Ok(())
    }

    fn expected_checksum(&self) -> u32 {
        crc32c::crc32c(&self.as_bytes()[..HEADER_LEN - 4])
    }

    /// All fields, as values. The header has passed [`Header::check`] or came from [`Header::new`].
    #[must_use]
    pub fn fields(&self) -> HeaderFields {
        HeaderFields {
            kind: self.kind(),
            priority: self.priority(),
            tenant: self.tenant(),
            group: self.group(),
            sequence: self.sequence(),
            sender: self.sender(),
            device: self.device(),
            timestamp: self.timestamp(),
            record: self.record(),
            membership_sequence: self.membership_sequence(),
            message_ordinal: self.message_ordinal(),
            client_message_id: self.client_message_id(),
            body_len: self.body_len.get(),
        }
    }

    /// What the body is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::from_u8(self.kind).unwrap_or(Kind::Administrative)
    }

    /// How soon it must be seen.
    #[must_use]
    pub fn priority(&self) -> Priority {
        Priority::from_u8(self.priority).unwrap_or_default()
    }

    /// The enterprise.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        TenantId(self.tenant.get())
    }

    /// The group.
    #[must_use]
    pub fn group(&self) -> GroupId {
        GroupId(self.group.get())
    }

    /// The place in the group's order.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        Sequence(self.sequence.get())
    }

    /// Who caused it.
    #[must_use]
    pub fn sender(&self) -> PersonId {
        PersonId(self.sender.get())
    }

    /// From which device.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        DeviceId(self.device.get())
    }

    /// When it was decided.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        Timestamp(self.timestamp_us.get())
    }

    /// Its number in the log.
    #[must_use]
    pub fn record(&self) -> RecordNumber {
        RecordNumber(self.record.get())
    }

    /// The group's latest membership change at or before this sequence.
    #[must_use]
    pub fn membership_sequence(&self) -> Sequence {
        Sequence(self.membership_sequence.get())
    }

    /// How many messages the group has up to and including this.
    #[must_use]
    pub fn message_ordinal(&self) -> u64 {
        self.message_ordinal.get()
    }

    /// The sender's name for it.
    #[must_use]
    pub fn client_message_id(&self) -> ClientMessageId {
        ClientMessageId(self.client_message_id.get())
    }

    /// Bytes of the body.
    #[must_use]
    pub fn body_len(&self) -> usize {
        self.body_len.get() as usize
    }
}

impl core::fmt::Debug for Header {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.fields().fmt(f)
    }
}
