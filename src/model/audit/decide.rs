//! What of a denial is recorded, and what is counted.

use super::command::CountDenialsV1;
use super::event::{DenialsCountedV1, OperationDeniedV1, SubjectKind};
use super::{Denial, RepeatedDenial};
use crate::model::command::{Actor, Command, DoneV1, Reply};
use crate::model::decision::{Context, Decision, Request};
use crate::model::event::Event;
use crate::model::permission::{Operation, Subject, is_admin_operation, number_of};
use crate::model::refusal::Refusal;
use crate::model::state::State;
use crate::wire::{DeviceId, PersonId};

/// Persons and operations of one count.
const COUNTS_MAX: usize = 1_000;

/// The refusal of `command`, with a record of it where `denial` is what refused and is news.
pub(crate) fn record(
    state: &State,
    command: &Command,
    context: Context,
    denial: Option<Denial>,
    refusal: Refusal,
) -> (Decision, Option<RepeatedDenial>) {
    let mut decision = Decision::new(Vec::new(), Err(refusal));
    // What was noted may have been overcome by another way in; then something else refused.
    let code = decision.outcome.as_ref().err().map(Refusal::code);
    let denial = denial.filter(|denial| Some(denial.code) == code);
    let (Some(denial), Ok(tenant)) = (denial, state.tenant(command.tenant)) else {
        return (decision, None);
    };
    if !is_admin_operation(denial.operation) {
        return (decision, None);
    }
    let (person, device) = match command.actor {
        Actor::Person { person, device } => (person, device),
        Actor::Node | Actor::Enterprise | Actor::System => (PersonId(0), DeviceId(0)),
    };
    let operation = number_of(denial.operation);
    let now = context.now.max(state.clock);
    let limits = &state.limits;
    let max = limits.denials_recorded_max;
    if !tenant.denials.is_news(person, operation, now, max) {
        let repeated = RepeatedDenial {
            tenant: command.tenant,
            person,
            operation,
        };
        return (decision, Some(repeated));
    }
    let (subject_kind, subject) = name(denial.subject);
    decision.events = vec![Event::OperationDenied(OperationDeniedV1 {
        person,
        device,
        operation,
        subject_kind,
        subject,
        refusal: denial.code,
        until: now.plus_micros(limits.denial_window_us),
    })];
    (decision, None)
}

fn name(subject: Subject) -> (SubjectKind, u64) {
    match subject {
        Subject::Tenant => (SubjectKind::Tenant, 0),
        Subject::Group(group) => (SubjectKind::Group, group.id().0),
        Subject::Person(person) => (SubjectKind::Person, person.0),
        Subject::Department(department) => (SubjectKind::Department, department.id().0),
    }
}

pub(crate) fn decide_count(
    request: &Request<'_>,
    count: &CountDenialsV1,
) -> Result<Decision, Refusal> {
    request.permit(Operation::Continue, Subject::Tenant)?;
    let (listed, others) = (count.counts.len(), count.others);
    if listed > COUNTS_MAX || (listed == 0 && others == 0) {
        return Err(Refusal::Invalid {
            field: "counts",
            rule: "at most 1,000, and something to count",
        });
    }
    let event = Event::DenialsCounted(DenialsCountedV1 {
        counts: count.counts.clone(),
        others,
    });
    Ok(Decision::accepted(event, Reply::Done(DoneV1 {})))
}
