//! Who may create groups, how many a day, and whom they may select (SPEC G4).
//!
//! All of it binds people, super admins too: nobody is nobody. The enterprise's own systems have
//! the bound of a batch instead.

use std::collections::BTreeSet;

use crate::model::command::{
    Actor, Creators, DoneV1, GroupKind, PersonV1, Reply, SetContactScopeV1, SetCreationPolicyV1,
    SetSelectableV1,
};
use crate::model::decision::{Decision, Request};
use crate::model::directory;
use crate::model::event::{CreationPolicySetV1, Event, RiskControlSetV1, ScopeSetV1};
use crate::model::permission::{Operation, Subject};
use crate::model::quota::{Window, day_of};
use crate::model::refusal::Refusal;
use crate::model::state::{DepartmentIndex, PersonIndex, Tenant};
use crate::wire::{DepartmentId, PersonId, Timestamp};

use super::decide::asking_person;
use super::{Policy, Scope};

/// That a person may create a group now.
pub(super) enum Admitted {
    /// And it does not count.
    Freely,
    /// And it counts for that day.
    Counted(Window),
    /// Not: it is one too many, which trips risk control.
    OneTooMany(Box<Decision>),
}

/// Whether the asker may create groups of `kind` at all.
pub(super) fn check(request: &Request<'_>, kind: GroupKind) -> Result<(), Refusal> {
    let Some(creator) = bound_creator(request, kind)? else {
        return Ok(());
    };
    check_creator(request, creator)?;
    let count = request.tenant.creation.counts.get(&creator);
    match count.and_then(|count| count.tripped) {
        None => Ok(()),
        Some(since) => {
            let person = creator.id();
            Err(Refusal::RiskControl { person, since })
        }
    }
}

/// Whether the asker, who may create groups of `kind`, may create one more today.
pub(super) fn admit(request: &Request<'_>, kind: GroupKind) -> Result<Admitted, Refusal> {
    let Some(creator) = bound_creator(request, kind)? else {
        return Ok(Admitted::Freely);
    };
    let tenant = request.tenant;
    let count = tenant.creation.counts.get(&creator);
    let stored = count.filter(|count| request.now < count.day.ends);
    let (day, created) = match stored {
        Some(count) => (count.day, count.created),
        None => (day_of(&tenant.zone, request.now), 0),
    };
    if created >= request.limits.groups_created_per_day_max {
        return Ok(Admitted::OneTooMany(Box::new(tripped(request, creator))));
    }
    Ok(Admitted::Counted(day))
}

/// The person whom the policy binds. A conversation of two is no group that anyone is kept from or
/// counted for.
fn bound_creator(request: &Request<'_>, kind: GroupKind) -> Result<Option<PersonIndex>, Refusal> {
    match kind {
        GroupKind::Direct => Ok(None),
        GroupKind::Internal | GroupKind::External | GroupKind::Training => asking_person(request),
    }
}

/// The refusal that trips risk control: at once, and once until it is released.
fn tripped(request: &Request<'_>, creator: PersonIndex) -> Decision {
    let person = creator.id();
    let since = request.now;
    Decision::new(
        vec![Event::RiskControlSet(RiskControlSetV1 {
            person,
            tripped: true,
        })],
        Err(Refusal::RiskControl { person, since }),
    )
}

fn check_creator(request: &Request<'_>, creator: PersonIndex) -> Result<(), Refusal> {
    let tenant = request.tenant;
    let policy = &tenant.creation.policy;
    if policy.bar_mobile && is_on_mobile(request) {
        return Err(Refusal::CreationLocked { mobile: true });
    }
    let may = match policy.who {
        Creators::Everyone => true,
        Creators::Departments => is_in_departments(tenant, creator, &policy.departments),
        Creators::People => policy.people.binary_search(&creator).is_ok(),
        Creators::WithApproval if request.approved => true,
        Creators::WithApproval => {
            return Err(Refusal::NeedsApproval {
                operation: "creating a group",
            });
        }
        Creators::Nobody => return Err(Refusal::CreationLocked { mobile: false }),
    };
    if may {
        return Ok(());
    }
    Err(Refusal::NotACreator {
        person: creator.id(),
    })
}

fn is_on_mobile(request: &Request<'_>) -> bool {
    match request.actor {
        Actor::Person { person, device } => directory::is_mobile(request.tenant, person, device),
        Actor::Node | Actor::Enterprise | Actor::System => false,
    }
}

/// Whether the asker may select all of `people` for a new group.
pub(super) fn check_selection(request: &Request<'_>, people: &[PersonId]) -> Result<(), Refusal> {
    let Some(creator) = asking_person(request)? else {
        return Ok(());
    };
    let creation = &request.tenant.creation;
    let scopes = [
        Some(&creation.selectable),
        creation.contact_scopes.get(&creator),
    ];
    check_scopes(request.tenant, scopes, people)
}

/// Whether `people` may be selected at all: what holds for those who add to a group, too.
pub(crate) fn check_selected(request: &Request<'_>, people: &[PersonId]) -> Result<(), Refusal> {
    match request.actor {
        Actor::Person { .. } => {
            let scopes = [Some(&request.tenant.creation.selectable), None];
            check_scopes(request.tenant, scopes, people)
        }
        Actor::Node | Actor::Enterprise | Actor::System => Ok(()),
    }
}

/// Scopes are of employees: whom external contacts belong to is who may select them (SPEC D4).
fn check_scopes(
    tenant: &Tenant,
    scopes: [Option<&Scope>; 2],
    people: &[PersonId],
) -> Result<(), Refusal> {
    let scopes = scopes.into_iter().flatten();
    for scope in scopes.filter(|scope| !scope.is_everyone()) {
        for person in people {
            let Some(index) = tenant.find_person(*person) else {
                continue;
            };
            if tenant.is_employee(index) && !scope.contains(tenant, index) {
                return Err(Refusal::NotSelectable { person: *person });
            }
        }
    }
    Ok(())
}

impl Scope {
    pub(super) fn is_everyone(&self) -> bool {
        self.departments.is_empty() && self.people.is_empty()
    }

    fn contains(&self, tenant: &Tenant, person: PersonIndex) -> bool {
        self.people.binary_search(&person).is_ok()
            || is_in_departments(tenant, person, &self.departments)
    }
}

/// Whether the person is in one of `tops`, which are in order of index, or below.
fn is_in_departments(tenant: &Tenant, person: PersonIndex, tops: &[DepartmentIndex]) -> bool {
    let departments = tenant.person(person).departments.iter();
    let mut all = departments.flat_map(|index| tenant.departments.upwards(*index));
    all.any(|above| tops.binary_search(&above).is_ok())
}

pub(crate) fn decide_set_policy(
    request: &Request<'_>,
    set: &SetCreationPolicyV1,
) -> Result<Decision, Refusal> {
    request.permit(Operation::SetCreationPolicy, Subject::Tenant)?;
    let (departments, people) = checked(request, &set.departments, &set.people)?;

    let event = Event::CreationPolicySet(CreationPolicySetV1 {
        who: set.who,
        departments,
        people,
        bar_mobile: set.bar_mobile,
        binding_off: set.binding_off,
    });
    Ok(Decision::accepted(event, Reply::Done(DoneV1 {})))
}

pub(crate) fn decide_set_selectable(
    request: &Request<'_>,
    set: &SetSelectableV1,
) -> Result<Decision, Refusal> {
    request.permit(Operation::SetCreationPolicy, Subject::Tenant)?;
    scope_set(request, PersonId(0), &set.departments, &set.people)
}

pub(crate) fn decide_set_contact_scope(
    request: &Request<'_>,
    set: &SetContactScopeV1,
) -> Result<Decision, Refusal> {
    request.permit(Operation::SetCreationPolicy, Subject::Tenant)?;
    request.tenant.active_person(set.person)?;
    scope_set(request, set.person, &set.departments, &set.people)
}

fn scope_set(
    request: &Request<'_>,
    person: PersonId,
    departments: &[DepartmentId],
    people: &[PersonId],
) -> Result<Decision, Refusal> {
    let (departments, people) = checked(request, departments, people)?;
    let event = Event::ScopeSet(ScopeSetV1 {
        person,
        departments,
        people,
    });
    Ok(Decision::accepted(event, Reply::Done(DoneV1 {})))
}

/// What is named, each once, in order.
fn checked(
    request: &Request<'_>,
    departments: &[DepartmentId],
    people: &[PersonId],
) -> Result<(Vec<DepartmentId>, Vec<PersonId>), Refusal> {
    if departments.len() + people.len() > request.limits.people_per_command_max as usize {
        return Err(Refusal::Invalid {
            field: "departments and people",
            rule: "together no longer than the limit of one command",
        });
    }
    for department in departments {
        request.tenant.departments.known(*department)?;
    }
    for person in people {
        request.tenant.active_person(*person)?;
    }
    let departments: BTreeSet<_> = departments.iter().copied().collect();
    let people: BTreeSet<_> = people.iter().copied().collect();
    let in_order = (
        departments.into_iter().collect(),
        people.into_iter().collect(),
    );
    Ok(in_order)
}

/// Lifts the hold, not the day's count (SPEC Q2).
pub(crate) fn decide_release(
    request: &Request<'_>,
    release: &PersonV1,
) -> Result<Decision, Refusal> {
    let person = release.person;
    request.permit(Operation::ReleaseRiskControl, Subject::Person(person))?;
    let index = request.tenant.active_person(person)?;
    let reply = Reply::Done(DoneV1 {});
    let count = request.tenant.creation.counts.get(&index);
    if count.is_none_or(|count| count.tripped.is_none()) {
        return Ok(Decision::answered(reply));
    }

    let event = Event::RiskControlSet(RiskControlSetV1 {
        person,
        tripped: false,
    });
    Ok(Decision::accepted(event, reply))
}

pub(crate) fn set_policy(tenant: &mut Tenant, set: &CreationPolicySetV1) {
    let Scope {
        departments,
        people,
    } = scope(tenant, &set.departments, &set.people);
    tenant.creation.policy = Policy {
        who: set.who,
        departments,
        people,
        bar_mobile: set.bar_mobile,
        binding_off: set.binding_off,
    };
}

pub(crate) fn set_scope(tenant: &mut Tenant, set: &ScopeSetV1) {
    let scope = scope(tenant, &set.departments, &set.people);
    let scopes = &mut tenant.creation.contact_scopes;
    if set.person == PersonId(0) {
        tenant.creation.selectable = scope;
    } else if let Some(person) = PersonIndex::within(set.person, tenant.people.len()) {
        if scope.is_everyone() {
            scopes.remove(&person);
        } else {
            scopes.insert(person, scope);
        }
    }
}

fn scope(tenant: &Tenant, departments: &[DepartmentId], people: &[PersonId]) -> Scope {
    let departments = departments
        .iter()
        .filter_map(|id| tenant.departments.find(*id));
    let people = people.iter().filter_map(|id| tenant.find_person(*id));
    let departments: BTreeSet<_> = departments.collect();
    let people: BTreeSet<_> = people.collect();
    Scope {
        departments: departments.into_iter().collect(),
        people: people.into_iter().collect(),
    }
}

pub(crate) fn set_risk_control(tenant: &mut Tenant, at: Timestamp, set: &RiskControlSetV1) {
    let Some(person) = tenant.find_person(set.person) else {
        return;
    };
    let count = super::apply::count_of(tenant, person);
    count.tripped = match (set.tripped, count.tripped) {
        (true, since) => since.or(Some(at)),
        (false, _) => None,
    };
}
