//! What a decision is made from and what comes of it.

use core::cell::Cell;

use crate::model::audit::Denial;
use crate::model::command::{Actor, Command, Reply};
use crate::model::event::Event;
use crate::model::limits::Limits;
use crate::model::permission::{self, Operation, Subject, Verdict};
use crate::model::refusal::Refusal;
use crate::model::state::{State, Tenant};
use crate::wire::{PersonId, RecordNumber, TenantId, Timestamp};

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
    /// What the record's view is where the command came without a draft of it, at most
    /// [`BODY_LEN_MAX`](crate::wire::BODY_LEN_MAX) bytes; empty for most. The events name the group it
    /// belongs to ([`content_of`](crate::model::event::content_of)).
    pub view: Box<[u8]>,
}

impl Decision {
    /// What happens and what is answered.
    pub(crate) fn new(events: Vec<Event>, outcome: Result<Reply, Refusal>) -> Self {
        Self {
            events,
            outcome,
            view: Box::default(),
        }
    }

    /// Something happens.
    pub(crate) fn accepted(event: Event, reply: Reply) -> Self {
        Self::new(vec![event], Ok(reply))
    }

    /// Nothing happens: the answer is known.
    pub(crate) fn answered(reply: Reply) -> Self {
        Self::new(Vec::new(), Ok(reply))
    }
}

impl From<Result<Self, Refusal>> for Decision {
    fn from(decided: Result<Self, Refusal>) -> Self {
        decided.unwrap_or_else(|refusal| Self::new(Vec::new(), Err(refusal)))
    }
}

/// What a tagged command's decision stands on beside the command, and where it leaves a denial.
#[derive(Clone, Copy)]
pub(crate) struct Grounds<'a> {
    approved: bool,
    approver: PersonId,
    denial: &'a Cell<Option<Denial>>,
}

impl<'a> Grounds<'a> {
    /// Nobody has approved it.
    pub(crate) fn asked(denial: &'a Cell<Option<Denial>>) -> Self {
        Self {
            approved: false,
            approver: PersonId(0),
            denial,
        }
    }

    /// `approver` has approved it; 0 for the enterprise.
    pub(crate) fn approved_by(approver: PersonId, denial: &'a Cell<Option<Denial>>) -> Self {
        Self {
            approved: true,
            approver,
            denial,
        }
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
    /// Who has; 0 for nobody, and for the enterprise.
    pub(crate) approver: PersonId,
    pub(crate) now: Timestamp,
    pub(crate) record: RecordNumber,
    pub(crate) body_digest: u64,
    pub(crate) random: u128,
    /// Takes what is denied, for the audit trail (SPEC P3).
    denial: Option<&'a Cell<Option<Denial>>>,
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
            approver: PersonId(0),
            now: context.now.max(state.clock),
            record: context.record,
            body_digest: context.body_digest,
            random: context.random,
            denial: None,
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
            approver: PersonId(0),
            now: context.now.max(state.clock),
            record: context.record,
            body_digest: context.body_digest,
            random: context.random,
            denial: None,
        })
    }

    /// The same request on `grounds`.
    pub(crate) fn on(self, grounds: Grounds<'a>) -> Self {
        Self {
            approved: grounds.approved,
            approver: grounds.approver,
            denial: Some(grounds.denial),
            ..self
        }
    }

    /// Whether the actor may, where that only changes what they are shown: no refusal comes of it.
    pub(crate) fn may(&self, operation: Operation, subject: Subject) -> bool {
        let verdict = permission::verdict(
            self.tenant,
            self.actor,
            self.second_factor,
            operation,
            subject,
        );
        verdict == Ok(Verdict::Granted)
    }

    pub(crate) fn permit(&self, operation: Operation, subject: Subject) -> Result<(), Refusal> {
        let verdict = permission::verdict(
            self.tenant,
            self.actor,
            self.second_factor,
            operation,
            subject,
        );
        let refusal = match verdict {
            Ok(Verdict::Granted) => return Ok(()),
            Ok(Verdict::NeedsApproval) if self.approved => return Ok(()),
            Ok(Verdict::NeedsApproval) => {
                let operation = permission::name_of(operation);
                return Err(Refusal::NeedsApproval { operation });
            }
            Ok(Verdict::NeedsSecondFactor) => Refusal::SecondFactorRequired,
            Ok(Verdict::Refused) => permission::not_permitted(operation),
            Err(refusal) => refusal,
        };
        Err(self.denied(operation, subject, refusal))
    }

    /// Notes that `refusal` denies `operation`, and hands it back.
    pub(crate) fn denied(
        &self,
        operation: Operation,
        subject: Subject,
        refusal: Refusal,
    ) -> Refusal {
        if let Some(denial) = self.denial {
            denial.set(Some(Denial {
                operation,
                subject,
                code: refusal.code(),
            }));
        }
        refusal
    }
}
