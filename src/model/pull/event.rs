//! That the archive is pulled.

use crate::model::body::body;
use crate::wire::{GroupId, PersonId, RecordNumber, Timestamp};

body! {
    /// The enterprise's systems pull the archive. Pages of the same from this record on are not recorded
    /// again until `covers_until`.
    ArchivePulledV1 {
        /// The first record asked for.
        from: RecordNumber,
        /// The last one; the greatest number for no end.
        to: RecordNumber,
        /// Only what is of these groups, in their order; none is everything.
        groups: Vec<GroupId>,
        /// Only what these people caused, in their order; none is everybody.
        people: Vec<PersonId>,
        /// Only from this time on.
        since: Timestamp,
        /// Only until before this.
        until: Timestamp,
        /// The key each record is sealed to; empty for records as they are.
        public_key: Vec<u8>,
        /// When the next page of it is recorded again.
        covers_until: Timestamp,
    }
}
