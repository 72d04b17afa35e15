//! A page of records that were pulled from the archive, and the parts it travels in (SPEC A6).
//!
//! A page is a header and its records, each with what binds it to the log's Merkle tree in front.
//! It may be longer than a frame, so a frame carries a part of it.

use bytes::Bytes;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{MessageError, prefix};
use crate::wire::{
    GroupId, HEADER_LEN, Header, HeaderError, RecordNumber, Sequence, Take, TenantId, padded,
};

/// Bytes of a page's header.
pub const PULLED_PAGE_LEN: usize = 96;
/// Bytes in front of a record's content.
pub const PULLED_FRONT_LEN: usize = 128;
/// Bytes of a frame of the log that are in front of its message header and that its commitment covers.
pub const FRAME_HEAD_LEN: usize = 80;
/// Bytes of a page that one frame carries at most: other answers pass between two.
pub const PULLED_PART_LEN: usize = 32 * 1024;
/// The longest page: 256 KiB as asked for at most, or one record as long as a frame of the log.
pub const PULLED_PAGE_LEN_MAX: usize = 17 * 1024 * 1024;
/// Bytes that sealing adds to a record's content.
pub const PULLED_TAG_LEN: usize = 16;

const MAGIC: [u8; 4] = *b"THRP";
const VERSION: u8 = 1;
const MORE: u16 = 1;
const BEGINS_LATER: u16 = 2;
const UNREADABLE: u16 = 4;
const ERASED: u16 = 1;
const LAST_PART: u32 = 1;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct PartPrefix {
    flags: U32,
    reserved: U32,
    offset: U64,
}

/// Part of a page: the payload of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PulledPart<'a> {
    /// Where in the page `bytes` belong.
    pub offset: u64,
    /// Nothing of the page follows.
    pub last: bool,
    /// The part.
    pub bytes: &'a [u8],
}

impl<'a> PulledPart<'a> {
    /// The payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let prefix = PartPrefix {
            flags: if self.last { LAST_PART } else { 0 }.into(),
            reserved: U32::ZERO,
            offset: self.offset.into(),
        };
        [prefix.as_bytes(), self.bytes].concat()
    }

    /// Reads a payload.
    pub fn read(payload: &'a [u8]) -> Result<Self, MessageError> {
        let (part, bytes) = prefix::<PartPrefix>(payload)?;
        if part.flags.get() & !LAST_PART != 0 || part.reserved != U32::ZERO {
            return Err(MessageError::Reserved);
        }
        Ok(Self {
            offset: part.offset.get(),
            last: part.flags.get() & LAST_PART != 0,
            bytes,
        })
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct PageLayout {
    magic: [u8; 4],
    version: u8,
    sealed: u8,
    flags: U16,
    tenant: U32,
    records: U32,
    from: U64,
    next: U64,
    position: U64,
    first: U64,
    incarnation: U64,
    reserved: U64,
    encapsulated: [u8; 32],
}

const _: () = assert!(size_of::<PageLayout>() == PULLED_PAGE_LEN);

/// What a page says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PulledHeader {
    /// Whose records.
    pub tenant: TenantId,
    /// How many follow.
    pub records: u32,
    /// The first record that was looked at.
    pub from: RecordNumber,
    /// The record to ask for next: every one before it that was asked for and may be read is here or
    /// was on an earlier page.
    pub next: RecordNumber,
    /// It was permitted to read what is before this record; all of that is durable.
    pub position: RecordNumber,
    /// The first record that the log still has.
    pub first: RecordNumber,
    /// Of the log: when it differs from an earlier page's, record numbers may stand for other records.
    pub incarnation: u64,
    /// There is more to ask for, up to what was asked for or `position`.
    pub more: bool,
    /// The log begins behind the record that was asked for: what is before `first` is gone.
    pub begins_later: bool,
    /// `next` cannot be read: it is damaged, or the disk fails. What follows may be asked for.
    pub unreadable: bool,
    /// What the page's records are sealed with: the encapsulated key of RFC 9180. None where they are
    /// not.
    pub encapsulated: Option<[u8; 32]>,
}

impl PulledHeader {
    /// The page's front.
    #[must_use]
    pub fn encode(&self) -> [u8; PULLED_PAGE_LEN] {
        let flag = |set, flag| if set { flag } else { 0 };
        let flags = flag(self.more, MORE)
            | flag(self.begins_later, BEGINS_LATER)
            | flag(self.unreadable, UNREADABLE);
        let layout = PageLayout {
            magic: MAGIC,
            version: VERSION,
            sealed: self.encapsulated.is_some().into(),
            flags: flags.into(),
            tenant: self.tenant.0.into(),
            records: self.records.into(),
            from: self.from.0.into(),
            next: self.next.0.into(),
            position: self.position.0.into(),
            first: self.first.0.into(),
            incarnation: self.incarnation.into(),
            reserved: U64::ZERO,
            encapsulated: self.encapsulated.unwrap_or_default(),
        };
        zerocopy::transmute!(layout)
    }

    fn read(layout: &PageLayout) -> Result<Self, MessageError> {
        let unknown = |field, found| MessageError::Unknown { field, found };
        if layout.magic != MAGIC {
            return Err(unknown("page magic", u32::from_le_bytes(layout.magic)));
        }
        if layout.version != VERSION {
            return Err(unknown("page version", layout.version.into()));
        }
        let flags = layout.flags.get();
        let is_plain_without_key = layout.sealed == 1 || layout.encapsulated == [0; 32];
        if flags & !(MORE | BEGINS_LATER | UNREADABLE) != 0
            || layout.reserved != U64::ZERO
            || !is_plain_without_key
        {
            return Err(MessageError::Reserved);
        }
        Ok(Self {
            tenant: TenantId(layout.tenant.get()),
            records: layout.records.get(),
            from: RecordNumber(layout.from.get()),
            next: RecordNumber(layout.next.get()),
            position: RecordNumber(layout.position.get()),
            first: RecordNumber(layout.first.get()),
            incarnation: layout.incarnation.get(),
            more: flags & MORE != 0,
            begins_later: flags & BEGINS_LATER != 0,
            unreadable: flags & UNREADABLE != 0,
            encapsulated: match layout.sealed {
                0 => None,
                1 => Some(layout.encapsulated),
                found => return Err(unknown("sealing", found.into())),
            },
        })
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct FrontLayout {
    len: U32,
    flags: U16,
    reserved: U16,
    content_len: U32,
    view_len: U32,
    commitment: [u8; 32],
    head: HeadLayout,
}

/// The front of a frame of the log from its record number on (docs/log.md).
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct HeadLayout {
    record: U64,
    takes: U32,
    view_len: U32,
    private_len: U32,
    algorithm: u8,
    rest: [u8; 59],
}

const _: () = assert!(size_of::<FrontLayout>() == PULLED_FRONT_LEN);
const _: () = assert!(size_of::<HeadLayout>() == FRAME_HEAD_LEN);

#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct TakeLayout {
    group: U64,
    sequence: U64,
    membership_sequence: U64,
    message_ordinal: U64,
}

/// What stands in front of a record's content.
#[derive(Clone, Copy, Debug)]
pub struct PulledFront<'a> {
    /// The record's commitment, of which its leaf in the Merkle tree is made.
    pub commitment: [u8; 32],
    /// Bytes 16 to 96 of its frame in the log.
    pub head: &'a [u8; FRAME_HEAD_LEN],
    /// What members received was erased: the view is empty, whatever its length was.
    pub erased: bool,
    /// Bytes of the view that are here.
    pub view_len: usize,
    /// Bytes of header, takes, view and private part.
    pub content_len: usize,
    /// The content will be sealed, which makes it longer.
    pub sealed: bool,
}

impl PulledFront<'_> {
    /// Bytes the record takes in a page.
    #[must_use]
    pub fn record_len(&self) -> usize {
        PULLED_FRONT_LEN + padded(self.content_len + self.tag_len())
    }

    fn tag_len(&self) -> usize {
        if self.sealed { PULLED_TAG_LEN } else { 0 }
    }

    /// The front; a sealed content is bound to it.
    #[must_use]
    pub fn encode(&self) -> [u8; PULLED_FRONT_LEN] {
        let bounded = |len| u32::try_from(len).expect("a record of the log is at most 16 MiB");
        let front = FrontLayout {
            len: bounded(self.record_len()).into(),
            flags: if self.erased { ERASED } else { 0 }.into(),
            reserved: U16::ZERO,
            content_len: bounded(self.content_len + self.tag_len()).into(),
            view_len: bounded(self.view_len).into(),
            commitment: self.commitment,
            head: zerocopy::transmute!(*self.head),
        };
        zerocopy::transmute!(front)
    }
}

/// One record of a page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PulledRecord {
    /// Its number.
    pub record: RecordNumber,
    /// What members received was erased; the view is empty.
    pub erased: bool,
    /// What its leaf in the Merkle tree is made of: SHA-256(`00` ‖ commitment).
    pub commitment: [u8; 32],
    /// In front of the content, as it came: what a sealed content is bound to.
    pub front: [u8; PULLED_FRONT_LEN],
    /// Message header, takes, view and private part; sealed where the page is.
    pub content: Bytes,
}

/// What a record says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PulledContent {
    /// The message header, as it was written: of what was erased, too.
    pub header: Header,
    /// The places it takes in groups, where it does not take the one its header names.
    pub takes: Vec<Take>,
    /// Exactly what members received.
    pub view: Bytes,
    /// The encoded events.
    pub private: Bytes,
}

impl PulledRecord {
    /// Bytes 16 to 96 of the record's frame in the log.
    #[must_use]
    pub fn head(&self) -> &[u8] {
        &self.front[PULLED_FRONT_LEN - FRAME_HEAD_LEN..]
    }

    /// Whether the log holds it as it is here, so that its commitment is SHA-256 of head and content.
    /// Of a record that is sealed at rest or erased it is over bytes that do not travel.
    #[must_use]
    pub fn is_as_committed(&self) -> bool {
        !self.erased && layout(&self.front).head.algorithm == 0
    }

    /// Reads `content`, as it is or as it was unsealed.
    pub fn read(&self, content: &Bytes) -> Result<PulledContent, MessageError> {
        let front = layout(&self.front);
        let takes = front.head.takes.get() as usize;
        let (view, private) = (front.view_len.get() as usize, front.head.private_len.get());
        let need = content_len(takes, view, private as usize);
        if content.len() != need {
            let have = content.len();
            return Err(MessageError::Length { need, have });
        }
        let malformed = |error: HeaderError| match error {
            HeaderError::Truncated { have } => MessageError::Length { need, have },
            _ => MessageError::Reserved,
        };
        let header = *Header::read(content).map_err(malformed)?;
        let view_from = HEADER_LEN + takes * size_of::<TakeLayout>();
        let takes = &content[HEADER_LEN..view_from];
        let takes = <[TakeLayout]>::ref_from_bytes(takes).unwrap_or_default();
        let takes = takes.iter().map(|take| Take {
            group: GroupId(take.group.get()),
            sequence: Sequence(take.sequence.get()),
            membership_sequence: Sequence(take.membership_sequence.get()),
            message_ordinal: take.message_ordinal.get(),
        });
        Ok(PulledContent {
            header,
            takes: takes.collect(),
            view: content.slice(view_from..view_from + view),
            private: content.slice(view_from + view..),
        })
    }
}

fn layout(front: &[u8; PULLED_FRONT_LEN]) -> &FrontLayout {
    zerocopy::transmute_ref!(front)
}

fn content_len(takes: usize, view: usize, private: usize) -> usize {
    let takes = takes.saturating_mul(size_of::<TakeLayout>());
    let parts = view.saturating_add(private);
    HEADER_LEN.saturating_add(takes).saturating_add(parts)
}

/// A page that came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PulledPage {
    /// What it says of itself.
    pub header: PulledHeader,
    /// Its records, in order.
    pub records: Vec<PulledRecord>,
}

impl PulledPage {
    /// Reads a page whose parts have come together.
    pub fn read(page: &Bytes) -> Result<Self, MessageError> {
        let (header, _) = prefix::<PageLayout>(page)?;
        let header = PulledHeader::read(header)?;
        let mut rest = page.slice(PULLED_PAGE_LEN..);
        let mut records = Vec::new();
        for _ in 0..header.records {
            let record = read_record(&mut rest, header.encapsulated.is_some())?;
            let in_range = header.from <= record.record && record.record < header.next;
            let in_order = records
                .last()
                .is_none_or(|last: &PulledRecord| last.record < record.record);
            if !in_range || !in_order {
                let (field, found) = ("record", record.record.0 as u32);
                return Err(MessageError::Unknown { field, found });
            }
            records.push(record);
        }
        super::nothing_left(&rest, page)?;
        Ok(Self { header, records })
    }
}

fn read_record(rest: &mut Bytes, sealed: bool) -> Result<PulledRecord, MessageError> {
    let (front, behind) = rest.split_first_chunk().ok_or(MessageError::Length {
        need: PULLED_FRONT_LEN,
        have: rest.len(),
    })?;
    let front: [u8; PULLED_FRONT_LEN] = *front;
    let read = layout(&front);
    let flags = read.flags.get();
    if flags & !ERASED != 0 || read.reserved != U16::ZERO {
        return Err(MessageError::Reserved);
    }
    let erased = flags & ERASED != 0;
    let view = if erased {
        U32::ZERO
    } else {
        read.head.view_len
    };
    if read.view_len != view {
        let (field, found) = ("view length", read.view_len.get());
        return Err(MessageError::Unknown { field, found });
    }
    let tag = if sealed { PULLED_TAG_LEN } else { 0 };
    let (takes, private) = (read.head.takes.get(), read.head.private_len.get());
    let content = content_len(takes as usize, view.get() as usize, private as usize);
    let content = content.saturating_add(tag);
    let need = padded(content.min(PULLED_PAGE_LEN_MAX)) + PULLED_FRONT_LEN;
    let have = rest.len();
    let said = (read.content_len.get() as usize, read.len.get() as usize);
    if said != (content, need) || need > have {
        return Err(MessageError::Length { need, have });
    }
    let padding = &behind[content..need - PULLED_FRONT_LEN];
    if padding.iter().any(|byte| *byte != 0) {
        return Err(MessageError::Reserved);
    }
    let mut record = rest.split_to(need);
    let mut content_bytes = record.split_off(PULLED_FRONT_LEN);
    content_bytes.truncate(content);
    Ok(PulledRecord {
        record: RecordNumber(read.head.record.get()),
        erased,
        commitment: read.commitment,
        front,
        content: content_bytes,
    })
}
