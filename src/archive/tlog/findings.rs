//! What an audit may find, and why there may be none.

use super::attested::{Attested, AttestedError};
use super::proof::ProofError;
use super::stored::{Signed, StoredError};
use super::tile::Tile;
use crate::archive::inspect::InspectError;
use crate::archive::verify::VerifyError;
use crate::log::Damage;
use crate::log::storage::StorageError;
use crate::wire::RecordNumber;

/// What is wrong with what was published.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A tile that cannot be read.
    #[error("{tile} cannot be read: {why}")]
    Unreadable {
        /// Which.
        tile: Tile,
        /// What the reading said.
        why: String,
    },
    /// A bundle that cannot be read, of records that were removed from the log.
    #[error("{tile} cannot be read: {why}; its records were removed, and it is nowhere else")]
    Irreplaceable {
        /// Which.
        tile: Tile,
        /// What the reading said.
        why: String,
    },
    /// A tile that is not what the log's records give.
    #[error("{tile} is not what the log's records give (of records from {from} on)")]
    Differs {
        /// Which.
        tile: Tile,
        /// The first record it says something of.
        from: RecordNumber,
    },
    /// A root that is not what the log's records give.
    #[error(
        "root {signed} was signed for {size} records, the log's have {found}: records were changed"
    )]
    Root {
        /// Records signed.
        size: u64,
        /// As signed, base64.
        signed: String,
        /// The log's.
        found: String,
    },
    /// The log has fewer records than were signed.
    #[error("{size} records were signed, the log holds {held}: it was cut, or is an older copy")]
    Lost {
        /// Signed.
        size: u64,
        /// Held.
        held: u64,
    },
    /// A timestamp or a cosigned checkpoint that says nothing of this log, or contradicts it.
    #[error("{file}: {why}")]
    Attested {
        /// Which file.
        file: String,
        /// What is wrong with it.
        why: AttestedError,
    },
    /// It was published of something else.
    #[error("the checkpoint is of {found}, which is not this log's id and incarnation")]
    Foreign {
        /// As signed.
        found: String,
    },
}

impl Fault {
    /// Whether making a tile again mends it, if the log gives the signed root.
    pub(super) fn is_of_a_tile(&self) -> bool {
        matches!(self, Self::Unreadable { .. } | Self::Differs { .. })
    }

    /// Whether the log does not give the signed root.
    pub(super) fn is_of_the_log(&self) -> bool {
        matches!(
            self,
            Self::Root { .. }
                | Self::Lost { .. }
                | Self::Foreign { .. }
                | Self::Irreplaceable { .. }
        )
    }
}

/// What an audit found.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Audit {
    /// What was signed.
    pub signed: Signed,
    /// Records of the log that are not signed yet.
    pub unsigned: u64,
    /// What others have said of it.
    pub attested: Attested,
    /// What is wrong, the first ones. Empty: everything published is of this log and no other.
    pub faults: Vec<Fault>,
}

/// Why nothing could be audited or proved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The disk failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The published checkpoint cannot be believed, or a tile not be read.
    #[error("{0}; run `throng archive verify`")]
    Stored(#[from] StoredError),
    /// The log is damaged.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// There is no log.
    #[error(transparent)]
    Log(#[from] VerifyError),
    /// The record is not in the log.
    #[error(transparent)]
    Record(#[from] InspectError),
    /// Something was published, and nothing says how much.
    #[error(
        "there are tiles and no `checkpoint`, which says how many records were signed: bring it back"
    )]
    NoCheckpoint,
    /// What is wrong is not that tiles were lost or damaged.
    #[error("{0}; no tile was made again")]
    NotMended(Fault),
    /// Nothing was published.
    #[error("nothing is published here: `throng serve` does, unless `tlog.publish` is off")]
    NotPublished,
    /// The log was repaired since: what was published is of its life before.
    #[error(
        "published was {found}, before the log was repaired: the next start begins a new origin"
    )]
    Repaired {
        /// As signed.
        found: String,
    },
    /// The record is not signed yet.
    #[error(
        "record {record} is not signed yet, the checkpoint has {size}: start the server for a moment"
    )]
    NotSigned {
        /// Asked for.
        record: RecordNumber,
        /// Records signed.
        size: u64,
    },
    /// Tiles and log do not prove it.
    #[error(
        "record {record} cannot be proved, tiles and log disagree: {source}; run `throng archive verify`"
    )]
    NotProved {
        /// Asked for.
        record: RecordNumber,
        /// What does not hold.
        source: ProofError,
    },
}
