//! What is gone, apart from the state: a table that readers and the log ask.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::command::ContentClass;
use super::{Custody, NEVER, class_of};
use crate::model::state::State;
use crate::wire::{GroupId, TenantId};

/// What content is gone as of one record; shared, never changed.
#[derive(Clone, Default, Debug)]
pub struct Gone {
    tenants: Arc<[Option<TenantGone>]>,
}

#[derive(Debug)]
struct TenantGone {
    custody: Custody,
    /// By group id, from 1.
    classes: Box<[ContentClass]>,
}

impl Gone {
    /// Of all tenants. Takes time in proportion to the groups of those in which anything is gone.
    #[must_use]
    pub fn of(state: &State) -> Self {
        let tenants = state.tenants.iter().map(|tenant| {
            tenant.custody.has_gone().then(|| TenantGone {
                custody: tenant.custody.clone(),
                classes: (1..=tenant.groups.len() as u64)
                    .map(|group| class_of(tenant, GroupId(group)))
                    .collect(),
            })
        });
        Self {
            tenants: tenants.collect(),
        }
    }

    /// Whether anything is gone.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tenants.iter().all(Option::is_none)
    }

    /// Days of which more is gone than was `before`, at most a few more; `None` where nothing is.
    #[must_use]
    pub fn changed_days(&self, before: &Self) -> Option<RangeInclusive<i32>> {
        let nothing = Custody::default();
        let mut changed: Option<RangeInclusive<i32>> = None;
        for (at, tenant) in self.tenants.iter().enumerate() {
            let Some(tenant) = tenant else { continue };
            let earlier = before.tenants.get(at).and_then(Option::as_ref);
            let earlier = earlier.map_or(&nothing, |earlier| &earlier.custody);
            for (first, last) in tenant.custody.changed_days(earlier) {
                changed = Some(match changed {
                    None => first..=last,
                    Some(range) => first.min(*range.start())..=last.max(*range.end()),
                });
            }
        }
        changed
    }

    /// Whether the audit trail of a tenant's UTC day is over and nothing of that day is held. Of the node's own
    /// records, tenant 0, it is when it is of every tenant.
    #[must_use]
    pub fn trail_is_over(&self, tenant: TenantId, day: i32) -> bool {
        let of = |tenant: &Option<TenantGone>| {
            let tenant = tenant.as_ref();
            tenant.is_some_and(|tenant| tenant.custody.trail_is_over(day))
        };
        match (tenant.0 as usize).checked_sub(1) {
            None => !self.tenants.is_empty() && self.tenants.iter().all(of),
            Some(index) => self.tenants.get(index).is_some_and(of),
        }
    }

    /// The last day through which the audit trail of any tenant has expired; `None` where none has.
    #[must_use]
    pub fn trail_through(&self) -> Option<i32> {
        let tenants = self.tenants.iter().flatten();
        let through =
            tenants.map(|it| it.custody.rules[ContentClass::AuditTrail as usize].expired_through);
        through.max().filter(|day| *day != NEVER)
    }

    /// Whether what was said in a group on a UTC day is gone; group 0 is what is of no group or of many.
    #[must_use]
    pub fn has(&self, tenant: TenantId, group: GroupId, day: i32) -> bool {
        let index = (tenant.0 as usize).checked_sub(1);
        let Some(tenant) = index.and_then(|index| self.tenants.get(index)?.as_ref()) else {
            return false;
        };
        let class = match group.0.checked_sub(1) {
            None => ContentClass::Ungrouped,
            Some(at) => match tenant.classes.get(at as usize) {
                Some(class) => *class,
                // Younger than this table, and so is all that is said in it.
                None => return false,
            },
        };
        tenant.custody.is_gone(class, group, day)
    }
}
