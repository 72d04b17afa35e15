//! Who sets policies, lifts freezes and says what kind of sender somebody is; and what API calls cost.

use jiff::tz::TimeZone;

use crate::model::command::{
    Actor, DoneV1, PersonV1, PolicyId, PolicyV1, QuotaScope, QuotaSenders, QuotaUnit, QuotaWindow,
    ReleaseFreezeV2, RemovePolicyV1, Reply, SenderClass, SetPolicyV1, SetQuotaV1, SetSenderClassV1,
    TaggedCommand,
};
use crate::model::decision::{Decision, Request};
use crate::model::event::{Event, PolicyRemovedV1, PolicySetV1, QuotaAccountV1, SenderClassSetV1};
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::Tenant;
use crate::wire::{GroupId, PersonId};

use super::admit::{Demand, admit, charged};
use super::apply::{known_holder, same_kind};
use super::policy::Policy;
use super::preset_of;

/// Seconds a rolling window may have: 31 days. Its charges are kept one by one for as long.
const ROLLING_LENGTH_S_MAX: u32 = 31 * 24 * 3_600;
/// The longest name of a time zone.
const ZONE_LEN_MAX: usize = 64;

const DONE: Reply = Reply::Done(DoneV1 {});

pub(crate) fn decide_set_policy(
    request: &Request<'_>,
    set: &SetPolicyV1,
) -> Result<Decision, Refusal> {
    request.permit(Operation::SetQuota, Subject::Tenant)?;
    let policy = &set.policy;
    check_policy(request, policy)?;
    let quotas = &request.tenant.quotas;
    let known = quotas.policy(policy.policy);
    let in_use = known.filter(|known| is_in_use(known, request));
    let Some(known) = in_use else {
        let is_preset = policy.policy < PolicyId::FIRST_OWN;
        if is_preset && !known.is_some_and(|known| same_kind(known, policy)) {
            return Err(other_kind());
        }
        let in_use = quotas.policies.iter();
        let in_use = in_use.filter(|known| is_in_use(known, request));
        let limit = request.limits.quota_policies_max;
        if in_use.count() >= limit as usize {
            return Err(Refusal::TooManyPolicies { limit });
        }
        return Ok(set_from(policy.clone(), request.now));
    };
    if !same_kind(known, policy) {
        return Err(other_kind());
    }
    let said = known.stated_last(request.limits);
    if said.as_ref() == Some(policy) {
        return Ok(Decision::answered(DONE));
    }
    if said.is_some_and(|said| is_raised(&said, policy)) {
        request.permit(Operation::RaiseQuota, Subject::Tenant)?;
    }

    let from = known.next_window(&request.tenant.zone, request.now);
    Ok(set_from(policy.clone(), from))
}

fn set_from(policy: PolicyV1, from: crate::wire::Timestamp) -> Decision {
    Decision::accepted(Event::PolicySet(PolicySetV1 { policy, from }), DONE)
}

/// Anything is in force, or going to be.
fn is_in_use(policy: &Policy, request: &Request<'_>) -> bool {
    let pending = policy.next.as_ref();
    let pending = pending.is_some_and(|next| next.from > request.now);
    pending || policy.terms_at(request.now).is_some()
}

/// Whether `new` may allow something that `old` does not: then somebody else approves (SPEC P2).
fn is_raised(old: &PolicyV1, new: &PolicyV1) -> bool {
    let same_window =
        (old.window, &old.zone, old.length_s) == (new.window, &new.zone, new.length_s);
    !same_window || new.limit > old.limit || new.exceeded < old.exceeded
}

fn other_kind() -> Refusal {
    Refusal::Invalid {
        field: "policy",
        rule: "the scope, unit and senders it was first set with; others are another policy",
    }
}

fn check_policy(request: &Request<'_>, policy: &PolicyV1) -> Result<(), Refusal> {
    let invalid = |field, rule| Err(Refusal::Invalid { field, rule });
    if !is_counted(policy.unit, policy.scope) {
        return invalid("scope", "one that its unit is counted by (docs/wire.md)");
    }
    if policy.senders != QuotaSenders::All
        && !matches!(policy.scope, QuotaScope::Sender | QuotaScope::Member)
    {
        return invalid("senders", "all, except where each sender is counted");
    }
    if policy.window == QuotaWindow::Rolling {
        if policy.length_s == 0 || policy.length_s > ROLLING_LENGTH_S_MAX {
            return invalid("length_s", "1 second to 31 days of a rolling window");
        }
        if policy.limit > request.limits.rolling_quota_max {
            return invalid(
                "limit",
                "no more than a rolling window can count one by one",
            );
        }
        if !policy.zone.is_empty() {
            return invalid("zone", "empty where the window is rolling");
        }
        return Ok(());
    }
    if policy.length_s != 0 {
        return invalid("length_s", "0 where the window is not rolling");
    }
    let known = policy.zone.is_empty()
        || (policy.zone.len() <= ZONE_LEN_MAX && TimeZone::get(&policy.zone).is_ok());
    if !known {
        return invalid("zone", "an IANA time zone name, such as Asia/Shanghai");
    }
    Ok(())
}

/// Which accounts a unit can be charged to.
fn is_counted(unit: QuotaUnit, scope: QuotaScope) -> bool {
    use QuotaScope as S;
    match unit {
        QuotaUnit::Messages => matches!(scope, S::Tenant | S::Sender | S::Group | S::Member),
        QuotaUnit::MassSends => matches!(scope, S::Tenant | S::Sender | S::Customer | S::Group),
        QuotaUnit::PersonTimes | QuotaUnit::GroupsCreated => {
            matches!(scope, S::Tenant | S::Sender)
        }
        QuotaUnit::ApiCalls => scope == S::Tenant,
    }
}

/// The first version knows one policy, by another name.
pub(crate) fn decide_set_quota(
    request: &Request<'_>,
    set: &SetQuotaV1,
) -> Result<Decision, Refusal> {
    request.permit(Operation::SetQuota, Subject::Tenant)?;
    let id = preset_of(set.policy);
    let no_such = Refusal::NoSuchPolicy { policy: id };
    let known = request.tenant.quotas.policy(id).ok_or(no_such.clone())?;
    let said = known.stated_last(request.limits).ok_or(no_such)?;
    let limit = set.limit;
    let policy = PolicyV1 { limit, ..said };
    decide_set_policy(request, &SetPolicyV1 { policy })
}

pub(crate) fn decide_remove_policy(
    request: &Request<'_>,
    remove: &RemovePolicyV1,
) -> Result<Decision, Refusal> {
    request.permit(Operation::SetQuota, Subject::Tenant)?;
    let policy = remove.policy;
    let no_such = Refusal::NoSuchPolicy { policy };
    let known = request.tenant.quotas.policy(policy);
    let known = known.filter(|known| is_in_use(known, request));
    let known = known.ok_or(no_such)?;
    request.permit(Operation::RaiseQuota, Subject::Tenant)?;
    if known.ends() {
        return Ok(Decision::answered(DONE));
    }

    let from = known.next_window(&request.tenant.zone, request.now);
    let event = Event::PolicyRemoved(PolicyRemovedV1 { policy, from });
    Ok(Decision::accepted(event, DONE))
}

/// Lifts whatever freezes the person, as sender or as customer.
pub(crate) fn decide_release(
    request: &Request<'_>,
    release: &PersonV1,
) -> Result<Decision, Refusal> {
    let person = release.person;
    request.permit(Operation::ReleaseFreeze, Subject::Person(person))?;
    request.tenant.active_person(person)?;
    let quotas = &request.tenant.quotas;
    let holder = known_holder(request.tenant, GroupId(0), person);
    let frozen = quotas.policies.iter().filter(|policy| {
        let frozen = |holder| quotas.frozen.contains_key(&(policy.serial, holder));
        is_in_use(policy, request) && holder.is_some_and(frozen)
    });
    let events = frozen.map(|policy| {
        Event::QuotaFreezeLifted(QuotaAccountV1 {
            policy: policy.id,
            group: GroupId(0),
            person,
        })
    });
    Ok(Decision::new(events.collect(), Ok(DONE)))
}

pub(crate) fn decide_release_one(
    request: &Request<'_>,
    release: &ReleaseFreezeV2,
) -> Result<Decision, Refusal> {
    let ReleaseFreezeV2 {
        policy,
        group,
        person,
    } = *release;
    let tenant = request.tenant;
    let index = match group {
        GroupId(0) => None,
        group => Some(tenant.known_group(group)?),
    };
    let subject = match (index, person) {
        (None, PersonId(0)) => Subject::Tenant,
        (Some(index), PersonId(0)) => Subject::Group(index),
        (_, person) => Subject::Person(person),
    };
    request.permit(Operation::ReleaseFreeze, subject)?;
    if person != PersonId(0) {
        tenant.active_person(person)?;
    }
    let quotas = &tenant.quotas;
    let no_such = Refusal::NoSuchPolicy { policy };
    let known = quotas.policy(policy);
    let known = known.filter(|known| is_in_use(known, request));
    let known = known.ok_or(no_such)?;
    let holder = known_holder(tenant, group, person);
    if !holder.is_some_and(|holder| quotas.frozen.contains_key(&(known.serial, holder))) {
        return Ok(Decision::answered(DONE));
    }

    let account = QuotaAccountV1 {
        policy,
        group,
        person,
    };
    Ok(Decision::accepted(Event::QuotaFreezeLifted(account), DONE))
}

pub(crate) fn decide_set_sender_class(
    request: &Request<'_>,
    set: &SetSenderClassV1,
) -> Result<Decision, Refusal> {
    request.permit(Operation::SetQuota, Subject::Tenant)?;
    let person = request.tenant.active_person(set.person)?;
    if !request.tenant.is_employee(person) {
        let person = set.person;
        return Err(Refusal::NotAnEmployee { person });
    }
    let personal = set.class == SenderClass::Personal;
    if request.tenant.quotas.is_personal(person) == personal {
        return Ok(Decision::answered(DONE));
    }
    if !personal {
        request.permit(Operation::RaiseQuota, Subject::Tenant)?;
    }

    let event = Event::SenderClassSet(SenderClassSetV1 {
        person: set.person,
        class: set.class,
    });
    Ok(Decision::accepted(event, DONE))
}

/// Charges what a command comes to, beside what it pays for itself: the groups it makes, and a
/// command of the tenant's backend as an API call (SPEC Q2).
///
/// What changes quotas is no API call, or a limit of 0 could never be taken back.
pub(crate) fn metered(
    request: &Request<'_>,
    command: &TaggedCommand,
    mut decision: Decision,
) -> Decision {
    if decision.events.is_empty() || decision.outcome.is_err() {
        return decision;
    }
    let mut demands = groups_created(request.tenant, &decision.events);
    if request.actor == Actor::Enterprise && !is_free(command) {
        demands.push(Demand::api_call());
    }
    match admit(request, &demands) {
        Ok(charges) => {
            decision.events.extend(charged(charges));
            decision
        }
        Err(denied) => denied.into(),
    }
}

/// The groups of one command have one creator: who asks, or who made the live code that another
/// group follows on. Those of a batch pay as their turn comes.
fn groups_created(tenant: &Tenant, events: &[Event]) -> Vec<Demand> {
    let mut creators = events.iter().filter_map(|event| match event {
        Event::GroupCreatedV2(created) => Some(created.creator),
        _ => None,
    });
    let Some(creator) = creators.next() else {
        return Vec::new();
    };
    let groups = u32::try_from(creators.count() + 1).unwrap_or(u32::MAX);
    vec![Demand::groups_created(tenant.find_person(creator), groups)]
}

/// What changes quotas, and what changes nothing but that it is on record.
fn is_free(command: &TaggedCommand) -> bool {
    use TaggedCommand as T;
    matches!(
        command,
        T::SetQuota(_)
            | T::SetPolicy(_)
            | T::RemovePolicy(_)
            | T::ReleaseFreeze(_)
            | T::ReleaseFreezeV2(_)
            | T::PullRecords(_)
    )
}
