//! Every way the model says no: the rule, how much, and when to try again (SPEC P3, Q6).
//!
//! Something of another tenant is answered exactly as something that does not exist (SPEC D1).

use core::fmt;

use crate::model::command::PolicyId;
use crate::wire::{DepartmentId, GroupId, MatrixId, PersonId, Refused, Timestamp};

/// Why a command was refused. Nothing was charged and no sequence was used (SPEC Q3).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No such tenant.
    #[error("no such tenant")]
    NoSuchTenant,
    /// No such person in the tenant.
    #[error("person {person} does not exist")]
    NoSuchPerson {
        /// Who was named.
        person: PersonId,
    },
    /// No such group in the tenant.
    #[error("group {group} does not exist")]
    NoSuchGroup {
        /// Which was named.
        group: GroupId,
    },
    /// No such mass send in the tenant.
    #[error("mass send {mass_send} does not exist")]
    NoSuchMassSend {
        /// Which was named.
        mass_send: u64,
    },
    /// Not a member, or left before this was decided (SPEC M5).
    #[error("person {person} is not a member of group {group}")]
    NotAMember {
        /// Who.
        person: PersonId,
        /// Where.
        group: GroupId,
    },
    /// Already a member.
    #[error("person {person} is already a member of group {group}")]
    AlreadyAMember {
        /// Who.
        person: PersonId,
        /// Where.
        group: GroupId,
    },
    /// The last place is taken (SPEC G2).
    #[error("group {group} is full: its cap is {cap}")]
    GroupFull {
        /// Which; 0 for one that was to be created.
        group: GroupId,
        /// How many it may have.
        cap: u32,
    },
    /// The group is dissolved (SPEC G8).
    #[error("group {group} is dissolved")]
    GroupDissolved {
        /// Which.
        group: GroupId,
    },
    /// The group is disabled: no employee was left to own it (SPEC G8, M6).
    #[error("group {group} is disabled")]
    GroupDisabled {
        /// Which.
        group: GroupId,
    },
    /// Fewer than 2 other people (SPEC G3).
    #[error("a group needs at least {need} other people, {have} given")]
    TooFewMembers {
        /// How many it needs.
        need: u32,
        /// How many were given.
        have: u32,
    },
    /// Only employees are in internal groups, own or administer groups, and mass-send (SPEC G1, M6).
    #[error("person {person} is not an employee, and only employees may")]
    NotAnEmployee {
        /// Who.
        person: PersonId,
    },
    /// Not allowed by role (SPEC P1, M2).
    #[error("not permitted: {operation} needs {needs}")]
    NotPermitted {
        /// What was asked.
        operation: &'static str,
        /// Who may.
        needs: &'static str,
    },
    /// The tenant's verification is missing or has lapsed (SPEC D1).
    #[error("the tenant is not verified")]
    NotVerified,
    /// A fourth super admin (SPEC D5).
    #[error("a tenant has at most {limit} super admins")]
    TooManySuperAdmins {
        /// How many it may have.
        limit: u32,
    },
    /// The person has left the company (SPEC D7).
    #[error("person {person} has left the company")]
    Departed {
        /// Who.
        person: PersonId,
    },
    /// A quota is used up until its window ends (SPEC Q6).
    #[error("{policy} is used up for {}: {used} of {limit}, try again at {retry_at}", Account(*group, *person))]
    QuotaExceeded {
        /// Which policy.
        policy: PolicyId,
        /// Of which group's account; 0 where no group is concerned.
        group: GroupId,
        /// Of which person's account; 0 where nobody is concerned.
        person: PersonId,
        /// How much is used.
        used: u32,
        /// The limit.
        limit: u32,
        /// When the next window begins, or enough of a rolling one has ended.
        retry_at: Timestamp,
        /// This refusal froze the feature (SPEC Q2).
        frozen: bool,
    },
    /// Frozen until an admin releases it (SPEC Q2).
    #[error("{} is frozen for {policy} since {since}: an admin must release it", Account(*group, *person))]
    Frozen {
        /// By which policy.
        policy: PolicyId,
        /// Which group; 0 where no group is concerned.
        group: GroupId,
        /// Who; 0 where nobody is concerned.
        person: PersonId,
        /// Since when.
        since: Timestamp,
    },
    /// The same client message id with another body (SPEC S3).
    #[error("client message id was used before with another body")]
    IdempotencyMismatch,
    /// A kind people do not write, or one this group kind refuses (SPEC S1).
    #[error("this kind of message may not be published here")]
    KindNotAllowed,
    /// Text out of its bounds, a list too long, something twice.
    #[error("{field} is invalid: {rule}")]
    Invalid {
        /// Which field.
        field: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// A string id of the backend that another person has.
    #[error("an external id is already in use")]
    DuplicateExternalId,
    /// The account is frozen until an admin thaws it (SPEC D3).
    #[error("the account of person {person} is frozen: an admin must thaw it")]
    AccountFrozen {
        /// Whose.
        person: PersonId,
    },
    /// Somebody else has to approve it first (SPEC P2).
    #[error("{operation} needs the approval of somebody else")]
    NeedsApproval {
        /// What was asked.
        operation: &'static str,
    },
    /// The tenant ties admin operations to a second factor (SPEC D9).
    #[error("admin operations need a second factor: sign in with one")]
    SecondFactorRequired,
    /// No such department in the tenant.
    #[error("department {department} does not exist")]
    NoSuchDepartment {
        /// Which was named.
        department: DepartmentId,
    },
    // Quotas
    /// No such quota policy in the tenant, or it is switched off.
    #[error("quota policy {} does not exist", policy.0)]
    NoSuchPolicy {
        /// Which was named.
        policy: PolicyId,
    },
    /// One quota policy more than a tenant may have.
    #[error("a tenant has at most {limit} quota policies")]
    TooManyPolicies {
        /// How many it may have.
        limit: u32,
    },
    /// No such batch in the tenant, or its results are no longer kept.
    #[error("batch {batch} does not exist")]
    NoSuchBatch {
        /// Which was named: its parent record.
        batch: u64,
    },
    /// Nobody creates groups: the security lock (SPEC G4).
    #[error("creating groups is locked{}", if *mobile { " on mobile devices" } else { "" })]
    CreationLocked {
        /// On mobile devices only.
        mobile: bool,
    },
    /// Not one of those who may create groups (SPEC G4).
    #[error("person {person} is not one of those who may create groups")]
    NotACreator {
        /// Who.
        person: PersonId,
    },
    /// Out of the scope of those who may be selected (SPEC G4).
    #[error("person {person} may not be selected")]
    NotSelectable {
        /// Who.
        person: PersonId,
    },
    /// One group too many was created in a day; an admin must release it (SPEC G4).
    #[error(
        "person {person} created too many groups, held up since {since}: an admin must release it"
    )]
    RiskControl {
        /// Who.
        person: PersonId,
        /// Since when.
        since: Timestamp,
    },
    /// Archive pull and retention of a group with external contacts stay on (SPEC G1).
    #[error("the archive of group {group} cannot be switched off")]
    ArchiveRequired {
        /// Which.
        group: GroupId,
    },
    /// Outside the time in which viewers are let in (SPEC G1).
    #[error("group {group} lets viewers in from {opens} until {closes}")]
    WatchClosed {
        /// Which.
        group: GroupId,
        /// From then on.
        opens: Timestamp,
        /// Until before then.
        closes: Timestamp,
    },
    /// Not the watch password (SPEC G1).
    #[error("this is not the watch password of group {group}")]
    WrongPassword {
        /// Of which group.
        group: GroupId,
    },
    /// Wrong too often in a minute.
    #[error("too many wrong guesses: try again at {retry_at}")]
    TooManyGuesses {
        /// When one of them is forgotten.
        retry_at: Timestamp,
    },
    /// No such set of groups in the tenant.
    #[error("matrix {matrix} does not exist")]
    NoSuchMatrix {
        /// Which was named.
        matrix: MatrixId,
    },
    /// No space left for records (SPEC A2); nothing was changed.
    #[error("the log's disk is full: free space and try again")]
    DiskFull,
}

impl Refusal {
    /// The code of the rule on the wire (docs/wire.md).
    #[must_use]
    pub fn code(&self) -> u16 {
        match self {
            Self::NoSuchTenant => 1,
            Self::NoSuchPerson { .. } => 2,
            Self::NoSuchGroup { .. } => 3,
            Self::NoSuchMassSend { .. } => 4,
            Self::NotAMember { .. } => 5,
            Self::AlreadyAMember { .. } => 6,
            Self::GroupFull { .. } => 7,
            Self::GroupDissolved { .. } => 8,
            Self::TooFewMembers { .. } => 9,
            Self::NotAnEmployee { .. } => 10,
            Self::NotPermitted { .. } => 11,
            Self::NotVerified => 12,
            Self::TooManySuperAdmins { .. } => 13,
            Self::Departed { .. } => 14,
            Self::QuotaExceeded { .. } => 15,
            Self::Frozen { .. } => 16,
            Self::IdempotencyMismatch => 17,
            Self::KindNotAllowed => 18,
            Self::Invalid { .. } => 19,
            Self::DuplicateExternalId => 20,
            Self::DiskFull => 21,
            Self::GroupDisabled { .. } => 22,
            Self::AccountFrozen { .. } => 23,
            Self::NeedsApproval { .. } => 24,
            Self::SecondFactorRequired => 25,
            Self::NoSuchDepartment { .. } => 26,
            // Quotas
            Self::NoSuchPolicy { .. } => 95,
            Self::TooManyPolicies { .. } => 96,
            Self::NoSuchBatch { .. } => 45,
            Self::CreationLocked { .. } => 46,
            Self::NotACreator { .. } => 47,
            Self::NotSelectable { .. } => 48,
            Self::RiskControl { .. } => 49,
            Self::ArchiveRequired { .. } => 50,
            Self::WatchClosed { .. } => 51,
            Self::WrongPassword { .. } => 52,
            Self::TooManyGuesses { .. } => 53,
            Self::NoSuchMatrix { .. } => 54,
        }
    }

    /// The refusal as it travels.
    #[must_use]
    pub fn to_wire(&self) -> Refused {
        let mut refused = Refused {
            code: self.code(),
            policy: 0,
            subject: 0,
            used: 0,
            limit: 0,
            retry_at: Timestamp(0),
            text: self.to_string(),
        };
        match self {
            Self::NoSuchPerson { person }
            | Self::NotAMember { person, .. }
            | Self::AlreadyAMember { person, .. }
            | Self::NotAnEmployee { person }
            | Self::Departed { person }
            | Self::AccountFrozen { person } => refused.subject = person.0,
            Self::NoSuchGroup { group }
            | Self::GroupDissolved { group }
            | Self::GroupDisabled { group } => {
                refused.subject = group.0;
            }
            Self::NoSuchMassSend { mass_send } => refused.subject = *mass_send,
            Self::GroupFull { group, cap } => {
                refused.subject = group.0;
                refused.used = u64::from(*cap);
                refused.limit = u64::from(*cap);
            }
            Self::TooFewMembers { need, have } => {
                refused.used = u64::from(*have);
                refused.limit = u64::from(*need);
            }
            Self::TooManySuperAdmins { limit } => {
                refused.used = u64::from(*limit);
                refused.limit = u64::from(*limit);
            }
            Self::QuotaExceeded {
                policy,
                group,
                person,
                used,
                limit,
                retry_at,
                ..
            } => {
                refused.policy = policy.0;
                refused.subject = account_id(*group, *person);
                refused.used = u64::from(*used);
                refused.limit = u64::from(*limit);
                refused.retry_at = *retry_at;
            }
            Self::Frozen {
                policy,
                group,
                person,
                ..
            } => {
                refused.policy = policy.0;
                refused.subject = account_id(*group, *person);
            }
            Self::NoSuchPolicy { policy } => refused.policy = policy.0,
            Self::TooManyPolicies { limit } => {
                refused.used = u64::from(*limit);
                refused.limit = u64::from(*limit);
            }
            Self::NoSuchDepartment { department } => refused.subject = department.0,
            Self::NoSuchBatch { batch } => refused.subject = *batch,
            Self::NotACreator { person }
            | Self::NotSelectable { person }
            | Self::RiskControl { person, .. } => refused.subject = person.0,
            Self::ArchiveRequired { group } | Self::WrongPassword { group } => {
                refused.subject = group.0;
            }
            Self::WatchClosed { group, opens, .. } => {
                refused.subject = group.0;
                refused.retry_at = *opens;
            }
            Self::TooManyGuesses { retry_at } => refused.retry_at = *retry_at,
            Self::NoSuchMatrix { matrix } => refused.subject = matrix.0,
            // The text says it all.
            _ => {}
        }
        refused
    }
}

/// Whose account a quota is of.
struct Account(GroupId, PersonId);

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self(GroupId(0), PersonId(0)) => f.write_str("the enterprise"),
            Self(GroupId(0), person) => write!(f, "person {person}"),
            Self(group, PersonId(0)) => write!(f, "group {group}"),
            Self(group, person) => write!(f, "person {person} in group {group}"),
        }
    }
}

/// The person of an account, else its group.
fn account_id(group: GroupId, person: PersonId) -> u64 {
    if person == PersonId(0) {
        group.0
    } else {
        person.0
    }
}
