//! Why an index cannot go on, and whether it is the disk's fault or the index's.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tantivy::TantivyError;
use tantivy::directory::error::{OpenReadError, OpenWriteError};

use crate::log::{ChunkedError, ReadError, StorageError};

/// Why an index could not be read or written. Nothing of the log is lost by it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// A file of the index is damaged, or the disk failed.
    #[error(transparent)]
    File(#[from] ChunkedError),
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The library that keeps the words could not go on.
    #[error("the index: {0}")]
    Library(TantivyError),
    /// What the library found made no sense to it.
    #[error("the index holds what its library cannot read")]
    Senseless,
}

impl From<StorageError> for IndexError {
    fn from(error: StorageError) -> Self {
        Self::File(error.into())
    }
}

impl From<TantivyError> for IndexError {
    fn from(error: TantivyError) -> Self {
        Self::Library(error)
    }
}

impl IndexError {
    /// Whether it will be the same at the next try: the index has to be made again. Else the disk failed, or
    /// the log.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::File(ChunkedError::Storage(error)) => error.is_not_found(),
            Self::File(ChunkedError::Damaged { .. }) | Self::Senseless => true,
            Self::Log(_) => false,
            Self::Library(error) => match error {
                TantivyError::IoError(error) => is_damage(error),
                TantivyError::OpenReadError(OpenReadError::IoError { io_error, .. })
                | TantivyError::OpenWriteError(OpenWriteError::IoError { io_error, .. }) => {
                    is_damage(io_error)
                }
                _ => true,
            },
        }
    }
}

/// Ours come through the library as they went in.
fn is_damage(error: &io::Error) -> bool {
    let ours = error.get_ref().and_then(|it| it.downcast_ref());
    !matches!(ours, Some(ChunkedError::Storage(error)) if !error.is_not_found())
}

/// Runs the library. It is written for bytes that it wrote itself: checksums and seals keep others from it,
/// and where somebody made those too, its panic ends here (invariant 8).
pub(super) fn fenced<T>(run: impl FnOnce() -> Result<T, IndexError>) -> Result<T, IndexError> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or(Err(IndexError::Senseless))
}
