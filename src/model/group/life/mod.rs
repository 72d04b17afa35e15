//! The life of a group (SPEC G7, G8, G9, M3): settings, invitations, speech, states, one's own view.
//!
//! A group that was never configured costs a publish one test of a pointer. External groups' archive
//! pull and retention cannot be switched off: there is no such setting. A welcome message is a
//! setting that clients show to whom a `Joined` envelope names: it is no message of anybody.

mod activity;
mod apply;
pub(crate) mod command;
mod configure;
pub(crate) mod event;
mod invitation;
mod own_view;
mod query;
mod settings;
pub(crate) mod snapshot;
mod speech;
mod status;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::event::GroupStatus;
use crate::model::state::{GroupIndex, PersonIndex};

pub(crate) use self::activity::Activity;
pub(crate) use self::apply::{
    announce, configure, disable, dissolve_for, enable, follow, join_from, mute, mute_all, note,
    set_slow_mode,
};
pub(super) use self::apply::{forget_group, forget_invitation, forget_members, list_if_orphaned};
pub(crate) use self::configure::{
    decide_announce, decide_configure, decide_mute, decide_mute_all, decide_slow_mode,
};
pub(super) use self::invitation::{asks_first, check_may_invite, decide_invite};
pub(crate) use self::invitation::{decide_answer, list as list_invitations};
pub(crate) use self::own_view::{decide_do_not_disturb, decide_hide, decide_restore, decide_tag};
pub use self::query::{announcement, announcements};
pub(crate) use self::query::{
    get_settings, get_statistics, list_hidden, list_members, list_orphaned, page_of_members,
    readable_group,
};
pub(crate) use self::settings::Settings;
pub(super) use self::status::heirs;
pub(crate) use self::status::{decide_delete, decide_disable, decide_enable, orphaned};

use super::Group;

/// What a tenant finds groups by.
#[derive(Default)]
pub(crate) struct Life {
    /// The groups that have invited somebody, as the groups' settings have it.
    invited: BTreeMap<PersonIndex, BTreeSet<GroupIndex>>,
    /// Groups disabled with nobody to own them, which super admins are told of (SPEC M6).
    orphaned: BTreeSet<GroupIndex>,
}

impl Life {
    /// In order; some invitations may have expired.
    fn groups_inviting(&self, person: PersonIndex) -> Vec<GroupIndex> {
        let groups = self.invited.get(&person).into_iter().flatten();
        groups.copied().collect()
    }

    fn add_invitation(&mut self, person: PersonIndex, group: GroupIndex) {
        self.invited.entry(person).or_default().insert(group);
    }

    fn remove_invitation(&mut self, person: PersonIndex, group: GroupIndex) {
        if let Some(groups) = self.invited.get_mut(&person) {
            groups.remove(&group);
            if groups.is_empty() {
                self.invited.remove(&person);
            }
        }
    }
}

impl Group {
    /// Disabled with nobody to own it (SPEC M6).
    pub(crate) fn is_orphaned(&self) -> bool {
        self.status == GroupStatus::Disabled && self.owner.is_none()
    }
}
