//! Many keys: an expiry takes what it destroys, whatever else there is, and what is left out is destroyed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::found::{each_entry, find};
use super::super::keyring::{Keyring, Loaded};
use super::super::live::{Live, Run};
use super::super::rewriting::Rewritten;
use super::super::{Algorithm, Vault};
use super::master;
use crate::log::format::{KeyEntry, Purpose, Secret, Wrapped};
use crate::log::gone::{Changed, Gone};
use crate::log::storage::{Memory, Storage};
use crate::wire::{GroupId, TenantId};

const TENANTS: u32 = 100;
const GROUPS: u64 = 10;
const DAYS: i32 = 100;

fn keyring(storage: &Arc<dyn Storage>) -> Keyring {
    let keyring = Keyring::open(storage, None, [1; 16], 1, &master(), &[2; 32]);
    let mut keyring = keyring.expect("memory does not fail");
    let node = [(Purpose::Node, Algorithm::Aes256Gcm)];
    keyring.make(&node, 0).expect("the node's key");
    keyring
}

/// 100,000 keys, day by day.
fn many(storage: &Arc<dyn Storage>) -> Keyring {
    let mut keyring = keyring(storage);
    for day in 0..DAYS {
        let of_tenant =
            |tenant| (1..=GROUPS).map(move |group| Purpose::GroupDay { tenant, group, day });
        let purposes = (1..=TENANTS).flat_map(of_tenant);
        let wanted: Vec<_> = purposes.map(|it| (it, Algorithm::Aes256Gcm)).collect();
        keyring.make(&wanted, 0).expect("memory does not fail");
    }
    keyring
}

/// One tenant's day has expired.
fn expired(tenant: u32, day: i32) -> Gone {
    let changed = Changed {
        tenant: TenantId(tenant),
        group: None,
        days: day..=day,
    };
    Gone::new(move |of, _, at| of == TenantId(tenant) && at == day).with_changed(vec![changed])
}

#[test]
fn an_expiry_takes_what_it_destroys_among_a_hundred_thousand_keys() {
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let mut keyring = many(&storage);
    let (mut quickest, mut reading) = (Duration::MAX, Duration::MAX);
    for tenant in 1..=5 {
        let gone = expired(tenant, 7);
        // As it was done before: every entry of the file.
        let begun = Instant::now();
        let (file, _) = keyring.file();
        let mut found = 0;
        each_entry(&*file, |id, bytes| {
            if let Ok(entry) = KeyEntry::decode(bytes, id)
                && let Purpose::GroupDay { tenant, group, day } = entry.purpose
                && gone.has(TenantId(tenant), GroupId(group), day)
            {
                found += 1;
            }
            Ok(())
        })
        .expect("memory does not fail");
        reading = reading.min(begun.elapsed());
        let begun = Instant::now();
        let destroyed = keyring.destroy(&gone, 1).expect("memory does not fail");
        quickest = quickest.min(begun.elapsed());
        assert_eq!((destroyed.ids.len(), found), (GROUPS as usize, GROUPS));
        let again = keyring.destroy(&gone, 1).expect("memory does not fail");
        assert!(again.ids.is_empty(), "destroyed already");
    }
    println!("10 of 100,000 keys destroyed in {quickest:?}; reading the file takes {reading:?}");
    assert!(
        quickest * 10 < reading,
        "{quickest:?} to destroy 10 keys, {reading:?} to read all"
    );
}

#[test]
fn a_keyring_that_is_mostly_dead_is_written_anew_and_knows_what_was_left_out() {
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let mut keyring = many(&storage);
    let vault = Vault::new(keyring.file(), master().cipher());
    let first_half = Gone::new(|_, _, day| day < 60);
    let destroyed = keyring.destroy(&first_half, 1);
    let destroyed = destroyed.expect("memory does not fail").ids;
    vault.forget(&destroyed);
    assert_eq!(destroyed.len(), 60_000);
    assert!(keyring.is_mostly_dead(4_096));
    let last = keyring.next_id() - 1;
    let (mut slices, mut longest) = (0, Duration::ZERO);
    assert!(keyring.begin_rewriting().expect("memory does not fail"));
    loop {
        let begun = Instant::now();
        let rewritten = keyring.rewrite_some(8_192).expect("memory does not fail");
        longest = longest.max(begun.elapsed());
        match rewritten {
            Rewritten::All => break,
            Rewritten::Some => slices += 1,
            Rewritten::Switched => vault.replace(keyring.file()),
        }
    }
    println!("written anew with 40,000 of 100,000 keys in {slices} slices of up to {longest:?}");
    assert!(slices > 20, "in {slices} slices");
    assert!(!keyring.is_mostly_dead(0));
    assert_eq!(keyring.next_id(), last + 1, "no id is given twice");
    // Key 1 is the node's; then came a thousand a day.
    for id in (1..=100_001).step_by(997) {
        let is_gone = destroyed.binary_search(&id).is_ok();
        let loaded = vault.key(id).expect("memory does not fail");
        match loaded {
            Loaded::Open(_) => assert!(!is_gone, "key {id} came back"),
            Loaded::Destroyed => assert!(is_gone, "key {id} is lost"),
            Loaded::Unusable => panic!("key {id} is unusable"),
        }
    }
    let unknown = vault.key(last + 1).expect("memory does not fail");
    assert!(matches!(unknown, Loaded::Unusable), "it was never made");
    let names = storage.names().expect("names");
    let found = find(&*storage, &names, last).expect("it opens");
    assert_eq!(found.expect("it is there").live.len(), 40_000);
}

fn entry(id: u32, key: (u32, u64, i32)) -> KeyEntry {
    let (tenant, group, day) = key;
    KeyEntry {
        id,
        purpose: Purpose::GroupDay { tenant, group, day },
        algorithm: 1,
        record: 0,
        settled: 0,
        epoch: 1,
        master: [0; 8],
        secret: Secret::Wrapped(Wrapped {
            nonce: [0; 12],
            key: [0; 32],
            tag: [0; 16],
        }),
    }
}

type Range = (u32, Option<u64>, i32, i32);

proptest! {
    /// Whatever is said to have changed, what is found is what looking at every key finds; runs name no day
    /// that stays.
    #[test]
    fn what_is_gone_is_found_where_it_changed(
        keys in proptest::collection::vec((1..3_u32, 0..4_u64, -3..6_i32), 0..60),
        ranges in proptest::collection::vec(
            (1..3_u32, proptest::option::of(0..4_u64), -4..7_i32, 0..5_i32), 0..5),
    ) {
        let ranges: Vec<Range> = ranges.into_iter().map(|(of, group, first, more)| (of, group, first, first + more)).collect();
        let mut live = Live::default();
        for (id, key) in (1..).zip(&keys) {
            live.note(id, &entry(id, *key));
        }
        let changed = ranges.iter().map(|(tenant, group, first, last)| Changed {
            tenant: TenantId(*tenant),
            group: group.map(GroupId),
            days: *first..=*last,
        });
        let changed: Vec<_> = changed.collect();
        let is_gone = move |tenant: TenantId, group: GroupId, day: i32| {
            ranges.iter().any(|(of, only, first, last)| {
                *of == tenant.0 && only.is_none_or(|only| only == group.0) && (*first..=*last).contains(&day)
            })
        };
        let naive: BTreeSet<u32> = (1..).zip(&keys)
            .filter(|(_, (tenant, group, day))| is_gone(TenantId(*tenant), GroupId(*group), *day))
            .map(|(id, _)| id)
            .collect();
        let gone = Gone::new(is_gone);
        let everywhere = live.gone(&gone, 1_000);
        let runs = live.gone(&gone.with_changed(changed), 1_000);
        prop_assert_eq!(&runs, &everywhere);
        let keys_of = |runs: &[Run]| -> Vec<(u32, u32)> {
            let keys = runs.iter().flat_map(|run| &run.keys);
            keys.map(|key| (key.id, key.place)).collect()
        };
        prop_assert!(keys_of(&runs).iter().all(|(id, place)| id == place), "each in its place");
        let ids: BTreeSet<u32> = keys_of(&runs).into_iter().map(|(id, _)| id).collect();
        prop_assert_eq!(&ids, &naive);
        for (id, (tenant, group, day)) in (1..).zip(&keys) {
            let covered = runs.iter().any(|run| {
                (run.tenant, run.group) == (*tenant, *group) && (run.first..=run.last).contains(day)
            });
            prop_assert_eq!(covered, naive.contains(&id));
        }
        live.forget(&runs);
        prop_assert_eq!(live.len(), keys.len() - naive.len());
        let left = live.gone(&Gone::new(|_, _, _| true), 1_000);
        let left = keys_of(&left);
        prop_assert!(left.iter().all(|(id, _)| !naive.contains(id)), "destroyed and live");
    }
}
