//! What can be asked about another product's history, and what is answered.

use crate::model::body::{body, code};
use crate::wire::{GroupId, PersonId, Timestamp};

code! {
    /// Why one imported message is left out (SPEC D10).
    ImportRefusal {
        /// Sent before 1990.
        TooOld = 1,
        /// Sent in the future.
        InTheFuture = 2,
        /// Farther from UTC than 18 hours.
        Offset = 3,
        /// No kind of message.
        Kind = 4,
        /// Over 64 KiB.
        TooLong = 5,
        /// Nobody the tenant knows.
        Sender = 6,
        /// A name over 64 characters, or none for a sender that is not known.
        SenderName = 7,
    }
}

body! {
    /// One message of another product.
    ImportedMessageV1 {
        /// Who sent it; 0 where it is nobody the tenant knows.
        sender: PersonId,
        /// The sender's name there, at most 64 characters; may be empty where the sender is known.
        sender_name: String,
        /// When it was sent.
        sent_at: Timestamp,
        /// The sender's offset from UTC then, in seconds.
        offset_s: i32,
        /// The number of a message kind.
        kind: u8,
        /// The message, at most 64 KiB.
        body: Vec<u8>,
    }
}
body! {
    /// History of one group from another product: archived and not delivered (SPEC D10).
    ImportHistoryV1 {
        /// The caller's own number for the whole import.
        import: u64,
        /// The chunk of the import: 1, 2, 3 and so on; one that was imported before changes nothing.
        chunk: u32,
        /// Where the messages belong.
        group: GroupId,
        /// The messages, at most 500, their bodies at most 64 KiB together.
        messages: Vec<ImportedMessageV1>,
    }
}

body! {
    /// One message that was left out.
    RefusedMessageV1 {
        /// Its place in the command, from 0.
        index: u32,
        /// Why.
        why: ImportRefusal,
    }
}
body! {
    /// What became of a chunk of history.
    HistoryImportedV1 {
        /// How many messages are in the archive.
        imported: u32,
        /// Those that are not.
        refused: Vec<RefusedMessageV1>,
        /// The chunk was imported before; nothing was recorded.
        duplicate: bool,
    }
}
