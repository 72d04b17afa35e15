//! The seam between the log and what keeps its bytes: names, positional IO, explicit syncs.
//!
//! Everything the log knows about durability is said here: bytes written are safe once their file's
//! [`File::sync`] has returned, names once [`Storage::sync`] has. [`Directory`] is the real thing,
//! [`Memory`] keeps nothing, [`Faulty`] loses, reorders and tears what was not synced.

mod directory;
mod faulty;
mod memory;

use std::fmt;
use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::Arc;

pub use directory::Directory;
#[doc(hidden)]
pub use faulty::{Fault, Faulty, Random};
pub use memory::Memory;

/// A set of named files, owned by one process. A name is a path of plain parts with slashes between
/// them; the log's own have one part.
pub trait Storage: Send + Sync + fmt::Debug {
    /// The names of all files, in no order.
    fn names(&self) -> Result<Vec<String>, StorageError>;
    /// The names that begin with `folder`, which ends in a slash, in no order.
    fn names_in(&self, folder: &str) -> Result<Vec<String>, StorageError> {
        let mut names = self.names()?;
        names.retain(|name| name.starts_with(folder));
        Ok(names)
    }
    /// Opens an existing file.
    fn open(&self, name: &str) -> Result<Arc<dyn File>, StorageError>;
    /// Creates an empty file, in place of one of that name. The name is safe after [`Storage::sync`].
    fn create(&self, name: &str) -> Result<Arc<dyn File>, StorageError>;
    /// Gives a file another name, replacing what had it. Safe after [`Storage::sync`].
    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError>;
    /// Removes a file. Safe after [`Storage::sync`].
    fn remove(&self, name: &str) -> Result<(), StorageError>;
    /// Makes contents and lengths of these files durable, as [`File::sync`] of each of them does.
    fn sync_files(&self, files: &[Arc<dyn File>]) -> Result<(), StorageError> {
        files.iter().try_for_each(|file| file.sync())
    }
    /// Makes names durable: creations, renames and removals so far.
    fn sync(&self) -> Result<(), StorageError>;
    /// Bytes that this process may still write before the disk is full; `None` where nobody can say.
    fn free_bytes(&self) -> Result<Option<u64>, StorageError> {
        Ok(None)
    }
}

/// One file. Positions are absolute; nothing depends on a file offset, so readers share it.
#[allow(clippy::len_without_is_empty)] // Nobody asks whether a file is empty.
pub trait File: Send + Sync + fmt::Debug {
    /// Bytes of the file, preallocated ones included. Read only at open: not a cheap call.
    fn len(&self) -> Result<u64, StorageError>;
    /// Fills `buffer` from `offset`; fewer bytes only where the file ends.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, StorageError>;
    /// Writes all of `slices`, end to end, at `offset`. After an error any part may be written.
    fn write_at(&self, slices: &mut [IoSlice<'_>], offset: u64) -> Result<(), StorageError>;
    /// Reserves disk space up to `len` and makes the file at least that long; new bytes read as
    /// zero. On [`StorageError::NoSpace`] an empty file is left empty.
    fn allocate(&self, len: u64) -> Result<(), StorageError>;
    /// Makes contents and length durable. After an error nothing written since the last success may
    /// be trusted, whatever a retry says: the kernel has dropped the dirty pages.
    fn sync(&self) -> Result<(), StorageError>;
    /// Forgets cached contents, so that the next read says what the device holds. A hint.
    fn forget_cached(&self) {}
}

/// What was being done when storage failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Operation {
    /// Listing names.
    List,
    /// Locking the directory.
    Lock,
    /// Opening a file.
    Open,
    /// Creating a file.
    Create,
    /// Renaming a file.
    Rename,
    /// Removing a file.
    Remove,
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Reserving space.
    Allocate,
    /// Making bytes or names durable.
    Sync,
    /// Asking how much room there is.
    Measure,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::List => "list",
            Self::Lock => "lock",
            Self::Open => "open",
            Self::Create => "create",
            Self::Rename => "rename",
            Self::Remove => "remove",
            Self::Read => "read",
            Self::Write => "write",
            Self::Allocate => "reserve space for",
            Self::Sync => "sync",
            Self::Measure => "measure the free space of",
        })
    }
}

/// Why storage did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// Another process holds the directory's lock.
    #[error(
        "{} is already in use by another process: stop that one, or choose another directory",
        path.display()
    )]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The disk is full.
    #[error("no space left to {operation} {file}: free some on this filesystem")]
    NoSpace {
        /// What was being done.
        operation: Operation,
        /// To which file.
        file: String,
    },
    /// The operating system refused.
    #[error("cannot {operation} {file}: {source}")]
    Io {
        /// What was being done.
        operation: Operation,
        /// To which file.
        file: String,
        /// What the operating system said.
        source: io::Error,
    },
}

impl StorageError {
    pub(crate) fn new(operation: Operation, file: &str, source: io::Error) -> Self {
        let file = file.to_owned();
        if source.kind() == io::ErrorKind::StorageFull {
            Self::NoSpace { operation, file }
        } else {
            Self::Io {
                operation,
                file,
                source,
            }
        }
    }

    /// Whether there is no file of that name.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Whether freeing disk space is all it takes.
    #[must_use]
    pub fn is_no_space(&self) -> bool {
        matches!(self, Self::NoSpace { .. })
    }
}

/// The name under which `name` is written until it is whole.
pub(crate) fn unfinished(name: &str) -> String {
    format!("{name}{UNFINISHED}")
}

/// Ends the name of a file that is not whole yet; one found at open was never finished.
pub(crate) const UNFINISHED: &str = ".new";

/// Writes a whole file so that after a crash there is either all of it or what was there before.
pub(crate) fn replace(
    storage: &dyn Storage,
    name: &str,
    slices: &mut [IoSlice<'_>],
) -> Result<(), StorageError> {
    let unfinished = unfinished(name);
    let file = storage.create(&unfinished)?;
    file.write_at(slices, 0)?;
    file.sync()?;
    storage.rename(&unfinished, name)?;
    storage.sync()
}

/// Reads a whole file of at most `len_max` bytes; a longer one is cut there.
pub(crate) fn read_whole(
    storage: &dyn Storage,
    name: &str,
    len_max: u64,
) -> Result<Vec<u8>, StorageError> {
    let file = storage.open(name)?;
    let len = file.len()?.min(len_max);
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
    let read = file.read_at(&mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}
