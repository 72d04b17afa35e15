//! Reading the audit trail (SPEC A1): how many at once, through ports and inside the process.
//!
//! A query goes a search's way: room is taken before the model is asked, so that none is on record that was
//! never answered for want of it; permitted and recorded by the model, it is read by the thread that makes
//! the pages of pulls, which nobody else waits for (invariant 5), from what is durable (invariant 2).

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use super::clock::Clock;
use super::pull::{AuditJob, PageJob};
use super::searches::{RETRY_US, SearchRoom};
use super::{Busy, Engine, ExecuteError, Port};
use crate::archive::trail;
use crate::log::Reader;
use crate::model::command::{
    Actor, AuditGrantedV1, AuditPageV1, Command, ReadAuditV1, Reply, TaggedCommand,
};
use crate::model::{NotSearched, Refusal};
use crate::wire::{SEARCH_PAGE_LEN_MAX, TenantId};

/// What reads the trail.
#[derive(Clone)]
pub(crate) struct Trail {
    pub(super) reader: Reader,
    /// Bytes of the log that one page looks through.
    pub(super) pass_bytes: u64,
    pub(super) clock: Arc<dyn Clock>,
}

impl Trail {
    /// The page that was granted; refused where the disk fails.
    pub(super) fn page(&self, granted: &AuditGrantedV1) -> Result<AuditPageV1, Refusal> {
        let page = trail::page(&self.reader, granted, self.pass_bytes, SEARCH_PAGE_LEN_MAX);
        page.map_err(|_| {
            let retry_at = self.clock.wall().plus_micros(RETRY_US as i64);
            NotSearched::Unreadable { retry_at }.into()
        })
    }
}

/// The trail as the engine has it.
pub(super) struct Audits {
    pub(super) trail: Trail,
    pub(super) open: Arc<AtomicUsize>,
    pub(super) at_once_max: usize,
}

impl Engine {
    /// Takes room to read a page of the audit trail; the query is then submitted as any command and, once
    /// granted, answered by [`Port::audit`].
    pub fn audit_room(&self) -> Result<SearchRoom, Busy> {
        let audits = &self.inner.audits;
        let room = SearchRoom::of(&audits.open, audits.at_once_max);
        room.ok_or(Busy {
            retry_after_us: RETRY_US,
        })
    }

    /// Reads a page of a tenant's audit trail on behalf of `actor`, which the model must allow. Each page is a
    /// record of its own, durable before anything is read.
    ///
    /// Blocks until then, and while it reads.
    pub fn audit(
        &self,
        tenant: TenantId,
        actor: Actor,
        second_factor: bool,
        asked: ReadAuditV1,
    ) -> Result<AuditPageV1, ExecuteError> {
        let ticket = self.execute(Command {
            tenant,
            actor,
            second_factor,
            body: TaggedCommand::ReadAudit(asked).into(),
        })?;
        match ticket.wait()? {
            Reply::AuditGranted(granted) => Ok(self.inner.audits.trail.page(&granted)?),
            other => unreachable!("a query is answered by its record, not {other:?}"),
        }
    }
}

impl Port {
    /// Reads a page of the audit trail that was granted; answered by [`super::Item::Answer`] with the same
    /// `request`.
    pub fn audit(
        &self,
        request: u64,
        granted: Box<AuditGrantedV1>,
        room: SearchRoom,
    ) -> Result<(), Refusal> {
        let job = AuditJob {
            request,
            granted,
            outbox: Arc::clone(&self.outbox),
            room,
        };
        let sent = self.pulls.send(PageJob::Audit(job));
        sent.map_err(|_| NotSearched::Off.into())
    }
}
