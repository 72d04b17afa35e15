//! One number for all the state: equal after replay, or invariant 1 is broken.

use sha2::{Digest, Sha256};

use crate::model::state::State;

impl State {
    /// SHA-256 of the snapshot, which is canonical: tables in order of index, maps sorted, and what
    /// has expired left out.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.to_snapshot()).into()
    }
}
