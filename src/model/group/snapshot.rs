//! Groups as a snapshot has them. Memberships are written once, here, and found again from here.

use crate::model::body::body;
use crate::model::command::GroupKind;
use crate::model::event::GroupStatus;
use crate::model::snapshot::HEAD_MAX;
use crate::model::state::{DepartmentIndex, GroupIndex, PersonIndex, Tenant};
use crate::wire::{DepartmentId, GroupId, PersonId, Sequence};

use super::Group;

body! {
    /// Groups by id.
    GroupsStateV1 {
        list: Vec<GroupStateV2>,
    }
}
body! {
    /// One group.
    GroupStateV2 {
        kind: GroupKind,
        name: String,
        status: GroupStatus,
        creator: PersonId,
        department: DepartmentId,
        follows_department: bool,
        owner: PersonId,
        admins: Vec<PersonId>,
        members: Vec<MembershipV1>,
        head: Sequence,
        membership_sequence: Sequence,
        message_ordinal: u64,
    }
}
body! {
    /// One member, in join order.
    MembershipV1 {
        person: PersonId,
        joined: Sequence,
    }
}

pub(crate) fn write(tenant: &Tenant) -> GroupsStateV1 {
    let groups = (1..).map(GroupId).zip(&tenant.groups);
    let groups = groups.map(|(id, group)| write_group(tenant, id, group));
    GroupsStateV1 {
        list: groups.collect(),
    }
}

fn write_group(tenant: &Tenant, id: GroupId, group: &Group) -> GroupStateV2 {
    // Destructured, so that a new field cannot be forgotten.
    let Group {
        kind,
        name,
        status,
        creator,
        department,
        follows_department,
        // In the part of making groups.
        team: _,
        training: _,
        owner,
        admins,
        members,
        head,
        membership_sequence,
        message_ordinal,
    } = group;
    let index = tenant.find_group(id);
    let joined = |member: &PersonIndex| {
        let membership = index.and_then(|index| tenant.person(*member).membership(index));
        membership.map_or(Sequence(0), |membership| membership.joined)
    };
    let members = members.iter().map(|member| MembershipV1 {
        person: member.id(),
        joined: joined(member),
    });
    GroupStateV2 {
        kind: *kind,
        name: name.to_string(),
        status: *status,
        creator: creator.map_or(PersonId(0), PersonIndex::id),
        department: department.map_or(DepartmentId(0), DepartmentIndex::id),
        follows_department: *follows_department,
        owner: owner.map_or(PersonId(0), PersonIndex::id),
        admins: admins.iter().map(|admin| admin.id()).collect(),
        members: members.collect(),
        head: *head,
        membership_sequence: *membership_sequence,
        message_ordinal: *message_ordinal,
    }
}

/// After people and departments.
pub(crate) fn read(tenant: &mut Tenant, state: GroupsStateV1) -> Result<(), &'static str> {
    for group in state.list {
        read_group(tenant, group)?;
    }
    Ok(())
}

fn read_group(tenant: &mut Tenant, state: GroupStateV2) -> Result<(), &'static str> {
    let admins = state.admins.iter().map(|admin| tenant.find_person(*admin));
    let admins = admins.collect::<Option<_>>().ok_or("a group's admin")?;
    if state.message_ordinal > state.head.0
        || state.membership_sequence > state.head
        || state.head > HEAD_MAX
    {
        return Err("a group's order");
    }
    let owner = tenant.find_person(state.owner);
    if owner.is_none() && state.owner != PersonId(0) {
        return Err("a group's owner");
    }
    let creator = tenant.find_person(state.creator);
    if creator.is_none() && state.creator != PersonId(0) {
        return Err("a group's creator");
    }
    let department = tenant.departments.find(state.department);
    if department.is_none() && state.department != DepartmentId(0) {
        return Err("a group's department");
    }
    tenant.groups.push(Group {
        kind: state.kind,
        name: state.name.into(),
        status: state.status,
        creator,
        department,
        follows_department: state.follows_department,
        team: None,
        training: None,
        owner,
        admins,
        members: Vec::with_capacity(state.members.len()),
        head: state.head,
        membership_sequence: state.membership_sequence,
        message_ordinal: state.message_ordinal,
    });
    let id = GroupId(tenant.groups.len() as u64);
    let index: GroupIndex = tenant.find_group(id).ok_or("a group")?;
    for member in state.members {
        let person = tenant
            .find_person(member.person)
            .ok_or("a group's member")?;
        if !tenant.person_mut(person).join(index, member.joined) {
            return Err("a group's member");
        }
        tenant.group_mut(index).members.push(person);
    }
    Ok(())
}
