//! The file of data keys of an open log: appended to before a key is used, overwritten in place where
//! a key is destroyed.
//!
//! A key is durable before the first record under it is written, so an entry that a crash tore is one
//! that no record names, and is cut; damage to any other refuses the open. That keys are to be
//! destroyed is durable before the first of them is overwritten, so that an open can finish it.

use std::io::IoSlice;
use std::ops::RangeInclusive;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::cipher::{Algorithm, Cipher, KeyBytes, cipher};
use super::found::{FoundKeyring, cut, each_entry};
use super::master::{Draws, MasterKey};
use crate::log::format::{
    KEY_ENTRY_LEN, KEYRING, KEYRING_HEADER_LEN, KeyEntry, KeyringHeader, Purpose, SECRET_FROM,
    SECRET_LEN, Secret, Wrapped,
};
use crate::log::gone::Gone;
use crate::log::storage::{File, Storage, StorageError, replace};
use crate::wire::{GroupId, TenantId};

/// Entries preallocated at a time.
const ROOM_STEP: u32 = 8192;
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
        Gone::new(move |of, at, day| (of, at) == (tenant, group) && days.contains(&day))
    }
}

/// Keys that were destroyed.
pub(crate) struct Destroyed {
    /// In order.
    pub(crate) ids: Vec<u32>,
    /// The disk had no room to write down all.
    pub(crate) more: bool,
}

/// Live keys of days in a row.
struct Run {
    tenant: u32,
    group: u64,
    first: i32,
    last: i32,
    ids: Vec<u32>,
}

/// The keyring of a log that is open.
pub(crate) struct Keyring {
    file: Arc<dyn File>,
    master: Arc<dyn Cipher>,
    master_id: [u8; 8],
    draws: Draws,
    epoch: u32,
    keys: u32,
    /// Entries that the file has room for.
    room: u32,
    /// Whether the disk had no room for more.
    is_full: bool,
}

impl Keyring {
    /// Takes over what was found, or begins one: the torn end is cut.
    pub(crate) fn open(
        storage: &dyn Storage,
        found: Option<FoundKeyring>,
        log: [u8; 16],
        epoch: u32,
        master: &MasterKey,
        entropy: &[u8; 32],
    ) -> Result<Self, StorageError> {
        let (file, keys) = match found {
            Some(found) => {
                cut(&found)?;
                shred(&*found.file, &found.unfinished)?;
                (found.file, found.keys)
            }
            None => {
                let header = KeyringHeader {
                    epoch,
                    log,
                    master: master.id().0,
                    settled: 0,
                };
                replace(storage, KEYRING, &mut [IoSlice::new(&header.encode())])?;
                (storage.open(KEYRING)?, 0)
            }
        };
        let room = file.len()?.saturating_sub(KEYRING_HEADER_LEN as u64) / KEY_ENTRY_LEN as u64;
        let mut keyring = Self {
            file,
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

    pub(crate) fn file(&self) -> Arc<dyn File> {
        self.file.clone()
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
        }
        self.append(&bytes)?;
        Ok((first, ciphers))
    }

    /// Appends whole entries, durable on return.
    fn append(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        let count = u32::try_from(bytes.len() / KEY_ENTRY_LEN).unwrap_or(u32::MAX);
        let last = self.keys.checked_add(count).ok_or_else(no_space)?;
        while last > self.room {
            self.extend()?;
        }
        let at = KeyEntry::offset(self.next_id());
        self.file.write_at(&mut [IoSlice::new(bytes)], at)?;
        self.file.sync()?;
        self.keys = last;
        Ok(())
    }

    /// Destroys what is gone, durably; what is destroyed already stays so. On a full disk, as much as there
    /// is room to write down.
    pub(crate) fn destroy(&mut self, gone: &Gone, record: u64) -> Result<Destroyed, StorageError> {
        let mut runs = self.live_runs(gone)?;
        self.make_room(runs.len())?;
        let mut fitting = usize::try_from(self.left()).unwrap_or(usize::MAX);
        if self.is_full {
            // The rest is promised to records that are on their way.
            fitting = fitting.min(KEPT_FOR_ERASURES as usize);
        }
        let more = runs.len() > fitting;
        runs.truncate(fitting);
        let (mut bytes, mut ids) = (Vec::new(), Vec::new());
        for (id, run) in (self.next_id()..).zip(runs) {
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
            ids.extend(run.ids);
        }
        ids.sort_unstable();
        if !ids.is_empty() {
            self.append(&bytes)?;
            shred(&*self.file, &ids)?;
        }
        Ok(Destroyed { ids, more })
    }

    /// Keys that are gone and not destroyed, as days in a row of one group: an erasure names all days
    /// between its first and its last, and those that stay must not be among them.
    fn live_runs(&self, gone: &Gone) -> Result<Vec<Run>, StorageError> {
        let (mut found, keys) = (Vec::new(), self.keys);
        each_entry(&*self.file, |id, bytes| {
            if id <= keys
                && let Ok(entry) = KeyEntry::decode(bytes, id)
                && entry.secret != Secret::Destroyed
                && let Purpose::GroupDay { tenant, group, day } = entry.purpose
                && gone.has(TenantId(tenant), GroupId(group), day)
            {
                found.push((tenant, group, day, id));
            }
            Ok(())
        })?;
        found.sort_unstable();
        let mut runs: Vec<Run> = Vec::new();
        for (tenant, group, day, id) in found {
            match runs.last_mut() {
                Some(run)
                    if (run.tenant, run.group) == (tenant, group)
                        && Self::is_gone_between(gone, run, day) =>
                {
                    run.last = day;
                    run.ids.push(id);
                }
                _ => runs.push(Run {
                    tenant,
                    group,
                    first: day,
                    last: day,
                    ids: vec![id],
                }),
            }
        }
        Ok(runs)
    }

    /// Whether no day between the last of a run and this one stays.
    fn is_gone_between(gone: &Gone, run: &Run, day: i32) -> bool {
        let (tenant, group) = (TenantId(run.tenant), GroupId(run.group));
        let between = run.last.saturating_add(1)..day;
        between.len() < GAP_DAYS_MAX && between.into_iter().all(|day| gone.has(tenant, group, day))
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
        let room = self.room.max(self.keys).checked_add(ROOM_STEP);
        let room = room.ok_or_else(no_space)?;
        self.file.allocate(KeyEntry::offset(room + 1))?;
        self.file.sync()?;
        (self.room, self.is_full) = (room, false);
        Ok(())
    }

    fn left(&self) -> u32 {
        self.room.saturating_sub(self.keys)
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

/// Overwrites the wrapped keys of these entries, in place.
pub(super) fn shred(file: &dyn File, ids: &[u32]) -> Result<(), StorageError> {
    for id in ids {
        let at = KeyEntry::offset(*id) + SECRET_FROM as u64;
        file.write_at(&mut [IoSlice::new(&[0; SECRET_LEN])], at)?;
    }
    if ids.is_empty() { Ok(()) } else { file.sync() }
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
pub(crate) fn load(file: &dyn File, master: &dyn Cipher, id: u32) -> Result<Loaded, StorageError> {
    let mut bytes = [0; KEY_ENTRY_LEN];
    let read = file.read_at(&mut bytes, KeyEntry::offset(id))?;
    let Ok(entry) = KeyEntry::decode(&bytes[..read], id) else {
        return Ok(Loaded::Unusable);
    };
    let wrapped = match (&entry.secret, entry.purpose) {
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
