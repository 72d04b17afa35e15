//! What can be asked of the archive by record number, and what one is permitted of it.

use crate::model::body::body;
use crate::wire::{GroupId, PersonId, RecordNumber, TenantId, Timestamp};

body! {
    /// Records of one's own archive, in the order of their numbers (SPEC A6).
    PullRecordsV1 {
        /// The first record.
        from: RecordNumber,
        /// The last record; the greatest number for no end.
        to: RecordNumber,
        /// Only what is of these groups, at most 1,000; none is everything.
        groups: Vec<GroupId>,
        /// Only what these people caused, at most 1,000; none is everybody, the enterprise's systems too.
        people: Vec<PersonId>,
        /// Only from this time on.
        since: Timestamp,
        /// Only until before this; the greatest time for no end.
        until: Timestamp,
        /// At most this many records a page, at least 1; no more than the server allows, by default 1,000.
        records: u32,
        /// At most about this many bytes a page, at least 4,096; no more than the server allows, by default
        /// 262,144. A longer record is a page of its own.
        bytes: u32,
        /// Seals each record to this X25519 key of 32 bytes (RFC 9180); empty for records as they are.
        public_key: Vec<u8>,
    }
}
body! {
    /// What one may read of what was asked for, as of a position in the log.
    PullGrantedV1 {
        /// Whose records.
        tenant: TenantId,
        /// Records before this one, and no others: it was permitted as of here.
        position: RecordNumber,
        /// What was asked for; groups and people in their order, each once.
        pull: PullRecordsV1,
        /// Without these groups, in their order: their pull is switched off (SPEC G1).
        without: Vec<GroupId>,
    }
}
