//! Who reads a group through a gateway, told on the same stream as what they read.
//!
//! A gateway gets each message once and hands it to whoever reads the group. That table changes with
//! every attach, join and removal, so its changes travel in order among the messages: a change comes
//! before the first message that it concerns.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::message::MessageError;
use super::{BODY_LEN_MAX, DeviceId, PersonId, Sequence};

/// What changes for a reader.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum ReaderChange {
    /// Reads the group from `at` on.
    Begin = 0,
    /// Reads it up to before `at`.
    End = 1,
    /// Is on this gateway no more, in no group; the envelope's group is 0.
    Gone = 2,
    /// Every viewer of the group reads it up to before `at`; of nobody in particular.
    ViewersEnd = 3,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct ReadersPrefix {
    count: U32,
    reserved: [u8; 12],
}

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct ReaderLayout {
    person: U64,
    at: U64,
    device: U32,
    change: u8,
    viewer: u8,
    reserved: [u8; 2],
}

/// One reader's change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reader {
    /// Who; 0 for every viewer.
    pub person: PersonId,
    /// On which device; 0 for all of the person's on this gateway.
    pub device: DeviceId,
    /// What changes.
    pub change: ReaderChange,
    /// A viewer of a training group, not a member.
    pub viewer: bool,
    /// From which sequence, or up to before which; 0 where none is meant.
    pub at: Sequence,
}

/// The body of a `Readers`: changes in the order they hold.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ReadersBody {
    /// At most [`ReadersBody::MAX`].
    pub readers: Vec<Reader>,
}

impl ReadersBody {
    /// Changes that fit one body.
    pub const MAX: usize = (BODY_LEN_MAX - size_of::<ReadersPrefix>()) / size_of::<ReaderLayout>();

    /// The body.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let count = u32::try_from(self.readers.len()).expect("the sender keeps to MAX");
        let prefix = ReadersPrefix {
            count: count.into(),
            reserved: [0; 12],
        };
        let mut out = prefix.as_bytes().to_vec();
        for reader in &self.readers {
            let layout = ReaderLayout {
                person: reader.person.0.into(),
                at: reader.at.0.into(),
                device: reader.device.0.into(),
                change: reader.change as u8,
                viewer: reader.viewer.into(),
                reserved: [0; 2],
            };
            out.extend_from_slice(layout.as_bytes());
        }
        out
    }

    /// Reads a body.
    pub fn read(bytes: &[u8]) -> Result<Self, MessageError> {
        let wrong_length = |need| MessageError::Length {
            need,
            have: bytes.len(),
        };
        let (prefix, list) = ReadersPrefix::ref_from_prefix(bytes)
            .map_err(|_| wrong_length(size_of::<ReadersPrefix>()))?;
        if prefix.reserved != [0; 12] {
            return Err(MessageError::Reserved);
        }
        let count = prefix.count.get() as usize;
        let list_len = count.saturating_mul(size_of::<ReaderLayout>());
        if list.len() != list_len {
            return Err(wrong_length(
                size_of::<ReadersPrefix>().saturating_add(list_len),
            ));
        }
        let list = <[ReaderLayout]>::ref_from_bytes(list).map_err(|_| wrong_length(list_len))?;
        let readers = list.iter().map(read_one).collect::<Result<_, _>>()?;
        Ok(Self { readers })
    }
}

fn read_one(layout: &ReaderLayout) -> Result<Reader, MessageError> {
    let unknown = |field, found: u8| MessageError::Unknown {
        field,
        found: found.into(),
    };
    if layout.reserved != [0; 2] {
        return Err(MessageError::Reserved);
    }
    Ok(Reader {
        person: PersonId(layout.person.get()),
        device: DeviceId(layout.device.get()),
        change: match layout.change {
            0 => ReaderChange::Begin,
            1 => ReaderChange::End,
            2 => ReaderChange::Gone,
            3 => ReaderChange::ViewersEnd,
            found => return Err(unknown("reader change", found)),
        },
        viewer: match layout.viewer {
            0 => false,
            1 => true,
            found => return Err(unknown("viewer", found)),
        },
        at: Sequence(layout.at.get()),
    })
}
