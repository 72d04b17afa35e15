//! An account's life (SPEC D3): invited, activated with a one-time code, frozen and thawed.
//!
//! Every wrong guess is an event of its own, in the order of the log, so that no number of
//! connections guesses more often than the limit says.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::model::call;
use crate::model::command::{
    ActivatePersonV1, ActivationV1, CallV1, DoneV1, PersonStatus, PersonV1, Reply,
    SendActivationsV1,
};
use crate::model::decision::{Decision, Request};
use crate::model::event::{self, ActivationCodeV1, Event};
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::{PersonIndex, Tenant};
use crate::wire::{PersonId, Timestamp};

use super::role::check_not_last_super_admin;

/// Different codes there are: 8 digits.
const CODES: u64 = 100_000_000;
const HOUR_US: i64 = 3_600_000_000;

/// A one-time code that was sent; there until it is used or its person leaves.
pub(crate) struct Activation {
    /// None once it has been guessed at too often.
    pub(crate) code: Option<Box<str>>,
    pub(crate) expires: Timestamp,
    /// Wrong guesses so far.
    pub(crate) guesses: u32,
}

/// One code each for people who are invited, and the call that sends them.
///
/// While too many calls wait for their answers nobody is called: the codes are good, and inviting
/// again sends new ones. People are not turned away for that.
pub(crate) fn issue(request: &Request<'_>, people: &[PersonId]) -> Vec<Event> {
    let code = |person: &PersonId| code_of(request.random, *person);
    let codes = people.iter().map(|person| ActivationCodeV1 {
        person: *person,
        code: code(person),
    });
    let lifetime = i64::from(request.limits.activation_hours) * HOUR_US;
    let mut events = vec![Event::ActivationsIssued(event::ActivationsIssuedV1 {
        codes: codes.collect(),
        expires: request.now.plus_micros(lifetime),
    })];
    let codes = people.iter().map(|person| ActivationV1 {
        person: *person,
        code: code(person),
    });
    let send = SendActivationsV1 {
        codes: codes.collect(),
    };
    if let Ok(opened) = call::opened(request, CallV1::SendActivations(send)) {
        events.push(Event::CallOpened(opened));
    }
    events
}

/// One command's randomness gives each person a code that says nothing of another's.
fn code_of(random: u128, person: PersonId) -> String {
    let bytes = random.to_le_bytes();
    let mut hasher = SipHasher13::new_with_key(&bytes);
    hasher.write_u64(person.0);
    format!("{:08}", hasher.finish() % CODES)
}

pub(crate) fn decide_invite_again(
    request: &Request<'_>,
    invite: &PersonV1,
) -> Result<Decision, Refusal> {
    let person = invite.person;
    request.permit(Operation::InvitePerson, Subject::Person(person))?;
    check_invited(request, person)?;

    Ok(Decision::new(
        issue(request, &[person]),
        Ok(Reply::Done(DoneV1 {})),
    ))
}

fn check_invited(request: &Request<'_>, person: PersonId) -> Result<PersonIndex, Refusal> {
    let index = request.tenant.usable_person(person)?;
    if request.tenant.person(index).status == PersonStatus::Invited {
        return Ok(index);
    }
    Err(Refusal::AlreadyActivated { person })
}

pub(crate) fn decide_activate(
    request: &Request<'_>,
    activate: &ActivatePersonV1,
) -> Result<Decision, Refusal> {
    let person = activate.person;
    request.permit(Operation::ActivatePerson, Subject::Person(person))?;
    let index = check_invited(request, person)?;
    let pending = request.tenant.activations.get(&index);
    let pending = pending.filter(|pending| request.now < pending.expires);
    let code = pending.and_then(|pending| pending.code.as_deref().zip(Some(pending.guesses)));
    let Some((code, guesses)) = code else {
        return Err(Refusal::WrongActivationCode { person, left: 0 });
    };
    if *code == *activate.code {
        let event = Event::PersonActivated(event::PersonActivatedV1 { person });
        return Ok(Decision::accepted(event, Reply::Done(DoneV1 {})));
    }
    let max = request.limits.activation_guesses_max;
    let left = max.saturating_sub(guesses.saturating_add(1));
    let event = Event::ActivationFailed(event::ActivationFailedV1 {
        person,
        exhausted: left == 0,
    });
    Ok(Decision::new(
        vec![event],
        Err(Refusal::WrongActivationCode { person, left }),
    ))
}

pub(crate) fn decide_freeze(request: &Request<'_>, freeze: &PersonV1) -> Result<Decision, Refusal> {
    let person = freeze.person;
    request.permit(Operation::FreezePerson, Subject::Person(person))?;
    let index = request.tenant.active_person(person)?;
    let reply = Reply::Done(DoneV1 {});
    if request.tenant.person(index).status == PersonStatus::Frozen {
        return Ok(Decision::answered(reply));
    }
    check_not_last_super_admin(request, index)?;

    let event = Event::PersonFrozen(event::PersonFrozenV1 { person });
    Ok(Decision::accepted(event, reply))
}

pub(crate) fn decide_thaw(request: &Request<'_>, thaw: &PersonV1) -> Result<Decision, Refusal> {
    let person = thaw.person;
    request.permit(Operation::FreezePerson, Subject::Person(person))?;
    let index = request.tenant.active_person(person)?;
    let reply = Reply::Done(DoneV1 {});
    let account = request.tenant.person(index);
    if account.status != PersonStatus::Frozen {
        return Ok(Decision::answered(reply));
    }

    let status = if account.activated {
        PersonStatus::Active
    } else {
        PersonStatus::Invited
    };
    let event = Event::PersonThawed(event::PersonThawedV1 { person, status });
    Ok(Decision::accepted(event, reply))
}

/// The person, who has not left.
fn here(tenant: &Tenant, person: PersonId) -> Option<PersonIndex> {
    tenant.active_person(person).ok()
}

pub(crate) fn issue_activations(tenant: &mut Tenant, issued: &event::ActivationsIssuedV1) {
    for issue in &issued.codes {
        let invited = here(tenant, issue.person);
        if let Some(index) = invited.filter(|index| !tenant.person(*index).activated) {
            let activation = Activation {
                code: Some(issue.code.as_str().into()),
                expires: issued.expires,
                guesses: 0,
            };
            tenant.activations.insert(index, activation);
        }
    }
}

pub(crate) fn fail_activation(tenant: &mut Tenant, failed: &event::ActivationFailedV1) {
    let index = here(tenant, failed.person);
    if let Some(pending) = index.and_then(|index| tenant.activations.get_mut(&index)) {
        pending.guesses = pending.guesses.saturating_add(1);
        if failed.exhausted {
            pending.code = None;
        }
    }
}

pub(crate) fn activate(tenant: &mut Tenant, activated: &event::PersonActivatedV1) {
    let Some(index) = here(tenant, activated.person) else {
        return;
    };
    tenant.activations.remove(&index);
    let person = tenant.person_mut(index);
    person.activated = true;
    if person.status == PersonStatus::Invited {
        person.status = PersonStatus::Active;
    }
}

pub(crate) fn freeze(tenant: &mut Tenant, frozen: &event::PersonFrozenV1) {
    if let Some(index) = here(tenant, frozen.person) {
        tenant.person_mut(index).status = PersonStatus::Frozen;
    }
}

pub(crate) fn thaw(tenant: &mut Tenant, thawed: &event::PersonThawedV1) {
    let frozen = here(tenant, thawed.person);
    let frozen = frozen.filter(|index| tenant.person(*index).status == PersonStatus::Frozen);
    let to_use = matches!(thawed.status, PersonStatus::Invited | PersonStatus::Active);
    if let Some(index) = frozen.filter(|_| to_use) {
        tenant.person_mut(index).status = thawed.status;
    }
}
