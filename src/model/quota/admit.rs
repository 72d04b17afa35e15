//! Whether there is room for what a command costs, under every policy that counts it.
//!
//! All or nothing: the charges of one command are admitted together and travel in one event of the
//! record they pay for (invariant 10). Nothing here changes state, so a refusal costs nothing.

use crate::model::command::{QuotaScope, QuotaUnit, WhenExceeded};
use crate::model::decision::{Decision, Request};
use crate::model::event::{ChargeV1, ChargedV1, Event, QuotaAccountV1};
use crate::model::refusal::Refusal;
use crate::model::state::{GroupIndex, PersonIndex};

use super::policy::Policy;
use super::{Holder, Quotas};

/// What a command costs, and on whose accounts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Demand {
    unit: QuotaUnit,
    amount: u32,
    /// Whether the enterprise's own account is concerned.
    tenant: bool,
    sender: Option<PersonIndex>,
    customer: Option<PersonIndex>,
    group: Option<GroupIndex>,
}

impl Demand {
    const fn of(unit: QuotaUnit, amount: u32) -> Self {
        Self {
            unit,
            amount,
            tenant: true,
            sender: None,
            customer: None,
            group: None,
        }
    }

    /// One message of `sender` in `group`.
    pub(crate) const fn message(sender: PersonIndex, group: GroupIndex) -> Self {
        Self {
            sender: Some(sender),
            group: Some(group),
            ..Self::of(QuotaUnit::Messages, 1)
        }
    }

    /// One mass send of `sender`, whatever its targets (SPEC Q4).
    pub(crate) const fn mass_send(sender: PersonIndex) -> Self {
        Self {
            sender: Some(sender),
            ..Self::of(QuotaUnit::MassSends, 1)
        }
    }

    /// A mass send of `sender` reaches so many people.
    pub(crate) const fn person_times(sender: PersonIndex, people: u32) -> Self {
        Self {
            sender: Some(sender),
            ..Self::of(QuotaUnit::PersonTimes, people)
        }
    }

    /// One mass send reaches a customer: nobody else pays for that.
    pub(crate) const fn customer_reached(customer: PersonIndex) -> Self {
        Self {
            tenant: false,
            customer: Some(customer),
            ..Self::of(QuotaUnit::MassSends, 1)
        }
    }

    /// One mass send reaches a group: nobody else pays for that.
    pub(crate) const fn group_reached(group: GroupIndex) -> Self {
        Self {
            tenant: false,
            group: Some(group),
            ..Self::of(QuotaUnit::MassSends, 1)
        }
    }

    /// So many groups are made by `creator`, or by the enterprise's systems.
    pub(crate) const fn groups_created(creator: Option<PersonIndex>, groups: u32) -> Self {
        Self {
            sender: creator,
            ..Self::of(QuotaUnit::GroupsCreated, groups)
        }
    }

    /// One command of the enterprise's backend.
    pub(crate) const fn api_call() -> Self {
        Self::of(QuotaUnit::ApiCalls, 1)
    }

    /// Whose account `policy` counts it on; none where the policy does not concern it.
    fn holder(&self, quotas: &Quotas, policy: &Policy) -> Option<Holder> {
        if policy.unit != self.unit || self.amount == 0 {
            return None;
        }
        if let Some(sender) = self.sender
            && !quotas.counts_sender(policy.senders, sender)
        {
            return None;
        }
        match policy.scope {
            QuotaScope::Tenant => self.tenant.then_some(Holder::TENANT),
            QuotaScope::Sender => Some(Holder::of(None, Some(self.sender?))),
            QuotaScope::Customer => Some(Holder::of(None, Some(self.customer?))),
            QuotaScope::Group => Some(Holder::of(Some(self.group?), None)),
            QuotaScope::Member => Some(Holder::of(Some(self.group?), Some(self.sender?))),
        }
    }
}

/// Why there is no room, and what that changes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Denied {
    pub(crate) refusal: Refusal,
    /// The account that this refusal freezes (SPEC Q2).
    pub(crate) freezes: Option<QuotaAccountV1>,
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        Self {
            refusal,
            freezes: None,
        }
    }
}

impl From<Denied> for Decision {
    /// A first refusal may freeze; while frozen nothing more happens, however often one tries.
    fn from(denied: Denied) -> Self {
        Self::new(
            denied.freezes.map(Event::QuotaFrozen).into_iter().collect(),
            Err(denied.refusal),
        )
    }
}

/// The event that charges, for the record of what is paid for; none where nothing is charged.
pub(crate) fn charged(charges: Vec<ChargeV1>) -> Option<Event> {
    (!charges.is_empty()).then_some(Event::Charged(ChargedV1 { charges }))
}

/// Refuses where an account concerned is frozen.
pub(crate) fn check_frozen(request: &Request<'_>, demands: &[Demand]) -> Result<(), Refusal> {
    let quotas = &request.tenant.quotas;
    if quotas.frozen.is_empty() {
        return Ok(());
    }
    for (policy, _, holder) in concerned(request, demands) {
        if let Some(since) = quotas.frozen.get(&(policy.serial, holder)) {
            return Err(Refusal::Frozen {
                policy: policy.id,
                group: holder.group(),
                person: holder.person(),
                since: *since,
            });
        }
    }
    Ok(())
}

/// What to charge for all of `demands`, or the first policy by id that has no room for one.
pub(crate) fn admit(request: &Request<'_>, demands: &[Demand]) -> Result<Vec<ChargeV1>, Denied> {
    check_frozen(request, demands)?;
    let mut charges: Vec<ChargeV1> = Vec::new();
    for (policy, amount, holder) in concerned(request, demands) {
        let account = (holder.group(), holder.person());
        let of_this = |charge: &&mut ChargeV1| {
            charge.policy == policy.id && (charge.group, charge.person) == account
        };
        match charges.iter_mut().find(of_this) {
            Some(charge) => charge.amount = charge.amount.saturating_add(amount),
            None => {
                let window = policy.window_at(&request.tenant.zone, request.now);
                charges.push(ChargeV1 {
                    policy: policy.id,
                    group: account.0,
                    person: account.1,
                    amount,
                    window_starts: window.starts,
                    window_ends: window.ends,
                });
            }
        }
    }
    for charge in &charges {
        check_room(request, charge)?;
    }
    Ok(charges)
}

/// The policies in force that count one of the demands, by id, with how much and on whose account.
fn concerned<'a>(
    request: &'a Request<'_>,
    demands: &'a [Demand],
) -> impl Iterator<Item = (&'a Policy, u32, Holder)> {
    let quotas = &request.tenant.quotas;
    quotas.policies.iter().flat_map(move |policy| {
        demands.iter().filter_map(move |demand| {
            let holder = demand.holder(quotas, policy)?;
            policy.limit_at(request.limits, request.now)?;
            Some((policy, demand.amount, holder))
        })
    })
}

fn check_room(request: &Request<'_>, charge: &ChargeV1) -> Result<(), Denied> {
    let quotas = &request.tenant.quotas;
    let Some(policy) = quotas.policy(charge.policy) else {
        return Ok(());
    };
    let Some((limit, exceeded)) = policy.limit_at(request.limits, request.now) else {
        return Ok(());
    };
    let account = Holder::named(charge.group, charge.person)
        .and_then(|holder| quotas.account(policy, holder));
    let used = account.map_or(0, |account| account.used(request.now));
    let wanted = u64::from(used) + u64::from(charge.amount);
    let Some(missing) = wanted.checked_sub(u64::from(limit)).filter(|n| *n > 0) else {
        return Ok(());
    };
    let frees = account.map(|account| account.frees(missing, request.now));
    let frozen = exceeded == WhenExceeded::Freeze;
    Err(Denied {
        refusal: Refusal::QuotaExceeded {
            policy: policy.id,
            group: charge.group,
            person: charge.person,
            used,
            limit,
            retry_at: frees
                .filter(|at| request.now < *at)
                .unwrap_or(charge.window_ends),
            frozen,
        },
        freezes: frozen.then_some(QuotaAccountV1 {
            policy: policy.id,
            group: charge.group,
            person: charge.person,
        }),
    })
}
