//! Who may do what (SPEC P1, M2): one table, the only place that decides.
//!
//! An actor holds claims — what they are to the enterprise, and to the group or person concerned.
//! An operation is permitted to whoever holds one of the claims in its row.

use crate::model::command::{Actor, PersonKind};
use crate::model::refusal::Refusal;
use crate::model::state::{GroupIndex, Tenant};
use crate::wire::PersonId;

#[cfg(test)]
mod tests;

/// What is asked, as the table's rows name it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Operation {
    CreateTenant,
    AddPeople,
    DepartPerson,
    CreateInternalGroup,
    CreateExternalGroup,
    CreateGroupForAnother,
    AddMembers,
    LeaveGroup,
    RemoveMembers,
    RemoveOwner,
    DissolveGroup,
    RenameGroup,
    SetRole,
    TransferOwnership,
    Publish,
    PublishAsSystem,
    MassSend,
    ReleaseFreeze,
    SetQuota,
    ReadGroup,
    ReadPerson,
    ReadMassSend,
    Continue,
}

/// What an actor is; a set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Claims(u16);

impl Claims {
    const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn shares_one_with(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

const NODE: Claims = Claims(1 << 0);
const ENTERPRISE: Claims = Claims(1 << 1);
const SYSTEM: Claims = Claims(1 << 2);
/// A super admin of the tenant, in the group concerned or not.
const SUPER_ADMIN: Claims = Claims(1 << 3);
/// Any employee, super admins too.
const EMPLOYEE: Claims = Claims(1 << 4);
/// A customer or partner.
const CONTACT: Claims = Claims(1 << 5);
/// Owner of the group concerned.
const OWNER: Claims = Claims(1 << 6);
/// Admin of the group concerned; its owner is none.
const ADMIN: Claims = Claims(1 << 7);
/// An employee in the group concerned, in any role.
const COLLEAGUE: Claims = Claims(1 << 8);
/// In the group concerned, in any role.
const MEMBER: Claims = Claims(1 << 9);
/// The person concerned.
const ONESELF: Claims = Claims(1 << 10);

/// Acts for the enterprise from outside.
const BACKEND: Claims = NODE.or(ENTERPRISE);
/// Runs the enterprise.
const MANAGEMENT: Claims = BACKEND.or(SUPER_ADMIN);
/// Runs the group concerned.
const LEADERS: Claims = OWNER.or(ADMIN);
/// Anybody with an account.
const ANYONE: Claims = EMPLOYEE.or(CONTACT);

struct Rule {
    operation: Operation,
    name: &'static str,
    granted: Claims,
    needs: &'static str,
}

const fn rule(
    operation: Operation,
    name: &'static str,
    granted: Claims,
    needs: &'static str,
) -> Rule {
    Rule {
        operation,
        name,
        granted,
        needs,
    }
}

use Operation as O;
/// In the order of [`Operation`], which a test holds.
#[rustfmt::skip]
const TABLE: [Rule; 23] = [
    rule(O::CreateTenant,          "creating a tenant",             NODE,                                "the node's operator"),
    rule(O::AddPeople,             "adding people",                 MANAGEMENT,                          "the enterprise or a super admin"),
    rule(O::DepartPerson,          "ending an employment",          MANAGEMENT,                          "the enterprise or a super admin"),
    rule(O::CreateInternalGroup,   "creating an internal group",    BACKEND.or(EMPLOYEE),                "the enterprise or an employee"),
    rule(O::CreateExternalGroup,   "creating an external group",    MANAGEMENT,                          "the enterprise or a super admin"),
    rule(O::CreateGroupForAnother, "creating a group for another",  BACKEND,                             "the enterprise"),
    rule(O::AddMembers,            "adding members",                BACKEND.or(LEADERS).or(COLLEAGUE),   "the enterprise or an employee in the group"),
    rule(O::LeaveGroup,            "leaving a group",               ANYONE,                              "the member"),
    rule(O::RemoveMembers,         "removing members",              BACKEND.or(LEADERS),                 "the enterprise, the group's owner or an admin of it"),
    rule(O::RemoveOwner,           "removing the owner",            BACKEND,                             "the enterprise"),
    rule(O::DissolveGroup,         "dissolving a group",            MANAGEMENT.or(OWNER),                "the enterprise, a super admin or the group's owner"),
    rule(O::RenameGroup,           "renaming a group",              MANAGEMENT.or(LEADERS),              "the enterprise, a super admin, the group's owner or an admin of it"),
    rule(O::SetRole,               "appointing admins",             BACKEND.or(OWNER),                   "the enterprise or the group's owner"),
    rule(O::TransferOwnership,     "transferring a group",          BACKEND.or(OWNER),                   "the enterprise or the group's owner"),
    rule(O::Publish,               "publishing",                    BACKEND.or(ONESELF),                 "the enterprise or the sender"),
    rule(O::PublishAsSystem,       "publishing a system message",   BACKEND,                             "the enterprise"),
    rule(O::MassSend,              "sending to many groups",        BACKEND.or(ONESELF),                 "the enterprise or the sender"),
    rule(O::ReleaseFreeze,         "releasing a freeze",            MANAGEMENT,                          "the enterprise or a super admin"),
    rule(O::SetQuota,              "setting a quota",               MANAGEMENT,                          "the enterprise or a super admin"),
    rule(O::ReadGroup,             "reading about a group",         MANAGEMENT.or(MEMBER),               "the enterprise, a super admin or a member"),
    rule(O::ReadPerson,            "reading about a person",        MANAGEMENT.or(ONESELF),              "the enterprise, a super admin or the person"),
    rule(O::ReadMassSend,          "reading about a mass send",     MANAGEMENT.or(ONESELF),              "the enterprise, a super admin or the sender"),
    rule(O::Continue,              "continuing",                    SYSTEM,                              "Throng itself"),
];

/// What is concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Subject {
    /// The enterprise as a whole.
    Tenant,
    /// One group.
    Group(GroupIndex),
    /// One person.
    Person(PersonId),
}

/// Whether `actor` of `tenant` may do `operation` to `subject`; a person must still be with the company.
pub(crate) fn check(
    tenant: &Tenant,
    actor: Actor,
    operation: Operation,
    subject: Subject,
) -> Result<(), Refusal> {
    verdict(claims(tenant, actor, subject)?, operation)
}

/// [`check`] where no tenant is concerned.
pub(crate) fn check_node(actor: Actor, operation: Operation) -> Result<(), Refusal> {
    let claims = match actor {
        Actor::Node => NODE,
        Actor::Enterprise => ENTERPRISE,
        Actor::System => SYSTEM,
        Actor::Person { .. } => ANYONE,
    };
    verdict(claims, operation)
}

fn verdict(claims: Claims, operation: Operation) -> Result<(), Refusal> {
    let rule = &TABLE[operation as usize];
    debug_assert!(rule.operation == operation, "the table is in order");
    if claims.shares_one_with(rule.granted) {
        return Ok(());
    }
    Err(Refusal::NotPermitted {
        operation: rule.name,
        needs: rule.needs,
    })
}

fn claims(tenant: &Tenant, actor: Actor, subject: Subject) -> Result<Claims, Refusal> {
    let person = match actor {
        Actor::Node => return Ok(NODE),
        Actor::Enterprise => return Ok(ENTERPRISE),
        Actor::System => return Ok(SYSTEM),
        Actor::Person { person, .. } => person,
    };
    let index = tenant.active_person(person)?;
    let employee = tenant.person(index).kind == PersonKind::Employee;
    let mut held = if employee { EMPLOYEE } else { CONTACT };
    if tenant.is_super_admin(index) {
        held = held.or(SUPER_ADMIN);
    }
    match subject {
        Subject::Tenant => {}
        Subject::Person(concerned) => {
            if concerned == person {
                held = held.or(ONESELF);
            }
        }
        Subject::Group(group) => {
            if tenant.person(index).membership(group).is_some() {
                held = held.or(MEMBER);
                if employee {
                    held = held.or(COLLEAGUE);
                }
            }
            let group = tenant.group(group);
            if group.owner == Some(index) {
                held = held.or(OWNER);
            }
            if group.admins.contains(&index) {
                held = held.or(ADMIN);
            }
        }
    }
    Ok(held)
}
