//! Who may do what (SPEC P1, M2): one table, the only place that decides.
//!
//! An actor holds claims: what they are to the enterprise, and to the group, person or department
//! concerned. An operation is permitted to whoever holds one of the claims in its row.

mod claims;
mod numbers;
mod table;

use self::claims::*;
use self::table::TABLE;
use crate::model::command::{Actor, OrgRole, PersonKind};
use crate::model::refusal::Refusal;
use crate::model::state::{DepartmentIndex, GroupIndex, PersonIndex, Tenant};
use crate::wire::PersonId;

pub(crate) use self::numbers::number_of;
pub(crate) use self::table::Operation;

#[cfg(test)]
mod tests;

/// What is concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Subject {
    /// The enterprise as a whole.
    Tenant,
    /// One group.
    Group(GroupIndex),
    /// One person.
    Person(PersonId),
    /// One department.
    Department(DepartmentIndex),
}

/// What the table says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Granted,
    /// Once somebody else has approved (SPEC P2).
    NeedsApproval,
    /// Granted by a role in the enterprise, which the tenant ties to a second factor (SPEC D9).
    NeedsSecondFactor,
    Refused,
}

/// Whether `actor` of `tenant` may do `operation` to `subject`; a person must still be with the company.
pub(crate) fn verdict(
    tenant: &Tenant,
    actor: Actor,
    second_factor: bool,
    operation: Operation,
    subject: Subject,
) -> Result<Verdict, Refusal> {
    let held = claims(tenant, actor, subject)?;
    let has_factor = second_factor || !tenant.requires_second_factor;
    Ok(judge(held, has_factor, operation))
}

/// The refusal of `operation`, by its row.
pub(crate) fn not_permitted(operation: Operation) -> Refusal {
    let rule = &TABLE[operation as usize];
    Refusal::NotPermitted {
        operation: rule.name,
        needs: rule.needs,
    }
}

/// Whether a role in the enterprise can allow it: then being refused it is recorded (SPEC P3).
pub(crate) fn is_admin_operation(operation: Operation) -> bool {
    // No role allows it, and whoever tries wants to read what all others said.
    if operation == Operation::PullArchive {
        return true;
    }
    let rule = &TABLE[operation as usize];
    let allowed = rule.granted.or(rule.with_approval);
    !allowed.and(ORG_ROLES).is_empty()
}

/// The operation's name for people.
pub(crate) fn name_of(operation: Operation) -> &'static str {
    TABLE[operation as usize].name
}

/// The operation that [`name_of`] names so.
pub(crate) fn named(name: &str) -> Option<Operation> {
    let rule = TABLE.iter().find(|rule| rule.name == name);
    rule.map(|rule| rule.operation)
}

/// [`verdict`] where no tenant is concerned.
pub(crate) fn check_node(actor: Actor, operation: Operation) -> Result<(), Refusal> {
    let held = match actor {
        Actor::Node => NODE,
        Actor::Enterprise => ENTERPRISE,
        Actor::System => SYSTEM,
        Actor::Person { .. } => ANYONE,
    };
    match judge(held, true, operation) {
        Verdict::Granted => Ok(()),
        _ => Err(not_permitted(operation)),
    }
}

fn judge(held: Claims, has_factor: bool, operation: Operation) -> Verdict {
    let rule = &TABLE[operation as usize];
    debug_assert!(rule.operation == operation, "the table is in order");
    let grants = held.and(rule.granted);
    let approvable = held.and(rule.with_approval);
    if !grants.without(ORG_ROLES).is_empty() {
        Verdict::Granted
    } else if grants.or(approvable).is_empty() {
        Verdict::Refused
    } else if !has_factor {
        Verdict::NeedsSecondFactor
    } else if grants.is_empty() {
        Verdict::NeedsApproval
    } else {
        Verdict::Granted
    }
}

fn claims(tenant: &Tenant, actor: Actor, subject: Subject) -> Result<Claims, Refusal> {
    let (person, device) = match actor {
        Actor::Node => return Ok(NODE),
        Actor::Enterprise => return Ok(ENTERPRISE),
        Actor::System => return Ok(SYSTEM),
        Actor::Person { person, device } => (person, device),
    };
    let index = tenant.usable_person(person)?;
    tenant.check_device(index, device)?;
    let employee = tenant.person(index).kind == PersonKind::Employee;
    let mut held = if employee { EMPLOYEE } else { CONTACT };
    let role = tenant.person(index).role;
    match role {
        OrgRole::Employee => {}
        OrgRole::SuperAdmin => held = held.or(SUPER_ADMIN),
        OrgRole::DepartmentAdmin => held = held.or(DEPARTMENT_ADMIN),
        OrgRole::AppAdmin => held = held.or(APP_ADMIN),
    }
    if role == OrgRole::DepartmentAdmin && in_own_subtree(tenant, index, subject) {
        held = held.or(SUBTREE_ADMIN);
    }
    match subject {
        Subject::Tenant | Subject::Department(_) => {}
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
            if group.is_watched_by(index) {
                held = held.or(VIEWER);
            }
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

/// "Own subtree" (SPEC P1): bound to, or created by someone in, the subtree that `admin` runs.
///
/// Super admins are above every department, wherever they work: none of its admins freezes them.
fn in_own_subtree(tenant: &Tenant, admin: PersonIndex, subject: Subject) -> bool {
    let runs = |department: DepartmentIndex| tenant.departments.is_run_by(department, admin);
    let runs_department_of = |person: PersonIndex| {
        let departments = tenant.person(person).departments.iter();
        departments.copied().any(runs)
    };
    match subject {
        Subject::Tenant => false,
        Subject::Department(department) => runs(department),
        Subject::Person(person) => {
            let below = tenant.find_person(person);
            let below = below.filter(|person| !tenant.is_super_admin(*person));
            below.is_some_and(runs_department_of)
        }
        Subject::Group(group) => {
            let group = tenant.group(group);
            group.department.is_some_and(runs) || group.creator.is_some_and(runs_department_of)
        }
    }
}
