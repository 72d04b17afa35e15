//! `throng pull` against a running server, as a cron job would.
#![allow(clippy::unwrap_used)] // Also in what the tests share.

use std::fs;
use std::path::Path;

use crate::command::{CANNOT_RUN, Serving, place, run, run_well, serve, text};
use serde_json::Value;

/// A server whose tenant is verified.
struct Scene {
    place: tempfile::TempDir,
    serving: Serving,
}

impl Scene {
    fn new(verified_days: &str) -> Self {
        let place = place();
        let data = place.path().join("data");
        run_well(&[
            "bootstrap",
            "--data",
            text(&data),
            "--verified-days",
            verified_days,
        ]);
        let serving = Serving::start(&mut serve(&data, &[]));
        Self { place, serving }
    }

    fn path(&self, name: &str) -> String {
        text(&self.place.path().join(name)).to_owned()
    }

    /// A command of the operator's, about tenant 1.
    fn with(&self, command: &[&str], more: &[&str]) -> Vec<String> {
        let (server, data) = (self.serving.quic.to_string(), self.path("data"));
        let target = ["--server", &server, "--data", &data, "--tenant", "1"];
        let all = command.iter().chain(&target).chain(more);
        all.map(|word| (*word).to_owned()).collect()
    }

    fn pull(&self, more: &[&str]) -> String {
        let words = self.with(&["pull"], more);
        run_well(&words.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Something that is in the archive.
    fn department(&self, name: &str) {
        let words = self.with(
            &["admin", "department", "create-department"],
            &["--name", name, "--parent", "0"],
        );
        run_well(&words.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

fn lines(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn numbers(lines: &[Value]) -> Vec<u64> {
    let numbers = lines.iter().map(|line| line["record"].as_u64().unwrap());
    numbers.collect()
}

#[test]
fn a_pull_from_the_command_line_goes_on_where_it_stopped() {
    let scene = Scene::new("30");
    for name in ["North", "South"] {
        scene.department(name);
    }
    scene.pull(&[]); // Is on record now, and so in what is pulled from here on.
    let (output, state) = (scene.path("acme.jsonl"), scene.path("acme.state"));
    let kept = ["--output", &output, "--state", &state];
    assert_eq!(scene.pull(&kept), "", "nothing on standard output");
    let first = fs::read_to_string(&output).unwrap();
    assert_eq!(
        first,
        scene.pull(&[]),
        "a file has what standard output has"
    );
    assert!(lines(&first).len() >= 3);
    scene.pull(&kept);
    assert_eq!(
        fs::read_to_string(&output).unwrap(),
        first,
        "nothing is new"
    );

    scene.department("East");
    // A run that broke off behind its last point.
    fs::write(
        &output,
        [first.as_str(), "{\"record\":99,\"half a li"].concat(),
    )
    .unwrap();
    scene.pull(&kept);
    let second = fs::read_to_string(&output).unwrap();
    assert!(second.starts_with(&first));
    assert_eq!(second, scene.pull(&[]), "no line twice and none missing");
    let all = lines(&second);
    let numbers = numbers(&all);
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
    let last = all.last().unwrap();
    assert!(last["events"].to_string().contains("East"), "{last}");
    assert_eq!(last["leaf"].as_str().unwrap().len(), 64);

    let from = numbers[1].to_string();
    let to = numbers[2].to_string();
    let range = lines(&scene.pull(&["--from", &from, "--to", &to]));
    assert_eq!(range, all[1..3]);
    let later = scene.pull(&["--since", "2999-01-01T00:00:00Z"]);
    assert_eq!(later, "");

    fs::write(&output, "shorter").unwrap();
    let words = scene.with(&["pull"], &kept);
    let refused = run(&words.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(refused.status.code(), Some(CANNOT_RUN));
    assert_eq!(
        fs::read_to_string(&output).unwrap(),
        "shorter",
        "what is not ours stays"
    );
    let (status, _) = scene.serving.stop();
    assert!(status.success());
}

#[test]
fn sealed_lines_hide_everything_and_the_private_key_opens_them_as_they_come() {
    let scene = Scene::new("30");
    scene.department("Acquisitions");
    let (key, public) = (scene.path("acme.key"), scene.path("acme.key.pub"));
    run_well(&["pull", "--new-key", &key]);
    // Both are on record before they are compared: pulled again within the day they are not.
    scene.pull(&[]);
    let sealed = ["--public-key", &public];
    scene.pull(&sealed);
    let plain = scene.pull(&[]);
    assert_eq!(plain.matches("archive-pulled").count(), 2);
    assert_eq!(scene.pull(&["--private-key", &key]), plain);
    let sealed = scene.pull(&sealed);
    assert!(plain.contains("Acquisitions") && !sealed.contains("Acquisitions"));
    let (plain, sealed) = (lines(&plain), lines(&sealed));
    assert_eq!(numbers(&plain), numbers(&sealed));
    assert!(
        sealed
            .iter()
            .all(|line| line["sealed"]["content"].is_string())
    );
    let again = run(&["pull", "--new-key", &key]);
    assert_eq!(
        again.status.code(),
        Some(CANNOT_RUN),
        "a key is never written over"
    );
    assert!(Path::new(&public).exists());
}

#[test]
fn a_tenant_that_is_not_verified_is_told_so_in_one_line() {
    let scene = Scene::new("0");
    let words = scene.with(&["pull"], &[]);
    let refused = run(&words.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(refused.status.code(), Some(CANNOT_RUN));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        said.contains("verified") && said.lines().count() == 1,
        "{said}"
    );
}

#[test]
fn two_runs_never_write_one_file_and_one_without_a_point_is_not_gone_on_with() {
    let scene = Scene::new("30");
    let (output, state) = (scene.path("archive.jsonl"), scene.path("archive.state"));
    let to = ["--output", &output, "--state", &state];
    fs::write(&output, b"{\"half\":").unwrap();
    let words = scene.with(&["pull"], &to);
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let refused = run(&words);
    let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(CANNOT_RUN));
    assert!(errors.contains("no point to go on from"), "{errors}");
    assert_eq!(
        fs::read(&output).unwrap(),
        b"{\"half\":",
        "it is left alone"
    );

    fs::remove_file(&output).unwrap();
    scene.pull(&to);
    let whole = fs::read(&output).unwrap();
    let writing = fs::OpenOptions::new().append(true).open(&output).unwrap();
    rustix::fs::flock(&writing, rustix::fs::FlockOperation::LockExclusive).unwrap();
    scene.department("West");
    let refused = run(&words);
    let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(CANNOT_RUN));
    assert!(errors.contains("another run is writing"), "{errors}");
    assert_eq!(fs::read(&output).unwrap(), whole);
}
