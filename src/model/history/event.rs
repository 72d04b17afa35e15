//! History that came from another product.

use crate::model::body::body;
use crate::wire::{GroupId, PersonId, Timestamp};

body! {
    /// One message of another product, but for what it says.
    ImportedV1 {
        /// Who sent it; 0 where it is nobody the tenant knows.
        sender: PersonId,
        /// The sender's name there; may be empty where the sender is known.
        sender_name: String,
        /// When it was sent.
        sent_at: Timestamp,
        /// The sender's offset from UTC then, in seconds.
        offset_s: i32,
        /// The number of a message kind.
        kind: u8,
        /// Bytes of what it says.
        body_len: u32,
    }
}
body! {
    /// Messages of another product are in the archive: they take no sequence and reach nobody. What they
    /// say is the view of the record, one after the other, and is kept and erased like messages of the
    /// group that were sent when the record was made.
    HistoryImportedV1 {
        /// The caller's own number for the whole import.
        import: u64,
        /// The chunk of the import.
        chunk: u32,
        /// Where the messages belong.
        group: GroupId,
        /// The messages, with their original times.
        messages: Vec<ImportedV1>,
    }
}

impl HistoryImportedV1 {
    /// The messages, and what each says by the record's view: nothing where that is gone.
    pub fn said<'a>(&'a self, view: &'a [u8]) -> impl Iterator<Item = (&'a ImportedV1, &'a [u8])> {
        let mut rest = view;
        self.messages.iter().map(move |message| {
            let body = rest.split_at_checked(message.body_len as usize);
            let (body, behind) = body.unwrap_or_default();
            rest = behind;
            (message, body)
        })
    }
}
