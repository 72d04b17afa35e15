//! A log with messages in it, its index, and a naive search to compare with.
#![allow(dead_code)] // Each test file uses its part.

use std::collections::HashMap;
use std::sync::Arc;

use throng::archive::search::{Hit, Index, IndexError, MEMORY_MIN, Query, Search, matches};
use throng::log::storage::{Faulty, Random};
use throng::log::{Chunked, Config, Encryption, Entry, Log, MasterKey, Memory, Storage};
use throng::model::command::ImportedMessageV1;
use throng::model::event::{
    self, DeletedBy, Event, HistoryImportedV1, ImportedV1, MessageDeletedV1, PublishedV1,
};
use throng::wire::{
    GroupId, Header, HeaderFields, Kind, PersonId, RecordNumber, Sequence, TenantId, Timestamp,
};

pub(crate) const TENANT: TenantId = TenantId(1);
pub(crate) const DAY_US: i64 = 86_400_000_000;

/// One message, as it was said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Line {
    pub(crate) record: RecordNumber,
    pub(crate) tenant: TenantId,
    pub(crate) group: GroupId,
    pub(crate) sequence: Sequence,
    pub(crate) sender: PersonId,
    pub(crate) sent_at: Timestamp,
    pub(crate) kind: Kind,
    pub(crate) text: String,
    pub(crate) deleted: Option<RecordNumber>,
    pub(crate) erased: bool,
}

/// A log and all that was said in it.
pub(crate) struct Archive {
    pub(crate) log: Log,
    pub(crate) identity: ([u8; 16], u64),
    pub(crate) lines: Vec<Line>,
    pub(crate) now: Timestamp,
    sequences: HashMap<(TenantId, GroupId), u64>,
}

impl Archive {
    pub(crate) fn new(is_sealed: bool) -> Self {
        let mut config = Config::default();
        if is_sealed {
            config.encryption = Some(Encryption::new(MasterKey::new([9; 32])));
        }
        let (log, recovered) = Log::open(Arc::new(Memory::new()), config, [3; 32]).unwrap();
        Self {
            log,
            identity: (recovered.log, recovered.incarnation),
            lines: Vec::new(),
            now: Timestamp(20_000 * DAY_US),
            sequences: HashMap::new(),
        }
    }

    fn append(
        &mut self,
        place: (TenantId, GroupId),
        sender: PersonId,
        kind: Kind,
        view: &[u8],
        event: Event,
    ) -> (RecordNumber, Sequence) {
        let sequence = self.sequences.entry(place).or_default();
        *sequence += 1;
        let (record, sequence) = (self.log.next(), Sequence(*sequence));
        self.now = Timestamp(self.now.0 + 1_000);
        let header = Header::new(&HeaderFields {
            kind,
            tenant: place.0,
            group: place.1,
            sequence,
            sender,
            timestamp: self.now,
            record,
            body_len: view.len() as u32,
            ..HeaderFields::default()
        });
        let mut private = Vec::new();
        event::encode_all(&[event], &mut private);
        self.log
            .append(&[Entry {
                header: &header,
                takes: &[],
                view,
                private: &private,
            }])
            .unwrap();
        (record, sequence)
    }

    pub(crate) fn say_as(
        &mut self,
        tenant: u32,
        group: u64,
        sender: u64,
        kind: Kind,
        text: &str,
    ) -> RecordNumber {
        let (tenant, group, sender) = (TenantId(tenant), GroupId(group), PersonId(sender));
        let event = Event::Published(PublishedV1 {
            group,
            body_digest: 0,
        });
        let (record, sequence) = self.append((tenant, group), sender, kind, text.as_bytes(), event);
        self.lines.push(Line {
            record,
            tenant,
            group,
            sequence,
            sender,
            sent_at: self.now,
            kind,
            text: text.to_owned(),
            deleted: None,
            erased: false,
        });
        record
    }

    /// History of another product: one record, no sequence.
    pub(crate) fn import(&mut self, group: u64, messages: Vec<ImportedMessageV1>) -> RecordNumber {
        let (record, group) = (self.log.next(), GroupId(group));
        let view: Vec<u8> = messages.iter().flat_map(|it| it.body.clone()).collect();
        let header = Header::new(&HeaderFields {
            tenant: TenantId(1),
            group,
            timestamp: self.now,
            record,
            body_len: view.len() as u32,
            ..HeaderFields::default()
        });
        let messages = messages.into_iter().map(|it| ImportedV1 {
            sender: it.sender,
            sender_name: it.sender_name,
            sent_at: it.sent_at,
            offset_s: it.offset_s,
            kind: it.kind,
            body_len: it.body.len() as u32,
        });
        let mut private = Vec::new();
        let imported = Event::HistoryImported(HistoryImportedV1 {
            import: 1,
            chunk: 1,
            group,
            messages: messages.collect(),
        });
        event::encode_all(&[imported], &mut private);
        let entry = Entry {
            header: &header,
            takes: &[],
            view: &view,
            private: &private,
        };
        self.log.append(&[entry]).unwrap();
        record
    }

    pub(crate) fn say(&mut self, group: u64, text: &str) -> RecordNumber {
        self.say_as(1, group, 1, Kind::Text, text)
    }

    /// Deletes line `number` from what members see.
    pub(crate) fn delete(&mut self, number: usize) {
        let line = &self.lines[number];
        let (tenant, group, sequence) = (line.tenant, line.group, line.sequence);
        let event = Event::MessageDeleted(MessageDeletedV1 {
            group,
            sequence,
            by: DeletedBy::Enterprise,
        });
        let (record, _) = self.append((tenant, group), PersonId(0), Kind::Recall, &[], event);
        // The latest is shown.
        self.lines[number].deleted = Some(record);
    }

    pub(crate) fn files(&self, storage: &Arc<dyn Storage>) -> Chunked {
        self.log.chunked(Arc::clone(storage))
    }

    pub(crate) fn index(&self, storage: &Arc<dyn Storage>) -> Result<Index, IndexError> {
        let durable = self.log.reader().durable();
        Index::open(self.files(storage), self.identity, durable, MEMORY_MIN)
    }

    /// Reads all there is into an index, with a commit about every so many records.
    pub(crate) fn follow(&self, index: &mut Index, every: u64) -> Result<(), IndexError> {
        let reader = self.log.reader();
        while index.next() < reader.durable() {
            for record in reader.read(index.next(), 64 * 1024)? {
                index.add(&record)?;
                if index.next().0 - index.committed().0 >= every {
                    index.commit()?;
                }
            }
        }
        index.commit()
    }

    /// An index of all there is, and a handle to search it.
    pub(crate) fn searched(&self, storage: &Arc<dyn Storage>) -> (Index, Search) {
        let mut index = self.index(storage).unwrap();
        self.follow(&mut index, u64::MAX).unwrap();
        let search = index.search(self.log.reader());
        (index, search)
    }

    /// What a search must find, the latest first, by looking at everything.
    pub(crate) fn naive(&self, query: &Query) -> Vec<Line> {
        let found = self.lines.iter().rev().filter(|line| {
            line.tenant == query.tenant
                && !line.erased
                && query.group.is_none_or(|group| group == line.group)
                && query.person.is_none_or(|person| person == line.sender)
                && query.from.is_none_or(|from| line.sent_at >= from)
                && query.until.is_none_or(|until| line.sent_at < until)
                && matches(&query.words, &line.text)
        });
        found.cloned().collect()
    }
}

/// All pages of a search, one after the other.
pub(crate) fn all(search: &Search, query: &Query) -> Vec<Hit> {
    let (mut query, mut hits) = (query.clone(), Vec::new());
    loop {
        let page = search.find(&query).unwrap();
        assert!(page.hits.len() <= query.hits_max);
        hits.extend(page.hits);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return hits,
        }
    }
}

/// Hits as lines, to compare.
pub(crate) fn lines(hits: &[Hit], tenant: TenantId) -> Vec<Line> {
    let line = |hit: &Hit| Line {
        record: hit.record,
        tenant,
        group: hit.group,
        sequence: hit.sequence,
        sender: hit.sender,
        sent_at: hit.sent_at,
        kind: hit.kind,
        text: String::from_utf8(hit.body.to_vec()).unwrap(),
        deleted: hit.deleted,
        erased: false,
    };
    hits.iter().map(line).collect()
}

/// Whether any file there holds these bytes.
pub(crate) fn is_somewhere(disk: &Faulty, needle: &str) -> bool {
    let needle = needle.as_bytes();
    let names = disk.names().unwrap();
    names.iter().any(|name| {
        let bytes = disk.contents(name).unwrap();
        bytes.windows(needle.len()).any(|some| some == needle)
    })
}

const CHINESE: &[char] = &[
    '群', '聊', '项', '目', '会', '议', '明', '天', '的', '安', '全',
];
const WORDS: &[&str] = &["budget", "Review", "ＡＰＩ", "v2", "plan", "Zürich"];
const BETWEEN: &[&str] = &["", "", "", " ", "，", "。", "-", "\n"];

/// A text of Chinese and Latin words.
pub(crate) fn text(random: &mut Random) -> String {
    let mut text = String::new();
    for _ in 0..random.below(8) {
        match random.below(3) {
            0 => text.push_str(WORDS[random.below(WORDS.len() as u64) as usize]),
            _ => {
                for _ in 0..=random.below(5) {
                    text.push(CHINESE[random.below(CHINESE.len() as u64) as usize]);
                }
            }
        }
        text.push_str(BETWEEN[random.below(BETWEEN.len() as u64) as usize]);
    }
    text
}

/// Any part of a text, from one character on.
pub(crate) fn part(random: &mut Random, text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let from = random.below(characters.len() as u64) as usize;
    let len = 1 + random.below(8) as usize;
    characters[from..characters.len().min(from + len)]
        .iter()
        .collect()
}

/// An archive of random messages of two tenants.
pub(crate) fn random_archive(random: &mut Random, count: u64, is_sealed: bool) -> Archive {
    let mut archive = Archive::new(is_sealed);
    for _ in 0..count {
        let place = (
            1 + random.below(2) as u32,
            1 + random.below(3),
            1 + random.below(3),
        );
        let text = text(random);
        archive.say_as(place.0, place.1, place.2, Kind::Text, &text);
        if random.below(20) == 0 {
            archive.now = Timestamp(archive.now.0 + DAY_US / 2);
        }
        if random.below(10) == 0 {
            let number = random.below(archive.lines.len() as u64) as usize;
            archive.delete(number);
        }
    }
    archive
}

/// Something to look for in it.
pub(crate) fn random_query(random: &mut Random, archive: &Archive) -> Query {
    let line = &archive.lines[random.below(archive.lines.len() as u64) as usize];
    let mut words = String::new();
    for _ in 0..random.below(3) {
        if line.text.is_empty() {
            break;
        }
        let part = part(random, &line.text);
        match random.below(2) {
            0 => words.push_str(&format!("\"{part}\" ")),
            _ => words.push_str(&format!("{part} ")),
        }
    }
    let mut query = Query::new(TenantId(1 + random.below(2) as u32), &words);
    query.hits_max = 1 + random.below(7) as usize;
    if random.below(3) == 0 {
        query.group = Some(line.group);
    }
    if random.below(3) == 0 {
        query.person = Some(line.sender);
    }
    if random.below(4) == 0 {
        query.from = Some(line.sent_at);
    }
    if random.below(4) == 0 {
        query.until = Some(Timestamp(line.sent_at.0 + DAY_US));
    }
    query
}
