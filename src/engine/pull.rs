//! Pulls of the archive (SPEC A6), and pages of the audit trail: one thread makes them, one at a time.
//!
//! Sessions that are behind are served by other threads, so that no number of pulls delays a member
//! (invariant 5). What a page holds is bounded by what was granted; how many wait, by the ports.

use std::sync::Arc;

use crossbeam_channel::Receiver;
use sha2::{Digest, Sha256};

use super::audits::Trail;
use super::outbox::Outbox;
use super::port::Item;
use super::searches::SearchRoom;
use crate::archive::pull::Pages;
use crate::model::command::{AuditGrantedV1, PullGrantedV1, Reply};

/// A page to be made.
pub(crate) enum PageJob {
    Pull(PullJob),
    Audit(AuditJob),
}

/// A page of the archive.
pub(crate) struct PullJob {
    /// The owner's number for it.
    pub(crate) request: u64,
    /// What may be read.
    pub(crate) granted: Box<PullGrantedV1>,
    /// Who asked.
    pub(crate) outbox: Arc<Outbox>,
}

/// A page of the audit trail.
pub(crate) struct AuditJob {
    /// The owner's number for it.
    pub(crate) request: u64,
    /// What may be read.
    pub(crate) granted: Box<AuditGrantedV1>,
    /// Who asked.
    pub(crate) outbox: Arc<Outbox>,
    /// Given back when the page is made.
    pub(crate) room: SearchRoom,
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
pub(crate) fn run(mut pages: Pages, trail: &Trail, mut secrets: Secrets, jobs: &Receiver<PageJob>) {
    for job in jobs {
        match job {
            PageJob::Pull(job) => {
                let result = pages.page(&job.granted, secrets.next());
                let request = job.request;
                job.outbox.fetched(Item::Pulled { request, result });
            }
            PageJob::Audit(job) => {
                let page = trail.page(&job.granted);
                let result = page.map(|page| Reply::AuditPage(Box::new(page)));
                let request = job.request;
                drop(job.room);
                job.outbox.fetched(Item::Answer { request, result });
            }
        }
    }
}
