//! Snapshots: the model's state as of a record, in checked files beside the segments.
//!
//! A container only: what the bytes mean is the model's. Two are kept, so that a damaged one costs a
//! longer replay and not the start. Beside an encrypted log they are sealed under the node's key, each
//! with a nonce of its own.

use std::io::IoSlice;
use std::sync::{Arc, PoisonError};

use sha2::{Digest, Sha256};
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::seal::{Algorithm, Loaded, SnapshotKeys};
use super::storage::{Operation, Storage, StorageError, read_whole, replace};
use crate::wire::RecordNumber;

const MAGIC: [u8; 8] = *b"THRONGSN";
const VERSION: u32 = 1;
/// Of a sealed one.
const VERSION_SEALED: u32 = 2;
/// What one nonce is good for (NIST SP 800-38D, section 5.2.1.1), less than that.
const SEALED_LEN_MAX: usize = 32 << 30;
const SUFFIX: &str = ".snapshot";
/// Snapshots kept.
const KEPT: usize = 2;

/// The snapshots of a log.
#[derive(Clone, Debug)]
pub struct Snapshots {
    storage: Arc<dyn Storage>,
    keys: Option<SnapshotKeys>,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Head {
    magic: [u8; 8],
    version: U32,
    reserved: [u8; 4],
    position: U64,
    state_len: U64,
    /// SHA-256 of the fields above and the state.
    checksum: [u8; 32],
}

const HEAD_LEN: usize = size_of::<Head>();

impl Head {
    fn new(position: u64, state: &[u8]) -> Self {
        let mut head = Self {
            magic: MAGIC,
            version: VERSION.into(),
            reserved: [0; 4],
            position: position.into(),
            state_len: (state.len() as u64).into(),
            checksum: [0; 32],
        };
        let checksum = Sha256::new()
            .chain_update(&head.as_bytes()[..HEAD_LEN - 32])
            .chain_update(state);
        head.checksum = checksum.finalize().into();
        head
    }
}

pub(crate) fn snapshot_position(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let all_digits = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if all_digits {
        digits.parse().ok()
    } else {
        None
    }
}

/// The front of a sealed snapshot.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct SealedHead {
    magic: [u8; 8],
    version: U32,
    algorithm: u8,
    reserved: [u8; 3],
    position: U64,
    state_len: U64,
    key: U32,
    nonce: [u8; 12],
    tag: [u8; 16],
    /// SHA-256 of the fields above and the sealed state.
    checksum: [u8; 32],
}

const SEALED_HEAD_LEN: usize = size_of::<SealedHead>();
/// Bytes of a sealed head that its seal authenticates.
const AUTHENTICATED_LEN: usize = 48;

impl SealedHead {
    /// Seals `state` in place under the keys' node key.
    fn seal(
        keys: &SnapshotKeys,
        nonce: [u8; 12],
        position: u64,
        state: &mut [u8],
    ) -> Result<Option<Self>, StorageError> {
        let mut head = Self {
            magic: MAGIC,
            version: VERSION_SEALED.into(),
            algorithm: keys.algorithm as u8,
            reserved: [0; 3],
            position: position.into(),
            state_len: (state.len() as u64).into(),
            key: keys.key.into(),
            nonce,
            tag: [0; 16],
            checksum: [0; 32],
        };
        let Loaded::Open(cipher) = keys.vault.key(keys.key)? else {
            return Ok(None);
        };
        head.tag = cipher.seal(&nonce, &head.as_bytes()[..AUTHENTICATED_LEN], state);
        head.checksum = head.checksum_of(state);
        Ok(Some(head))
    }

    fn checksum_of(&self, state: &[u8]) -> [u8; 32] {
        Sha256::new()
            .chain_update(&self.as_bytes()[..SEALED_HEAD_LEN - 32])
            .chain_update(state)
            .finalize()
            .into()
    }

    /// Whether it is the head of this sealed state, as written.
    fn is_of(&self, position: u64, state: &[u8]) -> bool {
        self.magic == MAGIC
            && self.version.get() == VERSION_SEALED
            && Algorithm::of(self.algorithm).is_some()
            && self.position.get() == position
            && self.state_len.get() == state.len() as u64
            && self.checksum == self.checksum_of(state)
    }
}

impl Snapshots {
    /// The snapshots kept in `storage`, the log's own, in plain: those of a log without keys.
    /// [`super::Log::snapshots`] seals them as the log is.
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>) -> Self {
        Self::sealed(storage, None)
    }

    pub(crate) fn sealed(storage: Arc<dyn Storage>, keys: Option<SnapshotKeys>) -> Self {
        Self { storage, keys }
    }

    /// Writes the state as of `position`: every record before it is applied. Durable on return; older
    /// snapshots than the newest two are removed.
    pub fn write(&self, position: RecordNumber, state: &[u8]) -> Result<(), StorageError> {
        let name = format!("{:020}{SUFFIX}", position.0);
        match &self.keys {
            None => {
                let head = Head::new(position.0, state);
                let slices = &mut [IoSlice::new(head.as_bytes()), IoSlice::new(state)];
                replace(&*self.storage, &name, slices)?;
            }
            Some(keys) => self.write_sealed(keys, &name, position.0, state)?,
        }
        for (_, name) in self.newest_first()?.drain(..).skip(KEPT) {
            self.storage.remove(&name)?;
        }
        self.storage.sync()
    }

    fn write_sealed(
        &self,
        keys: &SnapshotKeys,
        name: &str,
        position: u64,
        state: &[u8],
    ) -> Result<(), StorageError> {
        let refused = |why| StorageError::new(Operation::Write, name, std::io::Error::other(why));
        if state.len() > SEALED_LEN_MAX {
            return Err(refused("a state of more than 32 GiB is not sealed"));
        }
        let nonce = {
            let nonces = keys.nonces.lock();
            nonces.unwrap_or_else(PoisonError::into_inner).nonce()
        };
        let mut state = state.to_vec();
        let head = SealedHead::seal(keys, nonce, position, &mut state)?;
        let head = head.ok_or_else(|| refused("the node's key cannot be used any more"))?;
        let slices = &mut [IoSlice::new(head.as_bytes()), IoSlice::new(&state)];
        replace(&*self.storage, name, slices)
    }

    /// The state of a sealed snapshot; `None` where it is damaged or its key is not to be had.
    fn unsealed(&self, bytes: &mut Vec<u8>, position: u64) -> Result<Option<()>, StorageError> {
        let Some(keys) = &self.keys else {
            return Ok(None);
        };
        let Ok((head, state)) = SealedHead::mut_from_prefix(bytes) else {
            return Ok(None);
        };
        if !head.is_of(position, state) {
            return Ok(None);
        }
        let Loaded::Open(cipher) = keys.vault.key(head.key.get())? else {
            return Ok(None);
        };
        let (nonce, tag) = (head.nonce, head.tag);
        let aad = &head.as_bytes()[..AUTHENTICATED_LEN];
        if cipher.open(&nonce, aad, state, &tag).is_err() {
            return Ok(None);
        }
        bytes.drain(..SEALED_HEAD_LEN);
        Ok(Some(()))
    }

    /// The newest intact snapshot and its position; damaged ones are passed over.
    pub fn latest(&self) -> Result<Option<(RecordNumber, Vec<u8>)>, StorageError> {
        for (position, name) in self.newest_first()? {
            let mut bytes = read_whole(&*self.storage, &name, u64::MAX)?;
            if intact(&bytes, position) {
                bytes.drain(..HEAD_LEN);
                return Ok(Some((RecordNumber(position), bytes)));
            }
            if self.unsealed(&mut bytes, position)?.is_some() {
                return Ok(Some((RecordNumber(position), bytes)));
            }
        }
        Ok(None)
    }

    fn newest_first(&self) -> Result<Vec<(u64, String)>, StorageError> {
        let names = self.storage.names()?.into_iter();
        let mut found: Vec<_> = names
            .filter_map(|name| Some((snapshot_position(&name)?, name)))
            .collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        Ok(found)
    }
}

fn intact(bytes: &[u8], position: u64) -> bool {
    let Some((head, state)) = bytes.split_at_checked(HEAD_LEN) else {
        return false;
    };
    head == Head::new(position, state).as_bytes()
}
