//! A keyring written anew without its dead entries, a slice at a time between the batches of the log.
//!
//! What is not dead is copied as it is; then, in one step, the copy takes the file's name; then the file before is
//! overwritten, as its keys may be destroyed later. A key that is destroyed meanwhile is overwritten in
//! both files before anybody hears of it, and its erasure is copied, so that a crash at any time leaves one
//! keyring that is whole (docs/log.md, Keyring). What has rotted is copied too, so that it stays what it is: lost.

use std::io::IoSlice;
use std::sync::Arc;

use super::keyring::{Keyring, ROOM_STEP, overwrite_some, shred};
use super::live::{Live, Run};
use super::places::Places;
use crate::log::format::{
    KEY_ENTRY_LEN, KEYRING, KEYRING_BEFORE, KeyEntry, KeyringHeader, Purpose, Secret,
};
use crate::log::storage::{File, StorageError, unfinished};

/// How far it has got.
pub(super) enum Rewriting {
    /// Entries are being copied.
    Copying(Copying),
    /// A file that is the keyring no more, or never became it, is overwritten and then removed.
    Overwriting {
        file: Arc<dyn File>,
        name: String,
        at: u64,
        /// Let go of in slices, too.
        old: Live,
    },
}

/// The copy.
pub(super) struct Copying {
    new: Arc<dyn File>,
    /// Entries it has room for.
    room: u32,
    /// The last place of the old file that was looked at, and the last id there that can be read.
    place: u32,
    id_before: u32,
    /// The last entry when it was begun.
    begun: u32,
    copied: u32,
    live: Live,
    lasting: u32,
    unnamed: u32,
}

impl Copying {
    /// Overwrites keys that were copied and are now destroyed.
    pub(super) fn destroy(&mut self, runs: &[Run]) -> Result<(), StorageError> {
        let places = runs.iter().flat_map(|run| self.live.take(run));
        let at: Vec<_> = places.map(KeyEntry::offset).collect();
        shred(&*self.new, &at)
    }
}

/// What a slice has come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rewritten {
    /// There is nothing more to do.
    All,
    /// There is.
    Some,
    /// There is, and from now on the keyring is another file.
    Switched,
}

impl Keyring {
    /// Whether the file is being written anew.
    pub(crate) fn is_rewriting(&self) -> bool {
        self.rewriting.is_some()
    }

    /// Begins to write the file anew, unless that has begun, nothing is dead or the disk is full.
    pub(crate) fn begin_rewriting(&mut self) -> Result<bool, StorageError> {
        if self.rewriting.is_some() {
            return Ok(true);
        }
        let dead = self.dead();
        if dead == 0 {
            return Ok(false);
        }
        let room = self.places.up_to(self.keys) - dead + ROOM_STEP;
        let name = unfinished(KEYRING);
        let new = self.storage.create(&name)?;
        match new.allocate(KeyEntry::offset(room.saturating_add(1))) {
            Err(error) if error.is_no_space() => {
                drop(new);
                self.storage.remove(&name)?;
                return Ok(false);
            }
            result => result?,
        }
        self.rewriting = Some(Rewriting::Copying(Copying {
            new,
            room,
            place: 0,
            id_before: 0,
            begun: self.keys,
            copied: 0,
            live: Live::default(),
            lasting: 0,
            unnamed: 0,
        }));
        Ok(true)
    }

    /// Goes on with it, by at most so many entries. Whoever reads keys must be told of the new file before the next
    /// slice.
    pub(crate) fn rewrite_some(&mut self, entries: u32) -> Result<Rewritten, StorageError> {
        match self.rewriting.take() {
            None => Ok(Rewritten::All),
            Some(Rewriting::Copying(copying)) => self.copy_some(copying, entries.max(1)),
            Some(Rewriting::Overwriting {
                file,
                name,
                at,
                mut old,
            }) => {
                let some = u64::from(entries.max(1)) * KEY_ENTRY_LEN as u64;
                let (at, is_left) = overwrite_some(&*file, at, some)?;
                if old.shed(entries.max(1)) || is_left {
                    self.rewriting = Some(Rewriting::Overwriting {
                        file,
                        name,
                        at,
                        old,
                    });
                    return Ok(Rewritten::Some);
                }
                drop(file);
                self.storage.remove(&name)?;
                self.storage.sync()?;
                Ok(Rewritten::All)
            }
        }
    }

    fn copy_some(&mut self, mut copying: Copying, some: u32) -> Result<Rewritten, StorageError> {
        let end = self.places.up_to(self.keys);
        let last = copying.place.saturating_add(some).min(end);
        let mut read = vec![0; (last - copying.place) as usize * KEY_ENTRY_LEN];
        let from = KeyEntry::offset(copying.place + 1);
        let len = self.file.read_at(&mut read, from)?;
        read[len..].fill(0);
        let (mut bytes, first) = (Vec::with_capacity(read.len()), copying.copied + 1);
        for (place, entry) in (copying.place + 1..).zip(read.chunks_exact(KEY_ENTRY_LEN)) {
            match self.places.decode(place, entry, copying.id_before) {
                Ok(decoded) => {
                    copying.id_before = decoded.id;
                    if !self.is_kept(&decoded, copying.begun) {
                        continue;
                    }
                    bytes.extend_from_slice(entry);
                    copying.copied += 1;
                    if decoded.secret != Secret::Destroyed || self.zeroed.contains(&decoded.id) {
                        copying.live.note(copying.copied, &decoded);
                    }
                    let is_lasting = !matches!(
                        decoded.purpose,
                        Purpose::GroupDay { .. } | Purpose::Erasure { .. }
                    );
                    copying.lasting += u32::from(is_lasting);
                }
                Err(_) => {
                    // An entry from elsewhere must not pass for one in its new place.
                    match KeyEntry::decode_any(entry) {
                        Ok(_) => bytes.resize(bytes.len() + KEY_ENTRY_LEN, 0),
                        Err(_) => bytes.extend_from_slice(entry),
                    }
                    copying.copied += 1;
                    copying.unnamed += 1;
                }
            }
        }
        copying.place = last;
        if copying.copied > copying.room {
            let room = copying.copied.saturating_add(ROOM_STEP);
            match copying.new.allocate(KeyEntry::offset(room)) {
                Err(error) if error.is_no_space() => {
                    self.rewriting = Some(Rewriting::Overwriting {
                        file: copying.new,
                        name: unfinished(KEYRING),
                        at: 0,
                        old: copying.live,
                    });
                    return Ok(Rewritten::Some);
                }
                result => result?,
            }
            copying.room = room;
        }
        let at = KeyEntry::offset(first);
        copying.new.write_at(&mut [IoSlice::new(&bytes)], at)?;
        copying.new.sync()?;
        if last < end {
            self.rewriting = Some(Rewriting::Copying(copying));
            return Ok(Rewritten::Some);
        }
        self.switch(copying)?;
        Ok(Rewritten::Switched)
    }

    /// Whether an entry is not dead; erasures since `begun` cover keys that were copied before.
    fn is_kept(&self, entry: &KeyEntry, begun: u32) -> bool {
        match (entry.purpose, entry.secret) {
            (Purpose::Erasure { .. }, _) => entry.id > begun,
            (Purpose::Lost { .. }, _) => true,
            (_, Secret::Destroyed) => self.zeroed.contains(&entry.id),
            (_, Secret::Wrapped(_) | Secret::Torn) => true,
        }
    }

    /// The copy is whole: it takes the file's name.
    fn switch(&mut self, copying: Copying) -> Result<(), StorageError> {
        let header = KeyringHeader {
            epoch: self.epoch,
            log: self.log,
            master: self.master_id,
            settled: self.keys,
            dropped: self.keys - copying.copied,
        };
        let new = copying.new;
        new.write_at(&mut [IoSlice::new(&header.encode())], 0)?;
        new.sync()?;
        self.storage.rename(KEYRING, KEYRING_BEFORE)?;
        self.storage.sync()?;
        self.storage.rename(&unfinished(KEYRING), KEYRING)?;
        self.storage.sync()?;
        let old = std::mem::replace(&mut self.live, copying.live);
        let file = std::mem::replace(&mut self.file, new);
        self.places = Places::of(&header);
        (self.lasting, self.unnamed) = (copying.lasting, copying.unnamed);
        (self.room, self.is_full) = (copying.room, false);
        self.rewriting = Some(Rewriting::Overwriting {
            file,
            name: KEYRING_BEFORE.to_owned(),
            at: 0,
            old,
        });
        Ok(())
    }
}
