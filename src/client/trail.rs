//! The audit trail, the latest record first: pages are asked for as they are used up.
//!
//! Each page is a record of its own, with who asked for what (SPEC A1), so none is asked for before it is wanted.
//! Where it stopped is one number, [`Trail::before`], good on any connection.

use std::collections::VecDeque;
use std::time::Duration;

use super::connection::Client;
use super::error::RequestError;
use crate::model::command::{AuditEntryV1, AuditPageV1, ReadAuditV1, Reply, TaggedCommand};
use crate::wire::RecordNumber;

/// Tries of a page that finds the server busy.
const TRIES: u32 = 200;

/// A reading of the audit trail that goes on. Dropping it ends it; nothing is lost by that.
#[derive(Debug)]
pub struct Trail {
    client: Client,
    /// What to ask for next; its `before` is behind everything that was handed out.
    asked: ReadAuditV1,
    entries: VecDeque<AuditEntryV1>,
    /// Where the next page goes on; 0 at the end, none before the first page.
    behind: Option<RecordNumber>,
    /// Records that could not be read.
    damaged: Vec<RecordNumber>,
}

impl Trail {
    pub(super) fn new(client: Client, asked: ReadAuditV1) -> Self {
        Self {
            client,
            asked,
            entries: VecDeque::new(),
            behind: None,
            damaged: Vec::new(),
        }
    }

    /// The next record, the latest first; none at the end. A page is asked for when the one before is used up,
    /// and again while the server is busy.
    pub async fn next(&mut self) -> Option<Result<AuditEntryV1, RequestError>> {
        loop {
            if let Some(entry) = self.entries.pop_front() {
                self.asked.before = entry.record;
                return Some(Ok(entry));
            }
            match self.behind {
                Some(RecordNumber(0)) => return None,
                Some(behind) => self.asked.before = behind,
                None => {}
            }
            match self.page().await {
                Ok(page) => {
                    self.behind = Some(page.before);
                    self.damaged.extend(page.damaged.then_some(page.before));
                    self.entries = page.entries.into();
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Where to go on: what the same is asked for with as `before`, on whatever connection.
    #[must_use]
    pub fn before(&self) -> RecordNumber {
        self.asked.before
    }

    /// Whether more may follow what is here.
    #[must_use]
    pub fn has_more(&self) -> bool {
        !self.entries.is_empty() || self.behind != Some(RecordNumber(0))
    }

    /// Records that the server could not read, and that were passed over.
    #[must_use]
    pub fn damaged(&self) -> &[RecordNumber] {
        &self.damaged
    }

    async fn page(&self) -> Result<AuditPageV1, RequestError> {
        let mut tries = 0;
        loop {
            let asked = TaggedCommand::ReadAudit(self.asked.clone());
            match self.client.command(asked).await {
                Ok(Reply::AuditPage(page)) => return Ok(*page),
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
