//! Wrong codes of the last minute, person by person: what may not be guessed is tried slowly.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::model::decision::Request;
use crate::model::refusal::Refusal;
use crate::model::state::PersonIndex;
use crate::wire::Timestamp;

/// How long a wrong code counts, in microseconds: a minute (SPEC G6).
const COUNTS_FOR_US: i64 = 60 * 1_000_000;
/// Guesses forgotten by one event: more than come in, and never long.
const FORGOTTEN_AT_ONCE_MAX: usize = 64;

/// A tenant's wrong codes. They are state, so that no restart gives anybody another try.
#[derive(Default)]
pub(crate) struct Guesses {
    /// In order of time.
    queue: VecDeque<(Timestamp, PersonIndex)>,
    /// The same, by person.
    by_person: FxHashMap<PersonIndex, VecDeque<Timestamp>>,
}

impl Guesses {
    pub(super) fn add(&mut self, person: PersonIndex, at: Timestamp) {
        for _ in 0..FORGOTTEN_AT_ONCE_MAX {
            let counts =
                |(oldest, _): &(Timestamp, PersonIndex)| at.micros_since(*oldest) < COUNTS_FOR_US;
            if self.queue.front().is_none_or(counts) {
                break;
            }
            self.forget_oldest();
        }
        self.keep(person, at);
    }

    /// In order of time.
    pub(super) fn keep(&mut self, person: PersonIndex, at: Timestamp) {
        self.queue.push_back((at, person));
        self.by_person.entry(person).or_default().push_back(at);
    }

    fn forget_oldest(&mut self) {
        if let Some((_, person)) = self.queue.pop_front()
            && let Some(own) = self.by_person.get_mut(&person)
        {
            own.pop_front();
            if own.is_empty() {
                self.by_person.remove(&person);
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Timestamp, PersonIndex)> {
        self.queue.iter().copied()
    }
}

/// Refuses even to look at a code of somebody who has guessed too much.
pub(super) fn check(request: &Request<'_>, person: PersonIndex) -> Result<(), Refusal> {
    let guesses = &request.tenant.codes.guesses;
    let Some(own) = guesses.by_person.get(&person) else {
        return Ok(());
    };
    let limit = request.limits.wrong_codes_per_minute_max;
    let newest_first = own.iter().rev();
    let mut counting = newest_first.filter(|at| request.now.micros_since(**at) < COUNTS_FOR_US);
    // Once this one counts no more, there are fewer than the limit again.
    let last_too_many = counting.nth((limit as usize).saturating_sub(1));
    last_too_many.map_or(Ok(()), |at| {
        Err(Refusal::TooManyGuesses {
            retry_at: at.plus_micros(COUNTS_FOR_US),
        })
    })
}
