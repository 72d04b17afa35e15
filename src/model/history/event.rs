//! History that came from another product.

use crate::model::body::body;
use crate::model::history::command::ImportedMessageV1;
use crate::wire::GroupId;

body! {
    /// Messages of another product are in the archive: they take no sequence and reach nobody.
    HistoryImportedV1 {
        /// The caller's own number for the whole import.
        import: u64,
        /// The chunk of the import.
        chunk: u32,
        /// Where the messages belong.
        group: GroupId,
        /// The messages, with their original times.
        messages: Vec<ImportedMessageV1>,
    }
}
