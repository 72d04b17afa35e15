//! Local copy until merged.

use crate::model::body::{body, code};
use crate::wire::PersonId;

body! {
    /// One row of a roster: what a person's entry is to be.
    PersonRowV1 {
        /// The row's number in its source, for the report.
        row: u32,
        /// The backend's own id, at most 64 bytes; empty for none.
        external_id: String,
        /// The real name, 1 to 64 characters.
        name: String,
        /// At most 64 bytes; empty for none.
        employee_number: String,
        /// In E.164, such as `+8613812345678`; empty for none.
        mobile: String,
        /// At most 254 bytes; empty for none.
        email: String,
        /// At most 64 characters; empty for none.
        position: String,
        /// All their departments, by path from a root: `总部/研发/平台`.
        departments: Vec<String>,
    }
}

body! {
    /// Rows to synchronise, each by itself (SPEC D6).
    ///
    /// A row finds its person by external id, else by employee number, else by mobile; else it is a
    /// new one.
    SyncPeopleV1 {
        /// The rows, at most 500.
        rows: Vec<PersonRowV1>,
        /// Only answer what would become of each row.
        dry_run: bool,
        /// Make departments that do not exist; else their rows are refused.
        create_departments: bool,
    }
}

body! {
    /// What became of one row.
    RowOutcomeV1 {
        /// The row's number, as given.
        row: u32,
        /// Whom it is about; 0 where it was refused. Of a dry run, whom it would be about.
        person: PersonId,
        /// What became of it.
        outcome: RowOutcome,
        /// Where a refused row is wrong: the first column that is.
        column: Column,
        /// Why it was refused.
        reason: RowReason,
    }
}

body! {
    /// What became of each row, in the order given.
    PeopleSyncedV1 {
        /// One a row.
        outcomes: Vec<RowOutcomeV1>,
    }
}

code! {
    /// What became of a row.
    RowOutcome {
        /// A new person.
        Created = 0,
        /// A person's entry is another.
        Updated = 1,
        /// All was so before.
        Unchanged = 2,
        /// Nothing of the row was done.
        Refused = 3,
    }
}

code! {
    /// A column of a roster.
    Column {
        /// None, where nothing was refused.
        None = 0,
        /// The name.
        Name = 1,
        /// The employee number.
        EmployeeNumber = 2,
        /// The mobile.
        Mobile = 3,
        /// The e-mail address.
        Email = 4,
        /// The position.
        Position = 5,
        /// The departments.
        Department = 6,
        /// The external id.
        ExternalId = 7,
    }
}

code! {
    /// Why a row was refused.
    RowReason {
        /// It was not.
        None = 0,
        /// Another person, or an earlier row of the command, has it.
        DuplicateInTenant = 1,
        /// There is no such department, and none was to be made.
        UnknownDepartment = 2,
        /// Not of the column's form, or missing.
        InvalidValue = 3,
        /// Longer than the column may be.
        TooLong = 4,
        /// The person has left the company.
        Departed = 5,
    }
}
