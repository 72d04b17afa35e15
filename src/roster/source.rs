//! A CSV file from its first byte on: encoding, header, rows, and how far it has been read.

use std::io::{Read, Seek, SeekFrom};

use serde::Deserialize;

use super::encoding::{Text, detect};
use super::error::FileError;
use super::table::{Cells, Place, Row, Table};

/// How large a file may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of the file.
    ///
    /// Default 256 MiB. Costs time, not memory: the file is read in pieces, twice.
    pub bytes_max: u64,
    /// Rows of the file.
    ///
    /// Default 1,000,000. A row costs up to 100 bytes of memory, by which duplicates are found.
    pub rows_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes_max: 256 * 1024 * 1024,
            rows_max: 1_000_000,
        }
    }
}

/// How far an import has got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Bytes read.
    pub bytes: u64,
    /// Bytes of the file.
    pub bytes_total: u64,
    /// Rows done, the header included.
    pub rows: u32,
}

/// A file being read.
pub(super) struct Source<R> {
    table: Table<R>,
    bytes_total: u64,
}

impl<R: Read + Seek> Source<R> {
    /// Finds the encoding of the whole file, and goes back to where the reader was.
    pub(super) fn open(mut reader: R, limits: Limits) -> Result<Self, FileError> {
        let start = reader.stream_position()?;
        let found = detect(&mut reader, limits.bytes_max)?;
        reader.seek(SeekFrom::Start(start))?;
        Ok(Self {
            table: Table::new(Text::new(reader, start, found)?, limits.rows_max),
            bytes_total: found.bytes,
        })
    }

    /// The first row that is not blank.
    pub(super) fn header(&mut self) -> Result<Cells, FileError> {
        match self.table.next()? {
            None => Err(FileError::Empty),
            Some((_, Row::Cells(cells))) => Ok(cells),
            Some((place, broken)) => {
                let problem = broken.problem(place);
                Err(FileError::Header { problem })
            }
        }
    }

    /// The next row that is not blank.
    pub(super) fn next(&mut self) -> Result<Option<(Place, Row)>, FileError> {
        self.table.next()
    }

    pub(super) fn progress(&self, rows: u32) -> Progress {
        Progress {
            bytes: self.table.bytes_read(),
            bytes_total: self.bytes_total,
            rows,
        }
    }
}
