//! Records to write and logs to write them to, shared by the log's tests.

#![allow(dead_code, reason = "each test uses a part")]

use std::sync::Arc;

use throng::log::storage::{Faulty, Random};
use throng::log::{Config, Entry, Log, OpenError, Record, Recovered, Storage, entry_len};
use throng::wire::{
    GroupId, Header, HeaderFields, Kind, PersonId, RecordNumber, Sequence, Take, TenantId,
    Timestamp,
};

/// The longest record of these tests.
pub(crate) const LONGEST: u64 = entry_len(3, 120, 60);

/// A record as the model has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Written {
    pub(crate) header: Header,
    pub(crate) takes: Vec<Take>,
    pub(crate) view: Vec<u8>,
    pub(crate) private: Vec<u8>,
}

impl Written {
    pub(crate) fn new(number: u64, random: &mut Random) -> Self {
        let view = bytes(random.below(120), random);
        let fields = HeaderFields {
            kind: Kind::Text,
            tenant: TenantId(1),
            group: GroupId(random.below(3)),
            sequence: Sequence(number + 1),
            sender: PersonId(7),
            timestamp: Timestamp(1_000 + number as i64),
            record: RecordNumber(number),
            body_len: view.len() as u32,
            ..HeaderFields::default()
        };
        let take = |group| Take {
            group: GroupId(group),
            sequence: Sequence(number + 1),
            membership_sequence: Sequence(1),
            message_ordinal: number,
        };
        Self {
            header: Header::new(&fields),
            takes: (10..10 + random.below(8) / 6 * 3).map(take).collect(),
            private: bytes(random.below(60), random),
            view,
        }
    }

    /// With a body of so many bytes.
    pub(crate) fn with_body(number: u64, len: u64, random: &mut Random) -> Self {
        let mut written = Self::new(number, random);
        written.view = bytes(len, random);
        written.header = Header::new(&HeaderFields {
            body_len: len as u32,
            ..written.header.fields()
        });
        written
    }

    pub(crate) fn entry(&self) -> Entry<'_> {
        Entry {
            header: &self.header,
            takes: &self.takes,
            view: &self.view,
            private: &self.private,
        }
    }

    pub(crate) fn len(&self) -> u64 {
        entry_len(self.takes.len(), self.view.len(), self.private.len())
    }

    pub(crate) fn is(&self, record: &Record) -> bool {
        let own = Take::of_header(&self.header);
        let takes = if self.takes.is_empty() {
            own.into_iter().collect()
        } else {
            self.takes.clone()
        };
        *record.envelope.header() == self.header
            && record.envelope.body() == self.view
            && record.private == self.private
            && record.takes == takes
    }
}

pub(crate) fn bytes(len: u64, random: &mut Random) -> Vec<u8> {
    (0..len).map(|_| random.number() as u8).collect()
}

pub(crate) fn config() -> Config {
    let mut config = Config::default().with_segment_bytes(4096);
    config.check_threads = 1;
    config
}

pub(crate) fn open(disk: &Faulty, seed: u64) -> Result<(Log, Recovered), OpenError> {
    open_with(disk, seed, config())
}

pub(crate) fn open_with(
    disk: &Faulty,
    seed: u64,
    config: Config,
) -> Result<(Log, Recovered), OpenError> {
    let mut random = Random::new(seed);
    let entropy = std::array::from_fn(|_| random.number() as u8);
    Log::open(Arc::new(disk.clone()), config, entropy)
}

pub(crate) fn read_all(log: &Log) -> Vec<Record> {
    let reader = log.reader();
    let mut records = Vec::new();
    while (records.len() as u64) < reader.durable().0 {
        let from = RecordNumber(records.len() as u64);
        records.extend(reader.read(from, 700).expect("durable records can be read"));
    }
    records
}

/// Segment files, without the zeros at their ends.
pub(crate) fn segments(disk: &Faulty) -> Vec<(String, Vec<u8>)> {
    let names = disk.names().expect("the disk lists its names");
    let mut segments: Vec<_> = names
        .into_iter()
        .filter(|name| name.ends_with(".segment"))
        .map(|name| (disk.contents(&name).expect("a listed file"), name))
        .map(|(contents, name)| (name, contents))
        .collect();
    segments.sort();
    segments
}

/// Appends so many records, the same for the same log, in batches of three.
pub(crate) fn append(log: &mut Log, count: u64) {
    let mut random = Random::new(log.next().0);
    let from = log.next().0;
    let written: Vec<_> = (from..from + count)
        .map(|number| Written::new(number, &mut random))
        .collect();
    for batch in written.chunks(3) {
        let entries: Vec<_> = batch.iter().map(Written::entry).collect();
        log.append(&entries).expect("it appends");
    }
}
