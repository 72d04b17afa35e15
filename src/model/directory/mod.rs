//! Tenants and people (SPEC D): who exists, what they are, and which groups they are in.
//!
//! A person's memberships are kept with the person, in group order: asking whether someone is a
//! member is a search among their groups, never among a group's members (invariant 6).

mod apply;
mod decide;
pub(crate) mod snapshot;
#[cfg(test)]
mod tests;

pub(crate) use apply::{add_people, create_tenant, depart};
pub(crate) use decide::{decide_add_people, decide_create_tenant, decide_depart};

use crate::model::command::{OrgRole, PersonKind, PersonStatus};
use crate::model::state::{DepartmentIndex, GroupIndex, insert_snug};
use crate::wire::Sequence;

/// Bytes an external id may have.
pub(crate) const EXTERNAL_ID_LEN_MAX: usize = 64;

/// One person of a tenant; kept after they have left.
pub(crate) struct Person {
    pub(crate) name: Box<str>,
    pub(crate) kind: PersonKind,
    pub(crate) role: OrgRole,
    pub(crate) status: PersonStatus,
    /// In order of index; those the person is in themselves, not those above.
    pub(crate) departments: Box<[DepartmentIndex]>,
    /// In group order.
    memberships: Vec<Membership>,
}

/// One person's place in one group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Membership {
    pub(crate) group: GroupIndex,
    /// The sequence of the join: the first that the person may read.
    pub(crate) joined: Sequence,
}

impl Person {
    pub(crate) fn new(name: &str, kind: PersonKind, role: OrgRole) -> Self {
        Self {
            name: name.into(),
            kind,
            role,
            status: PersonStatus::Active,
            departments: Box::default(),
            memberships: Vec::new(),
        }
    }

    /// Whether the person has left the company.
    pub(crate) fn has_departed(&self) -> bool {
        self.status == PersonStatus::Departed
    }

    /// In group order.
    pub(crate) fn memberships(&self) -> &[Membership] {
        &self.memberships
    }

    pub(crate) fn membership(&self, group: GroupIndex) -> Option<&Membership> {
        self.search(group).ok().map(|at| &self.memberships[at])
    }

    /// Whether the person was not in the group, and is now.
    pub(crate) fn join(&mut self, group: GroupIndex, joined: Sequence) -> bool {
        let Err(at) = self.search(group) else {
            return false;
        };
        insert_snug(&mut self.memberships, at, Membership { group, joined });
        true
    }

    /// Whether the person was in the group, and is not now.
    pub(crate) fn leave(&mut self, group: GroupIndex) -> bool {
        let Ok(at) = self.search(group) else {
            return false;
        };
        self.memberships.remove(at);
        if self.memberships.is_empty() {
            self.memberships = Vec::new();
        }
        true
    }

    fn search(&self, group: GroupIndex) -> Result<usize, usize> {
        self.memberships
            .binary_search_by_key(&group, |membership| membership.group)
    }
}
