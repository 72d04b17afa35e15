//! What quotas are after a charge, a freeze, a release or a change of policy.
//!
//! An event that does not fit changes nothing.

use std::collections::hash_map::Entry;

use crate::model::Stamp;
use crate::model::command::{PolicyId, PolicyV1, SenderClass};
use crate::model::event::{
    ChargeV1, ChargedV1, PolicyRemovedV1, PolicySetV1, QuotaAccountV1, SenderClassSetV1,
};
use crate::model::state::Tenant;
use crate::wire::{GroupId, PersonId, Timestamp};

use super::account::{Account, Part};
use super::policy::{Policy, Terms};
use super::{Holder, Key, Quotas, Window};

pub(crate) fn charge_all(tenant: &mut Tenant, stamp: &Stamp, charged: &ChargedV1) {
    for one in &charged.charges {
        charge(tenant, stamp.timestamp, one);
    }
}

pub(crate) fn charge(tenant: &mut Tenant, now: Timestamp, charge: &ChargeV1) {
    let Some(holder) = known_holder(tenant, charge.group, charge.person) else {
        return;
    };
    let quotas = &mut tenant.quotas;
    let Some(policy) = quotas.policy_mut(charge.policy) else {
        return;
    };
    policy.settle(now);
    if charge.window_ends > policy.window.ends {
        policy.window = Window {
            starts: charge.window_starts,
            ends: charge.window_ends,
        };
    }
    let key = (policy.serial, holder);
    let part = Part {
        ends: charge.window_ends,
        amount: charge.amount,
    };
    if part.ends > now {
        quotas.add(key, part, now);
    }
    quotas.sweep_one(now);
}

pub(crate) fn freeze(tenant: &mut Tenant, account: &QuotaAccountV1, since: Timestamp) {
    if let Some(key) = known_key(tenant, account) {
        tenant.quotas.frozen.entry(key).or_insert(since);
    }
}

pub(crate) fn lift_freeze(tenant: &mut Tenant, account: &QuotaAccountV1) {
    if let Some(key) = known_key(tenant, account) {
        tenant.quotas.frozen.remove(&key);
    }
}

pub(crate) fn set_policy(tenant: &mut Tenant, now: Timestamp, set: &PolicySetV1) {
    let quotas = &mut tenant.quotas;
    quotas.settle(now);
    let id = set.policy.policy;
    let terms = Some(Terms::of(&set.policy));
    match quotas.policies.binary_search_by_key(&id, |known| known.id) {
        Ok(at) if !same_kind(&quotas.policies[at], &set.policy) => {}
        Ok(at) if quotas.policies[at].is_off() => {
            quotas.policies[at] = Policy::new(&set.policy, quotas.next_serial, terms);
            quotas.next_serial = quotas.next_serial.wrapping_add(1);
        }
        Ok(at) => quotas.policies[at].change(set.from, now, terms),
        Err(_) if id < PolicyId::FIRST_OWN => {}
        Err(at) => {
            let policy = Policy::new(&set.policy, quotas.next_serial, terms);
            quotas.policies.insert(at, policy);
            quotas.next_serial = quotas.next_serial.wrapping_add(1);
        }
    }
    quotas.note_units();
}

pub(crate) fn remove_policy(tenant: &mut Tenant, now: Timestamp, removed: &PolicyRemovedV1) {
    let quotas = &mut tenant.quotas;
    if let Some(policy) = quotas.policy_mut(removed.policy) {
        policy.settle(now);
        policy.change(removed.from, now, None);
    }
    quotas.settle(now);
    quotas.note_units();
}

/// A limit of the first version, which held at once.
pub(crate) fn set_preset_limit(tenant: &mut Tenant, id: PolicyId, limit: u32) {
    if let Some(policy) = tenant.quotas.policy_mut(id)
        && let Some(terms) = &mut policy.terms
    {
        terms.limit = Some(limit);
        policy.next = None;
    }
}

pub(crate) fn set_sender_class(tenant: &mut Tenant, set: &SenderClassSetV1) {
    if let Some(person) = tenant.find_person(set.person) {
        match set.class {
            SenderClass::Personal => tenant.quotas.personal.insert(person),
            SenderClass::Standard => tenant.quotas.personal.remove(&person),
        };
    }
}

/// Whether an edit leaves be what no edit can change.
pub(super) fn same_kind(known: &Policy, set: &PolicyV1) -> bool {
    (known.scope, known.unit, known.senders) == (set.scope, set.unit, set.senders)
}

/// The holder, if the group and the person it names are the tenant's.
pub(super) fn known_holder(tenant: &Tenant, group: GroupId, person: PersonId) -> Option<Holder> {
    let knows_group = group == GroupId(0) || tenant.find_group(group).is_some();
    let knows_person = person == PersonId(0) || tenant.find_person(person).is_some();
    if knows_group && knows_person {
        Holder::named(group, person)
    } else {
        None
    }
}

fn known_key(tenant: &Tenant, account: &QuotaAccountV1) -> Option<Key> {
    let holder = known_holder(tenant, account.group, account.person)?;
    Some((tenant.quotas.policy(account.policy)?.serial, holder))
}

impl Quotas {
    pub(super) fn policy_mut(&mut self, id: PolicyId) -> Option<&mut Policy> {
        let at = self.policies.binary_search_by_key(&id, |policy| policy.id);
        at.ok().map(|at| &mut self.policies[at])
    }

    pub(super) fn add(&mut self, key: Key, part: Part, now: Timestamp) {
        match self.accounts.entry(key) {
            Entry::Occupied(mut account) => account.get_mut().add(part, now),
            Entry::Vacant(account) => {
                account.insert(Account::new(part));
                self.sweep.push_back(key);
            }
        }
    }

    /// Frees one account if it is over: as many are looked at as are charged.
    fn sweep_one(&mut self, now: Timestamp) {
        let Some(key) = self.sweep.pop_front() else {
            return;
        };
        let Some(account) = self.accounts.get_mut(&key) else {
            return;
        };
        account.forget_ended(now);
        if account.is_over(now) {
            self.accounts.remove(&key);
        } else {
            self.sweep.push_back(key);
        }
    }

    /// Puts in force what is due; a policy that is over leaves its id free and its freezes lifted.
    fn settle(&mut self, now: Timestamp) {
        for policy in &mut self.policies {
            policy.settle(now);
        }
        self.policies
            .retain(|policy| policy.id < PolicyId::FIRST_OWN || !policy.is_off());
        let policies = &self.policies;
        self.frozen.retain(|(serial, _), _| {
            let mut in_force = policies.iter().filter(|policy| !policy.is_off());
            in_force.any(|policy| policy.serial == *serial)
        });
    }
}
