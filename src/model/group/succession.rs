//! Who owns a group when its owner goes (SPEC M6).

use crate::model::command::Succession;
use crate::model::event::GroupStatus;
use crate::model::state::{PersonIndex, Tenant};
use crate::wire::PersonId;

use super::{Fate, Group};

#[cfg(test)]
mod tests;

/// What becomes of `group` once `leaving`, who are members and in order of index, are gone.
pub(crate) fn fate_without(tenant: &Tenant, group: &Group, leaving: &[PersonIndex]) -> Fate {
    let unchanged = Fate {
        successor: PersonId(0),
        status: group.status,
    };
    if leaving.len() == group.members.len() {
        let status = GroupStatus::Dissolved;
        return Fate {
            status,
            ..unchanged
        };
    }
    let leaves = |person: &PersonIndex| leaving.binary_search(person).is_ok();
    if !group.owner.as_ref().is_some_and(leaves) {
        return unchanged;
    }
    // Only employees succeed; admins are employees always.
    let stays = |person: &&PersonIndex| tenant.is_employee(**person) && !leaves(person);
    let longest_member = || group.members.iter().find(stays);
    let successor = match tenant.succession {
        Succession::AdminFirst => group.admins.iter().find(stays).or_else(longest_member),
        Succession::JoinOrder => longest_member(),
    };
    match successor {
        Some(successor) => Fate {
            successor: successor.id(),
            ..unchanged
        },
        None => Fate {
            status: GroupStatus::Disabled,
            ..unchanged
        },
    }
}
