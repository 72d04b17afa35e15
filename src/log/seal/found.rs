//! A keyring as it is found: every entry checked before anything is changed.

use std::collections::HashMap;
use std::io::IoSlice;
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::live::Live;
use super::master::{MasterKey, MasterKeyId};
use super::places::Places;
use crate::log::format::{
    Defect, KEY_ENTRY_LEN, KEYRING, KEYRING_BEFORE, KEYRING_HEADER_LEN, KeyEntry, KeyringHeader,
    Purpose, Secret,
};
use crate::log::scan::Window;
use crate::log::storage::{File, Storage, StorageError};

/// Bytes read at a time.
pub(super) const CHUNK_LEN: usize = 1024 * 1024;

/// Why the keys of a log cannot be used. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// The log is encrypted and no key was given.
    #[error(
        "the log is encrypted under master key {master}: give it by encryption.key_file or encryption.key_command"
    )]
    NoKey {
        /// The key it needs.
        master: MasterKeyId,
    },
    /// Another master key.
    #[error("the log is encrypted under master key {expected}, the one given is {found}")]
    WrongKey {
        /// The key it needs.
        expected: MasterKeyId,
        /// The key that was given.
        found: MasterKeyId,
    },
    /// There are no keys to be wrapped anew.
    #[error("the log is not encrypted")]
    NotEncrypted,
    /// There are sealed records and no keyring.
    #[error(
        "records are sealed under key {key} and the file `keyring` is missing: restore it from a copy"
    )]
    Missing {
        /// The highest key that is named.
        key: u32,
    },
    /// The keyring's bytes changed.
    #[error("keyring is damaged at byte {offset} (key {key}): {defect}; restore it from a copy")]
    Damaged {
        /// The first key that cannot be used; 0 for the header.
        key: u32,
        /// Where in the file.
        offset: u64,
        /// What is wrong.
        defect: Defect,
    },
    /// The disk failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A keyring as it was found.
#[derive(Debug)]
pub(crate) struct FoundKeyring {
    pub(super) file: Arc<dyn File>,
    pub(super) header: KeyringHeader,
    /// It was being replaced when power failed: it stands under the name of the one before.
    pub(super) is_before: bool,
    /// The last entry that stands.
    pub(super) keys: u32,
    /// Keys that are not destroyed nor to be.
    pub(super) live: Live,
    /// Entries that stand and are no key of a group and day, nor an erasure.
    pub(super) lasting: u32,
    /// Where the last byte behind them ends that is not zero.
    used_len: u64,
    /// Places of keys whose destruction was begun.
    pub(super) unfinished: Vec<u64>,
}

/// Looks at the keyring without changing anything; `named` is the highest key that a record names.
pub(crate) fn find(
    storage: &dyn Storage,
    names: &[String],
    named: u32,
) -> Result<Option<FoundKeyring>, KeyringError> {
    let is_there = |wanted| names.iter().any(|name| name == wanted);
    let is_before = !is_there(KEYRING) && is_there(KEYRING_BEFORE);
    if !is_before && !is_there(KEYRING) {
        return match named {
            0 => Ok(None),
            key => Err(KeyringError::Missing { key }),
        };
    }
    let file = storage.open(if is_before { KEYRING_BEFORE } else { KEYRING })?;
    // What an earlier process wrote but never synced must not vanish after it was used here.
    file.sync()?;
    file.forget_cached();
    let mut bytes = [0; KEYRING_HEADER_LEN];
    let read = file.read_at(&mut bytes, 0)?;
    let header = KeyringHeader::decode(&bytes[..read]).map_err(|defect| KeyringError::Damaged {
        key: 0,
        offset: 0,
        defect,
    })?;
    let places = Places::of(&header);
    // The first place that does not hold what it should.
    let mut first_damage: Option<(u32, Defect)> = None;
    let (mut keys, mut id_before, mut proven) = (0, 0, header.settled.max(named));
    let mut used_len = KEYRING_HEADER_LEN as u64;
    let (mut erasures, mut gone) = (Erasures::default(), Vec::new());
    each_entry(&*file, |place, bytes| {
        if bytes.iter().any(|byte| *byte != 0) {
            used_len = KeyEntry::offset(place) + bytes.len() as u64;
        }
        match places.decode(place, bytes, id_before) {
            Ok(entry) => {
                proven = proven.max(entry.settled);
                if first_damage.is_none() {
                    (keys, id_before) = (places.last_id(place, &entry), entry.id);
                    erasures.note(&entry);
                    let is_erasure = matches!(entry.purpose, Purpose::Erasure { .. });
                    if !is_erasure && !matches!(entry.secret, Secret::Wrapped(_)) {
                        gone.push((place, entry));
                    }
                }
            }
            Err(defect) => drop(first_damage.get_or_insert((place, defect))),
        }
        Ok(())
    })?;
    if keys == u32::MAX {
        // The next key would have no number.
        return Err(KeyringError::Damaged {
            key: keys,
            offset: used_len,
            defect: Defect::Reserved,
        });
    }
    let mut unfinished = Vec::new();
    for (place, entry) in gone {
        if erasures.cover(&entry) {
            if entry.secret == Secret::Torn {
                unfinished.push(KeyEntry::offset(place));
            }
        } else {
            // Nobody asked for it. The others behind it fall with it.
            (keys, first_damage) = (entry.id - 1, Some((place, Defect::SealBroken)));
            break;
        }
    }
    if keys < proven {
        let damaged = first_damage.as_ref();
        let next = damaged.map_or_else(|| places.up_to(keys) + 1, |(place, _)| *place);
        let offset = KeyEntry::offset(next);
        return Err(KeyringError::Damaged {
            key: keys + 1,
            offset,
            defect: match first_damage {
                Some((_, defect)) => defect,
                None => Defect::Truncated {
                    need: offset + KEY_ENTRY_LEN as u64,
                    have: file.len()?,
                },
            },
        });
    }
    let (mut live, mut lasting, mut id_before) = (Live::default(), 0, 0);
    each_entry(&*file, |place, bytes| {
        if let Ok(entry) = places.decode(place, bytes, id_before)
            && entry.id <= keys
        {
            id_before = entry.id;
            let is_whole = matches!(entry.secret, Secret::Wrapped(_));
            if is_whole && erasures.cover(&entry) {
                unfinished.push(KeyEntry::offset(place));
            } else {
                live.note(place, &entry);
                lasting += u32::from(matches!(
                    entry.purpose,
                    Purpose::Node | Purpose::Tenant { .. }
                ));
            }
        }
        Ok(())
    })?;
    Ok(Some(FoundKeyring {
        file,
        header,
        is_before,
        keys,
        live,
        lasting,
        used_len,
        unfinished,
    }))
}

/// What was to be destroyed, by tenant and group.
#[derive(Default)]
struct Erasures(HashMap<(u32, u64), Vec<Covered>>);

/// Entries before this id, of these days.
type Covered = (u32, RangeInclusive<i32>);

impl Erasures {
    fn note(&mut self, entry: &KeyEntry) {
        if let Purpose::Erasure {
            tenant,
            group,
            day,
            last_day,
        } = entry.purpose
        {
            let of_group = self.0.entry((tenant, group)).or_default();
            of_group.push((entry.id, day..=last_day));
        }
    }

    fn cover(&self, entry: &KeyEntry) -> bool {
        let Purpose::GroupDay { tenant, group, day } = entry.purpose else {
            return false;
        };
        let of_group = self.0.get(&(tenant, group)).into_iter().flatten();
        of_group
            .into_iter()
            .any(|(before, days)| entry.id < *before && days.contains(&day))
    }
}

/// Tells `each` of every place for an entry, the torn end of the file included.
pub(super) fn each_entry(
    file: &dyn File,
    mut each: impl FnMut(u32, &[u8]) -> Result<(), StorageError>,
) -> Result<(), StorageError> {
    let len = file.len()?;
    let mut window = Window::new(file, CHUNK_LEN);
    for place in 1.. {
        let offset = KeyEntry::offset(place);
        if offset >= len {
            break;
        }
        let bytes = window.bytes(offset, KEY_ENTRY_LEN)?;
        each(place, bytes)?;
    }
    Ok(())
}

impl FoundKeyring {
    /// Whether it is this log's, and of this master key.
    pub(crate) fn check(
        &self,
        log: &[u8; 16],
        given: Option<&MasterKey>,
    ) -> Result<(), KeyringError> {
        if self.header.log != *log {
            return Err(KeyringError::Damaged {
                key: 0,
                offset: 0,
                defect: Defect::ForeignLog,
            });
        }
        self.check_master(given)
    }

    /// Whether it is of this master key.
    pub(crate) fn check_master(&self, given: Option<&MasterKey>) -> Result<(), KeyringError> {
        let master = MasterKeyId(self.header.master);
        let found = given.ok_or(KeyringError::NoKey { master })?.id();
        if found == master {
            return Ok(());
        }
        Err(KeyringError::WrongKey {
            expected: master,
            found,
        })
    }

    /// The file, and where entries stand in it.
    pub(crate) fn into_file(self) -> (Arc<dyn File>, Places) {
        let places = Places::of(&self.header);
        (self.file, places)
    }
}

/// Overwrites what a crash left behind the last entry that stands.
pub(super) fn cut(found: &FoundKeyring) -> Result<(), StorageError> {
    let end = Places::of(&found.header).offset(found.keys + 1);
    if found.used_len <= end {
        return Ok(());
    }
    let zeros = vec![0; CHUNK_LEN.min((found.used_len - end) as usize)];
    for at in (end..found.used_len).step_by(CHUNK_LEN) {
        let len = zeros.len().min((found.used_len - at) as usize);
        let slices = &mut [IoSlice::new(&zeros[..len])];
        found.file.write_at(slices, at)?;
    }
    found.file.sync()
}
