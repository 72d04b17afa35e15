//! Exports as an operator runs them, and as a server does by itself (SPEC A7, P1).

#![allow(clippy::unwrap_used)] // Also in what the tests share.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::command::{
    CANNOT_RUN, DAMAGED, DONE, Serving, bootstrapped, complaint, place, run, run_well, serve, text,
    throng,
};
use sha2::{Digest, Sha256};
use throng::archive::tlog::SigningKey;
use throng::engine::{Engine, Message, Options, Transparency};
use throng::log::Directory;
use throng::model::command::{
    Actor, AddPeopleV1, Command, CreateGroupV1, DecideApprovalV1, ExportScopeV1, GroupKind,
    NewPersonV1, OrgRole, PersonKind, Reply, RequestExportV1, TaggedCommand as T,
};
use throng::model::event::{Event, decode_all};
use throng::wire::{ClientMessageId, DeviceId, PersonId, RecordNumber, TenantId, Timestamp};

const TENANT: TenantId = TenantId(1);

fn super_admin() -> NewPersonV1 {
    NewPersonV1 {
        name: "管理员".into(),
        external_id: String::new(),
        kind: PersonKind::Employee,
        role: OrgRole::SuperAdmin,
    }
}

pub(crate) fn ask(engine: &Engine, person: PersonId, body: T) -> Reply {
    let command = Command {
        tenant: TENANT,
        actor: Actor::Person {
            person,
            device: DeviceId(1),
        },
        second_factor: false,
        body: body.into(),
    };
    engine.execute(command).unwrap().wait().unwrap()
}

/// The engine of a data directory, publishing as a server would.
fn open(data: &Path) -> Engine {
    let key = fs::read_to_string(data.join("keys/tlog.key")).unwrap();
    let tiles = Directory::open(&data.join("tlog")).unwrap();
    let mut options = Options::default();
    options.log = options.log.with_segment_bytes(1 << 20);
    options.transparency = Some(Transparency::new(
        Arc::new(tiles),
        SigningKey::parse(&key).unwrap(),
    ));
    Engine::open(&data.join("log"), options).unwrap()
}

/// A group that talks, and one export of everything that two super admins have agreed on.
fn granted(data: &Path) {
    granted_after(data, 40);
}

fn granted_after(data: &Path, messages: u128) {
    bootstrapped(data);
    let engine = open(data);
    let add = AddPeopleV1 {
        people: vec![super_admin(), super_admin()],
    };
    let Ok(Reply::PeopleAdded(added)) = engine.call(TENANT, T::AddPeople(add)) else {
        panic!("two more super admins")
    };
    let [first, second] = added.people[..] else {
        panic!("two")
    };
    let create = CreateGroupV1 {
        kind: GroupKind::Internal,
        name: "项目组".into(),
        owner: first,
        members: vec![second, PersonId(1)],
    };
    let Reply::GroupCreated(created) = ask(&engine, first, T::CreateGroup(create)) else {
        panic!("a group")
    };
    let publish = |id: u128| {
        let said = format!("message number {id} of them");
        let message = Message::text(created.group, first, ClientMessageId(id), &said);
        engine.publish(TENANT, &message).unwrap()
    };
    // As many at once as there is room for, then each is waited for.
    let ids: Vec<u128> = (1..=messages).collect();
    for ids in ids.chunks(2_000) {
        let tickets: Vec<_> = ids.iter().copied().map(publish).collect();
        for ticket in tickets {
            ticket.wait().unwrap();
        }
    }
    let scope = ExportScopeV1 {
        groups: Vec::new(),
        from: Timestamp(0),
        until: Timestamp(i64::MAX),
    };
    let request = RequestExportV1 { scope };
    let Reply::ApprovalPending(pending) = ask(&engine, first, T::RequestExport(request)) else {
        panic!("it waits for another")
    };
    let approve = DecideApprovalV1 {
        approval: pending.approval,
        approve: true,
        reason: String::new(),
    };
    ask(&engine, second, T::DecideApproval(approve));
    engine.close().unwrap();
}

fn manifest(export: &Path) -> (String, serde_json::Value) {
    let bytes = fs::read(export.join("manifest.json")).unwrap();
    let hash = Sha256::digest(&bytes)
        .iter()
        .fold(String::new(), |all, byte| all + &format!("{byte:02x}"));
    (hash, serde_json::from_slice(&bytes).unwrap())
}

#[test]
fn an_export_that_was_granted_is_written_with_its_proofs_and_no_other_is() {
    let (data, out) = (place(), place());
    let (data, to) = (data.path(), out.path().join("export"));
    granted(data);
    let export = |number: &str| {
        let to = text(&to);
        throng(&[
            "archive",
            "export",
            text(data),
            "--export",
            number,
            "--to",
            to,
        ])
    };
    let line = complaint(&mut export("2"));
    assert!(line.contains("export 2 is not granted"), "{line}");
    assert!(line.contains("another approves"), "{line}");
    assert!(!to.exists(), "nothing was written");

    let said = export("1").output().unwrap();
    assert_eq!(said.status.code(), Some(DONE), "{said:?}");
    let (hash, manifest) = manifest(&to);
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains(&hash), "{said}");
    assert_eq!(manifest["actual"]["messages"], 40);
    assert_eq!(manifest["expected"], manifest["actual"]);
    let records = fs::read_to_string(to.join("records.jsonl")).unwrap();
    assert!(records.contains("message number 40 of them"));
    let proof = run_well(&[
        "archive",
        "prove",
        text(data),
        &manifest["last_record"].to_string(),
    ]);
    let own = fs::read_to_string(to.join("proofs/last.tlog-proof")).unwrap();
    assert_eq!(proof, own);

    let again = export("1").output().unwrap();
    assert_eq!(String::from_utf8(again.stdout).unwrap(), said);
    fs::write(out.path().join("letter"), "mine").unwrap();
    let elsewhere = text(out.path());
    let line = complaint(&mut throng(&[
        "archive",
        "export",
        text(data),
        "--export",
        "1",
        "--to",
        elsewhere,
    ]));
    assert!(line.contains("is there already"), "{line}");
}

#[test]
fn a_damaged_record_fails_an_export_by_name() {
    let (data, out) = (place(), place());
    let (data, to) = (data.path(), out.path().join("export"));
    granted(data);
    let log = fs::read_dir(data.join("log")).unwrap();
    let segments = log.map(|entry| entry.unwrap().path());
    let segment = segments
        .filter(|path| path.extension().is_some_and(|it| it == "segment"))
        .min()
        .unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let needle = b"message number 7 of them";
    let at = bytes.windows(needle.len()).position(|it| it == needle);
    bytes[at.unwrap()] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let said = run(&[
        "archive",
        "export",
        text(data),
        "--export",
        "1",
        "--to",
        text(&to),
    ]);
    assert_eq!(said.status.code(), Some(DAMAGED));
    let line = String::from_utf8(said.stderr).unwrap();
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(line.contains("record "), "{line}");
    assert!(!to.join("manifest.json").exists());
}

#[test]
fn a_server_exports_by_itself_what_was_granted_and_records_it() {
    let data = place();
    let data = data.path();
    granted(data);
    let serving = Serving::start(&mut serve(data, &[]));
    let folder = data.join("exports/tenant-1-export-1");
    let began = Instant::now();
    let finished = |page: &str| page.contains("throng_exports_finished_total 1");
    while !finished(&serving.get("/metrics").1) {
        assert!(began.elapsed() < Duration::from_secs(60), "{folder:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(serving.stop().0.success());
    let (_, manifest) = manifest(&folder);
    assert_eq!(manifest["actual"]["messages"], 40);
    assert!(manifest["transparency"].is_object());
    let last = manifest["last_record"].as_u64().unwrap() + 1;
    let shown = run_well(&["archive", "inspect", text(data), &last.to_string()]);
    assert!(shown.contains("ExportFinished"), "{shown}");

    // What the command writes of the same grant is the same, but for proofs of a later checkpoint.
    let to = data.join("again");
    let command = [
        "archive",
        "export",
        text(data),
        "--export",
        "1",
        "--to",
        text(&to),
    ];
    run_well(&command);
    let of = |folder: &Path, file: &str| fs::read(folder.join(file)).unwrap();
    for file in [
        "records.jsonl",
        "groups.jsonl",
        "gaps.jsonl",
        "messages/000000.tar",
    ] {
        assert!(of(&folder, file) == of(&to, file), "{file}");
    }
    let refused = run(&[
        "serve",
        "--data",
        text(data),
        "--export-directory",
        "log/lock/x",
    ]);
    assert_eq!(refused.status.code(), Some(CANNOT_RUN));
}

/// Up to which record an export is durably written, as its state says; 0 before there is any.
fn written_up_to(folder: &Path) -> u64 {
    let Ok(state) = fs::read(folder.join("export.state")) else {
        return 0;
    };
    let state: serde_json::Value = serde_json::from_slice(&state).unwrap();
    state["next"].as_u64().unwrap()
}

#[test]
fn a_server_killed_in_the_middle_of_an_export_goes_on_to_the_same_bytes() {
    let data = place();
    let data = data.path();
    // So many that it is not over before three kills, however late this thread is told.
    const MESSAGES: u64 = 40_000;
    granted_after(data, MESSAGES.into());
    let folder = data.join("exports/tenant-1-export-1");
    let often = ["--export-durable-every-records", "100"];
    let mut before = 0;
    for _ in 0..3 {
        let serving = Serving::start(&mut serve(data, &often));
        let began = Instant::now();
        while written_up_to(&folder) <= before {
            assert!(!folder.join("manifest.json").exists(), "over too soon");
            assert!(began.elapsed() < Duration::from_secs(60), "{before}");
            std::thread::sleep(Duration::from_millis(1));
        }
        serving.signal(nix::sys::signal::Signal::SIGKILL);
        assert!(!serving.end().0.success());
        before = written_up_to(&folder);
        assert!((1..MESSAGES).contains(&before), "in the middle: {before}");
        assert!(!folder.join("manifest.json").exists());
    }

    let serving = Serving::start(&mut serve(data, &often));
    let began = Instant::now();
    while !serving
        .get("/metrics")
        .1
        .contains("throng_exports_finished_total 1")
    {
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(serving.stop().0.success());
    let to = data.join("undisturbed");
    run_well(&[
        "archive",
        "export",
        text(data),
        "--export",
        "1",
        "--to",
        text(&to),
    ]);
    // All but what a later checkpoint says.
    let told = |folder: &Path| {
        let (_, mut manifest) = manifest(folder);
        manifest["transparency"].take();
        let files = manifest["files"].as_array_mut().unwrap();
        files.retain(|file| !file["name"].as_str().unwrap().starts_with("proofs/"));
        manifest
    };
    let killed = told(&folder);
    assert_eq!(killed, told(&to));
    assert_eq!(killed["actual"]["messages"], MESSAGES);
    for file in killed["files"].as_array().unwrap() {
        let name = file["name"].as_str().unwrap();
        let of = |folder: &Path| fs::read(folder.join(name)).unwrap();
        assert!(of(&folder) == of(&to), "{name}");
    }
    assert!(!folder.join("export.state").exists());

    let engine = open(data);
    let (reader, mut next, mut finished) = (engine.reader(), RecordNumber(0), 0);
    loop {
        let records = reader.read(next, 1 << 20).unwrap();
        let Some(last) = records.last() else { break };
        next = RecordNumber(last.envelope.header().record().0 + 1);
        let events = records
            .iter()
            .flat_map(|record| decode_all(&record.private).unwrap());
        finished += events
            .filter(|event| matches!(event, Event::ExportFinished(_)))
            .count();
    }
    assert_eq!(finished, 1, "that it is complete is recorded once");
}
