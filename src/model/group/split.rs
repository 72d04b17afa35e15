//! Splitting a group into a core and sub-groups with the same owner and admins (SPEC G10).
//!
//! One record: everyone has a place before and after, whoever watches. Those who run the group are
//! in every part; the others are dealt out in the order they joined, the first of them to the core.

use crate::model::command::{GroupKind, GroupSplitV1, Reply, SplitGroupV1};
use crate::model::decision::{Decision, Request};
use crate::model::event::{self, Event, FollowingEndedV1, GroupCreatedV2, LeaveCause};
use crate::model::group::Group;
use crate::model::group::creation::{Belongs, NewGroup, plan};
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::PersonIndex;
use crate::wire::{GroupId, PersonId};

#[cfg(test)]
mod tests;

/// Groups that one can become, the core included.
const PARTS_MAX: u32 = 20;

pub(crate) fn decide(request: &Request<'_>, split: &SplitGroupV1) -> Result<Decision, Refusal> {
    let id = split.group;
    let index = request.tenant.known_group(id)?;
    request.permit(Operation::SplitGroup, Subject::Group(index))?;
    let group = request.tenant.group(index);
    group.check_active(id)?;
    let dealt = deal(group, split.parts)?;
    let owner = group.owner.ok_or(Refusal::GroupDisabled { group: id })?;

    let admins: Vec<PersonId> = group.admins.iter().map(|admin| admin.id()).collect();
    let mut events = Vec::with_capacity(dealt.len() + 2);
    let mut groups = Vec::with_capacity(dealt.len());
    for (part, people) in (2..).zip(&dealt) {
        let mut created = part_of(request, group, owner, &admins, people, part)?;
        created.group = GroupId(created.group.0 + groups.len() as u64);
        groups.push(created.group);
        events.push(Event::GroupCreatedV2(created));
    }
    events.push(Event::MembersLeft(event::MembersLeftV1 {
        group: id,
        people: dealt.concat(),
        cause: LeaveCause::Removed,
        successor: PersonId(0),
        status: group.status,
    }));
    if group.follows_department {
        // Its department is in several groups now; whoever comes anew is added by hand.
        events.push(Event::FollowingEnded(FollowingEndedV1 { group: id }));
    }
    Ok(Decision::new(
        events,
        Ok(Reply::GroupSplit(GroupSplitV1 { groups })),
    ))
}

/// Who goes to which sub-group.
fn deal(group: &Group, parts: u32) -> Result<Vec<Vec<PersonId>>, Refusal> {
    if !matches!(group.kind, GroupKind::Internal | GroupKind::External) {
        return Err(Refusal::Invalid {
            field: "group",
            rule: "an internal or external group",
        });
    }
    let leads = |member: &&PersonIndex| group.is_led_by(**member);
    let others = group.members.iter().filter(|member| !leads(member));
    let others: Vec<PersonId> = others.map(|member| member.id()).collect();
    let is_enough = others.len() >= parts as usize;
    if !(2..=PARTS_MAX).contains(&parts) || !is_enough {
        return Err(Refusal::Invalid {
            field: "parts",
            rule: "2 to 20, and no more than there are members to be dealt out",
        });
    }
    let parts = parts as usize;
    // The first parts get one more each where it does not come out even.
    let (each, over) = (others.len() / parts, others.len() % parts);
    let mut rest = others.as_slice();
    let mut dealt = Vec::with_capacity(parts);
    for part in 0..parts {
        let (taken, left) = rest.split_at(each + usize::from(part < over));
        dealt.push(taken.to_vec());
        rest = left;
    }
    dealt.remove(0);
    Ok(dealt)
}

fn part_of(
    request: &Request<'_>,
    group: &Group,
    owner: PersonIndex,
    admins: &[PersonId],
    people: &[PersonId],
    part: usize,
) -> Result<GroupCreatedV2, Refusal> {
    let members = [admins, people].concat();
    let name = numbered(&group.name, part);
    let belongs = match (group.department, &group.team) {
        (Some(department), _) => Belongs::PartOf(department.id()),
        (None, Some(team)) => Belongs::Team(team),
        // Older groups belong to nothing.
        (None, None) => Belongs::Team(&group.name),
    };
    let new = NewGroup {
        kind: group.kind,
        name: &name,
        owner: owner.id(),
        admins,
        members: &members,
        departments: &[],
        belongs,
        follows_department: false,
        may_be_small: true,
    };
    plan(request, &new)
}

/// The name with the part's number behind it, within 64 characters.
fn numbered(name: &str, part: usize) -> String {
    let number = format!(" ({part})");
    let kept = 64 - number.chars().count();
    let mut numbered: String = name.chars().take(kept).collect();
    numbered.push_str(&number);
    numbered
}
