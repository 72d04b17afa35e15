//! Commands, queries and replies about quotas (SPEC Q).

use core::fmt;

use crate::model::body::{body, code};
use crate::wire::{GroupId, PersonId, Timestamp};

/// Names a policy within its tenant: 1 to 15 are presets that every tenant has, others its own.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct PolicyId(pub u16);

impl PolicyId {
    /// Mass sends of a sender in a calendar day; over it the sender is frozen (SPEC Q2).
    pub const MASS_SENDS_PER_SENDER_AND_DAY: Self = Self(1);
    /// Mass sends a customer receives from the tenant in a calendar month (SPEC Q2).
    pub const MASS_SENDS_PER_CUSTOMER_AND_MONTH: Self = Self(2);
    /// Person-times of a sender of class `personal` in a calendar day (SPEC Q2).
    pub const PERSONAL_PERSON_TIMES_PER_DAY: Self = Self(3);
    /// Commands of the tenant's backend in any minute (SPEC Q2).
    pub const API_CALLS_PER_MINUTE: Self = Self(4);
    /// The first of a tenant's own policies.
    pub const FIRST_OWN: Self = Self(16);
}

impl fmt::Display for PolicyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::MASS_SENDS_PER_SENDER_AND_DAY => f.write_str("mass sends per sender and day"),
            Self::MASS_SENDS_PER_CUSTOMER_AND_MONTH => {
                f.write_str("mass sends per customer and month")
            }
            Self::PERSONAL_PERSON_TIMES_PER_DAY => {
                f.write_str("person-times per personal sender and day")
            }
            Self::API_CALLS_PER_MINUTE => f.write_str("API calls per minute"),
            Self(id) => write!(f, "policy {id}"),
        }
    }
}

code! {
    /// Whose use a policy counts (SPEC Q1).
    QuotaScope {
        /// The whole enterprise's.
        Tenant = 0,
        /// Each sender's; of groups created, each creator's.
        Sender = 1,
        /// What each external contact receives.
        Customer = 2,
        /// What is said in, or sent to, each group.
        Group = 3,
        /// What each member says in each group.
        Member = 4,
    }
}
code! {
    /// What a policy counts (SPEC Q1).
    QuotaUnit {
        /// Messages published; mass sends are counted as those.
        Messages = 0,
        /// Mass sends: of senders 1 each whatever the targets, of customers and groups each that
        /// reaches them.
        MassSends = 1,
        /// People a mass send is for, each once a target: 1 a customer, and of a group everybody
        /// in it but the sender, as it is accepted. Someone in two of the groups is reached twice.
        PersonTimes = 2,
        /// Groups created.
        GroupsCreated = 3,
        /// Commands of the tenant's backend that change something; publishing is none.
        ApiCalls = 4,
    }
}
code! {
    /// How long a charge counts (SPEC Q1).
    QuotaWindow {
        /// Until the calendar day ends.
        Day = 0,
        /// Until the ISO week ends, on Sunday night.
        IsoWeek = 1,
        /// Until the calendar month ends.
        Month = 2,
        /// For a length of time from the charge on.
        Rolling = 3,
    }
}
code! {
    /// What happens to who asks for more than the limit (SPEC Q1).
    WhenExceeded {
        /// Refused until there is room again.
        Reject = 0,
        /// Refused, and frozen until an admin releases it.
        Freeze = 1,
    }
}
code! {
    /// What kind of account sends to many (SPEC Q2).
    SenderClass {
        /// An employee's account.
        Standard = 0,
        /// A personal account, which reaches fewer people.
        Personal = 1,
    }
}
code! {
    /// Of which senders a policy counts.
    QuotaSenders {
        /// All.
        All = 0,
        /// Those of class `standard`.
        Standard = 1,
        /// Those of class `personal`.
        Personal = 2,
    }
}

body! {
    /// A limit on something, in a window (SPEC Q1).
    PolicyV1 {
        /// Its name: a preset's, or one of the tenant's choice from 16 on.
        policy: PolicyId,
        /// Whose use it counts; stays as it was first set.
        scope: QuotaScope,
        /// What it counts; stays as it was first set.
        unit: QuotaUnit,
        /// Of which senders; stays as it was first set.
        senders: QuotaSenders,
        /// How long a charge counts.
        window: QuotaWindow,
        /// The IANA name of the zone a calendar window is of; empty for the tenant's own.
        zone: String,
        /// The length of a rolling window in seconds, up to 31 days; else 0.
        length_s: u32,
        /// How much.
        limit: u32,
        /// What happens beyond.
        exceeded: WhenExceeded,
    }
}
body! {
    /// Sets a policy, or changes it from its next window on (SPEC Q5).
    SetPolicyV1 {
        /// The policy.
        policy: PolicyV1,
    }
}
body! {
    /// Ends a policy, from its next window on.
    RemovePolicyV1 {
        /// Which.
        policy: PolicyId,
    }
}
body! {
    /// Lifts one freeze, not the count (SPEC Q2).
    ReleaseFreezeV2 {
        /// By which policy.
        policy: PolicyId,
        /// Of which group; 0 where none is concerned.
        group: GroupId,
        /// Of which person; 0 where none is concerned.
        person: PersonId,
    }
}
body! {
    /// What kind of account a person sends to many with.
    SetSenderClassV1 {
        /// Who.
        person: PersonId,
        /// Which.
        class: SenderClass,
    }
}
body! {
    /// Asks for what is left: of a person, a group, a member (both), or the enterprise (neither).
    GetQuotasV2 {
        /// Which group, or 0.
        group: GroupId,
        /// Which person, or 0.
        person: PersonId,
    }
}
body! {
    /// Asks for a tenant's policies.
    ListPoliciesV1 {}
}
body! {
    /// What is left of one policy.
    QuotaBalanceV1 {
        /// Which.
        policy: PolicyId,
        /// Whose use it counts.
        scope: QuotaScope,
        /// What it counts.
        unit: QuotaUnit,
        /// How much is used in the current window.
        used: u32,
        /// How much may be.
        limit: u32,
        /// When a calendar window ends, or the oldest charge of a rolling one stops counting.
        window_ends: Timestamp,
        /// Frozen since then, until an admin releases it; 0 where it is not.
        frozen_since: Timestamp,
    }
}
body! {
    /// What is left.
    QuotasV2 {
        /// One entry a policy that is in force, by id.
        quotas: Vec<QuotaBalanceV1>,
    }
}
body! {
    /// One policy, and what it is going to be.
    PolicyStateV1 {
        /// What is in force; none for a preset that is switched off.
        now: Option<PolicyV1>,
        /// A change that has been decided takes effect then; 0 where there is none.
        next_from: Timestamp,
        /// What will be in force; none where it ends then, or nothing changes.
        next: Option<PolicyV1>,
    }
}
body! {
    /// A tenant's policies, by id.
    PoliciesV1 {
        /// Those in force, or going to be.
        policies: Vec<PolicyStateV1>,
    }
}
