//! Every count once more, from the log alone: for auditors, and to hold the state to it (SPEC Q3).
//!
//! Reads nothing but events, and shares nothing with how the state counts.

use std::collections::BTreeMap;

use crate::model::Stamp;
use crate::model::command::PolicyId;
use crate::model::event::{ChargeV1, Event, PolicyRemovedV1, PolicySetV1};
use crate::model::state::{State, Tenant};
use crate::wire::{GroupId, PersonId, TenantId, Timestamp};

/// How much of a policy an account has used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct QuotaCount {
    /// Of which enterprise.
    pub tenant: TenantId,
    /// Under which policy.
    pub policy: PolicyId,
    /// Of which group's account; 0 where no group is concerned.
    pub group: GroupId,
    /// Of which person's account; 0 where nobody is concerned.
    pub person: PersonId,
    /// How much; never 0.
    pub used: u64,
}

/// What the records of a log charged, as far as it counts at `now`; in order.
#[must_use]
pub fn recount<'a>(
    records: impl IntoIterator<Item = (&'a Stamp, &'a [Event])>,
    now: Timestamp,
) -> Vec<QuotaCount> {
    let mut ledger = Ledger::default();
    for (stamp, events) in records {
        for event in events {
            ledger.enter(stamp, event);
        }
    }
    ledger.counts(now)
}

/// Each policy's ledger, by tenant.
#[derive(Default)]
struct Ledger(BTreeMap<(TenantId, PolicyId), OfPolicy>);

/// What was charged under one policy: for each account, how much until when.
#[derive(Default)]
struct OfPolicy {
    ends: Option<Timestamp>,
    charged: BTreeMap<(GroupId, PersonId), BTreeMap<Timestamp, u64>>,
}

impl OfPolicy {
    fn has_ended(&self, now: Timestamp) -> bool {
        self.ends.is_some_and(|ends| ends <= now)
    }
}

impl Ledger {
    fn enter(&mut self, stamp: &Stamp, event: &Event) {
        let tenant = stamp.tenant;
        match event {
            Event::Charged(charged) => {
                for charge in &charged.charges {
                    self.charge(tenant, charge);
                }
            }
            // The first version says what it costs itself.
            Event::MassSendAccepted(accepted) => self.charge(
                tenant,
                &ChargeV1 {
                    policy: PolicyId::MASS_SENDS_PER_SENDER_AND_DAY,
                    group: GroupId(0),
                    person: accepted.sender,
                    amount: 1,
                    window_starts: accepted.window_starts,
                    window_ends: accepted.window_ends,
                },
            ),
            Event::PolicySet(PolicySetV1 { policy, .. }) => {
                let known = self.0.entry((tenant, policy.policy)).or_default();
                if known.has_ended(stamp.timestamp) {
                    // Another policy of the same name.
                    *known = OfPolicy::default();
                }
                known.ends = None;
            }
            Event::PolicyRemoved(PolicyRemovedV1 { policy, from }) => {
                self.0.entry((tenant, *policy)).or_default().ends = Some(*from);
            }
            _ => {}
        }
    }

    fn charge(&mut self, tenant: TenantId, charge: &ChargeV1) {
        let of_policy = self.0.entry((tenant, charge.policy)).or_default();
        let account = of_policy.charged.entry((charge.group, charge.person));
        *account.or_default().entry(charge.window_ends).or_default() += u64::from(charge.amount);
    }

    fn counts(&self, now: Timestamp) -> Vec<QuotaCount> {
        let mut counts = Vec::new();
        for ((tenant, policy), of_policy) in &self.0 {
            if of_policy.has_ended(now) {
                continue;
            }
            for ((group, person), parts) in &of_policy.charged {
                let living = parts.iter().filter(|(ends, _)| now < **ends);
                let used = living.map(|(_, amount)| *amount).sum();
                counts.push(QuotaCount {
                    tenant: *tenant,
                    policy: *policy,
                    group: *group,
                    person: *person,
                    used,
                });
            }
        }
        counts.retain(|count| count.used > 0);
        counts
    }
}

impl State {
    /// What the state counts at `now`, in order: what [`recount`] finds in its log.
    #[must_use]
    pub fn quota_counts(&self, now: Timestamp) -> Vec<QuotaCount> {
        let tenants = (1..).map(TenantId).zip(&self.tenants);
        let counts = tenants.flat_map(|(id, tenant)| counts_of(id, tenant, now));
        let mut counts: Vec<_> = counts.collect();
        counts.sort_unstable();
        counts
    }
}

fn counts_of(id: TenantId, tenant: &Tenant, now: Timestamp) -> Vec<QuotaCount> {
    let quotas = &tenant.quotas;
    let in_force = quotas.policies.iter();
    let in_force = in_force.filter(|policy| policy.terms_at(now).is_some());
    let ids: BTreeMap<_, _> = in_force.map(|policy| (policy.serial, policy.id)).collect();
    let accounts = quotas.accounts.iter();
    let counts = accounts.filter_map(|((serial, holder), account)| {
        Some(QuotaCount {
            tenant: id,
            policy: *ids.get(serial)?,
            group: holder.group(),
            person: holder.person(),
            used: u64::from(account.used(now)),
        })
    });
    counts.filter(|count| count.used > 0).collect()
}
