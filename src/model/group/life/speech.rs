//! Who is silent, and how often the others speak (SPEC M3).

use std::collections::BTreeMap;

use crate::model::command::GroupRole;
use crate::model::group::Group;
use crate::model::refusal::Refusal;
use crate::model::state::PersonIndex;
use crate::wire::{GroupId, Kind, Timestamp};

const SECOND_US: i64 = 1_000_000;

/// A group's rules of speaking; owner and admins stand above them.
pub(crate) struct Speech {
    pub(crate) all_muted: bool,
    /// 0 for none.
    pub(crate) slow_mode_seconds: u32,
    /// Until when single people are silent; what is over is as if it were not there.
    pub(crate) muted: BTreeMap<PersonIndex, Timestamp>,
    /// When members last spoke; kept in slow mode only.
    pub(crate) spoke: BTreeMap<PersonIndex, Timestamp>,
}

impl Speech {
    pub(super) const fn new() -> Self {
        Self {
            all_muted: false,
            slow_mode_seconds: 0,
            muted: BTreeMap::new(),
            spoke: BTreeMap::new(),
        }
    }

    /// When `person` may speak again by themselves; none where they are not silent.
    pub(crate) fn muted_until(&self, person: PersonIndex, now: Timestamp) -> Option<Timestamp> {
        let until = self.muted.get(&person).copied();
        until.filter(|until| *until > now)
    }

    /// Also forgets who may speak again by now.
    pub(super) fn mute(&mut self, person: PersonIndex, until: Timestamp, now: Timestamp) {
        self.muted.insert(person, until);
        self.muted.retain(|_, until| *until > now);
    }

    pub(super) fn set_slow_mode(&mut self, seconds: u32) {
        self.slow_mode_seconds = seconds;
        if seconds == 0 {
            self.spoke = BTreeMap::new();
        }
    }

    pub(super) fn forget_member(&mut self, person: PersonIndex) {
        self.spoke.remove(&person);
    }

    fn binds_anyone(&self) -> bool {
        self.all_muted || self.slow_mode_seconds > 0 || !self.muted.is_empty()
    }
}

impl Group {
    /// Whether `sender`, who is a member, is neither silent nor too quick. Systems are not bound.
    #[inline]
    pub(crate) fn check_speech(
        &self,
        group: GroupId,
        sender: PersonIndex,
        kind: Kind,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        match &self.settings {
            None => Ok(()),
            Some(settings) => self.check_bound(&settings.speech, group, sender, kind, now),
        }
    }

    fn check_bound(
        &self,
        speech: &Speech,
        group: GroupId,
        sender: PersonIndex,
        kind: Kind,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if kind == Kind::System || !speech.binds_anyone() {
            return Ok(());
        }
        if self.role(sender) != GroupRole::Member {
            return Ok(());
        }
        if let Some(until) = speech.muted_until(sender, now) {
            return Err(Refusal::Muted { group, until });
        }
        if speech.all_muted {
            let until = Timestamp(0);
            return Err(Refusal::Muted { group, until });
        }
        let wait_us = i64::from(speech.slow_mode_seconds) * SECOND_US;
        if let Some(last) = speech.spoke.get(&sender)
            && now.micros_since(*last) < wait_us
        {
            let retry_at = last.plus_micros(wait_us);
            return Err(Refusal::SlowMode { group, retry_at });
        }
        Ok(())
    }

    /// Remembers when `sender` spoke, where that counts.
    #[inline]
    pub(crate) fn note_speech(&mut self, sender: Option<PersonIndex>, now: Timestamp) {
        if let (Some(settings), Some(sender)) = (&mut self.settings, sender)
            && settings.speech.slow_mode_seconds > 0
        {
            settings.speech.spoke.insert(sender, now);
        }
    }
}
