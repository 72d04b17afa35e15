//! What Throng tells its own audit trail.

use crate::model::body::body;
use crate::wire::{DeviceId, GroupId, PersonId, RecordNumber, TenantId, Timestamp};

body! {
    /// Denials that were counted since their first one was recorded (SPEC P3). Only Throng itself asks
    /// for it.
    CountDenialsV1 {
        /// By person and operation; at most 1,000.
        counts: Vec<DenialCountV1>,
        /// How many more there were of persons and operations that had no room.
        others: u64,
    }
}
body! {
    /// How often one person was denied one operation.
    DenialCountV1 {
        /// Who; 0 for the enterprise's systems.
        person: PersonId,
        /// The number of the operation (docs/wire.md).
        operation: u16,
        /// How often.
        count: u64,
        /// The first of them.
        first: Timestamp,
        /// The last of them.
        last: Timestamp,
    }
}
body! {
    /// A page of the audit trail to read (SPEC A1), the latest record first; that it is read is recorded.
    ReadAuditV1 {
        /// Only what this person did; 0 for everybody, the enterprise's systems too.
        actor: PersonId,
        /// Only what is about this person; 0 for anybody.
        person: PersonId,
        /// Only what is about this group; 0 for any.
        group: GroupId,
        /// Only events of these tags (docs/vocabulary.md), at most 32; none is all but messages and what they
        /// cost.
        kinds: Vec<u16>,
        /// Only from this time on.
        from: Timestamp,
        /// Only until before this; the greatest time for no end.
        until: Timestamp,
        /// Only records before this one, by the `before` of a page; 0 from the latest on.
        before: RecordNumber,
        /// At most so many records, from 1 to 100.
        entries: u32,
    }
}
body! {
    /// The reading is recorded, and may be done.
    AuditGrantedV1 {
        /// Whose trail.
        tenant: TenantId,
        /// The record that says so: nothing from it on is shown.
        query: RecordNumber,
        /// What was asked for.
        asked: ReadAuditV1,
    }
}
body! {
    /// One record of the audit trail.
    AuditEntryV1 {
        /// Its number: the evidence.
        record: RecordNumber,
        /// When it was decided.
        at: Timestamp,
        /// Who did it; 0 for the enterprise's systems.
        actor: PersonId,
        /// From which device; 0 for none.
        device: DeviceId,
        /// The one group it takes a place in; 0 for none or several.
        group: GroupId,
        /// Bytes of its events that were asked for.
        events_len: u32,
        /// These events, one after the other as in the log (docs/vocabulary.md), one-time codes left out; empty
        /// where they are longer than 65,536 bytes together.
        events: Vec<u8>,
    }
}
body! {
    /// A page of the audit trail.
    AuditPageV1 {
        /// The record that says it was read.
        query: RecordNumber,
        /// The latest first; may be none, and go on all the same: a page looks through a bounded part of the
        /// log.
        entries: Vec<AuditEntryV1>,
        /// To be asked for the next page; 0 at the end.
        before: RecordNumber,
        /// The first record the log still has.
        first: RecordNumber,
        /// Record `before` is damaged and not shown; the next page goes on before it.
        damaged: bool,
    }
}

impl AuditEntryV1 {
    /// Bytes of events of one entry.
    pub const EVENTS_LEN_MAX: usize = 64 * 1024;
}
