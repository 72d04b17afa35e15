//! Files in memory, gone with the process: for tests and for engines that keep nothing.

use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::sync::{Arc, PoisonError, RwLock};

use super::{File, Operation, Storage, StorageError};

/// Files in memory. A reserved byte costs nothing until it is written.
#[derive(Debug, Default)]
pub struct Memory {
    files: RwLock<HashMap<String, Arc<MemoryFile>>>,
}

#[derive(Debug, Default)]
struct MemoryFile {
    contents: RwLock<Contents>,
}

#[derive(Debug, Default)]
struct Contents {
    /// What has been written; beyond it everything is zero.
    written: Vec<u8>,
    len: u64,
}

impl Memory {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

fn not_found(operation: Operation, name: &str) -> StorageError {
    StorageError::new(operation, name, io::ErrorKind::NotFound.into())
}

impl Storage for Memory {
    fn names(&self) -> Result<Vec<String>, StorageError> {
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        Ok(files.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> Result<Arc<dyn File>, StorageError> {
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        match files.get(name) {
            Some(file) => Ok(file.clone()),
            None => Err(not_found(Operation::Open, name)),
        }
    }

    fn create(&self, name: &str) -> Result<Arc<dyn File>, StorageError> {
        let file = Arc::new(MemoryFile::default());
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        files.insert(name.to_owned(), file.clone());
        Ok(file)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        let file = files.remove(from);
        files.insert(
            to.to_owned(),
            file.ok_or_else(|| not_found(Operation::Rename, from))?,
        );
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        match files.remove(name) {
            Some(_) => Ok(()),
            None => Err(not_found(Operation::Remove, name)),
        }
    }

    fn sync(&self) -> Result<(), StorageError> {
        Ok(())
    }
}

impl File for MemoryFile {
    fn len(&self) -> Result<u64, StorageError> {
        let contents = self.contents.read();
        Ok(contents.unwrap_or_else(PoisonError::into_inner).len)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, StorageError> {
        let contents = self.contents.read();
        let contents = contents.unwrap_or_else(PoisonError::into_inner);
        Ok(read_zero_filled(
            &contents.written,
            contents.len,
            buffer,
            offset,
        ))
    }

    fn write_at(&self, slices: &mut [IoSlice<'_>], offset: u64) -> Result<(), StorageError> {
        let contents = self.contents.write();
        let contents = &mut *contents.unwrap_or_else(PoisonError::into_inner);
        let mut at = offset;
        for slice in slices.iter() {
            overwrite(&mut contents.written, at, slice);
            at += slice.len() as u64;
        }
        contents.len = contents.len.max(contents.written.len() as u64);
        Ok(())
    }

    fn allocate(&self, len: u64) -> Result<(), StorageError> {
        let contents = self.contents.write();
        let contents = &mut *contents.unwrap_or_else(PoisonError::into_inner);
        contents.len = contents.len.max(len);
        Ok(())
    }

    fn sync(&self) -> Result<(), StorageError> {
        Ok(())
    }
}

/// Reads from bytes of which only `written` is kept, the rest up to `len` being zero.
pub(super) fn read_zero_filled(written: &[u8], len: u64, buffer: &mut [u8], offset: u64) -> usize {
    let wanted = len.saturating_sub(offset).min(buffer.len() as u64) as usize;
    let from = (offset as usize).min(written.len());
    let there = &written[from..(from + wanted).min(written.len())];
    buffer[..there.len()].copy_from_slice(there);
    buffer[there.len()..wanted].fill(0);
    wanted
}

/// Puts `bytes` at `offset`, with zeros up to there where nothing was.
pub(super) fn overwrite(written: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let from = offset as usize;
    let end = from + bytes.len();
    if written.len() < end {
        written.resize(end, 0);
    }
    written[from..end].copy_from_slice(bytes);
}
