//! Open keys, shared by the writer, the readers and the snapshots: few, the least used forgotten.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use lru::LruCache;

use super::cipher::{Cipher, Part, nonce};
use super::found::{KeyringError, find};
use super::keyring::{Loaded, load};
use super::master::MasterKey;
use super::places::Places;
use crate::log::format::{Defect, Frame, FrameLock, KEY_ENTRY_LEN, KeyEntry, Purpose};
use crate::log::storage::{File, Storage, StorageError};

/// Keys kept open, about 1 KiB each.
const OPEN_MAX: NonZeroUsize = NonZeroUsize::new(4096).expect("it is not 0");

/// What a sealed frame holds.
pub(crate) struct Unsealed {
    /// `None` where its key was destroyed.
    pub(crate) view: Option<Vec<u8>>,
    pub(crate) private: Vec<u8>,
}

/// Where keys are opened.
pub(crate) struct Vault {
    master: Arc<dyn Cipher>,
    open: Mutex<Open>,
    sealed_from: OnceLock<u64>,
}

struct Open {
    file: Arc<dyn File>,
    places: Places,
    keys: LruCache<u32, Arc<dyn Cipher>>,
    /// Raised when keys are destroyed: what was loaded before must not be kept after.
    destructions: u64,
    /// Keys that are zeros though nobody asked for it: damage, not erasure.
    lost: BTreeSet<u32>,
}

impl Vault {
    pub(crate) fn new((file, places): (Arc<dyn File>, Places), master: Arc<dyn Cipher>) -> Self {
        Self {
            master,
            open: Mutex::new(Open {
                file,
                places,
                keys: LruCache::new(OPEN_MAX),
                destructions: 0,
                lost: BTreeSet::new(),
            }),
            sealed_from: OnceLock::new(),
        }
    }

    /// With keys that are zeros though nobody asked for it.
    pub(crate) fn with_lost(self, lost: BTreeSet<u32>) -> Self {
        self.lock().lost = lost;
        self
    }

    /// The record from which on all are sealed: where the first key was made. A plain one there was put
    /// there by somebody without the key.
    pub(crate) fn sealed_from(&self) -> Result<u64, StorageError> {
        if let Some(record) = self.sealed_from.get() {
            return Ok(*record);
        }
        let mut bytes = [0; KEY_ENTRY_LEN];
        // The node's first key is never left out. Should it have rotted, those behind it say the same: the
        // first open made them for the same record.
        let file = self.lock().file.clone();
        let len = file.len()?;
        for place in 1..u32::MAX {
            let offset = KeyEntry::offset(place);
            if offset >= len {
                break;
            }
            let read = file.read_at(&mut bytes, offset)?;
            match KeyEntry::decode_any(&bytes[..read]) {
                Ok(entry) if !matches!(entry.purpose, Purpose::Lost { .. }) => {
                    return Ok(*self.sealed_from.get_or_init(|| entry.record));
                }
                _ => {}
            }
        }
        // None was made yet.
        Ok(u64::MAX)
    }

    /// The keys of a log that nobody has open; `None` where it is not encrypted.
    pub(crate) fn of_storage(
        storage: &dyn Storage,
        master: &MasterKey,
    ) -> Result<Option<Self>, KeyringError> {
        let Some(found) = find(storage, &storage.names()?, 0)? else {
            return Ok(None);
        };
        found.check_master(Some(master))?;
        Ok(Some(found.into_vault(master)))
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads from another file from here on.
    pub(crate) fn replace(&self, (file, places): (Arc<dyn File>, Places)) {
        let mut open = self.lock();
        (open.file, open.places) = (file, places);
    }

    /// Keeps a key that was just made.
    pub(crate) fn keep(&self, id: u32, cipher: Arc<dyn Cipher>) {
        self.lock().keys.put(id, cipher);
    }

    /// Forgets keys that were destroyed.
    pub(crate) fn forget(&self, destroyed: &[u32]) {
        let mut open = self.lock();
        open.destructions += 1;
        for id in destroyed {
            open.keys.pop(id);
            open.lost.remove(id);
        }
    }

    /// Key `id`, open.
    pub(crate) fn key(&self, id: u32) -> Result<Loaded, StorageError> {
        loop {
            let (file, places, before) = {
                let mut open = self.lock();
                if let Some(cipher) = open.keys.get(&id) {
                    return Ok(Loaded::Open(cipher.clone()));
                }
                (open.file.clone(), open.places, open.destructions)
            };
            let loaded = load(&*file, places, &*self.master, id)?;
            let mut open = self.lock();
            if !Arc::ptr_eq(&open.file, &file) {
                // It was replaced meanwhile, and may have been read when it was overwritten.
                continue;
            }
            if open.lost.contains(&id) {
                return Ok(Loaded::Unusable);
            }
            if let Loaded::Open(cipher) = &loaded
                && open.destructions == before
            {
                open.keys.put(id, cipher.clone());
            }
            return Ok(loaded);
        }
    }

    /// Opens both parts of a frame, or only the events where the view is not wanted.
    pub(crate) fn unseal(
        &self,
        frame: &Frame<'_>,
        lock: &FrameLock,
        with_view: bool,
    ) -> Result<Result<Unsealed, Defect>, StorageError> {
        let aad = frame.authenticated();
        let record = frame.header().record().0;
        let part = |id, part, bytes: &[u8], tag| -> Result<_, StorageError> {
            let cipher = match self.key(id)? {
                Loaded::Open(cipher) => cipher,
                Loaded::Destroyed => return Ok(Ok(None)),
                Loaded::Unusable => return Ok(Err(Defect::NoKey { key: id })),
            };
            let mut bytes = bytes.to_vec();
            let nonce = nonce(lock.epoch, part, record);
            let opened = cipher.open(&nonce, &aad, &mut bytes, tag);
            Ok(opened.map(|()| Some(bytes)).map_err(|_| Defect::SealBroken))
        };
        let view = match with_view && !frame.is_stub() {
            false => Ok(None),
            true => part(lock.view_key, Part::View, frame.view(), &lock.view_tag)?,
        };
        let private = part(
            lock.private_key,
            Part::Private,
            frame.private(),
            &lock.private_tag,
        )?;
        Ok(view.and_then(|view| {
            // The tenant's keys are never destroyed: events outlive erasure.
            let private = private?.ok_or(Defect::NoKey {
                key: lock.private_key,
            })?;
            Ok(Unsealed { view, private })
        }))
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault")
    }
}
