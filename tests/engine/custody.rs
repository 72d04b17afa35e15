//! Retention, holds and erasure carried out by an engine (SPEC A4, A5): what is gone is handed to nobody
//! once that is answered, leaves every file soon after, stays gone after a restart, and every leaf of
//! the log is what it was.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::town::{NOON, Town, is_on};
use throng::archive;
use throng::engine::{Engine, Options};
use throng::log::storage::{Fault, Faulty};
use throng::log::{Encryption, MasterKey};
use throng::model::command::{
    ContentClass, EraseContentV1, HoldPlacedV1, PlaceHoldV1, ReleaseHoldV1, Reply, SetRetentionV1,
    TaggedCommand as T,
};
use throng::wire::{GroupId, HoldId, Kind, RecordNumber};

const DAY_US: i64 = 86_400_000_000;
const SECRETS: [&str; 2] = ["the merger is on Friday", "do not tell anybody"];

pub(crate) fn options(is_sealed: bool) -> Options {
    let mut options = Options::default();
    options.log = options.log.with_segment_bytes(64 * 1024);
    options.log.encryption = is_sealed.then(|| Encryption::new(MasterKey::new([0xb4; 32])));
    options
}

fn reason() -> String {
    "case 17".to_owned()
}

pub(crate) fn erase(group: GroupId, day: i32) -> T {
    T::EraseContent(EraseContentV1 {
        group,
        first_day: day,
        last_day: day,
        reason: reason(),
    })
}

pub(crate) fn hold(town: &Town, group: GroupId, day: i32) -> HoldId {
    let place = PlaceHoldV1 {
        groups: vec![group],
        first_day: day,
        last_day: day,
        reason: reason(),
    };
    match town.call(T::PlaceHold(place)) {
        Ok(Reply::HoldPlaced(HoldPlacedV1 { hold })) => hold,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn retain(town: &Town, days: u32) {
    let set = SetRetentionV1 {
        class: ContentClass::Internal,
        days,
        reason: reason(),
    };
    town.call(T::SetRetention(set)).expect("it is set");
}

pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn texts(town: &Town, group: GroupId, to: u64) -> Vec<(Kind, String)> {
    let shown = town.fetched(group, to);
    let shown = shown.iter().skip(1).map(|envelope| {
        let text = String::from_utf8_lossy(envelope.body()).into_owned();
        (envelope.header().kind(), text)
    });
    shown.collect()
}

fn text(text: &str) -> (Kind, String) {
    (Kind::Text, text.to_owned())
}

fn tombstone() -> (Kind, String) {
    (Kind::Tombstone, String::new())
}

/// A town in which two secrets were told on its first day, and something else on the second.
fn two_days(disk: &Faulty, is_sealed: bool) -> (Town, GroupId, GroupId) {
    let town = Town::on(Arc::new(disk.clone()), options(is_sealed), 3);
    let (group, other) = (town.group(3), town.group(3));
    for (id, secret) in (1..).zip(SECRETS) {
        town.say(group, town.people[0], id, secret).expect("said");
    }
    town.say(other, town.people[0], 3, "elsewhere")
        .expect("said");
    town.clock.advance(DAY_US as u64);
    town.say(group, town.people[1], 4, "the next day")
        .expect("said");
    (town, group, other)
}

pub(crate) fn leaves(town: &Town) -> Vec<[u8; 32]> {
    let leaves = town.engine.reader().commitments(RecordNumber(0), 1_000);
    leaves.expect("they are read")
}

#[test]
fn erased_content_is_read_by_nobody_leaves_every_file_and_breaks_no_leaf() {
    for is_sealed in [false, true] {
        let disk = Faulty::new(1);
        let (town, group, other) = two_days(&disk, is_sealed);
        assert_eq!(is_on(&disk, b"merger"), !is_sealed);
        let before = leaves(&town);
        town.call(erase(group, NOON.utc_day()))
            .expect("it is erased");
        let left = [tombstone(), tombstone(), text("the next day")];
        assert_eq!(texts(&town, group, 4), left, "as soon as it is answered");
        assert_eq!(texts(&town, other, 2), [text("elsewhere")]);
        wait_until("it is on disk still", || {
            let stats = town.engine.stats();
            !stats.custody_is_pending && stats.custody_views >= 2
        });
        assert!(!is_on(&disk, b"merger") && !is_on(&disk, b"tell"));
        assert_eq!(
            is_on(&disk, b"elsewhere"),
            !is_sealed,
            "what stays is there"
        );
        assert_eq!(leaves(&town)[..before.len()], before[..]);

        let hash = town.engine.state_hash();
        town.engine.clone().close().expect("a clean close");
        let report = archive::verify(&disk, 1, &|_| {}).expect("it can be read");
        assert!(report.is_sound(), "{report:?}");
        let storage = Arc::new(disk.clone());
        let engine = Engine::open_on(storage, options(is_sealed), town.clock.clone(), [9; 32]);
        let town = town.reopened(engine.expect("it opens again"));
        assert_eq!(town.engine.state_hash(), hash);
        assert_eq!(texts(&town, group, 4), left);
        assert_eq!(leaves(&town)[..before.len()], before[..]);
    }
}

#[test]
fn what_a_crash_left_undone_of_an_erasure_is_done_at_open() {
    for is_sealed in [false, true] {
        let disk = Faulty::new(2);
        let (town, group, _) = two_days(&disk, is_sealed);
        town.call(erase(group, NOON.utc_day()))
            .expect("it is erased");
        // Before anything was compacted, most likely; whatever it was, it must be done in the end.
        disk.plan(disk.boundaries(), Fault::Crash);
        drop(town.say(group, town.people[0], 9, "power fails"));
        let disk = disk.restart();
        let storage = Arc::new(disk.clone());
        let engine = Engine::open_on(storage, options(is_sealed), town.clock.clone(), [9; 32]);
        let town = town.reopened(engine.expect("it opens again"));
        let left = [tombstone(), tombstone(), text("the next day")];
        assert_eq!(texts(&town, group, 4), left);
        wait_until("it is on disk still", || {
            !is_on(&disk, b"merger") && !is_on(&disk, b"tell")
        });
    }
}

#[test]
fn content_expires_by_itself_when_its_days_are_over_unless_it_is_held() {
    let disk = Faulty::new(3);
    let (town, group, other) = two_days(&disk, false);
    retain(&town, 2);
    let first_day = NOON.utc_day();
    let held = hold(&town, other, first_day);
    town.clock.advance(DAY_US as u64);
    town.say(group, town.people[0], 10, "third").expect("said");
    assert_eq!(
        texts(&town, group, 3)[0],
        text(SECRETS[0]),
        "two days are not over"
    );
    let refused = town.call(erase(other, first_day));
    refused.expect_err("it is held");
    town.clock.advance(DAY_US as u64);
    // Any decision of the next day.
    town.say(group, town.people[0], 11, "fourth").expect("said");
    wait_until("nothing expired", || {
        texts(&town, group, 3)[0] == tombstone()
    });
    assert_eq!(texts(&town, group, 4)[2], text("the next day"));
    assert_eq!(texts(&town, other, 2), [text("elsewhere")], "held");
    wait_until("it is on disk still", || !is_on(&disk, b"merger"));
    let hold = held;
    let release = ReleaseHoldV1 {
        hold,
        reason: reason(),
    };
    town.call(T::ReleaseHold(release)).expect("released");
    assert_eq!(texts(&town, other, 2), [tombstone()], "due long since");
    wait_until("it is on disk still", || !is_on(&disk, b"elsewhere"));
    assert!(is_on(&disk, b"the next day"));
}
