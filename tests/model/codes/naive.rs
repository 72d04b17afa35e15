//! The rules of join codes and calls once more: slow, and nothing but lists.

use std::collections::BTreeSet;

use throng::model::Refusal;
use throng::model::command::{CallState, CallVerdict};
use throng::wire::{GroupId, PersonId, RecordNumber, Timestamp};

pub(crate) const CAP: usize = 6;
pub(crate) const THRESHOLD: usize = 5;
pub(crate) const USES_MAX: u32 = 4;
pub(crate) const GUESSES_MAX: usize = 2;
pub(crate) const ADMINS: [PersonId; 2] = [PersonId(2), PersonId(3)];
pub(crate) const MINUTE_US: i64 = 60_000_000;

/// Which code somebody tries; each leads from a group of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    Limited = 0,
    Live = 1,
    Verified = 2,
    Wrong = 3,
}

/// What is answered, as far as the rules say it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Told {
    Joined(GroupId),
    Pending(RecordNumber),
    Answered(CallState),
    Done,
    Refused(u16),
}

pub(crate) struct Call {
    record: RecordNumber,
    person: PersonId,
    pub(crate) expires: i64,
    pub(crate) answered: bool,
}

/// All the rules need to know.
pub(crate) struct Naive {
    pub(crate) groups: Vec<BTreeSet<PersonId>>,
    /// What each code has led to, as places in `groups`.
    led_to: [Vec<usize>; 3],
    pub(crate) revoked: [bool; 3],
    pub(crate) joined: [u32; 3],
    guesses: Vec<(i64, PersonId)>,
    pub(crate) calls: Vec<Call>,
}

impl Naive {
    pub(crate) fn new() -> Self {
        let first: BTreeSet<_> = (1..=3).map(PersonId).collect();
        Self {
            groups: vec![first; 3],
            led_to: [vec![0], vec![1], vec![2]],
            revoked: [false; 3],
            joined: [0; 3],
            guesses: Vec::new(),
            calls: Vec::new(),
        }
    }

    pub(crate) fn join(
        &mut self,
        person: PersonId,
        way: Way,
        now: i64,
        record: RecordNumber,
    ) -> Told {
        let counts = |(at, who): &&(i64, PersonId)| *who == person && now - at < MINUTE_US;
        if self.guesses.iter().filter(counts).count() >= GUESSES_MAX {
            return refused(&Refusal::TooManyGuesses {
                retry_at: Timestamp(0),
            });
        }
        if way == Way::Wrong {
            self.guesses.push((now, person));
            return refused(&Refusal::NoSuchJoinCode);
        }
        if let Err(told) = self.check(person, way) {
            return told;
        }
        if way != Way::Verified {
            return Told::Joined(self.enter(person, way));
        }
        let mut waiting = self.calls.iter();
        let waiting = waiting.rfind(|call| call.person == person && !call.answered);
        if let Some(call) = waiting.filter(|call| now < call.expires) {
            return Told::Pending(call.record);
        }
        self.calls.push(Call {
            record,
            person,
            expires: now + MINUTE_US,
            answered: false,
        });
        Told::Pending(record)
    }

    fn check(&self, person: PersonId, way: Way) -> Result<(), Told> {
        let led_to = &self.led_to[way as usize];
        let last = &self.groups[*led_to.last().unwrap()];
        let group = GroupId(0);
        if self.revoked[way as usize] {
            Err(refused(&Refusal::JoinCodeRevoked))
        } else if way == Way::Limited && self.joined[0] >= USES_MAX {
            Err(refused(&Refusal::JoinCodeUsedUp { uses_max: 0 }))
        } else if led_to.iter().any(|at| self.groups[*at].contains(&person)) {
            Err(refused(&Refusal::AlreadyAMember { person, group }))
        } else if way != Way::Live && last.len() >= CAP {
            Err(refused(&Refusal::GroupFull { group, cap: 0 }))
        } else {
            Ok(())
        }
    }

    fn enter(&mut self, person: PersonId, way: Way) -> GroupId {
        let led_to = &mut self.led_to[way as usize];
        let mut last = *led_to.last().unwrap();
        if way == Way::Live && self.groups[last].len() >= THRESHOLD {
            let turn = (led_to.len() - 1) % ADMINS.len();
            last = self.groups.len();
            self.groups.push(BTreeSet::from([ADMINS[turn]]));
            led_to.push(last);
        }
        self.groups[last].insert(person);
        self.joined[way as usize] += 1;
        GroupId(last as u64 + 1)
    }

    pub(crate) fn answer(
        &mut self,
        at: usize,
        verdict: CallVerdict,
        now: i64,
    ) -> Option<(RecordNumber, Told)> {
        let call = self.calls.get_mut(at)?;
        let (record, person) = (call.record, call.person);
        let named = record.0;
        let told = if call.answered {
            refused(&Refusal::CallAnswered { call: named })
        } else if now >= call.expires && verdict != CallVerdict::Failed {
            refused(&Refusal::CallExpired { call: named })
        } else {
            call.answered = true;
            Told::Answered(match verdict {
                CallVerdict::Refused => CallState::Refused,
                CallVerdict::Failed => CallState::Failed,
                CallVerdict::Admitted => match self.check(person, Way::Verified) {
                    Ok(()) => {
                        self.enter(person, Way::Verified);
                        CallState::Admitted
                    }
                    Err(_) => CallState::NotJoined,
                },
            })
        };
        Some((record, told))
    }
}

pub(crate) fn refused(refusal: &Refusal) -> Told {
    Told::Refused(refusal.code())
}
