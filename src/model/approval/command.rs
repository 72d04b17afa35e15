//! What can be asked about approvals and exports, and what is answered.

use crate::model::body::{body, code};
use crate::wire::{ApprovalId, DeviceId, ExportId, GroupId, PersonId, Timestamp};

code! {
    /// Where a request for approval is (SPEC P2).
    ApprovalStatus {
        /// Nobody has decided it, and it has not expired.
        Open = 0,
        /// Approved, and what was asked is done.
        Approved = 1,
        /// Approved, but what was asked was no longer possible.
        Failed = 2,
        /// Somebody said no.
        Refused = 3,
        /// The one who asked took it back.
        Withdrawn = 4,
        /// Nobody decided it in time.
        Expired = 5,
    }
}

body! {
    /// Somebody's decision about what another has asked for.
    DecideApprovalV1 {
        /// Which request.
        approval: ApprovalId,
        /// Yes or no.
        approve: bool,
        /// Why, at most 200 characters; may be empty.
        reason: String,
    }
}
body! {
    /// A request for approval.
    ApprovalIdV1 {
        /// Which.
        approval: ApprovalId,
    }
}
body! {
    /// A page of requests for approval to read.
    ListApprovalsV1 {
        /// Of whom; 0 for everybody's.
        requester: PersonId,
        /// Only those that can still be decided.
        open_only: bool,
        /// Only those with a greater number.
        after: ApprovalId,
        /// At most this many, up to 100.
        limit: u32,
    }
}
body! {
    /// Which records an export takes.
    ExportScopeV1 {
        /// Of which groups, each once; none is all groups.
        groups: Vec<GroupId>,
        /// From this time on.
        from: Timestamp,
        /// Until before this.
        until: Timestamp,
    }
}
body! {
    /// Records to export (SPEC P1): granted once another super admin approves.
    RequestExportV1 {
        /// Which.
        scope: ExportScopeV1,
    }
}
body! {
    /// A page of exports to read.
    ListExportsV1 {
        /// Only those with a greater number.
        after: ExportId,
        /// At most this many, up to 10.
        limit: u32,
    }
}

body! {
    /// What was asked waits for somebody else's approval.
    ApprovalPendingV1 {
        /// Under this number.
        approval: ApprovalId,
        /// It can be decided until before this.
        expires: Timestamp,
        /// It was asked before and still waits; nothing was recorded.
        duplicate: bool,
    }
}
body! {
    /// A decision took effect.
    ApprovalDecidedV1 {
        /// Of which request.
        approval: ApprovalId,
        /// What came of it.
        status: ApprovalStatus,
        /// The tag of the reply to what was asked; 0 where it was not done, or is over 1 KiB.
        reply_tag: u16,
        /// That reply's body, up to 1 KiB.
        reply: Vec<u8>,
        /// The code of the refusal of what was asked; 0 unless it failed.
        refusal: u16,
        /// That refusal, for people.
        text: String,
    }
}
body! {
    /// One request for approval.
    ApprovalStateV1 {
        /// Which.
        approval: ApprovalId,
        /// The number of the operation that needs it (docs/wire.md).
        operation: u16,
        /// The tag of the command that waits.
        command_tag: u16,
        /// Its body, while it is open; left out of lists.
        command: Vec<u8>,
        /// Who asked.
        requester: PersonId,
        /// From which device.
        device: DeviceId,
        /// When.
        requested_at: Timestamp,
        /// It can be decided until before this.
        expires: Timestamp,
        /// Where it is.
        status: ApprovalStatus,
        /// Who decided it; 0 where nobody has, or the enterprise did.
        approver: PersonId,
        /// When it was decided or taken back; 0 where it was not.
        closed_at: Timestamp,
        /// Why, in the words of who decided it.
        reason: String,
        /// The tag of the reply to what was asked; 0 where it was not done, or is over 1 KiB.
        reply_tag: u16,
        /// That reply's body; left out of lists.
        reply: Vec<u8>,
        /// The code of the refusal of what was asked; 0 unless it failed.
        refusal: u16,
    }
}
body! {
    /// A page of requests for approval, by number.
    ApprovalsPageV1 {
        /// The requests.
        approvals: Vec<ApprovalStateV1>,
        /// There are more after the last.
        more: bool,
    }
}
body! {
    /// An export that was granted.
    ExportGrantedV1 {
        /// Its number.
        export: ExportId,
    }
}
body! {
    /// One export.
    ExportStateV1 {
        /// Its number.
        export: ExportId,
        /// Which records.
        scope: ExportScopeV1,
        /// Who asked.
        requester: PersonId,
        /// Who approved.
        approver: PersonId,
        /// When.
        granted_at: Timestamp,
    }
}
body! {
    /// A page of exports, by number.
    ExportsPageV1 {
        /// The exports.
        exports: Vec<ExportStateV1>,
        /// There are more after the last.
        more: bool,
    }
}
