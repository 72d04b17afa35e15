//! Custody of content (SPEC A4, A5): how long it is kept, what is held, what was erased.
//!
//! Content is what members received, by (group, UTC day); headers and events are the audit trail, which is a
//! class of its own: kept for ever unless its retention says otherwise, and held with any content. Whether
//! content is gone is a function of the records so far and of nothing else, so that
//! readers, keys and files follow one order: a hold that comes before an erasure wins, one that comes
//! after finds nothing. What is gone never comes back: a longer retention changes nothing of that.

mod apply;
pub(crate) mod command;
mod decide;
pub(crate) mod event;
mod gone;
mod query;
pub(crate) mod snapshot;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::RangeInclusive;

pub(crate) use apply::{erase, expire, finish_export, place, release, set_retention};
pub use decide::{LookedThrough, due_to_expire};
pub(crate) use decide::{
    decide_erase, decide_expire, decide_finish_export, decide_place, decide_release, decide_search,
    decide_set_retention,
};
pub use gone::{Changed, Gone, GoneUpdate};
pub(crate) use query::{get_retention, list_holds};

use self::command::ContentClass;
use crate::model::command::GroupKind;
use crate::model::event::Event;
use crate::model::state::Tenant;
use crate::wire::{ExportId, GroupId, HoldId, PersonId, Timestamp};

/// How many classes of content there are.
const CLASSES: usize = 6;
/// Of these, the first are of texts.
const TEXTS: usize = 5;
const ALL_CLASSES: [ContentClass; CLASSES] = [
    ContentClass::Internal,
    ContentClass::External,
    ContentClass::Training,
    ContentClass::Direct,
    ContentClass::Ungrouped,
    ContentClass::AuditTrail,
];
/// Nothing has expired.
const NEVER: i32 = i32::MIN;

/// What a tenant keeps, and what it does not.
#[derive(Clone, Debug)]
pub(crate) struct Custody {
    rules: [Rule; CLASSES],
    /// In the order they were placed.
    holds: Vec<Hold>,
    erased: Erased,
    /// Exports that are complete.
    finished: Vec<ExportId>,
}

/// How long one class is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Rule {
    /// 0 for ever.
    days: u32,
    expired_through: i32,
}

/// A hold, until nothing needs it any more.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Hold {
    id: HoldId,
    scope: Scope,
    by: PersonId,
    placed_at: Timestamp,
    reason: Box<str>,
    /// From which day on by class: what had expired when it was placed is gone.
    from: [i32; CLASSES],
    /// It ended, but another hold covers some of the same: kept whole, so that nothing held is lost.
    released: bool,
}

/// Days of some groups, or of all.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Scope {
    /// Sorted; none for all.
    groups: Box<[GroupId]>,
    first: i32,
    last: i32,
}

impl Scope {
    fn has(&self, group: GroupId) -> bool {
        self.groups.is_empty() || self.groups.binary_search(&group).is_ok()
    }

    fn overlaps(&self, other: &Self) -> bool {
        let same_days = self.first <= other.last && other.first <= self.last;
        let all = self.groups.is_empty() || other.groups.is_empty();
        same_days && (all || self.groups.iter().any(|group| other.has(*group)))
    }
}

impl Hold {
    fn covers(&self, class: ContentClass, group: GroupId, day: i32) -> bool {
        let from = self.scope.first.max(self.from[class as usize]);
        from <= day && day <= self.scope.last && self.scope.has(group)
    }

    /// Whether some of these days of a group are held, gone or not: another hold may have kept what
    /// had expired by its class.
    fn protects(&self, group: GroupId, first: i32, last: i32) -> bool {
        let overlaps = self.scope.first.max(first) <= self.scope.last.min(last);
        !self.released && overlaps && self.scope.has(group)
    }
}

/// Days of groups that were erased: ranges in order, that neither overlap nor touch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Erased {
    ranges: BTreeMap<GroupId, Vec<(i32, i32)>>,
    count: usize,
}

impl Erased {
    fn has(&self, group: GroupId, day: i32) -> bool {
        let Some(ranges) = self.ranges.get(&group) else {
            return false;
        };
        let after = ranges.partition_point(|(first, _)| *first <= day);
        after > 0 && day <= ranges[after - 1].1
    }

    fn add(&mut self, group: GroupId, first: i32, last: i32) {
        let ranges = match self.ranges.entry(group) {
            Entry::Occupied(ranges) => ranges.into_mut(),
            Entry::Vacant(none) => none.insert(Vec::new()),
        };
        let before = ranges.len();
        let from = ranges.partition_point(|range| range.1 < first.saturating_sub(1));
        let to = ranges.partition_point(|range| range.0 <= last.saturating_add(1));
        let merged = ranges[from..to.max(from)]
            .iter()
            .fold((first, last), |(first, last), range| {
                (first.min(range.0), last.max(range.1))
            });
        ranges.splice(from..to.max(from), [merged]);
        self.count = self.count + ranges.len() - before;
    }
}

impl Default for Custody {
    fn default() -> Self {
        let rule = Rule {
            days: 0,
            expired_through: NEVER,
        };
        Self {
            rules: [rule; CLASSES],
            holds: Vec::new(),
            erased: Erased::default(),
            finished: Vec::new(),
        }
    }
}

impl Custody {
    /// Whether what was said in a group of this class on this day is gone.
    fn is_gone(&self, class: ContentClass, group: GroupId, day: i32) -> bool {
        if self.erased.has(group, day) {
            return true;
        }
        let expired = day <= self.rules[class as usize].expired_through;
        expired && !self.holds.iter().any(|hold| hold.covers(class, group, day))
    }

    /// Whether the audit trail of this day is over, and no hold covers any of that day: not even one that
    /// came too late to keep it.
    fn trail_is_over(&self, day: i32) -> bool {
        let expired = day <= self.rules[ContentClass::AuditTrail as usize].expired_through;
        let held = |hold: &Hold| hold.scope.first <= day && day <= hold.scope.last;
        expired && !self.holds.iter().any(held)
    }

    /// Of which groups and days more may be gone than was `before`; all groups where none is named.
    fn changed(&self, before: &Self) -> Vec<(Option<GroupId>, RangeInclusive<i32>)> {
        let mut changed = Vec::new();
        let texts = self.rules.iter().zip(&before.rules).take(TEXTS);
        for (rule, earlier) in texts {
            if rule.expired_through > earlier.expired_through {
                let from = earlier.expired_through.saturating_add(1);
                changed.push((None, from..=rule.expired_through));
            }
        }
        for (group, ranges) in &self.erased.ranges {
            let earlier = before.erased.ranges.get(group);
            let new = ranges
                .iter()
                .filter(|range| !earlier.is_some_and(|it| it.contains(range)));
            changed.extend(new.map(|(first, last)| (Some(*group), *first..=*last)));
        }
        let ended = before.holds.iter();
        let ended = ended.filter(|hold| !self.holds.iter().any(|it| it.id == hold.id));
        for Hold { scope, .. } in ended {
            let days = scope.first..=scope.last;
            let groups = scope.groups.iter();
            changed.extend(groups.map(|group| (Some(*group), days.clone())));
            if scope.groups.is_empty() {
                changed.push((None, days));
            }
        }
        changed
    }

    /// Whether anything is gone at all.
    fn has_gone(&self) -> bool {
        self.erased.count > 0 || self.rules.iter().any(|rule| rule.expired_through != NEVER)
    }
}

impl ContentClass {
    /// Of what is said in a group of this kind.
    fn of_kind(kind: GroupKind) -> Self {
        match kind {
            GroupKind::Internal => Self::Internal,
            GroupKind::External => Self::External,
            GroupKind::Training => Self::Training,
            GroupKind::Direct => Self::Direct,
        }
    }
}

/// The class of what is said in a group; 0, and a group that there is not, is none.
fn class_of(tenant: &Tenant, group: GroupId) -> ContentClass {
    let group = tenant.find_group(group).map(|index| tenant.group(index));
    group.map_or(ContentClass::Ungrouped, |group| {
        ContentClass::of_kind(group.kind)
    })
}

/// Whether what was said in a group on a UTC day is gone.
pub(crate) fn content_is_gone(tenant: &Tenant, group: GroupId, day: i32) -> bool {
    tenant.custody.is_gone(class_of(tenant, group), group, day)
}

/// Whether a record with these events changes what is gone.
#[must_use]
pub fn changes_what_is_gone(events: &[Event]) -> bool {
    let changes = |event: &Event| {
        matches!(
            event,
            Event::ContentErased(_) | Event::ContentExpired(_) | Event::HoldReleased(_)
        )
    };
    events.iter().any(changes)
}

/// Whether a record with these events changes what is due.
#[must_use]
pub fn changes_what_is_due(events: &[Event]) -> bool {
    let changes = |event: &Event| matches!(event, Event::RetentionSet(_));
    events.iter().any(changes)
}
