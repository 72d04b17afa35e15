//! Another master key for the same data keys.

use std::io::IoSlice;

use super::found::{CHUNK_LEN, KeyringError, each_entry, find};
use super::keyring::{discard, settle, shred, unwrap, wrap};
use super::master::{Draws, MasterKey};
use super::places::Places;
use crate::log::format::{Defect, KEYRING, KEYRING_BEFORE, KeyEntry, KeyringHeader, Secret};
use crate::log::storage::{Storage, unfinished};
use crate::log::survey::{Scope, survey};

/// Wraps every key of a log anew, under `new` in place of `old`; the records are left alone.
///
/// The log must not be open. Done already, it does nothing more. The file that the old key opens is
/// overwritten, by the next open or `rewrap` where this one is interrupted; a copy of it elsewhere is not.
pub fn rewrap(
    storage: &dyn Storage,
    old: &MasterKey,
    new: &MasterKey,
    entropy: [u8; 32],
) -> Result<(), KeyringError> {
    let scope = Scope {
        from: u64::MAX,
        threads: 1,
        indexes: false,
        progress: &|_, _| {},
        commitments: None,
    };
    let segments = survey(storage, &scope)?;
    let scans = segments.iter().filter_map(|found| found.scan.as_ref());
    let named = scans.map(|scan| scan.key_max).max().unwrap_or(0);
    let found = find(storage, &storage.names()?, named)?.ok_or(KeyringError::NotEncrypted)?;
    if found.header.master == new.id().0 {
        // An interruption may have left the one before.
        return Ok(settle(storage, found.is_before)?);
    }
    found.check_master(Some(old))?;
    shred(&*found.file, &found.unfinished)?;
    settle(storage, found.is_before)?;
    let (old, cipher, mut draws) = (old.cipher(), new.cipher(), Draws::new(&entropy, b"rewrap"));
    let target = storage.create(&unfinished(KEYRING))?;
    let header = KeyringHeader {
        master: new.id().0,
        settled: found.keys,
        ..found.header
    };
    target.write_at(&mut [IoSlice::new(&header.encode())], 0)?;
    let (mut bytes, mut at, mut lost) = (Vec::new(), KeyEntry::offset(1), None);
    let (places, mut before) = (Places::of(&found.header), 0);
    each_entry(&*found.file, |place, entry| {
        let Ok(mut entry) = places.decode(place, entry, before) else {
            // What has rotted keeps its place.
            if place <= places.up_to(found.keys) {
                bytes.extend_from_slice(entry);
            }
            return Ok(());
        };
        if entry.id > found.keys {
            return Ok(());
        }
        before = entry.id;
        if let Secret::Wrapped(wrapped) = entry.secret {
            let key = unwrap(&*old, &entry, &wrapped);
            entry.master = new.id().0;
            match key {
                Some(key) => entry.secret = wrap(&*cipher, &entry, &key, draws.nonce()),
                None => drop(lost.get_or_insert((place, entry.id))),
            }
        }
        bytes.extend_from_slice(&entry.encode());
        if bytes.len() >= CHUNK_LEN {
            target.write_at(&mut [IoSlice::new(&bytes)], at)?;
            at += bytes.len() as u64;
            bytes.clear();
        }
        Ok(())
    })?;
    if let Some((place, key)) = lost {
        discard(storage, &unfinished(KEYRING))?;
        return Err(KeyringError::Damaged {
            key,
            offset: KeyEntry::offset(place),
            defect: Defect::SealBroken,
        });
    }
    target.write_at(&mut [IoSlice::new(&bytes)], at)?;
    target.sync()?;
    // The old file keeps a name until it is overwritten, so that an interruption does not leave its blocks.
    storage.rename(KEYRING, KEYRING_BEFORE)?;
    storage.sync()?;
    storage.rename(&unfinished(KEYRING), KEYRING)?;
    storage.sync()?;
    Ok(settle(storage, false)?)
}
