//! A real file system that is filled to the brim and freed again (SPEC A2): a tmpfs of 24 MiB, in a mount
//! namespace of its own, so that nobody needs rights and nothing is left behind.

#![allow(clippy::unwrap_used)] // A test's own helpers may panic.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::town::Town;
use tempfile::TempDir;
use throng::archive;
use throng::engine::{Engine, ExecuteError, Options};
use throng::log::Directory;
use throng::model::Refusal;
use throng::model::command::PublishedV1;

const DISK: &str = "THRONG_SMALL_DISK";
const DISK_FULL: ExecuteError = ExecuteError::Refused(Refusal::DiskFull);

fn options() -> Options {
    let mut options = Options::default();
    options.log = options.log.with_segment_bytes(1 << 20);
    options
}

/// The test below, which runs itself again on the small disk.
const TEST: &str = "small_disk::a_small_file_system_is_filled_to_the_brim_and_freed_and_nothing_acknowledged_is_lost";

#[test]
fn a_small_file_system_is_filled_to_the_brim_and_freed_and_nothing_acknowledged_is_lost() {
    if let Some(disk) = std::env::var_os(DISK) {
        fill_and_free(Path::new(&disk));
        return;
    }
    let namespace = ["--map-root-user", "--mount"];
    let may = Command::new("unshare").args(namespace).arg("true").status();
    if !may.is_ok_and(|status| status.success()) {
        eprintln!("NOT CHECKED: this system allows no mount namespace");
        return;
    }
    let disk = TempDir::new().unwrap();
    let again = Command::new("unshare")
        .args(namespace)
        .args([
            "sh",
            "-c",
            "mount -t tmpfs -o size=24m tmpfs \"$1\" && shift && exec \"$@\"",
            "sh",
        ])
        .arg(disk.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--nocapture", "--exact", TEST])
        .env(DISK, disk.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&again.stdout);
    print!("{said}{}", String::from_utf8_lossy(&again.stderr));
    assert!(
        again.status.success(),
        "on the small disk: {}",
        again.status
    );
    assert!(said.contains("1 passed"), "the name of the test is wrong");
}

fn fill_and_free(disk: &Path) {
    let filler = disk.join("filler");
    fs::write(&filler, vec![1; 12 << 20]).unwrap();
    let data = disk.join("log");
    let storage = Directory::open(&data).unwrap();
    let town = Town::on(std::sync::Arc::new(storage), options(), 4);
    let group = town.group(4);
    let body = |number: u128| format!("{number:0>4000}");
    let mut told: Vec<(u128, PublishedV1)> = Vec::new();
    let say = |town: &Town, number| town.say(group, town.people[0], number, &body(number));
    for round in 0..3_u128 {
        let full = loop {
            let number = told.len() as u128 + 1;
            match say(&town, number) {
                Ok(published) => told.push((number, published)),
                Err(error) => break error,
            }
            assert!(told.len() < 20_000, "the disk never fills");
        };
        assert_eq!(full, DISK_FULL, "after {} messages", told.len());
        assert!(!town.engine.has_stopped());
        let (number, last) = told.last().unwrap();
        let read = town.engine.reader().read(last.record, 1).unwrap();
        assert_eq!(
            read[0].envelope.body(),
            body(*number).as_bytes(),
            "reads live on"
        );
        if round == 0 {
            town.leave(group, town.people[3])
                .expect("leaving works on a full disk");
        }
        // A third of the room at a time.
        let left = fs::metadata(&filler).unwrap().len().saturating_sub(4 << 20);
        fs::OpenOptions::new()
            .write(true)
            .open(&filler)
            .unwrap()
            .set_len(left)
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        let number = told.len() as u128 + 1;
        let published = loop {
            match say(&town, number) {
                Ok(published) => break published,
                Err(error) => assert_eq!(error, DISK_FULL),
            }
            assert!(Instant::now() < deadline, "it does not recover by itself");
            std::thread::sleep(Duration::from_millis(50));
        };
        told.push((number, published));
    }
    println!(
        "{} messages acknowledged, the disk full three times",
        told.len()
    );
    town.engine.clone().close().unwrap();
    let storage = Directory::open_existing(&data).unwrap();
    let report = archive::verify(&storage, 2, &|_| {}).unwrap();
    assert!(report.is_sound(), "{report:?}");
    drop(storage);
    let engine = Engine::open(&data, options()).unwrap();
    let reader = engine.reader();
    for (number, published) in &told {
        let read = reader.read(published.record, 1).unwrap();
        assert_eq!(
            read[0].envelope.body(),
            body(*number).as_bytes(),
            "message {number}"
        );
    }
    engine.close().unwrap();
}
