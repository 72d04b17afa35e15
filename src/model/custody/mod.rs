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

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

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

/// What a tenant keeps, and what it does not. A clone shares nearly all of it: one is made for every record that
/// changes what is gone.
#[derive(Clone, Debug)]
pub(crate) struct Custody {
    rules: [Rule; CLASSES],
    /// In the order they were placed.
    holds: Vec<Arc<Hold>>,
    erased: Erased,
    /// Exports that are complete.
    finished: Arc<Vec<ExportId>>,
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
        same_days && (all || have_one_in_common(&self.groups, &other.groups))
    }
}

/// Of two sorted lists: each is gone through once at most, in leaps where the other has a gap.
fn have_one_in_common(mut one: &[GroupId], mut other: &[GroupId]) -> bool {
    while let (Some(first), Some(second)) = (one.first(), other.first()) {
        match first.cmp(second) {
            Ordering::Equal => return true,
            Ordering::Less => one = from(one, *second),
            Ordering::Greater => other = from(other, *first),
        }
    }
    false
}

/// What of a sorted list, whose first is less than `group`, is not.
fn from(list: &[GroupId], group: GroupId) -> &[GroupId] {
    let mut leap = 1;
    while list.get(leap).is_some_and(|it| *it < group) {
        leap *= 2;
    }
    let (low, high) = (leap / 2, list.len().min(leap + 1));
    let at = low + list[low..high].partition_point(|it| *it < group);
    &list[at..]
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

/// Groups of one part of what was erased.
const ERASED_PART: u64 = 256;

/// First and last days, both included.
type Ranges = Vec<(i32, i32)>;

/// Days of groups that were erased: ranges in order, that neither overlap nor touch. In parts of neighbouring
/// groups, which clones share: another erasure copies one of them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Erased {
    parts: BTreeMap<u64, Arc<BTreeMap<GroupId, Ranges>>>,
    count: usize,
}

impl Erased {
    fn ranges(&self, group: GroupId) -> Option<&Ranges> {
        self.parts.get(&(group.0 / ERASED_PART))?.get(&group)
    }

    fn has(&self, group: GroupId, day: i32) -> bool {
        let Some(ranges) = self.ranges(group) else {
            return false;
        };
        let after = ranges.partition_point(|(first, _)| *first <= day);
        after > 0 && day <= ranges[after - 1].1
    }

    fn add(&mut self, group: GroupId, first: i32, last: i32) {
        let part = self.parts.entry(group.0 / ERASED_PART).or_default();
        let ranges = Arc::make_mut(part).entry(group).or_default();
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

    /// Every range, by group and day.
    fn all(&self) -> impl Iterator<Item = (GroupId, i32, i32)> {
        let groups = self.parts.values().flat_map(|part| part.iter());
        groups.flat_map(|(group, ranges)| ranges.iter().map(|it| (*group, it.0, it.1)))
    }

    /// Ranges that were not there `before`; parts that both share are not looked at.
    fn since(&self, before: &Self) -> impl Iterator<Item = (GroupId, (i32, i32))> {
        let parts = self.parts.iter().filter(|(number, part)| {
            let earlier = before.parts.get(number);
            !earlier.is_some_and(|earlier| Arc::ptr_eq(earlier, part))
        });
        let groups = parts.flat_map(|(_, part)| part.iter());
        groups.flat_map(|(group, ranges)| {
            let earlier = before.ranges(*group);
            let new = ranges.iter().filter(move |range| {
                earlier.is_none_or(|earlier| earlier.binary_search(range).is_err())
            });
            new.map(|range| (*group, *range))
        })
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
            finished: Arc::default(),
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
        let held = |hold: &Arc<Hold>| hold.scope.first <= day && day <= hold.scope.last;
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
        let erased = self.erased.since(&before.erased);
        changed.extend(erased.map(|(group, (first, last))| (Some(group), first..=last)));
        let ended = before.holds.iter();
        // In the order they were placed, and so of their ids.
        let stands = |id: HoldId| self.holds.binary_search_by_key(&id, |it| it.id).is_ok();
        for scope in ended.filter(|hold| !stands(hold.id)).map(|it| &it.scope) {
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
