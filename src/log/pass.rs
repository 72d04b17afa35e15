//! One pass over records in order, for whoever looks at many and keeps few.
//!
//! Every frame is checked as a whole before its header is believed: a flipped bit never hides a record
//! from who looks for it. What a record says is opened and copied only for who asks.

use std::borrow::Cow;
use std::ops::ControlFlow;

use super::format::Frame;
use super::index::Mark;
use super::reader::{Opener, READ_AHEAD_LEN, ReadError, Reader, Record, Unreadable, Walk};
use crate::wire::{FRAME_HEAD_LEN, Header, RecordNumber, Take};

/// A record as it stands in the log: checked, and not opened yet.
pub(crate) struct Stored<'a> {
    frame: Frame<'a>,
    opener: &'a Opener<'a>,
}

impl<'a> Stored<'a> {
    /// The message header, as it was written.
    pub(crate) fn header(&self) -> &'a Header {
        self.frame.header()
    }

    /// The sequences it takes.
    pub(crate) fn takes(&self) -> impl Iterator<Item = Take> + use<'a> {
        self.frame.takes()
    }

    /// The takes it lists, 32 bytes each; none where the header says it all.
    pub(crate) fn listed(&self) -> &'a [u8] {
        self.frame.listed()
    }

    /// What its commitment covers in front of the message header: bytes 16 to 96 of its frame.
    pub(crate) fn head(&self) -> &'a [u8; FRAME_HEAD_LEN] {
        self.frame.head()
    }

    /// Whether its view is there, gone or not.
    pub(crate) fn has_view(&self) -> bool {
        !self.frame.view().is_empty()
    }

    /// Bytes of its frame.
    pub(crate) fn len(&self) -> usize {
        self.frame.len()
    }

    /// SHA-256 of what stands there.
    pub(crate) fn commitment(&self) -> [u8; 32] {
        self.frame.commitment()
    }

    /// Its encoded events, without what members see.
    pub(crate) fn private(&self) -> Result<Cow<'a, [u8]>, Unreadable> {
        self.opener.private(&self.frame)
    }

    /// What it says.
    pub(crate) fn open(&self) -> Result<Record, Unreadable> {
        self.opener.open(&self.frame)
    }
}

/// Where a pass has ended: the next one goes on there without looking for the place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resume {
    segment: u64,
    mark: Mark,
}

/// How far a pass has come.
#[derive(Debug)]
pub(crate) struct Passed {
    /// The first record that was not passed.
    pub(crate) next: RecordNumber,
    /// Where it is.
    pub(crate) resume: Option<Resume>,
    /// Why it could not be read, if that is why the pass ended.
    pub(crate) failed: Option<ReadError>,
    /// Bytes of segments that were read as a whole, as their index was not in memory.
    pub(crate) indexed: u64,
}

impl Reader {
    /// The first record that the log has: what was before it has been removed by retention.
    #[must_use]
    pub fn first(&self) -> RecordNumber {
        RecordNumber(self.shared.first())
    }

    /// Records before this number are as they were before every repair of the log; all of them, where it was
    /// never repaired.
    #[must_use]
    pub fn kept(&self) -> RecordNumber {
        RecordNumber(self.shared.kept())
    }

    /// Shows `each` the durable records from `from` up to before `end`, in order, until about
    /// `bytes_max` bytes have been read, or `each` breaks before the one it is shown.
    ///
    /// `resume` is where an earlier pass ended, if it ended at `from`.
    pub(crate) fn pass(
        &self,
        (from, end): (RecordNumber, RecordNumber),
        bytes_max: u64,
        resume: Option<Resume>,
        each: &mut dyn FnMut(&Stored<'_>) -> Result<ControlFlow<()>, Unreadable>,
    ) -> Passed {
        let mut passed = Passed {
            next: from,
            resume: None,
            failed: None,
            indexed: 0,
        };
        let end = end.0.min(self.shared.durable());
        let mut left = bytes_max;
        let mut resume = resume;
        while passed.next.0 < end && left > 0 {
            let Some((segment, segment_end)) = self.shared.segment_of(passed.next.0) else {
                break;
            };
            let (id, next) = (segment.header.segment, passed.next.0);
            let known = resume
                .take()
                .filter(|it| it.segment == id && it.mark.record == next);
            if known.is_none() && !segment.has_index() && next != segment.header.first {
                passed.indexed += segment.header.len;
            }
            let place = match known.map_or_else(|| self.locate(&segment, next), |it| Ok(it.mark)) {
                Ok(place) => place,
                Err(error) => {
                    passed.failed = Some(error.into());
                    return passed;
                }
            };
            let mut walk = Walk::new(&segment, READ_AHEAD_LEN, place);
            let end = end.min(segment_end);
            if let Err(error) = self.walk(&mut walk, end, &mut left, &mut passed, each) {
                passed.failed = Some(error);
                left = 0;
            }
        }
        passed
    }

    fn walk(
        &self,
        walk: &mut Walk<'_>,
        end: u64,
        left: &mut u64,
        passed: &mut Passed,
        each: &mut dyn FnMut(&Stored<'_>) -> Result<ControlFlow<()>, Unreadable>,
    ) -> Result<(), ReadError> {
        while walk.place.record < passed.next.0 {
            walk.skip()?;
        }
        let opener = self.opener();
        while passed.next.0 < end && *left > 0 {
            let (segment, before) = (walk.segment, walk.place);
            let frame = walk.frame()?;
            let len = frame.len() as u64;
            let shown = each(&Stored {
                frame,
                opener: &opener,
            });
            let at = before.offset.into();
            let flow = shown.map_err(|why| why.at(segment, at, before.record))?;
            let stands = if flow.is_break() { before } else { walk.place };
            passed.resume = Some(Resume {
                segment: segment.header.segment,
                mark: stands,
            });
            if flow.is_break() {
                *left = 0;
                return Ok(());
            }
            passed.next = passed.next.next();
            *left = left.saturating_sub(len);
        }
        Ok(())
    }
}
