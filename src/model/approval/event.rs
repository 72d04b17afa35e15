//! What happens to requests for approval, and which exports they grant.

use crate::model::approval::command::{ApprovalStatus, ExportScopeV1};
use crate::model::body::body;
use crate::wire::{ApprovalId, DeviceId, ExportId, PersonId, Timestamp};

body! {
    /// A command waits for somebody else's approval. The record's header says when it was asked.
    ApprovalRequestedV1 {
        /// Under this number.
        approval: ApprovalId,
        /// The number of the operation that needs it (docs/wire.md).
        operation: u16,
        /// The command's tag.
        command_tag: u16,
        /// The command's body.
        command: Vec<u8>,
        /// Who asked.
        requester: PersonId,
        /// From which device.
        device: DeviceId,
        /// With a second factor.
        second_factor: bool,
        /// It can be decided until before this.
        expires: Timestamp,
    }
}
body! {
    /// A request was decided. What an approved command did follows in the same record, whose header
    /// says who decided and from which device.
    ApprovalDecidedV1 {
        /// Which.
        approval: ApprovalId,
        /// Who decided; 0 for the enterprise.
        approver: PersonId,
        /// Approved, failed or refused.
        status: ApprovalStatus,
        /// Why, in the words of who decided.
        reason: String,
        /// The tag of the reply to what was asked; 0 where it was not done, or is over 1 KiB.
        reply_tag: u16,
        /// That reply's body, up to 1 KiB.
        reply: Vec<u8>,
        /// The code of the refusal of what was asked; 0 unless it failed.
        refusal: u16,
    }
}
body! {
    /// A request was taken back by the one who asked.
    ApprovalWithdrawnV1 {
        /// Which.
        approval: ApprovalId,
    }
}
body! {
    /// Records may be exported.
    ExportGrantedV1 {
        /// Under this number.
        export: ExportId,
        /// Which.
        scope: ExportScopeV1,
        /// Who asked.
        requester: PersonId,
        /// Who approved.
        approver: PersonId,
    }
}
