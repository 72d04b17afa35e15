//! What happens to outward calls.

use crate::model::body::body;
use crate::model::call::command::{CallV1, CallVerdict};
use crate::wire::{GroupId, RecordNumber, Timestamp};

body! {
    /// The enterprise's system is asked something.
    CallOpenedV1 {
        /// Named by: the record of this event.
        call: RecordNumber,
        /// When it is too late to answer.
        expires: Timestamp,
        /// What.
        what: CallV1,
    }
}
body! {
    /// A call is answered; the join it was about is in the same record.
    CallClosedV1 {
        /// Which.
        call: RecordNumber,
        /// The answer.
        verdict: CallVerdict,
        /// The group that was joined; 0 where none was.
        group: GroupId,
        /// The code of the rule that refused the join; 0 for none.
        refusal: u16,
    }
}
