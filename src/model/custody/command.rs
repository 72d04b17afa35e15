//! What can be asked about how long content is kept, what is held, and what is read of the archive.

use crate::model::body::{body, code};
use crate::wire::{
    ExportId, GroupId, HoldId, PersonId, RecordNumber, Sequence, TenantId, Timestamp,
};

code! {
    /// What a retention is of (SPEC A5): the texts in groups of a kind, those that are of no one group, or the
    /// audit trail.
    ContentClass {
        /// In internal groups.
        Internal = 0,
        /// In external groups.
        External = 1,
        /// In training groups.
        Training = 2,
        /// In direct conversations.
        Direct = 3,
        /// Of no group or of many, as the text of a mass send.
        Ungrouped = 4,
        /// No texts, but the audit trail: who did what and when, and everything that happened. It goes with
        /// whole files, once all in them is over.
        AuditTrail = 5,
    }
}

body! {
    /// How long texts of one class, or the audit trail, are kept, counted in whole UTC days after their day.
    SetRetentionV1 {
        /// Which.
        class: ContentClass,
        /// From 1 to 36,500; 0 for ever.
        days: u32,
        /// Why, 1 to 200 characters.
        reason: String,
    }
}
body! {
    /// A legal hold: what it covers is neither erased nor does it expire until it is released.
    PlaceHoldV1 {
        /// Of these groups, each once; none for all the enterprise has.
        groups: Vec<GroupId>,
        /// The first UTC day, counted from 1970-01-01.
        first_day: i32,
        /// The last UTC day; it may be in the future.
        last_day: i32,
        /// Why, 1 to 200 characters.
        reason: String,
    }
}
body! {
    /// The end of a hold. What was due without it expires at once.
    ReleaseHoldV1 {
        /// Which.
        hold: HoldId,
        /// Why, 1 to 200 characters.
        reason: String,
    }
}
body! {
    /// Erases what was said in a group on some days, for ever; who, when and in what order stays.
    EraseContentV1 {
        /// Which; 0 for what is of no group or of many.
        group: GroupId,
        /// The first UTC day, counted from 1970-01-01.
        first_day: i32,
        /// The last UTC day; it must be over.
        last_day: i32,
        /// Why, 1 to 200 characters.
        reason: String,
    }
}
body! {
    /// Lets expire what is due by the retention.
    ExpireContentV1 {}
}
body! {
    /// A search of the archive, which is recorded before it is made.
    SearchArchiveV1 {
        /// What to look for, at most 200 characters; may be empty where anything else narrows it.
        words: String,
        /// Only in this group; 0 for all.
        group: GroupId,
        /// Only what this person said; 0 for everybody.
        person: PersonId,
        /// From this time on.
        from: Timestamp,
        /// Until before this time.
        until: Timestamp,
        /// Go on behind this hit, by the `cursor` of a hit or a page; 0 from the latest on.
        after: u64,
        /// At most so many hits, from 1 to 100.
        hits: u32,
    }
}
body! {
    /// An export is complete.
    FinishExportV1 {
        /// Which.
        export: ExportId,
        /// How many records it has.
        records: u64,
        /// SHA-256 of its manifest.
        manifest: [u8; 32],
    }
}
body! {
    /// The retention of the enterprise to read.
    GetRetentionV1 {}
}
body! {
    /// A page of holds to read.
    ListHoldsV1 {
        /// Only those with a greater number.
        after: HoldId,
        /// At most this many, up to 100.
        limit: u32,
    }
}

body! {
    /// A new hold.
    HoldPlacedV1 {
        /// By this number it is released.
        hold: HoldId,
    }
}
body! {
    /// The search is recorded, and may be made.
    SearchGrantedV1 {
        /// Whose archive.
        tenant: TenantId,
        /// The record that says so.
        search: RecordNumber,
        /// What was asked for.
        asked: SearchArchiveV1,
    }
}
body! {
    /// A message that a search found, as the log has it.
    FoundV1 {
        /// Its record: the evidence.
        record: RecordNumber,
        /// Which of the record's messages, counted from 0.
        item: u32,
        /// To go on behind it.
        cursor: u64,
        /// In which group.
        group: GroupId,
        /// Its place there; 0 where it was imported.
        sequence: Sequence,
        /// Who sent it; 0 for nobody the tenant knows.
        sender: PersonId,
        /// What another product called the sender; empty where it was not imported.
        imported_from: String,
        /// When it was sent.
        sent_at: Timestamp,
        /// The number of its kind (docs/wire.md).
        kind: u8,
        /// What it says; empty where it is opaque.
        body: Vec<u8>,
        /// The record that deleted it from what members see; 0 for none.
        deleted: RecordNumber,
    }
}
body! {
    /// A page of what a search found.
    ArchiveFoundV1 {
        /// The record of the search.
        search: RecordNumber,
        /// The latest first.
        hits: Vec<FoundV1>,
        /// To go on behind this page; 0 at the end.
        cursor: u64,
        /// Records before this number were searched: the latest may be missing.
        searched: RecordNumber,
    }
}
body! {
    /// How long one class is kept.
    ClassRetentionV1 {
        /// Which.
        class: ContentClass,
        /// Days after the one on which it was sent; 0 for ever.
        days: u32,
        /// All of this UTC day and before has expired but for what was held; the least number where
        /// nothing has.
        expired_through: i32,
    }
}
body! {
    /// The retention of the enterprise.
    RetentionV1 {
        /// Of each class.
        classes: Vec<ClassRetentionV1>,
    }
}
body! {
    /// One hold.
    HoldStateV1 {
        /// Its number.
        hold: HoldId,
        /// Of which groups; none for all.
        groups: Vec<GroupId>,
        /// The first UTC day.
        first_day: i32,
        /// The last UTC day.
        last_day: i32,
        /// Who placed it; 0 for the enterprise's systems.
        by: PersonId,
        /// When.
        placed_at: Timestamp,
        /// Why.
        reason: String,
        /// Released, but what it covered is kept with the holds that overlap it.
        released: bool,
    }
}
body! {
    /// A page of holds.
    HoldsPageV1 {
        /// In the order they were placed.
        holds: Vec<HoldStateV1>,
        /// There are more.
        more: bool,
    }
}
