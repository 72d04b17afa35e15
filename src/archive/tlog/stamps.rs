//! Timestamps as they are stored: for each the reply, and beside it the checkpoint that it covers.
//!
//! Names are made from a [`Stamp`] and read into one only, so that no path from outside reaches a file
//! system (invariant 8). A reply is there only when the checkpoint it covers is durable.

use std::fmt;
use std::io::IoSlice;
use std::str::FromStr;

use super::decimal;
use super::note::NOTE_LEN_MAX;
use super::timestamp::REPLY_LEN_MAX;
use crate::log::storage::{Storage, StorageError, read_whole, replace};

/// The folder they are in, with its final slash.
const FOLDER: &str = "timestamps/";

/// Which checkpoint was timestamped. In order of incarnation, then of size.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Stamp {
    /// The log's incarnation.
    pub incarnation: u64,
    /// Records that the checkpoint signs.
    pub size: u64,
}

/// One of a timestamp's two files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StampFile {
    /// The authority's reply: `.tsr`.
    Reply,
    /// The signed checkpoint: `.checkpoint`.
    Checkpoint,
}

impl StampFile {
    const ALL: [Self; 2] = [Self::Reply, Self::Checkpoint];

    fn suffix(self) -> &'static str {
        match self {
            Self::Reply => ".tsr",
            Self::Checkpoint => ".checkpoint",
        }
    }

    fn len_max(self) -> usize {
        match self {
            Self::Reply => REPLY_LEN_MAX,
            Self::Checkpoint => NOTE_LEN_MAX,
        }
    }
}

impl Stamp {
    /// The path of one of its files.
    #[must_use]
    pub fn path(self, file: StampFile) -> String {
        format!("{self}{}", file.suffix())
    }

    /// Reads a path; only the one way in which it is written is taken.
    #[must_use]
    pub fn of_path(path: &str) -> Option<(Self, StampFile)> {
        let read = |file: StampFile| {
            let stamp = path.strip_suffix(file.suffix())?.parse().ok()?;
            Some((stamp, file))
        };
        StampFile::ALL.into_iter().find_map(read)
    }

    /// One of its files. One byte more than it may have is read of one that is too long.
    pub fn read(self, storage: &dyn Storage, file: StampFile) -> Result<Vec<u8>, StorageError> {
        read_whole(storage, &self.path(file), file.len_max() as u64 + 1)
    }

    /// Stores both files, durably; the reply last.
    pub fn store(
        self,
        storage: &dyn Storage,
        checkpoint: &[u8],
        reply: &[u8],
    ) -> Result<(), StorageError> {
        let name = self.path(StampFile::Checkpoint);
        replace(storage, &name, &mut [IoSlice::new(checkpoint)])?;
        let name = self.path(StampFile::Reply);
        replace(storage, &name, &mut [IoSlice::new(reply)])
    }
}

impl fmt::Display for Stamp {
    /// The path without the file's suffix.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{FOLDER}{}/{}", self.incarnation, self.size)
    }
}

/// Not the path of a timestamp.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not the path of a timestamp: timestamps/<incarnation>/<size>")]
pub struct NotAStamp;

impl FromStr for Stamp {
    type Err = NotAStamp;

    fn from_str(path: &str) -> Result<Self, NotAStamp> {
        let read = || {
            let (incarnation, size) = path.strip_prefix(FOLDER)?.split_once('/')?;
            Some(Self {
                incarnation: decimal(incarnation)?,
                size: decimal(size)?,
            })
        };
        read().ok_or(NotAStamp)
    }
}

/// All timestamps that are stored, in order.
pub fn stamps(storage: &dyn Storage) -> Result<Vec<Stamp>, StorageError> {
    let names = storage.names_in(FOLDER)?;
    let found = names.iter().filter_map(|name| Stamp::of_path(name));
    let replies = found.filter(|(_, file)| *file == StampFile::Reply);
    let mut stamps: Vec<_> = replies.map(|(stamp, _)| stamp).collect();
    stamps.sort_unstable();
    Ok(stamps)
}
