//! What is gone, apart from the state: a table that readers and the log ask.
//!
//! A tenant's part is made anew where a record changes it, and shared: a night in which a thousand tenants'
//! content expires costs a thousand parts, not a thousand tables.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::command::ContentClass;
use super::{Custody, NEVER, class_of};
use crate::model::state::{State, Tenant};
use crate::wire::{GroupId, TenantId};

/// What content is gone as of one record. Clones are cheap; whoever changes one that is shared copies a list
/// of pointers, one for each tenant.
#[derive(Clone, Default, Debug)]
pub struct Gone {
    tenants: Arc<Vec<TenantGone>>,
}

/// A tenant's part of the table as of one record, for whoever keeps a table of their own.
#[derive(Clone, Debug)]
pub struct GoneUpdate {
    tenant: TenantId,
    /// How many tenants there are.
    tenants: usize,
    part: TenantGone,
}

/// What is gone of one tenant, as of one record; shared, never changed.
#[derive(Clone, Debug)]
struct TenantGone {
    /// Where anything is gone.
    custody: Option<Arc<Custody>>,
    /// By group id, from 1: those that there were when it was made.
    classes: Arc<Vec<ContentClass>>,
}

/// Content of which more may be gone than was before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Changed {
    /// Of which tenant.
    pub tenant: TenantId,
    /// Of which group; `None` for all.
    pub group: Option<GroupId>,
    /// Of which UTC days.
    pub days: RangeInclusive<i32>,
}

impl TenantGone {
    fn of(tenant: &Tenant, known: &Arc<Vec<ContentClass>>) -> Self {
        let mut classes = Arc::clone(known);
        let new = known.len() as u64 + 1..=tenant.groups.len() as u64;
        if !new.is_empty() {
            // A group's kind is for ever.
            Arc::make_mut(&mut classes).extend(new.map(|group| class_of(tenant, GroupId(group))));
        }
        let custody = &tenant.custody;
        Self {
            custody: custody.has_gone().then(|| Arc::new(custody.clone())),
            classes,
        }
    }

    fn nothing() -> Self {
        Self {
            custody: None,
            classes: Arc::default(),
        }
    }

    fn trail_is_over(&self, day: i32) -> bool {
        let custody = self.custody.as_ref();
        custody.is_some_and(|custody| custody.trail_is_over(day))
    }

    fn has(&self, group: GroupId, day: i32) -> bool {
        let Some(custody) = &self.custody else {
            return false;
        };
        let class = match group.0.checked_sub(1) {
            None => ContentClass::Ungrouped,
            Some(at) => match self.classes.get(at as usize) {
                Some(class) => *class,
                // Younger than this table, and so is all that is said in it.
                None => return false,
            },
        };
        custody.is_gone(class, group, day)
    }

    /// Groups and days of which more may be gone than was `before`.
    fn changed(&self, before: Option<&Self>) -> Vec<(Option<GroupId>, RangeInclusive<i32>)> {
        let Some(custody) = &self.custody else {
            return Vec::new();
        };
        match before.and_then(|before| before.custody.as_ref()) {
            Some(before) if Arc::ptr_eq(before, custody) => Vec::new(),
            Some(before) => custody.changed(before),
            None => custody.changed(&Custody::default()),
        }
    }
}

impl Gone {
    /// Of all tenants. Takes time in proportion to their groups.
    #[must_use]
    pub fn of(state: &State) -> Self {
        let none = Arc::default();
        let tenants = state.tenants.iter();
        let tenants = tenants.map(|tenant| TenantGone::of(tenant, &none));
        Self {
            tenants: Arc::new(tenants.collect()),
        }
    }

    /// The same, shared with nobody yet.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self {
            tenants: Arc::new(Vec::clone(&self.tenants)),
        }
    }

    /// Takes one tenant's part from `state`, as it is now. Takes time in proportion to its holds, its erasures
    /// and the groups it got since.
    pub fn refresh(&mut self, state: &State, tenant: TenantId) -> GoneUpdate {
        let index = (tenant.0 as usize).checked_sub(1);
        let of = index.and_then(|index| state.tenants.get(index));
        let known = self.part(tenant);
        let known = known.map_or_else(Arc::default, |part| Arc::clone(&part.classes));
        let update = GoneUpdate {
            tenant,
            tenants: state.tenants.len(),
            part: of.map_or_else(TenantGone::nothing, |of| TenantGone::of(of, &known)),
        };
        self.put(&update);
        update
    }

    /// Follows a table that was refreshed.
    pub fn put(&mut self, update: &GoneUpdate) {
        let tenants = Arc::make_mut(&mut self.tenants);
        // Of a tenant that is not here yet nothing is gone: that counts for the node's own trail.
        if tenants.len() < update.tenants {
            tenants.resize_with(update.tenants, TenantGone::nothing);
        }
        let index = (update.tenant.0 as usize).checked_sub(1);
        if let Some(part) = index.and_then(|index| tenants.get_mut(index)) {
            *part = update.part.clone();
        }
    }

    fn part(&self, tenant: TenantId) -> Option<&TenantGone> {
        self.tenants.get((tenant.0 as usize).checked_sub(1)?)
    }

    /// Whether anything is gone.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tenants.iter().all(|tenant| tenant.custody.is_none())
    }

    /// Content of which more may be gone than was `before`: at most somewhat too much.
    #[must_use]
    pub fn changed(&self, before: &Self) -> Vec<Changed> {
        let mut changed = Vec::new();
        for (tenant, part) in (1..).map(TenantId).zip(self.tenants.iter()) {
            let of = |(group, days)| Changed {
                tenant,
                group,
                days,
            };
            changed.extend(part.changed(before.part(tenant)).into_iter().map(of));
        }
        changed
    }

    /// Days of which more is gone than was `before`, at most a few more; `None` where nothing is.
    #[must_use]
    pub fn changed_days(&self, before: &Self) -> Option<RangeInclusive<i32>> {
        let days = self.changed(before).into_iter().map(|changed| changed.days);
        days.reduce(|one, other| *one.start().min(other.start())..=*one.end().max(other.end()))
    }

    /// Whether the audit trail of a tenant's UTC day is over and nothing of that day is held. Of the node's own
    /// records, tenant 0, it is when it is of every tenant.
    #[must_use]
    pub fn trail_is_over(&self, tenant: TenantId, day: i32) -> bool {
        if tenant == TenantId(0) {
            let mut tenants = self.tenants.iter();
            return !self.tenants.is_empty() && tenants.all(|tenant| tenant.trail_is_over(day));
        }
        let part = self.part(tenant);
        part.is_some_and(|part| part.trail_is_over(day))
    }

    /// The last day through which the audit trail of any tenant has expired; `None` where none has.
    #[must_use]
    pub fn trail_through(&self) -> Option<i32> {
        let tenants = self.tenants.iter().filter_map(|it| it.custody.as_ref());
        let through =
            tenants.map(|custody| custody.rules[ContentClass::AuditTrail as usize].expired_through);
        through.max().filter(|day| *day != NEVER)
    }

    /// Whether what was said in a group on a UTC day is gone; group 0 is what is of no group or of many.
    #[must_use]
    pub fn has(&self, tenant: TenantId, group: GroupId, day: i32) -> bool {
        self.part(tenant).is_some_and(|part| part.has(group, day))
    }
}
