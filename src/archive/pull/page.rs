//! One page: what is looked at, what of it is the asker's, and how it is laid out.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use bytes::Bytes;
use lru::LruCache;

use super::sealing::Sealing;
use crate::log::{Reader, Resume, Stored, Unreadable};
use crate::model::Refusal;
use crate::model::command::PullGrantedV1;
use crate::wire::{
    GroupId, HEADER_LEN, PULLED_PAGE_LEN, PulledFront, PulledHeader, RecordNumber, padded,
};
use zerocopy::IntoBytes;

/// Ends of pages that are remembered, so that the next page is not looked for: about 40 bytes each.
const RESUMES_MAX: NonZeroUsize = NonZeroUsize::new(256).expect("it is not 0");
/// What a record takes in a page beyond its frame in the log, at most.
const OVERHEAD: usize = 64;

/// Makes pages from a log.
pub(crate) struct Pages {
    reader: Reader,
    incarnation: u64,
    /// Bytes of the log that one page looks through at most.
    pass_bytes: u64,
    resumes: LruCache<RecordNumber, Resume>,
}

impl Pages {
    pub(crate) fn new(reader: Reader, incarnation: u64, pass_bytes: u64) -> Self {
        Self {
            reader,
            incarnation,
            pass_bytes,
            resumes: LruCache::new(RESUMES_MAX),
        }
    }

    /// The next page of what was granted. `secret` is for this page alone.
    pub(crate) fn page(
        &mut self,
        granted: &PullGrantedV1,
        secret: [u8; 32],
    ) -> Result<Bytes, Refusal> {
        let pull = &granted.pull;
        let sealing = match &*pull.public_key {
            [] => None,
            key => Some(Sealing::to(key, secret).map_err(|_| Refusal::Invalid {
                field: "public_key",
                rule: "an X25519 key",
            })?),
        };
        let first = self.reader.first();
        let from = pull.from.max(first);
        let end = RecordNumber(pull.to.0.saturating_add(1)).min(granted.position);
        let mut page = Page {
            granted,
            sealing,
            bytes: vec![0; PULLED_PAGE_LEN],
            records: 0,
        };
        let resume = self.resumes.get(&from).copied();
        let passed = self
            .reader
            .pass((from, end), self.pass_bytes, resume, &mut |stored| {
                page.show(stored)
            });
        if let Some(resume) = passed.resume {
            self.resumes.put(passed.next, resume);
        }
        if let Some(error) = &passed.failed {
            tracing::error!(record = passed.next.0, %error, "a record cannot be pulled");
        }
        let header = PulledHeader {
            tenant: granted.tenant,
            records: page.records,
            from,
            next: passed.next,
            position: granted.position,
            first,
            incarnation: self.incarnation,
            more: passed.next < end,
            begins_later: pull.from < first,
            unreadable: passed.failed.is_some(),
            encapsulated: page.sealing.as_ref().map(Sealing::encapsulated),
        };
        page.bytes[..PULLED_PAGE_LEN].copy_from_slice(&header.encode());
        Ok(page.bytes.into())
    }
}

/// A page that is being made.
struct Page<'a> {
    granted: &'a PullGrantedV1,
    sealing: Option<Sealing>,
    bytes: Vec<u8>,
    records: u32,
}

impl Page<'_> {
    /// Takes a record, passes it over, or breaks before it.
    fn show(&mut self, stored: &Stored<'_>) -> Result<ControlFlow<()>, Unreadable> {
        let pull = &self.granted.pull;
        if self.records == pull.records {
            return Ok(ControlFlow::Break(()));
        }
        if !is_wanted(self.granted, stored) {
            return Ok(ControlFlow::Continue(()));
        }
        let len = self.bytes.len() + stored.len() + OVERHEAD;
        if self.records > 0 && len > pull.bytes as usize {
            return Ok(ControlFlow::Break(()));
        }
        self.take(stored)?;
        Ok(ControlFlow::Continue(()))
    }

    fn take(&mut self, stored: &Stored<'_>) -> Result<(), Unreadable> {
        let record = stored.open()?;
        let (listed, view) = (stored.listed(), record.envelope.body());
        let front = PulledFront {
            commitment: stored.commitment(),
            head: stored.head(),
            erased: record.erased,
            view_len: view.len(),
            content_len: HEADER_LEN + listed.len() + view.len() + record.private.len(),
            sealed: self.sealing.is_some(),
        };
        let front = front.encode();
        self.bytes.extend_from_slice(&front);
        let parts = [stored.header().as_bytes(), listed, view, &record.private];
        match &mut self.sealing {
            None => self.bytes.extend(parts.into_iter().flatten()),
            Some(sealing) => {
                let content = parts.concat();
                let sealed = sealing.seal(&front, &content);
                // A page is far from as many records as a context seals.
                self.bytes.extend(sealed.unwrap_or_default());
            }
        }
        self.bytes.resize(padded(self.bytes.len()), 0);
        self.records += 1;
        Ok(())
    }
}

/// Whether a record is one of those asked for, and may be read.
fn is_wanted(granted: &PullGrantedV1, stored: &Stored<'_>) -> bool {
    let (pull, header) = (&granted.pull, stored.header());
    let at = header.timestamp();
    let has_caused = |people: &[_]| people.binary_search(&header.sender()).is_ok();
    if header.tenant() != granted.tenant
        || at < pull.since
        || at >= pull.until
        || !(pull.people.is_empty() || has_caused(&pull.people))
    {
        return false;
    }
    if pull.groups.is_empty() && granted.without.is_empty() {
        return true;
    }
    let mut groups: Vec<_> = stored.takes().map(|take| take.group).collect();
    if groups.is_empty() && header.group() != GroupId(0) {
        // What belongs to a group and takes no place in it: history that was imported.
        groups.push(header.group());
    }
    let is_in = |list: &[GroupId], group: &GroupId| list.binary_search(group).is_ok();
    let mut concerned = groups.iter();
    let asked_for = pull.groups.is_empty() || groups.iter().any(|it| is_in(&pull.groups, it));
    let left_out = !groups.is_empty() && concerned.all(|it| is_in(&granted.without, it));
    asked_for && !left_out
}
