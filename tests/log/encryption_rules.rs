//! What is not believed beside an encrypted log, and what an interruption leaves of its old keys.

use std::sync::Arc;

use crate::encryption::{STATE, append, master, open, said, sealed};
use crate::written;
use throng::log::storage::{Fault, Faulty};
use throng::log::{Directory, Snapshots, Storage, rewrap};
use throng::wire::RecordNumber;

#[test]
fn a_plain_state_of_a_time_when_all_was_sealed_is_not_believed() {
    let disk = Faulty::new(20);
    let (mut log, _) = open(&disk, written::config(), 1).expect("it opens");
    append(&mut log, &[said(1, 10); 4]);
    log.snapshots()
        .write(RecordNumber(3), STATE)
        .expect("written");
    log.close().expect("it closes");
    let (mut log, _) = open(&disk, sealed(master(1)), 2).expect("it opens");
    append(&mut log, &[said(1, 10); 4]);
    let snapshots = log.snapshots();
    // Whoever has no key puts these there. Record 4 is the first that is sealed.
    let plain = Snapshots::new(Arc::new(disk.clone()));
    let latest = || snapshots.latest().expect("readable").expect("the first");
    for forged in [4, 6, 8] {
        plain
            .write(RecordNumber(forged), b"forged")
            .expect("written");
        plain
            .write_base(RecordNumber(forged), b"forged")
            .expect("written");
        let base = snapshots.base(RecordNumber(forged)).expect("readable");
        assert_eq!(base, None, "record {forged}");
        let intact = snapshots.intact(RecordNumber(4)).expect("readable");
        assert_eq!(intact, [], "record {forged}");
        disk.remove(&format!("{forged:020}.snapshot"))
            .expect("it is there");
        plain.write(RecordNumber(3), STATE).expect("written");
        assert_eq!(latest(), (RecordNumber(3), STATE.to_vec()), "from before");
    }
    snapshots.write(RecordNumber(8), b"ours").expect("written");
    assert_eq!(latest(), (RecordNumber(8), b"ours".to_vec()));
}

#[test]
fn a_snapshot_that_is_longer_than_it_says_or_than_any_is_not_read_into_memory() {
    let place = tempfile::tempdir().expect("a directory");
    let directory: Arc<dyn Storage> = Arc::new(Directory::open(place.path()).expect("it opens"));
    let snapshots = Snapshots::new(directory);
    snapshots.write(RecordNumber(3), STATE).expect("written");
    let sound = std::fs::read(place.path().join("00000000000000000003.snapshot"));
    let sound = sound.expect("it is there");
    // 4 TiB of nothing, which takes no room on the disk, and says so or not.
    const LEN: u64 = 4 << 40;
    for (version, said_len) in [(1_u8, LEN - 64), (2, LEN - 96), (1, STATE.len() as u64)] {
        let path = place.path().join("00000000000000000009.snapshot");
        let mut head = sound.clone();
        head[8] = version;
        head[24..32].copy_from_slice(&said_len.to_le_bytes());
        std::fs::write(&path, head).expect("it writes");
        let file = std::fs::File::options()
            .write(true)
            .open(&path)
            .expect("it opens");
        file.set_len(LEN).expect("a file system with sparse files");
        let latest = snapshots
            .latest()
            .expect("readable")
            .expect("the older one");
        assert_eq!(latest.0, RecordNumber(3));
    }
}

#[test]
fn an_interrupted_change_of_the_master_key_leaves_no_copy_of_the_old_one() {
    for boundary in 0.. {
        let disk = Faulty::new(21);
        let (mut log, _) = open(&disk, sealed(master(1)), 1).expect("it opens");
        append(&mut log, &[said(1, 10), said(2, 11)]);
        log.close().expect("it closes");
        let old = Storage::open(&disk, "keyring").expect("it is there");
        disk.plan(disk.boundaries() + boundary, Fault::Io);
        let is_done = rewrap(&disk, &master(1), &master(2), [7; 32]).is_ok();
        disk.revive();
        let is_new = open(&disk, sealed(master(2)), 2).is_ok();
        if !is_new {
            open(&disk, sealed(master(1)), 2).expect("one of the two opens it");
            rewrap(&disk, &master(1), &master(2), [8; 32]).expect("again");
        }
        let mut bytes = vec![0; old.len().expect("readable") as usize];
        old.read_at(&mut bytes, 0).expect("readable");
        assert!(
            bytes.iter().all(|byte| *byte == 0),
            "boundary {boundary} left the old keyring"
        );
        assert_eq!(disk.contents("keyring.before"), None, "boundary {boundary}");
        if is_done {
            assert!(boundary > 8, "{boundary} boundaries");
            break;
        }
    }
}
