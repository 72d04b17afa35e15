//! Every event there is, and every kind: written by hand, as no one history has them all.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;
use throng::archive::export::{ExportError, Grant};
use throng::log::{Config, Entry, Log, Memory, Storage};
use throng::model::event::{self, Event, ExportGrantedV1, PublishedV1};
use throng::wire::{
    ExportId, GroupId, Header, HeaderFields, Kind, PersonId, RecordNumber, Sequence, Take,
    TenantId, Timestamp,
};

use crate::export::world::{everything, files, find, memory, read, run};
use crate::town::NOON;

pub(crate) const OURS: TenantId = TenantId(1);
const THEIRS: TenantId = TenantId(2);
const EXPORT: ExportId = ExportId(4242);
const GROUP: GroupId = GroupId(9);

/// A log that is written by hand.
pub(crate) struct Written {
    pub(crate) log: Log,
}

impl Written {
    pub(crate) fn on(storage: Arc<dyn Storage>, config: Config) -> Self {
        let (log, _) = Log::open(storage, config, [5; 32]).unwrap();
        Self { log }
    }

    pub(crate) fn write(&mut self, fields: HeaderFields, events: &[Event], body: &[u8]) {
        let header = Header::new(&HeaderFields {
            record: self.log.next(),
            timestamp: Timestamp(NOON.0 + i64::try_from(self.log.next().0).unwrap()),
            body_len: u32::try_from(body.len()).unwrap(),
            ..fields
        });
        let mut private = Vec::new();
        event::encode_all(events, &mut private);
        let takes: Vec<_> = Take::of_header(&header).into_iter().collect();
        let entry = Entry {
            header: &header,
            takes: &takes,
            view: body,
            private: &private,
        };
        self.log.append(&[entry]).unwrap();
    }

    /// A message of [`GROUP`].
    pub(crate) fn message(&mut self, kind: Kind, sequence: u64, body: &[u8]) {
        let published = PublishedV1 {
            group: GROUP,
            body_digest: sequence,
        };
        let fields = HeaderFields {
            kind,
            tenant: OURS,
            group: GROUP,
            sequence: Sequence(sequence),
            message_ordinal: sequence,
            sender: PersonId(3),
            ..HeaderFields::default()
        };
        self.write(fields, &[Event::Published(published)], body);
    }

    pub(crate) fn grant(&mut self, requester: u64, approver: u64) -> Result<Grant, ExportError> {
        let granted = ExportGrantedV1 {
            export: EXPORT,
            scope: everything(),
            requester: PersonId(requester),
            approver: PersonId(approver),
        };
        let fields = HeaderFields {
            tenant: OURS,
            ..HeaderFields::default()
        };
        self.write(fields, &[Event::ExportGranted(granted)], &[]);
        find(&self.log.reader(), None, EXPORT)
    }
}

/// One event of each tag, from the golden bytes that the model's own tests keep whole.
fn golden_events() -> Vec<Event> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/model/golden");
    let mut events = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        for line in text.lines() {
            let words: Vec<_> = line.split_whitespace().collect();
            let (tag, hex) = match words[..] {
                ["event", tag, hex] => (tag, hex),
                ["event", tag] => (tag, ""),
                _ => continue,
            };
            let tag = u16::from_str_radix(tag, 16).unwrap();
            let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
            let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
            events.push(Event::decode(tag, &bytes).unwrap());
        }
    }
    events
}

#[test]
fn every_kind_of_event_and_of_record_is_exported_and_no_other_tenants() {
    let mut log = Written::on(Arc::new(Memory::new()), Config::default());
    let events = golden_events();
    let tags: BTreeSet<_> = events.iter().map(Event::tag).collect();
    assert_eq!(tags, Event::TAGS.iter().copied().collect());
    for event in &events {
        for tenant in [OURS, THEIRS] {
            let fields = HeaderFields {
                tenant,
                ..HeaderFields::default()
            };
            log.write(fields, std::slice::from_ref(event), b"");
        }
    }
    let mut sequence = 0;
    for kind in (0..=255).filter_map(Kind::from_u8) {
        if kind.is_message() {
            sequence += 1;
            log.message(kind, sequence, b"said");
        } else {
            let fields = HeaderFields {
                kind,
                tenant: OURS,
                ..HeaderFields::default()
            };
            log.write(fields, &[], b"");
        }
    }
    let grant = log.grant(1, 2).unwrap();
    let out = memory();
    run(&log.log.reader(), &grant, &*out).unwrap();
    let export = read(&files(&*out));

    let kinds: BTreeSet<_> = export
        .records
        .iter()
        .map(|it| it["kind"].to_string())
        .collect();
    let kinds_max = (0..=255).filter_map(Kind::from_u8).count();
    assert_eq!(kinds.len(), kinds_max, "{kinds:?}");
    assert!(export.records.iter().all(|it| it["tenant"] == json!(OURS)));
    for (line, event) in export.lines.iter().zip(&events) {
        let text = serde_json::to_string(event).unwrap();
        if !matches!(event, Event::HistoryImported(_)) {
            assert!(line.contains(&format!(r#""events":[{text}]"#)), "{line}");
        }
    }
    let messages = sequence
        + events
            .iter()
            .map(|event| match event {
                Event::HistoryImported(it) => it.messages.len() as u64,
                _ => 0,
            })
            .sum::<u64>();
    assert_eq!(export.mails.len() as u64, messages);
    assert!(messages > sequence, "imported ones among them");
}

#[test]
fn a_log_in_which_one_person_granted_it_alone_grants_nothing() {
    for (requester, approver) in [(1, 1), (1, 0), (0, 2)] {
        let mut log = Written::on(Arc::new(Memory::new()), Config::default());
        let refused = log.grant(requester, approver).unwrap_err();
        let expected = format!("export {EXPORT} is not granted in this log");
        assert!(refused.to_string().starts_with(&expected), "{refused}");
    }
    let mut log = Written::on(Arc::new(Memory::new()), Config::default());
    assert_eq!(log.grant(1, 2).unwrap().record, RecordNumber(0));
}
