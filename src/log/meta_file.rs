//! The meta file of an open log, which its writer and who removes old files both change.

use std::sync::{Arc, Mutex, PoisonError};

use super::format::Meta;
use super::recovery::write_meta;
use super::storage::{Storage, StorageError};

/// The meta file, as it was written last.
#[derive(Debug)]
pub(super) struct MetaFile {
    storage: Arc<dyn Storage>,
    meta: Mutex<Meta>,
}

impl MetaFile {
    pub(super) fn new(storage: Arc<dyn Storage>, meta: Meta) -> Self {
        let meta = Mutex::new(meta);
        Self { storage, meta }
    }

    /// Writes it anew with this change: durable on return. After an error either may be on the disk.
    pub(super) fn update(&self, change: impl FnOnce(&mut Meta)) -> Result<(), StorageError> {
        let mut meta = self.meta.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = *meta;
        change(&mut changed);
        write_meta(&*self.storage, &changed)?;
        *meta = changed;
        Ok(())
    }
}
