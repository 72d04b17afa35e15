//! Quotas as a snapshot has them: what has ended is left out.

use std::collections::BTreeMap;

use crate::model::body::body;
use crate::model::command::{
    PolicyId, QuotaScope, QuotaSenders, QuotaUnit, QuotaWindow, WhenExceeded,
};
use crate::model::state::Tenant;
use crate::wire::{GroupId, PersonId, Timestamp};

use super::account::Part;
use super::apply::known_holder;
use super::policy::{Next, Policy, Terms};
use super::{Key, Quotas, Window};

body! {
    /// The tenant's policies, and what is used of them.
    QuotasStateV1 {
        policies: Vec<PolicyStateV1>,
        accounts: Vec<AccountV1>,
        frozen: Vec<FrozenV1>,
        personal: Vec<PersonId>,
    }
}
body! {
    /// One policy.
    PolicyStateV1 {
        policy: PolicyId,
        scope: QuotaScope,
        unit: QuotaUnit,
        senders: QuotaSenders,
        terms: Option<TermsV1>,
        next: Option<NextV1>,
        window_starts: Timestamp,
        window_ends: Timestamp,
    }
}
body! {
    /// What an edit can change.
    TermsV1 {
        window: QuotaWindow,
        zone: String,
        length_s: u32,
        /// None for the node's.
        limit: Option<u32>,
        exceeded: WhenExceeded,
    }
}
body! {
    /// What will be in force.
    NextV1 {
        from: Timestamp,
        terms: Option<TermsV1>,
    }
}
body! {
    /// What counts of one account.
    AccountV1 {
        policy: PolicyId,
        group: GroupId,
        person: PersonId,
        parts: Vec<PartV1>,
    }
}
body! {
    /// So much, until then.
    PartV1 {
        ends: Timestamp,
        amount: u32,
    }
}
body! {
    /// One account that is frozen.
    FrozenV1 {
        policy: PolicyId,
        group: GroupId,
        person: PersonId,
        since: Timestamp,
    }
}

pub(crate) fn write(tenant: &Tenant, clock: Timestamp) -> QuotasStateV1 {
    // Destructured, so that a new field cannot be forgotten.
    let Quotas {
        policies,
        count_messages: _,
        next_serial: _,
        accounts,
        sweep: _,
        frozen,
        personal,
    } = &tenant.quotas;
    let ids = policies.iter().map(|policy| (policy.serial, policy.id));
    let ids: BTreeMap<_, _> = ids.collect();
    let accounts = accounts.iter().filter_map(|((serial, holder), account)| {
        let parts = account.living(clock).map(|part| PartV1 {
            ends: part.ends,
            amount: part.amount,
        });
        let parts: Vec<_> = parts.collect();
        let policy = *ids.get(serial).filter(|_| !parts.is_empty())?;
        Some(AccountV1 {
            policy,
            group: holder.group(),
            person: holder.person(),
            parts,
        })
    });
    let mut accounts: Vec<_> = accounts.collect();
    accounts.sort_unstable_by_key(|account| (account.policy, account.group, account.person));
    let frozen = frozen.iter().filter_map(|((serial, holder), since)| {
        Some(FrozenV1 {
            policy: *ids.get(serial)?,
            group: holder.group(),
            person: holder.person(),
            since: *since,
        })
    });
    let mut frozen: Vec<_> = frozen.collect();
    frozen.sort_unstable_by_key(|account| (account.policy, account.group, account.person));
    QuotasStateV1 {
        policies: policies.iter().map(write_policy).collect(),
        accounts,
        frozen,
        personal: personal.iter().map(|person| person.id()).collect(),
    }
}

fn write_policy(policy: &Policy) -> PolicyStateV1 {
    // Destructured, so that a new field cannot be forgotten.
    let Policy {
        id,
        serial: _,
        scope,
        unit,
        senders,
        terms,
        next,
        window,
    } = policy;
    PolicyStateV1 {
        policy: *id,
        scope: *scope,
        unit: *unit,
        senders: *senders,
        terms: terms.as_ref().map(write_terms),
        next: next.as_ref().map(|next| NextV1 {
            from: next.from,
            terms: next.terms.as_ref().map(write_terms),
        }),
        window_starts: window.starts,
        window_ends: window.ends,
    }
}

fn write_terms(terms: &Terms) -> TermsV1 {
    let (window, zone, length_s) = terms.length.stated();
    TermsV1 {
        window,
        zone: zone.to_owned(),
        length_s,
        limit: terms.limit,
        exceeded: terms.exceeded,
    }
}

pub(crate) fn read(tenant: &mut Tenant, state: QuotasStateV1) -> Result<(), &'static str> {
    let mut quotas = Quotas::default();
    let mut last = PolicyId(0);
    for v1 in state.policies {
        if v1.policy <= last {
            return Err("the order of policies");
        }
        last = v1.policy;
        quotas.read_policy(v1)?;
    }
    quotas.note_units();
    tenant.quotas = quotas;

    for v1 in state.accounts {
        let key = known(tenant, v1.policy, v1.group, v1.person).ok_or("an account")?;
        let in_order = v1.parts.is_sorted_by(|one, next| one.ends < next.ends);
        if v1.parts.is_empty() || !in_order || tenant.quotas.accounts.contains_key(&key) {
            return Err("an account");
        }
        for PartV1 { ends, amount } in v1.parts {
            let part = Part { ends, amount };
            tenant.quotas.add(key, part, Timestamp(i64::MIN));
        }
    }
    for v1 in state.frozen {
        let key = known(tenant, v1.policy, v1.group, v1.person).ok_or("a freeze")?;
        tenant.quotas.frozen.insert(key, v1.since);
    }
    for person in state.personal {
        let person = tenant.find_person(person).ok_or("a personal sender")?;
        tenant.quotas.personal.insert(person);
    }
    Ok(())
}

fn known(tenant: &Tenant, policy: PolicyId, group: GroupId, person: PersonId) -> Option<Key> {
    let holder = known_holder(tenant, group, person)?;
    Some((tenant.quotas.policy(policy)?.serial, holder))
}

impl Quotas {
    fn read_policy(&mut self, v1: PolicyStateV1) -> Result<(), &'static str> {
        let at = self
            .policies
            .binary_search_by_key(&v1.policy, |policy| policy.id);
        let policy = Policy {
            id: v1.policy,
            serial: self.next_serial,
            scope: v1.scope,
            unit: v1.unit,
            senders: v1.senders,
            terms: v1.terms.as_ref().map(read_terms),
            next: v1.next.map(|next| Next {
                from: next.from,
                terms: next.terms.as_ref().map(read_terms),
            }),
            window: Window {
                starts: v1.window_starts,
                ends: v1.window_ends,
            },
        };
        self.next_serial = self.next_serial.wrapping_add(1);
        match at {
            Ok(at) if self.policies[at].is_kind_of(&policy) => self.policies[at] = policy,
            Err(at) if v1.policy >= PolicyId::FIRST_OWN => self.policies.insert(at, policy),
            _ => return Err("a policy"),
        }
        Ok(())
    }
}

fn read_terms(v1: &TermsV1) -> Terms {
    Terms::new(v1.window, &v1.zone, v1.length_s, v1.limit, v1.exceeded)
}
