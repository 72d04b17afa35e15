//! Where an export writes, and how full it may make that disk.

use super::ExportError;
use crate::log::Storage;

/// The storage of an export, of whose disk so many bytes stay free.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room<'a> {
    pub(super) out: &'a dyn Storage,
    pub(super) margin: u64,
}

impl Room<'_> {
    /// Before `needed` bytes are written; a few small files are left out of account, which the margin bears.
    pub(super) fn check(&self, needed: usize) -> Result<(), ExportError> {
        let (needed, margin) = (needed as u64, self.margin);
        if margin == 0 {
            return Ok(());
        }
        match self.out.free_bytes()? {
            Some(free) if free < margin.saturating_add(needed) => Err(ExportError::NoRoom {
                free,
                needed,
                margin,
            }),
            _ => Ok(()),
        }
    }
}
