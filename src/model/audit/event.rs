//! What was denied.

use crate::model::audit::command::DenialCountV1;
use crate::model::body::{body, code};
use crate::wire::{DeviceId, GroupId, PersonId, RecordNumber, Timestamp};

code! {
    /// What a denied operation was about.
    SubjectKind {
        /// The enterprise as a whole.
        Tenant = 0,
        /// A group.
        Group = 1,
        /// A person.
        Person = 2,
        /// A department.
        Department = 3,
    }
}

body! {
    /// An admin operation was denied. Until `until` the same is only counted.
    OperationDeniedV1 {
        /// Who asked; 0 for the enterprise's systems.
        person: PersonId,
        /// From which device.
        device: DeviceId,
        /// The number of the operation (docs/wire.md).
        operation: u16,
        /// What it was about.
        subject_kind: SubjectKind,
        /// Its id; 0 for the enterprise as a whole.
        subject: u64,
        /// The code of the refusal.
        refusal: u16,
        /// When the next one of this person and operation is recorded again.
        until: Timestamp,
    }
}
body! {
    /// How often operations were denied beside what was recorded one by one.
    DenialsCountedV1 {
        /// By person and operation.
        counts: Vec<DenialCountV1>,
        /// How many more there were.
        others: u64,
    }
}
body! {
    /// Somebody reads the audit trail.
    AuditReadV1 {
        /// Only what this person did; 0 for everybody.
        actor: PersonId,
        /// Only what is about this person; 0 for anybody.
        person: PersonId,
        /// Only what is about this group; 0 for any.
        group: GroupId,
        /// Only events of these tags; none is all but messages.
        kinds: Vec<u16>,
        /// From this time on.
        from: Timestamp,
        /// Until before this.
        until: Timestamp,
        /// Only records before this one; 0 for the first page.
        before: RecordNumber,
    }
}
