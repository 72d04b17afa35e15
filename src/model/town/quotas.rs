//! Quotas of the town.

use crate::model::Refusal;
use crate::model::command::{
    Actor, GetQuotasV2, PolicyId, PolicyV1, QuotaBalanceV1, QuotaScope, QuotaSenders, QuotaUnit,
    QuotaWindow, ReleaseFreezeV2, RemovePolicyV1, Reply, SetPolicyV1, TaggedCommand as T,
    WhenExceeded,
};
use crate::wire::{GroupId, PersonId};

use super::Town;

/// A policy of the town's own, counted from midnight to midnight of the tenant's zone.
pub(crate) fn daily(id: u16, scope: QuotaScope, unit: QuotaUnit, limit: u32) -> PolicyV1 {
    PolicyV1 {
        policy: PolicyId(id),
        scope,
        unit,
        senders: QuotaSenders::All,
        window: QuotaWindow::Day,
        zone: String::new(),
        length_s: 0,
        limit,
        exceeded: WhenExceeded::Reject,
    }
}

/// The same, counted over the last `length_s` seconds.
pub(crate) fn rolling(policy: PolicyV1, length_s: u32) -> PolicyV1 {
    PolicyV1 {
        window: QuotaWindow::Rolling,
        length_s,
        ..policy
    }
}

/// The same, freezing.
pub(crate) fn freezing(policy: PolicyV1) -> PolicyV1 {
    PolicyV1 {
        exceeded: WhenExceeded::Freeze,
        ..policy
    }
}

impl Town {
    pub(crate) fn set_policy(&mut self, actor: Actor, policy: PolicyV1) -> Result<Reply, Refusal> {
        self.ask(actor, T::SetPolicy(SetPolicyV1 { policy }))
    }

    pub(crate) fn remove_policy(&mut self, actor: Actor, id: u16) -> Result<Reply, Refusal> {
        let policy = PolicyId(id);
        self.ask(actor, T::RemovePolicy(RemovePolicyV1 { policy }))
    }

    pub(crate) fn release_freeze(
        &mut self,
        actor: Actor,
        policy: u16,
        group: GroupId,
        person: PersonId,
    ) -> Result<Reply, Refusal> {
        let policy = PolicyId(policy);
        let release = ReleaseFreezeV2 {
            policy,
            group,
            person,
        };
        self.ask(actor, T::ReleaseFreezeV2(release))
    }

    /// What is left under every policy that concerns them.
    pub(crate) fn balances(&mut self, group: GroupId, person: PersonId) -> Vec<QuotaBalanceV1> {
        let get = T::GetQuotasV2(GetQuotasV2 { group, person });
        match self.ask(Actor::Enterprise, get) {
            Ok(Reply::QuotasV2(quotas)) => quotas.quotas,
            other => panic!("{other:?}"),
        }
    }

    /// What is left under one policy.
    pub(crate) fn balance(&mut self, id: u16, group: GroupId, person: PersonId) -> QuotaBalanceV1 {
        let mut balances = self.balances(group, person).into_iter();
        let found = balances.find(|balance| balance.policy == PolicyId(id));
        found.expect("the policy concerns them")
    }
}
