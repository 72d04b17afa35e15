//! How long a wave waits for company, by how busy the loop is.
//!
//! A loop with time to spare sends at once. The busier one is, the longer a member's normal messages
//! wait for the next ones, so that they share a packet and its cost: the cost of a delivery falls as
//! the load rises, and a queue that would grow anyway is turned into fuller packets. Urgent messages
//! never wait.

use std::time::{Duration, Instant};

/// Up to this share of its time a loop sends at once.
const BUSY_FROM: f64 = 0.7;
/// From this share on a wave waits as long as it may.
const BUSY_TO: f64 = 0.95;
/// What the share is taken over, about.
const MEMORY: Duration = Duration::from_millis(250);

/// One loop's pace.
pub(super) struct Pace {
    /// The longest wait.
    wait_max: Duration,
    /// The share of its time that the loop has been busy of late, 0 to 1.
    busy: f64,
    /// Since when a wave waits.
    waits_since: Option<Instant>,
}

impl Pace {
    pub(super) fn new(wait_max: Duration) -> Self {
        Self {
            wait_max,
            busy: 0.0,
            waits_since: None,
        }
    }

    /// A turn of the loop took `elapsed`, its waiting included, and was busy for `busy` of it.
    pub(super) fn note(&mut self, busy: Duration, elapsed: Duration) {
        if elapsed.is_zero() {
            return;
        }
        let share = busy.as_secs_f64() / elapsed.as_secs_f64();
        let weight = (elapsed.as_secs_f64() / MEMORY.as_secs_f64()).min(1.0);
        self.busy += (share - self.busy) * weight;
    }

    /// How long a wave waits now.
    fn wait(&self) -> Duration {
        let over = (self.busy - BUSY_FROM) / (BUSY_TO - BUSY_FROM);
        self.wait_max.mul_f64(over.clamp(0.0, 1.0))
    }

    /// Whether a wave that is there to be sent waits; it does so until [`Pace::waits_until`].
    pub(super) fn holds(&mut self, now: Instant) -> bool {
        let since = *self.waits_since.get_or_insert(now);
        now < since + self.wait()
    }

    /// A wave is being sent, or there is none.
    pub(super) fn release(&mut self) {
        self.waits_since = None;
    }

    /// When the wave that waits goes.
    pub(super) fn waits_until(&self) -> Option<Instant> {
        Some(self.waits_since? + self.wait())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TURN: Duration = Duration::from_millis(10);
    const WAIT_MAX: Duration = Duration::from_millis(50);

    fn pace(share: f64) -> Pace {
        let mut pace = Pace::new(WAIT_MAX);
        for _ in 0..1_000 {
            pace.note(TURN.mul_f64(share), TURN);
        }
        pace
    }

    #[test]
    fn a_loop_with_time_to_spare_sends_at_once() {
        let now = Instant::now();
        for share in [0.0, 0.4, 0.69] {
            assert!(!pace(share).holds(now), "{share}");
        }
    }

    #[test]
    fn a_busy_loop_lets_a_wave_wait_the_longer_the_busier_it_is_and_never_too_long() {
        let now = Instant::now();
        let mut last = Duration::ZERO;
        for share in [0.75, 0.85, 0.95, 1.0] {
            let mut pace = pace(share);
            assert!(pace.holds(now));
            let until = pace.waits_until().expect("it waits") - now;
            assert!(until >= last && until <= WAIT_MAX, "{share}: {until:?}");
            assert!(!pace.holds(now + until));
            last = until;
        }
        assert_eq!(last, WAIT_MAX);
    }

    #[test]
    fn one_busy_turn_does_not_make_a_busy_loop() {
        let mut pace = pace(0.2);
        pace.note(TURN, TURN);
        assert!(!pace.holds(Instant::now()));
    }

    #[test]
    fn nothing_waits_where_nothing_may() {
        let mut pace = Pace::new(Duration::ZERO);
        pace.note(TURN, MEMORY.min(TURN));
        pace.busy = 1.0;
        assert!(!pace.holds(Instant::now()));
    }
}
