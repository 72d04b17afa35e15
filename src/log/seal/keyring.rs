//! The file of data keys of an open log: appended to before a key is used, overwritten in place where
//! a key is destroyed.
//!
//! A key is durable before the first record under it is written, so an entry that a crash tore is one
//! that no record names, and is cut; any other that does not verify is lost by itself. That keys are to be
//! destroyed is durable before the first of them is overwritten, so that an open can finish it.

use std::collections::BTreeSet;
use std::io::IoSlice;
use std::ops::RangeInclusive;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::cipher::{Algorithm, Cipher, KeyBytes, cipher};
use super::found::{CHUNK_LEN, FoundKeyring, cut};
use super::live::Live;
use super::lost::Lost;
use super::master::{Draws, MasterKey};
use super::places::{Found, Places};
use super::rewriting::Rewriting;
use crate::log::format::{
    KEY_ENTRY_LEN, KEYRING, KEYRING_BEFORE, KEYRING_HEADER_LEN, KeyEntry, KeyringHeader, Purpose,
    SECRET_FROM, SECRET_LEN, Secret, Wrapped,
};
use crate::log::gone::{Changed, Gone};
use crate::log::storage::{File, Storage, StorageError, replace};
use crate::wire::{GroupId, TenantId};

/// Entries preallocated at a time.
pub(super) const ROOM_STEP: u32 = 8192;
/// With less room than this more is preallocated.
const ROOM_LOW: u32 = ROOM_STEP / 2;
/// Room for so many entries is never promised to records, so that a full disk stops no erasure.
pub(super) const KEPT_FOR_ERASURES: u32 = 64;
/// Longer silences of a group end an erasure, and begin another.
const GAP_DAYS_MAX: usize = 1_000;

/// Messages whose keys are to be destroyed: one group's, on some UTC days.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Erasure {
    /// The enterprise.
    pub tenant: TenantId,
    /// The group.
    pub group: GroupId,
    /// UTC days, counted from 1970-01-01.
    pub days: RangeInclusive<i32>,
}

impl Erasure {
    /// This as what is gone.
    pub(crate) fn as_gone(&self) -> Gone {
        let Self {
            tenant,
            group,
            days,
        } = self.clone();
        let changed = Changed {
            tenant,
            group: Some(group),
            days: days.clone(),
        };
        Gone::new(move |of, at, day| (of, at) == (tenant, group) && days.contains(&day))
            .with_changed(vec![changed])
    }
}

/// Keys that were destroyed.
pub(crate) struct Destroyed {
    /// In order.
    pub(crate) ids: Vec<u32>,
    /// The disk had no room to write down all.
    pub(crate) more: bool,
}

/// The keyring of a log that is open.
pub(crate) struct Keyring {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) file: Arc<dyn File>,
    pub(super) places: Places,
    pub(super) log: [u8; 16],
    /// Keys of messages that are not destroyed.
    pub(super) live: Live,
    /// Keys that are never destroyed, and those that a repair has recorded as lost.
    pub(super) lasting: u32,
    /// Entries that do not say any more what they were.
    pub(super) unnamed: u32,
    /// Keys that are zeros though nobody asked for it.
    pub(super) zeroed: BTreeSet<u32>,
    /// The file being written anew.
    pub(super) rewriting: Option<Rewriting>,
    master: Arc<dyn Cipher>,
    pub(super) master_id: [u8; 8],
    draws: Draws,
    pub(super) epoch: u32,
    /// The last entry's id.
    pub(super) keys: u32,
    /// Entries that the file has room for.
    pub(super) room: u32,
    /// Whether the disk had no room for more.
    pub(super) is_full: bool,
}

impl Keyring {
    /// Takes over what was found, or begins one: the torn end is cut.
    pub(crate) fn open(
        storage: &Arc<dyn Storage>,
        found: Option<FoundKeyring>,
        log: [u8; 16],
        epoch: u32,
        master: &MasterKey,
        entropy: &[u8; 32],
    ) -> Result<Self, StorageError> {
        let mut lost = Lost::default();
        let (file, places, keys, live, lasting) = match found {
            Some(found) => {
                cut(&found)?;
                shred(&*found.file, &found.unfinished)?;
                settle(&**storage, found.is_before)?;
                let places = Places::of(&found.header);
                lost = found.lost;
                (found.file, places, found.keys, found.live, found.lasting)
            }
            None => {
                let header = KeyringHeader {
                    epoch,
                    log,
                    master: master.id().0,
                    settled: 0,
                    dropped: 0,
                };
                replace(&**storage, KEYRING, &mut [IoSlice::new(&header.encode())])?;
                let (places, live) = (Places::of(&header), Live::default());
                (storage.open(KEYRING)?, places, 0, live, 0)
            }
        };
        let room = file.len()?.saturating_sub(KEYRING_HEADER_LEN as u64) / KEY_ENTRY_LEN as u64;
        let mut keyring = Self {
            storage: Arc::clone(storage),
            file,
            places,
            log,
            live,
            lasting,
            unnamed: lost.unnamed,
            zeroed: lost.zeroed,
            rewriting: None,
            master: master.cipher(),
            master_id: master.id().0,
            draws: Draws::new(entropy, b"data keys"),
            epoch,
            keys,
            room: u32::try_from(room).unwrap_or(u32::MAX),
            is_full: false,
        };
        keyring.top_up()?;
        Ok(keyring)
    }

    /// The id that the next key will have.
    pub(crate) fn next_id(&self) -> u32 {
        self.keys.saturating_add(1)
    }

    /// The file, and where entries stand in it.
    pub(crate) fn file(&self) -> (Arc<dyn File>, Places) {
        (self.file.clone(), self.places)
    }

    /// Keys that are zeros though nobody asked for it.
    pub(crate) fn zeroed(&self) -> &BTreeSet<u32> {
        &self.zeroed
    }

    pub(crate) fn master(&self) -> Arc<dyn Cipher> {
        self.master.clone()
    }

    /// Makes keys for what records from `record` on are sealed for, durable on return: the id of the
    /// first, and all of them open.
    pub(crate) fn make(
        &mut self,
        wanted: &[(Purpose, Algorithm)],
        record: u64,
    ) -> Result<(u32, Vec<Arc<dyn Cipher>>), StorageError> {
        let first = self.next_id();
        let mut bytes = Vec::with_capacity(wanted.len() * KEY_ENTRY_LEN);
        let mut ciphers = Vec::with_capacity(wanted.len());
        let mut entries = Vec::with_capacity(wanted.len());
        for (id, (purpose, algorithm)) in (first..).zip(wanted) {
            let mut entry = KeyEntry {
                id,
                purpose: *purpose,
                algorithm: *algorithm as u8,
                record,
                settled: self.keys,
                epoch: self.epoch,
                master: self.master_id,
                secret: Secret::Destroyed,
            };
            let key = self.draws.key();
            entry.secret = wrap(&*self.master, &entry, &key, self.draws.nonce());
            bytes.extend_from_slice(&entry.encode());
            ciphers.push(cipher(*algorithm, &key));
            entries.push(entry);
        }
        self.append(&bytes)?;
        for entry in &entries {
            self.live.note(self.places.up_to(entry.id), entry);
            self.lasting += u32::from(!matches!(entry.purpose, Purpose::GroupDay { .. }));
        }
        Ok((first, ciphers))
    }

    /// Appends whole entries, durable on return.
    fn append(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        let count = u32::try_from(bytes.len() / KEY_ENTRY_LEN).unwrap_or(u32::MAX);
        let last = self.keys.checked_add(count).ok_or_else(no_space)?;
        while self.places.up_to(last) > self.room {
            self.extend()?;
        }
        let at = self.places.offset(self.next_id());
        self.file.write_at(&mut [IoSlice::new(bytes)], at)?;
        self.file.sync()?;
        self.keys = last;
        Ok(())
    }

    /// Destroys what is gone, durably; what is destroyed already stays so. On a full disk, as much as there
    /// is room to write down.
    pub(crate) fn destroy(&mut self, gone: &Gone, record: u64) -> Result<Destroyed, StorageError> {
        let mut runs = self.live.gone(gone, GAP_DAYS_MAX);
        self.make_room(runs.len())?;
        let mut fitting = usize::try_from(self.left()).unwrap_or(usize::MAX);
        if self.is_full {
            // The rest is promised to records that are on their way.
            fitting = fitting.min(KEPT_FOR_ERASURES as usize);
        }
        let more = runs.len() > fitting;
        runs.truncate(fitting);
        let (mut bytes, mut ids) = (Vec::new(), Vec::new());
        for (id, run) in (self.next_id()..).zip(&runs) {
            let entry = KeyEntry {
                id,
                purpose: Purpose::Erasure {
                    tenant: run.tenant,
                    group: run.group,
                    day: run.first,
                    last_day: run.last,
                },
                algorithm: 0,
                record,
                settled: self.keys,
                epoch: self.epoch,
                master: self.master_id,
                secret: Secret::Destroyed,
            };
            bytes.extend_from_slice(&entry.encode());
            ids.extend(run.keys.iter().map(|key| key.id));
        }
        ids.sort_unstable();
        if !ids.is_empty() {
            self.append(&bytes)?;
            let keys = runs.iter().flat_map(|run| &run.keys);
            let at: Vec<_> = keys.map(|key| KeyEntry::offset(key.place)).collect();
            shred(&*self.file, &at)?;
            self.live.forget(&runs);
            for id in &ids {
                self.zeroed.remove(id);
            }
            if let Some(Rewriting::Copying(copying)) = &mut self.rewriting {
                copying.destroy(&runs)?;
            }
        }
        Ok(Destroyed { ids, more })
    }

    /// Room for so many entries, unless the disk is full.
    fn make_room(&mut self, entries: usize) -> Result<(), StorageError> {
        while entries > self.left() as usize && !self.is_full {
            match self.extend() {
                Err(error) if error.is_no_space() => self.is_full = true,
                result => result?,
            }
        }
        Ok(())
    }

    /// Preallocates when little room is left; a full disk is remembered, not an error.
    pub(crate) fn top_up(&mut self) -> Result<(), StorageError> {
        if self.left() >= ROOM_LOW {
            return Ok(());
        }
        match self.extend() {
            Err(error) if error.is_no_space() => self.is_full = true,
            result => result?,
        }
        Ok(())
    }

    fn extend(&mut self) -> Result<(), StorageError> {
        let used = self.places.up_to(self.keys);
        let room = self.room.max(used).checked_add(ROOM_STEP);
        let room = room.ok_or_else(no_space)?;
        self.file.allocate(KeyEntry::offset(room + 1))?;
        self.file.sync()?;
        (self.room, self.is_full) = (room, false);
        Ok(())
    }

    fn left(&self) -> u32 {
        self.room.saturating_sub(self.places.up_to(self.keys))
    }

    /// Entries in the file that are of destroyed keys, or of the erasures that did it.
    pub(super) fn dead(&self) -> u32 {
        let alive = u32::try_from(self.live.len()).unwrap_or(u32::MAX);
        let used = self.places.up_to(self.keys);
        let kept = alive
            .saturating_add(self.lasting)
            .saturating_add(self.unnamed);
        used.saturating_sub(kept)
    }

    /// Whether so many entries are dead, and more than half.
    pub(crate) fn is_mostly_dead(&self, dead_min: u32) -> bool {
        let dead = self.dead();
        dead >= dead_min && dead > self.places.up_to(self.keys) / 2
    }

    /// Keys that can still be made on a disk that is full; `None` while it is not.
    pub(crate) fn left_on_full_disk(&self) -> Option<u32> {
        self.is_full.then(|| self.left())
    }
}

/// There is no room for another entry.
pub(crate) fn no_space() -> StorageError {
    StorageError::NoSpace {
        operation: crate::log::storage::Operation::Allocate,
        file: KEYRING.to_owned(),
    }
}

/// Overwrites and removes a copy that was given up: the keys in it may be destroyed later.
pub(crate) fn discard(storage: &dyn Storage, name: &str) -> Result<(), StorageError> {
    overwrite(&*storage.open(name)?)?;
    storage.remove(name)
}

/// Ends the replacement of a keyring: the one before is overwritten, as its keys may be destroyed later,
/// and removed; or it is the keyring again, where the new one was not in its place yet.
pub(super) fn settle(storage: &dyn Storage, is_before: bool) -> Result<(), StorageError> {
    if is_before {
        storage.rename(KEYRING_BEFORE, KEYRING)?;
        return storage.sync();
    }
    let before = match storage.open(KEYRING_BEFORE) {
        Err(error) if error.is_not_found() => return Ok(()),
        before => before?,
    };
    overwrite(&*before)?;
    drop(before);
    storage.remove(KEYRING_BEFORE)?;
    storage.sync()
}

/// Overwrites all of a keyring that another has replaced.
pub(super) fn overwrite(file: &dyn File) -> Result<(), StorageError> {
    let (mut at, mut is_left) = (0, true);
    while is_left {
        (at, is_left) = overwrite_some(file, at, CHUNK_LEN as u64)?;
    }
    Ok(())
}

/// Likewise, so many bytes from `at` on: how far it has got, and whether any are left. Durable on return.
pub(super) fn overwrite_some(
    file: &dyn File,
    at: u64,
    some: u64,
) -> Result<(u64, bool), StorageError> {
    let len = file.len()?;
    let end = at.saturating_add(some.min(CHUNK_LEN as u64)).min(len);
    let zeros = vec![0; end.saturating_sub(at) as usize];
    file.write_at(&mut [IoSlice::new(&zeros)], at)?;
    file.sync()?;
    Ok((end, end < len))
}

/// Overwrites the wrapped keys of the entries at these offsets, in place.
pub(super) fn shred(file: &dyn File, entries: &[u64]) -> Result<(), StorageError> {
    for at in entries {
        let at = at + SECRET_FROM as u64;
        file.write_at(&mut [IoSlice::new(&[0; SECRET_LEN])], at)?;
    }
    if entries.is_empty() {
        Ok(())
    } else {
        file.sync()
    }
}

pub(super) fn wrap(
    master: &dyn Cipher,
    entry: &KeyEntry,
    key: &KeyBytes,
    nonce: [u8; 12],
) -> Secret {
    let mut wrapped = **key;
    let tag = master.seal(&nonce, &entry.name(), &mut wrapped);
    Secret::Wrapped(Wrapped {
        nonce,
        key: wrapped,
        tag,
    })
}

/// The key that an entry wraps.
pub(super) fn unwrap(master: &dyn Cipher, entry: &KeyEntry, wrapped: &Wrapped) -> Option<KeyBytes> {
    let mut key = Zeroizing::new(wrapped.key);
    let name = entry.name();
    let opened = master.open(&wrapped.nonce, &name, &mut *key, &wrapped.tag);
    opened.is_ok().then_some(key)
}

/// A key as it is read back.
pub(crate) enum Loaded {
    Open(Arc<dyn Cipher>),
    Destroyed,
    /// Not there, damaged, or not wrapped under this master key.
    Unusable,
}

/// Reads key `id`.
pub(super) fn load(
    file: &dyn File,
    places: Places,
    master: &dyn Cipher,
    id: u32,
) -> Result<Loaded, StorageError> {
    let entry = match places.find(file, id)? {
        Found::Entry(entry) => entry,
        Found::LeftOut => return Ok(Loaded::Destroyed),
        Found::Unusable => return Ok(Loaded::Unusable),
    };
    let wrapped = match (&entry.secret, entry.purpose) {
        (_, Purpose::Lost { .. }) => return Ok(Loaded::Destroyed),
        (_, Purpose::Erasure { .. }) | (Secret::Torn, _) => return Ok(Loaded::Unusable),
        (Secret::Destroyed, _) => return Ok(Loaded::Destroyed),
        (Secret::Wrapped(wrapped), _) => wrapped,
    };
    let algorithm = Algorithm::of(entry.algorithm);
    let opened = algorithm.zip(unwrap(master, &entry, wrapped));
    Ok(opened.map_or(Loaded::Unusable, |(algorithm, key)| {
        Loaded::Open(cipher(algorithm, &key))
    }))
}
