//! Which keys of messages are not destroyed, in memory: what an expiry takes follows from what it destroys,
//! not from how many keys there are.

use std::collections::BTreeMap;

use crate::log::format::{KeyEntry, Purpose, Secret};
use crate::log::gone::Gone;
use crate::wire::{GroupId, TenantId};

/// One key: its tenant, UTC day, group and id. In this order, so that what expires stands together.
type Key = (u32, i32, u64, u32);

/// The live keys of groups and days, and at which place of the file each stands; about 40 bytes each.
#[derive(Default, Debug)]
pub(super) struct Live(BTreeMap<Key, u32>);

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
    /// Notes a key that can be opened.
    pub(super) fn note(&mut self, place: u32, entry: &KeyEntry) {
        if let (Purpose::GroupDay { tenant, group, day }, Secret::Wrapped(_)) =
            (entry.purpose, entry.secret)
        {
            self.0.insert((tenant, day, group, entry.id), place);
        }
    }

    /// Runs whose keys are destroyed.
    pub(super) fn forget(&mut self, runs: &[Run]) {
        for run in runs {
            for key in &run.keys {
                self.0.remove(&(run.tenant, key.day, run.group, key.id));
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Of one group, from day to day: looks at each day once.
    fn of_group(
        &self,
        tenant: u32,
        group: u64,
        first: i32,
        last: i32,
    ) -> impl Iterator<Item = (Key, u32)> + '_ {
        let mut from = Some((tenant, first, group, 0));
        let until = (tenant, last, group, u32::MAX);
        std::iter::from_fn(move || {
            loop {
                let start = from.filter(|start| *start <= until)?;
                let (found, place) = self.0.range(start..=until).next()?;
                let (_, day, of, id) = *found;
                let next_day = day.checked_add(1).map(|day| (tenant, day, group, 0));
                match of.cmp(&group) {
                    std::cmp::Ordering::Less => from = Some((tenant, day, group, 0)),
                    std::cmp::Ordering::Greater => from = next_day,
                    std::cmp::Ordering::Equal => {
                        from = match id.checked_add(1) {
                            Some(id) => Some((tenant, day, group, id)),
                            None => next_day,
                        };
                        return Some((*found, *place));
                    }
                }
            }
        })
    }

    /// Those that are gone, as days in a row of one group: an erasure names all days between its first and
    /// its last, and those that stay must not be among them. Days further apart than `gap_days_max` begin
    /// another.
    pub(super) fn gone(&self, gone: &Gone, gap_days_max: usize) -> Vec<Run> {
        let is_gone =
            |(tenant, day, group, _): &Key| gone.has(TenantId(*tenant), GroupId(*group), *day);
        let mut found: Vec<(u32, u64, i32, u32, u32)> = Vec::new();
        let mut add = |(key, place): (Key, u32)| {
            let (tenant, day, group, id) = key;
            if is_gone(&key) {
                found.push((tenant, group, day, id, place));
            }
        };
        let pair = |(key, place): (&Key, &u32)| (*key, *place);
        match gone.changed() {
            None => self.0.iter().map(pair).for_each(&mut add),
            Some(changed) => {
                for of in changed {
                    let (tenant, first, last) = (of.tenant.0, *of.days.start(), *of.days.end());
                    if first > last {
                        continue;
                    }
                    match of.group {
                        Some(group) => {
                            let keys = self.of_group(tenant, group.0, first, last);
                            keys.for_each(&mut add);
                        }
                        None => {
                            let days = (tenant, first, 0, 0)..=(tenant, last, u64::MAX, u32::MAX);
                            self.0.range(days).map(pair).for_each(&mut add);
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
