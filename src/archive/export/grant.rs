//! What was granted: found in the log, the only place that says so.

use super::walk::{Walk, events_of};
use super::{ExportError, OnProgress, Phase, tell};
use crate::log::{Reader, Record};
use crate::model::command::ExportScopeV1;
use crate::model::event::{Event, ExportGrantedV1};
use crate::wire::{ExportId, PersonId, RecordNumber, TenantId, Timestamp};

/// Bytes of records read at a time.
const READ_BYTES: usize = 1024 * 1024;
/// Tenants that are named where there are several.
const TENANTS_MAX: usize = 5;

/// An export that two super admins have agreed on (SPEC P1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    /// Whose records.
    pub tenant: TenantId,
    /// Its number there.
    pub export: ExportId,
    /// Which of them: of these groups (all, where none is named), decided in this time.
    pub scope: ExportScopeV1,
    /// Who asked.
    pub requester: PersonId,
    /// Who approved.
    pub approver: PersonId,
    /// The record that says so, the last one that is exported.
    pub record: RecordNumber,
    /// Its time.
    pub granted_at: Timestamp,
}

/// What a record with these events grants.
pub fn granted_by<'a>(
    record: &'a Record,
    events: &'a [Event],
) -> impl Iterator<Item = Grant> + use<'a> {
    let header = record.envelope.header();
    events.iter().filter_map(move |event| match event {
        Event::ExportGranted(granted) if is_of_two(granted) => Some(Grant {
            tenant: header.tenant(),
            export: granted.export,
            scope: granted.scope.clone(),
            requester: granted.requester,
            approver: granted.approver,
            record: header.record(),
            granted_at: header.timestamp(),
        }),
        _ => None,
    })
}

/// Whether two people agreed, as the model has it (SPEC P1): a log that says otherwise grants nothing.
fn is_of_two(granted: &ExportGrantedV1) -> bool {
    let both = [granted.requester, granted.approver];
    both[0] != both[1] && !both.contains(&PersonId(0))
}

impl Grant {
    /// Looks through the log for the grant of `export`; of any tenant, if only one has it.
    pub fn find(
        reader: &Reader,
        tenant: Option<TenantId>,
        export: ExportId,
        progress: OnProgress<'_>,
    ) -> Result<Self, ExportError> {
        let mut found: Vec<Self> = Vec::new();
        let durable = reader.durable().0;
        let mut walk = Walk::from(reader, reader.first().0, durable, READ_BYTES);
        loop {
            tell(progress, Phase::Looking, walk.done(), durable)?;
            let records = walk.read()?;
            if records.is_empty() {
                break;
            }
            for record in records {
                if tenant.is_some_and(|tenant| tenant != record.envelope.header().tenant()) {
                    continue;
                }
                let events = events_of(&record)?;
                let grants = granted_by(&record, &events).filter(|grant| grant.export == export);
                found.extend(grants.take(TENANTS_MAX - found.len().min(TENANTS_MAX)));
            }
        }
        match found.len() {
            0 => Err(ExportError::NotGranted { export }),
            1 => Ok(found.remove(0)),
            _ => Err(ExportError::WhichTenant {
                export,
                tenants: found.iter().map(|grant| grant.tenant).collect(),
            }),
        }
    }
}
