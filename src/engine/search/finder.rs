//! Searches that come through ports, made by one thread, one at a time.
//!
//! What a page shows was decided before its search was permitted, is of the tenant that was granted
//! (invariant 9), and is bounded, so that it fits a frame.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crossbeam_channel::Receiver;

use super::{Slot, open};
use crate::archive::search::{Cursor, Page, Query, QueryRefused};
use crate::engine::searches::SearchJob;
use crate::engine::stats::Counters;
use crate::engine::{Clock, Engine, Item};
use crate::model::command::{ArchiveFoundV1, FoundV1, Reply, SearchArchiveV1, SearchGrantedV1};
use crate::model::{NotSearched, Refusal};
use crate::wire::{GroupId, PersonId, RecordNumber, SEARCH_PAGE_LEN_MAX, TenantId, Timestamp};

/// When an index that is not open is likely to be, in microseconds.
const RETRY_US: i64 = 5_000_000;

/// Makes the searches that come through ports, one at a time.
pub(in crate::engine) struct Finder {
    pub(super) slot: Slot,
    pub(super) counters: Arc<Counters>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Finder {
    /// Makes searches until every port and the engine are gone.
    pub(in crate::engine) fn run(&self, jobs: &Receiver<SearchJob>) {
        for job in jobs {
            let began_us = self.clock.monotonic_us();
            let result = self.find(&job.granted);
            let took_us = self.clock.monotonic_us().saturating_sub(began_us);
            note(&self.counters, took_us);
            let SearchJob {
                request,
                outbox,
                room,
                ..
            } = job;
            drop(room);
            outbox.fetched(Item::Answer { request, result });
        }
    }

    fn find(&self, granted: &SearchGrantedV1) -> Result<Reply, Refusal> {
        let later = || NotSearched::NotYet {
            retry_at: retry_at(&*self.clock),
        };
        let search = open(&self.slot).clone().ok_or_else(later)?;
        let page = search.find(&granted_query(granted));
        let page = page.map_err(|why| refusal(&why, &*self.clock))?;
        Ok(Reply::ArchiveFound(Box::new(found(granted.search, page))))
    }
}

/// Counts a search.
pub(super) fn note(counters: &Counters, took_us: u64) {
    counters.searches.fetch_add(1, Ordering::Relaxed);
    counters.search_us.fetch_add(took_us, Ordering::Relaxed);
}

fn retry_at(clock: &dyn Clock) -> Timestamp {
    clock.wall().plus_micros(RETRY_US)
}

fn refusal(why: &QueryRefused, clock: &dyn Clock) -> Refusal {
    let rule = match why {
        QueryRefused::TooLong { .. } => "at most 200 characters",
        QueryRefused::TooMany { .. } => "at most 32 words and phrases",
        QueryRefused::NoWords => "with a letter, a digit or a character to look for",
        QueryRefused::Index(_) => {
            return NotSearched::NotYet {
                retry_at: retry_at(clock),
            }
            .into();
        }
    };
    Refusal::Invalid {
        field: "words",
        rule,
    }
}

/// What was asked for, as the index is asked.
fn query_of(tenant: TenantId, asked: &SearchArchiveV1) -> Query {
    Query {
        group: (asked.group != GroupId(0)).then_some(asked.group),
        person: (asked.person != PersonId(0)).then_some(asked.person),
        from: Some(asked.from),
        until: Some(asked.until),
        after: (asked.after != 0).then(|| Cursor::of(asked.after)),
        hits_max: asked.hits as usize,
        bytes_max: SEARCH_PAGE_LEN_MAX,
        ..Query::new(tenant, &asked.words)
    }
}

/// Nothing that was decided after the permission is on a page of it.
fn granted_query(granted: &SearchGrantedV1) -> Query {
    let mut query = query_of(granted.tenant, &granted.asked);
    let position = Cursor::before(granted.search);
    query.after = Some(query.after.map_or(position, |after| after.min(position)));
    query
}

fn found(search: RecordNumber, page: Page) -> ArchiveFoundV1 {
    let hits = page.hits.into_iter().map(|hit| FoundV1 {
        record: hit.record,
        item: hit.item as u32,
        cursor: hit.cursor.number(),
        group: hit.group,
        sequence: hit.sequence,
        sender: hit.sender,
        imported_from: hit.imported_from.unwrap_or_default(),
        sent_at: hit.sent_at,
        kind: hit.kind as u8,
        body: hit.body.into(),
        deleted: hit.deleted.unwrap_or(RecordNumber(0)),
    });
    ArchiveFoundV1 {
        search,
        hits: hits.collect(),
        cursor: page.next.map_or(0, Cursor::number),
        searched: page.searched,
    }
}

impl Engine {
    /// Whether a search could be made, whoever asks.
    pub(in crate::engine) fn check_search(&self, asked: &SearchArchiveV1) -> Result<(), Refusal> {
        let clock = &*self.inner.clock;
        let running = self.inner.searching.as_ref().ok_or(NotSearched::Off)?;
        if open(&running.slot).is_none() {
            let retry_at = retry_at(clock);
            return Err(NotSearched::NotYet { retry_at }.into());
        }
        let checked = query_of(TenantId(0), asked).check();
        checked.map_err(|why| refusal(&why, clock))
    }
}
