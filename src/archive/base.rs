//! The state before the first record of a log: that of no records, or where files were removed at its front,
//! the one that was kept for it.

use crate::log::{ReadError, Reader};
use crate::model::{SnapshotError, State};
use crate::wire::RecordNumber;

/// Why it cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaseError {
    /// It is missing or damaged, or the disk failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It is intact and cannot be understood.
    #[error("the state before record {begin}, where the log begins, cannot be read: {source}")]
    State {
        /// Where the log begins.
        begin: RecordNumber,
        /// Why.
        source: SnapshotError,
    },
}

/// The state before the first record, and that record's number.
pub(crate) fn state_before(reader: &Reader) -> Result<(State, RecordNumber), BaseError> {
    let Some((begin, bytes)) = reader.base()? else {
        return Ok((State::new(), RecordNumber(0)));
    };
    let state = State::from_snapshot(&bytes);
    let state = state.map_err(|source| BaseError::State { begin, source })?;
    Ok((state, begin))
}
