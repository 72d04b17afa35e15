//! Coming online and going: who attaches with which cursors, and what they may read.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{MessageError, count_of, items, nothing_left, prefix};
use crate::wire::{DeviceId, GroupId, PersonId, RecordNumber, Sequence};

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

/// People who come online, with their cursors. Each is answered by [`Attached`] or [`Refused`](crate::wire::Refused).
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
