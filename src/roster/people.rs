//! People from a CSV file into a directory (SPEC D6).
//!
//! Rows go out in chunks of 500. A row that is wrong, by the file or by the directory, costs itself only.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher as _, RandomState};
use std::io::{Read, Seek};

use serde::Deserialize;
use siphasher::sip128::{Hasher128, SipHasher13};

use super::cell::Separators;
use super::columns::{ColumnMap, Columns, Field};
use super::error::ImportError;
use super::person::Person;
use super::phone::Region;
use super::report::{Problem, Reason, Report};
use super::source::{Limits, Progress, Source};
use super::table::{Cells, Place, Row};
use crate::model::command::{
    Column, PeopleSyncedV1, PersonRowV1, RowOutcome, RowOutcomeV1, RowReason, SyncPeopleV1,
};

/// Rows of one command.
const CHUNK_ROWS: usize = 500;

/// Where people are kept: the model, reached in whatever way the caller has.
pub trait Directory {
    /// Why a command could not be carried out at all. A row that is refused is no error.
    type Error: std::error::Error + 'static;

    /// Carries out one command of at most 500 rows.
    fn sync(&mut self, rows: &SyncPeopleV1) -> Result<PeopleSyncedV1, Self::Error>;
}

/// How to read a file of people.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Only say what would become of each row. Default false.
    pub dry_run: bool,
    /// Make departments that do not exist; else their rows are refused. Default false.
    pub create_departments: bool,
    /// What the file calls the columns, where it is another product's. Default: the usual names.
    pub columns: ColumnMap,
    /// How a cell lists departments. Default `总部/研发;总部/平台`.
    pub separators: Separators,
    /// The country of mobile numbers without a country code. Default `CN`.
    pub region: Region,
    /// How large a file may be.
    pub limits: Limits,
}

/// Reads people from a CSV file and sends them to `directory`; says what became of each row.
///
/// A column that the file does not have is empty in every row. Memory is bounded: one chunk, 24 bytes
/// a key for finding duplicates, and the report. `progress` is called after every chunk.
///
/// # Errors
/// A file that cannot be read is refused before anything is sent, except where the reader fails in the
/// middle. If the directory fails, what it has done is in the error, and the same file may be imported again.
pub fn import<D: Directory>(
    reader: impl Read + Seek,
    options: &Options,
    directory: &mut D,
    mut progress: impl FnMut(Progress),
) -> Result<Report, ImportError<D::Error>> {
    let mut source = Source::open(reader, options.limits)?;
    let header = source.header()?;
    let columns = Columns::mapped(&header, &options.columns)?;
    let mut import = Import {
        options,
        report: Report {
            dry_run: options.dry_run,
            ignored_columns: columns.ignored(),
            ..Report::default()
        },
        columns,
        seen: Seen::default(),
        directory,
        rows: Vec::with_capacity(CHUNK_ROWS),
        places: Vec::with_capacity(CHUNK_ROWS),
    };
    while let Some((place, row)) = source.next()? {
        import.report.rows = place.row;
        match row {
            Row::Cells(cells) => import.take(place, &cells),
            broken => import.report.refuse(broken.problem(place)),
        }
        if import.rows.len() == CHUNK_ROWS {
            import.send()?;
            progress(source.progress(place.row));
        }
    }
    import.send()?;
    progress(source.progress(import.report.rows));
    Ok(import.report.in_order())
}

/// One import on its way.
struct Import<'a, D> {
    options: &'a Options,
    columns: Columns<Field>,
    seen: Seen,
    directory: &'a mut D,
    /// The next command's rows, and where each is in the file.
    rows: Vec<PersonRowV1>,
    places: Vec<(Place, Cells)>,
    report: Report,
}

impl<D: Directory> Import<'_, D> {
    fn take(&mut self, place: Place, cells: &Cells) {
        let Options {
            separators, region, ..
        } = self.options;
        let read = Person::read(cells, &self.columns, separators, *region);
        let read = read.and_then(|person| self.seen.add(place.row, &person).map(|()| person));
        match read {
            Ok(person) => {
                self.rows.push(person.into_row(place.row));
                self.places.push((place, cells.clone()));
            }
            Err((field, reason)) => self.refuse(place, cells, Some(field), reason),
        }
    }

    fn refuse(&mut self, place: Place, cells: &Cells, field: Option<Field>, reason: Reason) {
        let column = field.map_or("", |field| self.columns.title(field));
        let value = field.map_or("", |field| self.columns.cell(cells, field));
        let problem = Problem::new(place, column, value.trim(), reason);
        self.report.refuse(problem);
    }

    /// Sends the rows that are waiting and counts what became of them.
    fn send(&mut self) -> Result<(), ImportError<D::Error>> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let command = SyncPeopleV1 {
            rows: std::mem::take(&mut self.rows),
            dry_run: self.options.dry_run,
            create_departments: self.options.create_departments,
        };
        let synced = match self.directory.sync(&command) {
            Ok(synced) => synced,
            Err(error) => {
                let report = std::mem::take(&mut self.report).in_order();
                let report = Box::new(report);
                return Err(ImportError::Stopped { error, report });
            }
        };
        let mut outcomes = synced.outcomes.into_iter().peekable();
        for (place, cells) in std::mem::take(&mut self.places) {
            match outcomes.next_if(|outcome| outcome.row == place.row) {
                Some(outcome) => self.count(place, &cells, &outcome),
                None => self.refuse(place, &cells, None, Reason::Unanswered),
            }
        }
        Ok(())
    }

    fn count(&mut self, place: Place, cells: &Cells, outcome: &RowOutcomeV1) {
        match outcome.outcome {
            RowOutcome::Created => self.report.created += 1,
            RowOutcome::Updated => self.report.updated += 1,
            RowOutcome::Unchanged => self.report.unchanged += 1,
            RowOutcome::Refused => {
                let reason = match outcome.reason {
                    RowReason::DuplicateInTenant => Reason::DuplicateInTenant,
                    RowReason::UnknownDepartment => Reason::UnknownDepartment,
                    RowReason::TooLong => Reason::TooLongForTenant,
                    RowReason::Departed => Reason::Departed,
                    RowReason::InvalidValue | RowReason::None => Reason::InvalidValue,
                };
                self.refuse(place, cells, field(outcome.column), reason);
            }
        }
    }
}

fn field(column: Column) -> Option<Field> {
    Some(match column {
        Column::None => return None,
        Column::Name => Field::Name,
        Column::EmployeeNumber => Field::EmployeeNumber,
        Column::Mobile => Field::Mobile,
        Column::Email => Field::Email,
        Column::Position => Field::Position,
        Column::Department => Field::Department,
        Column::ExternalId => Field::ExternalId,
    })
}

/// Which row has which key, by a keyed digest of 128 bits: nobody can make two keys meet.
struct Seen {
    keys: (u64, u64),
    rows: HashMap<u128, u32, rustc_hash::FxBuildHasher>,
}

impl Default for Seen {
    fn default() -> Self {
        let key = || RandomState::new().build_hasher().finish();
        Self {
            keys: (key(), key()),
            rows: HashMap::default(),
        }
    }
}

impl Seen {
    /// Notes the person's keys; refuses the row if an earlier one has one of them.
    fn add(&mut self, row: u32, person: &Person) -> Result<(), (Field, Reason)> {
        let keys = [
            (Field::EmployeeNumber, &person.employee_number),
            (Field::Mobile, &person.mobile),
            (Field::ExternalId, &person.external_id),
        ];
        let given = keys.iter().filter(|(_, key)| !key.is_empty());
        let digests: Vec<_> = given
            .map(|(field, key)| (*field, self.digest(*field, key)))
            .collect();
        for (field, digest) in &digests {
            if let Some(first) = self.rows.get(digest) {
                return Err((*field, Reason::DuplicateInFile { first: *first }));
            }
        }
        let noted = digests.into_iter().map(|(_, digest)| (digest, row));
        self.rows.extend(noted);
        Ok(())
    }

    fn digest(&self, field: Field, key: &str) -> u128 {
        let mut hasher = SipHasher13::new_with_keys(self.keys.0, self.keys.1);
        hasher.write_u8(field as u8);
        hasher.write(key.as_bytes());
        hasher.finish128().as_u128()
    }
}
