//! What is left of quotas, and which policies there are (SPEC Q6).

use crate::model::command::{
    GetQuotasV2, ListPoliciesV1, PersonV1, PoliciesV1, PolicyId, PolicyStateV1, QuotaBalanceV1,
    QuotaPolicy, QuotaScope, QuotaStateV1, QuotaUnit, QuotasV1, QuotasV2, Reply,
};
use crate::model::decision::Request;
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::PersonIndex;
use crate::wire::{GroupId, PersonId, Timestamp};

use super::Holder;
use super::policy::Policy;

/// The first version knows one policy.
pub(crate) fn get_quotas(request: &Request<'_>, get: &PersonV1) -> Result<Reply, Refusal> {
    request.permit(Operation::ReadPerson, Subject::Person(get.person))?;
    let sender = request.tenant.active_person(get.person)?;
    let quotas = &request.tenant.quotas;
    let policy = quotas.policy(PolicyId::MASS_SENDS_PER_SENDER_AND_DAY);
    let balance = policy.and_then(|policy| {
        let holder = Holder::of(None, Some(sender));
        balance(request, policy, holder)
    });
    let balances = balance.into_iter().map(|balance| QuotaStateV1 {
        policy: QuotaPolicy::MassSendsPerSenderPerDay,
        used: balance.used,
        limit: balance.limit,
        window_ends: balance.window_ends,
        frozen: balance.frozen_since != Timestamp(0),
    });
    Ok(Reply::Quotas(QuotasV1 {
        quotas: balances.collect(),
    }))
}

pub(crate) fn get_quotas_v2(request: &Request<'_>, get: &GetQuotasV2) -> Result<Reply, Refusal> {
    let tenant = request.tenant;
    let group = match get.group {
        GroupId(0) => None,
        group => Some(tenant.known_group(group)?),
    };
    match (group, get.person) {
        (None, PersonId(0)) => request.permit(Operation::ReadTenant, Subject::Tenant)?,
        (Some(group), PersonId(0)) => {
            request.permit(Operation::ReadGroup, Subject::Group(group))?;
        }
        (_, person) => request.permit(Operation::ReadPerson, Subject::Person(person))?,
    }
    let person = match get.person {
        PersonId(0) => None,
        person => Some(tenant.active_person(person)?),
    };
    let holder = Holder::of(group, person);
    let concerns = |policy: &&Policy| match (group, person) {
        (None, None) => policy.scope == QuotaScope::Tenant,
        (Some(_), None) => policy.scope == QuotaScope::Group,
        (Some(_), Some(person)) => {
            policy.scope == QuotaScope::Member && counts_sender(request, policy, person)
        }
        (None, Some(person)) => match policy.scope {
            QuotaScope::Sender => counts_sender(request, policy, person),
            QuotaScope::Customer => !tenant.is_employee(person),
            QuotaScope::Tenant | QuotaScope::Group | QuotaScope::Member => false,
        },
    };
    let concerned = tenant.quotas.policies.iter().filter(concerns);
    let quotas = concerned.filter_map(|policy| balance(request, policy, holder));
    Ok(Reply::QuotasV2(QuotasV2 {
        quotas: quotas.collect(),
    }))
}

/// External contacts publish; whatever else is counted of senders, employees do.
fn counts_sender(request: &Request<'_>, policy: &Policy, person: PersonIndex) -> bool {
    let may = policy.unit == QuotaUnit::Messages || request.tenant.is_employee(person);
    may && request.tenant.quotas.counts_sender(policy.senders, person)
}

/// None where the policy limits nothing now.
fn balance(request: &Request<'_>, policy: &Policy, holder: Holder) -> Option<QuotaBalanceV1> {
    let now = request.now;
    let quotas = &request.tenant.quotas;
    let (limit, _) = policy.limit_at(request.limits, now)?;
    let account = quotas.account(policy, holder);
    let oldest = account.and_then(|account| account.living(now).next());
    let ends = oldest.map(|part| part.ends);
    let frozen = quotas.frozen.get(&(policy.serial, holder));
    Some(QuotaBalanceV1 {
        policy: policy.id,
        scope: policy.scope,
        unit: policy.unit,
        used: account.map_or(0, |account| account.used(now)),
        limit,
        window_ends: ends.unwrap_or_else(|| policy.window_at(&request.tenant.zone, now).ends),
        frozen_since: frozen.copied().unwrap_or(Timestamp(0)),
    })
}

pub(crate) fn list_policies(request: &Request<'_>, _: &ListPoliciesV1) -> Result<Reply, Refusal> {
    request.permit(Operation::ReadTenant, Subject::Tenant)?;
    let policies = request.tenant.quotas.policies.iter();
    let policies = policies.filter_map(|policy| {
        let now = policy.stated(request.limits, request.now);
        let next = policy.next.as_ref().filter(|next| next.from > request.now);
        let state = PolicyStateV1 {
            now,
            next_from: next.map_or(Timestamp(0), |next| next.from),
            next: next
                .and_then(|next| next.terms.as_ref())
                .and_then(|terms| policy.state(terms, request.limits)),
        };
        (state.now.is_some() || state.next.is_some()).then_some(state)
    });
    Ok(Reply::Policies(PoliciesV1 {
        policies: policies.collect(),
    }))
}
