//! Many groups in one call by the enterprise (SPEC G3): one parent record, then one a group, each
//! succeeding or failing by itself.
//!
//! What is still to be created is state, worked off between other commands; the results are kept
//! for as long as those of a mass send. A retry of the call answers with the first.

use std::collections::VecDeque;
use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::model::Stamp;
use crate::model::command::{
    BatchAcceptedV1, CreateGroupsV1, DoneV1, GroupChangedV1, NewGroupV1, Reply,
};
use crate::model::decision::{Decision, Request};
use crate::model::event::{self, BatchGroupCreatedV1, BatchGroupRefusedV1, Event};
use crate::model::limits::check_count;
use crate::model::mass_send::FINISHED_KEPT_FOR_US;
use crate::model::permission::{Operation, Subject};
use crate::model::quota::{self, Demand, Denied};
use crate::model::refusal::Refusal;
use crate::model::state::{GroupIndex, State};
use crate::model::work;
use crate::wire::{ClientMessageId, RecordNumber, Sequence, Take, Timestamp, tagged};

use super::decide::plan_for_enterprise;

/// What became of one group of a batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    Created(GroupIndex),
    /// With the refusal's code and text.
    Refused(u16, Box<str>),
}

/// One call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Batch {
    /// The parent record.
    pub(crate) record: RecordNumber,
    pub(crate) client_message_id: ClientMessageId,
    /// By which a retry with other groups is told.
    pub(crate) digest: u64,
    pub(crate) accepted_at: Timestamp,
    /// How many groups were asked for.
    pub(crate) count: u32,
    /// Of those that have had their turn.
    pub(crate) outcomes: Vec<Outcome>,
    /// All that were asked for; empty once all have had their turn.
    pub(crate) groups: Vec<NewGroupV1>,
}

impl Batch {
    /// The number of the group whose turn it is, and what was asked for.
    pub(crate) fn next(&self) -> Option<(u32, &NewGroupV1)> {
        let at = self.outcomes.len();
        Some((u32::try_from(at).ok()?, self.groups.get(at)?))
    }
}

/// A tenant's batches in the order they were accepted, which is the order they are worked off in.
#[derive(Default)]
pub(crate) struct Batches {
    pub(crate) list: VecDeque<Batch>,
    /// So many at the front of `list` are done.
    pub(crate) finished: usize,
}

impl Batches {
    pub(crate) fn find(&self, record: RecordNumber) -> Option<&Batch> {
        let at = self
            .list
            .binary_search_by_key(&record, |batch| batch.record);
        at.ok().map(|at| &self.list[at])
    }

    /// The one that is being worked off.
    pub(crate) fn current(&self) -> Option<&Batch> {
        self.list.get(self.finished)
    }

    /// The newest of that name whose results are still kept at `now`.
    fn named(&self, id: ClientMessageId, now: Timestamp) -> Option<&Batch> {
        let mut newest_first = self.list.iter().rev();
        let found = newest_first.find(|batch| batch.client_message_id == id)?;
        let is_kept = now.micros_since(found.accepted_at) < FINISHED_KEPT_FOR_US;
        (is_kept || !found.groups.is_empty()).then_some(found)
    }

    fn forget_finished(&mut self, now: Timestamp) {
        while self.finished > 0
            && let Some(oldest) = self.list.front()
            && now.micros_since(oldest.accepted_at) >= FINISHED_KEPT_FOR_US
        {
            self.list.pop_front();
            self.finished -= 1;
        }
    }
}

pub(crate) fn decide_create_groups(
    request: &Request<'_>,
    create: &CreateGroupsV1,
) -> Result<Decision, Refusal> {
    request.permit(Operation::CreateGroups, Subject::Tenant)?;
    let tenant = request.tenant;
    if create.client_message_id == ClientMessageId(0) {
        return Err(Refusal::Invalid {
            field: "client_message_id",
            rule: "not 0: a retry is recognised by it",
        });
    }
    let digest = digest_of(&create.groups);
    let id = create.client_message_id;
    if let Some(first) = tenant.creation.batches.named(id, request.now) {
        if first.digest != digest {
            return Err(Refusal::IdempotencyMismatch);
        }
        return Ok(Decision::answered(accepted(
            first.record,
            first.count,
            true,
        )));
    }
    tenant.require_verified(request.now)?;
    let limits = request.limits;
    check_count("groups", create.groups.len(), limits.batch_groups_max)?;
    let named = |group: &NewGroupV1| group.members.len() + group.departments.len();
    let people: usize = create.groups.iter().map(named).sum();
    if people > limits.batch_people_max as usize {
        return Err(Refusal::Invalid {
            field: "groups",
            rule: "no more people in all than the limit of a batch",
        });
    }

    let event = Event::BatchAccepted(event::BatchAcceptedV1 {
        client_message_id: create.client_message_id,
        digest,
        groups: create.groups.clone(),
    });
    let count = u32::try_from(create.groups.len()).unwrap_or(u32::MAX);
    Ok(Decision::accepted(
        event,
        accepted(request.record, count, false),
    ))
}

fn accepted(batch: RecordNumber, groups: u32, duplicate: bool) -> Reply {
    Reply::BatchAccepted(BatchAcceptedV1 {
        batch,
        groups,
        duplicate,
    })
}

/// Unkeyed: what it is a digest of is in an event, which no erasure destroys.
fn digest_of(groups: &Vec<NewGroupV1>) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(&tagged::encode(groups));
    hasher.finish()
}

/// The next group of a batch, decided as if the enterprise asked for it now.
pub(crate) fn decide_next_of_batch(request: &Request<'_>, batch: &Batch) -> Decision {
    let Some((item, wanted)) = batch.next() else {
        return Decision::answered(Reply::Done(DoneV1 {}));
    };
    let batch = batch.record;
    let planned = plan_for_enterprise(request, wanted).map_err(Denied::from);
    let paid = planned.and_then(|created| {
        let charges = quota::admit(request, &[Demand::groups_created(None, 1)])?;
        Ok((created, charges))
    });
    match paid {
        Ok((created, charges)) => {
            let group = created.group;
            let sequence = Sequence(1);
            let event = BatchGroupCreatedV1 {
                batch,
                item,
                created,
            };
            let event = Event::BatchGroupCreated(event);
            Decision::new(
                [event].into_iter().chain(quota::charged(charges)).collect(),
                Ok(Reply::GroupCreated(GroupChangedV1 { group, sequence })),
            )
        }
        Err(Denied { refusal, freezes }) => {
            let event = Event::BatchGroupRefused(BatchGroupRefusedV1 {
                batch,
                item,
                code: refusal.code(),
                text: refusal.to_string(),
            });
            let frozen = freezes.map(Event::QuotaFrozen);
            Decision::new(
                [event].into_iter().chain(frozen).collect(),
                Ok(Reply::Done(DoneV1 {})),
            )
        }
    }
}

pub(crate) fn accept_batch(
    state: &mut State,
    stamp: &Stamp,
    accepted: &event::BatchAcceptedV1,
) -> Option<()> {
    let batches = &mut state.tenant_mut(stamp.tenant)?.creation.batches;
    let last = batches.list.back();
    let count = u32::try_from(accepted.groups.len()).ok()?;
    if count == 0 || last.is_some_and(|last| last.record >= stamp.record) {
        return None;
    }
    batches.forget_finished(stamp.timestamp);
    batches.list.push_back(Batch {
        record: stamp.record,
        client_message_id: accepted.client_message_id,
        digest: accepted.digest,
        accepted_at: stamp.timestamp,
        count,
        outcomes: Vec::new(),
        groups: accepted.groups.clone(),
    });
    work::left(state, stamp.tenant);
    Some(())
}

pub(crate) fn create_of_batch(
    state: &mut State,
    stamp: &Stamp,
    event: &BatchGroupCreatedV1,
) -> Option<Take> {
    turn(state, stamp, event.batch, event.item)?;
    let tenant = state.tenant_mut(stamp.tenant)?;
    let take = super::create(tenant, &event.created);
    // An event that creates nothing is none a decision made; the batch still goes on.
    let outcome = match tenant.find_group(event.created.group) {
        Some(group) => Outcome::Created(group),
        None => Outcome::Refused(0, Box::default()),
    };
    settle(state, stamp, outcome);
    take
}

pub(crate) fn refuse_of_batch(
    state: &mut State,
    stamp: &Stamp,
    event: &BatchGroupRefusedV1,
) -> Option<()> {
    turn(state, stamp, event.batch, event.item)?;
    let outcome = Outcome::Refused(event.code, event.text.as_str().into());
    settle(state, stamp, outcome);
    Some(())
}

/// Whether it is the turn of `item` of `batch`.
fn turn(state: &State, stamp: &Stamp, batch: RecordNumber, item: u32) -> Option<()> {
    let current = state
        .tenant(stamp.tenant)
        .ok()?
        .creation
        .batches
        .current()?;
    let (next, _) = current.next()?;
    (current.record == batch && next == item).then_some(())
}

fn settle(state: &mut State, stamp: &Stamp, outcome: Outcome) {
    if let Some(tenant) = state.tenant_mut(stamp.tenant) {
        let batches = &mut tenant.creation.batches;
        if let Some(batch) = batches.list.get_mut(batches.finished) {
            batch.outcomes.push(outcome);
            if batch.outcomes.len() == batch.groups.len() {
                batch.groups = Vec::new();
                batches.finished += 1;
            }
        }
    }
    work::settle(state, stamp.tenant);
}
