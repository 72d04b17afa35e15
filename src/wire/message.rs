//! Payloads of fixed layout: what clients in other languages read and write (docs/wire.md).
//!
//! Each is a prefix of fixed size and, for some, a counted list or text behind it. They are read in
//! place; every count is checked against the bytes that are there (invariant 8).

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{
    ClientMessageId, DeviceId, GroupId, PersonId, RecordNumber, Sequence, TenantId, Timestamp,
};

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

/// Who a connection speaks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum Role {
    /// One person on one device, by a signed token.
    Person = 0,
    /// A backend that carries many people's sessions of one tenant, by its certificate.
    Gateway = 1,
    /// An operator of one tenant (or of the node: tenant 0), by its certificate.
    Operator = 2,
}

impl Role {
    fn from_u8(number: u8) -> Result<Self, MessageError> {
        match number {
            0 => Ok(Self::Person),
            1 => Ok(Self::Gateway),
            2 => Ok(Self::Operator),
            _ => Err(MessageError::Unknown {
                field: "role",
                found: number.into(),
            }),
        }
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct HelloPrefix {
    token_len: U32,
    tenant: U32,
    reserved: [u8; 8],
}

/// The first frame of a connection: a person's token, or an empty one where the certificate speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hello<'a> {
    /// A signed token (JWT), or empty.
    pub token: &'a str,
    /// The tenant an operator of the node asks about; 0 for everyone else, who has one.
    pub tenant: TenantId,
}

impl<'a> Hello<'a> {
    /// The payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let prefix = HelloPrefix {
            token_len: count_of(self.token.as_bytes()),
            tenant: self.tenant.0.into(),
            reserved: [0; 8],
        };
        [prefix.as_bytes(), self.token.as_bytes()].concat()
    }

    /// Reads a payload.
    pub fn read(bytes: &'a [u8]) -> Result<Self, MessageError> {
        let (head, rest) = prefix::<HelloPrefix>(bytes)?;
        if head.reserved != [0; 8] {
            return Err(MessageError::Reserved);
        }
        let (token, rest) = items::<u8>(rest, head.token_len.get())?;
        nothing_left(rest, bytes)?;
        let token =
            core::str::from_utf8(token).map_err(|_| MessageError::NotUtf8 { field: "token" })?;
        Ok(Self {
            token,
            tenant: TenantId(head.tenant.get()),
        })
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct WelcomeLayout {
    tenant: U32,
    device: U32,
    person: U64,
    incarnation: U64,
    expires_us: I64,
    now_us: I64,
    role: u8,
    reserved: [u8; 7],
}

/// The answer to [`Hello`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Welcome {
    /// Whose data this connection reaches; 0 for an operator of the node.
    pub tenant: TenantId,
    /// Who speaks; 0 unless the role is a person.
    pub person: PersonId,
    /// On which device; 0 unless the role is a person.
    pub device: DeviceId,
    /// What the connection may do.
    pub role: Role,
    /// The log's incarnation: when it differs from an earlier one, all cursors are void.
    pub incarnation: u64,
    /// When the connection will be closed.
    pub expires: Timestamp,
    /// The server's clock.
    pub now: Timestamp,
}

impl Welcome {
    /// The payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let layout = WelcomeLayout {
            tenant: self.tenant.0.into(),
            device: self.device.0.into(),
            person: self.person.0.into(),
            incarnation: self.incarnation.into(),
            expires_us: self.expires.0.into(),
            now_us: self.now.0.into(),
            role: self.role as u8,
            reserved: [0; 7],
        };
        layout.as_bytes().to_vec()
    }

    /// Reads a payload.
    pub fn read(bytes: &[u8]) -> Result<Self, MessageError> {
        let (layout, rest) = prefix::<WelcomeLayout>(bytes)?;
        nothing_left(rest, bytes)?;
        Ok(Self {
            tenant: TenantId(layout.tenant.get()),
            person: PersonId(layout.person.get()),
            device: DeviceId(layout.device.get()),
            role: Role::from_u8(layout.role)?,
            incarnation: layout.incarnation.get(),
            expires: Timestamp(layout.expires_us.get()),
            now: Timestamp(layout.now_us.get()),
        })
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct PublishedLayout {
    group: U64,
    sequence: U64,
    record: U64,
    timestamp_us: I64,
    flags: U32,
    reserved: [u8; 12],
}

/// Where a message went. By the time it is sent the record is durable (SPEC A2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Published {
    /// The group.
    pub group: GroupId,
    /// Its place in the group.
    pub sequence: Sequence,
    /// Its record in the log.
    pub record: RecordNumber,
    /// When it was decided.
    pub timestamp: Timestamp,
    /// It was a retry: this is the first result once more, and nothing was charged (SPEC S3, Q3).
    pub duplicate: bool,
}

impl Published {
    /// The payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let layout = PublishedLayout {
            group: self.group.0.into(),
            sequence: self.sequence.0.into(),
            record: self.record.0.into(),
            timestamp_us: self.timestamp.0.into(),
            flags: u32::from(self.duplicate).into(),
            reserved: [0; 12],
        };
        layout.as_bytes().to_vec()
    }

    /// Reads a payload.
    pub fn read(bytes: &[u8]) -> Result<Self, MessageError> {
        let (layout, rest) = prefix::<PublishedLayout>(bytes)?;
        nothing_left(rest, bytes)?;
        Ok(Self {
            group: GroupId(layout.group.get()),
            sequence: Sequence(layout.sequence.get()),
            record: RecordNumber(layout.record.get()),
            timestamp: Timestamp(layout.timestamp_us.get()),
            duplicate: layout.flags.get() & 1 != 0,
        })
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RefusedPrefix {
    code: U16,
    policy: U16,
    text_len: U32,
    subject: U64,
    used: U64,
    limit: U64,
    retry_at_us: I64,
    reserved: [u8; 8],
}

/// The rule that refused, in numbers for programs and in words for people (SPEC P3, Q6).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// Which rule: docs/wire.md lists the codes.
    pub code: u16,
    /// Which quota policy, where one refused; 0 otherwise.
    pub policy: u16,
    /// The person, group or record it is about; 0 where there is none.
    pub subject: u64,
    /// How much is used, where a limit refused.
    pub used: u64,
    /// The limit, where one refused.
    pub limit: u64,
    /// When to try again; 0 where trying again is no use.
    pub retry_at: Timestamp,
    /// One line for people.
    pub text: String,
}

impl Refused {
    /// The payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let prefix = RefusedPrefix {
            code: self.code.into(),
            policy: self.policy.into(),
            text_len: count_of(self.text.as_bytes()),
            subject: self.subject.into(),
            used: self.used.into(),
            limit: self.limit.into(),
            retry_at_us: self.retry_at.0.into(),
            reserved: [0; 8],
        };
        [prefix.as_bytes(), self.text.as_bytes()].concat()
    }

    /// Reads a payload.
    pub fn read(bytes: &[u8]) -> Result<Self, MessageError> {
        let (head, rest) = prefix::<RefusedPrefix>(bytes)?;
        let (text, rest) = items::<u8>(rest, head.text_len.get())?;
        nothing_left(rest, bytes)?;
        let text =
            core::str::from_utf8(text).map_err(|_| MessageError::NotUtf8 { field: "text" })?;
        Ok(Self {
            code: head.code.get(),
            policy: head.policy.get(),
            subject: head.subject.get(),
            used: head.used.get(),
            limit: head.limit.get(),
            retry_at: Timestamp(head.retry_at_us.get()),
            text: text.to_owned(),
        })
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct BusyLayout {
    retry_after_us: U64,
    reserved: [u8; 8],
}

/// A ring or the log's queue is full: this one request was not taken (invariant 5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Busy {
    /// When trying again is likely to work, in microseconds from now.
    pub retry_after_us: u64,
}

impl Busy {
    /// The payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        BusyLayout {
            retry_after_us: self.retry_after_us.into(),
            reserved: [0; 8],
        }
        .as_bytes()
        .to_vec()
    }

    /// Reads a payload.
    pub fn read(bytes: &[u8]) -> Result<Self, MessageError> {
        let (layout, rest) = prefix::<BusyLayout>(bytes)?;
        nothing_left(rest, bytes)?;
        Ok(Self {
            retry_after_us: layout.retry_after_us.get(),
        })
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct ListPrefix {
    count: U32,
    flags: U32,
    reserved: [u8; 8],
}

fn list_prefix(count: U32, flags: u32) -> ListPrefix {
    ListPrefix {
        count,
        flags: flags.into(),
        reserved: [0; 8],
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct AttachPrefix {
    person: U64,
    device: U32,
    cursors: U32,
}

/// How far a person has got in a group.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct Cursor {
    group: U64,
    floor: U64,
}

impl Cursor {
    /// `floor` is the last sequence of `group` before which none is missing.
    #[must_use]
    pub fn new(group: GroupId, floor: Sequence) -> Self {
        Self {
            group: group.0.into(),
            floor: floor.0.into(),
        }
    }

    /// The group.
    #[must_use]
    pub fn group(&self) -> GroupId {
        GroupId(self.group.get())
    }

    /// The last sequence before which none is missing.
    #[must_use]
    pub fn floor(&self) -> Sequence {
        Sequence(self.floor.get())
    }
}

/// One person to attach. A person's connection attaches itself; a gateway attaches many.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AttachEntry {
    /// Who.
    pub person: PersonId,
    /// On which device.
    pub device: DeviceId,
    /// How far they have got; a group that is not listed starts at one's own join.
    pub cursors: Vec<Cursor>,
}

/// People who come online, with their cursors. Each is answered by [`Attached`] or [`Refused`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attach {
    /// Groups without a cursor start at their head instead of at one's own join.
    pub live_only: bool,
    /// Who comes.
    pub people: Vec<AttachEntry>,
}

const ATTACH_LIVE_ONLY: u32 = 1;

impl Attach {
    /// The payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let flags = if self.live_only { ATTACH_LIVE_ONLY } else { 0 };
        let mut out = list_prefix(count_of(&self.people), flags)
            .as_bytes()
            .to_vec();
        for entry in &self.people {
            let head = AttachPrefix {
                person: entry.person.0.into(),
                device: entry.device.0.into(),
                cursors: count_of(&entry.cursors),
            };
            out.extend_from_slice(head.as_bytes());
            out.extend_from_slice(entry.cursors.as_bytes());
        }
        out
    }

    /// Reads a payload.
    pub fn read(bytes: &[u8]) -> Result<Self, MessageError> {
        let (head, mut rest) = prefix::<ListPrefix>(bytes)?;
        let flags = head.flags.get();
        if flags & !ATTACH_LIVE_ONLY != 0 {
            return Err(MessageError::Reserved);
        }
        let mut people = Vec::new();
        for _ in 0..head.count.get() {
            let (entry, after) = prefix::<AttachPrefix>(rest)?;
            let (cursors, after) = items::<Cursor>(after, entry.cursors.get())?;
            people.push(AttachEntry {
                person: PersonId(entry.person.get()),
                device: DeviceId(entry.device.get()),
                cursors: cursors.to_vec(),
            });
            rest = after;
        }
        nothing_left(rest, bytes)?;
        Ok(Self {
            live_only: flags & ATTACH_LIVE_ONLY != 0,
            people,
        })
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct DetachItem {
    person: U64,
    device: U32,
    reserved: U32,
}

/// People who go offline. Closing the connection detaches everyone on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Detach {
    /// Who goes, on which device.
    pub people: Vec<(PersonId, DeviceId)>,
}

impl Detach {
    /// The payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = list_prefix(count_of(&self.people), 0).as_bytes().to_vec();
        for (person, device) in &self.people {
            let item = DetachItem {
                person: person.0.into(),
                device: device.0.into(),
                reserved: U32::ZERO,
            };
            out.extend_from_slice(item.as_bytes());
        }
        out
    }

    /// Reads a payload.
    pub fn read(bytes: &[u8]) -> Result<Self, MessageError> {
        let (head, rest) = prefix::<ListPrefix>(bytes)?;
        let (list, rest) = items::<DetachItem>(rest, head.count.get())?;
        nothing_left(rest, bytes)?;
        Ok(Self {
            people: list
                .iter()
                .map(|i| (PersonId(i.person.get()), DeviceId(i.device.get())))
                .collect(),
        })
    }
}

/// One person's new cursor in one group.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct AckItem {
    person: U64,
    group: U64,
    floor: U64,
}

impl AckItem {
    /// `person` has everything of `group` up to and including `floor`.
    #[must_use]
    pub fn new(person: PersonId, group: GroupId, floor: Sequence) -> Self {
        Self {
            person: person.0.into(),
            group: group.0.into(),
            floor: floor.0.into(),
        }
    }

    /// Who.
    #[must_use]
    pub fn person(&self) -> PersonId {
        PersonId(self.person.get())
    }

    /// Where.
    #[must_use]
    pub fn group(&self) -> GroupId {
        GroupId(self.group.get())
    }

    /// How far.
    #[must_use]
    pub fn floor(&self) -> Sequence {
        Sequence(self.floor.get())
    }
}

/// Cursors moved, coalesced to at most one frame a second (urgent ones at once).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ack {
    /// Whose, where and how far.
    pub items: Vec<AckItem>,
}

impl Ack {
    /// The payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = list_prefix(count_of(&self.items), 0).as_bytes().to_vec();
        out.extend_from_slice(self.items.as_bytes());
        out
    }

    /// Reads a payload in place.
    pub fn read(bytes: &[u8]) -> Result<&[AckItem], MessageError> {
        let (head, rest) = prefix::<ListPrefix>(bytes)?;
        let (list, rest) = items::<AckItem>(rest, head.count.get())?;
        nothing_left(rest, bytes)?;
        Ok(list)
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct AttachedPrefix {
    person: U64,
    device: U32,
    groups: U32,
    incarnation: U64,
    position: U64,
    flags: U32,
    reserved: [u8; 12],
}

/// A group as an attached person may read it.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct AttachedGroup {
    group: U64,
    head: U64,
    first: U64,
    membership_sequence: U64,
}

impl AttachedGroup {
    /// `first..=head` is what the person may read so far.
    #[must_use]
    pub fn new(
        group: GroupId,
        first: Sequence,
        head: Sequence,
        membership_sequence: Sequence,
    ) -> Self {
        Self {
            group: group.0.into(),
            head: head.0.into(),
            first: first.0.into(),
            membership_sequence: membership_sequence.0.into(),
        }
    }

    /// The group.
    #[must_use]
    pub fn group(&self) -> GroupId {
        GroupId(self.group.get())
    }

    /// The group's last sequence at the answer's position.
    #[must_use]
    pub fn head(&self) -> Sequence {
        Sequence(self.head.get())
    }

    /// The first sequence the person may read: one's own join.
    #[must_use]
    pub fn first(&self) -> Sequence {
        Sequence(self.first.get())
    }

    /// The group's latest membership change at the answer's position.
    #[must_use]
    pub fn membership_sequence(&self) -> Sequence {
        Sequence(self.membership_sequence.get())
    }
}

/// One attached person's groups, in pages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attached {
    /// Who.
    pub person: PersonId,
    /// On which device.
    pub device: DeviceId,
    /// The log's incarnation: on mismatch a client drops its cursors.
    pub incarnation: u64,
    /// Every record before this one is in what follows.
    pub position: RecordNumber,
    /// Another page follows.
    pub more: bool,
    /// The groups of this page.
    pub groups: Vec<AttachedGroup>,
}

impl Attached {
    /// The payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let head = AttachedPrefix {
            person: self.person.0.into(),
            device: self.device.0.into(),
            groups: count_of(&self.groups),
            incarnation: self.incarnation.into(),
            position: self.position.0.into(),
            flags: u32::from(self.more).into(),
            reserved: [0; 12],
        };
        [head.as_bytes(), self.groups.as_bytes()].concat()
    }

    /// Reads a payload.
    pub fn read(bytes: &[u8]) -> Result<Self, MessageError> {
        let (head, rest) = prefix::<AttachedPrefix>(bytes)?;
        let (groups, rest) = items::<AttachedGroup>(rest, head.groups.get())?;
        nothing_left(rest, bytes)?;
        Ok(Self {
            person: PersonId(head.person.get()),
            device: DeviceId(head.device.get()),
            incarnation: head.incarnation.get(),
            position: RecordNumber(head.position.get()),
            more: head.flags.get() & 1 != 0,
            groups: groups.to_vec(),
        })
    }
}

/// The number a retry is recognised by, from its 16 bytes.
impl From<[u8; 16]> for ClientMessageId {
    fn from(bytes: [u8; 16]) -> Self {
        Self(u128::from_le_bytes(bytes))
    }
}
