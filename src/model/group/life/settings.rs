//! What a group is set to, and what is noted of a few of its members.
//!
//! Most groups have nothing of it and cost one empty pointer; what is noted of a member is in sparse
//! tables here, never in every membership.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::command::{InvitePolicy, JoinSource, NewcomerHistory, SettingsChangeV1};
use crate::model::event::GroupStatus;
use crate::model::group::Group;
use crate::model::state::PersonIndex;
use crate::wire::{RecordNumber, Timestamp};

use super::speech::Speech;

/// Members above which a group is large (SPEC G7).
const CONFIRM_ABOVE: u32 = 40;

/// A group that was never configured, and of whose members nothing is noted.
static UNSET: Settings = Settings::new();

/// What a group is set to. The archive pull and retention are no settings: nobody switches them off.
pub(crate) struct Settings {
    pub(crate) invite: InvitePolicy,
    /// Unset: locked where the group is bound to a department (SPEC P1).
    pub(crate) name_locked: Option<bool>,
    pub(crate) hide_contacts: bool,
    /// Whom a person adds must agree, where the group would have more than `confirm_above` members.
    pub(crate) confirm: bool,
    pub(crate) confirm_above: u32,
    pub(crate) history: NewcomerHistory,
    pub(crate) receipts: bool,
    pub(crate) welcome: String,
    pub(crate) announcement: Option<Announcement>,
    pub(crate) speech: Speech,
    /// Who may become a member by accepting; what has expired is as if it were not there.
    pub(crate) invited: BTreeMap<PersonIndex, Invitation>,
    pub(crate) do_not_disturb: BTreeSet<PersonIndex>,
    /// Members who have deleted the group from their own view.
    pub(crate) hidden: BTreeSet<PersonIndex>,
    pub(crate) tags: BTreeMap<PersonIndex, Vec<String>>,
    /// Of members who were neither created with the group nor added.
    pub(crate) sources: BTreeMap<PersonIndex, Source>,
    /// Campaigns that `sources` names, in the order they came up.
    pub(crate) labels: Vec<String>,
    /// Super admins who inherited the history (SPEC G8).
    pub(crate) heirs: Vec<PersonIndex>,
    /// Dissolved, and its view erased: its content goes when retention and holds end (SPEC G8).
    pub(crate) deleted: bool,
}

/// What is pinned in a group. Its text is content, which is erased and expires; so it is not here, nor in any
/// snapshot, but where content is: in the view of the record.
#[derive(Clone, Copy)]
pub(crate) struct Announcement {
    pub(crate) record: RecordNumber,
    /// None for the enterprise's systems.
    pub(crate) by: Option<PersonIndex>,
    pub(crate) at: Timestamp,
}

/// One invitation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Invitation {
    pub(crate) by: Option<PersonIndex>,
    pub(crate) expires: Timestamp,
}

/// How a member came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Source {
    pub(crate) source: JoinSource,
    /// Which of the group's labels, from 1; 0 for none.
    pub(crate) label: u16,
}

impl Settings {
    const fn new() -> Self {
        Self {
            invite: InvitePolicy::Everyone,
            name_locked: None,
            hide_contacts: false,
            confirm: false,
            confirm_above: CONFIRM_ABOVE,
            history: NewcomerHistory::Nothing,
            receipts: true,
            welcome: String::new(),
            announcement: None,
            speech: Speech::new(),
            invited: BTreeMap::new(),
            do_not_disturb: BTreeSet::new(),
            hidden: BTreeSet::new(),
            tags: BTreeMap::new(),
            sources: BTreeMap::new(),
            labels: Vec::new(),
            heirs: Vec::new(),
            deleted: false,
        }
    }

    pub(crate) fn change(&mut self, change: &SettingsChangeV1) {
        let SettingsChangeV1 {
            invite,
            name_locked,
            hide_contacts,
            confirm,
            confirm_above,
            history,
            welcome,
            receipts,
        } = change;
        self.invite = invite.unwrap_or(self.invite);
        self.name_locked = name_locked.or(self.name_locked);
        self.hide_contacts = hide_contacts.unwrap_or(self.hide_contacts);
        self.confirm = confirm.unwrap_or(self.confirm);
        self.confirm_above = confirm_above.unwrap_or(self.confirm_above);
        self.history = history.unwrap_or(self.history);
        self.receipts = receipts.unwrap_or(self.receipts);
        if let Some(welcome) = welcome {
            self.welcome.clone_from(welcome);
        }
    }

    /// Notes how `person` came in. A group whose labels are used up notes the way alone.
    pub(crate) fn set_source(&mut self, person: PersonIndex, source: JoinSource, label: &str) {
        let label = self.label_of(label);
        self.sources.insert(person, Source { source, label });
    }

    fn label_of(&mut self, label: &str) -> u16 {
        if label.is_empty() {
            return 0;
        }
        let known = self.labels.iter().position(|known| known == label);
        let at = known.unwrap_or(self.labels.len());
        let Ok(number) = u16::try_from(at + 1) else {
            return 0;
        };
        if known.is_none() {
            self.labels.push(label.to_owned());
        }
        number
    }

    /// The text of a label that a [`Source`] names.
    pub(crate) fn label(&self, number: u16) -> &str {
        let at = usize::from(number).checked_sub(1);
        at.and_then(|at| self.labels.get(at))
            .map_or("", String::as_str)
    }

    /// Nothing is noted of a member any more who is gone. That they are silent stays: leaving and
    /// coming back does not lift it (SPEC M3).
    pub(crate) fn forget_member(&mut self, person: PersonIndex) {
        self.do_not_disturb.remove(&person);
        self.hidden.remove(&person);
        self.tags.remove(&person);
        self.sources.remove(&person);
        self.speech.forget_member(person);
    }
}

impl Group {
    /// What the group is set to, or the defaults.
    pub(crate) fn settings(&self) -> &Settings {
        self.settings.as_deref().unwrap_or(&UNSET)
    }

    pub(crate) fn settings_mut(&mut self) -> &mut Settings {
        self.settings
            .get_or_insert_with(|| Box::new(Settings::new()))
    }

    /// Whether only managers of the enterprise rename it (SPEC P1).
    pub(crate) fn is_name_locked(&self) -> bool {
        let by_default = self.department.is_some();
        self.settings().name_locked.unwrap_or(by_default)
    }

    /// Whether its view is erased (SPEC G8).
    pub(crate) fn is_deleted(&self) -> bool {
        self.status == GroupStatus::Dissolved && self.settings.as_ref().is_some_and(|it| it.deleted)
    }

    /// Whether a member has deleted it from their own view.
    pub(crate) fn is_hidden_from(&self, person: PersonIndex) -> bool {
        self.settings
            .as_ref()
            .is_some_and(|it| it.hidden.contains(&person))
    }
}
