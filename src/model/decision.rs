//! What a decision is made from and what comes of it.

use crate::model::command::{Actor, Command, Reply};
use crate::model::event::Event;
use crate::model::limits::Limits;
use crate::model::permission::{self, Operation, Subject, Verdict};
use crate::model::refusal::Refusal;
use crate::model::state::{State, Tenant};
use crate::wire::{RecordNumber, TenantId, Timestamp};

/// What the sequencer tells a decision from outside: no decision reads a clock (invariant 7).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Context {
    /// When it is decided; never before the latest record.
    pub now: Timestamp,
    /// The number this decision's record will get, if it makes one.
    pub record: RecordNumber,
    /// Keyed digest of kind, priority and body of a mass send; 0 for every other command.
    ///
    /// The key stays outside the model: a digest that anyone could compute would outlive the body's
    /// erasure.
    pub body_digest: u64,
    /// Fresh randomness for what must not be guessed, such as join codes; 0 for a publish.
    pub random: u128,
}

/// What was decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// What happened, for one record. Empty: nothing to log. A refusal too can make something happen (SPEC Q2).
    pub events: Vec<Event>,
    /// What the asker is told, once the record is durable.
    pub outcome: Result<Reply, Refusal>,
}

impl Decision {
    /// Something happens.
    pub(crate) fn accepted(event: Event, reply: Reply) -> Self {
        Self {
            events: vec![event],
            outcome: Ok(reply),
        }
    }

    /// Nothing happens: the answer is known.
    pub(crate) fn answered(reply: Reply) -> Self {
        Self {
            events: Vec::new(),
            outcome: Ok(reply),
        }
    }
}

impl From<Result<Self, Refusal>> for Decision {
    fn from(decided: Result<Self, Refusal>) -> Self {
        decided.unwrap_or_else(|refusal| Self {
            events: Vec::new(),
            outcome: Err(refusal),
        })
    }
}

/// A command's surroundings: one tenant, and nothing of any other (invariant 9).
pub(crate) struct Request<'a> {
    pub(crate) tenant: &'a Tenant,
    pub(crate) limits: &'a Limits,
    pub(crate) actor: Actor,
    /// The asker proved a second factor (SPEC D9).
    pub(crate) second_factor: bool,
    /// Somebody else has approved what is asked (SPEC P2).
    pub(crate) approved: bool,
    pub(crate) now: Timestamp,
    pub(crate) record: RecordNumber,
    pub(crate) body_digest: u64,
    pub(crate) random: u128,
}

impl<'a> Request<'a> {
    pub(crate) fn new(
        state: &'a State,
        command: &Command,
        context: Context,
    ) -> Result<Self, Refusal> {
        Ok(Self {
            tenant: state.tenant(command.tenant)?,
            limits: &state.limits,
            actor: command.actor,
            second_factor: command.second_factor,
            approved: false,
            now: context.now.max(state.clock),
            record: context.record,
            body_digest: context.body_digest,
            random: context.random,
        })
    }

    /// What an earlier record left to be done, as the enterprise that asked for it.
    pub(crate) fn of_work(
        state: &'a State,
        tenant: TenantId,
        context: Context,
    ) -> Result<Self, Refusal> {
        Ok(Self {
            tenant: state.tenant(tenant)?,
            limits: &state.limits,
            actor: Actor::Enterprise,
            second_factor: false,
            approved: false,
            now: context.now.max(state.clock),
            record: context.record,
            body_digest: context.body_digest,
            random: context.random,
        })
    }

    pub(crate) fn permit(&self, operation: Operation, subject: Subject) -> Result<(), Refusal> {
        let verdict = permission::verdict(
            self.tenant,
            self.actor,
            self.second_factor,
            operation,
            subject,
        )?;
        match verdict {
            Verdict::Granted => Ok(()),
            Verdict::NeedsApproval if self.approved => Ok(()),
            Verdict::NeedsApproval => Err(Refusal::NeedsApproval {
                operation: permission::name_of(operation),
            }),
            Verdict::NeedsSecondFactor => Err(Refusal::SecondFactorRequired),
            Verdict::Refused => Err(permission::not_permitted(operation)),
        }
    }
}
