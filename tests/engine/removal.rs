//! Whole files removed by an engine once all in them is over (SPEC A5): nothing that is held or kept goes,
//! what was published of it is still proved, and everybody goes on from where the log begins.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::export::world::{World, everything, files, find, job, memory, read, reopened};
use crate::town::{NOON, is_on};
use throng::archive::export::Published;
use throng::archive::tlog::{SigningKey, audit, prove};
use throng::archive::{self, Consent, InspectError, read_offline};
use throng::engine::{Engine, Item, OpenError, Options, Transparency};
use throng::log::storage::Faulty;
use throng::log::{Encryption, MasterKey, Storage};
use throng::model::command::{
    ContentClass, HoldPlacedV1, PlaceHoldV1, PullRecordsV1, ReleaseHoldV1, Reply, SetRetentionV1,
    TaggedCommand as T,
};
use throng::wire::{Kind, PulledPage, RecordNumber, Timestamp};

const DAY_US: i64 = 86_400_000_000;
const DAYS: i32 = 6;
const CLASSES: [ContentClass; 6] = [
    ContentClass::Internal,
    ContentClass::External,
    ContentClass::Training,
    ContentClass::Direct,
    ContentClass::Ungrouped,
    ContentClass::AuditTrail,
];

fn key() -> SigningKey {
    SigningKey::new("removal.example", [3; 32]).unwrap()
}

fn master() -> MasterKey {
    MasterKey::new([0xb4; 32])
}

fn options(is_sealed: bool, tiles: Option<&Arc<dyn Storage>>) -> Options {
    let mut options = Options::default();
    options.log = options.log.with_segment_bytes(64 * 1024);
    options.log.encryption = is_sealed.then(|| Encryption::new(master()));
    options.snapshot_every_records = 50;
    options.transparency = tiles.map(|tiles| {
        let mut transparency = Transparency::new(Arc::clone(tiles), key());
        transparency.every = Duration::from_millis(10);
        transparency
    });
    options
}

/// Days of much talk in one group; the text of each names its day.
fn days(disk: &Faulty, options: Options) -> World {
    let world = World::on(Arc::new(disk.clone()), options);
    for day in 0..DAYS {
        for id in 0..60 {
            let text = format!("secret of day {day}, {}", "x".repeat(1_000));
            let id = 1 + day as u128 * 1_000 + id;
            let (town, group) = (&world.town, world.groups[0]);
            town.say(group, town.people[0], id, &text).unwrap();
        }
        world.town.clock.advance(DAY_US as u64);
    }
    world
}

fn retain(world: &World, class: ContentClass, days: u32) {
    let reason = "the rule".to_owned();
    let set = SetRetentionV1 {
        class,
        days,
        reason,
    };
    world.town.call(T::SetRetention(set)).unwrap();
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn first(world: &World) -> u64 {
    world.reader().first().0
}

fn reopen(world: &World, disk: &Faulty, options: Options) -> Result<World, OpenError> {
    let clock = world.town.clock.clone();
    let engine = Engine::open_on(Arc::new(disk.clone()), options, clock, [9; 32])?;
    Ok(reopened(world, engine))
}

fn texts(world: &World) -> Vec<(Kind, String)> {
    let shown = world.town.fetched(world.groups[0], 361);
    let numbers: Vec<u64> = shown.iter().map(|it| it.header().sequence().0).collect();
    assert!(numbers.iter().copied().eq(1..=numbers.len() as u64));
    let text = shown.iter().map(|it| {
        let text = String::from_utf8_lossy(it.body()).into_owned();
        (it.header().kind(), text)
    });
    text.collect()
}

#[test]
fn files_go_once_all_in_them_is_over_and_everything_else_is_as_before() {
    for is_sealed in [false, true] {
        let (disk, tiles) = (Faulty::new(1), memory());
        let world = days(&disk, options(is_sealed, Some(&tiles)));
        for class in CLASSES {
            retain(&world, class, 2);
        }
        wait_until("no file went", || first(&world) > 60);
        let begin = first(&world);
        assert!(!is_on(&disk, b"secret of day 0"));
        assert_eq!(is_on(&disk, b"secret of day 5"), !is_sealed);

        // Members get tombstones in every place that was removed, and the rest as it was said.
        let texts = texts(&world);
        assert!(
            texts
                .iter()
                .take(60)
                .all(|(kind, _)| *kind == Kind::Tombstone)
        );
        let kept = &texts[1 + 4 * 60];
        assert!(kept.1.starts_with("secret of day 4"), "{kept:?}");
        pull_begins_later(&world, begin);

        // An export says from where on it has everything.
        let grant = world.granted(everything());
        let hash = world.town.engine.state_hash();
        world.town.engine.clone().close().unwrap();
        let given = is_sealed.then(master);
        let reader = read_offline(&disk, given.as_ref(), 1, &|_, _| {}).unwrap();
        assert_eq!(reader.first().0, begin);
        let (out, public) = (memory(), key().verifying_key());
        let mut job = job(&reader, &grant, &*out);
        job.published = Some(Published {
            storage: &*tiles,
            key: &public,
        });
        job.run(&mut |_| ControlFlow::Continue(())).unwrap();
        let export = read(&files(&*out));
        assert_eq!(export.manifest["removed_before"], begin);
        assert_eq!(export.manifest["first_record"], begin);
        assert_eq!(export.manifest["expected"], export.manifest["actual"]);
        assert_eq!(export.records[0]["sender_name"], "Person 1");
        let name = export.groups[0]["name"].as_str();
        assert_eq!(name, Some("Team"), "as the base has it");
        drop(reader);

        // Everything that was published is proved still.
        assert!(archive::verify(&disk, 1, &|_| {}).unwrap().is_sound());
        let audited = audit(&disk, &*tiles, &public).unwrap();
        assert_eq!((audited.faults, audited.unsigned), (Vec::new(), 0));
        if !is_sealed {
            let gone = archive::inspect(&disk, RecordNumber(begin - 1));
            assert!(matches!(gone, Err(InspectError::Removed { .. })));
            archive::inspect(&disk, RecordNumber(begin)).unwrap();
        }
        for record in [0, 1, begin - 1] {
            let proof = prove(&disk, &*tiles, &public, RecordNumber(record)).unwrap();
            assert_eq!(proof.index, record);
        }

        // The state is the same from a snapshot and, where these are damaged, from the base.
        let world = reopen(&world, &disk, options(is_sealed, Some(&tiles))).unwrap();
        assert_eq!(world.town.engine.state_hash(), hash);
        assert_eq!(self::texts(&world), texts);
        world.town.engine.clone().close().unwrap();
        for name in disk.names().unwrap() {
            if name.ends_with(".snapshot") {
                disk.damage(&name, |bytes| bytes[70] ^= 1);
            }
        }
        let world = reopen(&world, &disk, options(is_sealed, Some(&tiles))).unwrap();
        assert_eq!(world.town.engine.state_hash(), hash);
        let again = find(&world.reader(), Some(world.town.tenant), grant.export);
        assert_eq!(again.unwrap(), grant);
    }
}

fn pull_begins_later(world: &World, begin: u64) {
    let pull = PullRecordsV1 {
        from: RecordNumber(0),
        to: RecordNumber(u64::MAX),
        since: Timestamp(i64::MIN),
        until: Timestamp(i64::MAX),
        groups: Vec::new(),
        people: Vec::new(),
        records: 10,
        bytes: 256 * 1024,
        public_key: Vec::new(),
    };
    let granted = match world.town.call(T::PullRecords(pull)) {
        Ok(Reply::PullGranted(granted)) => granted,
        other => panic!("{other:?}"),
    };
    let mut port = world.town.engine.port(|| {});
    port.pull(9, granted).unwrap();
    let mut items = Vec::new();
    wait_until("no page", || {
        port.poll(&mut items);
        !items.is_empty()
    });
    let Some(Item::Pulled { result, .. }) = items.pop() else {
        panic!("something else came");
    };
    let page = PulledPage::read(&result.unwrap()).unwrap();
    assert!(page.header.begins_later);
    assert_eq!((page.header.first.0, page.header.from.0), (begin, begin));
    assert_eq!(page.records[0].record.0, begin);
}

#[test]
fn nothing_goes_that_is_held_or_kept_by_another_tenant_or_class() {
    let disk = Faulty::new(2);
    let world = days(&disk, options(false, None));
    let day = NOON.utc_day();
    let place = PlaceHoldV1 {
        // Of a group that says nothing: its trail is of the day, too.
        groups: vec![world.groups[1]],
        first_day: day,
        last_day: day,
        reason: "case 17".to_owned(),
    };
    let Ok(Reply::HoldPlaced(HoldPlacedV1 { hold })) = world.town.call(T::PlaceHold(place)) else {
        panic!("no hold");
    };
    for class in &CLASSES[..5] {
        retain(&world, *class, 2);
    }
    let expired = || !is_on(&disk, b"secret of day 0");
    wait_until("content expires", expired);
    let looked_at = || std::thread::sleep(Duration::from_millis(3_500));
    looked_at();
    assert_eq!(first(&world), 0, "the trail is kept for ever");
    retain(&world, ContentClass::AuditTrail, 2);
    looked_at();
    assert_eq!(first(&world), 0, "it is held");

    // Another tenant keeps what it has for ever.
    let neighbour = world.town.neighbour(1);
    let reason = "it is over".to_owned();
    let release = T::ReleaseHold(ReleaseHoldV1 { hold, reason });
    world.town.call(release).unwrap();
    looked_at();
    assert_eq!(first(&world), 0, "records of the node are of every tenant");
    let rule = SetRetentionV1 {
        class: ContentClass::AuditTrail,
        days: 1,
        reason: "the rule".to_owned(),
    };
    neighbour.call(T::SetRetention(rule)).unwrap();
    wait_until("no file went", || first(&world) > 0);
}

#[test]
fn a_published_log_that_begins_later_is_published_on_and_its_tiles_are_made_again() {
    let (disk, tiles) = (Faulty::new(3), memory());
    let world = days(&disk, options(false, Some(&tiles)));
    for class in CLASSES {
        retain(&world, class, 2);
    }
    wait_until("no file went", || first(&world) > 60);
    world.town.engine.clone().close().unwrap();
    let public = key().verifying_key();

    // The right edge is lost: it is made again, of the published entries and the log.
    for name in tiles.names().unwrap() {
        if name.starts_with("tile/0/") && name.contains(".p/") {
            tiles.remove(&name).unwrap();
        }
    }
    let world = reopen(&world, &disk, options(false, Some(&tiles))).unwrap();
    let (group, person) = (world.groups[0], world.town.people[0]);
    world.town.say(group, person, 99_999, "after it").unwrap();
    world.town.engine.clone().close().unwrap();
    let audited = audit(&disk, &*tiles, &public).unwrap();
    assert_eq!((audited.faults, audited.unsigned), (Vec::new(), 0));

    // A changed entry of a removed record is named, and does not pass for what was signed.
    let changed = "tile/entries/000";
    let file = tiles.open(changed).unwrap();
    let mut byte = [0];
    file.read_at(&mut byte, 40).unwrap();
    byte[0] ^= 1;
    file.write_at(&mut [std::io::IoSlice::new(&byte)], 40)
        .unwrap();
    let audited = audit(&disk, &*tiles, &public).unwrap();
    assert!(!audited.faults.is_empty());
    byte[0] ^= 1;
    file.write_at(&mut [std::io::IoSlice::new(&byte)], 40)
        .unwrap();

    // Without its tiles it cannot be published any more, and says so.
    let refused = reopen(&world, &disk, options(false, Some(&memory())));
    let error = refused.err().expect("nobody has its leaves").to_string();
    assert!(error.contains("the log begins with record"), "{error}");
    let unpublished = reopen(&world, &disk, options(false, None)).unwrap();
    let begin = first(&unpublished);
    unpublished.town.engine.clone().close().unwrap();

    // A repair gives up what no snapshot covers any more: the base does, and the new origin has it all.
    let names = disk.names().unwrap().into_iter();
    let mut segments: Vec<_> = names.filter(|name| name.ends_with(".segment")).collect();
    segments.sort();
    disk.damage(&segments[1], |bytes| bytes[20] ^= 1);
    let repaired = archive::repair(&disk, &Consent::to_loss(), [4; 32])
        .unwrap()
        .unwrap();
    assert!(repaired.at.0 > begin);
    let world = reopen(&world, &disk, options(false, Some(&tiles))).unwrap();
    assert_eq!(first(&world), begin);
    world.town.say(group, person, 99_999, "after it").unwrap();
    world.town.engine.clone().close().unwrap();
    let audited = audit(&disk, &*tiles, &public).unwrap();
    assert_eq!((audited.faults, audited.unsigned), (Vec::new(), 0));
    prove(&disk, &*tiles, &public, RecordNumber(0)).unwrap();
}
