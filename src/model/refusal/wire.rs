//! Refusals as they travel: a code for ever, and the numbers that go with it (docs/wire.md).

use core::fmt;

use super::{NotSearched, Refusal};
use crate::wire::{GroupId, PersonId, Refused, Timestamp};

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
            Self::NotActivated { .. } => 30,
            Self::AlreadyActivated { .. } => 31,
            Self::WrongActivationCode { .. } => 32,
            Self::AlreadyInUse { .. } => 33,
            Self::LastSuperAdmin { .. } => 34,
            Self::DeviceRevoked { .. } => 35,
            Self::AddressNotAllowed => 36,
            Self::TooManyContacts { .. } => 37,
            Self::NotTheirContact { .. } => 38,
            Self::NoSuchHandOver { .. } => 39,
            Self::DepartmentCycle { .. } => 40,
            Self::DepartmentNotEmpty { .. } => 41,
            Self::DepartmentNameTaken { .. } => 42,
            Self::DepartmentLimit { .. } => 43,
            Self::TooMuchAtOnce { .. } => 44,
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
            Self::NoInvitation { .. } => 55,
            Self::TooManyInvitations { .. } => 56,
            Self::Muted { .. } => 57,
            Self::SlowMode { .. } => 58,
            Self::NoSuchJoinCode => 70,
            Self::JoinCodeExpired { .. } => 71,
            Self::JoinCodeRevoked => 72,
            Self::JoinCodeUsedUp { .. } => 73,
            Self::TooManyJoinCodes { .. } => 75,
            Self::NoSuchCall { .. } => 77,
            Self::CallAnswered { .. } => 78,
            Self::CallExpired { .. } => 79,
            Self::TooManyCalls { .. } => 80,
            Self::NoSuchFaceToFace => 81,
            Self::TooManyFaceToFace { .. } => 82,
            Self::NoSuchApproval { .. } => 85,
            Self::OwnApproval { .. } => 86,
            Self::ApprovalExpired { .. } => 87,
            Self::ApprovalClosed { .. } => 88,
            Self::TooManyApprovals { .. } => 89,
            Self::NoSecondApprover => 90,
            Self::ImportOutOfOrder { .. } => 91,
            Self::TooManyImports { .. } => 92,
            Self::NoSuchPolicy { .. } => 95,
            Self::TooManyPolicies { .. } => 96,
            Self::Held { .. } => 100,
            Self::NotSearched(_) => 101,
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
            | Self::AccountFrozen { person }
            | Self::NotActivated { person }
            | Self::AlreadyActivated { person }
            | Self::LastSuperAdmin { person }
            | Self::NotACreator { person }
            | Self::NotSelectable { person }
            | Self::RiskControl { person, .. } => refused.subject = person.0,
            Self::NoSuchGroup { group }
            | Self::GroupDissolved { group }
            | Self::GroupDisabled { group }
            | Self::ArchiveRequired { group }
            | Self::WrongPassword { group }
            | Self::NoInvitation { group, .. } => {
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
            Self::TooManySuperAdmins { limit }
            | Self::TooManyApprovals { limit }
            | Self::TooManyImports { limit }
            | Self::JoinCodeUsedUp { uses_max: limit }
            | Self::TooManyJoinCodes { limit }
            | Self::TooManyCalls { limit }
            | Self::TooManyFaceToFace { limit }
            | Self::TooManyPolicies { limit } => {
                refused.used = u64::from(*limit);
                refused.limit = u64::from(*limit);
            }
            Self::NoSuchBatch { batch } => refused.subject = *batch,
            Self::WatchClosed { group, opens, .. } => {
                refused.subject = group.0;
                refused.retry_at = *opens;
            }
            Self::TooManyGuesses { retry_at } => refused.retry_at = *retry_at,
            Self::NoSuchMatrix { matrix } => refused.subject = matrix.0,
            Self::NoSuchDepartment { department }
            | Self::DepartmentCycle { department, .. }
            | Self::DepartmentNotEmpty { department, .. }
            | Self::DepartmentNameTaken { department } => refused.subject = department.0,
            Self::DepartmentLimit { limit, .. } | Self::TooMuchAtOnce { limit, .. } => {
                refused.limit = u64::from(*limit);
            }
            Self::WrongActivationCode { person, left } => {
                refused.subject = person.0;
                refused.limit = u64::from(*left);
            }
            Self::DeviceRevoked { device } => refused.subject = u64::from(device.0),
            Self::TooManyContacts { person, limit, .. } => {
                refused.subject = person.0;
                refused.used = u64::from(*limit);
                refused.limit = u64::from(*limit);
            }
            Self::NotTheirContact { contact, .. } | Self::NoSuchHandOver { contact } => {
                refused.subject = contact.0;
            }
            Self::NoSuchApproval { approval }
            | Self::OwnApproval { approval }
            | Self::ApprovalExpired { approval, .. }
            | Self::ApprovalClosed { approval, .. } => refused.subject = approval.0,
            Self::ImportOutOfOrder { expected } => refused.subject = u64::from(*expected),
            Self::TooManyInvitations { group, limit } => {
                refused.subject = group.0;
                refused.used = u64::from(*limit);
                refused.limit = u64::from(*limit);
            }
            Self::Muted { group, until } => {
                refused.subject = group.0;
                refused.retry_at = *until;
            }
            Self::SlowMode { group, retry_at } => {
                refused.subject = group.0;
                refused.retry_at = *retry_at;
            }
            Self::NoSuchCall { call }
            | Self::CallAnswered { call }
            | Self::CallExpired { call } => {
                refused.subject = *call;
            }
            Self::NoSuchPolicy { policy } => refused.policy = policy.0,
            Self::Held { hold } => refused.subject = hold.0,
            Self::NotSearched(
                NotSearched::NotYet { retry_at } | NotSearched::Unreadable { retry_at },
            ) => refused.retry_at = *retry_at,
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
            // The text says it all.
            _ => {}
        }
        refused
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

/// Whose account a quota is of.
pub(super) struct Account(pub(super) GroupId, pub(super) PersonId);

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
