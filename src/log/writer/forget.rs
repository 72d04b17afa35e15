//! What is gone: handed out no more, its keys destroyed, and the keyring kept small.

use super::AppendError;
use super::Log;
use crate::log::gone::Gone;
use crate::log::seal::{Destroyed, Erasure, Sealing, no_space};

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
    /// on meanwhile; on a full disk nothing is changed. An idle log does it by itself once they are many
    /// ([`Config::dead_keys_min`](crate::log::Config::dead_keys_min)) and more than half, a slice each time that it is
    /// idle.
    pub fn shrink_keyring(&mut self) -> Result<bool, AppendError> {
        let mut begun = false;
        self.guarded(|log| {
            if let Some(sealing) = &mut log.sealing {
                begun = sealing.begin_rewriting()?;
                while begun && sealing.rewrite_some(log.config.keyring_slice)? {}
                log.account();
            }
            Ok(())
        })?;
        Ok(begun)
    }

    /// Whether the keyring is being written anew: the log should be idle again soon.
    #[must_use]
    pub fn is_shrinking_keyring(&self) -> bool {
        self.sealing.as_ref().is_some_and(Sealing::is_rewriting)
    }

    /// For when nobody waits: what a full disk left to be destroyed, and what destroyed keys left behind.
    pub(super) fn forget_what_is_left(&mut self) -> Result<(), AppendError> {
        if let Some(gone) = self.to_destroy.clone() {
            self.forget(gone)?;
        }
        self.guarded(|log| {
            if let Some(sealing) = &mut log.sealing {
                if sealing.is_rewriting() {
                    sealing.rewrite_some(log.config.keyring_slice)?;
                    log.account();
                } else if sealing.is_mostly_dead(log.config.dead_keys_min) {
                    sealing.begin_rewriting()?;
                }
            }
            Ok(())
        })
    }
}
