//! An encrypted log that somebody without the master key has changed (SPEC A4, A8): nothing of it is
//! believed, and verification says so without a key.

use crate::written;
use std::io::IoSlice;

use throng::archive;
use throng::log::storage::Faulty;
use throng::log::{Config, Encryption, MasterKey, Storage};
use throng::wire::RecordNumber;

fn sealed() -> Config {
    let mut config = written::config();
    config.encryption = Some(Encryption::new(MasterKey::new([1; 32])));
    config
}

/// A disk with a closed log of two records. The same bytes whatever `config` seals.
fn log_of(config: Config) -> Faulty {
    let disk = Faulty::new(9);
    let (mut log, _) = written::open_with(&disk, 1, config).expect("it opens");
    written::append(&mut log, 2);
    log.close().expect("it closes");
    disk
}

#[test]
fn a_plain_record_slipped_into_a_sealed_log_is_not_believed() {
    let (disk, plain) = (log_of(sealed()), log_of(written::config()));
    let name = &written::segments(&disk)[0].0;
    let forged = plain.open(name).expect("of the same log by its ids");
    let mut bytes = vec![0; forged.len().expect("a length") as usize];
    forged.read_at(&mut bytes, 0).expect("readable");
    let file = disk.open(name).expect("it is there");
    file.write_at(&mut [IoSlice::new(&bytes)], 0)
        .expect("written");
    let (log, recovered) = written::open_with(&disk, 2, sealed()).expect("every checksum fits");
    assert_eq!(recovered.next, RecordNumber(2));
    let read = log.reader().read(RecordNumber(0), 700);
    let error = read
        .expect_err("nobody with the key wrote this")
        .to_string();
    assert!(error.contains("seal does not fit"), "{error}");
}

#[test]
fn verification_needs_no_key_and_finds_a_keyring_that_is_missing_or_changed() {
    let damage = |spoil: &dyn Fn(&Faulty)| {
        let disk = log_of(sealed());
        spoil(&disk);
        let report = archive::verify(&disk, 1, &|_| {}).expect("it can be read");
        let opened = written::open_with(&disk, 1, sealed());
        let lost = opened.map(|(_, recovered)| recovered.lost_keys);
        let is_whole = lost.is_ok_and(|lost| lost.is_empty());
        assert_eq!(is_whole, report.is_sound(), "{report:?}");
        let files = report.damage.into_iter().map(|damage| damage.file);
        files.collect::<Vec<_>>()
    };
    assert!(damage(&|_| {}).is_empty());
    assert_eq!(
        damage(&|disk| disk.remove("keyring").expect("it is there")),
        ["keyring"]
    );
    for entry in 0..3 {
        // A header of 128 bytes, then an entry of 128 a key, the second half of which is the key. Nobody
        // asked for these to be destroyed.
        let wipe = |disk: &Faulty| {
            let file = disk.open("keyring").expect("it is there");
            let zeros = &mut [IoSlice::new(&[0; 64])];
            file.write_at(zeros, 128 + 128 * entry + 64)
                .expect("written");
        };
        assert_eq!(damage(&wipe), ["keyring"], "entry {entry}");
    }
}
