//! Matrices (SPEC G10): named sets of groups that are addressed as one.

use std::collections::BTreeSet;

use crate::model::command::{
    ChangeMatrixV1, DoneV1, ListMatricesV1, MatricesV1, MatrixEntryV1, MatrixV1, NewMatrixV1, Reply,
};
use crate::model::decision::{Decision, Request};
use crate::model::event::{Event, GroupStatus, MatrixSetV1};
use crate::model::limits::{check_count, check_name};
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::{GroupIndex, Tenant};
use crate::wire::{GroupId, MatrixId};

#[cfg(test)]
mod tests;

/// Sets of a page, at most.
const PAGE_MAX: usize = 10;

/// A tenant's sets, by id from 1.
#[derive(Default)]
pub(crate) struct Matrices {
    pub(crate) list: Vec<Matrix>,
}

/// One set; removed where it has no groups.
pub(crate) struct Matrix {
    pub(crate) name: Box<str>,
    /// In the order given.
    pub(crate) groups: Box<[GroupIndex]>,
}

impl Matrices {
    fn find(&self, id: MatrixId) -> Result<&Matrix, Refusal> {
        let at = usize::try_from(id.0).ok().and_then(|id| id.checked_sub(1));
        let found = at.and_then(|at| self.list.get(at));
        found
            .filter(|matrix| !matrix.groups.is_empty())
            .ok_or(Refusal::NoSuchMatrix { matrix: id })
    }
}

/// The groups of a set that are not dissolved, in the order given.
pub(crate) fn groups(tenant: &Tenant, id: MatrixId) -> Result<Vec<GroupId>, Refusal> {
    let matrix = tenant.creation.matrices.find(id)?;
    Ok(living(tenant, matrix))
}

fn living(tenant: &Tenant, matrix: &Matrix) -> Vec<GroupId> {
    let groups = matrix.groups.iter();
    let living = groups.filter(|index| tenant.group(**index).status != GroupStatus::Dissolved);
    living.map(|index| index.id()).collect()
}

pub(crate) fn decide_create(request: &Request<'_>, new: &NewMatrixV1) -> Result<Decision, Refusal> {
    request.permit(Operation::ManageMatrix, Subject::Tenant)?;
    let list = &request.tenant.creation.matrices.list;
    let living = list.iter().filter(|matrix| !matrix.groups.is_empty());
    if living.count() >= request.limits.matrices_max as usize {
        return Err(Refusal::Invalid {
            field: "matrix",
            rule: "no more sets of groups than the enterprise's limit",
        });
    }
    let matrix = MatrixId(list.len() as u64 + 1);
    set(request, matrix, &new.name, &new.groups)
}

pub(crate) fn decide_change(
    request: &Request<'_>,
    change: &ChangeMatrixV1,
) -> Result<Decision, Refusal> {
    request.permit(Operation::ManageMatrix, Subject::Tenant)?;
    request.tenant.creation.matrices.find(change.matrix)?;
    set(request, change.matrix, &change.name, &change.groups)
}

fn set(
    request: &Request<'_>,
    matrix: MatrixId,
    name: &str,
    groups: &[GroupId],
) -> Result<Decision, Refusal> {
    check_name("name", name)?;
    check_count("groups", groups.len(), request.limits.matrix_groups_max)?;
    let mut seen = BTreeSet::new();
    for group in groups {
        let index = request.tenant.known_group(*group)?;
        let is_over = request.tenant.group(index).status == GroupStatus::Dissolved;
        if is_over {
            return Err(Refusal::GroupDissolved { group: *group });
        }
        if !seen.insert(index) {
            return Err(Refusal::Invalid {
                field: "groups",
                rule: "each group once",
            });
        }
    }

    let event = Event::MatrixSet(MatrixSetV1 {
        matrix,
        name: name.to_owned(),
        groups: groups.to_vec(),
    });
    Ok(Decision::accepted(
        event,
        Reply::MatrixSet(MatrixV1 { matrix }),
    ))
}

pub(crate) fn decide_remove(request: &Request<'_>, remove: &MatrixV1) -> Result<Decision, Refusal> {
    request.permit(Operation::ManageMatrix, Subject::Tenant)?;
    request.tenant.creation.matrices.find(remove.matrix)?;

    let event = Event::MatrixSet(MatrixSetV1 {
        matrix: remove.matrix,
        name: String::new(),
        groups: Vec::new(),
    });
    Ok(Decision::accepted(event, Reply::Done(DoneV1 {})))
}

pub(crate) fn list(request: &Request<'_>, list: &ListMatricesV1) -> Result<Reply, Refusal> {
    request.permit(Operation::ManageMatrix, Subject::Tenant)?;
    let page = PAGE_MAX.min(list.limit as usize);
    let sets = (1..)
        .map(MatrixId)
        .zip(&request.tenant.creation.matrices.list);
    let after = sets.filter(|(id, matrix)| *id > list.after && !matrix.groups.is_empty());
    let entry = |(matrix, set): (MatrixId, &Matrix)| MatrixEntryV1 {
        matrix,
        name: set.name.to_string(),
        groups: living(request.tenant, set),
    };
    let mut matrices: Vec<_> = after.take(page + 1).map(entry).collect();
    let more = matrices.len() > page;
    matrices.truncate(page);
    Ok(Reply::Matrices(MatricesV1 { matrices, more }))
}

pub(crate) fn apply_set(tenant: &mut Tenant, set: &MatrixSetV1) -> Option<()> {
    let at = usize::try_from(set.matrix.0).ok()?.checked_sub(1)?;
    let groups = set.groups.iter().map(|id| tenant.find_group(*id));
    let matrix = Matrix {
        name: set.name.as_str().into(),
        groups: groups.collect::<Option<_>>()?,
    };
    let list = &mut tenant.creation.matrices.list;
    if at == list.len() {
        list.push(matrix);
    } else {
        *list.get_mut(at)? = matrix;
    }
    Some(())
}
