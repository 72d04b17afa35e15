//! An export's memory does not grow with the log (SPEC A7).

#![allow(clippy::unwrap_used)] // Also in what the tests share.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::counting_allocator::peak_of;
use throng::archive::export::{Grant, Job, Settings};
use throng::log::{Config, Directory, Entry, Log};
use throng::model::command::ExportScopeV1;
use throng::model::event::{
    DeletedBy, Event, ExportGrantedV1, MessageDeletedV1, PublishedV1, encode_all,
};
use throng::wire::{
    ExportId, GroupId, Header, HeaderFields, Kind, PersonId, RecordNumber, Sequence, Take,
    TenantId, Timestamp,
};

const GROUP: GroupId = GroupId(1);
/// Records of one append.
const BATCH: u64 = 1_000;

/// One record by hand: its header without a number, its event, its body.
struct Written {
    fields: HeaderFields,
    private: Vec<u8>,
    body: Vec<u8>,
}

fn written(event: Event, kind: Kind, place: (u64, u64), body: Vec<u8>) -> Written {
    let mut private = Vec::new();
    encode_all(&[event], &mut private);
    let fields = HeaderFields {
        kind,
        tenant: TenantId(1),
        group: if place.0 > 0 { GROUP } else { GroupId(0) },
        sequence: Sequence(place.0),
        message_ordinal: place.1,
        sender: PersonId(3),
        body_len: u32::try_from(body.len()).unwrap(),
        ..HeaderFields::default()
    };
    Written {
        fields,
        private,
        body,
    }
}

/// Messages of which every second is deleted at once.
fn history(messages: u64) -> impl Iterator<Item = Written> {
    let group = GROUP;
    let said = (1..=messages).flat_map(move |ordinal| {
        let sequence = ordinal + (ordinal - 1) / 2;
        let published = Event::Published(PublishedV1 {
            group,
            body_digest: ordinal,
        });
        let message = written(published, Kind::Text, (sequence, ordinal), vec![b'a'; 700]);
        let deleted = (ordinal % 2 == 0).then(|| {
            let deleted = Event::MessageDeleted(MessageDeletedV1 {
                group,
                sequence: Sequence(sequence),
                by: DeletedBy::Author,
            });
            written(deleted, Kind::Recall, (sequence + 1, ordinal), Vec::new())
        });
        [Some(message), deleted].into_iter().flatten()
    });
    let grant = Event::ExportGranted(ExportGrantedV1 {
        export: ExportId(1),
        scope: ExportScopeV1 {
            groups: Vec::new(),
            from: Timestamp(0),
            until: Timestamp(i64::MAX),
        },
        requester: PersonId(1),
        approver: PersonId(2),
    });
    said.chain([written(grant, Kind::Administrative, (0, 0), Vec::new())])
}

/// Bytes of memory that the export of so many messages takes at most, and how many records it has.
fn export(messages: u64) -> (u64, i64) {
    let place = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let storage = Directory::open(&place.path().join("log")).unwrap();
    let (mut log, _) = Log::open(Arc::new(storage), Config::default(), [5; 32]).unwrap();
    let mut history = history(messages);
    loop {
        let batch: Vec<_> = (log.next().0..)
            .zip(history.by_ref().take(BATCH as usize))
            .map(|(number, written)| {
                let header = Header::new(&HeaderFields {
                    record: RecordNumber(number),
                    timestamp: Timestamp(number as i64),
                    ..written.fields
                });
                (header, written)
            })
            .collect();
        if batch.is_empty() {
            break;
        }
        let takes: Vec<Vec<_>> = batch
            .iter()
            .map(|(header, _)| Take::of_header(header).into_iter().collect())
            .collect();
        let entries: Vec<_> = batch
            .iter()
            .zip(&takes)
            .map(|((header, written), takes)| Entry {
                header,
                takes,
                view: &written.body,
                private: &written.private,
            })
            .collect();
        log.append(&entries).unwrap();
    }
    let reader = log.reader();
    let out = Directory::open(&place.path().join("out")).unwrap();
    let mut settings = Settings::default();
    settings.read_bytes = 64 * 1024;
    settings.deletions_in_memory = 500;
    let go_on = &mut |_| ControlFlow::Continue(());
    let grant = Grant::find(&reader, None, ExportId(1), go_on).unwrap();
    let began = std::time::Instant::now();
    let (exported, peak) = peak_of(|| {
        let job = Job {
            reader: &reader,
            grant: &grant,
            out: &out,
            folder: "",
            published: None,
            settings,
        };
        job.run(go_on).unwrap()
    });
    let took = began.elapsed();
    println!(
        "an export of {} records, {messages} of them messages of 700 bytes: {:.2} s, {:.0} records a second",
        exported.records,
        took.as_secs_f64(),
        exported.records as f64 / took.as_secs_f64()
    );
    (exported.records, peak)
}

#[test]
fn an_export_of_ten_times_as_many_records_takes_no_more_memory() {
    let (records, peak) = export(4_000);
    let (more_records, more_peak) = export(40_000);
    assert_eq!((records, more_records), (6_001, 60_001));
    assert!(peak > 0 && peak < 4 << 20, "{peak} bytes");
    assert!(
        more_peak < peak + peak / 4,
        "{peak} bytes for {records} records, {more_peak} for {more_records}"
    );
}
