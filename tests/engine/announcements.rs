//! Announcements are content (SPEC A4, A5, G9): held, expired and erased with their group and the day of
//! their record, for whoever asks, reads, pulls or looks at the disk.

use std::sync::Arc;

use crate::custody::{erase, hold, leaves, options, retain, wait_until};
use crate::pull::{everything, page};
use crate::town::{NOON, Town, is_on};
use throng::archive;
use throng::engine::{Engine, Options};
use throng::log::storage::Faulty;
use throng::model::command::{
    AnnounceV1, GroupSettingsV1, GroupV1, ReleaseHoldV1, Reply, TaggedCommand as T,
};
use throng::wire::{GroupId, Kind};

const DAY_US: u64 = 86_400_000_000;
const SECRET: &str = "the merger is on Friday";

/// With a snapshot of every few records.
fn snapping(is_sealed: bool) -> Options {
    let mut options = options(is_sealed);
    options.snapshot_every_records = 3;
    options
}

fn announce(town: &Town, group: GroupId, text: &str) {
    let text = text.to_owned();
    let announced = town.call(T::Announce(AnnounceV1 { group, text }));
    announced.expect("it is announced");
}

fn settings(town: &Town, group: GroupId) -> GroupSettingsV1 {
    match town.call(T::GetGroupSettings(GroupV1 { group })) {
        Ok(Reply::GroupSettings(settings)) => *settings,
        other => panic!("{other:?}"),
    }
}

/// The announcement that stands, and whether its text is gone.
fn shown(town: &Town, group: GroupId) -> (String, bool) {
    let settings = settings(town, group);
    (settings.announcement, settings.announcement_gone)
}

fn text(text: &str) -> (String, bool) {
    (text.to_owned(), false)
}

fn gone() -> (String, bool) {
    (String::new(), true)
}

/// What members are sent in the second place of a group.
fn second(town: &Town, group: GroupId) -> (Kind, Vec<u8>) {
    let envelope = &town.fetched(group, 2)[1];
    (envelope.header().kind(), envelope.body().to_vec())
}

fn is_pulled(town: &Town, text: &str) -> bool {
    let page = page(town, &everything());
    assert!(!page.header.more);
    let says = |bytes: &[u8]| {
        let mut some = bytes.windows(text.len());
        some.any(|some| some == text.as_bytes())
    };
    page.records.iter().any(|it| says(&it.content))
}

fn wait_for_a_snapshot(town: &Town) {
    let durable = town.engine.durable().0;
    wait_until("no snapshot is made", || {
        town.engine.stats().snapshot.0 + 3 > durable
    });
}

fn reopened(town: &Town, disk: &Faulty, options: Options) -> Town {
    let hash = town.engine.state_hash();
    town.engine.clone().close().expect("a clean close");
    let report = archive::verify(disk, 1, &|_| {}).expect("it can be read");
    assert!(report.is_sound(), "{report:?}");
    let storage = Arc::new(disk.clone());
    let engine = Engine::open_on(storage, options, town.clock.clone(), [9; 32]);
    let town = town.reopened(engine.expect("it opens again"));
    assert_eq!(town.engine.state_hash(), hash);
    town
}

#[test]
fn an_erased_announcement_is_shown_to_nobody_and_on_no_disk_whatever_snapshots_were_made() {
    for is_sealed in [false, true] {
        let disk = Faulty::new(1);
        let town = Town::on(Arc::new(disk.clone()), snapping(is_sealed), 3);
        let (group, other) = (town.group(3), town.group(3));
        announce(&town, group, "first");
        announce(&town, group, SECRET);
        announce(&town, other, "elsewhere");
        assert_eq!(shown(&town, group), text(SECRET));
        wait_for_a_snapshot(&town);
        let town = reopened(&town, &disk, snapping(is_sealed));
        assert_eq!(shown(&town, group), text(SECRET), "read back");
        assert_eq!(shown(&town, other), text("elsewhere"));
        assert_eq!(is_on(&disk, SECRET.as_bytes()), !is_sealed);
        assert!(is_pulled(&town, SECRET));
        assert_eq!(second(&town, group), (Kind::Announced, b"first".to_vec()));
        let before = leaves(&town);

        town.clock.advance(DAY_US);
        town.call(erase(group, NOON.utc_day())).expect("erased");
        assert_eq!(shown(&town, group), gone(), "as soon as it is answered");
        assert_eq!(second(&town, group), (Kind::Tombstone, Vec::new()));
        assert!(!is_pulled(&town, SECRET) && is_pulled(&town, "elsewhere"));
        assert_eq!(shown(&town, other), text("elsewhere"));
        wait_until("it is on disk still", || {
            let stats = town.engine.stats();
            !stats.custody_is_pending && stats.custody_views >= 2
        });
        assert!(!is_on(&disk, SECRET.as_bytes()) && !is_on(&disk, b"first"));
        for id in 1..4 {
            let said = town.say(other, town.people[0], id, "later");
            said.expect("a member may speak");
        }
        wait_for_a_snapshot(&town);
        assert!(!is_on(&disk, SECRET.as_bytes()));

        let town = reopened(&town, &disk, snapping(is_sealed));
        assert_eq!(shown(&town, group), gone());
        assert_eq!(shown(&town, other), text("elsewhere"));
        assert_eq!(leaves(&town)[..before.len()], before[..]);
        announce(&town, group, "anew");
        assert_eq!(shown(&town, group), text("anew"));
        announce(&town, group, "");
        assert_eq!(shown(&town, group), text(""), "taken down is not gone");
        assert_eq!(settings(&town, group).announced_in.0, 0);
    }
}

#[test]
fn a_read_that_fails_at_the_start_shows_no_announcement_as_gone() {
    let disk = Faulty::new(1);
    let town = Town::on(Arc::new(disk.clone()), options(false), 3);
    let group = town.group(3);
    announce(&town, group, "明天放假");
    let open = |town: &Town, entropy| {
        town.engine.clone().close().expect("a clean close");
        let (storage, clock) = (Arc::new(disk.clone()), town.clock.clone());
        Engine::open_on(storage, options(false), clock, [entropy; 32])
    };
    let begun = disk.reads();
    let mut town = town.reopened(open(&town, 2).expect("it opens"));
    let reads = disk.reads() - begun;
    let mut survived = 0;
    for read in 0..reads {
        let failing = disk.reads() + read;
        disk.fail_reads(failing..failing + 1);
        let opened = open(&town, 3);
        disk.fail_reads(0..0);
        // Either it says that the disk has failed, or it shows what there is.
        survived += u64::from(opened.is_ok());
        let engine = opened.or_else(|_| open(&town, 4)).expect("the disk works");
        town = town.reopened(engine);
        assert_eq!(shown(&town, group), text("明天放假"), "read {read}");
    }
    assert!((1..reads).contains(&survived), "{survived} of {reads}");
}

#[test]
fn an_announcement_expires_with_its_day_unless_it_is_held() {
    for is_sealed in [false, true] {
        let disk = Faulty::new(2);
        let town = Town::on(Arc::new(disk.clone()), snapping(is_sealed), 3);
        let (group, other) = (town.group(3), town.group(3));
        announce(&town, group, SECRET);
        announce(&town, other, "elsewhere");
        town.clock.advance(DAY_US);
        retain(&town, 1);
        let held = hold(&town, other, NOON.utc_day());
        town.call(erase(other, NOON.utc_day())).expect_err("held");
        assert_eq!(shown(&town, group), text(SECRET), "its day is kept");
        town.clock.advance(DAY_US);
        // Any decision of the next day.
        town.say(group, town.people[0], 11, "later").expect("said");
        wait_until("nothing expired", || shown(&town, group) == gone());
        wait_until("it is on disk still", || !is_on(&disk, SECRET.as_bytes()));
        let town = reopened(&town, &disk, snapping(is_sealed));
        assert_eq!(shown(&town, group), gone());
        assert_eq!(shown(&town, other), text("elsewhere"), "held");
        assert!(is_pulled(&town, "elsewhere"));
        let release = ReleaseHoldV1 {
            hold: held,
            reason: "over".to_owned(),
        };
        town.call(T::ReleaseHold(release)).expect("released");
        assert_eq!(shown(&town, other), gone(), "due long since");
        wait_until("it is on disk still", || !is_on(&disk, b"elsewhere"));
    }
}
