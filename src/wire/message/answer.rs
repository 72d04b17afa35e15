//! Answers to a publish: where it went, which rule refused, or try again.

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{MessageError, count_of, items, nothing_left, prefix};
use crate::wire::{GroupId, RecordNumber, Sequence, Timestamp};

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
