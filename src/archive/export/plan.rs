//! The first pass: what there should be, counted by the log's own numbers, and what was deleted later.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};

use super::deletions::{Deletion, Deletions};
use super::gone::Gone;
use super::names::{Base, Names};
use super::proofs::removed;
use super::scope::Scope;
use super::walk::{Walk, events_of};
use super::{ExportError, Job, OnProgress, Phase, tell};
use crate::archive::tlog::{Edge, leaf_hash};
use crate::log::Record;
use crate::model::event::Event;
use crate::model::project;
use crate::wire::{GroupId, PersonId, RecordNumber, Sequence, Take};

/// A place in a group's order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Place {
    pub(super) sequence: u64,
    /// Messages up to and including there.
    pub(super) ordinal: u64,
}

/// What of one group is in the time of the export.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Extent {
    /// The group's last sequence so far.
    head: u64,
    /// The group's last place before.
    pub(super) before: Place,
    /// The group's last place in it; that before where there is none.
    pub(super) last: Place,
}

impl Place {
    fn of(take: &Take) -> Self {
        Self {
            sequence: take.sequence.0,
            ordinal: take.message_ordinal,
        }
    }
}

impl Extent {
    /// Notes the group's next place, which must follow the one before.
    fn follow(&mut self, take: &Take, record: RecordNumber) -> Result<(), ExportError> {
        let expected = self.head + 1;
        if take.sequence.0 != expected {
            return Err(ExportError::MissingSequence {
                group: take.group,
                expected: Sequence(expected),
                found: take.sequence,
                record,
            });
        }
        self.head = expected;
        Ok(())
    }

    /// Of a group whose first place in a log that begins later is this one.
    fn behind_removed(record: &Record, take: &Take) -> Result<Self, ExportError> {
        let shown = project(&record.envelope, &record.takes, &events_of(record)?).envelopes;
        let is_message = shown.iter().any(|envelope| {
            let header = envelope.header();
            let there = (header.group(), header.sequence()) == (take.group, take.sequence);
            there && header.kind().is_message()
        });
        let before = Place {
            sequence: take.sequence.0.saturating_sub(1),
            ordinal: take.message_ordinal.saturating_sub(is_message.into()),
        };
        Ok(Self {
            head: before.sequence,
            before,
            last: before,
        })
    }

    pub(super) fn sequences(&self) -> u64 {
        self.last.sequence - self.before.sequence
    }

    pub(super) fn messages(&self) -> u64 {
        self.last.ordinal.saturating_sub(self.before.ordinal)
    }
}

/// What the first pass found.
#[derive(Debug)]
pub(super) struct Plan {
    /// The first record of the log: what was before it has been removed.
    pub(super) begin: u64,
    /// What everybody was called before it.
    pub(super) names: Names,
    pub(super) scope: Scope,
    /// How many records there should be: all that are in its time, less those that are not in scope.
    pub(super) records: u64,
    /// The first and the last.
    pub(super) ends: Option<(RecordNumber, RecordNumber)>,
    /// By group, those in scope; about 100 bytes each.
    pub(super) groups: BTreeMap<GroupId, Extent>,
    /// Messages that came from elsewhere: they have no ordinal.
    pub(super) imported: u64,
    pub(super) deletions: Deletions,
    /// Who has left the company since.
    pub(super) departed: HashSet<PersonId>,
    /// Of all records up to the grant, those that were removed included; what the proofs are of. `None`
    /// where the log is not published.
    pub(super) edge: Option<Edge>,
}

impl Plan {
    /// How many mails there should be.
    pub(super) fn messages(&self) -> u64 {
        let groups = self.groups.values().map(Extent::messages);
        groups.sum::<u64>() + self.imported
    }

    /// How many places of groups.
    pub(super) fn sequences(&self) -> u64 {
        self.groups.values().map(Extent::sequences).sum()
    }
}

/// Looks at every record up to the grant.
///
/// Where content is gone and no record says so, that is the end of it.
pub(super) fn plan(
    job: &Job<'_>,
    begin: u64,
    gone: &mut Gone,
    progress: OnProgress<'_>,
) -> Result<Plan, ExportError> {
    let base = Base::of(job, begin)?;
    let mut plan = Plan {
        begin,
        names: base.names,
        scope: Scope::of(job.grant),
        records: 0,
        ends: None,
        groups: BTreeMap::new(),
        imported: 0,
        deletions: Deletions::default(),
        departed: base.departed,
        edge: removed(job, begin)?,
    };
    let mut walk = Walk::from(job.reader, begin, job.end(), job.settings.read_bytes);
    walk.committed = plan.edge.is_some();
    // Records in its time, from the first to behind the last, and how many of them are not in scope.
    let (mut time, mut others) = (None, 0);
    loop {
        tell(progress, Phase::Planning, walk.done(), job.end())?;
        let records = walk.read()?;
        if records.is_empty() {
            break;
        }
        if let Some(edge) = &mut plan.edge {
            for commitment in &walk.commitments {
                edge.push(leaf_hash(commitment), |_, _| {});
            }
        }
        for record in &records {
            let header = record.envelope.header();
            if plan.scope.is_in_time(header) {
                let number = header.record().0;
                let (first, _) = time.unwrap_or((number, 0));
                time = Some((first, number + 1));
            }
            let in_scope = plan.scope.is_of_tenant(header) && look_at(&mut plan, job, record)?;
            if in_scope && record.erased {
                gone.why(job, record, progress)?;
            }
            others += u64::from(plan.scope.is_in_time(header) && !in_scope);
        }
    }
    plan.deletions.settle();
    plan.records = time.map_or(0, |(first, end)| end - first) - others;
    Ok(plan)
}

/// Takes notice of a record of the tenant; whether it is in scope.
fn look_at(plan: &mut Plan, job: &Job<'_>, record: &Record) -> Result<bool, ExportError> {
    let header = record.envelope.header();
    let in_time = plan.scope.is_in_time(header);
    for take in &record.takes {
        if plan.scope.has_group(take.group) {
            let extent = match plan.groups.entry(take.group) {
                Entry::Occupied(extent) => extent.into_mut(),
                Entry::Vacant(none) if plan.begin == 0 => none.insert(Extent::default()),
                Entry::Vacant(none) => none.insert(Extent::behind_removed(record, take)?),
            };
            extent.follow(take, header.record())?;
            if plan.scope.is_before(header) || in_time {
                extent.last = Place::of(take);
            }
            if plan.scope.is_before(header) {
                extent.before = extent.last;
            }
        }
    }
    let events = events_of(record)?;
    for event in &events {
        match event {
            Event::MessageDeleted(deleted) if plan.scope.has_group(deleted.group) => {
                let deletion = Deletion {
                    group: deleted.group,
                    sequence: deleted.sequence,
                    record: header.record(),
                    by: deleted.by,
                };
                let place = (job.room(), job.folder);
                let rows_max = job.settings.deletions_in_memory;
                plan.deletions.add(deletion, rows_max, place)?;
            }
            Event::PersonDeparted(departed) => drop(plan.departed.insert(departed.person)),
            Event::PersonDepartedV2(departed) => drop(plan.departed.insert(departed.person)),
            Event::HistoryImported(imported) if in_time && plan.scope.has_group(imported.group) => {
                plan.imported += imported.messages.len() as u64;
            }
            _ => {}
        }
    }
    let in_scope = plan.scope.holds(record, &events);
    if in_scope {
        let (first, _) = plan.ends.unwrap_or((header.record(), header.record()));
        plan.ends = Some((first, header.record()));
    }
    Ok(in_scope)
}
