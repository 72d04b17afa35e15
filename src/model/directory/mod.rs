//! Tenants and people (SPEC D): who exists, what they are, and which groups they are in.
//!
//! A person's memberships are kept with the person, in group order: asking whether someone is a
//! member is a search among their groups, never among a group's members (invariant 6).

mod account;
mod apply;
pub(crate) mod command;
mod decide;
mod device;
pub(crate) mod event;
mod leaving;
mod people;
pub mod phone;
mod policy;
pub(crate) mod profile;
mod read;
mod role;
pub(crate) mod snapshot;
#[cfg(test)]
mod tests;

pub(crate) use account::{
    Activation, activate, decide_activate, decide_freeze, decide_invite_again, decide_thaw,
    fail_activation, freeze, issue, issue_activations, thaw,
};
pub(crate) use apply::{add_people, create_tenant};
pub(crate) use decide::{decide_add_people, decide_create_tenant};
pub(crate) use device::{
    Devices, decide_register_device, decide_revoke_device, is_mobile, list_devices,
    register_device, revoke_device,
};
pub(crate) use leaving::{decide_depart, decide_depart_v2, depart, depart_v2};
pub(crate) use people::{
    add_people_v2, check_person, decide_add_people_v2, decide_update_person, set_profile,
};
pub use policy::admission;
pub(crate) use policy::{
    AllowList, decide_set_policy, decide_verify, get_policy, set_policy, verify,
};
pub(crate) use profile::Holders;
pub(crate) use read::{PAGE_MAX, get_person, list_people};
pub(crate) use role::{decide_set_org_role, set_org_role};

use self::profile::Profile;

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
    /// The account has been in use; contacts have none to activate. Who has not been deals with
    /// no external contact (SPEC D3), frozen meanwhile or not.
    pub(crate) activated: bool,
    /// Some device of theirs is locked out.
    pub(crate) has_revoked_device: bool,
    /// In order of index; those the person is in themselves, not those above.
    pub(crate) departments: Box<[DepartmentIndex]>,
    /// None where nothing but the name is written of them.
    pub(crate) profile: Option<Box<Profile>>,
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
            activated: true,
            has_revoked_device: false,
            profile: None,
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
