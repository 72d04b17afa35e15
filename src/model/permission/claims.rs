//! What an actor is, to the enterprise and to what is concerned.

/// What an actor is; a set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Claims(u16);

impl Claims {
    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

pub(super) const NOBODY: Claims = Claims(0);
pub(super) const NODE: Claims = Claims(1 << 0);
pub(super) const ENTERPRISE: Claims = Claims(1 << 1);
pub(super) const SYSTEM: Claims = Claims(1 << 2);
/// A super admin of the tenant, in the group concerned or not.
pub(super) const SUPER_ADMIN: Claims = Claims(1 << 3);
/// Any employee, admins too.
pub(super) const EMPLOYEE: Claims = Claims(1 << 4);
/// A customer or partner.
pub(super) const CONTACT: Claims = Claims(1 << 5);
/// Owner of the group concerned.
pub(super) const OWNER: Claims = Claims(1 << 6);
/// Admin of the group concerned; its owner is none.
pub(super) const ADMIN: Claims = Claims(1 << 7);
/// An employee in the group concerned, in any role.
pub(super) const COLLEAGUE: Claims = Claims(1 << 8);
/// In the group concerned, in any role.
pub(super) const MEMBER: Claims = Claims(1 << 9);
/// The person concerned.
pub(super) const ONESELF: Claims = Claims(1 << 10);
/// A department admin, of whatever department.
pub(super) const DEPARTMENT_ADMIN: Claims = Claims(1 << 11);
/// An admin of the subtree that what is concerned belongs to ("own subtree", SPEC P1).
pub(super) const SUBTREE_ADMIN: Claims = Claims(1 << 12);
/// An app admin.
pub(super) const APP_ADMIN: Claims = Claims(1 << 13);
/// Watches the training group concerned.
pub(super) const VIEWER: Claims = Claims(1 << 14);

/// Acts for the enterprise from outside.
pub(super) const BACKEND: Claims = NODE.or(ENTERPRISE);
/// Runs the enterprise.
pub(super) const MANAGEMENT: Claims = BACKEND.or(SUPER_ADMIN);
/// Runs what is concerned from above.
pub(super) const MANAGERS: Claims = MANAGEMENT.or(SUBTREE_ADMIN);
/// Runs the group concerned.
pub(super) const LEADERS: Claims = OWNER.or(ADMIN);
/// Anybody with an account.
pub(super) const ANYONE: Claims = EMPLOYEE.or(CONTACT);
/// People's roles in the enterprise: what they allow is an admin operation (SPEC D9, P3).
pub(super) const ORG_ROLES: Claims = SUPER_ADMIN
    .or(DEPARTMENT_ADMIN)
    .or(SUBTREE_ADMIN)
    .or(APP_ADMIN);
