//! Commands, queries and replies about mass sends (SPEC Q4).

use crate::model::body::{body, code};
use crate::model::command::PolicyId;
use crate::wire::{ClientMessageId, GroupId, MatrixId, PersonId, RecordNumber, Sequence};

body! {
    /// One message to many, charged once whatever its targets.
    MassSendV2 {
        /// Who sends: the person who asks, or whom a gateway carries.
        sender: PersonId,
        /// Groups, each once.
        groups: Vec<GroupId>,
        /// Sets of groups; one that is named twice gets it once.
        matrices: Vec<MatrixId>,
        /// External contacts, each once, who get it in their direct group with the sender. With
        /// the groups at most 10,000.
        customers: Vec<PersonId>,
        /// What the message is: the number of a message kind.
        kind: u8,
        /// How soon it must be seen: the number of a priority.
        priority: u8,
        /// The sender's name for it, by which a retry is recognised.
        client_message_id: ClientMessageId,
        /// The message, at most 64 KiB.
        body: Vec<u8>,
    }
}
body! {
    /// Stops what has not gone out. Customers whom it had not reached were charged nothing; the
    /// sender is not refunded.
    CancelMassSendV1 {
        /// Its parent record's number.
        mass_send: RecordNumber,
    }
}
body! {
    /// A page of a mass send's targets to read.
    ListMassSendTargetsV1 {
        /// Its parent record's number.
        mass_send: RecordNumber,
        /// So many targets are left out.
        after: u32,
        /// At most this many, up to 1,000.
        limit: u32,
    }
}
body! {
    /// How far a mass send has got.
    MassSendProgressV2 {
        /// How many targets it has.
        targets: u32,
        /// How many have it.
        sent: u32,
        /// How many refused it.
        refused: u32,
        /// How many were still to come when it was cancelled.
        cancelled: u32,
    }
}
code! {
    /// What became of a target.
    TargetOutcome {
        /// It is still to come.
        Pending = 0,
        /// It has the message.
        Sent = 1,
        /// It was refused.
        Refused = 2,
        /// The mass send was cancelled before.
        Cancelled = 3,
        /// It was tried before results were kept.
        Untold = 4,
    }
}
body! {
    /// One target of a mass send.
    MassSendTargetStateV1 {
        /// The group it is for; 0 where it is for a customer.
        group: GroupId,
        /// The customer it is for; 0 where it is for a group.
        customer: PersonId,
        /// What became of it.
        outcome: TargetOutcome,
        /// Where the message is; 0 where it was not sent.
        sent_in: GroupId,
        /// At which sequence there.
        sequence: Sequence,
        /// The code of the refusal; 0 where none is known.
        code: u16,
        /// The quota policy that refused; else 0.
        policy: PolicyId,
    }
}
body! {
    /// A page of a mass send's targets.
    MassSendTargetsV1 {
        /// In the order they go out.
        targets: Vec<MassSendTargetStateV1>,
        /// More follow.
        more: bool,
    }
}
