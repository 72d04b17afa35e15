//! What the documents point to exists.

#![allow(clippy::unwrap_used)] // Also in what the tests share.

use std::fs;
use std::path::{Path, PathBuf};

const DOCUMENTS: &[&str] = &[
    "README.md",
    "docs/archive.md",
    "docs/architecture.md",
    "docs/benchmarks.md",
    "docs/features.md",
    "docs/log.md",
    "docs/operations.md",
    "docs/vocabulary.md",
    "docs/wire.md",
];

fn read(path: impl AsRef<Path>) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn rust_sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_sources(&path, out);
        } else if path.extension().is_some_and(|it| it == "rs") {
            out.push(path);
        }
    }
}

#[test]
fn every_local_link_leads_somewhere() {
    for document in DOCUMENTS {
        let text = read(document);
        let folder = Path::new(document).parent().unwrap();
        for link in text.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let path = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join(folder)
                .join(target);
            assert!(path.exists(), "{document} links to {target}");
        }
    }
}

#[test]
fn every_test_named_beside_an_invariant_exists() {
    let mut sources = Vec::new();
    for folder in ["src", "tests"] {
        rust_sources(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join(folder),
            &mut sources,
        );
    }
    let code: String = sources.iter().map(read).collect();
    let architecture = read("docs/architecture.md");
    let (_, invariants) = architecture.split_once("## Invariants").unwrap();
    let rows: Vec<_> = invariants
        .lines()
        .filter(|line| {
            line.starts_with("| ") && line[2..].starts_with(|c: char| c.is_ascii_digit())
        })
        .collect();
    assert_eq!(rows.len(), 10, "ten invariants");
    for row in rows {
        let tests = row.rsplit('|').nth(1).unwrap();
        let named: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test in: {row}");
        for test in named {
            assert!(
                code.contains(&format!("fn {test}(")),
                "{test} does not exist"
            );
        }
    }
}

#[test]
fn every_test_named_beside_a_promise_to_auditors_exists() {
    let mut sources = Vec::new();
    for folder in ["src", "tests"] {
        rust_sources(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join(folder),
            &mut sources,
        );
    }
    let code: String = sources.iter().map(read).collect();
    let archive = read("docs/archive.md");
    let tables: Vec<_> = archive.split("| promise | tests |\n|---|---|\n").collect();
    assert!(tables.len() > 2, "of the transparency log, of exports");
    for table in &tables[1..] {
        let rows: Vec<_> = table
            .lines()
            .take_while(|it| it.starts_with("| "))
            .collect();
        assert!(rows.len() > 4, "{rows:?}");
        for row in rows {
            let named: Vec<_> = row.rsplit('|').nth(1).unwrap().split('`').collect();
            assert!(named.len() > 1, "no test in: {row}");
            for test in named.into_iter().skip(1).step_by(2) {
                assert!(
                    code.contains(&format!("fn {test}(")),
                    "{test} does not exist"
                );
            }
        }
    }
}

#[test]
fn every_bench_and_scenario_that_is_named_exists() {
    for document in DOCUMENTS {
        let text = read(document);
        for bench in text.split("--bench ").skip(1) {
            let name: String = bench
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            read(format!("benches/{name}.rs"));
        }
        for scenario in text.split("loadtest/scenarios/").skip(1) {
            if let Some((name, _)) = scenario.split_once(".toml") {
                read(format!("loadtest/scenarios/{name}.toml"));
            }
        }
    }
}
