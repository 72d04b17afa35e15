//! An engine whose log is encrypted (SPEC A4): nothing of what is said or who is there is readable on
//! disk, everything goes on after a restart, and an erased message is a tombstone in its place.

use crate::town;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::town::{NOON, Town};
use throng::engine::{Engine, Options};
use throng::log::storage::Faulty;
use throng::log::{Encryption, Erasure, Log, MasterKey};
use throng::wire::{Envelope, Kind, Sequence};

fn options() -> Options {
    let mut options = Options::default();
    options.log.encryption = Some(Encryption::new(MasterKey::new([0xb4; 32])));
    options.snapshot_every_records = 1;
    options
}

fn shown(envelopes: &[Envelope]) -> Vec<(Kind, &[u8])> {
    let show = |it: &'_ Envelope| it.header().kind();
    envelopes
        .iter()
        .map(|it| (show(it), it.body()))
        .skip(1)
        .collect()
}

#[test]
fn an_encrypted_engine_says_nothing_on_disk_and_an_erased_message_is_a_tombstone() {
    let disk = Faulty::new(1);
    let town = Town::on(Arc::new(disk.clone()), options(), 3);
    let group = town.group(3);
    for (id, text) in [(1, "the merger is on Friday"), (2, "do not tell anybody")] {
        town.say(group, town.people[0], id, text).expect("said");
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while town.engine.stats().snapshot == throng::wire::RecordNumber(0) {
        assert!(Instant::now() < deadline, "no snapshot was made");
        std::thread::yield_now();
    }
    let said = town.fetched(group, 3);
    assert_eq!(
        shown(&said)[0],
        (Kind::Text, &b"the merger is on Friday"[..])
    );
    town.engine.clone().close().expect("a clean close");
    for needle in ["merger", "do not tell", "Acme", "Team"] {
        assert!(!town::is_on(&disk, needle.as_bytes()), "{needle}");
    }

    let (mut log, _) = Log::open(Arc::new(disk.clone()), options().log, [3; 32]).expect("it opens");
    let today = NOON.utc_day();
    let erasure = Erasure {
        tenant: town.tenant,
        group,
        days: today..=today,
    };
    assert_eq!(log.destroy_keys(&erasure).expect("destroyed"), 1);
    log.close().expect("it closes");

    let storage = Arc::new(disk.clone());
    let engine = Engine::open_on(storage, options(), town.clock.clone(), [9; 32]);
    let town = town.reopened(engine.expect("it opens again"));
    town.say(group, town.people[1], 3, "what was that")
        .expect("said");
    let left = town.fetched(group, 4);
    let erased = (Kind::Tombstone, &b""[..]);
    let expected = [erased, erased, (Kind::Text, &b"what was that"[..])];
    assert_eq!(shown(&left), expected);
    let sequences: Vec<_> = left.iter().map(|it| it.header().sequence().0).collect();
    assert_eq!(sequences, [1, 2, 3, 4], "cursors pass as before");
    let again = town.say(group, town.people[0], 1, "the merger is on Friday");
    assert_eq!(
        again.expect("a retry").sequence,
        Sequence(2),
        "idempotency outlives erasure"
    );
}
