//! Why a whole file is refused, apart from what is wrong with one row of it.

use std::io;

use super::report::{Problem, Report};

/// Why a file cannot be read at all. Nothing of it was carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The reader failed.
    #[error("the file cannot be read: {0}")]
    Io(#[from] io::Error),
    /// Another kind of file, by its first bytes.
    #[error("this is {found}: save it as CSV in UTF-8 or GBK")]
    NotCsv {
        /// What it is.
        found: &'static str,
    },
    /// A zero byte, which no text has.
    #[error("this is not text: a zero byte at offset {offset}")]
    Binary {
        /// Where.
        offset: u64,
    },
    /// Neither UTF-8 nor GBK all through.
    #[error(
        "neither UTF-8 nor GBK: the bytes at offset {offset} are no character; save the file as UTF-8"
    )]
    Undecodable {
        /// The first byte that is not UTF-8.
        offset: u64,
    },
    /// More bytes than the options allow.
    #[error("the file is larger than {bytes_max} bytes: split it")]
    TooLarge {
        /// The limit.
        bytes_max: u64,
    },
    /// More rows than the options allow.
    #[error("the file has more than {rows_max} rows: split it")]
    TooManyRows {
        /// The limit.
        rows_max: u32,
    },
    /// Nothing in it, not even a header.
    #[error("the file is empty: its first row must name the columns")]
    Empty,
    /// The header itself is broken.
    #[error("the header cannot be read: {problem}")]
    Header {
        /// What is wrong with it.
        problem: Problem,
    },
    /// The header has no column that must be there.
    #[error("no column {column}; the header has: {have}")]
    MissingColumn {
        /// What was looked for.
        column: String,
        /// What is there.
        have: String,
    },
    /// Two columns of the header mean the same.
    #[error("the columns {first} and {second} both are {column}")]
    ColumnTwice {
        /// What they are.
        column: &'static str,
        /// The one.
        first: String,
        /// The other.
        second: String,
    },
    /// Quotes that open and never close, again and again: this is not CSV.
    #[error("row {row} is one of {rows} whose quotes never close: this is not CSV")]
    QuotesOpen {
        /// The last of them.
        row: u32,
        /// How many.
        rows: u32,
    },
}

/// Why an import stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError<E: std::error::Error + 'static> {
    /// The file; before the first command, or, where the reader itself fails, in the middle.
    #[error(transparent)]
    File(#[from] FileError),
    /// Whoever carries out the commands failed. What is before stays done: the same file again
    /// finds it unchanged and goes on.
    #[error("stopped after row {}: {error}", .report.rows)]
    Stopped {
        /// Why.
        #[source]
        error: E,
        /// What was done until then.
        report: Box<Report>,
    },
}
