//! Files that only grow, and the file that says how far they count.

use std::io::IoSlice;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::room::Room;
use super::{ExportError, Job};
use crate::log::storage::{File, read_whole, replace, unfinished};

/// The file that says how far an export has got; gone once it is whole.
pub(super) const STATE: &str = "export.state";
/// A longer state is none of ours.
const STATE_LEN_MAX: u64 = 64 * 1024;
const STATE_FORMAT: &str = "throng-export-state/1";
/// Bytes gathered before they are written.
const BUFFER_LEN: usize = 256 * 1024;

/// A file that is appended to.
#[derive(Debug)]
pub(super) struct Output<'a> {
    room: Room<'a>,
    name: String,
    file: Arc<dyn File>,
    /// Bytes written.
    at: u64,
    buffer: Vec<u8>,
}

impl<'a> Output<'a> {
    /// The file as far as `len` says; what is behind that is written again.
    pub(super) fn open(room: Room<'a>, name: String, len: u64) -> Result<Self, ExportError> {
        let file = match len {
            0 => room.out.create(&name)?,
            _ => room.out.open(&name)?,
        };
        if file.len()? < len {
            return Err(ExportError::Changed { file: name });
        }
        Ok(Self {
            room,
            name,
            file,
            at: len,
            buffer: Vec::new(),
        })
    }

    pub(super) fn len(&self) -> u64 {
        self.at + self.buffer.len() as u64
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER_LEN {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ExportError> {
        if !self.buffer.is_empty() {
            self.room.check(self.buffer.len())?;
            self.file
                .write_at(&mut [IoSlice::new(&self.buffer)], self.at)?;
            self.at += self.buffer.len() as u64;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Makes all that was written durable.
    pub(super) fn sync(&mut self) -> Result<(), ExportError> {
        self.flush()?;
        Ok(self.file.sync()?)
    }

    /// Ends the file here. What a run before this one has left behind the end goes: there can be some
    /// where content was erased between the two.
    pub(super) fn end(mut self) -> Result<(), ExportError> {
        self.sync()?;
        let out = self.room.out;
        if self.file.len()? == self.at {
            return Ok(());
        }
        let name = unfinished(&self.name);
        let copy = out.create(&name)?;
        let (mut at, mut buffer) = (0, vec![0; BUFFER_LEN]);
        while at < self.at {
            let len = BUFFER_LEN.min(usize::try_from(self.at - at).unwrap_or(BUFFER_LEN));
            let read = self.file.read_at(&mut buffer[..len], at)?;
            if read == 0 {
                return Err(ExportError::Changed { file: self.name });
            }
            self.room.check(read)?;
            copy.write_at(&mut [IoSlice::new(&buffer[..read])], at)?;
            at += read as u64;
        }
        copy.sync()?;
        out.rename(&name, &self.name)?;
        Ok(out.sync()?)
    }
}

/// Records whose content is gone, one after the other in the export and of one group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Gap {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) records: u64,
    /// 0 where they are of no single group.
    pub(super) group: u64,
    /// `erased` or `expired`.
    pub(super) why: String,
    /// The record that says so.
    pub(super) gone_since: Option<u64>,
}

/// How far an export has got. What is in it is durable.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Progressed {
    format: String,
    tenant: u32,
    export: u64,
    granted_in: u64,
    /// The first record that the log had: what was before it has been removed.
    #[serde(default)]
    pub(super) begin: u64,
    /// The first record that is not written.
    pub(super) next: u64,
    pub(super) records_len: u64,
    pub(super) gaps_len: u64,
    /// Erased records and their ranges, so far.
    pub(super) gap_records: u64,
    pub(super) gap_ranges: u64,
    /// The range that may go on.
    pub(super) gap: Option<Gap>,
    /// The archive of mail that is being written, its length and its messages.
    pub(super) archive: u64,
    pub(super) archive_len: u64,
    pub(super) archive_messages: u32,
}

impl Progressed {
    fn begin(job: &Job<'_>) -> Self {
        Self {
            format: STATE_FORMAT.to_owned(),
            tenant: job.grant.tenant.0,
            export: job.grant.export.0,
            granted_in: job.grant.record.0,
            begin: job.reader.first().0.min(job.end()),
            next: 0,
            records_len: 0,
            gaps_len: 0,
            gap_records: 0,
            gap_ranges: 0,
            gap: None,
            archive: 0,
            archive_len: 0,
            archive_messages: 0,
        }
    }

    /// What the last run of this job has left; the beginning, where there was none.
    pub(super) fn load(job: &Job<'_>) -> Result<Self, ExportError> {
        let begin = Self::begin(job);
        let name = job.name(STATE);
        match read_whole(job.out, &name, STATE_LEN_MAX) {
            Ok(bytes) => {
                let found: Option<Self> = serde_json::from_slice(&bytes).ok();
                let same = |found: &Self| {
                    (&found.format, found.tenant, found.export, found.granted_in)
                        == (&begin.format, begin.tenant, begin.export, begin.granted_in)
                };
                let found = found
                    .filter(same)
                    .ok_or(ExportError::Occupied { found: name })?;
                if found.begin == begin.begin {
                    return Ok(found);
                }
                // Some of what was written has been removed since: it is not what the log gives any more.
                for archive in job.out.names_in(&job.name("messages/"))? {
                    job.out.remove(&archive)?;
                }
                begin.store(job)?;
                Ok(begin)
            }
            Err(error) if error.is_not_found() => {
                check_empty(job)?;
                begin.store(job)?;
                Ok(begin)
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn store(&self, job: &Job<'_>) -> Result<(), ExportError> {
        let bytes = serde_json::to_vec(self).expect("plain values into memory");
        Ok(replace(
            job.out,
            &job.name(STATE),
            &mut [IoSlice::new(&bytes)],
        )?)
    }
}

/// A new export never writes over what it does not know.
fn check_empty(job: &Job<'_>) -> Result<(), ExportError> {
    let names = match job.folder {
        "" => job.out.names()?,
        folder => job.out.names_in(folder)?,
    };
    let ours = [unfinished(&job.name(STATE))];
    let others = names
        .into_iter()
        .filter(|name| !ours.contains(name) && !super::deletions::is_run(job.folder, name));
    match others.min() {
        Some(found) => Err(ExportError::Occupied { found }),
        None => Ok(()),
    }
}
