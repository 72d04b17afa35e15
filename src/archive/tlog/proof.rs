//! Proofs as files (c2sp.org/tlog-proof): an entry, its path to a root, and the checkpoint that signs
//! it, to be checked by anybody who knows the log's key and nothing else.

use std::fmt;

use super::checkpoint::{Checkpoint, CheckpointError};
use super::note::VerifyingKey;
use super::prove::{Mismatch, verify_inclusion};
use super::{Hash, base64, decimal, from_base64, hash_from_base64, leaf_hash};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";
/// A tree has at most 64 levels.
const STEPS_MAX: usize = 64;

/// What is in a proof file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proof {
    /// The record's commitment, from which its leaf follows. The format calls it extra and says
    /// that nobody may trust it unless the leaf leads to the root.
    pub commitment: Hash,
    /// The record's number.
    pub index: u64,
    /// From the leaf's sibling up.
    pub path: Vec<Hash>,
    /// The signed note, as it was published.
    pub checkpoint: String,
}

/// Why a proof proves nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// Not a proof file, or not one of ours.
    #[error("not a tlog-proof file with a record's commitment")]
    Malformed,
    /// Its checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Its path.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
}

impl Proof {
    /// Reads a file.
    pub fn parse(text: &str) -> Result<Self, ProofError> {
        let read = || {
            let (head, checkpoint) = text.split_once("\n\n")?;
            let mut lines = head.split('\n');
            lines.next().filter(|line| *line == FIRST_LINE)?;
            let extra = from_base64(lines.next()?.strip_prefix("extra ")?)?;
            let index = decimal(lines.next()?.strip_prefix("index ")?)?;
            let path: Vec<Hash> = lines
                .take(STEPS_MAX + 1)
                .map(hash_from_base64)
                .collect::<Option<_>>()?;
            Some(Self {
                commitment: extra.try_into().ok()?,
                index,
                path: Some(path).filter(|path| path.len() <= STEPS_MAX)?,
                checkpoint: checkpoint.to_owned(),
            })
        };
        read().ok_or(ProofError::Malformed)
    }

    /// Checks all of it: signature, origin and path. Returns the checkpoint.
    pub fn verify(&self, key: &VerifyingKey) -> Result<Checkpoint, ProofError> {
        let checkpoint = Checkpoint::verify(self.checkpoint.as_bytes(), key)?;
        let leaf = leaf_hash(&self.commitment);
        let Checkpoint { size, root, .. } = &checkpoint;
        verify_inclusion(self.index, *size, leaf, &self.path, root)?;
        Ok(checkpoint)
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        writeln!(f, "extra {}", base64(&self.commitment))?;
        writeln!(f, "index {}", self.index)?;
        for step in &self.path {
            writeln!(f, "{}", base64(step))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}
