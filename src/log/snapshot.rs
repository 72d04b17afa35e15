//! Snapshots: the model's state as of a record, in checked files beside the segments.
//!
//! A container only: what the bytes mean is the model's. Two are kept, so that a damaged one costs a
//! longer replay and not the start.

use std::io::IoSlice;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::storage::{Storage, StorageError, read_whole, replace};
use crate::wire::RecordNumber;

const MAGIC: [u8; 8] = *b"THRONGSN";
const VERSION: u32 = 1;
const SUFFIX: &str = ".snapshot";
/// Snapshots kept.
const KEPT: usize = 2;

/// The snapshots of a log.
#[derive(Clone, Debug)]
pub struct Snapshots {
    storage: Arc<dyn Storage>,
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

impl Snapshots {
    /// The snapshots kept in `storage`, the log's own.
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>) -> Self {
        Self { storage }
    }

    /// Writes the state as of `position`: every record before it is applied. Durable on return; older
    /// snapshots than the newest two are removed.
    pub fn write(&self, position: RecordNumber, state: &[u8]) -> Result<(), StorageError> {
        let name = format!("{:020}{SUFFIX}", position.0);
        let head = Head::new(position.0, state);
        let slices = &mut [IoSlice::new(head.as_bytes()), IoSlice::new(state)];
        replace(&*self.storage, &name, slices)?;
        for (_, name) in self.newest_first()?.drain(..).skip(KEPT) {
            self.storage.remove(&name)?;
        }
        self.storage.sync()
    }

    /// The newest intact snapshot and its position; damaged ones are passed over.
    pub fn latest(&self) -> Result<Option<(RecordNumber, Vec<u8>)>, StorageError> {
        for (position, name) in self.newest_first()? {
            let mut bytes = read_whole(&*self.storage, &name, u64::MAX)?;
            if intact(&bytes, position) {
                bytes.drain(..HEAD_LEN);
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
