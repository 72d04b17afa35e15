//! What may be known of how groups were made, and of who may make them.

use crate::model::command::{
    BatchItemV1, BatchStateV1, BatchV1, Binding, CreationPolicyV1, DataUseNoticeV1, GroupOriginV1,
    GroupV1, Reply, SetCreationPolicyV1, SetSelectableV1,
};
use crate::model::decision::Request;
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::{DepartmentIndex, PersonIndex};
use crate::wire::{DepartmentId, GroupId, PersonId};

use super::batch::Outcome;
use super::{Policy, Scope, is_archive_required};

pub(crate) fn get_batch(request: &Request<'_>, get: &BatchV1) -> Result<Reply, Refusal> {
    request.permit(Operation::CreateGroups, Subject::Tenant)?;
    let batch = request.tenant.creation.batches.find(get.batch);
    let batch = batch.ok_or(Refusal::NoSuchBatch { batch: get.batch.0 })?;
    let mut items = vec![
        BatchItemV1 {
            group: GroupId(0),
            code: 0,
            text: String::new(),
        };
        batch.count as usize
    ];
    for (item, outcome) in items.iter_mut().zip(&batch.outcomes) {
        match outcome {
            Outcome::Created(group) => item.group = group.id(),
            Outcome::Refused(code, text) => (item.code, item.text) = (*code, text.to_string()),
        }
    }
    let done = u32::try_from(batch.outcomes.len()).unwrap_or(u32::MAX);
    Ok(Reply::Batch(BatchStateV1 { done, items }))
}

pub(crate) fn get_group_origin(request: &Request<'_>, get: &GroupV1) -> Result<Reply, Refusal> {
    let tenant = request.tenant;
    let index = tenant.known_group(get.group)?;
    request.permit(Operation::ReadGroup, Subject::Group(index))?;
    let group = tenant.group(index);
    let binding = match (group.department, &group.team) {
        (Some(_), _) => Binding::Department,
        (None, Some(_)) => Binding::Team,
        (None, None) => Binding::None,
    };
    let department = group.department.map(DepartmentIndex::id);
    Ok(Reply::GroupOrigin(GroupOriginV1 {
        group: get.group,
        creator: group.creator.map_or(PersonId(0), PersonIndex::id),
        binding,
        department: department.unwrap_or(DepartmentId(0)),
        team: group.team.as_deref().unwrap_or("").to_owned(),
        follows_department: group.follows_department,
        pulled: !tenant.creation.unpulled.contains(&index),
        archive_required: is_archive_required(tenant, group),
    }))
}

/// Who is about to join, in whatever way, reads it first: anyone of the enterprise may.
pub(crate) fn get_notice(request: &Request<'_>) -> Result<Reply, Refusal> {
    request.permit(Operation::ReadNotice, Subject::Tenant)?;
    let notice = &request.tenant.creation.notice;
    Ok(Reply::DataUseNotice(DataUseNoticeV1 {
        version: notice.version,
        text: notice.text.to_string(),
    }))
}

pub(crate) fn get_policy(request: &Request<'_>) -> Result<Reply, Refusal> {
    request.permit(Operation::SetCreationPolicy, Subject::Tenant)?;
    let Policy {
        who,
        departments,
        people,
        bar_mobile,
        binding_off,
    } = &request.tenant.creation.policy;
    let Scope {
        departments: selectable_departments,
        people: selectable_people,
    } = &request.tenant.creation.selectable;
    Ok(Reply::CreationPolicy(CreationPolicyV1 {
        policy: SetCreationPolicyV1 {
            who: *who,
            departments: departments.iter().map(|index| index.id()).collect(),
            people: people.iter().map(|index| index.id()).collect(),
            bar_mobile: *bar_mobile,
            binding_off: *binding_off,
        },
        selectable: SetSelectableV1 {
            departments: selectable_departments
                .iter()
                .map(|index| index.id())
                .collect(),
            people: selectable_people.iter().map(|index| index.id()).collect(),
        },
    }))
}
