//! What Throng tells its own audit trail.

use crate::model::body::body;
use crate::wire::{PersonId, Timestamp};

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
