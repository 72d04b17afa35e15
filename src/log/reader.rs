//! Reading what is durable, by record number or by group and sequence.
//!
//! A reader never passes the durable record (invariant 2), checks every frame it hands out, and
//! shares nothing with the log thread that either could wait on for longer than a lookup.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::format::{
    BATCH_HEADER_LEN, BatchHeader, BatchKind, Damage, Defect, FRAME_LEN_MIN, Frame,
    SEGMENT_HEADER_LEN,
};
use super::gone::Gone;
use super::index::{Mark, Place};
use super::scan::Window;
use super::seal::{Unsealed, Vault};
use super::segment::{Segment, Shared};
use super::snapshot::base_name;
use super::storage::StorageError;
use crate::wire::{Draft, Envelope, GroupId, RecordNumber, Sequence, Take, TenantId};

/// Bytes read ahead when records are read in order.
pub(super) const READ_AHEAD_LEN: usize = 256 * 1024;
/// Bytes read ahead around a record of a group: its neighbours are often the group's too.
const GROUP_READ_AHEAD_LEN: usize = 16 * 1024;

/// One record, as it was appended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// The header and what members see.
    pub envelope: Envelope,
    /// The sequences it takes; none where no group sees it.
    pub takes: Vec<Take>,
    /// The encoded events.
    pub private: Vec<u8>,
    /// What members received is gone (SPEC A4, A5): the envelope's body is empty, and nobody can tell any
    /// more what it was. Header, takes and events are as they were appended.
    pub erased: bool,
}

impl Record {
    /// What a frame holds, opened where it is sealed.
    pub(crate) fn of(frame: &Frame<'_>, vault: Option<&Vault>) -> Result<Self, Unreadable> {
        Self::read(frame, vault, false)
    }

    /// Without the view where that is gone: its key may be being destroyed.
    fn read(frame: &Frame<'_>, vault: Option<&Vault>, is_gone: bool) -> Result<Self, Unreadable> {
        let unsealed = unseal(frame, vault, !is_gone)?.unwrap_or_else(|| Unsealed {
            view: None,
            private: frame.private().to_vec(),
        });
        let is_lost = frame.lock().is_some() && unsealed.view.is_none();
        let erased = frame.is_stub() || is_lost || is_gone && !frame.view().is_empty();
        let view = match &unsealed.view {
            Some(view) => view,
            None if erased || is_gone => &[][..],
            None => frame.view(),
        };
        let draft = Draft::new(view).map_err(Defect::from)?;
        Ok(Self {
            envelope: draft.seal(&frame.header().fields()),
            takes: frame.takes().collect(),
            private: unsealed.private,
            erased,
        })
    }

    fn len(&self) -> usize {
        self.envelope.bytes().len() + self.private.len()
    }
}

/// What a sealed frame holds, its view only if it is wanted; `None` where it is not sealed.
fn unseal(
    frame: &Frame<'_>,
    vault: Option<&Vault>,
    with_view: bool,
) -> Result<Option<Unsealed>, Unreadable> {
    match (frame.lock(), vault) {
        (None, Some(vault)) if frame.header().record().0 >= vault.sealed_from()? => {
            Err(Defect::SealBroken)?
        }
        (None, _) => Ok(None),
        (Some(lock), Some(vault)) => Ok(Some(vault.unseal(frame, &lock, with_view)??)),
        (Some(lock), None) => Err(Defect::NoKey { key: lock.view_key })?,
    }
}

/// What opens frames, and says which views are gone though they are on disk still.
pub(super) struct Opener<'a> {
    vault: Option<&'a Vault>,
    gone: Option<Gone>,
}

impl Opener<'_> {
    pub(super) fn open(&self, frame: &Frame<'_>) -> Result<Record, Unreadable> {
        let gone = self.gone.as_ref();
        let is_gone = gone.is_some_and(|gone| gone.has_record(frame.header(), frame.takes()));
        Record::read(frame, self.vault, is_gone)
    }

    /// The encoded events alone: no view is opened, nor copied.
    pub(super) fn private<'f>(&self, frame: &Frame<'f>) -> Result<Cow<'f, [u8]>, Unreadable> {
        let unsealed = unseal(frame, self.vault, false)?;
        Ok(unsealed.map_or(Cow::Borrowed(frame.private()), |it| Cow::Owned(it.private)))
    }
}

/// Why a frame says nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error(transparent)]
    Defect(#[from] Defect),
    /// Of the keyring.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Unreadable {
    pub(super) fn at(self, segment: &Segment, offset: u64, record: u64) -> ReadError {
        match self {
            Self::Defect(defect) => segment.damage(offset, record, defect).into(),
            Self::Storage(error) => error.into(),
        }
    }
}

/// Why records could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// What stands there is not what was written.
    #[error("{0}; stop the server and run `throng archive verify`")]
    Damaged(#[from] Damage),
    /// The disk failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// It was removed, when the retention of all that it is of was over.
    #[error("record {record} was removed by retention: the log begins with record {begin}")]
    Removed {
        /// Asked for.
        record: RecordNumber,
        /// The first that there is.
        begin: RecordNumber,
    },
}

/// A handle that reads. Clones are cheap and may read at the same time.
#[derive(Clone, Debug)]
pub struct Reader {
    pub(super) shared: Arc<Shared>,
}

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The first record that is not durable.
    #[must_use]
    pub fn durable(&self) -> RecordNumber {
        RecordNumber(self.shared.durable())
    }

    /// Records from `from` on, in order, of about `bytes_max` together: at least one, and none only
    /// where nothing more is durable.
    pub fn read(&self, from: RecordNumber, bytes_max: usize) -> Result<Vec<Record>, ReadError> {
        self.read_noting(from, bytes_max, &mut |_| {})
    }

    /// As [`Self::read`], each record with its commitment, which costs hashing it.
    pub(crate) fn read_committed(
        &self,
        from: RecordNumber,
        bytes_max: usize,
    ) -> Result<(Vec<Record>, Vec<[u8; 32]>), ReadError> {
        let mut commitments = Vec::new();
        let note = &mut |frame: &Frame<'_>| commitments.push(frame.commitment());
        let records = self.read_noting(from, bytes_max, note)?;
        Ok((records, commitments))
    }

    fn read_noting(
        &self,
        from: RecordNumber,
        bytes_max: usize,
        note: &mut dyn FnMut(&Frame<'_>),
    ) -> Result<Vec<Record>, ReadError> {
        let (mut records, mut bytes, mut next) = (Vec::new(), 0, from.0);
        let (durable, opener) = (self.shared.durable(), self.opener());
        // Whoever wants one record does not want those behind it.
        let ahead = match bytes_max {
            0 | 1 => GROUP_READ_AHEAD_LEN,
            _ => READ_AHEAD_LEN,
        };
        while next < durable && (records.is_empty() || bytes < bytes_max) {
            let (segment, end) = self.segment_of(next)?;
            let mut walk = Walk::new(&segment, ahead, self.locate(&segment, next)?);
            while walk.place.record < next {
                walk.skip()?;
            }
            while next < end.min(durable) && (records.is_empty() || bytes < bytes_max) {
                let record = walk.record(&opener, note)?;
                bytes += record.len();
                records.push(record);
                next += 1;
            }
            *lock(&self.shared.resume) = Some((segment.header.segment, walk.place));
        }
        Ok(records)
    }

    fn segment_of(&self, record: u64) -> Result<(Arc<Segment>, u64), ReadError> {
        let found = self.shared.segment_of(record);
        found.ok_or_else(|| ReadError::Removed {
            record: RecordNumber(record),
            begin: self.first(),
        })
    }

    /// The state before the first record of the log, and that record's number; `None` where it is record 0.
    /// Later that may be another: then what is read from here on has been removed.
    pub fn base(&self) -> Result<Option<(RecordNumber, Vec<u8>)>, ReadError> {
        let base = match self.shared.base() {
            Some(base) => base,
            None if self.shared.first() == 0 => return Ok(None),
            None => return Err(base_damage(self.shared.first(), Defect::Missing)),
        };
        match base.state(self.shared.vault.as_deref())? {
            Some(state) => Ok(Some((RecordNumber(base.position), state))),
            None => Err(base_damage(base.position, Defect::State)),
        }
    }

    /// The UTC day of a record; `None` where it is not durable.
    pub(crate) fn utc_day(&self, record: RecordNumber) -> Result<Option<i32>, ReadError> {
        if record.0 >= self.shared.durable() {
            return Ok(None);
        }
        let Some((segment, _)) = self.shared.segment_of(record.0) else {
            return Ok(None);
        };
        let mut walk = Walk::new(&segment, FRAME_LEN_MIN, self.locate(&segment, record.0)?);
        while walk.place.record < record.0 {
            walk.skip()?;
        }
        Ok(Some(walk.frame()?.header().timestamp().utc_day()))
    }

    /// The commitments of the records from `from` on, in order, at most `count_max`; none only where
    /// nothing more is durable.
    pub fn commitments(
        &self,
        from: RecordNumber,
        count_max: usize,
    ) -> Result<Vec<[u8; 32]>, ReadError> {
        let (mut commitments, mut next) = (Vec::new(), from.0);
        let durable = self.shared.durable();
        let to = from.0.saturating_add(count_max as u64).min(durable);
        while next < to {
            let (segment, end) = self.segment_of(next)?;
            let mut walk = Walk::new(&segment, READ_AHEAD_LEN, self.locate(&segment, next)?);
            while walk.place.record < next {
                walk.skip()?;
            }
            while next < end.min(to) {
                commitments.push(walk.frame()?.commitment());
                next += 1;
            }
        }
        Ok(commitments)
    }

    /// Records that take the sequences `from..=to` of a group, in order, of about `bytes_max`
    /// together: at least one where there is any.
    pub fn read_group(
        &self,
        tenant: TenantId,
        group: GroupId,
        from: Sequence,
        to: Sequence,
        bytes_max: usize,
    ) -> Result<Vec<Record>, ReadError> {
        let (durable, opener) = (self.shared.durable(), self.opener());
        // Sequences are counted from 1.
        let range = (from.0.max(1), to.0);
        let limit = bytes_max / FRAME_LEN_MIN + 1;
        let mut found: Vec<(Arc<Segment>, Vec<Place>)> = Vec::new();
        for segment in self.shared.newest_first() {
            let places = self
                .shared
                .places(&segment, (tenant, group), range, limit)?;
            let first = places.first().map(|place| place.sequence);
            if first.is_some() {
                found.push((segment, places));
            }
            if first == Some(range.0) {
                break;
            }
        }
        let (mut records, mut bytes) = (Vec::<Record>::new(), 0);
        for (segment, mut places) in found.into_iter().rev() {
            // A record that takes several sequences is read once.
            places.dedup_by_key(|place| place.offset);
            let mut window = Window::new(&*segment.file, GROUP_READ_AHEAD_LEN);
            for place in places {
                if !records.is_empty() && bytes >= bytes_max {
                    return Ok(records);
                }
                let record = read_at(&mut window, &segment, place.offset.into(), &opener)?;
                if record.envelope.header().record().0 >= durable {
                    return Ok(records);
                }
                bytes += record.len();
                records.push(record);
            }
        }
        Ok(records)
    }

    pub(super) fn opener(&self) -> Opener<'_> {
        Opener {
            vault: self.shared.vault.as_deref(),
            gone: self.shared.gone(),
        }
    }

    /// Where to begin looking for `record`, which is in `segment`.
    pub(super) fn locate(&self, segment: &Arc<Segment>, record: u64) -> Result<Mark, StorageError> {
        let first = segment.header.first;
        let start = Mark {
            record: first,
            offset: SEGMENT_HEADER_LEN as u32,
        };
        let resume = *lock(&self.shared.resume);
        match resume {
            Some((of, place)) if of == segment.header.segment && place.record == record => {
                Ok(place)
            }
            _ if record == first => Ok(start),
            _ => Ok(self.shared.mark(segment, record)?.unwrap_or(start)),
        }
    }
}

fn base_damage(position: u64, defect: Defect) -> ReadError {
    let damage = Damage {
        file: base_name(position),
        offset: 0,
        record: RecordNumber(position),
        defect,
    };
    damage.into()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Frames of a segment, one after the other.
pub(super) struct Walk<'a> {
    window: Window<'a>,
    pub(super) segment: &'a Segment,
    /// Where the next frame is, or the batch header before it.
    pub(super) place: Mark,
}

impl<'a> Walk<'a> {
    pub(super) fn new(segment: &'a Segment, chunk_len: usize, place: Mark) -> Self {
        Self {
            window: Window::new(&*segment.file, chunk_len),
            segment,
            place,
        }
    }

    fn record(
        &mut self,
        opener: &Opener<'_>,
        note: &mut dyn FnMut(&Frame<'_>),
    ) -> Result<Record, ReadError> {
        let (segment, place) = (self.segment, self.place);
        let frame = self.frame()?;
        note(&frame);
        let record = opener.open(&frame);
        record.map_err(|why| why.at(segment, place.offset.into(), place.record))
    }

    /// Steps over a frame, damaged or not, as long as it says how long it is.
    pub(super) fn skip(&mut self) -> Result<(), ReadError> {
        let (at, len) = self.next_frame()?;
        let (segment, record) = (self.segment, self.place.record);
        let head = self.window.bytes(at, FRAME_LEN_MIN)?;
        if Frame::names(head, segment.header.segment, record) {
            self.step_to(at + len as u64);
        } else {
            self.frame()?;
        }
        Ok(())
    }

    /// The next frame, which is of record `place.record`.
    pub(super) fn frame(&mut self) -> Result<Frame<'_>, ReadError> {
        let (at, len) = self.next_frame()?;
        let (segment, record) = (self.segment, self.place.record);
        self.step_to(at + len as u64);
        let bytes = self.window.bytes(at, len)?;
        let frame = Frame::decode(bytes, segment.header.segment, record);
        Ok(frame.map_err(|defect| segment.damage(at, record, defect))?)
    }

    fn step_to(&mut self, offset: u64) {
        self.place = Mark {
            record: self.place.record + 1,
            offset: offset as u32, // A segment is at most 1 GiB.
        };
    }

    /// Where the next frame begins, behind batch headers, and how long it is.
    fn next_frame(&mut self) -> Result<(u64, usize), ReadError> {
        let (segment, record) = (self.segment, self.place.record);
        let mut at = u64::from(self.place.offset);
        let damage = |at, defect| segment.damage(at, record, defect);
        loop {
            let head = self.window.bytes(at, BATCH_HEADER_LEN)?;
            if !BatchHeader::may_begin(head) {
                let limit = segment.header.len.saturating_sub(at);
                let len = Frame::peek_len(head, limit).map_err(|defect| damage(at, defect))?;
                return Ok((at, len));
            }
            let batch = BatchHeader::decode(head, segment.header.segment);
            let batch = batch.map_err(|defect| damage(at, defect))?;
            if batch.first != record || batch.kind == BatchKind::Footer {
                let (found, expected) = (RecordNumber(batch.first), RecordNumber(record));
                return Err(damage(at, Defect::RecordNumber { found, expected }).into());
            }
            at += BATCH_HEADER_LEN as u64;
        }
    }
}

/// The record whose frame begins at `at`.
fn read_at(
    window: &mut Window<'_>,
    segment: &Segment,
    at: u64,
    opener: &Opener<'_>,
) -> Result<Record, ReadError> {
    let first = segment.header.first;
    let limit = segment.header.len.saturating_sub(at);
    let head = window.bytes(at, FRAME_LEN_MIN)?;
    let number = Frame::peek_record(head).unwrap_or(first);
    let damage = |defect| segment.damage(at, number, defect);
    let len = Frame::peek_len(head, limit).map_err(damage)?;
    let bytes = window.bytes(at, len)?;
    let frame = Frame::decode(bytes, segment.header.segment, number);
    let record = opener.open(&frame.map_err(damage)?);
    record.map_err(|why| why.at(segment, at, number))
}
