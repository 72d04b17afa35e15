//! Whether a group may be created, by whom and with whom (SPEC G3, G4).

use crate::model::command::{
    Actor, Binding, CreateGroupV1, CreateTrainingGroupV1, DoneV1, GroupChangedV1, GroupKind,
    NewGroupV1, Reply, SetArchivePullV1,
};
use crate::model::decision::{Decision, Request};
use crate::model::event::{ArchivePullSetV1, Event, GroupCreatedV2, WatchHashV1};
use crate::model::group::{direct, training};
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::PersonIndex;
use crate::wire::{GroupId, PersonId, Sequence};

use super::is_archive_required;
use super::plan::{Belongs, NewGroup, plan};
use super::policy::{self, Admitted};

/// As older clients ask. Such an internal group belongs to a project team of its own name.
pub(crate) fn decide_create(
    request: &Request<'_>,
    create: &CreateGroupV1,
) -> Result<Decision, Refusal> {
    let binding = match create.kind {
        GroupKind::Internal => Belongs::Team(&create.name),
        GroupKind::External | GroupKind::Training | GroupKind::Direct => Belongs::Nowhere,
    };
    create_one(
        request,
        &NewGroup {
            kind: create.kind,
            name: &create.name,
            owner: create.owner,
            admins: &[],
            members: &create.members,
            departments: &[],
            belongs: binding,
            follows_department: false,
            may_be_small: false,
        },
    )
}

pub(crate) fn decide_create_v2(
    request: &Request<'_>,
    create: &NewGroupV1,
) -> Result<Decision, Refusal> {
    create_one(request, &wanted(create))
}

pub(crate) fn decide_create_training(
    request: &Request<'_>,
    create: &CreateTrainingGroupV1,
) -> Result<Decision, Refusal> {
    if create.group.kind != GroupKind::Training {
        return Err(Refusal::Invalid {
            field: "kind",
            rule: "training, where there is a watch password",
        });
    }
    let new = wanted(&create.group);
    check_asker(request, &new)?;
    let watch = training::hashed(&create.watch, request.random)?;
    create_checked(request, &new, Some(watch))
}

/// One group as somebody asks for it, by every rule there is for those who ask.
pub(crate) fn create_one(request: &Request<'_>, new: &NewGroup<'_>) -> Result<Decision, Refusal> {
    check_asker(request, new)?;
    check_has_watch(new)?;
    create_checked(request, new, None)
}

fn create_checked(
    request: &Request<'_>,
    new: &NewGroup<'_>,
    watch: Option<WatchHashV1>,
) -> Result<Decision, Refusal> {
    policy::check(request, new.kind)?;
    if let Some(decision) = existing_direct(request, new)? {
        return Ok(decision);
    }
    let mut created = plan(request, new)?;
    created.watch = watch;
    policy::check_selection(request, &created.members)?;
    match policy::admit(request, new.kind)? {
        Admitted::Freely => {}
        Admitted::Counted(day) => (created.day_starts, created.day_ends) = (day.starts, day.ends),
        Admitted::OneTooMany(decision) => return Ok(*decision),
    }
    Ok(accepted(created))
}

/// A group of a batch, which the enterprise asks for.
pub(super) fn plan_for_enterprise(
    request: &Request<'_>,
    create: &NewGroupV1,
) -> Result<GroupCreatedV2, Refusal> {
    let new = wanted(create);
    check_has_watch(&new)?;
    if let Some(group) = direct_of(request, &new) {
        let person = new.members.first().copied().unwrap_or(PersonId(0));
        return Err(Refusal::AlreadyAMember { person, group });
    }
    plan(request, &new)
}

/// The enterprise's systems create groups once the tenant is verified (SPEC D1).
fn check_asker(request: &Request<'_>, new: &NewGroup<'_>) -> Result<(), Refusal> {
    request.permit(operation_of(new.kind), Subject::Tenant)?;
    if request.actor == Actor::Enterprise {
        request.tenant.require_verified(request.now)?;
    }
    let owner = new.owner;
    let for_oneself = matches!(request.actor, Actor::Person { person, .. } if person == owner);
    if for_oneself {
        return Ok(());
    }
    request.permit(Operation::CreateGroupForAnother, Subject::Tenant)
}

fn operation_of(kind: GroupKind) -> Operation {
    match kind {
        GroupKind::Internal => Operation::CreateInternalGroup,
        GroupKind::External => Operation::CreateExternalGroup,
        GroupKind::Training => Operation::CreateTrainingGroup,
        GroupKind::Direct => Operation::CreateDirectGroup,
    }
}

/// Every training group has a watch password and a window (SPEC G1).
fn check_has_watch(new: &NewGroup<'_>) -> Result<(), Refusal> {
    if new.kind != GroupKind::Training {
        return Ok(());
    }
    Err(Refusal::Invalid {
        field: "kind",
        rule: "a training group is created with its watch password, one at a time",
    })
}

/// Two people have one direct group: asking for it again answers the first.
fn existing_direct(request: &Request<'_>, new: &NewGroup<'_>) -> Result<Option<Decision>, Refusal> {
    let Some(group) = direct_of(request, new) else {
        return Ok(None);
    };
    if let Some(index) = request.tenant.find_group(group) {
        request.tenant.group(index).check_active(group)?;
    }
    Ok(Some(Decision::answered(reply(group))))
}

fn direct_of(request: &Request<'_>, new: &NewGroup<'_>) -> Option<GroupId> {
    let tenant = request.tenant;
    let (GroupKind::Direct, [other]) = (new.kind, new.members) else {
        return None;
    };
    let (owner, other) = (tenant.find_person(new.owner)?, tenant.find_person(*other)?);
    Some(direct::between(tenant, owner, other)?.id())
}

fn accepted(created: GroupCreatedV2) -> Decision {
    let reply = reply(created.group);
    Decision::accepted(Event::GroupCreatedV2(created), reply)
}

fn reply(group: GroupId) -> Reply {
    let sequence = Sequence(1);
    Reply::GroupCreated(GroupChangedV1 { group, sequence })
}

fn wanted(create: &NewGroupV1) -> NewGroup<'_> {
    NewGroup {
        kind: create.kind,
        name: &create.name,
        owner: create.owner,
        admins: &[],
        members: &create.members,
        departments: &create.departments,
        belongs: match create.binding {
            Binding::None => Belongs::Nowhere,
            Binding::Department => Belongs::Department(create.department),
            Binding::Team => Belongs::Team(&create.team),
        },
        follows_department: create.follows_department,
        may_be_small: false,
    }
}

/// Nobody switches off the pull of a group with external contacts, the enterprise neither (SPEC G1).
pub(crate) fn decide_set_archive_pull(
    request: &Request<'_>,
    set: &SetArchivePullV1,
) -> Result<Decision, Refusal> {
    let index = request.tenant.known_group(set.group)?;
    request.permit(Operation::SetTenantPolicy, Subject::Tenant)?;
    if !set.pulled && is_archive_required(request.tenant, request.tenant.group(index)) {
        let group = set.group;
        return Err(Refusal::ArchiveRequired { group });
    }

    let event = Event::ArchivePullSet(ArchivePullSetV1 {
        group: set.group,
        pulled: set.pulled,
    });
    Ok(Decision::accepted(event, Reply::Done(DoneV1 {})))
}

/// The person who asks; none where the enterprise's systems do.
pub(super) fn asking_person(request: &Request<'_>) -> Result<Option<PersonIndex>, Refusal> {
    match request.actor {
        Actor::Person { person, .. } => request.tenant.active_person(person).map(Some),
        Actor::Node | Actor::Enterprise | Actor::System => Ok(None),
    }
}
