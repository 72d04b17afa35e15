//! Searching: what is asked, where the index says to look, and what the log says there.
//!
//! The tenant and every condition are checked again on the record itself: what the log does not confirm is
//! not shown, whatever the index said.

use std::sync::Arc;

use bytes::Bytes;

use super::error::IndexError;
use super::index::{Shared, View};
use super::part::{Key, Place};
use super::said::{Message, Said};
use super::words::{WORDS_LEN_MAX, Words};
use crate::log::{ReadError, Reader, Record};
use crate::wire::{GroupId, Kind, PersonId, RecordNumber, Sequence, TenantId, Timestamp};

/// Hits of one page, at most.
pub const HITS_MAX: usize = 100;
/// Patterns of one search.
const PATTERNS_MAX: usize = 32;
/// Places looked at for one page: a search ends, whatever the log no longer confirms.
const LOOKED_AT_MAX: usize = 1_000;
/// Deletions looked at for one hit.
const DELETIONS_MAX: usize = 4;

/// What is looked for: everything given must hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Query {
    /// Whose archive.
    pub tenant: TenantId,
    /// All of these words, and phrases in quotes; any part of a Chinese text. Empty for any message.
    pub words: String,
    /// In this group.
    pub group: Option<GroupId>,
    /// Sent by this person.
    pub person: Option<PersonId>,
    /// Sent then or later.
    pub from: Option<Timestamp>,
    /// Sent before then.
    pub until: Option<Timestamp>,
    /// Go on behind an earlier page.
    pub after: Option<Cursor>,
    /// Hits wanted, 1 to [`HITS_MAX`].
    pub hits_max: usize,
    /// Bytes that the hits of a page may take, [`Hit::len`] each; one that is longer is a page of its own.
    pub bytes_max: usize,
}

impl Query {
    /// These words, anywhere in a tenant's archive.
    #[must_use]
    pub fn new(tenant: TenantId, words: &str) -> Self {
        Self {
            tenant,
            words: words.to_owned(),
            group: None,
            person: None,
            from: None,
            until: None,
            after: None,
            hits_max: HITS_MAX,
            bytes_max: usize::MAX,
        }
    }

    fn words(&self) -> Result<Words, QueryRefused> {
        let len = self.words.len();
        if len > WORDS_LEN_MAX {
            return Err(QueryRefused::TooLong { len });
        }
        let words = Words::read(&self.words);
        if words.patterns.is_empty() && !self.words.trim().is_empty() {
            return Err(QueryRefused::NoWords);
        }
        if words.patterns.len() > PATTERNS_MAX {
            let count = words.patterns.len();
            return Err(QueryRefused::TooMany { count });
        }
        Ok(words)
    }

    /// Checks the query without asking anything.
    pub fn check(&self) -> Result<(), QueryRefused> {
        self.words().map(|_| ())
    }
}

/// Where a page ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Cursor(Place);

impl Cursor {
    /// Behind which there is what was recorded before this record.
    #[must_use]
    pub fn before(record: RecordNumber) -> Self {
        Self(Place::new(record.0, 0))
    }

    /// As a number, to be given to somebody and back.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0.0
    }

    /// Of such a number.
    #[must_use]
    pub fn of(number: u64) -> Self {
        Self(Place(number))
    }
}

/// A query that nothing can be found by. Nothing was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryRefused {
    /// Longer than [`WORDS_LEN_MAX`].
    #[error("the words take {len} bytes, more than {WORDS_LEN_MAX}")]
    TooLong {
        /// Bytes given.
        len: usize,
    },
    /// More words and phrases than are looked for at once.
    #[error("{count} words and phrases are more than {PATTERNS_MAX}")]
    TooMany {
        /// How many were given.
        count: usize,
    },
    /// Nothing but marks and symbols, which are not indexed.
    #[error("there is no letter, digit or character to look for")]
    NoWords,
    /// The index cannot be read: it is made again, and then answers.
    #[error("the index is not usable just now: {0}")]
    Index(#[from] IndexError),
}

/// A message that was found, as the log has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hit {
    /// Its record: the evidence.
    pub record: RecordNumber,
    /// Which of the record's messages.
    pub item: usize,
    /// To go on behind it.
    pub cursor: Cursor,
    /// In which group.
    pub group: GroupId,
    /// Its place there; 0 where it was imported.
    pub sequence: Sequence,
    /// Who sent it; 0 for nobody the tenant knows.
    pub sender: PersonId,
    /// What another product called the sender, where the message was imported from there.
    pub imported_from: Option<String>,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// What it is.
    pub kind: Kind,
    /// What it says; empty where it is opaque.
    pub body: Bytes,
    /// The record that deleted it from what members see.
    pub deleted: Option<RecordNumber>,
}

impl Hit {
    /// Bytes it counts for in a page: its texts, and 96 for the rest.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // It never is.
    pub fn len(&self) -> usize {
        const FIXED: usize = 96;
        FIXED + self.body.len() + self.imported_from.as_ref().map_or(0, String::len)
    }
}

/// A page of hits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// The latest first.
    pub hits: Vec<Hit>,
    /// Where to go on; `None` at the end.
    pub next: Option<Cursor>,
    /// Records before this number were searched.
    pub searched: RecordNumber,
}

/// A handle that searches. Clones are cheap and may search at the same time.
#[derive(Clone)]
pub struct Search {
    shared: Arc<Shared>,
    reader: Reader,
}

impl Search {
    pub(super) fn new(shared: Arc<Shared>, reader: Reader) -> Self {
        Self { shared, reader }
    }

    /// Records before this number can be found.
    #[must_use]
    pub fn searched(&self) -> RecordNumber {
        RecordNumber(self.shared.view().next)
    }

    /// Carries out a search. Whether the asker may, and that it is on record, is the caller's affair: an engine
    /// asks the model first.
    pub fn find(&self, query: &Query) -> Result<Page, QueryRefused> {
        let words = query.words()?;
        let view = self.shared.view();
        let found = self.page(&view, query, &words);
        if found.as_ref().is_err_and(IndexError::is_damage) {
            self.shared.report_damage();
        }
        Ok(found?)
    }

    fn page(&self, view: &View, query: &Query, words: &Words) -> Result<Page, IndexError> {
        let wanted = query.hits_max.clamp(1, HITS_MAX);
        let mut page = Page {
            hits: Vec::new(),
            next: None,
            searched: RecordNumber(view.next),
        };
        let mut keys = vec![Key::Message];
        keys.extend(query.group.map(Key::Group));
        keys.extend(query.person.map(Key::Person));
        let range = (
            query.from.unwrap_or(Timestamp(i64::MIN)),
            query.until.unwrap_or(Timestamp(i64::MAX)),
        );
        let mut before = query.after.map_or(Place(u64::MAX), |cursor| cursor.0);
        let (mut looked_at, mut bytes) = (0, 0);
        // Records of several hits are read once.
        let mut read: Option<(u64, TenantId, Said)> = None;
        for part in view.parts.iter().rev() {
            while part.entry.first <= before.record() {
                let count = wanted + 1;
                let tenant = query.tenant;
                let places = part.places(tenant, &keys, &words.patterns, range, before, count)?;
                for place in &places {
                    if page.hits.len() == wanted || looked_at == LOOKED_AT_MAX {
                        page.next = Some(Cursor(before));
                        return Ok(page);
                    }
                    looked_at += 1;
                    let behind = Cursor(before);
                    before = *place;
                    let number = place.record();
                    if read.as_ref().is_none_or(|(of, ..)| *of != number) {
                        let record = self.record(number)?;
                        read = record.map(|record| {
                            let tenant = record.envelope.header().tenant();
                            (number, tenant, Said::of(&record))
                        });
                    }
                    let Some((_, tenant, said)) = &read else {
                        continue;
                    };
                    let Some(message) = said.messages.get(place.item()) else {
                        continue;
                    };
                    if *tenant == query.tenant && confirms(message, query, words, range) {
                        let deleted = self.deletion(view, query.tenant, message, number)?;
                        let hit = hit(*place, message, deleted);
                        bytes += hit.len();
                        if bytes > query.bytes_max && !page.hits.is_empty() {
                            page.next = Some(behind);
                            return Ok(page);
                        }
                        page.hits.push(hit);
                    }
                }
                if places.len() < count {
                    break;
                }
            }
        }
        Ok(page)
    }

    /// A record of the log; `None` where there is none of that number.
    fn record(&self, number: u64) -> Result<Option<Record>, IndexError> {
        let read = match self.reader.read(RecordNumber(number), 1) {
            Err(ReadError::Removed { .. }) => return Ok(None),
            read => read?.into_iter(),
        };
        let mut read = read.filter(|it| it.envelope.header().record().0 == number);
        Ok(read.next())
    }

    /// The record that deleted a message, confirmed by the log.
    fn deletion(
        &self,
        view: &View,
        tenant: TenantId,
        message: &Message,
        number: u64,
    ) -> Result<Option<RecordNumber>, IndexError> {
        if message.sequence == Sequence(0) {
            return Ok(None);
        }
        let key = [Key::Deletes(message.group, message.sequence)];
        let ever = (Timestamp(i64::MIN), Timestamp(i64::MAX));
        for part in view.parts.iter().rev() {
            let before = Place(u64::MAX);
            for place in part.places(tenant, &key, &[], ever, before, DELETIONS_MAX)? {
                let Some(record) = self.record(place.record())? else {
                    continue;
                };
                let deleted = (message.group, message.sequence);
                if record.envelope.header().tenant() == tenant
                    && Said::of(&record).deleted.contains(&deleted)
                {
                    return Ok(Some(RecordNumber(place.record())));
                }
            }
            if part.entry.first <= number {
                break; // A message is deleted after it was said.
            }
        }
        Ok(None)
    }
}

fn confirms(
    message: &Message,
    query: &Query,
    words: &Words,
    (from, until): (Timestamp, Timestamp),
) -> bool {
    query.group.is_none_or(|group| group == message.group)
        && query.person.is_none_or(|person| person == message.sender)
        && (from <= message.sent_at && message.sent_at < until)
        && words.are_in(&message.units())
}

fn hit(place: Place, message: &Message, deleted: Option<RecordNumber>) -> Hit {
    let body = match message.kind {
        Kind::Opaque => Bytes::new(),
        _ => message.body.clone(),
    };
    Hit {
        record: RecordNumber(place.record()),
        item: place.item(),
        cursor: Cursor(place),
        group: message.group,
        sequence: message.sequence,
        sender: message.sender,
        imported_from: message.sender_name.clone(),
        sent_at: message.sent_at,
        kind: message.kind,
        body,
        deleted,
    }
}
