//! What a server may make a gateway remember, and how it breaks the rules of who reads what.

use crate::wire::{GroupId, PersonId, ReaderChange, Sequence};

/// What one connection may make a gateway remember.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TableLimits {
    /// People on their devices at a time. Default 200,000; each costs about 250 bytes.
    pub readers_max: usize,
    /// People ever attached on one connection; beyond it, connect again. Default 1,000,000; each costs
    /// about 50 bytes.
    pub people_max: usize,
    /// Groups followed. Default 1,000,000; each costs about 200 bytes.
    pub groups_max: usize,
    /// Readers of all groups together, and cursors kept for people who read there no more. Default
    /// 4,000,000; each costs about 60 bytes in step, twice that when behind.
    pub seats_max: usize,
    /// Urgent messages given out ahead of their turn, of all groups together; further ones are given
    /// in their turn. Default 65,536; each costs 16 bytes.
    pub early_max: usize,
}

impl Default for TableLimits {
    fn default() -> Self {
        Self {
            readers_max: 200_000,
            people_max: 1_000_000,
            groups_max: 1_000_000,
            seats_max: 4_000_000,
            early_max: 65_536,
        }
    }
}

/// How the server's word on who reads what cannot be true. The connection is of no further use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// A change for somebody who was never attached here.
    #[error("person {person} was never attached on this connection")]
    UnknownReader {
        /// As named.
        person: PersonId,
    },
    /// A message of a group that nobody was said to read.
    #[error("group {group} has messages but no readers were ever named")]
    UnknownGroup {
        /// As delivered.
        group: GroupId,
    },
    /// A change that makes no sense in its group.
    #[error("a change {change:?} has no place in an envelope of group {group}")]
    MisplacedChange {
        /// What changes.
        change: ReaderChange,
        /// Of the envelope; 0 for none.
        group: GroupId,
    },
    /// Both sides have read different parts of a group.
    #[error("group {group} is read up to before {own} here and up to before {theirs} there")]
    LiveCursor {
        /// Where.
        group: GroupId,
        /// The next sequence as counted here.
        own: Sequence,
        /// As the server says.
        theirs: Sequence,
    },
    /// A message came before an earlier one.
    #[error("group {group}: sequence {found} came while {expected} had not")]
    Gap {
        /// Where.
        group: GroupId,
        /// The next sequence.
        expected: Sequence,
        /// The one that came.
        found: Sequence,
    },
    /// A sequence that is none: 0, or the last number there is.
    #[error("group {group}: {found} is no sequence")]
    NoSequence {
        /// Where.
        group: GroupId,
        /// As it came.
        found: Sequence,
    },
    /// A reader's end came after what they may not read.
    #[error(
        "group {group}: person {person} was to read up to before {at} and has read up to before {next}"
    )]
    LateEnd {
        /// Where.
        group: GroupId,
        /// Who.
        person: PersonId,
        /// Their end.
        at: Sequence,
        /// What they were to be given next.
        next: Sequence,
    },
    /// Joins and removals of one reader pile up.
    #[error("group {group}: person {person} has more than {limit} memberships ahead")]
    TooManySpans {
        /// Where.
        group: GroupId,
        /// Whose.
        person: PersonId,
        /// How many are followed.
        limit: usize,
    },
    /// [`TableLimits::groups_max`].
    #[error("group {group} is one more than the {limit} a gateway follows")]
    TooManyGroups {
        /// The one too many.
        group: GroupId,
        /// How many are followed.
        limit: usize,
    },
    /// [`TableLimits::seats_max`].
    #[error(
        "person {person} in group {group} is one reader more than the {limit} a gateway follows"
    )]
    TooManySeats {
        /// Where.
        group: GroupId,
        /// The one too many.
        person: PersonId,
        /// How many are followed.
        limit: usize,
    },
}
