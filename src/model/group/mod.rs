//! Groups (SPEC G, M): kinds and caps, members and roles, and each group's one gap-free order.
//!
//! Members are kept in join order, admins in the order they were appointed: the first of a list
//! has served longest, which is what succession asks for.

mod apply;
pub(crate) mod creation;
mod decide;
pub(crate) mod direct;
pub(crate) mod life;
pub(crate) mod matrix;
pub(crate) mod snapshot;
pub(crate) mod split;
mod succession;
#[cfg(test)]
mod tests;
pub(crate) mod training;

pub(crate) use apply::{
    Fate, change_role, create, dissolve, follow, join, leave, leave_to, rename, transfer_ownership,
};
pub(crate) use decide::{
    admissible, decide_add_members, decide_dissolve, decide_leave, decide_remove_members,
    decide_rename, decide_set_role, decide_transfer,
};
pub(crate) use life::{Activity, Life, Settings};
pub(crate) use succession::fate_without;

use apply::found;

use crate::model::command::{GroupKind, GroupRole};
use crate::model::event::GroupStatus;
use crate::model::limits::Limits;
use crate::model::refusal::Refusal;
use crate::model::state::{DepartmentIndex, GroupIndex, PersonIndex, Tenant};
use crate::wire::{GroupId, Sequence, Take, Timestamp};

/// Other people a group needs to be made (SPEC G3).
pub(crate) const OTHERS_MIN: u32 = 2;

/// One group of a tenant; kept after it is dissolved.
pub(crate) struct Group {
    pub(crate) kind: GroupKind,
    pub(crate) name: Box<str>,
    pub(crate) status: GroupStatus,
    /// Who had it made; none for the enterprise's systems.
    pub(crate) creator: Option<PersonIndex>,
    /// The department it is bound to.
    pub(crate) department: Option<DepartmentIndex>,
    /// Who joins, moves to or leaves that department or one below joins or leaves the group (SPEC D8).
    pub(crate) follows_department: bool,
    /// The project team it is bound to.
    pub(crate) team: Option<Box<str>>,
    /// Of a training group: who watches.
    pub(crate) training: Option<Box<training::Training>>,
    /// None once dissolved, and where no employee was left (SPEC M6).
    pub(crate) owner: Option<PersonIndex>,
    /// In the order they were appointed, without the owner.
    pub(crate) admins: Vec<PersonIndex>,
    /// In the order they joined, with owner and admins.
    pub(crate) members: Vec<PersonIndex>,
    /// The last sequence taken.
    pub(crate) head: Sequence,
    /// The sequence of the latest change of who is a member.
    pub(crate) membership_sequence: Sequence,
    /// How many messages there are.
    pub(crate) message_ordinal: u64,
    /// None: never configured.
    pub(crate) settings: Option<Box<Settings>>,
    pub(crate) activity: Activity,
}

impl Group {
    pub(crate) fn role(&self, person: PersonIndex) -> GroupRole {
        if self.owner == Some(person) {
            GroupRole::Owner
        } else if self.admins.contains(&person) {
            GroupRole::Admin
        } else {
            GroupRole::Member
        }
    }

    /// Whether the person owns or administers the group.
    pub(crate) fn is_led_by(&self, person: PersonIndex) -> bool {
        self.role(person) != GroupRole::Member
    }

    /// Whether the person watches the group, being no member.
    pub(crate) fn is_watched_by(&self, person: PersonIndex) -> bool {
        let training = self.training.as_ref();
        training.is_some_and(|training| training.is_watched_by(person))
    }

    /// Whether the group is in use.
    pub(crate) fn check_active(&self, group: GroupId) -> Result<(), Refusal> {
        match self.status {
            GroupStatus::Active => Ok(()),
            GroupStatus::Disabled => Err(Refusal::GroupDisabled { group }),
            GroupStatus::Dissolved => Err(Refusal::GroupDissolved { group }),
        }
    }

    /// Its owner from now on is `to`, a member; the owner before is an admin.
    fn hand_to(&mut self, to: PersonIndex) {
        self.admins.retain(|admin| *admin != to);
        if let Some(from) = self.owner.replace(to).filter(|from| *from != to) {
            self.admins.push(from);
        }
    }

    /// Takes the next sequence for a message.
    pub(crate) fn take_message(&mut self, group: GroupIndex) -> Take {
        self.message_ordinal += 1;
        self.take(group)
    }

    /// Takes the next sequence for a change of who is a member.
    fn take_membership(&mut self, group: GroupIndex) -> Take {
        self.membership_sequence = self.head.next();
        self.take(group)
    }

    /// Takes the next sequence.
    pub(crate) fn take(&mut self, group: GroupIndex) -> Take {
        self.head = self.head.next();
        Take {
            group: group.id(),
            sequence: self.head,
            membership_sequence: self.membership_sequence,
            message_ordinal: self.message_ordinal,
        }
    }
}

/// How many people a group of `kind` may have at `now` (SPEC G1, D1).
pub(crate) fn cap(tenant: &Tenant, limits: &Limits, kind: GroupKind, now: Timestamp) -> u32 {
    match kind {
        GroupKind::Internal | GroupKind::Training => limits.internal_members_max,
        GroupKind::Direct => 2,
        GroupKind::External if tenant.is_verified(now) => limits.external_members_max,
        GroupKind::External => limits.external_members_max_unverified,
    }
}
