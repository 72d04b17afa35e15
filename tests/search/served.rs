//! `throng serve` with an index, and `throng archive search` against it: the real binary.

use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use throng::engine::{Engine, Message, Options};
use throng::model::command::{CreateGroupV1, GroupKind, NewPersonV1, OrgRole, PersonKind};
use throng::wire::{ClientMessageId, GroupId, PersonId, TenantId};

use crate::command::{CANNOT_RUN, Serving, complaint, place, run, run_well, serve, text};

const TENANT: TenantId = TenantId(1);
const SEARCHING: [&str; 4] = ["--search-enabled", "true", "--search-every", "100 ms"];

/// A bootstrapped enterprise in which something was said, and a server of it that searches.
struct Scene {
    place: TempDir,
    serving: Serving,
    group: GroupId,
}

impl Scene {
    fn new(texts: &[String]) -> Self {
        let place = place();
        let data = place.path().join("data");
        run_well(&["bootstrap", "--data", text(&data), "--verified-days", "30"]);
        let group = talk(&data, texts);
        let serving = Serving::start(&mut serve(&data, &SEARCHING));
        Self {
            place,
            serving,
            group,
        }
    }

    fn data(&self) -> std::path::PathBuf {
        self.place.path().join("data")
    }

    fn search(&self, more: &[&str]) -> Output {
        let (server, data) = (self.serving.quic.to_string(), self.data());
        let mut words = vec![
            "archive",
            "search",
            "--server",
            &server,
            "--data",
            text(&data),
        ];
        words.extend(["--tenant", "1"]);
        words.extend(more);
        run(&words)
    }

    fn lines(&self, more: &[&str]) -> Vec<Value> {
        let output = self.search(&[&["--json"], more].concat());
        assert!(output.status.success(), "{output:?}");
        let lines = String::from_utf8(output.stdout).unwrap();
        let read = |line: &str| serde_json::from_str(line).unwrap();
        lines.lines().map(read).collect()
    }

    fn metric(&self, name: &str) -> u64 {
        let (_, page) = self.serving.get("/metrics");
        let line = page.lines().find_map(|line| line.strip_prefix(name));
        let number = line.unwrap_or_else(|| panic!("{name} in {page}"));
        number.trim().parse().unwrap()
    }

    fn indexed(&self) {
        let began = Instant::now();
        while self.metric("throng_search_documents ") == 0
            || self.metric("throng_search_lag_records ") > 0
        {
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "it is not indexed"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A group in which the first person says these, while no server runs.
fn talk(data: &Path, texts: &[String]) -> GroupId {
    let engine = Engine::open(&data.join("log"), Options::default()).unwrap();
    let people = (0..2).map(|number| NewPersonV1 {
        name: format!("Person {number}"),
        external_id: String::new(),
        kind: PersonKind::Employee,
        role: OrgRole::Employee,
    });
    let people = engine.add_people(TENANT, people.collect()).unwrap();
    let create = CreateGroupV1 {
        kind: GroupKind::Internal,
        name: "项目组".into(),
        owner: PersonId(1),
        members: people,
    };
    let group = engine.create_group(TENANT, create).unwrap();
    for (id, said) in (1..).zip(texts) {
        let message = Message::text(group, PersonId(1), ClientMessageId(id), said);
        engine.publish(TENANT, &message).unwrap().wait().unwrap();
    }
    engine.close().unwrap();
    group
}

fn texts_of(lines: &[Value]) -> Vec<&str> {
    let texts = lines
        .iter()
        .map(|line| line["body"]["text"].as_str().unwrap());
    texts.collect()
}

#[test]
fn a_search_from_the_command_line_pages_goes_on_and_narrows() {
    let texts: Vec<_> = (1..=130).map(|id| format!("消息 {id}\n第二行")).collect();
    let scene = Scene::new(&texts);
    scene.indexed();
    let all = scene.lines(&["消息", "--count", "0"]);
    let latest_first: Vec<_> = texts.iter().rev().map(String::as_str).collect();
    assert_eq!(texts_of(&all), latest_first, "in two pages");
    assert_eq!(scene.metric("throng_searches_total "), 2);
    let record = all[0]["record"].as_u64().unwrap();
    let data = scene.data();

    let some = scene.search(&["消息", "--json", "--count", "7"]);
    let said = String::from_utf8(some.stderr).unwrap();
    let cursor = said
        .trim()
        .strip_prefix("throng: there may be more: --after ");
    let cursor = cursor.expect(&said).to_owned();
    let rest = scene.lines(&["消息", "--count", "0", "--after", &cursor]);
    assert_eq!(texts_of(&rest), latest_first[7..]);

    let group = scene.group.0.to_string();
    let narrowed = ["77", "--group", &group, "--person", "1"];
    assert_eq!(texts_of(&scene.lines(&narrowed)), ["消息 77\n第二行"]);
    assert!(scene.lines(&["77", "--person", "2"]).is_empty());
    assert!(
        scene
            .lines(&["消息", "--until", "2020-01-01T00:00:00Z"])
            .is_empty()
    );
    assert_eq!(
        scene
            .lines(&["消息", "--from", "2020-01-01T00:00:00Z"])
            .len(),
        100
    );

    let readable = scene.search(&["77"]);
    let readable = String::from_utf8(readable.stdout).unwrap();
    assert_eq!(readable.lines().count(), 1, "{readable:?}");
    assert!(
        readable.ends_with(" person 1: 消息 77 第二行\n"),
        "{readable:?}"
    );
    let nothing = scene.search(&["nobodysaidthis"]);
    assert!(nothing.status.success() && nothing.stdout.is_empty());

    let wrong = scene.search(&["！？"]);
    let said = String::from_utf8(wrong.stderr).unwrap();
    assert_eq!(wrong.status.code(), Some(CANNOT_RUN));
    assert!(
        said.lines().count() == 1 && said.contains("words"),
        "{said}"
    );

    let (status, _) = scene.serving.stop();
    assert!(status.success());
    let inspected = run_well(&["archive", "inspect", text(&data), &record.to_string()]);
    assert!(
        inspected.contains("消息 130"),
        "the record is the evidence: {inspected}"
    );
}

#[test]
fn an_index_is_kept_across_restarts_and_made_again_where_it_is_gone() {
    let mut scene = Scene::new(&["第一条消息".to_owned()]);
    scene.indexed();
    assert_eq!(scene.lines(&["消息"]).len(), 1);
    let (data, index) = (scene.data(), scene.data().join("search"));
    assert!(index.join("index").exists());
    for keeps in [true, false] {
        let (status, _) = scene.serving.stop();
        assert!(status.success());
        if !keeps {
            std::fs::remove_dir_all(&index).unwrap();
        }
        scene.serving = Serving::start(&mut serve(&data, &SEARCHING));
        scene.indexed();
        assert_eq!(texts_of(&scene.lines(&["消息"])), ["第一条消息"]);
    }
    // Switched off, what is there stays and is not read.
    let (status, _) = scene.serving.stop();
    assert!(status.success());
    scene.serving = Serving::start(&mut serve(&data, &[]));
    let refused = scene.search(&["消息"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(CANNOT_RUN));
    assert!(
        said.lines().count() == 1 && said.contains("search.enabled"),
        "{said}"
    );
    assert!(index.join("index").exists());
}

#[test]
fn an_index_in_the_logs_own_directory_is_refused_in_one_line() {
    let place = place();
    run_well(&["bootstrap", "--data", text(place.path())]);
    let own = [&SEARCHING[..], &["--search-directory", "log"]].concat();
    let line = complaint(&mut serve(place.path(), &own));
    assert!(line.contains("log"), "{line}");
}
