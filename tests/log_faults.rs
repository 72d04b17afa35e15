//! Faults of a real disk, injected by name at the directory's IO. Needs `--features failpoints`.

#![cfg(feature = "failpoints")]

#[path = "support/written.rs"]
mod written;

use std::sync::Arc;

use fail::FailScenario;
use tempfile::TempDir;
use throng::log::storage::Random;
use throng::log::{AppendError, Class, Directory, Log};
use written::{Written, append, config, read_all};

fn open(directory: &TempDir) -> Log {
    let storage = Directory::open(directory.path()).expect("nobody has it");
    let opened = Log::open(Arc::new(storage), config(), [1; 32]);
    opened.expect("it opens").0
}

fn fails_for_good(fault: &str, action: &str) {
    let scenario = FailScenario::setup();
    let directory = TempDir::new().expect("a temporary directory");
    let mut log = open(&directory);
    append(&mut log, 6);
    fail::cfg(fault, action).expect("a known fault");
    let written = Written::new(6, &mut Random::new(0));
    let failed = log.append(&[written.entry()]).expect_err("the disk failed");
    assert!(matches!(failed, AppendError::Storage(_)), "{failed}");
    fail::remove(fault);
    assert_eq!(log.reader().durable().0, 6, "nothing was acknowledged");
    let failed = log
        .append(&[written.entry()])
        .expect_err("a retry would lie");
    assert!(matches!(failed, AppendError::Poisoned));
    drop(log);
    let log = open(&directory);
    assert!(log.next().0 >= 6);
    read_all(&log);
    scenario.teardown();
}

#[test]
fn a_failed_sync_means_no_acknowledgement_after_it() {
    fails_for_good("log::sync", "return(eio)");
}

#[test]
fn a_failed_write_means_no_acknowledgement_after_it() {
    fails_for_good("log::write", "return(eio)");
    fails_for_good("log::write", "return(enospc)");
}

#[test]
fn short_writes_are_carried_on() {
    let scenario = FailScenario::setup();
    let directory = TempDir::new().expect("a temporary directory");
    fail::cfg("log::write_short", "return").expect("a known fault");
    let mut log = open(&directory);
    append(&mut log, 60);
    log.close().expect("it closes");
    fail::remove("log::write_short");
    assert_eq!(read_all(&open(&directory)).len(), 60);
    scenario.teardown();
}

#[test]
fn a_full_disk_refuses_and_recovers_without_a_restart() {
    let scenario = FailScenario::setup();
    let directory = TempDir::new().expect("a temporary directory");
    let mut log = open(&directory);
    let space = log.space();
    fail::cfg("log::allocate", "return(enospc)").expect("a known fault");
    let written = (0..).map(|number| Written::new(number, &mut Random::new(0)));
    for written in written {
        if space.reserve(written.len(), Class::Normal).is_err() {
            break;
        }
        log.append(&[written.entry()])
            .expect("what was reserved can be appended");
        log.idle().expect("a full disk is no error");
    }
    fail::remove("log::allocate");
    log.idle().expect("space came back");
    space.reserve(500, Class::Normal).expect("and can be used");
    scenario.teardown();
}
