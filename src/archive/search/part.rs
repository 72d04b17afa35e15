//! The index of the messages of some records in a row: made once, never changed.
//!
//! Of a message are kept its words and what it is looked for by, each under its tenant, and three numbers:
//! its place (record and item), its time, and when its record was written. Not the message.

use std::cell::OnceCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tantivy::directory::OwnedBytes;
use tantivy::fastfield::{AliveBitSet, write_alive_bitset};
use tantivy::indexer::merge_filtered_segments;
use tantivy::query::{BooleanQuery, EnableScoring, PhraseQuery, Query, TermQuery};
use tantivy::schema::{FAST, Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{PreTokenizedString, Token};
use tantivy::{
    BitSet, DocId, DocSet, Index, IndexSettings, Segment, SegmentReader, SingleSegmentIndexWriter,
    TERMINATED, TantivyDocument, TantivyError, Term,
};

use super::error::{IndexError, fenced};
use super::folder::Folder;
use super::manifest::Entry;
use super::said::{ITEMS_MAX, Message, Said};
use super::words::{Unit, each_term, terms_of};
use crate::log::{Chunked, Record};
use crate::wire::{GroupId, PersonId, Sequence, TenantId, Timestamp};

const PLACE: &str = "place";
const SENT_AT: &str = "sent_at";
const DAY: &str = "day";

/// Where a message is: its record, and which of its messages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub(super) struct Place(pub(super) u64);

impl Place {
    pub(super) fn new(record: u64, item: u64) -> Self {
        Self(record.saturating_mul(ITEMS_MAX).saturating_add(item))
    }

    pub(super) fn record(self) -> u64 {
        self.0 / ITEMS_MAX
    }

    pub(super) fn item(self) -> usize {
        (self.0 % ITEMS_MAX) as usize
    }
}

struct Fields {
    schema: Schema,
    words: Field,
    keys: Field,
    place: Field,
    sent_at: Field,
    day: Field,
}

/// What a message is looked for by, beside its words.
pub(super) enum Key {
    /// Any message.
    Message,
    Group(GroupId),
    Person(PersonId),
    /// Erased with a group's messages.
    Erased(GroupId),
    /// Not a message: deletes one.
    Deletes(GroupId, Sequence),
}

impl Key {
    fn text(&self, tenant: TenantId) -> String {
        let tenant = tenant.0;
        match self {
            Self::Message => format!("{tenant:x}:m"),
            Self::Group(group) => format!("{tenant:x}:g{:x}", group.0),
            Self::Person(person) => format!("{tenant:x}:p{:x}", person.0),
            Self::Erased(group) => format!("{tenant:x}:e{:x}", group.0),
            Self::Deletes(group, sequence) => format!("{tenant:x}:d{:x}/{:x}", group.0, sequence.0),
        }
    }
}

impl Key {
    /// Reads what [`Key::Erased`] is written as.
    fn read_erased(term: &[u8]) -> Option<(TenantId, GroupId)> {
        let (tenant, group) = std::str::from_utf8(term).ok()?.split_once(":e")?;
        let tenant = u32::from_str_radix(tenant, 16).ok()?;
        let group = u64::from_str_radix(group, 16).ok()?;
        Some((TenantId(tenant), GroupId(group)))
    }
}

impl Fields {
    fn new() -> Self {
        let mut schema = Schema::builder();
        let indexed = |option| {
            let indexing = TextFieldIndexing::default().set_fieldnorms(false);
            TextOptions::default().set_indexing_options(indexing.set_index_option(option))
        };
        let words = indexed(IndexRecordOption::WithFreqsAndPositions);
        let words = schema.add_text_field("words", words);
        let keys = schema.add_text_field("keys", indexed(IndexRecordOption::Basic));
        let place = schema.add_u64_field(PLACE, FAST);
        let sent_at = schema.add_i64_field(SENT_AT, FAST);
        let day = schema.add_i64_field(DAY, FAST);
        Self {
            schema: schema.build(),
            words,
            keys,
            place,
            sent_at,
            day,
        }
    }

    fn document(&self, place: Place, sent_at: Timestamp, written: Timestamp) -> TantivyDocument {
        let mut document = TantivyDocument::new();
        document.add_u64(self.place, place.0);
        document.add_i64(self.sent_at, sent_at.0);
        document.add_i64(self.day, written.utc_day().into());
        document
    }

    fn add_keys(&self, document: &mut TantivyDocument, tenant: TenantId, keys: &[Key]) {
        let tokens = keys.iter().map(|key| token(0, key.text(tenant))).collect();
        let text = String::new();
        document.add_pre_tokenized_text(self.keys, PreTokenizedString { text, tokens });
    }

    fn message(
        &self,
        tenant: TenantId,
        place: Place,
        written: Timestamp,
        message: &Message,
    ) -> TantivyDocument {
        let mut document = self.document(place, message.sent_at, written);
        let mut keys = vec![Key::Message, Key::Group(message.group)];
        keys.push(Key::Person(message.sender));
        keys.push(Key::Erased(message.erased_with));
        self.add_keys(&mut document, tenant, &keys);
        let mut tokens = Vec::new();
        each_term(&message.units(), |at, term| {
            tokens.push(token(at, word(tenant, term)));
        });
        let text = String::new();
        document.add_pre_tokenized_text(self.words, PreTokenizedString { text, tokens });
        document
    }

    fn key_query(&self, tenant: TenantId, key: &Key) -> Box<dyn Query> {
        let term = Term::from_field_text(self.keys, &key.text(tenant));
        Box::new(TermQuery::new(term, IndexRecordOption::Basic))
    }

    fn pattern_query(&self, tenant: TenantId, pattern: &[Unit]) -> Option<Box<dyn Query>> {
        let terms = terms_of(pattern).into_iter();
        let mut terms: Vec<(usize, Term)> = terms
            .map(|(at, term)| (at, Term::from_field_text(self.words, &word(tenant, &term))))
            .collect();
        Some(match terms.len() {
            0 => return None,
            1 => Box::new(TermQuery::new(terms.remove(0).1, IndexRecordOption::Basic)),
            _ => Box::new(PhraseQuery::new_with_offset(terms)),
        })
    }
}

/// A word under its tenant. No word has a colon.
fn word(tenant: TenantId, term: &str) -> String {
    format!("{:x}:{term}", tenant.0)
}

fn token(position: usize, text: String) -> Token {
    Token {
        position,
        text,
        position_length: 1,
        ..Token::default()
    }
}

fn settings() -> IndexSettings {
    IndexSettings {
        // Nothing is stored; no thread of its own for that.
        docstore_compress_dedicated_thread: false,
        ..IndexSettings::default()
    }
}

/// A part that is being made.
pub(super) struct PartWriter {
    fields: Fields,
    folder: Folder,
    number: u64,
    writer: SingleSegmentIndexWriter,
    first: u64,
    documents: u64,
}

impl PartWriter {
    /// Begins folder `number`, with about so much memory, for the records from `first` on.
    pub(super) fn new(
        files: &Chunked,
        number: u64,
        first: u64,
        memory_bytes: usize,
    ) -> Result<Self, IndexError> {
        let (fields, folder) = (Fields::new(), Folder::new(files, number, None));
        let index = Index::builder().schema(fields.schema.clone());
        let index = index.settings(settings());
        let begun = fenced(|| Ok(index.single_segment_index_writer(folder.clone(), memory_bytes)?));
        Ok(Self {
            writer: begun.map_err(|error| folder.blame(error))?,
            fields,
            folder,
            number,
            first,
            documents: 0,
        })
    }

    /// Adds what a record says.
    pub(super) fn add(&mut self, record: &Record, said: &Said) -> Result<(), IndexError> {
        let header = record.envelope.header();
        let (tenant, written, number) = (header.tenant(), header.timestamp(), header.record().0);
        fenced(|| {
            for (item, message) in said.messages.iter().enumerate() {
                let place = Place::new(number, item as u64);
                let document = self.fields.message(tenant, place, written, message);
                self.writer.add_document(document)?;
                self.documents += 1;
            }
            for (group, sequence) in &said.deleted {
                let mut document = self
                    .fields
                    .document(Place::new(number, 0), written, written);
                let key = Key::Deletes(*group, *sequence);
                self.fields.add_keys(&mut document, tenant, &[key]);
                self.writer.add_document(document)?;
                self.documents += 1;
            }
            Ok(())
        })
    }

    /// Memory it takes, about.
    pub(super) fn memory_bytes(&self) -> usize {
        self.writer.mem_usage()
    }

    /// Writes the part; its bytes are durable on return, their names not.
    pub(super) fn finish(self) -> Result<Entry, IndexError> {
        let Self {
            writer,
            folder,
            number,
            first,
            documents,
            ..
        } = self;
        let finished = fenced(|| {
            writer.finalize()?;
            entry(&folder, number, first, documents)
        });
        finished.map_err(|error| folder.blame(error))
    }
}

fn entry(folder: &Folder, number: u64, first: u64, documents: u64) -> Result<Entry, IndexError> {
    let meta = folder.meta().ok_or(IndexError::Senseless)?;
    Ok(Entry {
        folder: number,
        first,
        documents,
        meta,
    })
}

/// A part that is there.
pub(super) struct Part {
    pub(super) entry: Entry,
    fields: Fields,
    segment: Segment,
    reader: SegmentReader,
}

impl Part {
    pub(super) fn open(files: &Chunked, entry: &Entry) -> Result<Self, IndexError> {
        fenced(|| {
            let fields = Fields::new();
            let index = Index::open(Folder::new(files, entry.folder, Some(&entry.meta)))?;
            let mut segments = index.searchable_segments()?;
            let (Some(segment), true) = (segments.pop(), segments.is_empty()) else {
                return Err(IndexError::Senseless);
            };
            let reader = SegmentReader::open(&segment)?;
            if index.schema() != fields.schema || u64::from(reader.num_docs()) != entry.documents {
                return Err(IndexError::Senseless);
            }
            Ok(Self {
                entry: entry.clone(),
                fields,
                segment,
                reader,
            })
        })
    }

    /// Documents that have all keys and patterns, one after the other.
    fn each(
        &self,
        tenant: TenantId,
        keys: &[Key],
        patterns: &[Vec<Unit>],
        mut each: impl FnMut(DocId),
    ) -> Result<(), IndexError> {
        let keys = keys.iter().map(|key| self.fields.key_query(tenant, key));
        let patterns = patterns.iter();
        let patterns = patterns.filter_map(|it| self.fields.pattern_query(tenant, it));
        let query = BooleanQuery::intersection(keys.chain(patterns).collect());
        let weight = query.weight(EnableScoring::disabled_from_schema(&self.fields.schema))?;
        let mut found = weight.scorer(&self.reader, 1.0)?;
        while found.doc() != TERMINATED {
            each(found.doc());
            found.advance();
        }
        Ok(())
    }

    /// The places of messages sent from..until with all keys and patterns, before `before`: the last
    /// `count_max` of them, the latest first.
    pub(super) fn places(
        &self,
        tenant: TenantId,
        keys: &[Key],
        patterns: &[Vec<Unit>],
        (from, until): (Timestamp, Timestamp),
        before: Place,
        count_max: usize,
    ) -> Result<Vec<Place>, IndexError> {
        fenced(|| {
            // Read for the first that is found: most parts have none.
            let columns = OnceCell::new();
            let open = || -> Result<_, TantivyError> {
                let fast = self.reader.fast_fields();
                Ok((fast.u64(PLACE)?, fast.i64(SENT_AT)?))
            };
            let mut latest = BinaryHeap::with_capacity(count_max.min(1024) + 1);
            self.each(tenant, keys, patterns, |document| {
                let Ok((places, times)) = columns.get_or_init(open) else {
                    return;
                };
                let place = places.first(document).map(Place);
                let sent_at = times.first(document).map(Timestamp);
                let Some(place) = place.filter(|place| *place < before) else {
                    return;
                };
                if sent_at.is_some_and(|at| from <= at && at < until) {
                    latest.push(Reverse(place));
                    if latest.len() > count_max {
                        latest.pop();
                    }
                }
            })?;
            columns.into_inner().transpose()?;
            let sorted = latest.into_sorted_vec().into_iter();
            Ok(sorted.map(|Reverse(place)| place).collect())
        })
    }

    /// Whether a word is in the dictionary, be there a message with it or not.
    pub(super) fn knows(&self, tenant: TenantId, unit: &str) -> Result<bool, IndexError> {
        fenced(|| {
            let words = self.reader.inverted_index(self.fields.words)?;
            let found = words.terms().get(word(tenant, unit).as_bytes());
            Ok(found.map_err(|_| IndexError::Senseless)?.is_some())
        })
    }

    /// The documents whose content is gone, by tenant, group and day, and those of records before `first`;
    /// `None` where there are none.
    pub(super) fn erased(
        &self,
        is_gone: &IsGone<'_>,
        first: u64,
    ) -> Result<Option<Erased>, IndexError> {
        fenced(|| {
            let days = self.reader.fast_fields().i64(DAY)?;
            let mut left = BitSet::with_max_value_and_full(self.reader.max_doc());
            let keys = self.reader.inverted_index(self.fields.keys)?;
            let mut terms = keys.terms().stream().map_err(|_| IndexError::Senseless)?;
            while terms.advance() {
                let Some((tenant, group)) = Key::read_erased(terms.key()) else {
                    continue;
                };
                let found =
                    keys.read_postings_from_terminfo(terms.value(), IndexRecordOption::Basic);
                let mut found = found.map_err(|_| IndexError::Senseless)?;
                while found.doc() != TERMINATED {
                    let day = days.first(found.doc()).unwrap_or_default();
                    if is_gone(tenant, group, i32::try_from(day).unwrap_or_default()) {
                        left.remove(found.doc());
                    }
                    found.advance();
                }
            }
            if self.entry.first < first {
                let places = self.reader.fast_fields().u64(PLACE)?;
                for document in 0..self.reader.max_doc() {
                    let place = places.first(document).unwrap_or_default();
                    if Place(place).record() < first {
                        left.remove(document);
                    }
                }
            }
            let documents = left.len() as u64;
            if documents == self.entry.documents {
                return Ok(None);
            }
            let mut bytes = Vec::new();
            let written = write_alive_bitset(&left, &mut bytes);
            written.map_err(|_| IndexError::Senseless)?;
            let left = AliveBitSet::open(OwnedBytes::new(bytes));
            Ok(Some(Erased { documents, left }))
        })
    }
}

/// Whether what was said in a group on a UTC day is gone.
pub(super) type IsGone<'a> = dyn Fn(TenantId, GroupId, i32) -> bool + 'a;

/// What an erasure leaves of a part.
pub(super) struct Erased {
    /// Documents left.
    pub(super) documents: u64,
    left: AliveBitSet,
}

/// Makes one part of several, or what is left of one; its bytes are durable on return, their names not.
pub(super) fn merge(
    files: &Chunked,
    number: u64,
    parts: &[&Part],
    erased: Option<Erased>,
) -> Result<Entry, IndexError> {
    let folder = Folder::new(files, number, None);
    let segments: Vec<Segment> = parts.iter().map(|part| part.segment.clone()).collect();
    let documents = parts.iter().map(|part| part.entry.documents).sum();
    let documents = erased.as_ref().map_or(documents, |it| it.documents);
    let left = erased.map(|it| it.left);
    let filters = parts.iter().map(|_| left.clone()).collect();
    let first = parts.iter().map(|part| part.entry.first).min();
    let merged = fenced(|| {
        merge_filtered_segments(&segments, settings(), filters, folder.clone())?;
        entry(&folder, number, first.unwrap_or(0), documents)
    });
    merged.map_err(|error| folder.blame(error))
}
