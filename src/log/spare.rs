//! Segment files preallocated ahead of need, so that what was promised can be written on a full disk.

use std::sync::Arc;

use super::storage::{File, Storage, StorageError};

/// Spares kept: one to go on with, one for essential records.
pub(crate) const SPARES: usize = 2;

/// Preallocated files without a header.
#[derive(Debug)]
pub(crate) struct Spares {
    len: u64,
    slots: [Option<Arc<dyn File>>; SPARES],
}

fn name(slot: usize) -> String {
    format!("spare-{slot}")
}

impl Spares {
    /// No spares yet, to be of `len` bytes. [`Spares::top_up`] adopts those of an earlier run.
    pub(crate) fn new(len: u64) -> Self {
        Self {
            len,
            slots: [const { None }; SPARES],
        }
    }

    /// How many are ready.
    pub(crate) fn ready(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    /// Preallocates what is missing; `false` where the disk has no room for all.
    pub(crate) fn top_up(&mut self, storage: &dyn Storage) -> Result<bool, StorageError> {
        if self.ready() == SPARES {
            return Ok(true);
        }
        let names = storage.names()?;
        let mut full = false;
        for (number, slot) in self.slots.iter_mut().enumerate() {
            if slot.is_some() || full {
                continue;
            }
            let name = name(number);
            let file = if names.contains(&name) {
                storage.open(&name)
            } else {
                storage.create(&name)
            };
            let made = file.and_then(|file| {
                file.allocate(self.len)?;
                file.sync()?;
                storage.sync()?;
                Ok(file)
            });
            match made {
                Ok(file) => *slot = Some(file),
                Err(error) if error.is_no_space() => full = true,
                Err(error) => return Err(error),
            }
        }
        Ok(!full)
    }

    /// Takes a spare and the name it has; the caller gives it another.
    pub(crate) fn take(&mut self) -> Option<(String, Arc<dyn File>)> {
        let mut slots = self.slots.iter_mut().enumerate();
        slots.find_map(|(number, slot)| Some((name(number), slot.take()?)))
    }
}
