//! The writer's side: which keys a batch needs, made and durable before it is written.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use rustc_hash::{FxBuildHasher, FxHashMap};

use super::Encryption;
use super::cipher::{Algorithm, Cipher};
use super::keyring::{Destroyed, KEPT_FOR_ERASURES, Keyring, Loaded};
use super::master::Draws;
use super::rewriting::Rewritten;
use super::vault::Vault;
use crate::log::Entry;
use crate::log::format::{FRAME_LEN_MIN, FrameKeys, Purpose};
use crate::log::gone::{Gone, group_of};
use crate::log::storage::StorageError;
use crate::wire::TenantId;

/// The keys of one record: where they are among those of its batch.
#[derive(Clone, Copy)]
struct Chosen {
    algorithm: Algorithm,
    view: usize,
    private: usize,
}

/// The keys of one batch, each once: readers' locks are taken once a key and batch, not once a part.
#[derive(Default)]
struct OfBatch {
    places: FxHashMap<u32, usize>,
    ids: Vec<u32>,
    open: Vec<Arc<dyn Cipher>>,
}

impl OfBatch {
    fn clear(&mut self) {
        self.places.clear();
        self.ids.clear();
        self.open.clear();
    }

    fn place(&mut self, id: u32) -> usize {
        *self.places.entry(id).or_insert_with(|| {
            self.ids.push(id);
            self.ids.len() - 1
        })
    }

    fn open(&mut self, vault: &Vault) -> Result<(), StorageError> {
        for id in &self.ids {
            let Loaded::Open(cipher) = vault.key(*id)? else {
                return Err(unusable(*id));
            };
            self.open.push(cipher);
        }
        Ok(())
    }

    fn key(&self, place: usize) -> (u32, &dyn Cipher) {
        (self.ids[place], &*self.open[place])
    }
}

/// What snapshots are sealed with.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotKeys {
    pub(crate) vault: Arc<Vault>,
    pub(crate) algorithm: Algorithm,
    pub(crate) key: u32,
    pub(crate) nonces: Arc<Mutex<Draws>>,
}

/// What the writer seals with.
pub(crate) struct Sealing {
    encryption: Encryption,
    keyring: Keyring,
    vault: Arc<Vault>,
    /// The keys of this open, those of groups for one day.
    keys: FxHashMap<Purpose, u32>,
    day: i32,
    node: u32,
    snapshot_nonces: Arc<Mutex<Draws>>,
    /// Of the batch being written.
    chosen: Vec<Chosen>,
    of_batch: OfBatch,
}

impl Sealing {
    /// Begins with the node's key, which also says that all before it are durable.
    pub(crate) fn new(
        encryption: Encryption,
        mut keyring: Keyring,
        record: u64,
        entropy: &[u8; 32],
    ) -> Result<Self, StorageError> {
        let vault = Vault::new(keyring.file(), keyring.master());
        let vault = Arc::new(vault.with_lost(keyring.zeroed().clone()));
        let (node, ciphers) = keyring.make(&[(Purpose::Node, encryption.algorithm)], record)?;
        for cipher in ciphers {
            vault.keep(node, cipher);
        }
        Ok(Self {
            encryption,
            keyring,
            vault,
            keys: HashMap::with_hasher(FxBuildHasher),
            day: 0,
            node,
            snapshot_nonces: Arc::new(Mutex::new(Draws::new(entropy, b"snapshot nonces"))),
            chosen: Vec::new(),
            of_batch: OfBatch::default(),
        })
    }

    pub(crate) fn vault(&self) -> &Arc<Vault> {
        &self.vault
    }

    /// What snapshots are sealed with: the node's key.
    pub(crate) fn snapshot_keys(&self) -> SnapshotKeys {
        SnapshotKeys {
            vault: self.vault.clone(),
            algorithm: self.encryption.algorithm,
            key: self.node,
            nonces: self.snapshot_nonces.clone(),
        }
    }

    /// Chooses and opens the keys of a batch; those that are not there yet are made, durable on return.
    pub(crate) fn prepare(&mut self, entries: &[Entry<'_>]) -> Result<(), StorageError> {
        self.chosen.clear();
        self.of_batch.clear();
        let mut wanted = Vec::new();
        let mut next = self.keyring.next_id();
        let first = next;
        for entry in entries {
            let tenant = entry.header.tenant();
            let algorithm = self.encryption.algorithm_of(tenant);
            let day = entry.header.timestamp().utc_day();
            if day != self.day {
                self.day = day;
                self.keys
                    .retain(|purpose, _| !matches!(purpose, Purpose::GroupDay { .. }));
            }
            let mut key = |purpose| {
                *self.keys.entry(purpose).or_insert_with(|| {
                    wanted.push((purpose, algorithm));
                    let id = next;
                    next = next.saturating_add(1);
                    id
                })
            };
            let private = match tenant {
                TenantId(0) => self.node,
                TenantId(tenant) => key(Purpose::Tenant { tenant }),
            };
            // What is of many groups or of none, as a mass send's text, goes with group 0.
            let view = match group_of(entry.header, entry.takes.iter().copied()) {
                None if entry.view.is_empty() => private,
                group => key(Purpose::GroupDay {
                    tenant: tenant.0,
                    group: group.map_or(0, |group| group.0),
                    day,
                }),
            };
            self.chosen.push(Chosen {
                algorithm,
                view: self.of_batch.place(view),
                private: self.of_batch.place(private),
            });
        }
        if let (false, Some(entry)) = (wanted.is_empty(), entries.first()) {
            let (_, ciphers) = self.keyring.make(&wanted, entry.header.record().0)?;
            for (id, cipher) in (first..).zip(ciphers) {
                self.vault.keep(id, cipher);
            }
            if self.keyring.left_on_full_disk().is_none() {
                self.keyring.top_up()?;
            }
        }
        self.of_batch.open(&self.vault)
    }

    /// The keys of entry `number` of the batch that was prepared.
    pub(crate) fn keys_of(&self, number: usize) -> FrameKeys<'_> {
        let chosen = self.chosen[number];
        FrameKeys {
            algorithm: chosen.algorithm,
            view: self.of_batch.key(chosen.view),
            private: self.of_batch.key(chosen.private),
        }
    }

    /// Destroys the keys of what is gone, durably; the next record of such a group and day has a new one.
    pub(crate) fn destroy(&mut self, gone: &Gone, record: u64) -> Result<Destroyed, StorageError> {
        let destroyed = self.keyring.destroy(gone, record)?;
        let ids = &destroyed.ids;
        self.vault.forget(ids);
        self.of_batch.clear();
        self.keys.retain(|_, id| ids.binary_search(id).is_err());
        Ok(destroyed)
    }

    /// Begins to write the keyring anew without what is dead, unless nothing is or the disk is full.
    pub(crate) fn begin_rewriting(&mut self) -> Result<bool, StorageError> {
        // Asked of the first entries, which a reader must not look for in a file that is overwritten.
        self.vault.sealed_from()?;
        self.keyring.begin_rewriting()
    }

    /// Goes on with that, by so many entries, and says whether more is to be done; readers go on with the new file.
    pub(crate) fn rewrite_some(&mut self, entries: u32) -> Result<bool, StorageError> {
        let rewritten = self.keyring.rewrite_some(entries)?;
        if rewritten == Rewritten::Switched {
            self.vault.replace(self.keyring.file());
        }
        Ok(rewritten != Rewritten::All)
    }

    /// Whether the keyring is being written anew.
    pub(crate) fn is_rewriting(&self) -> bool {
        self.keyring.is_rewriting()
    }

    /// Whether so many entries of the keyring, and more than half, are of destroyed keys.
    pub(crate) fn is_mostly_dead(&self, dead_min: u32) -> bool {
        self.keyring.is_mostly_dead(dead_min)
    }

    /// For when nobody waits: preallocates what is missing, on a disk that was full too.
    pub(crate) fn top_up(&mut self) -> Result<(), StorageError> {
        self.keyring.top_up()
    }

    /// Bytes of records for which there is room as far as their keys are concerned: each may need
    /// two, and is at least a frame long.
    pub(crate) fn room(&self) -> u64 {
        let left = self.keyring.left_on_full_disk();
        let left = left.map(|keys| keys.saturating_sub(KEPT_FOR_ERASURES));
        left.map_or(u64::MAX, |keys| u64::from(keys) / 2 * FRAME_LEN_MIN as u64)
    }
}

/// A key of this very open that cannot be read back: the file changed under us.
fn unusable(id: u32) -> StorageError {
    StorageError::new(
        crate::log::storage::Operation::Read,
        crate::log::format::KEYRING,
        std::io::Error::other(format!("key {id} cannot be used any more")),
    )
}

impl fmt::Debug for Sealing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealing")
    }
}
