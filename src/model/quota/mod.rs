//! Quotas (SPEC Q): policies, what has been charged under them, and who is frozen.
//!
//! A charge is an event of the record it pays for (invariant 10), and states the window it counts
//! in: that was computed once, so neither a change of zone rules nor a clock that stepped back nor
//! an edited policy can move it. A freeze is apart from the count.

mod account;
mod admit;
mod apply;
pub(crate) mod command;
mod decide;
pub(crate) mod event;
mod policy;
mod query;
mod recount;
pub(crate) mod snapshot;
#[cfg(test)]
mod tests;
pub(crate) mod window;

pub(crate) use admit::{Demand, Denied, admit, charged, check_frozen};
pub(crate) use apply::{
    charge, charge_all, freeze, lift_freeze, remove_policy, set_policy, set_preset_limit,
    set_sender_class,
};
pub(crate) use decide::{
    decide_release, decide_release_one, decide_remove_policy, decide_set_policy, decide_set_quota,
    decide_set_sender_class, metered,
};
pub(crate) use query::{get_quotas, get_quotas_v2, list_policies};
pub use recount::{QuotaCount, recount};
pub(crate) use window::{Window, day_of};

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rustc_hash::FxHashMap;

use crate::model::command::{PolicyId, QuotaPolicy, QuotaSenders, QuotaUnit};
use crate::model::state::{GroupIndex, PersonIndex};
use crate::wire::{GroupId, PersonId, Timestamp};

use account::Account;
use policy::Policy;

/// Whose account it is: of a group, a person, a member (both) or the enterprise (neither).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Holder {
    /// The id, or 0.
    group: u32,
    /// The id, or 0.
    person: u32,
}

impl Holder {
    pub(crate) const TENANT: Self = Self {
        group: 0,
        person: 0,
    };

    fn of(group: Option<GroupIndex>, person: Option<PersonIndex>) -> Self {
        // No tenant has so many of anything that an id takes more than 32 bits.
        let id = |id: u64| u32::try_from(id).unwrap_or(u32::MAX);
        Self {
            group: group.map_or(0, |group| id(group.id().0)),
            person: person.map_or(0, |person| id(person.id().0)),
        }
    }

    /// None where no tenant could have such ids.
    fn named(group: GroupId, person: PersonId) -> Option<Self> {
        Some(Self {
            group: u32::try_from(group.0).ok()?,
            person: u32::try_from(person.0).ok()?,
        })
    }

    fn group(self) -> GroupId {
        GroupId(u64::from(self.group))
    }

    fn person(self) -> PersonId {
        PersonId(u64::from(self.person))
    }
}

/// A policy's serial number, and whose account.
type Key = (u32, Holder);

/// A tenant's quotas.
pub(crate) struct Quotas {
    /// By id.
    policies: Vec<Policy>,
    /// Whether any policy counts messages: where none does, publishing asks nothing here.
    count_messages: bool,
    /// The serial number of the next policy.
    next_serial: u32,
    /// Of whoever has been charged something that counts. 48 bytes each, and 16 for every charge
    /// of a rolling window but the latest.
    accounts: FxHashMap<Key, Account>,
    /// Every account; the first is next to be freed if it is over.
    sweep: VecDeque<Key>,
    /// Since when.
    frozen: BTreeMap<Key, Timestamp>,
    /// Senders of class `personal`.
    personal: BTreeSet<PersonIndex>,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            policies: policy::presets(),
            count_messages: false,
            next_serial: u32::from(PolicyId::FIRST_OWN.0),
            accounts: FxHashMap::default(),
            sweep: VecDeque::new(),
            frozen: BTreeMap::new(),
            personal: BTreeSet::new(),
        }
    }
}

/// The policy that the first version had another name for.
pub(crate) fn preset_of(policy: QuotaPolicy) -> PolicyId {
    match policy {
        QuotaPolicy::MassSendsPerSenderPerDay => PolicyId::MASS_SENDS_PER_SENDER_AND_DAY,
    }
}

impl Quotas {
    /// Whether any policy counts messages; one that has been switched off may.
    pub(crate) fn count_messages(&self) -> bool {
        self.count_messages
    }

    /// Whether a policy counts the people that `sender` reaches.
    pub(crate) fn count_person_times_of(&self, sender: PersonIndex) -> bool {
        let mut policies = self.policies.iter();
        policies.any(|policy| {
            policy.unit == QuotaUnit::PersonTimes && self.counts_sender(policy.senders, sender)
        })
    }

    fn policy(&self, id: PolicyId) -> Option<&Policy> {
        let at = self.policies.binary_search_by_key(&id, |policy| policy.id);
        at.ok().map(|at| &self.policies[at])
    }

    fn account(&self, policy: &Policy, holder: Holder) -> Option<&Account> {
        self.accounts.get(&(policy.serial, holder))
    }

    fn is_personal(&self, person: PersonIndex) -> bool {
        !self.personal.is_empty() && self.personal.contains(&person)
    }

    fn counts_sender(&self, senders: QuotaSenders, sender: PersonIndex) -> bool {
        match senders {
            QuotaSenders::All => true,
            QuotaSenders::Standard => !self.is_personal(sender),
            QuotaSenders::Personal => self.is_personal(sender),
        }
    }

    fn note_units(&mut self) {
        let mut policies = self.policies.iter();
        self.count_messages = policies.any(|policy| policy.unit == QuotaUnit::Messages);
    }
}
