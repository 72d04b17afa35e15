//! What earlier records left to be done: one queue of tenants in turn, worked off slice by slice.
//!
//! A tenant's own work is done in the order of the records that left it. The continuation is state,
//! so a restart goes on where the log ends. No slice holds the sequencer above 2 ms.

use crate::model::command::{Actor, DoneV1, Reply};
use crate::model::decision::{Context, Decision, Request};
use crate::model::group::creation::{Batch, decide_next_of_batch};
use crate::model::mass_send::{self, MassSend};
use crate::model::permission::{Operation, check_node};
use crate::model::refusal::Refusal;
use crate::model::state::{State, Tenant};
use crate::wire::{ClientMessageId, DeviceId, Kind, PersonId, Priority, RecordNumber, TenantId};

/// About how many bytes the event takes that makes the direct group of sender and customer.
const DIRECT_GROUP_BYTES: u64 = 256;

/// What the next `Continue` is about, and whose stamp its record gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slice {
    /// Whose.
    pub tenant: TenantId,
    /// The record that left it to be done.
    pub parent: RecordNumber,
    /// The record whose view body this one publishes; none where it publishes nothing.
    pub body: Option<RecordNumber>,
    /// About how many bytes of events its record has.
    pub event_bytes: u64,
    /// Who caused it; 0 for the enterprise's systems.
    pub sender: PersonId,
    /// From which device.
    pub device: DeviceId,
    /// What the message is, where it publishes one.
    pub kind: Kind,
    /// How soon it must be seen.
    pub priority: Priority,
    /// The asker's name for the whole.
    pub client_message_id: ClientMessageId,
}

/// What a tenant has to do next.
pub(crate) enum Work<'a> {
    /// A mass send to go out.
    MassSend(&'a MassSend),
    /// Groups to create.
    Batch(&'a Batch),
}

impl Work<'_> {
    fn parent(&self) -> RecordNumber {
        match self {
            Self::MassSend(send) => send.record,
            Self::Batch(batch) => batch.record,
        }
    }
}

impl Tenant {
    /// What is to be done next: what the earliest record left.
    pub(crate) fn work(&self) -> Option<Work<'_>> {
        let send = self.mass_sends.current().map(Work::MassSend);
        let batch = self.creation.batches.current().map(Work::Batch);
        send.into_iter().chain(batch).min_by_key(Work::parent)
    }
}

impl State {
    /// Whether something is left to be done: then the sequencer decides `Continue`, as
    /// [`Actor::System`], between other commands.
    #[must_use]
    pub fn has_continuation(&self) -> bool {
        !self.work.is_empty()
    }

    /// What the next `Continue` is about, and whose stamp its record gets.
    ///
    /// Where [`record_kind`](crate::model::record_kind) then says anything but this kind, the record
    /// has no body.
    #[must_use]
    pub fn next_slice(&self) -> Option<Slice> {
        let tenant = *self.work.front()?;
        match self.tenant(tenant).ok()?.work()? {
            Work::MassSend(send) => Some(Slice {
                tenant,
                parent: send.record,
                body: Some(send.record),
                event_bytes: if send.reaches_a_customer_next() {
                    DIRECT_GROUP_BYTES
                } else {
                    0
                },
                sender: send.sender.id(),
                device: send.device,
                kind: send.kind,
                priority: send.priority,
                client_message_id: send.client_message_id,
            }),
            Work::Batch(batch) => {
                let (_, next) = batch.next()?;
                let people = next.members.len().saturating_add(next.departments.len());
                Some(Slice {
                    tenant,
                    parent: batch.record,
                    body: None,
                    event_bytes: size_of::<PersonId>() as u64 * people as u64,
                    sender: PersonId(0),
                    device: DeviceId(0),
                    kind: Kind::Administrative,
                    priority: Priority::Normal,
                    client_message_id: batch.client_message_id,
                })
            }
        }
    }
}

/// The next slice of the next tenant in turn; `Done` where nothing is left.
pub(crate) fn decide_next(
    state: &State,
    actor: Actor,
    context: Context,
) -> Result<Decision, Refusal> {
    check_node(actor, Operation::Continue)?;
    let nothing = Decision::answered(Reply::Done(DoneV1 {}));
    let Some(tenant) = state.work.front() else {
        return Ok(nothing);
    };
    match state.tenant(*tenant)?.work() {
        Some(Work::MassSend(send)) => {
            let request = Request::of_work(state, *tenant, context)?;
            Ok(mass_send::decide_target(&request, send))
        }
        Some(Work::Batch(batch)) => {
            let request = Request::of_work(state, *tenant, context)?;
            Ok(decide_next_of_batch(&request, batch))
        }
        None => Ok(nothing),
    }
}

/// A record has left the tenant something to do: it queues, if it does not already.
pub(crate) fn left(state: &mut State, tenant: TenantId) {
    if !state.work.contains(&tenant) {
        state.work.push_back(tenant);
    }
}

/// Something that was left is not to be done any more: the tenant keeps its turn if it has other work.
pub(crate) fn withdrawn(state: &mut State, tenant: TenantId) {
    let has_more = state.tenant(tenant).is_ok_and(|t| t.work().is_some());
    if !has_more {
        state.work.retain(|queued| *queued != tenant);
    }
}

/// After a slice: the tenant queues again if it has more to do.
pub(crate) fn settle(state: &mut State, tenant: TenantId) {
    state.work.retain(|queued| *queued != tenant);
    let has_more = state.tenant(tenant).is_ok_and(|t| t.work().is_some());
    if has_more {
        state.work.push_back(tenant);
    }
}
