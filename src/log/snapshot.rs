//! Snapshots: the model's state as of a record, in checked files beside the segments.
//!
//! A container only: what the bytes mean is the model's. Two are kept, so that a damaged one costs a
//! longer replay and not the start. A log whose first files were removed has a base besides: the state
//! before its first record. Beside an encrypted log they are sealed under the node's key, each
//! with a nonce of its own.

use std::io::IoSlice;
use std::sync::{Arc, PoisonError};

use sha2::{Digest, Sha256};
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::seal::{Algorithm, Loaded, SnapshotKeys, Vault};
use super::segment::Base;
use super::storage::{File, Operation, Storage, StorageError, replace};
use crate::wire::RecordNumber;

const MAGIC: [u8; 8] = *b"THRONGSN";
const VERSION: u32 = 1;
/// Of a sealed one.
const VERSION_SEALED: u32 = 2;
/// Bytes of a state at most: what one nonce is good for (NIST SP 800-38D, section 5.2.1.1), less than that.
const STATE_LEN_MAX: u64 = 32 << 30;
const SUFFIX: &str = ".snapshot";
/// Of the state as of the first record, where files before it were removed.
const BASE_SUFFIX: &str = ".base";
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
    position_in(name, SUFFIX)
}

/// The record that a base is the state before.
pub(crate) fn base_position(name: &str) -> Option<u64> {
    position_in(name, BASE_SUFFIX)
}

pub(crate) fn base_name(position: u64) -> String {
    format!("{position:020}{BASE_SUFFIX}")
}

/// The base of a log that begins with record `begin`; `None` where that is 0, or there is none.
pub(crate) fn base(storage: &dyn Storage, begin: u64) -> Result<Option<Base>, StorageError> {
    if begin == 0 {
        return Ok(None);
    }
    match storage.open(&base_name(begin)) {
        Err(error) if error.is_not_found() => Ok(None),
        file => Ok(Some(Base {
            position: begin,
            file: file?,
        })),
    }
}

impl Base {
    /// The state; `None` where it is damaged or its key is not to be had.
    pub(crate) fn state(&self, vault: Option<&Vault>) -> Result<Option<Vec<u8>>, StorageError> {
        state_of(&*self.file, self.position, vault)
    }
}

/// Whether the file of a base is as it was written; that needs no key.
pub(crate) fn base_is_intact(storage: &dyn Storage, position: u64) -> Result<bool, StorageError> {
    let Some(base) = base(storage, position)? else {
        return Ok(false);
    };
    let Some(bytes) = read_file(&*base.file)? else {
        return Ok(false);
    };
    let sealed = SealedHead::ref_from_prefix(&bytes);
    let is_sealed = sealed.is_ok_and(|(head, state)| head.is_of(position, state));
    Ok(intact(&bytes, position) || is_sealed)
}

/// The bytes of a file that is as long as its head says, and no longer than a state may be; else `None`, and
/// no memory was asked for.
fn read_file(file: &dyn File) -> Result<Option<Vec<u8>>, StorageError> {
    let len = file.len()?;
    let mut head = [0; SEALED_HEAD_LEN];
    let read = file.read_at(&mut head, 0)?;
    let mut bytes = Vec::new();
    let room = usize::try_from(len).ok();
    let room = room.filter(|_| said_len(&head[..read]) == Some(len));
    let Some(room) = room.filter(|room| bytes.try_reserve_exact(*room).is_ok()) else {
        return Ok(None);
    };
    bytes.resize(room, 0);
    let read = file.read_at(&mut bytes, 0)?;
    bytes.truncate(read);
    Ok(Some(bytes))
}

/// How long a file that begins so should be.
fn said_len(bytes: &[u8]) -> Option<u64> {
    let (head, _) = Head::ref_from_prefix(bytes).ok()?;
    let (head_len, state_len) = match head.version.get() {
        VERSION => (HEAD_LEN, head.state_len.get()),
        VERSION_SEALED => {
            let (head, _) = SealedHead::ref_from_prefix(bytes).ok()?;
            (SEALED_HEAD_LEN, head.state_len.get())
        }
        _ => return None,
    };
    (head.magic == MAGIC && state_len <= STATE_LEN_MAX).then_some(head_len as u64 + state_len)
}

/// The state in a file, plain or sealed; `None` where it is not to be believed.
fn state_of(
    file: &dyn File,
    position: u64,
    vault: Option<&Vault>,
) -> Result<Option<Vec<u8>>, StorageError> {
    let Some(mut bytes) = read_file(file)? else {
        return Ok(None);
    };
    if intact(&bytes, position) {
        if let Some(vault) = vault
            && position >= vault.sealed_from()?
        {
            tracing::warn!(
                position,
                "a state in plain is passed over: the log is sealed from before there, so somebody without its key has put it there"
            );
            return Ok(None);
        }
        bytes.drain(..HEAD_LEN);
        return Ok(Some(bytes));
    }
    let is_open = vault.map(|vault| unseal(&mut bytes, position, vault));
    Ok(is_open.transpose()?.flatten().map(|()| bytes))
}

fn position_in(name: &str, suffix: &str) -> Option<u64> {
    let digits = name.strip_suffix(suffix)?;
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
        self.write_file(&name, position.0, state)?;
        for (_, name) in self.newest_first()?.drain(..).skip(KEPT) {
            self.storage.remove(&name)?;
        }
        self.storage.sync()
    }

    /// Writes the state as of `position`, from which on the log is to begin: with it whoever reads the log
    /// from there knows what was before. Durable on return.
    pub fn write_base(&self, position: RecordNumber, state: &[u8]) -> Result<(), StorageError> {
        self.write_file(&base_name(position.0), position.0, state)
    }

    /// The state as of `position`, from which on the log begins or is to; `None` where there is none that is
    /// intact.
    pub fn base(&self, position: RecordNumber) -> Result<Option<Vec<u8>>, StorageError> {
        match base(&*self.storage, position.0)? {
            Some(base) => base.state(self.vault()),
            None => Ok(None),
        }
    }

    /// The positions of the snapshots that are intact, at or after `from`, the newest first.
    pub fn intact(&self, from: RecordNumber) -> Result<Vec<RecordNumber>, StorageError> {
        let mut positions = Vec::new();
        for (position, name) in self.newest_first()? {
            if position >= from.0 && self.read(&name, position)?.is_some() {
                positions.push(RecordNumber(position));
            }
        }
        Ok(positions)
    }

    /// The state of the snapshot of that name; `None` where it is damaged.
    fn read(&self, name: &str, position: u64) -> Result<Option<Vec<u8>>, StorageError> {
        match self.storage.open(name) {
            // A newer one may have taken its place.
            Err(error) if error.is_not_found() => Ok(None),
            file => state_of(&*file?, position, self.vault()),
        }
    }

    fn vault(&self) -> Option<&Vault> {
        self.keys.as_ref().map(|keys| &*keys.vault)
    }

    fn write_file(&self, name: &str, position: u64, state: &[u8]) -> Result<(), StorageError> {
        if state.len() as u64 > STATE_LEN_MAX {
            let why = std::io::Error::other("a state of more than 32 GiB is not written");
            return Err(StorageError::new(Operation::Write, name, why));
        }
        match &self.keys {
            None => {
                let head = Head::new(position, state);
                let slices = &mut [IoSlice::new(head.as_bytes()), IoSlice::new(state)];
                replace(&*self.storage, name, slices)
            }
            Some(keys) => self.write_sealed(keys, name, position, state),
        }
    }

    fn write_sealed(
        &self,
        keys: &SnapshotKeys,
        name: &str,
        position: u64,
        state: &[u8],
    ) -> Result<(), StorageError> {
        let refused = |why| StorageError::new(Operation::Write, name, std::io::Error::other(why));
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

    /// The newest intact snapshot and its position; damaged ones are passed over.
    pub fn latest(&self) -> Result<Option<(RecordNumber, Vec<u8>)>, StorageError> {
        for (position, name) in self.newest_first()? {
            if let Some(state) = self.read(&name, position)? {
                return Ok(Some((RecordNumber(position), state)));
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

/// Opens a sealed state in place; `None` where it is damaged or its key is not to be had.
fn unseal(bytes: &mut Vec<u8>, position: u64, vault: &Vault) -> Result<Option<()>, StorageError> {
    let Ok((head, state)) = SealedHead::mut_from_prefix(bytes) else {
        return Ok(None);
    };
    if !head.is_of(position, state) {
        return Ok(None);
    }
    let Loaded::Open(cipher) = vault.key(head.key.get())? else {
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

fn intact(bytes: &[u8], position: u64) -> bool {
    let Some((head, state)) = bytes.split_at_checked(HEAD_LEN) else {
        return false;
    };
    head == Head::new(position, state).as_bytes()
}
