//! What happened to mass sends (SPEC Q4).

use crate::model::body::body;
use crate::model::command::PolicyId;
use crate::wire::{ClientMessageId, DeviceId, GroupId, PersonId, RecordNumber};

body! {
    /// A mass send will go out. What it costs its sender is in the record's charges.
    MassSendAcceptedV2 {
        /// Who sends.
        sender: PersonId,
        /// From which device.
        device: DeviceId,
        /// The groups it goes to first, in this order.
        groups: Vec<GroupId>,
        /// The customers it goes to then, in this order.
        customers: Vec<PersonId>,
        /// The number of a message kind.
        kind: u8,
        /// The number of a priority.
        priority: u8,
        /// The sender's name for it.
        client_message_id: ClientMessageId,
        /// By which a retry with another body or other targets is told.
        body_digest: u64,
    }
}
body! {
    /// A mass send reached a customer. What that costs the customer is in the record's charges.
    MassSendReachedV1 {
        /// The parent record's number.
        mass_send: RecordNumber,
        /// Whom.
        customer: PersonId,
        /// In which direct group.
        group: GroupId,
    }
}
body! {
    /// One target of a mass send did not get it.
    MassSendTargetRefusedV2 {
        /// The parent record's number.
        mass_send: RecordNumber,
        /// Which group; 0 where it is for a customer.
        group: GroupId,
        /// Which customer; 0 where it is for a group.
        customer: PersonId,
        /// The code of the refusal.
        code: u16,
        /// The quota policy that refused; else 0.
        policy: PolicyId,
    }
}
body! {
    /// What has not gone out does not.
    MassSendCancelledV1 {
        /// The parent record's number.
        mass_send: RecordNumber,
    }
}
