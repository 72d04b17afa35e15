//! A keyring as it is found: every entry checked before anything is changed.

use std::collections::HashMap;
use std::io::IoSlice;
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::live::Live;
use super::lost::{KeyName, Lost, LostKey, Told};
use super::master::{MasterKey, MasterKeyId};
use super::places::Places;
use super::vault::Vault;
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
    /// The keyring's header changed, or its last entries are missing.
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
    /// Keys that are not destroyed nor to be, those that are lost among them.
    pub(super) live: Live,
    /// Entries that stand and are no key of a group and day, nor an erasure.
    pub(super) lasting: u32,
    /// Where the last byte behind them ends that is not zero.
    used_len: u64,
    /// Places of keys whose destruction was begun.
    pub(super) unfinished: Vec<u64>,
    pub(crate) lost: Lost,
}

/// Looks at the keyring without changing anything; `named` is the highest key that a record names.
///
/// An entry that was durable and does not verify makes its key lost, and no other. Where entries are missing at
/// the end the file is an older copy, and is refused.
pub(crate) fn find(
    storage: &dyn Storage,
    names: &[String],
    named: u32,
) -> Result<Option<FoundKeyring>, KeyringError> {
    match look(storage, names, named)? {
        Some((_, Some(missing))) => Err(missing),
        found => Ok(found.map(|(found, _)| found)),
    }
}

/// Likewise; what is missing at the end is told beside, and lost.
pub(super) fn look(
    storage: &dyn Storage,
    names: &[String],
    named: u32,
) -> Result<Option<(FoundKeyring, Option<KeyringError>)>, KeyringError> {
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
    let (mut id_before, mut proven) = (0, header.settled.max(named));
    let (mut last_place, mut used_len) = (0, KEYRING_HEADER_LEN as u64);
    let mut erasures = Erasures::default();
    // Places that do not hold what they should: the first and the last of each run.
    let mut unreadable: Vec<(u32, u32)> = Vec::new();
    // Keys without their second half that nothing before had proven: an erasure proves what it covers.
    let mut torn_secrets: Vec<u32> = Vec::new();
    each_entry(&*file, |place, bytes| {
        last_place = place;
        if bytes.iter().any(|byte| *byte != 0) {
            used_len = KeyEntry::offset(place) + bytes.len() as u64;
        }
        match places.decode(place, bytes, id_before) {
            Ok(entry) => {
                proven = proven.max(entry.settled);
                id_before = entry.id;
                erasures.note(&entry);
                let is_key = !matches!(
                    entry.purpose,
                    Purpose::Erasure { .. } | Purpose::Lost { .. }
                );
                let is_whole = matches!(entry.secret, Secret::Wrapped(_));
                if is_key && !is_whole && place > places.up_to(proven) {
                    torn_secrets.push(place);
                }
            }
            Err(_) => match unreadable.last_mut() {
                Some((_, last)) if *last + 1 == place => *last = place,
                _ => unreadable.push((place, place)),
            },
        }
        Ok(())
    })?;
    // Behind what is proven, the first that cannot be read is where a crash tore the end off.
    let proven_place = places.up_to(proven);
    let torn = unreadable.iter().find(|(_, last)| *last > proven_place);
    let torn = torn.map_or(last_place, |(first, _)| (first - 1).max(proven_place));
    let half = torn_secrets.iter().find(|place| **place > proven_place);
    let end = half.map_or(torn, |half| torn.min(half - 1));
    let keys = places.last_id(end.max(proven_place));
    let missing = (proven_place > 0 && KeyEntry::offset(proven_place) >= used_len).then(|| {
        let first = u32::try_from((used_len - 1) / KEY_ENTRY_LEN as u64).unwrap_or(u32::MAX) + 1;
        KeyringError::Damaged {
            key: places.id(first).unwrap_or(id_before.saturating_add(1)),
            offset: KeyEntry::offset(first),
            defect: Defect::Truncated {
                need: KeyEntry::offset(proven_place) + KEY_ENTRY_LEN as u64,
                have: used_len,
            },
        }
    });
    if keys == u32::MAX || proven_place > last_place {
        // The next key would have no number, or what is missing no place.
        return Err(missing.unwrap_or(KeyringError::Damaged {
            key: keys,
            offset: used_len,
            defect: Defect::Reserved,
        }));
    }
    erasures.keep_up_to(keys);
    let mut found = FoundKeyring {
        file,
        header,
        is_before,
        keys,
        live: Live::default(),
        lasting: 0,
        used_len,
        unfinished: Vec::new(),
        lost: Lost::default(),
    };
    found.sort(end, &erasures)?;
    Ok(Some((found, missing)))
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

    /// Forgets those behind the last entry that stands.
    fn keep_up_to(&mut self, last: u32) {
        for of_group in self.0.values_mut() {
            of_group.retain(|(id, _)| *id <= last);
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

impl FoundKeyring {
    /// Finds what is live, what is to be destroyed and what is lost among the entries up to the place `end`.
    fn sort(&mut self, end: u32, erasures: &Erasures) -> Result<(), StorageError> {
        let (file, places) = (self.file.clone(), Places::of(&self.header));
        let (mut id_before, mut id) = (0, 0);
        // Keys that are zeros, and the last place at which an erasure may have stood that has rotted.
        let (mut zeroed, mut last_unnamed) = (Vec::new(), 0);
        each_entry(&*file, |place, bytes| {
            if place > end {
                return Ok(());
            }
            let offset = KeyEntry::offset(place);
            let entry = match places.decode(place, bytes, id_before) {
                Ok(entry) => entry,
                Err(defect) => {
                    id = places.id(place).unwrap_or(id + 1);
                    last_unnamed = place;
                    self.lost.unnamed += 1;
                    self.lost.tell(Told {
                        id,
                        lost: LostKey {
                            key: places.id(place),
                            offset,
                            of: None,
                            defect: Some(defect),
                        },
                    });
                    return Ok(());
                }
            };
            (id_before, id) = (entry.id, entry.id);
            match (entry.purpose, &entry.secret) {
                (Purpose::Erasure { .. }, _) => return Ok(()),
                (Purpose::Lost { tenant, group, .. }, _) => {
                    if (tenant, group) == (0, 0) {
                        last_unnamed = place;
                    }
                    self.lasting += 1;
                    self.lost.tell(Told::of(&entry, offset, None));
                    return Ok(());
                }
                (_, Secret::Destroyed) if erasures.cover(&entry) => return Ok(()),
                _ if erasures.cover(&entry) => {
                    self.unfinished.push(offset);
                    return Ok(());
                }
                (_, Secret::Wrapped(_)) => {}
                (_, Secret::Torn) => {
                    let told = Told::of(&entry, offset, Some(Defect::SealBroken));
                    self.lost.tell(told);
                }
                (_, Secret::Destroyed) => zeroed.push((place, KeyName::of(&entry))),
            }
            self.live.note(place, &entry);
            self.lasting += u32::from(!matches!(entry.purpose, Purpose::GroupDay { .. }));
            Ok(())
        })?;
        for (place, name) in zeroed {
            match name.of {
                Some(of) if place < last_unnamed => drop(self.live.remove(of, name.id)),
                _ => {
                    self.lost.zeroed.insert(name.id);
                    self.lost.tell(name.told(KeyEntry::offset(place)));
                }
            }
        }
        Ok(())
    }

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

    /// Its keys, to be read by whoever has the master key.
    pub(crate) fn into_vault(self, master: &MasterKey) -> Vault {
        let places = Places::of(&self.header);
        Vault::new((self.file, places), master.cipher()).with_lost(self.lost.zeroed)
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
