//! What happened to quotas (SPEC Q).

use crate::model::body::body;
use crate::model::command::{PolicyId, PolicyV1, SenderClass};
use crate::model::event::FeatureV1;
use crate::wire::{GroupId, PersonId, Timestamp};

use super::preset_of;

body! {
    /// What the other events of this record cost (invariant 10).
    ChargedV1 {
        /// One charge for each policy and account.
        charges: Vec<ChargeV1>,
    }
}
body! {
    /// One charge. It counts until `window_ends`, whatever becomes of its policy.
    ChargeV1 {
        /// By which policy.
        policy: PolicyId,
        /// Of which group's account; 0 where no group is concerned.
        group: GroupId,
        /// Of which person's account; 0 where nobody is concerned.
        person: PersonId,
        /// How much.
        amount: u32,
        /// The window it is charged to begins here (SPEC Q5).
        window_starts: Timestamp,
        /// And ends before this.
        window_ends: Timestamp,
    }
}
body! {
    /// An account that a policy has frozen, or freezes no more.
    QuotaAccountV1 {
        /// By which policy.
        policy: PolicyId,
        /// Of which group; 0 where no group is concerned.
        group: GroupId,
        /// Of which person; 0 where nobody is concerned.
        person: PersonId,
    }
}
body! {
    /// A policy says something else.
    PolicySetV1 {
        /// What.
        policy: PolicyV1,
        /// From then on: at once, or when the window that is open ends (SPEC Q5).
        from: Timestamp,
    }
}
body! {
    /// A policy ends.
    PolicyRemovedV1 {
        /// Which.
        policy: PolicyId,
        /// From then on.
        from: Timestamp,
    }
}
body! {
    /// A person's class of sender.
    SenderClassSetV1 {
        /// Who.
        person: PersonId,
        /// Which.
        class: SenderClass,
    }
}

impl FeatureV1 {
    /// The account that an event of the first version is about.
    pub(crate) fn account(&self) -> QuotaAccountV1 {
        QuotaAccountV1 {
            policy: preset_of(self.policy),
            group: GroupId(0),
            person: self.person,
        }
    }
}
