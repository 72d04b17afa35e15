//! The life of a group (SPEC G7, G8, G9, M3): settings, invitations, speech, states, one's own view.
//!
//! A group that was never configured costs a publish one test of a pointer. External groups' archive
//! pull and retention cannot be switched off: there is no such setting.

mod activity;
pub(crate) mod command;
pub(crate) mod event;
mod settings;
pub(crate) mod snapshot;
mod speech;

use std::collections::BTreeSet;

use crate::model::state::{GroupIndex, PersonIndex};

pub(crate) use self::activity::Activity;
pub(crate) use self::settings::Settings;

/// What a tenant finds groups by.
#[derive(Default)]
pub(crate) struct Life {
    /// Who is invited where, as the groups' settings have it.
    pub(crate) invited: BTreeSet<(PersonIndex, GroupIndex)>,
    /// Groups disabled with nobody to own them, which super admins are told of (SPEC M6).
    pub(crate) orphaned: BTreeSet<GroupIndex>,
}
