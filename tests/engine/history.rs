//! History from elsewhere in the log (SPEC D10).

use crate::town;
use crate::town::Town;
use throng::engine::Options;
use throng::model::command::{ImportHistoryV1, ImportedMessageV1, Reply, TaggedCommand};
use throng::model::event::{Event, decode_all};
use throng::wire::{Kind, PersonId, RecordNumber, Timestamp};

#[test]
fn the_largest_chunk_is_one_record_that_no_group_sees() {
    let town = Town::in_memory(3);
    let group = town.group(3);
    let limits = Options::default().limits;
    let count = limits.history_messages_per_command_max as usize;
    let sender_name = "名".repeat(64);
    let body_len = limits.history_bytes_per_command_max as usize / count - sender_name.len();
    let message = ImportedMessageV1 {
        sender: PersonId(0),
        sender_name,
        sent_at: Timestamp(town::NOON.0 - 1),
        offset_s: 28_800,
        kind: Kind::Text as u8,
        body: vec![7; body_len],
    };
    let import = ImportHistoryV1 {
        import: 1,
        chunk: 1,
        group,
        messages: vec![message; count],
    };
    let record = town.engine.durable();
    let answer = town.call(TaggedCommand::ImportHistory(import.clone()));
    let Ok(Reply::HistoryImported(imported)) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(imported.imported as usize, count);
    assert_eq!(town.engine.durable(), RecordNumber(record.0 + 1));
    let read = town
        .engine
        .reader()
        .read(record, 1)
        .expect("it is in the log");
    assert_eq!(read[0].envelope.header().kind(), Kind::Administrative);
    assert!(read[0].takes.is_empty() && read[0].envelope.body().is_empty());
    let events = decode_all(&read[0].private).expect("events");
    assert!(matches!(&*events, [Event::HistoryImported(kept)] if kept.messages == import.messages));
    let next = town
        .say(group, town.people[0], 1, "next")
        .expect("a member may speak");
    assert_eq!(next.sequence.0, 2, "no sequence was taken");
}
