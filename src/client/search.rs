//! What a search of the archive finds, one after the other: pages are asked for as they are used up.
//!
//! Each page is a search of its own, on record with who asked for what (SPEC P1): so none is asked for before
//! it is wanted, unlike a pull's. Where it stopped is one number, [`Finding::cursor`], good on any connection.

use std::collections::VecDeque;
use std::time::Duration;

use super::connection::Client;
use super::error::RequestError;
use crate::model::command::{ArchiveFoundV1, FoundV1, Reply, SearchArchiveV1, TaggedCommand};
use crate::wire::RecordNumber;

/// Tries of a page that finds the server busy.
const TRIES: u32 = 200;

/// A search that goes on. Dropping it ends it; nothing is lost by that.
#[derive(Debug)]
pub struct Finding {
    client: Client,
    /// What to ask for next; its `after` is behind everything that was handed out.
    asked: SearchArchiveV1,
    hits: VecDeque<FoundV1>,
    /// Behind the page that is being read; 0 at the end, none before the first page.
    behind: Option<u64>,
    searched: RecordNumber,
    search: RecordNumber,
}

impl Finding {
    pub(super) fn new(client: Client, asked: SearchArchiveV1) -> Self {
        Self {
            client,
            asked,
            hits: VecDeque::new(),
            behind: None,
            searched: RecordNumber(0),
            search: RecordNumber(0),
        }
    }

    /// The next message found, the latest first; none at the end. A page is asked for when the one before is
    /// used up, and again while the server is busy.
    pub async fn next(&mut self) -> Option<Result<FoundV1, RequestError>> {
        loop {
            if let Some(hit) = self.hits.pop_front() {
                self.asked.after = hit.cursor;
                return Some(Ok(hit));
            }
            match self.behind {
                Some(0) => return None,
                Some(behind) => self.asked.after = behind,
                None => {}
            }
            match self.page().await {
                Ok(page) => {
                    self.behind = Some(page.cursor);
                    self.searched = page.searched;
                    self.search = page.search;
                    self.hits = page.hits.into();
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Where to go on: what a search of the same is asked with as `after`, on whatever connection.
    #[must_use]
    pub fn cursor(&self) -> u64 {
        self.asked.after
    }

    /// Records before this number were searched for the latest page.
    #[must_use]
    pub fn searched(&self) -> RecordNumber {
        self.searched
    }

    /// The record that says the latest page was asked for.
    #[must_use]
    pub fn search(&self) -> RecordNumber {
        self.search
    }

    /// Whether more pages may follow what is here.
    #[must_use]
    pub fn has_more(&self) -> bool {
        !self.hits.is_empty() || self.behind != Some(0)
    }

    async fn page(&self) -> Result<ArchiveFoundV1, RequestError> {
        let mut tries = 0;
        loop {
            let asked = TaggedCommand::SearchArchive(self.asked.clone());
            match self.client.command(asked).await {
                Ok(Reply::ArchiveFound(page)) => return Ok(*page),
                Err(RequestError::Busy { retry_after }) if tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(retry_after.max(Duration::from_millis(1))).await;
                }
                Err(error) => return Err(error),
                // The server is of another build: it answers what was asked with something else.
                Ok(_) => return Err(RequestError::Over),
            }
        }
    }
}
