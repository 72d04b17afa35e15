//! What content is gone (SPEC A4, A5), as whoever decides it tells the log.
//!
//! Content is a record's view, by (tenant, group, UTC day). Readers ask before they hand it out, key
//! destruction and compaction before they destroy it, so that all three mean the same. What is gone
//! never comes back: a later answer may only say so of more.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::wire::{GroupId, Header, Take, TenantId};

/// Whether content of a tenant's group on a UTC day is gone; group 0 is what is of no group or of many.
type Ask = dyn Fn(TenantId, GroupId, i32) -> bool + Send + Sync;

/// Whether a tenant's audit trail of a UTC day is over and nothing of that day is held.
type AskTrail = dyn Fn(TenantId, i32) -> bool + Send + Sync;

/// Says what is gone.
#[derive(Clone)]
pub struct Gone {
    content: Arc<Ask>,
    trail: Option<Arc<AskTrail>>,
    changed: Option<Arc<[Changed]>>,
}

/// Content that may be gone and was not by the answer before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Changed {
    /// Of which tenant.
    pub tenant: TenantId,
    /// Of which group; `None` for all, and for what is of none.
    pub group: Option<GroupId>,
    /// Of which UTC days.
    pub days: RangeInclusive<i32>,
}

impl Gone {
    /// By this answer, which must be the same whenever it is asked.
    pub fn new(ask: impl Fn(TenantId, GroupId, i32) -> bool + Send + Sync + 'static) -> Self {
        Self {
            content: Arc::new(ask),
            trail: None,
            changed: None,
        }
    }

    /// With all that may be gone by this answer and was not by the one before: nobody needs to look for it
    /// elsewhere.
    #[must_use]
    pub fn with_changed(self, changed: Vec<Changed>) -> Self {
        Self {
            changed: Some(changed.into()),
            ..self
        }
    }

    /// Where to look for what was not gone before; `None` for everywhere.
    pub(crate) fn changed(&self) -> Option<&[Changed]> {
        self.changed.as_deref()
    }

    /// The same answer, to be looked for everywhere.
    pub(crate) fn everywhere(self) -> Self {
        Self {
            changed: None,
            ..self
        }
    }

    /// With this answer to whether the audit trail of a day is over too: without one it never is. Tenant 0
    /// is what is of none.
    #[must_use]
    pub fn with_trail(self, ask: impl Fn(TenantId, i32) -> bool + Send + Sync + 'static) -> Self {
        let trail: Arc<AskTrail> = Arc::new(ask);
        Self {
            trail: Some(trail),
            ..self
        }
    }

    /// Whether nothing of a record is to be kept any more: neither header and events nor, where there is
    /// one, its view.
    pub(crate) fn is_over(
        &self,
        header: &Header,
        takes: impl Iterator<Item = Take>,
        has_view: bool,
    ) -> bool {
        let day = header.timestamp().utc_day();
        let trail = self.trail.as_ref();
        let trail_is_over = trail.is_some_and(|trail| trail(header.tenant(), day));
        trail_is_over && (!has_view || self.has_record(header, takes))
    }

    pub(crate) fn has(&self, tenant: TenantId, group: GroupId, day: i32) -> bool {
        (self.content)(tenant, group, day)
    }

    /// Whether the view of a record with this header is gone.
    pub(crate) fn has_record(&self, header: &Header, takes: impl Iterator<Item = Take>) -> bool {
        let group = group_of(header, takes).unwrap_or(GroupId(0));
        self.has(header.tenant(), group, header.timestamp().utc_day())
    }
}

impl fmt::Debug for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gone")
    }
}

/// The one group that a record is of: the header's, or the only one it takes.
pub(crate) fn group_of(header: &Header, mut takes: impl Iterator<Item = Take>) -> Option<GroupId> {
    if header.group() != GroupId(0) {
        return Some(header.group());
    }
    let first = takes.next()?.group;
    takes.all(|take| take.group == first).then_some(first)
}
