//! What is gone: handed out no more, its keys destroyed, and the keyring kept small.

use super::AppendError;
use super::Log;
use crate::log::gone::Gone;
use crate::log::seal::{Destroyed, Erasure, no_space};

/// With fewer dead entries the keyring is left as it is: half a MiB.
const DEAD_KEYS_MIN: u32 = 4_096;

impl Log {
    /// Destroys the keys of a group's messages (SPEC A4) and returns how many there were. Durable on
    /// return; what is destroyed already stays so, so that it can be done again. What is written of the
    /// same group and day later has a key of its own.
    pub fn destroy_keys(&mut self, erasure: &Erasure) -> Result<u32, AppendError> {
        match self.destroy(&erasure.as_gone())? {
            // What there was room for is destroyed: the log goes on, and this can be asked for again.
            Some(destroyed) if destroyed.more => Err(no_space().into()),
            Some(destroyed) => Ok(destroyed.ids.len() as u32),
            None => Ok(0),
        }
    }

    /// Hands out nothing of what is gone from here on, and destroys its keys: durable on return, but for
    /// what a full disk has no room to write down, which is tried again when the log is idle. All that
    /// was gone before must be gone still.
    ///
    /// What is not sealed is on disk until its segment is compacted ([`Log::compactor`]).
    pub fn forget(&mut self, gone: Gone) -> Result<(), AppendError> {
        self.shared.set_gone(gone.clone());
        // What was left of the one before may be anywhere.
        let gone = match self.to_destroy.take() {
            Some(_) => gone.everywhere(),
            None => gone,
        };
        let destroyed = self.destroy(&gone)?;
        let is_left = destroyed.is_some_and(|destroyed| destroyed.more);
        self.to_destroy = is_left.then(|| gone.everywhere());
        Ok(())
    }

    fn destroy(&mut self, gone: &Gone) -> Result<Option<Destroyed>, AppendError> {
        let mut destroyed = None;
        self.guarded(|log| {
            if let Some(sealing) = &mut log.sealing {
                sealing.top_up()?;
                destroyed = Some(sealing.destroy(gone, log.next)?);
                log.account();
            }
            Ok(())
        })?;
        Ok(destroyed)
    }

    /// Writes the keyring anew without the entries of destroyed keys, and says whether there were any. Reads go
    /// on meanwhile; on a full disk nothing is changed. An idle log does it by itself once they are many, and
    /// more than half.
    pub fn shrink_keyring(&mut self) -> Result<bool, AppendError> {
        let mut shrunk = false;
        self.guarded(|log| {
            if let Some(sealing) = &mut log.sealing {
                shrunk = sealing.shrink()?;
                log.account();
            }
            Ok(())
        })?;
        Ok(shrunk)
    }

    /// For when nobody waits: what a full disk left to be destroyed, and what destroyed keys left behind.
    pub(super) fn forget_what_is_left(&mut self) -> Result<(), AppendError> {
        if let Some(gone) = self.to_destroy.clone() {
            self.forget(gone)?;
        }
        let sealing = self.sealing.as_ref();
        if sealing.is_some_and(|sealing| sealing.is_mostly_dead(DEAD_KEYS_MIN)) {
            self.shrink_keyring()?;
        }
        Ok(())
    }
}
