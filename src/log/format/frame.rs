//! Frames: one record each.
//!
//! A frame's leaf commits to everything from its record number to the end of its private part, under
//! the frame's own random salt: a published leaf says nothing of what it stands for, and stays
//! provable when the salt and the parts are erased. Checksum and leaf are over the parts as they are
//! stored, so that nobody needs a key to check them.

use sha2::{Digest, Sha256};
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{Defect, FRAME_LEN_MAX, epoch_bytes};
use crate::log::seal::{Algorithm, Cipher, Part, nonce};
use crate::log::{Entry, leaf_hash};
use crate::wire::{
    ALIGNMENT, FRAME_HEAD_LEN, GroupId, HEADER_LEN, Header, RecordNumber, Sequence, Take, padded,
};

/// Bytes before the message header.
const PREFIX_LEN: usize = 96;
/// Where the bytes that a leaf commits to begin: after length, checksum and segment, which a
/// compaction changes.
const COMMITTED_FROM: usize = 16;
/// Where what a seal authenticates ends in front of the tags; it goes on behind them.
const TAGS_FROM: usize = 64;
const _: () = assert!(PREFIX_LEN - COMMITTED_FROM == FRAME_HEAD_LEN);
/// Bytes of the shortest frame.
pub(crate) const FRAME_LEN_MIN: usize = PREFIX_LEN + HEADER_LEN;
/// Not sealed: the parts are as they were given.
const PLAIN: u8 = 0;
/// Beside the seal algorithm: a stub, in which the commitment stands in place of the view.
const STUB: u8 = 0x80;
const COMMITMENT_LEN: usize = 32;
const ALGORITHM_AT: usize = 36;
const SALT_AT: usize = 48;

/// The front of a frame; docs/log.md says what each field is for.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Prefix {
    len: U32,
    checksum: U32,
    segment: U64,
    record: U64,
    takes: U32,
    view_len: U32,
    private_len: U32,
    algorithm: u8,
    epoch: [u8; 3],
    view_key: U32,
    private_key: U32,
    salt: [u8; 16],
    view_tag: [u8; 16],
    private_tag: [u8; 16],
}

const _: () = assert!(size_of::<Prefix>() == PREFIX_LEN);

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawTake {
    group: U64,
    sequence: U64,
    membership_sequence: U64,
    message_ordinal: U64,
}

const TAKE_LEN: usize = size_of::<RawTake>();

impl From<&Take> for RawTake {
    fn from(take: &Take) -> Self {
        Self {
            group: take.group.0.into(),
            sequence: take.sequence.0.into(),
            membership_sequence: take.membership_sequence.0.into(),
            message_ordinal: take.message_ordinal.into(),
        }
    }
}

impl From<&RawTake> for Take {
    fn from(raw: &RawTake) -> Self {
        Self {
            group: GroupId(raw.group.get()),
            sequence: Sequence(raw.sequence.get()),
            membership_sequence: Sequence(raw.membership_sequence.get()),
            message_ordinal: raw.message_ordinal.get(),
        }
    }
}

/// Bytes of a frame with so many listed takes and parts of these lengths.
pub(crate) const fn frame_len(takes: usize, view: usize, private: usize) -> usize {
    padded(FRAME_LEN_MIN + takes * TAKE_LEN + view + private)
}

/// What a frame says of how it was sealed.
pub(crate) struct FrameSeal<'a> {
    pub(crate) epoch: u32,
    pub(crate) salt: [u8; 16],
    /// `None`: the parts stay as they are.
    pub(crate) keys: Option<FrameKeys<'a>>,
}

/// The keys that the parts of a frame are sealed under.
pub(crate) struct FrameKeys<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) view: (u32, &'a dyn Cipher),
    pub(crate) private: (u32, &'a dyn Cipher),
}

/// How the parts of a frame are sealed.
#[derive(Clone, Copy)]
pub(crate) struct FrameLock {
    pub(crate) epoch: [u8; 3],
    pub(crate) view_key: u32,
    pub(crate) private_key: u32,
    pub(crate) view_tag: [u8; 16],
    pub(crate) private_tag: [u8; 16],
}

/// The takes a frame must list: none where the header says it all.
pub(crate) fn listed<'a>(entry: &Entry<'a>) -> &'a [Take] {
    match entry.takes {
        [only] if Take::of_header(entry.header) == Some(*only) => &[],
        takes => takes,
    }
}

/// Appends the frame of `entry` to `buffer` and returns its commitment.
///
/// The caller has checked that it is at most [`FRAME_LEN_MAX`] long.
pub(crate) fn encode(
    buffer: &mut Vec<u8>,
    entry: &Entry<'_>,
    segment: u64,
    seal: &FrameSeal<'_>,
) -> [u8; 32] {
    let takes = listed(entry);
    let from = buffer.len();
    let len = frame_len(takes.len(), entry.view.len(), entry.private.len());
    let keys = seal.keys.as_ref();
    let key_ids = keys.map_or((0, 0), |keys| (keys.view.0, keys.private.0));
    let prefix = Prefix {
        len: (len as u32).into(),
        checksum: U32::ZERO,
        segment: segment.into(),
        record: entry.header.record().0.into(),
        takes: (takes.len() as u32).into(),
        view_len: (entry.view.len() as u32).into(),
        private_len: (entry.private.len() as u32).into(),
        algorithm: keys.map_or(PLAIN, |keys| keys.algorithm as u8),
        epoch: epoch_bytes(seal.epoch),
        view_key: key_ids.0.into(),
        private_key: key_ids.1.into(),
        salt: seal.salt,
        view_tag: [0; 16],
        private_tag: [0; 16],
    };
    buffer.extend_from_slice(prefix.as_bytes());
    buffer.extend_from_slice(entry.header.as_bytes());
    for take in takes {
        buffer.extend_from_slice(RawTake::from(take).as_bytes());
    }
    buffer.extend_from_slice(entry.view);
    buffer.extend_from_slice(entry.private);
    if let Some(keys) = keys {
        seal_parts(buffer, from, entry, keys, prefix.epoch);
    }
    let commitment = Sha256::digest(&buffer[from + COMMITTED_FROM..]).into();
    buffer.resize(from + len, 0);
    let checksum = checksum(&buffer[from..]);
    buffer[from + 4..from + 8].copy_from_slice(&checksum.to_le_bytes());
    commitment
}

/// Seals both parts of the frame from `from` on in place and writes their tags. What is authenticated
/// stands behind the frame meanwhile: this is done for every record, and allocates nothing.
fn seal_parts(
    buffer: &mut Vec<u8>,
    from: usize,
    entry: &Entry<'_>,
    keys: &FrameKeys<'_>,
    epoch: [u8; 3],
) {
    let (record, end) = (entry.header.record().0, buffer.len());
    let parts_from = end - entry.view.len() - entry.private.len();
    buffer.extend_from_within(from + COMMITTED_FROM..from + TAGS_FROM);
    buffer.extend_from_within(from + PREFIX_LEN..parts_from);
    let (frame, aad) = buffer[from..].split_at_mut(end - from);
    let (front, parts) = frame.split_at_mut(parts_from - from);
    let (view, private) = parts.split_at_mut(entry.view.len());
    let view_nonce = nonce(epoch, Part::View, record);
    let view_tag = keys.view.1.seal(&view_nonce, aad, view);
    let private_nonce = nonce(epoch, Part::Private, record);
    let private_tag = keys.private.1.seal(&private_nonce, aad, private);
    front[TAGS_FROM..TAGS_FROM + 16].copy_from_slice(&view_tag);
    front[TAGS_FROM + 16..PREFIX_LEN].copy_from_slice(&private_tag);
    buffer.truncate(end);
}

/// What a seal authenticates of a frame besides its part: everything in front of the parts but what a
/// compaction may change, and the tags.
fn authenticated(front: &[u8]) -> Vec<u8> {
    let mut bytes = [&front[COMMITTED_FROM..TAGS_FROM], &front[PREFIX_LEN..]].concat();
    // A stub's events are authenticated as they were before it became one.
    bytes[ALGORITHM_AT - COMMITTED_FROM] &= !STUB;
    bytes
}

fn checksum(frame: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&frame[..4]), &frame[8..])
}

/// A checked frame, in place.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a> {
    bytes: &'a [u8],
    takes: &'a [RawTake],
    view: &'a [u8],
    /// Of a stub, what stands in place of the view.
    commitment: Option<&'a [u8; COMMITMENT_LEN]>,
    private: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The length of the frame at the front of `bytes`, to be read before the rest of it is: at
    /// most `limit`.
    pub(crate) fn peek_len(bytes: &[u8], limit: u64) -> Result<usize, Defect> {
        let (len, _) = U32::ref_from_prefix(bytes).map_err(|_| Defect::Truncated {
            need: 4,
            have: bytes.len() as u64,
        })?;
        let len = len.get() as usize;
        let limit = limit.min(u64::from(FRAME_LEN_MAX));
        if len < FRAME_LEN_MIN || !len.is_multiple_of(ALIGNMENT) || len as u64 > limit {
            return Err(Defect::Length {
                found: len as u64,
                limit,
            });
        }
        Ok(len)
    }

    /// The record number at the front of a frame, not checked yet.
    pub(crate) fn peek_record(bytes: &[u8]) -> Option<u64> {
        let (prefix, _) = Prefix::ref_from_prefix(bytes).ok()?;
        Some(prefix.record.get())
    }

    /// Whether the front of a frame names this segment and record, so that its length can be
    /// trusted to step over a damaged one.
    pub(crate) fn names(bytes: &[u8], segment: u64, record: u64) -> bool {
        Prefix::ref_from_prefix(bytes).is_ok_and(|(prefix, _)| {
            prefix.segment.get() == segment && prefix.record.get() == record
        })
    }

    /// Checks that `bytes` are exactly the frame of this record of this segment.
    pub(crate) fn decode(bytes: &'a [u8], segment: u64, record: u64) -> Result<Self, Defect> {
        let have = bytes.len() as u64;
        let (prefix, rest) = Prefix::ref_from_prefix(bytes).map_err(|_| Defect::Truncated {
            need: PREFIX_LEN as u64,
            have,
        })?;
        let len = prefix.len.get();
        if u64::from(len) != have {
            return Err(Defect::Length {
                found: len.into(),
                limit: have,
            });
        }
        let (found, expected) = (prefix.checksum.get(), checksum(bytes));
        if found != expected {
            return Err(Defect::Checksum { found, expected });
        }
        if prefix.segment.get() != segment {
            return Err(Defect::ForeignSegment);
        }
        if prefix.record.get() != record {
            return Err(Defect::RecordNumber {
                found: RecordNumber(prefix.record.get()),
                expected: RecordNumber(record),
            });
        }
        let is_stub = prefix.algorithm & STUB != 0;
        let algorithm = prefix.algorithm & !STUB;
        if algorithm != PLAIN && Algorithm::of(algorithm).is_none() {
            return Err(Defect::Seal {
                found: prefix.algorithm,
            });
        }
        let keys = [prefix.view_key.get(), prefix.private_key.get()];
        let tags = [prefix.view_tag, prefix.private_tag];
        if algorithm == PLAIN && (keys != [0; 2] || tags != [[0; 16]; 2]) {
            return Err(Defect::Reserved); // A sealed frame that should pass for another.
        }
        if is_stub && (prefix.view_tag != [0; 16] || algorithm == PLAIN && prefix.salt != [0; 16]) {
            return Err(Defect::Reserved);
        }
        let header = Header::read(rest)?;
        if header.record().0 != record {
            return Err(Defect::RecordNumber {
                found: header.record(),
                expected: RecordNumber(record),
            });
        }
        let rest = &rest[HEADER_LEN..];
        let parts = Defect::Parts { len };
        let takes_len = u64::from(prefix.takes.get()) * TAKE_LEN as u64;
        let view_len = u64::from(prefix.view_len.get());
        let private_len = u64::from(prefix.private_len.get());
        let stored_len = if is_stub {
            COMMITMENT_LEN as u64
        } else {
            view_len
        };
        let sum = takes_len + stored_len + private_len;
        let padding = (rest.len() as u64).checked_sub(sum);
        if padding.is_none_or(|padding| padding >= ALIGNMENT as u64)
            || view_len != header.body_len() as u64
            || (is_stub && view_len == 0)
        {
            return Err(parts);
        }
        let (takes, rest) = rest.split_at(takes_len as usize);
        let (view, rest) = rest.split_at(stored_len as usize);
        let (view, commitment) = match is_stub {
            true => (&[][..], view.first_chunk()),
            false => (view, None),
        };
        let (private, padding) = rest.split_at(private_len as usize);
        let takes = <[RawTake]>::ref_from_bytes(takes).map_err(|_| parts)?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(Defect::Reserved);
        }
        Ok(Self {
            bytes,
            takes,
            view,
            commitment,
            private,
        })
    }

    /// Whether its view is gone for good.
    pub(crate) fn is_stub(&self) -> bool {
        self.commitment.is_some()
    }

    /// Appends this frame as one of another segment; as a stub, without its view but with its
    /// commitment.
    pub(crate) fn copy_to(&self, buffer: &mut Vec<u8>, segment: u64, as_stub: bool) {
        let from = buffer.len();
        if as_stub && !self.is_stub() {
            let front = FRAME_LEN_MIN + size_of_val(self.takes);
            buffer.extend_from_slice(&self.bytes[..front]);
            buffer.extend_from_slice(&self.commitment());
            buffer.extend_from_slice(self.private);
            buffer.resize(from + (buffer.len() - from).next_multiple_of(ALIGNMENT), 0);
            let frame = &mut buffer[from..];
            if frame[ALGORITHM_AT] == PLAIN {
                // With it, guesses at the view could be told right from wrong. Where the parts are
                // sealed, the seal of the events needs it, and nobody guesses what was sealed.
                frame[SALT_AT..TAGS_FROM].fill(0);
            }
            frame[ALGORITHM_AT] |= STUB;
            frame[TAGS_FROM..TAGS_FROM + 16].fill(0);
            let len = frame.len() as u32;
            frame[..4].copy_from_slice(&len.to_le_bytes());
        } else {
            buffer.extend_from_slice(self.bytes);
        }
        let frame = &mut buffer[from..];
        frame[8..16].copy_from_slice(&segment.to_le_bytes());
        let checksum = checksum(frame);
        frame[4..8].copy_from_slice(&checksum.to_le_bytes());
    }

    pub(crate) fn header(&self) -> &'a Header {
        let header = Header::ref_from_prefix(&self.bytes[PREFIX_LEN..]);
        header.expect("a checked frame holds a header").0
    }

    /// Bytes of the whole frame.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// What the commitment covers in front of the message header.
    pub(crate) fn head(&self) -> &'a [u8; FRAME_HEAD_LEN] {
        let head = self.bytes[COMMITTED_FROM..PREFIX_LEN].first_chunk();
        head.expect("a checked frame holds its prefix")
    }

    /// The takes it lists, as they stand.
    pub(crate) fn listed(&self) -> &'a [u8] {
        self.takes.as_bytes()
    }

    pub(crate) fn view(&self) -> &'a [u8] {
        self.view
    }

    pub(crate) fn private(&self) -> &'a [u8] {
        self.private
    }

    /// How its parts are sealed; `None` where they are not.
    pub(crate) fn lock(&self) -> Option<FrameLock> {
        let (prefix, _) = Prefix::ref_from_prefix(self.bytes).ok()?;
        (prefix.algorithm & !STUB != PLAIN).then(|| FrameLock {
            epoch: prefix.epoch,
            view_key: prefix.view_key.get(),
            private_key: prefix.private_key.get(),
            view_tag: prefix.view_tag,
            private_tag: prefix.private_tag,
        })
    }

    /// What a seal of its parts authenticates besides them.
    pub(crate) fn authenticated(&self) -> Vec<u8> {
        authenticated(&self.bytes[..FRAME_LEN_MIN + size_of_val(self.takes)])
    }

    /// What it takes: the listed takes, or the header's own.
    pub(crate) fn takes(&self) -> impl Iterator<Item = Take> + use<'a> {
        let own = if self.takes.is_empty() {
            Take::of_header(self.header())
        } else {
            None
        };
        self.takes.iter().map(Take::from).chain(own)
    }

    /// The leaf of this frame, in the tree of RFC 6962 over the salted commitments.
    pub(crate) fn leaf(&self) -> [u8; 32] {
        leaf_hash(&self.commitment())
    }

    /// SHA-256 of what this frame commits to; of a stub, what it committed to before.
    pub(crate) fn commitment(&self) -> [u8; 32] {
        if let Some(commitment) = self.commitment {
            return *commitment;
        }
        let padding = self.bytes.len()
            - FRAME_LEN_MIN
            - size_of_val(self.takes)
            - self.view.len()
            - self.private.len();
        Sha256::digest(&self.bytes[COMMITTED_FROM..self.bytes.len() - padding]).into()
    }
}
