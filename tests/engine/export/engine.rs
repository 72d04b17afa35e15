//! Nobody exports alone, and what the engine exports is itself a record.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use throng::archive::export::ExportError;
use throng::archive::tlog::SigningKey;
use throng::engine::{Engine, Options, Transparency};
use throng::log::storage::{Fault, Faulty};
use throng::log::{Memory, Storage};
use throng::model::command::{
    AddPeopleV1, NewPersonV1, OrgRole, PersonKind, Reply, SetOrgRoleV1, TaggedCommand as T,
};
use throng::model::event::{Event, ExportFinishedV1};
use throng::wire::{ExportId, RecordNumber};

use crate::export::world::{
    World, approve, ask, everything, find, memory, records_to, reopened, request, super_admin,
};
use crate::town::Town;

#[test]
fn nobody_exports_alone() {
    let town = Town::in_memory(3);
    let not_granted = || {
        let found = find(&town.engine.reader(), Some(town.tenant), ExportId(1));
        matches!(found, Err(ExportError::NotGranted { .. }))
    };
    let admin = super_admin(&town);
    let alone = request(&town, admin, everything()).unwrap_err();
    assert!(alone.contains("super admin"), "{alone}");
    // Nor with somebody they appoint themself: that, too, waits for somebody else.
    let appoint = SetOrgRoleV1 {
        person: town.people[1],
        role: OrgRole::SuperAdmin,
        departments: Vec::new(),
    };
    let add = AddPeopleV1 {
        people: vec![NewPersonV1 {
            name: "themself again".into(),
            external_id: String::new(),
            kind: PersonKind::Employee,
            role: OrgRole::SuperAdmin,
        }],
    };
    for friend in [T::SetOrgRole(appoint), T::AddPeople(add)] {
        let asked = ask(&town, admin, friend);
        let Ok(Reply::ApprovalPending(pending)) = asked else {
            panic!("{asked:?}");
        };
        approve(&town, admin, &pending).unwrap_err();
    }
    let alone = request(&town, admin, everything()).unwrap_err();
    assert!(alone.contains("super admin"), "{alone}");
    let other = super_admin(&town);
    request(&town, town.people[0], everything()).unwrap_err();
    let pending = request(&town, admin, everything()).unwrap();
    assert!(not_granted(), "it is only asked for");
    approve(&town, admin, &pending).unwrap_err();
    approve(&town, town.people[0], &pending).unwrap_err();
    assert!(not_granted(), "nobody else has agreed");
    assert_eq!(approve(&town, other, &pending), Ok(ExportId(1)));
    assert!(!not_granted());
}

fn exporting(out: &Arc<dyn Storage>) -> Options {
    let mut options = Options::default();
    options.exports = Some(Arc::clone(out));
    options
}

fn finished(engine: &Engine) -> Vec<ExportFinishedV1> {
    let last = RecordNumber(engine.durable().0 - 1);
    let records = records_to(&engine.reader(), last);
    let events = records.into_iter().flat_map(|(_, events)| events);
    events
        .filter_map(|event| match event {
            Event::ExportFinished(finished) => Some(finished),
            _ => None,
        })
        .collect()
}

/// Until so many exports are recorded as complete.
fn wait_for(engine: &Engine, count: usize) -> Vec<ExportFinishedV1> {
    let began = Instant::now();
    loop {
        let found = finished(engine);
        if found.len() >= count {
            return found;
        }
        let patient = began.elapsed() < Duration::from_secs(60);
        assert!(patient, "{:?}", engine.stats());
        std::thread::yield_now();
    }
}

fn manifest(out: &dyn Storage, folder: &str) -> ([u8; 32], serde_json::Value) {
    let file = out.open(&format!("{folder}/manifest.json")).unwrap();
    let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    file.read_at(&mut bytes, 0).unwrap();
    let value = serde_json::from_slice(&bytes).unwrap();
    (Sha256::digest(&bytes).into(), value)
}

#[test]
fn a_granted_export_is_carried_out_and_is_itself_a_record() {
    let (out, tiles) = (memory(), memory());
    let mut options = exporting(&out);
    let key = SigningKey::new("export.example", [3; 32]).unwrap();
    let mut transparency = Transparency::new(tiles, key);
    transparency.every = Duration::from_millis(10);
    options.transparency = Some(transparency);
    let world = World::on(Arc::new(Memory::new()), options);
    world.live();
    let grant = world.granted(everything());
    let [first] = &wait_for(&world.town.engine, 1)[..] else {
        panic!("one export");
    };
    let (hash, manifest) = manifest(&*out, "tenant-1-export-1");
    assert_eq!((first.export, first.manifest), (grant.export, hash));
    assert_eq!(manifest["actual"]["records"], first.records);
    assert!(manifest["transparency"].is_object(), "{manifest}");
    let second = world.granted(everything());
    let both = wait_for(&world.town.engine, 2);
    assert_eq!(both[1].export, second.export);
    assert!(both[1].records > both[0].records);
    // Counted once it is recorded, which can be seen a moment before.
    while world.town.engine.stats().exports_finished < 2 {
        std::thread::yield_now();
    }
    assert_eq!(world.town.engine.stats().export_failures, 0);
}

#[test]
fn an_export_that_was_granted_before_a_restart_is_carried_out_once_after_it() {
    let (log, out) = (Faulty::new(4), memory());
    let world = World::on(Arc::new(log.clone()), Options::default());
    let grants = [world.granted(everything()), world.granted(everything())];
    world.town.engine.clone().close().unwrap();
    let open = |options| {
        let clock = world.town.clock.clone();
        Engine::open_on(Arc::new(log.clone()), options, clock, [9; 32]).unwrap()
    };
    let again = reopened(&world, open(exporting(&out)));
    let both = wait_for(&again.town.engine, 2);
    let exports: Vec<_> = both.iter().map(|it| it.export).collect();
    assert_eq!(exports, grants.map(|grant| grant.export));
    again.town.engine.clone().close().unwrap();

    let engine = open(exporting(&out));
    assert_eq!(engine.stats().exports_waiting, 0);
    let third = reopened(&world, engine);
    third.granted(everything());
    assert_eq!(wait_for(&third.town.engine, 3).len(), 3);
}

#[test]
fn an_export_whose_disk_fails_is_tried_again_and_holds_up_nobody() {
    let disk = Faulty::new(5);
    for boundary in [3, 9] {
        disk.plan(boundary, Fault::NoSpace);
    }
    let out: Arc<dyn Storage> = Arc::new(disk);
    let world = World::on(Arc::new(Memory::new()), exporting(&out));
    world.granted(everything());
    let mut id = 0;
    while world.town.engine.stats().export_failures == 0 {
        id += 1;
        let (group, sender) = (world.groups[0], world.town.people[0]);
        world.town.say(group, sender, id, "still here").unwrap();
    }
    wait_for(&world.town.engine, 1);
    let (hash, _) = manifest(&*out, "tenant-1-export-1");
    assert_eq!(finished(&world.town.engine)[0].manifest, hash);
}
