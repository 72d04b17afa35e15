//! Checkpoints (c2sp.org/tlog-checkpoint): how large the tree is and what its root is, signed.

use std::fmt;

use super::note::{self, NoteError, SigningKey, VerifyingKey};
use super::{Hash, base64, decimal, hash_from_base64};

/// Which tree a checkpoint is of: `<name>/<log id>/<incarnation>`.
///
/// A repair that accepts loss raises the incarnation, so that the log that goes on from the cut is
/// another one and contradicts nothing that was signed before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The operator's name for it, without spaces and plus signs.
    pub name: String,
    /// The log's id.
    pub log: [u8; 16],
    /// The log's incarnation.
    pub incarnation: u64,
}

impl Origin {
    /// Reads what is displayed; `None` for the origin of something else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, incarnation) = text.rsplit_once('/')?;
        let (name, log) = rest.rsplit_once('/')?;
        let origin = Self {
            name: name.to_owned(),
            log: u128::from_str_radix(log, 16).ok()?.to_be_bytes(),
            incarnation: decimal(incarnation)?,
        };
        (origin.to_string() == text).then_some(origin)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let log = u128::from_be_bytes(self.log);
        write!(f, "{}/{log:032x}/{}", self.name, self.incarnation)
    }
}

/// The state of a tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// Which tree, as its first line says.
    pub origin: String,
    /// Its leaves.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

/// Why a checkpoint is not to be believed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The note around it.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The text is no checkpoint.
    #[error("not a checkpoint: an origin, a size and a root are the first three lines")]
    Malformed,
    /// Of another log.
    #[error("a checkpoint of {found}, not of {expected}")]
    Origin {
        /// As read.
        found: String,
        /// The one asked for.
        expected: String,
    },
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn to_text(&self) -> String {
        let Self { origin, size, root } = self;
        format!("{origin}\n{size}\n{}\n", base64(root))
    }

    /// Reads the text; extension lines are passed over.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let read = || {
            let mut lines = text.strip_suffix('\n')?.split('\n');
            let origin = lines.next().filter(|origin| !origin.is_empty())?.to_owned();
            let (size, root) = (decimal(lines.next()?)?, hash_from_base64(lines.next()?)?);
            let extensions = lines.all(|line| !line.is_empty());
            extensions.then_some(Self { origin, size, root })
        };
        read().ok_or(CheckpointError::Malformed)
    }

    /// The signed note. The key signs under the origin's name, as the format recommends.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> String {
        note::sign(&self.to_text(), key)
    }

    /// Reads a signed note by a key, whose name is the origin.
    pub fn verify(note: &[u8], key: &VerifyingKey) -> Result<Self, CheckpointError> {
        let checkpoint = Self::parse(note::verify(note, key)?)?;
        if checkpoint.origin == key.name() {
            return Ok(checkpoint);
        }
        Err(CheckpointError::Origin {
            found: checkpoint.origin,
            expected: key.name().to_owned(),
        })
    }
}
