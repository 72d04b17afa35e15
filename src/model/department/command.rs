//! What is asked of departments, of who is in them, and of a roster (SPEC D2, D6, D8).

use crate::model::body::{body, code};
use crate::wire::{DepartmentId, GroupId, PersonId};

/// Who sees a department and what is below it (可见范围, SPEC D2).
///
/// Who is in it or below it, and who runs it, sees it in any case; as do super admins.
#[derive(
    Clone,
    PartialEq,
    Eq,
    Debug,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum VisibilityV1 {
    /// Every employee who sees what is above it.
    Everyone,
    /// Nobody else.
    ItsMembers,
    /// Who is in one of these departments, at most 100, or below.
    Departments(Vec<DepartmentId>),
    /// These people, at most 1,000.
    People(Vec<PersonId>),
}

body! {
    /// A department to make.
    CreateDepartmentV1 {
        /// Its name, 1 to 64 characters without `/`, of which no other beside it may have the same.
        name: String,
        /// What it is below; 0 for a root.
        parent: DepartmentId,
    }
}
body! {
    /// A name to give.
    RenameDepartmentV1 {
        /// To which department.
        department: DepartmentId,
        /// The name, as of a new department.
        name: String,
    }
}
body! {
    /// A department to move, with all below it.
    MoveDepartmentV1 {
        /// Which.
        department: DepartmentId,
        /// What it is to be below; 0 for a root.
        parent: DepartmentId,
    }
}
body! {
    /// A department.
    DepartmentV1 {
        /// Which.
        department: DepartmentId,
    }
}
body! {
    /// Who is to see a department.
    SetVisibilityV1 {
        /// Which.
        department: DepartmentId,
        /// Who.
        to: VisibilityV1,
    }
}
body! {
    /// Where a person is from now on.
    MovePersonV1 {
        /// Who: an employee.
        person: PersonId,
        /// All their departments, each once; none takes them out of every one.
        departments: Vec<DepartmentId>,
    }
}
body! {
    /// A department for a group to follow (SPEC D8).
    FollowDepartmentV1 {
        /// Which group: an internal or training one in use, and bound to no other department.
        group: GroupId,
        /// Which department.
        department: DepartmentId,
    }
}
body! {
    /// One row of a roster: what a person's entry is to be. What is empty says nothing: what is written
    /// of the person stays.
    PersonRowV1 {
        /// The row's number in its source, for the report.
        row: u32,
        /// The backend's own id, at most 64 bytes; empty for none.
        external_id: String,
        /// The real name, 1 to 64 characters.
        name: String,
        /// At most 64 characters; empty for none.
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
    /// A page of departments to read.
    ListDepartmentsV1 {
        /// Only departments with a greater id.
        after: DepartmentId,
        /// At most this many, up to 1,000.
        limit: u32,
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

body! {
    /// The new department.
    DepartmentCreatedV1 {
        /// Its id.
        department: DepartmentId,
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
body! {
    /// A department.
    DepartmentStateV1 {
        /// Which.
        department: DepartmentId,
        /// Its name.
        name: String,
        /// What it is below; 0 for a root.
        parent: DepartmentId,
        /// How many people are in it themselves.
        people: u32,
        /// How many departments are right below it.
        departments: u32,
        /// Not everyone sees it.
        restricted: bool,
    }
}
body! {
    /// A department and what is known of it.
    DepartmentDetailV1 {
        /// The department.
        state: DepartmentStateV1,
        /// The names from its root down: `总部/研发/平台`.
        path: String,
        /// Who sees it; only for who may change it.
        visibility: Option<VisibilityV1>,
        /// Its own admins.
        admins: Vec<PersonId>,
    }
}
body! {
    /// A page of departments, by id.
    DepartmentsPageV1 {
        /// Those the asker sees.
        departments: Vec<DepartmentStateV1>,
        /// Where to read on from: the last that was looked at, seen or not.
        last: DepartmentId,
        /// There are more after it.
        more: bool,
    }
}
