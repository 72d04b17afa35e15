//! Why content is gone: as a record of the log says it, or the export fails (SPEC A4, A5).
//!
//! That bytes are gone proves nothing: a stub can be forged, a key can be overwritten. It is asked of the
//! whole log that is there, not of what was before the grant, as content is erased after it too.

use std::collections::BTreeMap;

use super::walk::{Walk, events_of};
use super::{ExportError, Job, OnProgress, Phase, tell};
use crate::archive::state_before;
use crate::log::Record;
use crate::log::gone::group_of;
use crate::model::command::{ContentClass, GroupKind};
use crate::model::event::Event;
use crate::model::{self, Stamp, State, apply};
use crate::wire::{GroupId, RecordNumber, TenantId};

const CLASSES: usize = ContentClass::AuditTrail as usize + 1;

/// What the log says is gone of one tenant. Empty, and free, until something is found to be gone: then it
/// takes the memory of a state.
#[derive(Debug)]
pub(super) struct Gone {
    tenant: TenantId,
    state: State,
    /// The first record that is not in the state.
    next: u64,
    /// Of the state.
    table: model::Gone,
    /// By group: the first and the last UTC day, and the record that erased them.
    erased: BTreeMap<GroupId, Vec<(i32, i32, RecordNumber)>>,
    /// By class: the UTC day that it has expired through, ever later ones, and the record that says so.
    expired: [Vec<(i32, RecordNumber)>; CLASSES],
}

impl Gone {
    pub(super) fn of(tenant: TenantId) -> Self {
        Self {
            tenant,
            state: State::new(),
            next: 0,
            table: model::Gone::default(),
            erased: BTreeMap::new(),
            expired: Default::default(),
        }
    }

    /// Why the content of an erased record of the tenant is gone, and the record that says so.
    pub(super) fn why(
        &mut self,
        job: &Job<'_>,
        record: &Record,
        progress: OnProgress<'_>,
    ) -> Result<(&'static str, RecordNumber), ExportError> {
        let header = record.envelope.header();
        let group = group_of(header, record.takes.iter().copied()).unwrap_or(GroupId(0));
        let day = header.timestamp().utc_day();
        // What is gone never comes back: only a no may be out of date.
        if !self.table.has(self.tenant, group, day) {
            self.catch_up(job, progress)?;
        }
        let is_gone = self.table.has(self.tenant, group, day);
        let said = is_gone.then(|| self.said(group, day)).flatten();
        said.ok_or(ExportError::Unexplained {
            record: header.record(),
        })
    }

    /// The first record that says it: what it answers does not change as the log goes on. Of content that
    /// had expired and was held, "expired" also where it was erased once the hold was released.
    fn said(&self, group: GroupId, day: i32) -> Option<(&'static str, RecordNumber)> {
        let erased = self.erased.get(&group).into_iter().flatten();
        let mut erased = erased.filter(|(first, last, _)| (*first..=*last).contains(&day));
        let erased = erased.next().map(|(.., record)| ("erased", *record));
        let expired = &self.expired[self.class_of(group) as usize];
        let at = expired.partition_point(|(through, _)| *through < day);
        let expired = expired.get(at).map(|(_, record)| ("expired", *record));
        let both = erased.into_iter().chain(expired);
        both.min_by_key(|(_, record)| *record)
    }

    fn class_of(&self, group: GroupId) -> ContentClass {
        let tenant = self.state.tenant(self.tenant).ok();
        let kind = tenant.and_then(|tenant| {
            let index = tenant.find_group(group)?;
            Some(tenant.group(index).kind)
        });
        match kind {
            None => ContentClass::Ungrouped,
            Some(GroupKind::Internal) => ContentClass::Internal,
            Some(GroupKind::External) => ContentClass::External,
            Some(GroupKind::Training) => ContentClass::Training,
            Some(GroupKind::Direct) => ContentClass::Direct,
        }
    }

    /// Up to the end of the log as it is now.
    fn catch_up(&mut self, job: &Job<'_>, progress: OnProgress<'_>) -> Result<(), ExportError> {
        if self.next == 0 {
            // What is there was all said later than the records that it begins with.
            let (state, begin) = state_before(job.reader)?;
            (self.state, self.next) = (state, begin.0);
        }
        let durable = job.reader.durable().0.max(job.end());
        let mut walk = Walk::from(job.reader, self.next, durable, job.settings.read_bytes);
        loop {
            tell(progress, Phase::Explaining, walk.done(), durable)?;
            let records = walk.read()?;
            if records.is_empty() {
                break;
            }
            for record in &records {
                let header = record.envelope.header();
                let events = events_of(record)?;
                apply(&mut self.state, &Stamp::of_header(header), &events);
                if header.tenant() == self.tenant {
                    self.note(&events, header.record());
                }
                // One by one: where the job is stopped here, none is applied twice.
                self.next = header.record().0 + 1;
            }
        }
        self.table = model::Gone::of(&self.state);
        Ok(())
    }

    fn note(&mut self, events: &[Event], record: RecordNumber) {
        for event in events {
            match event {
                Event::ContentErased(erased) => {
                    let of_group = self.erased.entry(erased.group).or_default();
                    of_group.push((erased.first_day, erased.last_day, record));
                }
                Event::ContentExpired(expired) => {
                    for class in &expired.classes {
                        let of_class = &mut self.expired[class.class as usize];
                        if of_class
                            .last()
                            .is_none_or(|(day, _)| *day < class.through_day)
                        {
                            of_class.push((class.through_day, record));
                        }
                    }
                }
                _ => {}
            }
        }
    }
}
