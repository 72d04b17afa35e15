//! Wrong guesses at watch passwords: what each person has guessed of each group in the last minute.
//!
//! Every guess is a record and is counted here; none is ever merged with another.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::model::state::{GroupIndex, PersonIndex};
use crate::wire::Timestamp;

/// How long a wrong guess counts, in microseconds: a minute. Part of what replay computes.
const COUNTS_FOR_US: i64 = 60_000_000;

/// One wrong guess.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Guess {
    pub(crate) group: GroupIndex,
    pub(crate) viewer: PersonIndex,
    pub(crate) at: Timestamp,
}

impl Guess {
    fn lives_at(&self, now: Timestamp) -> bool {
        now.micros_since(self.at) < COUNTS_FOR_US
    }
}

/// The wrong guesses of a tenant's last minute; what has expired is dropped as others come.
#[derive(Default)]
pub(crate) struct Guesses {
    by_time: VecDeque<Guess>,
    by_guesser: FxHashMap<(GroupIndex, PersonIndex), VecDeque<Timestamp>>,
}

impl Guesses {
    /// When the person may guess again, if `max` guesses of the last minute forbid it at `now`.
    pub(crate) fn barred_until(
        &self,
        group: GroupIndex,
        viewer: PersonIndex,
        now: Timestamp,
        max: u32,
    ) -> Option<Timestamp> {
        let at = self.by_guesser.get(&(group, viewer))?;
        let living = at
            .iter()
            .filter(|at| now.micros_since(**at) < COUNTS_FOR_US);
        // The first of the last `max` is the next to be forgotten.
        let first = living.rev().nth((max as usize).checked_sub(1)?)?;
        Some(first.plus_micros(COUNTS_FOR_US))
    }

    pub(crate) fn add(&mut self, guess: Guess) {
        while let Some(oldest) = self.by_time.front()
            && !oldest.lives_at(guess.at)
        {
            let key = (oldest.group, oldest.viewer);
            if let Some(of_one) = self.by_guesser.get_mut(&key) {
                of_one.pop_front();
                if of_one.is_empty() {
                    self.by_guesser.remove(&key);
                }
            }
            self.by_time.pop_front();
        }
        let of_one = self.by_guesser.entry((guess.group, guess.viewer));
        of_one.or_default().push_back(guess.at);
        self.by_time.push_back(guess);
    }

    /// What counts at `now`, in the order it came.
    pub(crate) fn living(&self, now: Timestamp) -> impl Iterator<Item = &Guess> {
        self.by_time.iter().filter(move |guess| guess.lives_at(now))
    }
}
