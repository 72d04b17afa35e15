//! What a sender has left, and who changes limits and lifts freezes.

use crate::model::command::{DoneV1, PersonV1, QuotaPolicy, Reply, SetQuotaV1};
use crate::model::decision::{Decision, Request};
use crate::model::event::{self, Event};
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::PersonIndex;

use super::Balance;
use super::window::day_of;

/// The sender's mass sends of the day (SPEC Q2).
pub(crate) fn mass_sends_of(request: &Request<'_>, sender: PersonIndex) -> Balance {
    let tenant = request.tenant;
    let account = tenant.mass_send_accounts.get(&sender);
    let stored = account.filter(|account| request.now < account.window.ends);
    let (window, used) = match stored {
        Some(account) => (account.window, account.used),
        None => (day_of(&tenant.zone, request.now), 0),
    };
    let default = request.limits.mass_sends_per_day_max;
    Balance {
        window,
        used,
        limit: tenant.mass_sends_per_day_max.unwrap_or(default),
        frozen_since: account.and_then(|account| account.frozen_since),
    }
}

pub(crate) fn decide_release(
    request: &Request<'_>,
    release: &PersonV1,
) -> Result<Decision, Refusal> {
    let person = release.person;
    request.permit(Operation::ReleaseFreeze, Subject::Person(person))?;
    let sender = request.tenant.active_person(person)?;
    let reply = Reply::Done(DoneV1 {});
    if mass_sends_of(request, sender).frozen_since.is_none() {
        return Ok(Decision::answered(reply));
    }

    let policy = QuotaPolicy::MassSendsPerSenderPerDay;
    let event = Event::FreezeReleased(event::FeatureV1 { person, policy });
    Ok(Decision::accepted(event, reply))
}

pub(crate) fn decide_set_quota(
    request: &Request<'_>,
    set: &SetQuotaV1,
) -> Result<Decision, Refusal> {
    request.permit(Operation::SetQuota, Subject::Tenant)?;

    let event = Event::QuotaSet(event::QuotaSetV1 {
        policy: set.policy,
        limit: set.limit,
    });
    Ok(Decision::accepted(event, Reply::Done(DoneV1 {})))
}
