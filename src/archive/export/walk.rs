//! Records in order, none left out.

use super::ExportError;
use crate::log::{Reader, Record};
use crate::model::event::{self, Event};
use crate::wire::RecordNumber;

/// The records up to before `end`, a few at a time.
pub(super) struct Walk<'a> {
    reader: &'a Reader,
    next: u64,
    end: u64,
    read_bytes: usize,
    /// Whether commitments are wanted, which cost hashing the records.
    pub(super) committed: bool,
    /// Of the records that were read last, where they are wanted.
    pub(super) commitments: Vec<[u8; 32]>,
}

impl<'a> Walk<'a> {
    /// Those from record `next` on.
    pub(super) fn from(reader: &'a Reader, next: u64, end: u64, read_bytes: usize) -> Self {
        Self {
            reader,
            next,
            end,
            read_bytes,
            committed: false,
            commitments: Vec::new(),
        }
    }

    pub(super) fn done(&self) -> u64 {
        self.next
    }

    /// The next records; none at the end.
    pub(super) fn read(&mut self) -> Result<Vec<Record>, ExportError> {
        if self.next >= self.end {
            return Ok(Vec::new());
        }
        let expected = |next| ExportError::MissingRecord {
            expected: RecordNumber(next),
        };
        let (from, bytes_max) = (RecordNumber(self.next), self.read_bytes.max(1));
        let mut records = if self.committed {
            let (records, commitments) = self.reader.read_committed(from, bytes_max)?;
            self.commitments = commitments;
            records
        } else {
            self.reader.read(from, bytes_max)?
        };
        let left = usize::try_from(self.end - self.next).unwrap_or(usize::MAX);
        records.truncate(left);
        self.commitments.truncate(left);
        for record in &records {
            if record.envelope.header().record().0 != self.next {
                return Err(expected(self.next));
            }
            self.next += 1;
        }
        if records.is_empty() {
            return Err(expected(self.next));
        }
        Ok(records)
    }
}

/// What a record says happened.
pub(super) fn events_of(record: &Record) -> Result<Vec<Event>, ExportError> {
    let number = record.envelope.header().record();
    event::decode_all(&record.private).map_err(|why| ExportError::Events {
        record: number,
        why,
    })
}
