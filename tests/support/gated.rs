//! A disk whose syncs wait until a test lets them.

use std::io::IoSlice;
use std::sync::{Arc, Condvar, Mutex};

use throng::log::storage::File;
use throng::log::{Memory, Storage, StorageError};

/// Whether syncs wait.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(crate) fn set(&self, shut: bool) {
        *self.0.0.lock().expect("nobody panics with it") = shut;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let shut = self.0.0.lock().expect("nobody panics with it");
        let open = self.0.1.wait_while(shut, |shut| *shut);
        drop(open.expect("nobody panics with it"));
    }
}

/// A disk in memory whose syncs wait at a gate.
#[derive(Debug)]
pub(crate) struct Gated<T>(pub(crate) T, pub(crate) Gate);

impl Storage for Gated<Memory> {
    fn names(&self) -> Result<Vec<String>, StorageError> {
        self.0.names()
    }

    fn open(&self, name: &str) -> Result<Arc<dyn File>, StorageError> {
        Ok(Arc::new(Gated(self.0.open(name)?, self.1.clone())))
    }

    fn create(&self, name: &str) -> Result<Arc<dyn File>, StorageError> {
        Ok(Arc::new(Gated(self.0.create(name)?, self.1.clone())))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.0.rename(from, to)
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.0.remove(name)
    }

    fn sync(&self) -> Result<(), StorageError> {
        self.0.sync()
    }
}

impl File for Gated<Arc<dyn File>> {
    fn len(&self) -> Result<u64, StorageError> {
        self.0.len()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, StorageError> {
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, slices: &mut [IoSlice<'_>], offset: u64) -> Result<(), StorageError> {
        self.0.write_at(slices, offset)
    }

    fn allocate(&self, len: u64) -> Result<(), StorageError> {
        self.0.allocate(len)
    }

    fn sync(&self) -> Result<(), StorageError> {
        self.1.pass();
        self.0.sync()
    }
}
