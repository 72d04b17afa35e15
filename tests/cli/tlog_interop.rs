//! The transparency log to those who share no code with it: an auditor in Go, on golang.org/x/mod's
//! `sumdb/note` and `sumdb/tlog`, against a running server and against four tampered copies.
//!
//! Needs Go and golang.org/x/mod: `apt-get install golang-go golang-golang-x-mod-dev`.

#![allow(clippy::unwrap_used)] // Also in what the tests share.

use crate::command;
use crate::town;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::command::{Serving, bootstrapped, place, run, run_well, serve, text};
use throng::archive::tlog::{
    Checkpoint, Edge, Hash, Part, SigningKey, Tile, decode_entries, encode_entries, leaf_hash,
    tiles_of,
};
use throng::engine::{Engine, Options};

/// The auditor, built for one test: what Go has compiled is kept.
fn auditor() -> PathBuf {
    static BUILT: AtomicU32 = AtomicU32::new(0);
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let number = BUILT.fetch_add(1, Ordering::Relaxed);
    let program = tmp.join(format!("auditor-{}-{number}", std::process::id()));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/auditor/main.go");
    let built = Command::new("go")
        .args(["build", "-o", text(&program), source])
        .env("GO111MODULE", "off")
        .env("GOPATH", "/usr/share/gocode")
        .env("GOCACHE", tmp.join("go-cache"))
        .env("GOFLAGS", "")
        .output()
        .expect("Go is needed: apt-get install golang-go golang-golang-x-mod-dev");
    let said = String::from_utf8_lossy(&built.stderr).into_owned();
    assert!(built.status.success(), "{said}");
    program
}

pub(crate) struct Auditor {
    program: PathBuf,
    key: String,
}

impl Drop for Auditor {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.program);
    }
}

impl Auditor {
    pub(crate) fn new(key: &str) -> Self {
        Self {
            program: auditor(),
            key: key.to_owned(),
        }
    }

    fn ask(&self, from: &str, more: &[&str]) -> Output {
        let known = ["-key", &self.key, "-from", from];
        let mut command = Command::new(&self.program);
        command.args(known).args(more).output().unwrap()
    }

    pub(crate) fn agrees(&self, from: &str, more: &[&str]) -> String {
        let output = self.ask(from, more);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What it says is wrong, in one line.
    pub(crate) fn objects(&self, from: &Path, more: &[&str]) -> String {
        let output = self.ask(text(from), more);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with("FAILED: "), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        said
    }
}

pub(crate) fn append(data: &Path, records: u64) {
    let engine = Engine::open(&data.join("log"), Options::default()).unwrap();
    let before = engine.durable().0;
    for _ in 0..records {
        engine.create_tenant(town::tenant("Another")).unwrap();
    }
    assert_eq!(engine.durable().0, before + records);
    engine.close().unwrap();
}

/// Serves until all `records` are published, and calls `look` with the address.
fn serving(data: &Path, records: u64, look: impl FnOnce(&str)) {
    let serving = Serving::start(&mut serve(data, &[]));
    let deadline = Instant::now() + Duration::from_secs(60);
    let published = |(status, body): (u16, String)| {
        status == 200 && body.lines().nth(1) == Some(records.to_string().as_str())
    };
    while !published(serving.get("/checkpoint")) {
        assert!(Instant::now() < deadline, "it is never published");
        std::thread::sleep(Duration::from_millis(20));
    }
    let metrics = serving.get("/metrics").1;
    assert!(
        metrics.contains(&format!("\nthrong_tlog_size {records}\n")),
        "{metrics}"
    );
    assert!(
        metrics.contains("\nthrong_tlog_lag_seconds 0\n"),
        "{metrics}"
    );
    look(&format!("http://{}", serving.http));
    assert!(serving.stop().0.success());
}

fn stats(data: &Path) -> serde_json::Value {
    let said = run_well(&["archive", "stats", text(data), "--json"]);
    serde_json::from_str(&said).unwrap()
}

fn commitments(published: &Path, size: u64) -> Vec<Hash> {
    let bundles = tiles_of(0, size).filter(|tile| tile.part() == Part::Entries);
    bundles
        .flat_map(|tile| {
            decode_entries(&fs::read(published.join(tile.to_string())).unwrap()).unwrap()
        })
        .collect()
}

/// Writes a whole tree, as one who has the directory could; returns its root.
fn write_tree(published: &Path, commitments: &[Hash]) -> Hash {
    let write = |tile: Tile, bytes: &[u8]| {
        let path = published.join(tile.to_string());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    let mut edge = Edge::default();
    for commitment in commitments {
        edge.push(leaf_hash(commitment), |tile, hashes| {
            write(tile, &hashes.concat());
        });
    }
    for tile in tiles_of(0, edge.size()) {
        match tile.part() {
            Part::Entries => {
                let from = tile.number() as usize * 256;
                let some = &commitments[from..from + tile.width() as usize];
                write(tile, &encode_entries(some));
            }
            Part::Hashes(level) if !tile.is_full() => {
                write(tile, &edge.hashes(level.into()).concat());
            }
            Part::Hashes(_) => {}
        }
    }
    edge.root()
}

#[test]
fn a_go_auditor_follows_a_running_server_and_finds_every_tampering() {
    let place = place();
    let data = place.path().join("data");
    bootstrapped(&data);
    append(&data, 300);
    serving(&data, 302, |_| ());
    let first = stats(&data);
    assert_eq!(
        (&first["size"], &first["unsigned"]),
        (&302.into(), &0.into())
    );
    let auditor = Auditor::new(first["key"].as_str().unwrap());
    let published = data.join("tlog");
    let old = place.path().join("old-checkpoint");
    fs::copy(published.join("checkpoint"), &old).unwrap();

    append(&data, 299);
    let size = 601;
    serving(&data, size, |address| {
        let more = ["-old", text(&old), "-records", "0,255,256,301,302,511,600"];
        let said = auditor.agrees(address, &more);
        assert!(said.starts_with("holds: 601 records, root "), "{said}");
        assert!(said.ends_with(", 7 proved\n"), "{said}");
    });
    assert!(
        run_well(&["archive", "verify", text(&data)])
            .ends_with("transparency log agrees with the log: 601 records signed, 0 not yet\n")
    );

    // Whoever has the directory but not the key: every tile is made anew to fit the changed entries.
    let honest = commitments(&published, size);
    let tampered = |name: &str, change: &dyn Fn(&mut Vec<Hash>)| {
        let copy = place.path().join(name);
        let mut entries = honest.clone();
        change(&mut entries);
        let root = write_tree(&copy, &entries);
        fs::copy(published.join("checkpoint"), copy.join("checkpoint")).unwrap();
        (copy, root)
    };
    let (same, root) = tampered("same", &|_| ());
    auditor.agrees(text(&same), &["-old", text(&old), "-records", "17"]);
    let edited = tampered("edited", &|entries| entries[17][0] ^= 1).0;
    assert!(
        auditor
            .objects(&edited, &[])
            .contains("history was changed")
    );
    let reordered = tampered("reordered", &|entries| entries.swap(100, 400)).0;
    assert!(
        auditor
            .objects(&reordered, &[])
            .contains("history was changed")
    );
    let dropped = tampered("dropped", &|entries| {
        entries.remove(200);
        entries.push([0; 32]);
    });
    assert!(
        auditor
            .objects(&dropped.0, &[])
            .contains("history was changed")
    );
    // Even with the key another history does not go on from a checkpoint that somebody kept.
    let (forked, other_root) = tampered("forked", &|entries| entries[17][0] ^= 1);
    assert_ne!(root, other_root);
    let key = fs::read_to_string(data.join("keys/tlog.key")).unwrap();
    let origin = first["origin"].as_str().unwrap();
    let checkpoint = Checkpoint {
        origin: origin.to_owned(),
        size,
        root: other_root,
    };
    let key = SigningKey::parse(&key).unwrap().named(origin).unwrap();
    fs::write(forked.join("checkpoint"), checkpoint.sign(&key)).unwrap();
    auditor.agrees(text(&forked), &[]);
    assert!(
        auditor
            .objects(&forked, &["-old", text(&old)])
            .contains("history was forked")
    );
    // And one that was cut.
    fs::copy(&old, place.path().join("same/checkpoint")).unwrap();
    let newest = published.join("checkpoint");
    assert!(
        auditor
            .objects(&same, &["-old", text(&newest)])
            .contains("history was cut")
    );
}

#[test]
fn the_commands_prove_what_is_signed_and_name_what_contradicts() {
    let place = place();
    let data = place.path().join("data");
    bootstrapped(&data);
    let key = fs::metadata(data.join("keys/tlog.key")).unwrap();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&key.permissions()) & 0o777,
        0o600
    );
    let early = run(&["archive", "prove", text(&data), "0"]);
    assert_eq!(early.status.code(), Some(command::CANNOT_RUN));
    assert!(String::from_utf8_lossy(&early.stderr).contains("nothing is published here"));

    append(&data, 5);
    serving(&data, 7, |_| ());
    append(&data, 1);
    let said = stats(&data);
    assert_eq!(
        (&said["size"], &said["records"], &said["unsigned"]),
        (&7.into(), &8.into(), &1.into())
    );
    let proof = run_well(&["archive", "prove", text(&data), "3"]);
    assert!(
        proof.starts_with("c2sp.org/tlog-proof@v1\nextra "),
        "{proof}"
    );
    let out = place.path().join("3.tlog-proof");
    run_well(&["archive", "prove", text(&data), "3", "--out", text(&out)]);
    assert_eq!(fs::read_to_string(&out).unwrap(), proof);
    // An auditor with a copy and the public key alone.
    let public = place.path().join("log.vkey");
    fs::write(&public, said["key"].as_str().unwrap()).unwrap();
    assert_eq!(
        run_well(&["archive", "prove", text(&data), "3", "--key", text(&public)]),
        proof
    );
    let unsigned = run(&["archive", "prove", text(&data), "7"]);
    assert_eq!(unsigned.status.code(), Some(command::CANNOT_RUN));
    assert!(String::from_utf8_lossy(&unsigned.stderr).contains("record 7 is not signed yet"));

    let tile = data.join("tlog/tile/0/000.p/7");
    let mut bytes = fs::read(&tile).unwrap();
    bytes[32 * 3] ^= 1;
    fs::write(&tile, bytes).unwrap();
    let unproved = run(&["archive", "prove", text(&data), "2"]);
    assert_eq!(unproved.status.code(), Some(command::DAMAGED));
    assert!(
        unproved.stdout.is_empty(),
        "nothing that does not hold is handed out"
    );
    let verified = run(&["archive", "verify", text(&data)]);
    assert_eq!(verified.status.code(), Some(command::DAMAGED));
    let said = String::from_utf8(verified.stdout).unwrap();
    assert!(
        said.contains("tile/0/000.p/7 is not what the log's records give"),
        "{said}"
    );
    assert!(
        said.ends_with("transparency log CONTRADICTS the log: 7 records signed, 1 not yet\n"),
        "{said}"
    );
    // Tiles follow from the log, so the next start makes them again.
    serving(&data, 8, |_| ());
    run_well(&["archive", "verify", text(&data)]);
    // What was signed does not: a log that gives another root is not served.
    let checkpoint = data.join("tlog/checkpoint");
    let note = fs::read_to_string(&checkpoint).unwrap();
    fs::write(&checkpoint, note.replacen("\n8\n", "\n7\n", 1)).unwrap();
    let line = command::complaint(&mut serve(&data, &[]));
    assert!(line.contains("the checkpoint does not hold"), "{line}");
}
