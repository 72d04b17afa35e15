//! An encrypted log, run as an operator would: the key comes from a file or a command, and what is
//! wrong with it is one line.

#![allow(clippy::unwrap_used)] // Also in what the tests share.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::command::{Serving, complaint, place, run_well, serve, text, throng};

fn key_file(folder: &Path, name: &str, digit: char) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, digit.to_string().repeat(64)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn is_in_log(data: &Path, needle: &[u8]) -> bool {
    fs::read_dir(data.join("log")).unwrap().any(|entry| {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

#[test]
fn a_log_is_encrypted_from_bootstrap_on_and_opened_with_its_key_only() {
    let (place, keys) = (place(), place());
    let (data, key) = (place.path(), key_file(keys.path(), "master", 'a'));
    let file = ["--encryption-key-file", text(&key)];
    // As `serve` will read it: the first records are under SM4-GCM too.
    let config = keys.path().join("throng.toml");
    let knobs = format!(
        "[encryption]\nkey_file = \"{}\"\nalgorithm = \"sm4-gcm\"\n",
        text(&key)
    );
    fs::write(&config, knobs).unwrap();
    run_well(&[
        "bootstrap",
        "--data",
        text(data),
        "--tenant",
        "Hush Hush",
        "--config",
        text(&config),
    ]);
    assert!(data.join("log/keyring").exists());
    assert!(!is_in_log(data, b"Hush Hush"));
    let segment = fs::read(data.join("log/00000000000000000000.segment")).unwrap();
    let (first_frame, seal_algorithm) = (128 + 64, 36);
    assert_eq!(
        segment[first_frame + seal_algorithm],
        2,
        "SM4-GCM (docs/log.md)"
    );

    let line = complaint(&mut serve(data, &[]));
    assert!(line.contains("encrypted under master key"), "{line}");
    assert!(line.contains("encryption.key_file"), "{line}");
    let other = key_file(keys.path(), "other", 'b');
    let line = complaint(&mut serve(data, &["--encryption-key-file", text(&other)]));
    assert!(line.contains("the one given is"), "{line}");
    fs::set_permissions(&other, fs::Permissions::from_mode(0o644)).unwrap();
    let line = complaint(&mut serve(data, &["--encryption-key-file", text(&other)]));
    assert!(line.contains("chmod 600"), "{line}");

    let print = format!("cat {}", text(&key));
    let served = Serving::start(&mut serve(data, &["--encryption-key-command", &print]));
    assert!(served.stop().0.success());

    let inspect = ["archive", "inspect", text(data), "0"];
    let shown = run_well(&[&inspect[..], &file].concat());
    assert!(shown.contains("Hush Hush"), "{shown}");
    let line = complaint(&mut throng(&inspect));
    assert!(line.contains("is sealed"), "{line}");
    run_well(&["archive", "verify", text(data)]);

    fs::set_permissions(&other, fs::Permissions::from_mode(0o600)).unwrap();
    let rewrap = [
        "archive",
        "rewrap",
        text(data),
        "--new-key-file",
        text(&other),
    ];
    run_well(&[&rewrap[..], &file].concat());
    let shown = run_well(&[&inspect[..], &["--encryption-key-file", text(&other)]].concat());
    assert!(shown.contains("Hush Hush"), "{shown}");
    complaint(throng(&inspect).args(file));
}
