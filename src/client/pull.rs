//! Records of the archive, one after the other: pages are asked for as they are used up.
//!
//! The next page is on its way while one is read, and no more than that is held: memory stays
//! bounded whatever the archive holds (SPEC A6). Where it stopped is one number, so whoever keeps
//! [`Pulling::next_record`] goes on from there on another connection.

use std::collections::VecDeque;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use super::connection::{Client, failed};
use super::error::RequestError;
use super::event::Answer;
use crate::archive::pull::{Opening, PullKey, SealBroken};
use crate::model::command::PullRecordsV1;
use crate::wire::{
    MessageError, PulledContent, PulledHeader, PulledPage, PulledRecord, RecordNumber,
};

/// Tries of a page that finds the server busy.
const TRIES: u32 = 200;

/// Why a pull does not go on. What was handed out before stands; go on from
/// [`Pulling::next_record`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PullError {
    /// The page was refused, or the connection is over.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The server cannot read this record: it is damaged, or the disk fails.
    #[error(
        "record {record} cannot be read: run `throng archive verify` there; to go on without it, pull from the record after it"
    )]
    Unreadable {
        /// Which.
        record: RecordNumber,
    },
    /// The log is another than the one of the page before: its numbers stand for other records.
    #[error("the log was repaired or replaced (incarnation {before}, now {now}): pull it anew")]
    Incarnation {
        /// Of the pages before.
        before: u64,
        /// Now.
        now: u64,
    },
    /// A record that does not hash to its commitment.
    #[error("record {record} is not what its commitment says")]
    Commitment {
        /// Which.
        record: RecordNumber,
    },
    /// A record that cannot be opened with the key given.
    #[error("record {record}: {why}")]
    Sealed {
        /// Which.
        record: RecordNumber,
        /// Why.
        #[source]
        why: SealBroken,
    },
    /// A record that is not laid out as it should be.
    #[error("record {record}: {why}")]
    Malformed {
        /// Which.
        record: RecordNumber,
        /// Why.
        #[source]
        why: MessageError,
    },
}

/// A record that was pulled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pulled {
    /// As it came.
    pub record: PulledRecord,
    /// What it says; none where it is sealed and there is no key.
    pub content: Option<PulledContent>,
    /// With what the record's page was sealed, and how many records of the page were before it: what
    /// whoever has the key opens it with.
    pub sealed: Option<([u8; 32], u64)>,
}

/// A pull that goes on. Dropping it ends it; nothing is lost by that.
#[derive(Debug)]
pub struct Pulling {
    client: Client,
    /// What to ask for next; its `from` is behind every page that has come.
    pull: PullRecordsV1,
    key: Option<PullKey>,
    /// Records of the page that is being read, and what opens them.
    records: VecDeque<PulledRecord>,
    read: u64,
    opening: Option<Opening>,
    header: Option<PulledHeader>,
    /// The records are of the page that `header` is of.
    is_reading: bool,
    /// The page after it, on its way.
    coming: Option<oneshot::Receiver<Result<Answer, RequestError>>>,
    next_record: RecordNumber,
}

impl Pulling {
    pub(super) fn new(client: Client, pull: PullRecordsV1) -> Self {
        Self {
            client,
            next_record: pull.from,
            pull,
            key: None,
            records: VecDeque::new(),
            read: 0,
            opening: None,
            header: None,
            is_reading: false,
            coming: None,
        }
    }

    /// Has records sealed on their way to this key, and opened here.
    #[must_use]
    pub fn sealed_to(mut self, key: PullKey) -> Self {
        self.pull.public_key = key.public().to_vec();
        self.key = Some(key);
        self
    }

    /// The record to go on from, on whatever connection: every one before it that was asked for has
    /// been handed out.
    #[must_use]
    pub fn next_record(&self) -> RecordNumber {
        self.next_record
    }

    /// What the latest page said of itself: how far the log goes, and where it begins.
    #[must_use]
    pub fn header(&self) -> Option<&PulledHeader> {
        self.header.as_ref()
    }

    /// The next record; none at the end of what there is now. After that it may be called again, and
    /// brings what has been added since.
    pub async fn next(&mut self) -> Option<Result<Pulled, PullError>> {
        loop {
            if let Some(record) = self.records.pop_front() {
                let number = record.record;
                let pulled = self.open(record);
                if pulled.is_ok() {
                    self.next_record = number.next();
                }
                return Some(pulled);
            }
            if let Some(header) = self.header.filter(|_| self.is_reading) {
                self.is_reading = false;
                self.next_record = header.next;
                if header.unreadable {
                    let record = header.next;
                    return Some(Err(PullError::Unreadable { record }));
                }
                if !header.more {
                    return None;
                }
            }
            if self.pull.from > self.pull.to {
                return None;
            }
            if let Err(error) = self.turn().await {
                return Some(Err(error));
            }
        }
    }

    /// Turns to the next page, and asks for the one after it.
    async fn turn(&mut self) -> Result<(), PullError> {
        let page = self.page().await?;
        let (before, header) = (self.header, page.header);
        if let Some(before) = before.filter(|it| it.incarnation != header.incarnation) {
            return Err(PullError::Incarnation {
                before: before.incarnation,
                now: header.incarnation,
            });
        }
        self.opening = match (&self.key, &header.encapsulated) {
            (Some(key), Some(encapsulated)) => {
                let record = header.from;
                let opening = key.opening(encapsulated);
                Some(opening.map_err(|why| PullError::Sealed { record, why })?)
            }
            _ => None,
        };
        self.records = page.records.into();
        self.read = 0;
        self.pull.from = header.next;
        self.header = Some(header);
        self.is_reading = true;
        if header.more && !header.unreadable {
            self.coming = Some(self.client.ask_for_page(self.pull.clone()).await?);
        }
        Ok(())
    }

    /// The next page, which may have come already; asked for again while the server is busy.
    async fn page(&mut self) -> Result<PulledPage, RequestError> {
        let mut tries = 0;
        loop {
            let coming = match self.coming.take() {
                Some(coming) => coming,
                None => self.client.ask_for_page(self.pull.clone()).await?,
            };
            match coming.await.map_err(|_| RequestError::Over)?? {
                Answer::Pulled(page) => return Ok(*page),
                Answer::Busy(busy) if tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(Duration::from_micros(busy.retry_after_us)).await;
                }
                other => return Err(failed(other)),
            }
        }
    }

    fn open(&mut self, record: PulledRecord) -> Result<Pulled, PullError> {
        let number = record.record;
        let place = self.read;
        self.read += 1;
        let encapsulated = self.header.as_ref().and_then(|it| it.encapsulated);
        let content = match (&mut self.opening, encapsulated) {
            (None, Some(_)) => None,
            (None, None) => Some(record.content.clone()),
            (Some(opening), _) => {
                let opened = opening.open(&record);
                Some(opened.map_err(|why| PullError::Sealed {
                    record: number,
                    why,
                })?)
            }
        };
        let content = match content {
            None => None,
            Some(content) => {
                if record.is_as_committed() && commitment(&record, &content) != record.commitment {
                    return Err(PullError::Commitment { record: number });
                }
                let read = record.read(&content);
                Some(read.map_err(|why| PullError::Malformed {
                    record: number,
                    why,
                })?)
            }
        };
        Ok(Pulled {
            record,
            content,
            sealed: encapsulated.map(|key| (key, place)),
        })
    }
}

/// SHA-256 of head and content.
fn commitment(record: &PulledRecord, content: &[u8]) -> [u8; 32] {
    let hash = Sha256::new()
        .chain_update(record.head())
        .chain_update(content);
    hash.finalize().into()
}
