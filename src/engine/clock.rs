//! The clock decisions are made by: it never goes back, and it does not believe a sudden jump.
//!
//! Keeps invariant 7. Time is passed in through [`Clock`]; [`DecisionClock`] turns what it says into
//! the one monotone time that is written into records (SPEC Q5).

use std::sync::Mutex;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::wire::Timestamp;

/// Where time comes from.
pub trait Clock: Send + Sync {
    /// The wall clock.
    fn wall(&self) -> Timestamp;
    /// Microseconds since some fixed moment, unaffected by anyone setting the wall clock.
    fn monotonic_us(&self) -> u64;
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self {
            started: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    fn wall(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    fn monotonic_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// A clock that stands still until it is set: for tests and simulations.
#[derive(Debug)]
pub struct ManualClock {
    now: Mutex<(Timestamp, u64)>,
}

impl ManualClock {
    /// A clock that says `at`.
    #[must_use]
    pub fn at(at: Timestamp) -> Self {
        Self {
            now: Mutex::new((at, 0)),
        }
    }

    /// Lets `micros` pass, on both clocks.
    pub fn advance(&self, micros: u64) {
        let mut now = self.now.lock().expect("no holder of this lock can panic");
        now.0 = now.0.plus_micros(i64::try_from(micros).unwrap_or(i64::MAX));
        now.1 += micros;
    }

    /// Sets the wall clock alone, as an administrator might.
    pub fn set_wall(&self, at: Timestamp) {
        self.now.lock().expect("no holder of this lock can panic").0 = at;
    }
}

impl Clock for ManualClock {
    fn wall(&self) -> Timestamp {
        self.now.lock().expect("no holder of this lock can panic").0
    }

    fn monotonic_us(&self) -> u64 {
        self.now.lock().expect("no holder of this lock can panic").1
    }
}

/// A wall clock that runs ahead of the monotonic one by more than this has been set by somebody.
const JUMP_US: i64 = 3_600 * 1_000_000;

/// now = max(wall, last logged), and a jump forward is held back.
#[derive(Debug)]
pub(crate) struct DecisionClock {
    last: Timestamp,
    wall: Timestamp,
    monotonic_us: u64,
    held_back_us: i64,
}

impl DecisionClock {
    /// A clock that continues after `last`, the time of the last record. Downtime does not count as
    /// a jump.
    pub(crate) fn new(last: Timestamp, clock: &dyn Clock) -> Self {
        Self {
            last,
            wall: clock.wall(),
            monotonic_us: clock.monotonic_us(),
            held_back_us: 0,
        }
    }

    /// The time of the next decision.
    pub(crate) fn now(&mut self, clock: &dyn Clock) -> Timestamp {
        let (wall, monotonic_us) = (clock.wall(), clock.monotonic_us());
        let passed_us =
            i64::try_from(monotonic_us.saturating_sub(self.monotonic_us)).unwrap_or(i64::MAX);
        let jumped_us = wall.micros_since(self.wall).saturating_sub(passed_us);
        if jumped_us > JUMP_US {
            // Until someone restarts with the right time, go on from where we were.
            self.held_back_us = self.held_back_us.saturating_add(jumped_us);
        }
        (self.wall, self.monotonic_us) = (wall, monotonic_us);
        let believed = wall.plus_micros(self.held_back_us.saturating_neg());
        self.last = self.last.max(believed);
        self.last
    }

    /// The time of the last decision.
    pub(crate) fn last(&self) -> Timestamp {
        self.last
    }

    /// How far a jump forward is being held back, in microseconds: an operator must look at the
    /// machine's clock and restart.
    pub(crate) fn held_back_us(&self) -> i64 {
        self.held_back_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_US: u64 = 3_600_000_000;

    #[test]
    fn the_clock_never_goes_back() {
        let clock = ManualClock::at(Timestamp(1_000_000));
        let mut decisions = DecisionClock::new(Timestamp(0), &clock);
        assert_eq!(decisions.now(&clock), Timestamp(1_000_000));
        clock.set_wall(Timestamp(10));
        assert_eq!(decisions.now(&clock), Timestamp(1_000_000));
    }

    #[test]
    fn a_clock_behind_the_last_record_continues_from_the_record() {
        let clock = ManualClock::at(Timestamp(5));
        assert_eq!(
            DecisionClock::new(Timestamp(900), &clock).now(&clock),
            Timestamp(900)
        );
    }

    #[test]
    fn a_jump_of_a_century_forward_is_held_back() {
        let clock = ManualClock::at(Timestamp(1_000));
        let mut decisions = DecisionClock::new(Timestamp(0), &clock);
        decisions.now(&clock);
        clock.set_wall(Timestamp(1_000 + 876_000 * 3_600_000_000));
        clock.advance(7);
        assert!(decisions.now(&clock).0 <= 1_007);
        assert!(decisions.held_back_us() > 0);
    }

    #[test]
    fn hours_that_really_passed_are_believed() {
        let clock = ManualClock::at(Timestamp(0));
        let mut decisions = DecisionClock::new(Timestamp(0), &clock);
        clock.advance(5 * HOUR_US);
        assert_eq!(decisions.now(&clock), Timestamp(5 * 3_600_000_000));
        assert_eq!(decisions.held_back_us(), 0);
    }
}
