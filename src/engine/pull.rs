//! Pulls of the archive (SPEC A6): one thread makes their pages, one at a time.
//!
//! Sessions that are behind are served by other threads, so that no number of pulls delays a member
//! (invariant 5). What a page holds is bounded by what was granted; how many wait, by the ports.

use std::sync::Arc;

use crossbeam_channel::Receiver;
use sha2::{Digest, Sha256};

use super::outbox::Outbox;
use super::port::Item;
use crate::archive::pull::Pages;
use crate::model::command::PullGrantedV1;

/// A page to be made.
pub(crate) struct PullJob {
    /// The owner's number for it.
    pub(crate) request: u64,
    /// What may be read.
    pub(crate) granted: Box<PullGrantedV1>,
    /// Who asked.
    pub(crate) outbox: Arc<Outbox>,
}

/// A secret for each page, from one that nobody else has.
pub(crate) struct Secrets {
    key: [u8; 32],
    given: u64,
}

impl Secrets {
    pub(crate) fn of(entropy: &[u8; 32]) -> Self {
        let key = Sha256::new()
            .chain_update(b"throng pull")
            .chain_update(entropy);
        Self {
            key: key.finalize().into(),
            given: 0,
        }
    }

    fn next(&mut self) -> [u8; 32] {
        let given = self.given;
        self.given += 1;
        let secret = Sha256::new()
            .chain_update(self.key)
            .chain_update(given.to_le_bytes());
        secret.finalize().into()
    }
}

/// Makes pages until every port and the engine are gone.
pub(crate) fn run(mut pages: Pages, mut secrets: Secrets, jobs: &Receiver<PullJob>) {
    for job in jobs {
        let result = pages.page(&job.granted, secrets.next());
        let request = job.request;
        job.outbox.fetched(Item::Pulled { request, result });
    }
}
