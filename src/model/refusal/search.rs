//! Why the archive is not searched: nothing was read and no search is on record.

use crate::wire::Timestamp;

/// Why the archive is not searched, whoever asks (SPEC S12).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotSearched {
    /// No index is kept.
    #[error(
        "this server keeps no search index: it needs a build with `--features search` and \
         `search.enabled`"
    )]
    Off,
    /// The index is being opened, or could not be.
    #[error("the search index is not open: try again at {retry_at}")]
    NotYet {
        /// When that is likely to work.
        retry_at: Timestamp,
    },
    /// The disk did not give what was asked for; what was read before stands.
    #[error("the disk does not give the log's records just now: try again at {retry_at}")]
    Unreadable {
        /// When that may work.
        retry_at: Timestamp,
    },
}
