//! Which keys of messages are not destroyed, in memory: what an expiry takes follows from what it destroys,
//! not from how many keys there are.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::log::format::{KeyEntry, Purpose};
use crate::log::gone::Gone;
use crate::wire::{GroupId, TenantId};

/// One key: its tenant, group, UTC day and id. In this order, so that what is erased stands together.
type Key = (u32, u64, i32, u32);

/// The live keys of groups and days, and at which place of the file each stands; about 50 bytes each.
#[derive(Default, Debug)]
pub(super) struct Live {
    places: BTreeMap<Key, u32>,
    /// By tenant and UTC day, so that what expires is found without a look at every group.
    days: BTreeMap<(u32, i32), Spoken>,
}

/// Groups that have keys of a day. One whose keys are destroyed stays until those of all are.
#[derive(Default, Debug)]
struct Spoken {
    groups: Vec<u64>,
    live: u32,
}

/// Live keys of one group, of days in a row.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Run {
    pub(super) tenant: u32,
    pub(super) group: u64,
    pub(super) first: i32,
    pub(super) last: i32,
    pub(super) keys: Vec<Placed>,
}

/// One of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Placed {
    day: i32,
    pub(super) id: u32,
    /// Where it stands in the file.
    pub(super) place: u32,
}

impl Live {
    /// Notes a key that is not destroyed.
    pub(super) fn note(&mut self, place: u32, entry: &KeyEntry) {
        if let Purpose::GroupDay { tenant, group, day } = entry.purpose
            && self
                .places
                .insert((tenant, group, day, entry.id), place)
                .is_none()
        {
            let spoken = self.days.entry((tenant, day)).or_default();
            spoken.groups.push(group);
            spoken.live += 1;
        }
    }

    /// Forgets a key of this tenant, day and group: where it stood.
    pub(super) fn remove(&mut self, (tenant, day, group): (u32, i32, u64), id: u32) -> Option<u32> {
        let place = self.places.remove(&(tenant, group, day, id))?;
        if let Entry::Occupied(mut spoken) = self.days.entry((tenant, day)) {
            spoken.get_mut().live -= 1;
            if spoken.get().live == 0 {
                spoken.remove();
            }
        }
        Some(place)
    }

    /// Where the keys of a run stand, of those that are here; they are forgotten.
    pub(super) fn take(&mut self, run: &Run) -> Vec<u32> {
        let keys = run.keys.iter();
        keys.filter_map(|key| self.remove((run.tenant, key.day, run.group), key.id))
            .collect()
    }

    /// Lets go of so many keys, so that millions are not let go of at once; whether any are left.
    pub(super) fn shed(&mut self, keys: u32) -> bool {
        let days = (0..keys.div_ceil(16)).all(|_| self.days.pop_first().is_some());
        (0..keys).all(|_| self.places.pop_first().is_some()) || days
    }

    /// Runs whose keys are destroyed.
    pub(super) fn forget(&mut self, runs: &[Run]) {
        for run in runs {
            self.take(run);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Of one group.
    fn of_group(
        &self,
        (tenant, group): (u32, u64),
        first: i32,
        last: i32,
    ) -> impl Iterator<Item = (&Key, &u32)> {
        self.places
            .range((tenant, group, first, 0)..=(tenant, group, last, u32::MAX))
    }

    /// Those that are gone, as days in a row of one group: an erasure names all days between its first and
    /// its last, and those that stay must not be among them. Days further apart than `gap_days_max` begin
    /// another.
    pub(super) fn gone(&self, gone: &Gone, gap_days_max: usize) -> Vec<Run> {
        let mut found: Vec<(u32, u64, i32, u32, u32)> = Vec::new();
        let mut add = |(key, place): (&Key, &u32)| {
            let (tenant, group, day, id) = *key;
            if gone.has(TenantId(tenant), GroupId(group), day) {
                found.push((tenant, group, day, id, *place));
            }
        };
        match gone.changed() {
            None => self.places.iter().for_each(&mut add),
            Some(changed) => {
                for of in changed {
                    let (tenant, first, last) = (of.tenant.0, *of.days.start(), *of.days.end());
                    if first > last {
                        continue;
                    }
                    if let Some(group) = of.group {
                        let keys = self.of_group((tenant, group.0), first, last);
                        keys.for_each(&mut add);
                        continue;
                    }
                    for ((_, day), spoken) in self.days.range((tenant, first)..=(tenant, last)) {
                        for group in &spoken.groups {
                            let keys = self.of_group((tenant, *group), *day, *day);
                            keys.for_each(&mut add);
                        }
                    }
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        let mut runs: Vec<Run> = Vec::new();
        for (tenant, group, day, id, place) in found {
            let key = Placed { day, id, place };
            match runs.last_mut() {
                Some(run)
                    if (run.tenant, run.group) == (tenant, group)
                        && is_gone_between(gone, run, day, gap_days_max) =>
                {
                    run.last = day;
                    run.keys.push(key);
                }
                _ => runs.push(Run {
                    tenant,
                    group,
                    first: day,
                    last: day,
                    keys: vec![key],
                }),
            }
        }
        runs
    }
}

/// Whether no day between the last of a run and this one stays.
fn is_gone_between(gone: &Gone, run: &Run, day: i32, gap_days_max: usize) -> bool {
    let (tenant, group) = (TenantId(run.tenant), GroupId(run.group));
    let between = run.last.saturating_add(1)..day;
    between.len() < gap_days_max && between.into_iter().all(|day| gone.has(tenant, group, day))
}
