//! What happens to a message that is there.

use crate::model::body::{body, code};
use crate::wire::{GroupId, Sequence};

code! {
    /// Who deleted a message; the `by` of a `Recall` envelope.
    DeletedBy {
        /// Its author, within a day.
        Author = 0,
        /// The group's owner, or an admin of it.
        Leader = 1,
        /// The enterprise, or who runs it.
        Enterprise = 2,
    }
}

body! {
    /// A message is not to be seen any more. Its record stays, and its original in the archive.
    MessageDeletedV1 {
        /// In which group.
        group: GroupId,
        /// Its sequence; that of a change removes nothing.
        sequence: Sequence,
        /// Who deleted it.
        by: DeletedBy,
    }
}
