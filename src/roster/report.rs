//! What became of a file: counts, and every row that was refused with column, value and reason (SPEC D6).

use std::fmt;
use std::io;

use serde::Serialize;

use super::cell;
use super::groups::NewGroup;
use super::table::Place;

/// Characters of a value that a report repeats.
const VALUE_CHARS_MAX: usize = 128;
/// Refused rows that a report names, so that a file of nothing but refused rows stays bounded.
const PROBLEMS_MAX: usize = 200_000;

/// Why a row was refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error, Serialize)]
#[serde(tag = "code", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reason {
    /// Nothing where something must be.
    #[error("must not be empty")]
    Missing,
    /// Neither of the two.
    #[error("an employee number or a mobile must be given")]
    NumberOrMobileMissing,
    /// More than the column may hold.
    #[error("longer than {max} {unit}")]
    TooLong {
        /// How many it may hold.
        max: u64,
        /// Of what.
        unit: &'static str,
    },
    /// A line break, a tab or another character that shows as nothing.
    #[error("has a character that cannot be shown")]
    Unprintable,
    /// Not a mobile number.
    #[error("not a mobile number; without a country code it is taken for one of {region}")]
    PhoneFormat {
        /// The country taken for granted.
        region: String,
    },
    /// Not an e-mail address.
    #[error("not an e-mail address")]
    EmailFormat,
    /// An earlier row has it.
    #[error("row {first} has it already")]
    DuplicateInFile {
        /// Which row.
        first: u32,
    },
    /// Another person of the enterprise has it.
    #[error("another person of the enterprise has it")]
    DuplicateInTenant,
    /// There is no such department.
    #[error("there is no such department")]
    UnknownDepartment,
    /// Not of the form that the enterprise takes.
    #[error("not of a form that can be taken")]
    InvalidValue,
    /// More than the enterprise takes.
    #[error("longer than can be taken")]
    TooLongForTenant,
    /// The person has left the company.
    #[error("the person has left the company")]
    Departed,
    /// No answer came for the row.
    #[error("no answer came for this row")]
    Unanswered,
    /// A quote opens and does not close.
    #[error("a quote opens and never closes")]
    QuoteOpen,
    /// A row beyond what is read.
    #[error("the row is longer than {bytes_max} bytes")]
    RowTooLong {
        /// The limit.
        bytes_max: u64,
    },
    /// Nobody has this external id, employee number or mobile.
    #[error("nobody has this external id, employee number or mobile")]
    UnknownPerson,
    /// There is no such group.
    #[error("there is no such group")]
    UnknownGroup,
    /// Not the number of a group.
    #[error("not the number of a group")]
    GroupNumber,
    /// No such kind.
    #[error("no such kind; one of {kinds}")]
    UnknownKind {
        /// Those there are.
        kinds: &'static str,
    },
    /// Another row of the same group says otherwise.
    #[error("row {first} says otherwise of the same group")]
    Contradicts {
        /// Which row.
        first: u32,
    },
    /// The row that says what the group is was refused.
    #[error("row {first}, where the group begins, is refused")]
    GroupRefused {
        /// Which row.
        first: u32,
    },
    /// The rules refused; in their own words.
    #[error("{rule}")]
    Refused {
        /// The rule.
        rule: String,
    },
    /// Not a JSON object of the fields there are.
    #[error("{error}")]
    Json {
        /// What the reader of JSON said.
        error: String,
    },
    /// Neither of the two fields, or both, or the one of another kind.
    #[error("a message of this kind has {field}, and nothing else")]
    Content {
        /// What it must have.
        field: &'static str,
    },
    /// Sent before 1990, or in the future.
    #[error("before 1990 or in the future")]
    TimeRange,
    /// Not a time with an offset.
    #[error("not a time of RFC 3339 with its offset, such as 2024-05-01T09:30:00+08:00")]
    TimeFormat,
}

/// One refused row.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Problem {
    /// The row as a spreadsheet counts: the header is 1.
    pub row: u32,
    /// The line as a text editor counts; more than the row after quoted line breaks.
    pub line: u32,
    /// What the file calls the column; empty where the row as a whole is refused.
    pub column: String,
    /// What the column has, as in the file; its first 128 characters.
    pub value: String,
    /// Why.
    pub reason: Reason,
}

impl Problem {
    pub(super) fn new(place: Place, column: &str, value: &str, reason: Reason) -> Self {
        Self {
            row: place.row,
            line: place.line,
            column: column.to_owned(),
            value: value.chars().take(VALUE_CHARS_MAX).collect(),
            reason,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}", self.row)?;
        if self.line != self.row {
            write!(f, " (line {})", self.line)?;
        }
        if !self.column.is_empty() {
            write!(f, ", {}", self.column)?;
        }
        if !self.value.is_empty() {
            write!(f, " {:?}", self.value)?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// What became of a file; prints as text, serialises, and writes its problems as CSV.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Report {
    /// Nothing was changed: what follows is what would become of the rows.
    pub dry_run: bool,
    /// The last row looked at.
    pub rows: u32,
    /// Rows of which something new was made.
    pub created: u32,
    /// Rows that changed something.
    pub updated: u32,
    /// Rows of which all was so before.
    pub unchanged: u32,
    /// Rows of which nothing was done.
    pub refused: u32,
    /// Of a file of groups: those that were made.
    pub groups: Vec<NewGroup>,
    /// Columns of the file that are nothing to Throng.
    pub ignored_columns: Vec<String>,
    /// Why each refused row was refused, in the order of rows; one a row, at most 200,000.
    pub problems: Vec<Problem>,
}

impl Report {
    /// Counts a refused row and keeps why.
    pub(super) fn refuse(&mut self, problem: Problem) {
        self.refused += 1;
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        }
    }

    /// Refusals come from checks and, a chunk later, from the rules; a report is in the order of rows.
    pub(super) fn in_order(mut self) -> Self {
        self.problems.sort_by_key(|problem| problem.row);
        self
    }

    /// Writes the problems as CSV: row, line, column, value, reason.
    pub fn write_csv(&self, writer: impl io::Write) -> io::Result<()> {
        let mut writer = csv::Writer::from_writer(writer);
        writer.write_record(["row", "line", "column", "value", "reason"])?;
        for problem in &self.problems {
            writer.write_record([
                problem.row.to_string().as_str(),
                problem.line.to_string().as_str(),
                &cell::guarded(&problem.column),
                &cell::guarded(&problem.value),
                &problem.reason.to_string(),
            ])?;
        }
        writer.flush()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.dry_run {
            writeln!(f, "dry run: nothing was changed")?;
        }
        writeln!(
            f,
            "{} created, {} updated, {} unchanged, {} refused",
            self.created, self.updated, self.unchanged, self.refused
        )?;
        if !self.ignored_columns.is_empty() {
            writeln!(f, "columns left out: {}", self.ignored_columns.join(", "))?;
        }
        for problem in &self.problems {
            writeln!(f, "{problem}")?;
        }
        let unnamed = self.refused as usize - self.problems.len().min(self.refused as usize);
        if unnamed > 0 {
            writeln!(f, "and {unnamed} more rows")?;
        }
        Ok(())
    }
}
