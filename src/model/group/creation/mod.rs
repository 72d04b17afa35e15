//! Making groups (SPEC G1, G3, G4, D1): every way in ends in one plan, which checks kind, members and
//! cap and says in one event what comes of it.
//!
//! What it keeps beside the groups themselves is one enterprise's [`Creation`]: who may create, what
//! was created today, and the calls that are still being worked off.

mod apply;
mod batch;
pub(crate) mod command;
mod decide;
pub(crate) mod event;
mod notice;
mod plan;
mod policy;
pub(crate) mod query;
pub(crate) mod snapshot;
#[cfg(test)]
mod tests;

pub(crate) use apply::{create, end_following, set_archive_pull};
pub(crate) use batch::{
    Batch, Batches, accept_batch, create_of_batch, decide_create_groups, decide_next_of_batch,
    refuse_of_batch,
};
pub(crate) use decide::{
    decide_create, decide_create_training, decide_create_v2, decide_set_archive_pull,
};
pub(crate) use notice::{Notice, decide_set_notice, joined_event, set_notice};
pub(crate) use plan::{Belongs, NewGroup, plan};
pub(crate) use policy::{
    check_selected, decide_release, decide_set_contact_scope, decide_set_policy,
    decide_set_selectable, set_policy, set_risk_control, set_scope,
};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::model::command::{Creators, GroupKind};
use crate::model::group::Group;
use crate::model::group::direct::Directs;
use crate::model::group::matrix::Matrices;
use crate::model::group::training::Audiences;
use crate::model::quota::Window;
use crate::model::state::{DepartmentIndex, GroupIndex, PersonIndex, Tenant};
use crate::wire::Timestamp;

/// What one enterprise keeps about making groups.
#[derive(Default)]
pub(crate) struct Creation {
    pub(crate) policy: Policy,
    /// Who may be selected for new groups.
    pub(crate) selectable: Scope,
    /// Of creators who may select from fewer.
    pub(crate) contact_scopes: FxHashMap<PersonIndex, Scope>,
    /// Of people who have created groups.
    pub(crate) counts: FxHashMap<PersonIndex, Count>,
    pub(crate) notice: Notice,
    /// Groups that the enterprise's own archive pull leaves out.
    pub(crate) unpulled: FxHashSet<GroupIndex>,
    pub(crate) directs: Directs,
    pub(crate) batches: Batches,
    pub(crate) matrices: Matrices,
    pub(crate) audiences: Audiences,
}

/// Who may create groups (SPEC G4). It binds people; the enterprise's own systems it does not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Policy {
    pub(crate) who: Creators,
    /// In order of index.
    pub(crate) departments: Box<[DepartmentIndex]>,
    /// In order of index.
    pub(crate) people: Box<[PersonIndex]>,
    pub(crate) bar_mobile: bool,
    /// Internal groups need belong to nothing (SPEC G1).
    pub(crate) binding_off: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            who: Creators::Everyone,
            departments: Box::default(),
            people: Box::default(),
            bar_mobile: false,
            binding_off: false,
        }
    }
}

/// A part of the people; naming nothing, it is all of them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Scope {
    /// In order of index; what is below them is meant too.
    pub(crate) departments: Box<[DepartmentIndex]>,
    /// In order of index.
    pub(crate) people: Box<[PersonIndex]>,
}

/// What one person has created.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Count {
    /// A calendar day of the enterprise's zone.
    pub(crate) day: Window,
    /// On that day.
    pub(crate) created: u32,
    /// Creating is held up until an admin releases it.
    pub(crate) tripped: Option<Timestamp>,
}

/// Whether a group's archive pull and retention cannot be switched off (SPEC G1): an external group,
/// and a conversation of two with an external contact.
pub(crate) fn is_archive_required(tenant: &Tenant, group: &Group) -> bool {
    let mut members = group.members.iter();
    match group.kind {
        GroupKind::External => true,
        GroupKind::Direct => members.any(|member| !tenant.is_employee(*member)),
        GroupKind::Internal | GroupKind::Training => false,
    }
}
