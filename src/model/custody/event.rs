//! What happens to content that is kept: the record's header says when and by whom.

use crate::model::body::body;
use crate::model::custody::command::ContentClass;
use crate::wire::{ExportId, GroupId, HoldId, PersonId, Timestamp};

body! {
    /// Texts of a class are kept so long from here on.
    RetentionSetV1 {
        /// Which.
        class: ContentClass,
        /// Days after the one on which they were sent; 0 for ever.
        days: u32,
        /// Why.
        reason: String,
    }
}
body! {
    /// Content is held.
    HoldPlacedV1 {
        /// Under this number.
        hold: HoldId,
        /// Of these groups; none for all.
        groups: Vec<GroupId>,
        /// The first UTC day.
        first_day: i32,
        /// The last UTC day.
        last_day: i32,
        /// Why.
        reason: String,
    }
}
body! {
    /// A hold has ended.
    HoldReleasedV1 {
        /// Which.
        hold: HoldId,
        /// Why.
        reason: String,
    }
}
body! {
    /// What was said in a group on some days is no more.
    ContentErasedV1 {
        /// Which; 0 for what is of no group or of many.
        group: GroupId,
        /// The first UTC day.
        first_day: i32,
        /// The last UTC day.
        last_day: i32,
        /// Why.
        reason: String,
    }
}
body! {
    /// How far one class has expired.
    ExpiredClassV1 {
        /// Which.
        class: ContentClass,
        /// This UTC day and all before it, but for what is held.
        through_day: i32,
    }
}
body! {
    /// What was said so long ago is no more, but for what is held.
    ContentExpiredV1 {
        /// Of each class that is further than before.
        classes: Vec<ExpiredClassV1>,
    }
}
body! {
    /// An export is complete.
    ExportFinishedV1 {
        /// Which.
        export: ExportId,
        /// How many records it has.
        records: u64,
        /// SHA-256 of its manifest.
        manifest: [u8; 32],
    }
}
body! {
    /// Somebody searches the archive.
    ArchiveSearchedV1 {
        /// For what.
        words: String,
        /// In which group; 0 for all.
        group: GroupId,
        /// What this person said; 0 for everybody.
        person: PersonId,
        /// From this time on.
        from: Timestamp,
        /// Until before this time.
        until: Timestamp,
        /// From behind this hit on; 0 for the first page.
        after: u64,
    }
}
