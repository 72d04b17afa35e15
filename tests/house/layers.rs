//! The house keeps its shape: imports run downwards, and no file grows past reading.

use std::fs;
use std::path::{Path, PathBuf};

/// Floors from the ground up; a file may import from its own floor and those below.
const FLOORS: &[&[&str]] = &[
    &["wire", "picture"],
    &["model", "log"],
    &["roster"],
    &["archive"],
    &["engine"],
    &["shard"],
    &["quic", "client"],
    &["config"],
    &["admin", "hook"],
    &["cli"],
];

/// Floors that wait on nothing and so need no runtime.
const WITHOUT_TOKIO: &[&str] = &[
    "wire", "picture", "model", "log", "roster", "archive", "engine", "shard",
];

const LINES_MAX: usize = 520;

fn floor_of(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("the source folder is there") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// Every module of ours that a source names as `crate::module`.
fn imports(source: &str) -> impl Iterator<Item = &str> {
    let code = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| {
            rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .next()
                .unwrap_or("")
        })
}

fn violations(module: &str, source: &str) -> Vec<String> {
    let Some(own) = floor_of(module) else {
        return vec![format!("{module} is on no floor")];
    };
    let upwards = imports(source)
        .filter(|import| {
            floor_of(import).is_some_and(|floor| floor > own || (floor == own && import != &module))
        })
        .map(|import| format!("{module} imports {import}"));
    let tokio = (WITHOUT_TOKIO.contains(&module) && source.contains("tokio::"))
        .then(|| format!("{module} uses tokio"));
    upwards.chain(tokio).collect()
}

#[test]
fn imports_run_downwards() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for file in rust_files(&src) {
        let inside = file.strip_prefix(&src).expect("found under src");
        let module = inside
            .components()
            .next()
            .expect("a name")
            .as_os_str()
            .to_string_lossy()
            .into_owned();
        if inside.components().count() == 1 {
            continue; // lib.rs and main.rs see every floor.
        }
        let source = fs::read_to_string(&file).expect("a readable file");
        found.extend(
            violations(&module, &source)
                .into_iter()
                .map(|what| format!("{}: {what}", inside.display())),
        );
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn an_import_that_runs_upwards_is_seen() {
    assert_eq!(
        violations("model", "use crate::engine::Port;"),
        ["model imports engine"]
    );
    assert_eq!(
        violations("log", "use crate::model::State;"),
        ["log imports model"]
    );
    assert!(violations("engine", "use crate::{model, wire};\nuse crate::log::Log;").is_empty());
    assert_eq!(
        violations("shard", "tokio::spawn(run())"),
        ["shard uses tokio"]
    );
}

#[test]
fn files_stay_readable() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["src", "tests", "benches", "examples", "loadtest/src"];
    let long: Vec<String> = folders
        .iter()
        .flat_map(|folder| rust_files(&root.join(folder)))
        .filter_map(|file| {
            let lines = fs::read_to_string(&file)
                .expect("a readable file")
                .lines()
                .count();
            (lines > LINES_MAX).then(|| format!("{}: {lines} lines", file.display()))
        })
        .collect();
    assert!(long.is_empty(), "split these: {long:#?}");
}
