//! Rows of a CSV file with the numbers that people see: the row of the spreadsheet and the line of the
//! text editor.
//!
//! Physical lines are joined while a quote is open, and `csv-core` splits the joined text into cells.
//! A row is at most 64 KiB: a quote that never closes costs its own line and no other (SPEC D6), and
//! memory stays bounded whatever the bytes.

use std::collections::VecDeque;
use std::io::Read;

use csv_core::ReadRecordResult;

use super::encoding::Text;
use super::error::FileError;
use super::report::{Problem, Reason};

/// Bytes of one row.
const ROW_BYTES_MAX: usize = 64 * 1024;
/// Each looks through 64 KiB for its end, so there must not be many.
const OPEN_QUOTES_MAX: u32 = 1_000;

/// Where a row is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Place {
    /// As a spreadsheet counts: the header is 1, a blank line is a row too.
    pub(super) row: u32,
    /// As a text editor counts: quoted line breaks count.
    pub(super) line: u32,
}

/// What is at a place.
#[derive(Debug)]
pub(super) enum Row {
    /// Cells, at least one of which is not blank.
    Cells(Cells),
    /// A quote that opens and does not close within 64 KiB; only its own line is taken for the row.
    QuoteOpen(String),
    /// One line of more than 64 KiB.
    TooLong,
}

impl Row {
    /// Why there are no cells.
    pub(super) fn problem(self, place: Place) -> Problem {
        match self {
            Self::QuoteOpen(line) => Problem::new(place, "", &line, Reason::QuoteOpen),
            Self::TooLong | Self::Cells(_) => {
                let bytes_max = ROW_BYTES_MAX as u64;
                Problem::new(place, "", "", Reason::RowTooLong { bytes_max })
            }
        }
    }
}

/// The cells of a row, as they are in the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Cells {
    text: String,
    ends: Vec<usize>,
}

impl Cells {
    /// The cell of column `index`; empty where the row is shorter.
    pub(super) fn get(&self, index: usize) -> &str {
        let Some(end) = self.ends.get(index) else {
            return "";
        };
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..*end]
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len()).map(|index| self.get(index))
    }

    fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }
}

/// One physical line, its end included.
struct Line {
    text: Vec<u8>,
    too_long: bool,
}

/// The rows of a file, in order.
pub(super) struct Table<R> {
    text: Text<R>,
    /// Lines read ahead in search of a closing quote that did not come.
    again: VecDeque<Line>,
    splitter: csv_core::Reader,
    row: u32,
    line: u32,
    rows_max: u32,
    open_quotes: u32,
    cells: Vec<u8>,
    ends: Vec<usize>,
}

impl<R: Read> Table<R> {
    pub(super) fn new(text: Text<R>, rows_max: u32) -> Self {
        Self {
            text,
            again: VecDeque::new(),
            splitter: csv_core::Reader::new(),
            row: 0,
            line: 0,
            rows_max,
            open_quotes: 0,
            cells: vec![0; ROW_BYTES_MAX + 1],
            ends: vec![0; ROW_BYTES_MAX + 2],
        }
    }

    /// The next row that is not blank; none at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<(Place, Row)>, FileError> {
        loop {
            let Some(first) = self.next_line()? else {
                return Ok(None);
            };
            if self.row > self.rows_max {
                let rows_max = self.rows_max;
                return Err(FileError::TooManyRows { rows_max });
            }
            self.row += 1;
            self.line += 1;
            let place = Place {
                row: self.row,
                line: self.line,
            };
            if first.too_long {
                return Ok(Some((place, Row::TooLong)));
            }
            let row = self.complete(first)?;
            if !matches!(&row, Row::Cells(cells) if cells.is_blank()) {
                return Ok(Some((place, row)));
            }
        }
    }

    /// Bytes of the file that were read, those read ahead included.
    pub(super) fn bytes_read(&self) -> u64 {
        self.text.bytes_read()
    }

    /// Joins lines to `first` until no quote is open.
    fn complete(&mut self, first: Line) -> Result<Row, FileError> {
        let first_bytes = first.text.len();
        let mut text = first.text;
        let mut quotes = Quotes::default();
        let mut open = quotes.open_after(&text);
        let mut ends = vec![first_bytes];
        while open {
            let next = self.next_line()?;
            match next {
                Some(next) if !next.too_long && text.len() + next.text.len() <= ROW_BYTES_MAX => {
                    open = quotes.open_after(&next.text);
                    text.extend_from_slice(&next.text);
                    ends.push(text.len());
                }
                next => {
                    let joined = ends.windows(2).map(|ends| Line {
                        text: text[ends[0]..ends[1]].to_vec(),
                        too_long: false,
                    });
                    let again: Vec<Line> = joined.chain(next).collect();
                    for line in again.into_iter().rev() {
                        self.again.push_front(line);
                    }
                    return self.quote_open(&text[..first_bytes]);
                }
            }
        }
        self.line += u32::try_from(ends.len() - 1).unwrap_or(u32::MAX);
        Ok(Row::Cells(self.split(&text)))
    }

    fn quote_open(&mut self, line: &[u8]) -> Result<Row, FileError> {
        self.open_quotes += 1;
        if self.open_quotes > OPEN_QUOTES_MAX {
            return Err(FileError::QuotesOpen {
                row: self.row,
                rows: self.open_quotes,
            });
        }
        let line = String::from_utf8_lossy(line).trim_end().to_owned();
        Ok(Row::QuoteOpen(line))
    }

    /// Splits the text of one whole row.
    fn split(&mut self, text: &[u8]) -> Cells {
        self.splitter.reset();
        let mut rest = text;
        let (mut written, mut cells) = (0, 0);
        loop {
            // Unquoting never lengthens, so the buffers of a whole row's size cannot be full; an empty
            // input says that the row ends here.
            let (result, read, wrote, ended) = self.splitter.read_record(
                rest,
                &mut self.cells[written..],
                &mut self.ends[cells..],
            );
            rest = &rest[read..];
            written += wrote;
            cells += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::Record
                | ReadRecordResult::End
                | ReadRecordResult::OutputFull
                | ReadRecordResult::OutputEndsFull => break,
            }
        }
        Cells {
            text: String::from_utf8_lossy(&self.cells[..written]).into_owned(),
            ends: self.ends[..cells].to_vec(),
        }
    }

    /// The next physical line: up to and with LF, CR LF or CR.
    fn next_line(&mut self) -> Result<Option<Line>, FileError> {
        if let Some(line) = self.again.pop_front() {
            return Ok(Some(line));
        }
        let mut line = Line {
            text: Vec::new(),
            too_long: false,
        };
        let mut seen = false;
        let mut after_return = false;
        loop {
            let ahead = self.text.ahead()?;
            let Some(next) = ahead.first() else {
                return Ok(seen.then_some(line));
            };
            seen = true;
            if after_return {
                if *next == b'\n' {
                    line.text.push(b'\n');
                    self.text.consume(1);
                }
                return Ok(Some(line));
            }
            let end = ahead.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let upto = end.map_or(ahead.len(), |end| end + 1);
            let room = ROW_BYTES_MAX.saturating_sub(line.text.len());
            if upto > room {
                line.too_long = true;
                line.text.clear();
            }
            if !line.too_long {
                line.text.extend_from_slice(&ahead[..upto]);
            }
            after_return = end.is_some_and(|end| ahead[end] == b'\r');
            self.text.consume(upto);
            if end.is_some() && !after_return {
                return Ok(Some(line));
            }
        }
    }
}

/// Whether a quote is open, by the rules `csv-core` splits by: a quote opens only at the start of a
/// cell, and inside, two are one.
#[derive(Default)]
struct Quotes {
    state: QuoteState,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum QuoteState {
    #[default]
    CellStart,
    Plain,
    Quoted,
    /// After a quote inside: it closes, or the next is its other half.
    Closing,
}

impl Quotes {
    /// Reads one more line and says whether a quote is open at its end.
    fn open_after(&mut self, line: &[u8]) -> bool {
        use QuoteState::{CellStart, Closing, Plain, Quoted};
        for byte in line {
            self.state = match (self.state, byte) {
                (CellStart | Closing, b'"') => Quoted,
                (Quoted, b'"') => Closing,
                (Quoted, _) => Quoted,
                (CellStart | Plain | Closing, b',' | b'\n' | b'\r') => CellStart,
                (CellStart | Plain | Closing, _) => Plain,
            };
        }
        self.state == Quoted
    }
}

#[cfg(test)]
#[path = "table/tests.rs"]
mod tests;
