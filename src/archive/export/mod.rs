//! Exports of records that two super admins have agreed on (SPEC A7, P1): JSON Lines, mail, and a
//! manifest that says what should be there and what is.
//!
//! A [`Job`] passes over the log twice. The first pass (`plan`) counts what there should be by the
//! sequences and ordinals of groups and by record numbers, remembers what was deleted later, and hashes all
//! up to the grant; the second writes. Then everything written is read back, counted, hashed and compared. What cannot be
//! read, or is missing, ends the job with an error that names it: nothing is passed over in silence.
//! Same grant and same log give the same bytes, in one go or in many (docs/archive.md, byte by byte).
//! Keeps invariant 9: no record of another tenant is written.

mod deletions;
mod gone;
mod grant;
mod line;
mod mail;
mod manifest;
mod names;
mod output;
mod plan;
mod proofs;
mod room;
mod scope;
mod walk;
mod writing;

pub use grant::{Grant, granted_by};
pub use manifest::{EXPORT_FORMAT, MANIFEST};
pub use proofs::Published;

use std::ops::ControlFlow;

use self::gone::Gone;
use self::output::Progressed;
use self::room::Room;
use crate::archive::{BaseError, tlog};
use crate::log::{ReadError, Reader, Storage, StorageError};
use crate::model::event::EventsError;
use crate::wire::{ExportId, GroupId, RecordNumber, Sequence, TenantId};

/// How an export works; none of it changes what is written, but for the size of the archives of mail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Bytes of records read at a time.
    ///
    /// Default 1 MiB. Costs a few times as much memory.
    pub read_bytes: usize,
    /// Records between two times that it is made durable how far the export has got: what is done again
    /// after a stop, at most.
    ///
    /// Default 50,000. Each costs a few syncs.
    pub durable_every_records: u64,
    /// Messages in one archive of mail.
    ///
    /// Default 10,000.
    pub messages_per_archive: u32,
    /// Deletions remembered in memory; more are sorted into files beside the export, removed at its end.
    ///
    /// Default 262,144. Costs 32 bytes each.
    pub deletions_in_memory: usize,
    /// Bytes that stay free on the disk of the export, which is often the log's own: a write that would
    /// leave less ends the job with [`ExportError::NoRoom`].
    ///
    /// Default 1 GiB, eight segments of the log. 0 fills the disk.
    pub disk_margin_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            read_bytes: 1024 * 1024,
            durable_every_records: 50_000,
            messages_per_archive: 10_000,
            deletions_in_memory: 262_144,
            disk_margin_bytes: 1024 * 1024 * 1024,
        }
    }
}

/// What an export is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// The grant is looked for: records.
    Looking,
    /// The first pass: records looked at.
    Planning,
    /// Content is gone, and the log is asked by whom: records.
    Explaining,
    /// The second pass: records looked at, and written where they are in scope.
    Writing,
    /// What was signed is compared with the records; of those that were removed, what was published is
    /// read: records.
    Proving,
    /// What was written is read back: bytes.
    Checking,
}

/// How far an export has got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Where it is.
    pub phase: Phase,
    /// Of this phase, in the phase's unit.
    pub done: u64,
    /// Of the same.
    pub total: u64,
}

/// Is told how far it is, often, and says whether to go on.
pub type OnProgress<'a> = &'a mut dyn FnMut(Progress) -> ControlFlow<()>;

/// An export that is whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exported {
    /// Records in it.
    pub records: u64,
    /// SHA-256 of its manifest.
    pub manifest: [u8; 32],
}

/// One export on its way.
#[derive(Debug)]
pub struct Job<'a> {
    /// The log, live or offline.
    pub reader: &'a Reader,
    /// What was granted.
    pub grant: &'a Grant,
    /// Where it goes.
    pub out: &'a dyn Storage,
    /// The folder in there, ending in a slash; empty for all of it.
    pub folder: &'a str,
    /// What was published of the log; without it the manifest says that there are no proofs.
    pub published: Option<Published<'a>>,
    /// How.
    pub settings: Settings,
}

/// Why an export is not whole. What was written so far is kept, and gone on from.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// Nobody has granted it.
    #[error(
        "export {export} is not granted in this log: a super admin asks for it with RequestExport, and another approves"
    )]
    NotGranted {
        /// Asked for.
        export: ExportId,
    },
    /// Several tenants have an export of this number.
    #[error("tenants {} each have an export {export}: say which", list(.tenants))]
    WhichTenant {
        /// Asked for.
        export: ExportId,
        /// Who have one, the first few.
        tenants: Vec<TenantId>,
    },
    /// A record cannot be read, or the log's disk failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The state before the log's first record cannot be read.
    #[error(transparent)]
    Base(#[from] BaseError),
    /// The disk of the export failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The disk of the export is as full as it may be. What was written is kept, and gone on from.
    #[error(
        "the disk of the export has {free} bytes free, and {needed} are to be written while {margin} stay free for the log: free some there, or set a smaller margin, and the export goes on where it is"
    )]
    NoRoom {
        /// Bytes free.
        free: u64,
        /// Bytes of the next write.
        needed: u64,
        /// Bytes that are to stay free ([`Settings::disk_margin_bytes`]).
        margin: u64,
    },
    /// The log ends before its own end, or has another record there.
    #[error("record {expected} is missing: run `throng archive verify`")]
    MissingRecord {
        /// Which.
        expected: RecordNumber,
    },
    /// A group's records do not follow one another.
    #[error(
        "sequence {expected} of group {group} is missing: record {record} has {found}; run `throng archive verify`"
    )]
    MissingSequence {
        /// Whose.
        group: GroupId,
        /// Which.
        expected: Sequence,
        /// What comes instead.
        found: Sequence,
        /// Where.
        record: RecordNumber,
    },
    /// Content is gone, and it was neither erased nor has it expired: somebody took it.
    #[error(
        "record {record} is erased, and nothing in the log says by whom: no ContentErased or ContentExpired covers its group and day; run `throng archive verify`, and fetch the record from a backup"
    )]
    Unexplained {
        /// Which.
        record: RecordNumber,
    },
    /// The events of a record are not what this build knows.
    #[error("record {record} holds events that cannot be read: {why}")]
    Events {
        /// Which.
        record: RecordNumber,
        /// What is wrong.
        why: EventsError,
    },
    /// What was written is not what there should be.
    #[error("{expected} {what} should be in the export, {actual} are: remove it and start anew")]
    Counts {
        /// Of what.
        what: &'static str,
        /// By the log's own numbering.
        expected: u64,
        /// As read back.
        actual: u64,
    },
    /// A file of the export was changed while it was written.
    #[error("{file} is not as it was written: remove the export and start anew")]
    Changed {
        /// Which.
        file: String,
    },
    /// A file of a whole export is no more.
    #[error("{file} of the export is missing: remove the export and start anew")]
    MissingFile {
        /// Which.
        file: String,
    },
    /// There is something else where it should go.
    #[error("{found} is there already: name another directory, or empty this one")]
    Occupied {
        /// A file's name.
        found: String,
    },
    /// The log is published, and no checkpoint is there.
    #[error(
        "the transparency log has no checkpoint, so nothing proves these records: start the server for a moment, or bring the `tlog` directory back"
    )]
    NotPublished,
    /// Not all that is to be exported is signed yet.
    #[error(
        "{signed} records are signed by the transparency log, the export needs {needed}: start the server for a moment"
    )]
    NotSigned {
        /// Records signed.
        signed: u64,
        /// Records needed.
        needed: u64,
    },
    /// What was published cannot be read.
    #[error("the transparency log: {0}; run `throng archive verify`")]
    Published(#[from] tlog::StoredError),
    /// The records are not those that were signed.
    #[error(
        "the transparency log contradicts the first {records} records of the log; run `throng archive verify`"
    )]
    Contradicted {
        /// How many, or up to which.
        records: u64,
    },
    /// It was told to stop. Going on gives the same bytes.
    #[error("the export was stopped")]
    Stopped,
}

fn list(tenants: &[TenantId]) -> String {
    let tenants: Vec<_> = tenants.iter().map(ToString::to_string).collect();
    tenants.join(", ")
}

impl Job<'_> {
    /// Carries out the export from where it has got to, and says what came of it. Where it is whole
    /// already, its files are only read again and compared with its manifest.
    pub fn run(&self, progress: OnProgress<'_>) -> Result<Exported, ExportError> {
        if let Some(exported) = manifest::finished(self, progress)? {
            return Ok(exported);
        }
        // Else the whole log is read before the first file finds none.
        self.room().check(0)?;
        let state = Progressed::load(self)?;
        let mut gone = Gone::of(self.grant.tenant);
        let plan = plan::plan(self, state.begin, &mut gone, progress)?;
        let written = writing::write(self, state, &plan, &mut gone, progress)?;
        manifest::finish(self, &plan, &written, progress)
    }

    /// The first record that is not looked at: what came after the grant was not granted.
    fn end(&self) -> u64 {
        self.grant.record.0 + 1
    }

    fn room(&self) -> Room<'_> {
        Room {
            out: self.out,
            margin: self.settings.disk_margin_bytes,
        }
    }

    fn name(&self, file: &str) -> String {
        format!("{}{file}", self.folder)
    }
}

/// Tells of progress and ends the job where it is told to stop.
fn tell(progress: OnProgress<'_>, phase: Phase, done: u64, total: u64) -> Result<(), ExportError> {
    match progress(Progress { phase, done, total }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(ExportError::Stopped),
    }
}
