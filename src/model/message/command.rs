//! What can be asked about a message that is there.

use crate::model::body::body;
use crate::wire::{GroupId, Sequence};

body! {
    /// A message to delete (SPEC P1). Its original stays in the archive.
    DeleteMessageV1 {
        /// In which group.
        group: GroupId,
        /// Its sequence.
        sequence: Sequence,
    }
}
