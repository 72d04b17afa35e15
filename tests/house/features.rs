//! What docs/features.md promises is there: every requirement of the sections done so far has a row,
//! every module it names exists, and every test it names is a test.

#![allow(clippy::unwrap_used)] // A test's own helpers may panic.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Sections done so far, and how many requirements each has.
const SECTIONS: &[(char, u32)] = &[
    ('D', 10),
    ('G', 10),
    ('M', 6),
    ('P', 3),
    ('Q', 6),
    ('A', 8),
    ('L', 1),
];

/// Requirements done ahead of the rest of their section.
const AHEAD: &[&str] = &["S12"];

struct Row {
    modules: Vec<String>,
    tests: Vec<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn quoted(cell: &str) -> Vec<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

fn rows() -> BTreeMap<String, Row> {
    let text = fs::read_to_string(root().join("docs/features.md")).unwrap();
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [id, _, modules, tests] = cells[..] else {
            panic!("four columns: {line}");
        };
        let in_section = id
            .starts_with(|c: char| SECTIONS.iter().any(|(section, _)| *section == c))
            && id[1..].starts_with(|c: char| c.is_ascii_digit());
        if !in_section && !AHEAD.contains(&id) {
            continue;
        }
        let row = Row {
            modules: quoted(modules),
            tests: quoted(tests),
        };
        assert!(rows.insert(id.to_owned(), row).is_none(), "{id} twice");
    }
    rows
}

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|it| it == "rs") {
            out.push(path);
        }
    }
}

/// The functions in `source` that the test harness runs.
fn tests_in(source: &str, names: &mut BTreeSet<String>) {
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some(rest) = line.strip_prefix("async fn ").or(line.strip_prefix("fn ")) {
            if is_test {
                let name = rest.split(['(', '<']).next().unwrap();
                names.insert(name.to_owned());
            }
            is_test = false;
        } else if !line.starts_with("#[") && !line.starts_with("//") && !line.is_empty() {
            is_test = false;
        }
    }
}

fn all_tests() -> BTreeSet<String> {
    let mut files = Vec::new();
    for folder in ["src", "tests", "loadtest/src"] {
        sources(&root().join(folder), &mut files);
    }
    let mut names = BTreeSet::new();
    for file in files {
        tests_in(&fs::read_to_string(file).unwrap(), &mut names);
    }
    names
}

#[test]
fn every_requirement_done_so_far_has_a_row() {
    let rows = rows();
    for (section, count) in SECTIONS {
        for number in 1..=*count {
            let id = format!("{section}{number}");
            assert!(
                rows.contains_key(&id),
                "{id} has no row in docs/features.md"
            );
        }
    }
    for id in AHEAD {
        assert!(
            rows.contains_key(*id),
            "{id} has no row in docs/features.md"
        );
    }
    let wanted: u32 = SECTIONS.iter().map(|(_, count)| count).sum();
    let wanted = wanted as usize + AHEAD.len();
    assert_eq!(rows.len(), wanted, "a row for each and no other");
}

#[test]
fn every_module_and_every_test_that_a_row_names_is_there() {
    let tests = all_tests();
    for (id, row) in rows() {
        assert!(!row.modules.is_empty(), "{id} names no module");
        for module in row.modules {
            assert!(
                root().join(&module).exists(),
                "{id}: {module} does not exist"
            );
        }
        assert!(!row.tests.is_empty(), "{id} names no test");
        for test in row.tests {
            assert!(tests.contains(&test), "{id}: {test} is no test");
        }
    }
}

#[test]
fn only_what_the_harness_runs_counts_as_a_test() {
    let mut names = BTreeSet::new();
    let source = "#[test]\nfn one() {}\nfn two() {}\n#[test]\n#[should_panic]\nfn three() {}\n\
                  // #[test]\nfn four() {}\n#[tokio::test]\nasync fn five() {}";
    tests_in(source, &mut names);
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    assert_eq!(names, ["five", "one", "three"]);
}
