//! A backup that is put back, as an operator does it.

#![allow(clippy::unwrap_used)] // Also in what the tests share.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::command::{
    DAMAGED, Serving, bootstrapped, complaint, place, run, run_well, serve, text,
};

/// Segments are preallocated: their holes are not copied.
fn copy(from: &Path, to: &Path) {
    let mut cp = Command::new("cp");
    cp.args(["-a", "--sparse=always", text(&from.join(".")), text(to)]);
    assert!(cp.status().unwrap().success());
}

fn origin(data: &Path) -> String {
    let note = fs::read_to_string(data.join("tlog/checkpoint")).unwrap();
    note.lines().next().unwrap().to_owned()
}

#[test]
fn a_backup_that_is_put_back_does_not_start_until_it_is_said_to_be_one() {
    let (place, older, elsewhere) = (place(), place(), place());
    let (data, older) = (place.path(), older.path());
    let seen = elsewhere.path().join("throng");
    let flags = ["--tlog-seen-directory", text(&seen)];
    bootstrapped(data);
    let line = complaint(&mut serve(data, &flags));
    assert!(line.contains("mount its disk"), "{line}");
    fs::create_dir(&seen).unwrap();
    assert!(Serving::start(&mut serve(data, &flags)).stop().0.success());
    copy(data, older);
    let served = Serving::start(&mut serve(data, &flags));
    let address = served.quic.to_string();
    run_well(&[
        "archive",
        "hold",
        "--data",
        text(data),
        "--server",
        &address,
        "--tenant",
        "1",
        "--from",
        "2026-01-01",
        "--until",
        "2026-03-31",
        "--reason",
        "case 17",
    ]);
    assert!(served.stop().0.success());

    let line = complaint(&mut serve(older, &flags));
    assert!(line.contains("this is an older copy"), "{line}");
    assert!(line.contains("--restored-copy --seen FILE"), "{line}");
    let refused = run(&[
        "archive",
        "repair",
        text(older),
        "--seen",
        text(&seen.join("checkpoint")),
    ]);
    assert_eq!(
        refused.status.code(),
        Some(DAMAGED),
        "it is behind, and nobody has said so"
    );
    let repair = ["archive", "repair", text(older), "--restored-copy"];
    let last = seen.join("checkpoint");
    let said = run_well(&[&repair[..], &["--seen", text(&last)]].concat());
    assert!(said.contains("the log is a restored copy"), "{said}");
    assert!(Serving::start(&mut serve(older, &flags)).stop().0.success());
    assert_ne!(origin(data), origin(older));
    run_well(&["archive", "verify", text(older)]);
    let line = complaint(&mut serve(data, &flags));
    assert!(line.contains("this is an older copy"), "{line}");
}

#[test]
fn lost_tiles_are_made_again_by_a_repair_and_a_lost_checkpoint_is_named() {
    let place = place();
    let data = place.path();
    bootstrapped(data);
    assert!(Serving::start(&mut serve(data, &[])).stop().0.success());
    let verify = ["archive", "verify", text(data)];
    let repair = ["archive", "repair", text(data)];
    assert_eq!(run_well(&repair), "nothing to repair\n");
    fs::remove_dir_all(data.join("tlog/tile/entries")).unwrap();
    let named = run(&verify);
    assert_eq!(named.status.code(), Some(DAMAGED));
    let named = String::from_utf8(named.stdout).unwrap();
    assert!(named.contains("tile/entries/000.p/"), "{named}");
    let said = run_well(&repair);
    assert!(said.ends_with("made again from the log: 1\n"), "{said}");
    run_well(&verify);
    fs::remove_file(data.join("tlog/checkpoint")).unwrap();
    assert_eq!(run(&verify).status.code(), Some(DAMAGED));
    let line = complaint(&mut serve(data, &[]));
    assert!(
        line.contains("there are tiles and no `checkpoint`"),
        "{line}"
    );
}
