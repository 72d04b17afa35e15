//! Files of people as enterprises have them, into a naive directory and back (SPEC D6).

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Cursor;

use proptest::prelude::*;
use throng::model::command::{
    Column, PeopleSyncedV1, PersonRowV1, RowOutcome, RowOutcomeV1, RowReason, SyncPeopleV1,
};
use throng::roster::{
    Directory, Encoding, FileError, ImportError, Options, Person, Problem, Reason, Report, export,
    import, template,
};
use throng::wire::PersonId;

const EXCEL_GBK: &[u8] = include_bytes!("roster/excel_gbk.csv");
const MISTAKES: &[u8] = include_bytes!("roster/mistakes.csv");
const OTHER_PRODUCT: &[u8] = include_bytes!("roster/other_product.csv");

/// A directory that knows people by one key and takes any department but 火星 (Mars).
#[derive(Default)]
struct Naive {
    people: BTreeMap<String, PersonRowV1>,
    commands: usize,
}

fn key(row: &PersonRowV1) -> String {
    let keys = [&row.external_id, &row.employee_number, &row.mobile];
    let given = keys.into_iter().find(|key| !key.is_empty());
    given.unwrap().clone()
}

impl Naive {
    fn outcome(&mut self, row: &PersonRowV1, dry_run: bool) -> (RowOutcome, Column, RowReason) {
        let refused = |column, reason| (RowOutcome::Refused, column, reason);
        if row.departments.iter().any(|path| path.contains("火星")) {
            return refused(Column::Department, RowReason::UnknownDepartment);
        }
        if row.employee_number == "TAKEN" {
            return refused(Column::EmployeeNumber, RowReason::DuplicateInTenant);
        }
        let entry = PersonRowV1 {
            row: 0,
            ..row.clone()
        };
        let before = self.people.get(&key(row));
        let outcome = match before {
            None => RowOutcome::Created,
            Some(before) if *before == entry => RowOutcome::Unchanged,
            Some(_) => RowOutcome::Updated,
        };
        if !dry_run {
            self.people.insert(key(row), entry);
        }
        (outcome, Column::None, RowReason::None)
    }

    /// As an export is given them.
    fn listed(&self) -> Vec<Person> {
        let entries = self.people.values().cloned();
        let entries = entries.map(|entry| Person {
            name: entry.name,
            employee_number: entry.employee_number,
            mobile: entry.mobile,
            departments: entry.departments,
            position: entry.position,
            email: entry.email,
            external_id: entry.external_id,
        });
        entries.collect()
    }
}

impl Directory for Naive {
    type Error = Infallible;

    fn sync(&mut self, rows: &SyncPeopleV1) -> Result<PeopleSyncedV1, Infallible> {
        assert!(rows.rows.len() <= 500);
        self.commands += 1;
        let outcomes = rows.rows.iter().map(|row| {
            let (outcome, column, reason) = self.outcome(row, rows.dry_run);
            RowOutcomeV1 {
                row: row.row,
                person: PersonId(0),
                outcome,
                column,
                reason,
            }
        });
        Ok(PeopleSyncedV1 {
            outcomes: outcomes.collect(),
        })
    }
}

fn run(directory: &mut Naive, bytes: &[u8]) -> Report {
    import(Cursor::new(bytes), &Options::default(), directory, |_| {}).unwrap()
}

fn refused(bytes: &[u8]) -> String {
    let end = import(
        Cursor::new(bytes),
        &Options::default(),
        &mut Naive::default(),
        |_| {},
    );
    match end.unwrap_err() {
        ImportError::File(error) => error.to_string(),
        other => panic!("{other}"),
    }
}

fn told(report: &Report) -> Vec<String> {
    report.problems.iter().map(Problem::to_string).collect()
}

#[test]
fn a_file_that_excel_saved_in_gbk_is_read() {
    let mut directory = Naive::default();
    let report = run(&mut directory, EXCEL_GBK);
    assert_eq!((report.created, report.refused), (4, 0), "{report}");
    let wang = &directory.people["wangfang"];
    assert_eq!(wang.name, "王芳");
    assert_eq!(wang.mobile, "+8613800138000");
    assert_eq!(wang.departments, ["总部/研发", "总部/平台"]);
    assert_eq!(wang.position, "资深工程师\n（代理组长）");
    assert_eq!(directory.people["A0002"].mobile, "+8613800138001");
    assert_eq!(directory.people["lina"].mobile, "+85291234567");
    assert_eq!(directory.people["lina"].position, "销售,华南");
    assert_eq!(directory.people["A0004"].name, "陶喆");
}

#[test]
fn every_mistake_is_named_by_row_line_column_value_and_reason() {
    let mut directory = Naive::default();
    let report = run(&mut directory, MISTAKES);
    assert_eq!((report.created, report.refused), (2, 8));
    assert_eq!(
        told(&report),
        [
            "row 3, 手机 \"1380013800\": not a mobile number; without a country code it is taken for one of CN",
            "row 4, 邮箱 \"zhang.wei@example\": not an e-mail address",
            "row 5 (line 6), 部门 \"总部/火星\": there is no such department",
            "row 6 (line 7), 手机 \"13800138000\": row 2 has it already",
            "row 7 (line 8), 姓名: must not be empty",
            "row 8 (line 9), 工号: an employee number or a mobile must be given",
            "row 9 (line 10), 工号 \"TAKEN\": another person of the enterprise has it",
            "row 10 (line 11), 手机 \"1.38E+10\": not a mobile number; without a country code it is taken for one of CN",
        ]
    );
}

#[test]
fn a_report_is_written_as_csv_without_formulas_and_as_json() {
    let text = "name,mobile\n甲,=1+1\n";
    let report = run(&mut Naive::default(), text.as_bytes());
    let mut csv = Vec::new();
    report.write_csv(&mut csv).unwrap();
    let csv = String::from_utf8(csv).unwrap();
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("row,line,column,value,reason"));
    assert!(
        lines
            .next()
            .unwrap()
            .starts_with("2,2,mobile,'=1+1,not a mobile number")
    );
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["refused"], 1);
    assert_eq!(json["problems"][0]["row"], 2);
    assert_eq!(json["problems"][0]["reason"]["code"], "phone-format");
}

#[test]
fn a_thousand_bad_rows_among_a_hundred_thousand_lose_no_good_one() {
    let mut text = String::from("姓名,工号,手机,部门,职务,邮箱,账号\n");
    for number in 0..100_000_u64 {
        let mobile = if number % 100 == 7 {
            number
        } else {
            13_900_000_000 + number
        };
        text += &format!(
            "员工{number},E{number},{mobile},总部/部门{},工程师,e{number}@example.com,\n",
            number % 300
        );
    }
    let mut directory = Naive::default();
    let mut seen = Vec::new();
    let report = import(
        Cursor::new(text.as_bytes()),
        &Options::default(),
        &mut directory,
        |progress| seen.push(progress),
    )
    .unwrap();
    assert_eq!((report.created, report.refused), (99_000, 1_000));
    assert_eq!(report.problems.len(), 1_000);
    let rows = report.problems.iter().map(|problem| problem.row);
    assert_eq!(
        rows.collect::<Vec<_>>(),
        (0..1_000).map(|bad| bad * 100 + 9).collect::<Vec<_>>()
    );
    assert!(seen.is_sorted_by_key(|progress| (progress.bytes, progress.rows)));
    let last = seen.last().unwrap();
    assert_eq!((last.bytes, last.rows), (text.len() as u64, 100_001));
    assert_eq!(last.bytes_total, text.len() as u64);
}

#[test]
fn the_same_file_again_changes_nothing_and_a_dry_run_never_does() {
    let mut directory = Naive::default();
    let dry = Options {
        dry_run: true,
        ..Options::default()
    };
    let report = import(Cursor::new(EXCEL_GBK), &dry, &mut directory, |_| {}).unwrap();
    assert_eq!((report.dry_run, report.created), (true, 4));
    assert!(directory.people.is_empty());
    assert_eq!(run(&mut directory, EXCEL_GBK).created, 4);
    let again = run(&mut directory, EXCEL_GBK);
    assert_eq!((again.created, again.updated, again.unchanged), (0, 0, 4));
}

#[test]
fn another_products_file_is_read_through_a_column_map() {
    let options: Options = toml::from_str(
        r#"
        columns = { employee-number = "Employee No.", name = "Full Name", mobile = "Phone Number", department = "Team", position = "Job" }
        separators = { list = "|", path = ">" }
        region = "CN"
        "#,
    )
    .unwrap();
    let mut directory = Naive::default();
    let file = Cursor::new(OTHER_PRODUCT);
    let report = import(file, &options, &mut directory, |_| {}).unwrap();
    assert_eq!((report.created, report.refused), (3, 0), "{report}");
    assert_eq!(report.ignored_columns, ["Badge colour"]);
    let wang = &directory.people["1001"];
    assert_eq!(wang.departments, ["HQ/R&D", "HQ/Platform"]);
    assert_eq!(directory.people["1002"].name, "Anne 't Hooft");
    assert_eq!(directory.people["1003"].mobile, "+14155552671");
}

#[test]
fn a_header_that_lacks_or_repeats_a_column_is_refused_by_name() {
    assert_eq!(
        refused("手机,部门\n".as_bytes()),
        "no column 姓名 (name); the header has: 手机, 部门"
    );
    assert!(refused("姓名,部门\n".as_bytes()).contains("手机 (mobile)"));
    assert_eq!(
        refused("姓名,工号,name\n".as_bytes()),
        "the columns 姓名 and name both are 姓名"
    );
    assert!(refused(b"").contains("empty"));
    assert!(refused(b"\n\n").contains("empty"));
}

#[test]
fn a_file_of_another_encoding_sends_nothing() {
    assert!(refused(b"\xff\xfe\xd3\x59").contains("UTF-16"));
    assert!(refused(b"name,mobile\nRen\xe9,1\n").contains("neither UTF-8 nor GBK"));
    let mut late = "姓名,工号\n".to_owned().into_bytes();
    late.extend("王芳,A1\n".repeat(2_000).bytes());
    late.extend(b"\xff\n");
    let mut directory = Naive::default();
    let end = import(
        Cursor::new(late),
        &Options::default(),
        &mut directory,
        |_| {},
    );
    assert!(matches!(
        end,
        Err(ImportError::File(FileError::Undecodable { .. }))
    ));
    assert_eq!(directory.commands, 0);
}

#[test]
fn the_template_imports() {
    let mut directory = Naive::default();
    let report = run(&mut directory, template().as_bytes());
    assert_eq!((report.created, report.refused), (1, 0), "{report}");
    assert!(report.ignored_columns.is_empty());
}

/// Fails at the second command.
struct Failing(Naive);

#[derive(Debug, thiserror::Error)]
#[error("the server is gone")]
struct Gone;

impl Directory for Failing {
    type Error = Gone;

    fn sync(&mut self, rows: &SyncPeopleV1) -> Result<PeopleSyncedV1, Gone> {
        if self.0.commands == 1 {
            return Err(Gone);
        }
        self.0.sync(rows).map_err(|never| match never {})
    }
}

#[test]
fn an_import_that_stopped_says_what_was_done_and_goes_on_with_the_same_file() {
    let rows = (0..700).map(|number| format!("王芳,E{number}\n"));
    let text = "姓名,工号\n".to_owned() + &rows.collect::<String>();
    let mut failing = Failing(Naive::default());
    let file = Cursor::new(text.as_bytes());
    let end = import(file, &Options::default(), &mut failing, |_| {});
    let Err(ImportError::Stopped { report, .. }) = end else {
        panic!("it stops");
    };
    assert_eq!(report.created, 500);
    let report = run(&mut failing.0, text.as_bytes());
    assert_eq!((report.unchanged, report.created), (500, 200));
}

#[test]
fn a_directory_that_forgets_a_row_is_reported() {
    struct Forgetful;
    impl Directory for Forgetful {
        type Error = Infallible;

        fn sync(&mut self, rows: &SyncPeopleV1) -> Result<PeopleSyncedV1, Infallible> {
            let mut synced = Naive::default().sync(rows)?;
            synced.outcomes.remove(0);
            Ok(synced)
        }
    }
    let file = Cursor::new("name,employee number\n甲,1\n乙,2\n".as_bytes());
    let report = import(file, &Options::default(), &mut Forgetful, |_| {}).unwrap();
    assert_eq!((report.created, report.refused), (1, 1));
    assert_eq!(report.problems[0].reason, Reason::Unanswered);
}

fn exported(people: Vec<Person>, encoding: Encoding) -> Vec<u8> {
    let mut file = Vec::new();
    export(people, &mut file, encoding).unwrap();
    file
}

#[test]
fn an_export_imports_as_unchanged_in_every_encoding() {
    let mut directory = Naive::default();
    run(&mut directory, EXCEL_GBK);
    for encoding in [Encoding::Utf8, Encoding::Utf8Bom, Encoding::Gbk] {
        let file = exported(directory.listed(), encoding);
        assert_eq!(
            file.starts_with(b"\xef\xbb\xbf"),
            encoding == Encoding::Utf8Bom
        );
        assert_eq!(
            std::str::from_utf8(&file).is_ok(),
            encoding != Encoding::Gbk
        );
        let report = run(&mut directory, &file);
        assert_eq!((report.unchanged, report.refused), (4, 0), "{report}");
    }
}

fn person() -> impl Strategy<Value = Person> {
    (
        "[=+@'\\- a王𠮷]{0,5}[a王镕]",
        "[=+@'\\-0-9]{0,5}[0-9]",
        proptest::option::of(0..=99_999_999_u32),
        proptest::collection::vec("[a;\\\\研=]{1,3}(/[发;]{1,2}){0,2}", 0..3),
        "[=\",;\n 'a王]{0,6}",
    )
        .prop_map(
            |(name, employee_number, mobile, departments, position)| Person {
                name,
                employee_number,
                mobile: mobile.map_or_else(String::new, |number| format!("+86138{number:08}")),
                departments,
                position,
                email: String::new(),
                external_id: String::new(),
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_the_directory_holds_is_exported_and_imported_unchanged(
        people in proptest::collection::vec(person(), 1..8)
    ) {
        let mut directory = Naive::default();
        let mut mobiles = std::collections::BTreeSet::new();
        for mut person in people {
            if !mobiles.insert(person.mobile.clone()) {
                person.mobile.clear();
            }
            let row = PersonRowV1 {
                row: 0,
                external_id: String::new(),
                name: person.name,
                employee_number: person.employee_number,
                mobile: person.mobile,
                email: String::new(),
                position: person.position,
                departments: person.departments,
            };
            directory.people.insert(key(&row), row);
        }
        let count = u32::try_from(directory.people.len()).unwrap();
        for encoding in [Encoding::Utf8, Encoding::Utf8Bom, Encoding::Gbk] {
            let file = exported(directory.listed(), encoding);
            let report = run(&mut directory, &file);
            prop_assert_eq!(report.unchanged, count, "{:?}: {}", encoding, report);
        }
    }

    #[test]
    fn any_bytes_are_imported_or_refused_without_a_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        header in proptest::bool::ANY,
    ) {
        let mut file = if header { "姓名,工号\n".as_bytes().to_vec() } else { Vec::new() };
        file.extend(bytes);
        let mut directory = Naive::default();
        if let Ok(report) = import(Cursor::new(file), &Options::default(), &mut directory, |_| {}) {
            prop_assert_eq!(report.problems.len(), report.refused as usize);
        }
    }
}
